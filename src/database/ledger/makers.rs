//! Who made which object, by what the ledgers remember. Pure: from one migration to the next.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset};

use super::objects::{Action, Change, Deeds};
use super::renaming::Renaming;
use crate::database::catalog::Object;

/// Who made an object, and who changed it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker {
    /// The track of the migration that made it, else of the first that changed it.
    pub track: String,
    /// `None` was made by hand, or before this was remembered.
    pub made_by: Option<String>,
    pub made_at: Option<DateTime<FixedOffset>>,
    pub last_changed_by: String,
    pub last_changed_at: Option<DateTime<FixedOffset>>,
}

/// The makers of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Makers {
    makers: BTreeMap<Object, Maker>,
    /// The last name of each number.
    names: BTreeMap<Number, Object>,
    /// What is part of the table with a number.
    parts: BTreeMap<i64, BTreeSet<Object>>,
}

/// What an object keeps when it is renamed: its kind and number, and of a column the number of its table.
type Number = (String, i64, Option<i64>);

/// What shares its numbers with tables.
const RELATIONS: [&str; 6] = [
    "table",
    "view",
    "materialized view",
    "foreign table",
    "sequence",
    "type",
];

impl Makers {
    pub fn of(deeds: &[Deeds]) -> Self {
        let mut makers = Self::default();
        for deeds in deeds {
            makers.take(deeds);
        }
        makers
    }

    /// Takes in what one more migration has done: names that it gave away may be taken again by what it
    /// has renamed, and those by what it has made.
    pub fn take(&mut self, deeds: &Deeds) {
        let Deeds(track, migration, applied_at, changes) = deeds;
        let at = applied_at.as_deref();
        let at = at.and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        for change in of(changes, Action::Dropped) {
            self.drop(change);
        }
        self.rename(changes);
        for change in of(changes, Action::Altered).chain(of(changes, Action::Created)) {
            let Change(action, kind, name, _, part_of) = change;
            let object = (kind.clone(), name.clone());
            let is_new = *action == Action::Created;
            let known = self.makers.remove(&object).filter(|_| !is_new);
            // What came with its table has its maker.
            let whole = || self.maker_of_whole(change).filter(|_| !is_new).cloned();
            let maker = Maker {
                last_changed_by: migration.clone(),
                last_changed_at: at,
                ..known.or_else(whole).unwrap_or_else(|| Maker {
                    track: track.clone(),
                    made_by: is_new.then(|| migration.clone()),
                    made_at: at.filter(|_| is_new),
                    last_changed_by: String::new(),
                    last_changed_at: None,
                })
            };
            if let Some(number) = number(change) {
                self.names.insert(number, object.clone());
            }
            if let Some(whole) = part_of {
                self.parts.entry(*whole).or_default().insert(object.clone());
            }
            self.makers.insert(object, maker);
        }
    }

    /// What is part of it goes with it.
    fn drop(&mut self, change: &Change) {
        let before = self.before(change);
        self.makers.remove(&before);
        let parts = change.3.and_then(|id| self.parts.remove(&id));
        for part in parts.unwrap_or_default() {
            self.makers.remove(&part);
        }
    }

    /// Gives new names to what has one, and to what has it in its own. Two may have changed theirs with each
    /// other, so that each gets one first that nothing has.
    fn rename(&mut self, changes: &[Change]) {
        let mut later = Vec::new();
        for (place, change) in of(changes, Action::Altered).enumerate() {
            let Change(_, kind, name, ..) = change;
            let before = self.before(change);
            if before.1 != *name {
                let between = format!("\0{place}");
                self.apply(&Renaming::new(kind, &before.1, &between));
                later.push(Renaming::new(kind, &between, name));
            }
        }
        for renaming in later {
            self.apply(&renaming);
        }
    }

    fn apply(&mut self, renaming: &Renaming) {
        let renamed: Vec<_> = self
            .makers
            .keys()
            .filter_map(|object| Some((object.clone(), renaming.of(object)?)))
            .collect();
        for (old, new) in renamed {
            if let Some(maker) = self.makers.remove(&old) {
                self.makers.insert(new, maker);
            }
        }
        for object in self.names.values_mut() {
            if let Some(new) = renaming.of(object) {
                *object = new;
            }
        }
        for parts in self.parts.values_mut() {
            if parts.iter().any(|object| renaming.of(object).is_some()) {
                let all = std::mem::take(parts).into_iter();
                *parts = all
                    .map(|object| renaming.of(&object).unwrap_or(object))
                    .collect();
            }
        }
    }

    /// Under which name a changed object is known.
    fn before(&self, change: &Change) -> Object {
        let known = number(change).and_then(|number| self.names.get(&number));
        known
            .cloned()
            .unwrap_or_else(|| (change.1.clone(), change.2.clone()))
    }

    /// What they made.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.makers.keys()
    }

    /// Who had made what a change is about: the object, or else the table that it is part of.
    pub fn maker_before(&self, change: &Change) -> Option<&Maker> {
        let own = match change.0 {
            Action::Created => None,
            Action::Altered | Action::Dropped => self.makers.get(&self.before(change)),
        };
        own.or_else(|| self.maker_of_whole(change))
    }

    fn maker_of_whole(&self, change: &Change) -> Option<&Maker> {
        self.makers.get(self.relation(change.4?)?)
    }

    /// The last name of what a change is about.
    pub fn last_name(&self, change: &Change) -> Option<&Object> {
        self.names.get(&number(change)?)
    }

    /// The last name of a table, or what shares its numbers.
    pub fn relation(&self, id: i64) -> Option<&Object> {
        RELATIONS
            .iter()
            .find_map(|kind| self.names.get(&((*kind).to_owned(), id, None)))
    }

    /// Who made an object, or else what it is part of (`kind name`).
    pub fn maker(&self, object: &Object, part_of: Option<&str>) -> Option<&Maker> {
        let own = self.makers.get(object);
        own.or_else(|| {
            let whole = part_of?;
            // A kind may have several words.
            let mut places = whole.match_indices(' ').map(|(at, _)| at);
            places.find_map(|at| {
                let (kind, name) = (whole.get(..at)?, whole.get(at + 1..)?);
                self.makers.get(&(kind.to_owned(), name.to_owned()))
            })
        })
    }
}

fn of(changes: &[Change], action: Action) -> impl Iterator<Item = &Change> {
    changes.iter().filter(move |change| change.0 == action)
}

fn number(change: &Change) -> Option<Number> {
    let Change(_, kind, _, id, part_of) = change;
    let table = part_of.filter(|_| kind == "column");
    Some((kind.clone(), (*id)?, table))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn makers(deeds: &str) -> Makers {
        Makers::of(&serde_json::from_str::<Vec<Deeds>>(deeds).unwrap())
    }

    fn told(makers: &Makers) -> Vec<String> {
        let line = |object: &Object| {
            let maker = makers.maker(object, None).unwrap();
            let made_by = maker.made_by.as_deref().unwrap_or("-");
            format!("{} {} {} {made_by}", object.0, object.1, maker.track)
        };
        makers.objects().map(line).collect()
    }

    #[test]
    fn names_may_be_given_away_and_taken_again() {
        let made = r#"["core", "a", null, [["created", "table", "public.t", 7], ["created", "table", "public.u", 8],
            ["created", "index", "public.i", 9, 7]]],
            ["impl", "b", null, [["created", "column", "public.t.x", 2, 7], ["created", "policy", "public.u p", 10, 8],
              ["created", "function", "public.f(public.t)", 11]]]"#;
        // Two change their names, and a third takes one that was given away.
        let swapped = r#"["core", "c", null, [["altered", "table", "public.t", 8], ["altered", "table", "public.u", 7]]]"#;
        assert_eq!(
            told(&makers(&format!("[{made}, {swapped}]"))),
            [
                "column public.u.x impl b",
                "function public.f(public.u) impl b",
                "index public.i core a",
                "policy public.t p impl b",
                "table public.t core a",
                "table public.u core a",
            ]
        );
        let replaced = r#"["impl", "c", null, [["altered", "table", "public.old", 7], ["created", "table", "public.t", 12]]]"#;
        assert_eq!(
            told(&makers(&format!("[{made}, {replaced}]"))),
            [
                "column public.old.x impl b",
                "function public.f(public.old) impl b",
                "index public.i core a",
                "policy public.u p impl b",
                "table public.old core a",
                "table public.t impl c",
                "table public.u core a",
            ]
        );
        // A column that came with its table has its maker, whoever changes it.
        let altered = r#"["impl", "c", null, [["altered", "column", "public.t.z", 3, 7], ["altered", "column", "public.t.y", 2, 7]]]"#;
        let found = told(&makers(&format!("[{made}, {altered}]")));
        assert_eq!(
            found
                .iter()
                .filter(|line| line.starts_with("column"))
                .collect::<Vec<_>>(),
            ["column public.t.y impl b", "column public.t.z core a"]
        );
    }

    #[test]
    fn who_made_what_follows_renamed_and_replaced_objects() {
        let deeds: Vec<Deeds> = serde_json::from_str(
            r#"[["core", "a", "2024-01-02T03:04:05+00:00", [["created", "table", "public.t", 7], ["created", "view", "public.v", 8],
                  ["created", "trigger", "public.t x", 70, 7]]],
                ["impl", "b", null, [["altered", "table", "public.renamed", 7], ["created", "column", "public.renamed.x", null],
                  ["altered", "table", "public.older", 3]]],
                ["impl", "c", null, [["created", "view", "public.v", 9]]]]"#,
        )
        .unwrap();
        let makers = Makers::of(&deeds);
        let told = |kind: &str, name: &str, part_of: Option<&str>| {
            let maker = makers.maker(&(kind.to_owned(), name.to_owned()), part_of);
            maker.map(|maker| {
                let made_by = maker.made_by.as_deref().unwrap_or("-");
                format!("{} {made_by} {}", maker.track, maker.last_changed_by)
            })
        };
        assert_eq!(told("table", "public.t", None), None);
        assert_eq!(told("table", "public.renamed", None).unwrap(), "core a b");
        assert_eq!(
            told("trigger", "public.renamed x", None).unwrap(),
            "core a a"
        );
        assert_eq!(told("view", "public.v", None).unwrap(), "impl c c");
        assert_eq!(told("table", "public.older", None).unwrap(), "impl - b");
        let part_of = Some("table public.renamed");
        assert_eq!(
            told("column", "public.renamed.x", part_of).unwrap(),
            "impl b b"
        );
        assert_eq!(
            told("column", "public.renamed.y", part_of).unwrap(),
            "core a b"
        );
        assert_eq!(
            told("column", "public.nobodys.y", Some("table public.nobodys")),
            None
        );
    }
}
