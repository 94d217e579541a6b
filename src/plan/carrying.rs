//! Carried dependents: what stands in the way of a step is dropped before it and applied again from its
//! files, if repeatables have made all of it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::Step;
use crate::database::catalog::{Catalog, Entry};
use crate::database::dependents::{Dependents, Edge};
use crate::database::in_the_way::Made;
use crate::database::ledger::makers::Makers;
use crate::database::ledger::objects::{Action, Deeds};
use crate::sql::quote::Quoted;
use crate::tree::Name;
use crate::tree::file_name::parse_recorded;

/// What is carried over a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The step in whose way it stands.
    pub step: Name,
    /// In the order in which they can be dropped.
    pub objects: Vec<Dropped>,
    /// What makes them again.
    pub files: Vec<Step>,
}

/// An object that is dropped, with its names as the server quotes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dropped {
    pub kind: String,
    pub name: String,
    /// What it goes with, as `kind name`.
    part_of: Option<String>,
    /// The repeatables that make it or say something about it, by track and name.
    files: BTreeSet<(String, String)>,
}

impl Dropped {
    /// The kind with the name.
    pub fn words(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }

    /// The statement that drops it, and nothing that depends on it.
    pub fn statement(&self) -> Option<String> {
        let name = Quoted(&self.name);
        let apart = || {
            let (_, whole) = self.part_of.as_deref()?.split_once(' ')?;
            // Of a materialized view's parts, none is dropped by itself.
            let own = self.name.strip_prefix(whole)?.strip_prefix(' ')?;
            Some((Quoted(own), Quoted(whole)))
        };
        match self.kind.as_str() {
            "view" => Some(format!("DROP VIEW {name}")),
            "materialized view" => Some(format!("DROP MATERIALIZED VIEW {name}")),
            "function" | "procedure" | "aggregate" => Some(format!("DROP ROUTINE {name}")),
            "trigger" => apart().map(|(own, whole)| format!("DROP TRIGGER {own} ON {whole}")),
            "rule" => apart().map(|(own, whole)| format!("DROP RULE {own} ON {whole}")),
            "policy" => apart().map(|(own, whole)| format!("DROP POLICY {own} ON {whole}")),
            _ => None,
        }
    }
}

/// What is known about what stands in the way.
pub struct Known<'a> {
    pub dependents: &'a Dependents,
    pub deeds: &'a [Deeds],
    pub made: &'a [Made],
    /// The materialized views that hold data, by their addresses.
    pub populated: &'a [String],
    /// The repeatables whose files are there, by track and name.
    pub files: &'a BTreeSet<(String, String)>,
}

/// What is to be dropped, and which repeatables make it again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    pub objects: Vec<Dropped>,
    pub files: BTreeSet<(String, String)>,
}

impl Load {
    /// Adds what was found later, which goes first: what depends on it comes before it.
    pub fn add(&mut self, later: Self) {
        let mut objects = later.objects;
        let before = std::mem::take(&mut self.objects);
        objects.extend(
            before
                .into_iter()
                .filter(|one| !objects.contains(one))
                .collect::<Vec<_>>(),
        );
        self.objects = objects;
        self.files.extend(later.files);
    }
}

/// What is to be carried.
///
/// # Errors
/// Why not, as a sentence about the first object that cannot be.
pub fn load(known: &Known<'_>) -> Result<Load, String> {
    let makers = Makers::of(known.deeds);
    let depths = depths(known.dependents);
    let mut found: BTreeMap<&str, &Edge> = BTreeMap::new();
    for edge in known.dependents.edges.iter().filter(|edge| edge.certain) {
        if edge.object.is_some() {
            found.entry(&edge.address).or_insert(edge);
        }
    }
    let whole: BTreeSet<String> = found
        .values()
        .filter_map(|edge| edge.object.as_ref())
        .map(|(kind, name)| format!("{kind} {name}"))
        .collect();
    let mut load = Load::default();
    let mut objects = Vec::new();
    for (address, edge) in &found {
        let Some((kind, name)) = &edge.object else {
            continue;
        };
        let mut dropped = Dropped {
            kind: kind.clone(),
            name: name.clone(),
            part_of: edge.part_of.clone(),
            files: BTreeSet::new(),
        };
        let goes_with_another = edge.part_of.as_ref().is_some_and(|it| whole.contains(it));
        if known.populated.iter().any(|one| one == address) {
            return Err(format!(
                "{} holds data, which would have to be computed anew",
                dropped.words()
            ));
        }
        let touched = touched(known, address, &dropped);
        let maker = makers.maker(&(kind.clone(), name.clone()), None);
        let made: Vec<_> = known
            .made
            .iter()
            .filter(|made| made.2 == *address)
            .collect();
        let last = maker.map(|maker| maker.last_changed_by.as_str());
        if let (Some(last), Some(Made(_, file, _))) = (last, made.first())
            && !is_repeatable(last)
        {
            return Err(format!(
                "{} was changed by {last} since {file} made it",
                dropped.words()
            ));
        }
        let makers: BTreeSet<_> = made
            .iter()
            .map(|Made(track, file, _)| (track.clone(), file.clone()))
            .chain(maker.filter(|_| made.is_empty()).and_then(|maker| {
                // A view that a repeatable has only granted is none of its own.
                let changed = Some(&maker.last_changed_by).filter(|_| edge.part_of.is_some());
                let file = maker.made_by.as_ref().or(changed)?;
                Some((maker.track.clone(), file.clone()))
            }))
            .collect();
        match makers.iter().find(|(_, file)| !is_repeatable(file)) {
            Some((track, file)) => {
                return Err(format!(
                    "{} was made by {file} of track {track}, which is not a repeatable",
                    dropped.words()
                ));
            }
            None if makers.is_empty() && !goes_with_another => {
                return Err(format!(
                    "{} was made by hand, or before the ledgers recorded which migration makes an \
                     object",
                    dropped.words()
                ));
            }
            None => {}
        }
        if let Some((track, file)) = makers.iter().find(|file| !known.files.contains(*file)) {
            return Err(format!(
                "{} was made by {file} of track {track}, whose file is missing",
                dropped.words()
            ));
        }
        if dropped.statement().is_none() && !goes_with_another {
            return Err(format!("a run does not drop {}", dropped.words()));
        }
        let touched = touched.into_iter();
        dropped.files.extend(makers);
        dropped
            .files
            .extend(touched.filter(|file| known.files.contains(file)));
        load.files.extend(dropped.files.iter().cloned());
        if dropped.statement().is_some() {
            objects.push((depths.get(*address).copied().unwrap_or_default(), dropped));
        }
    }
    objects.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    load.objects = objects.into_iter().map(|(_, dropped)| dropped).collect();
    Ok(load)
}

/// The repeatables that have done something to an object, such as granting it.
fn touched(known: &Known<'_>, address: &str, object: &Dropped) -> Vec<(String, String)> {
    let number = address.split(' ').nth(1).and_then(|id| id.parse().ok());
    let touches = |Deeds(_, file, _, changes): &&Deeds| {
        is_repeatable(file)
            && changes.iter().any(|change| {
                change.0 != Action::Dropped
                    && change.1 == object.kind
                    && (change.2 == object.name || change.3.is_some() && change.3 == number)
            })
    };
    let deeds = known.deeds.iter().filter(touches);
    deeds
        .map(|Deeds(track, file, ..)| (track.clone(), file.clone()))
        .collect()
}

fn is_repeatable(recorded: &str) -> bool {
    parse_recorded(recorded).is_some_and(|name| name.is_repeatable())
}

/// What of the dropped objects is not as it was before, as lines for a person. Where one of its files is
/// among the `changed`, it may say something else about an object's owner, comment and further rights.
pub fn lost(
    dropped: &[Dropped],
    before: &Catalog,
    after: &Catalog,
    changed: &BTreeSet<(String, String)>,
) -> Vec<String> {
    let whole: BTreeMap<_, _> = dropped
        .iter()
        .map(|one| (one.words(), one.files.is_disjoint(changed)))
        .collect();
    let after: BTreeMap<_, _> = after
        .entries()
        .map(|Entry(kind, name, _, definition)| ((kind, name), definition.unwrap_or_default()))
        .collect();
    // Is it about one of them, and are the files of that one as they were?
    let about = |Entry(kind, name, part_of, _): &Entry| {
        let own = whole.get(&format!("{kind} {name}"));
        own.or_else(|| whole.get(name))
            .or_else(|| whole.get(part_of.as_ref()?))
            .copied()
    };
    let told = |entry: Entry| {
        let is_as_it_was = about(&entry)?;
        let Entry(kind, name, _, definition) = entry;
        let was = definition.unwrap_or_default();
        let is = after.get(&(kind.clone(), name.clone()));
        match (kind.as_str(), is) {
            ("owner", Some(is)) if *is != was && is_as_it_was => {
                Some(format!("the owner of {name} was {was}, and is {is}"))
            }
            // It is named itself.
            ("owner", _) => None,
            ("grant", is) => different_rights(
                &name,
                &was,
                is.map(String::as_str).unwrap_or_default(),
                is_as_it_was,
            ),
            (REVOKED, is) if is != Some(&was) => Some(format!(
                "the owner of {name} could not {was}, and can again"
            )),
            ("comment", None) => Some(format!("the comment on {name}: {was}")),
            ("comment", Some(is)) if *is != was && is_as_it_was => {
                Some(format!("the comment on {name}: {was}"))
            }
            ("comment", _) => None,
            (_, None) => Some(format!("{kind} {name}")),
            ("view" | "materialized view", Some(is)) => {
                let (was, is) = (options(&was), options(is));
                (was != is && is_as_it_was)
                    .then(|| format!("the options of {kind} {name}: {was} before, {is} now"))
            }
            ("function" | "procedure" | "aggregate", Some(is)) => {
                (*is != was && is_as_it_was).then(|| format!("the definition of {kind} {name}"))
            }
            ("trigger" | "index" | "policy" | "rule", Some(is)) => {
                (without_casts(is) != without_casts(&was) && is_as_it_was)
                    .then(|| format!("{kind} {name} was: {was}"))
            }
            _ => None,
        }
    };
    let new_rights = after.iter().filter_map(|((kind, name), is)| {
        let is_as_it_was = whole.get(name).copied().unwrap_or_default();
        let is_new =
            kind == "grant" && is_as_it_was && !before.has(&("grant".to_owned(), name.clone()));
        is_new.then(|| format!("{name} is granted to {is}, and was not"))
    });
    before
        .entries()
        .filter_map(told)
        .chain(new_rights)
        .collect()
}

/// What the owner of an object may not do, as the catalogue calls it.
const REVOKED: &str = "revoked from owner";

/// A definition without what the server adds when the type of a column is another one.
fn without_casts(definition: &str) -> String {
    static CAST: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"::(?:"[^"]*"|[a-z_][a-z_0-9. ]*)(?:\([0-9, ]*\))?(?:\[\])*"#).ok()
    });
    let plain = CAST
        .as_ref()
        .map_or(definition.into(), |cast| cast.replace_all(definition, ""));
    let is_kept = |character: &char| !matches!(character, '(' | ')') && !character.is_whitespace();
    plain.chars().filter(is_kept).collect()
}

/// The options of a view, which its definition begins with, if it has some.
fn options(definition: &str) -> &str {
    let first = definition.lines().next();
    first
        .filter(|line| line.starts_with("WITH ("))
        .unwrap_or("none")
}

/// What roles may not do any more, or may do that they could not.
fn different_rights(name: &str, was: &str, is: &str, is_as_it_was: bool) -> Option<String> {
    let rights = |text: &str| -> BTreeSet<String> {
        let parts = text.split(", ").filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    let (was, is) = (rights(was), rights(is));
    let list = |rights: BTreeSet<&String>| {
        let words: Vec<_> = rights.into_iter().map(String::as_str).collect();
        words.join(", ")
    };
    let gone: BTreeSet<_> = was.difference(&is).collect();
    let new: BTreeSet<_> = is.difference(&was).collect();
    match (gone.is_empty(), new.is_empty() || !is_as_it_was) {
        (false, _) => Some(format!("the grant on {name} to {}", list(gone))),
        (true, false) => Some(format!("{name} is granted to {}, and was not", list(new))),
        (true, true) => None,
    }
}

/// How far away each object is on the longest way: what depends on another is farther.
fn depths(dependents: &Dependents) -> BTreeMap<&str, usize> {
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    // In a circle there is no longest way; then the server says that it cannot be dropped.
    for _ in 0..=dependents.edges.len() {
        let mut has_moved = false;
        for edge in dependents.edges.iter().filter(|edge| edge.certain) {
            let from = edge.from.as_deref();
            let depth = match from {
                None => 0,
                Some(from) => depths.get(from).map_or(0, |depth| depth + 1),
            };
            let known = depths.entry(&edge.address).or_insert(depth);
            if *known < depth {
                *known = depth;
                has_moved = true;
            }
        }
        if !has_moved {
            break;
        }
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `v` is wanted; `w` depends on it, `x` on both.
    fn dependents() -> Dependents {
        let edge = |name: &str, address: &str, from: Option<&str>| {
            serde_json::json!(["view", name, null, true, address, from])
        };
        let json = serde_json::json!({"found": ["1 10 0"], "edges": [
            edge("s.x", "1 12 0", Some("1 10 0")),
            edge("s.v", "1 10 0", None),
            edge("s.w", "1 11 0", Some("1 10 0")),
            edge("s.x", "1 12 0", Some("1 11 0")),
        ]});
        serde_json::from_value(json).unwrap()
    }

    fn made(names: &[(&str, &str)]) -> Vec<Made> {
        let made = |(file, id): &(&str, &str)| {
            Made("acme".to_owned(), (*file).to_owned(), format!("1 {id} 0"))
        };
        names.iter().map(made).collect()
    }

    fn loaded(made: &[Made], deeds: serde_json::Value) -> Result<Load, String> {
        let files = ["a", "b", "c", "grants"].map(|file| {
            let file = format!("repeat_acme_{file}.sql");
            ("acme".to_owned(), file)
        });
        load(&Known {
            dependents: &dependents(),
            deeds: &serde_json::from_value::<Vec<Deeds>>(deeds).unwrap(),
            made,
            populated: &[],
            files: &files.into(),
        })
    }

    const ALL: [(&str, &str); 3] = [
        ("repeat_acme_a.sql", "10"),
        ("repeat_acme_b.sql", "11"),
        ("repeat_acme_c.sql", "12"),
    ];

    #[test]
    fn what_depends_on_another_is_dropped_before_it() {
        let grants = serde_json::json!([[
            "acme",
            "repeat_acme_grants.sql",
            null,
            [["altered", "view", "s.w", 11]]
        ]]);
        let found = loaded(&made(&ALL), grants).unwrap();
        let statements: Vec<_> = found
            .objects
            .iter()
            .filter_map(Dropped::statement)
            .collect();
        assert_eq!(
            statements,
            ["DROP VIEW s.x", "DROP VIEW s.w", "DROP VIEW s.v"]
        );
        assert_eq!(found.files.len(), 4);
    }

    #[test]
    fn what_no_repeatable_has_made_is_not_carried() {
        let sentence = |made: &[Made], deeds| loaded(made, deeds).unwrap_err();
        let none = serde_json::json!([]);
        assert!(sentence(&made(&ALL[..2]), none.clone()).starts_with("view s.x was made by hand"));
        let versioned = serde_json::json!([[
            "bolt",
            "20240101000000_bolt_x.sql",
            null,
            [["created", "view", "s.x", 12]]
        ]]);
        assert_eq!(
            sentence(&made(&ALL[..2]), versioned.clone()),
            "view s.x was made by 20240101000000_bolt_x.sql of track bolt, which is not a repeatable"
        );
        assert_eq!(
            sentence(&made(&ALL), versioned),
            "view s.x was changed by 20240101000000_bolt_x.sql since repeat_acme_c.sql made it"
        );
        let gone = made(&[ALL[0], ALL[1], ("repeat_acme_gone.sql", "12")]);
        assert_eq!(
            sentence(&gone, none),
            "view s.x was made by repeat_acme_gone.sql of track acme, whose file is missing"
        );
    }

    #[test]
    fn a_definition_is_the_same_whatever_its_columns_are() {
        let before = "CREATE POLICY p ON t USING ((name <> 'x'::text))";
        let after = "CREATE POLICY p ON t USING (((name)::text <> 'x'::text))";
        assert_eq!(without_casts(before), without_casts(after));
        let precise = "CREATE POLICY p ON t USING ((name <> ('x'::character varying(50))::text))";
        assert_eq!(without_casts(before), without_casts(precise));
        let other = "CREATE POLICY p ON t USING ((name <> 'y'::text))";
        assert_ne!(without_casts(before), without_casts(other));
    }

    #[test]
    fn parts_are_dropped_from_what_they_are_part_of() {
        let dropped = |kind: &str, name: &str, part_of: Option<&str>| {
            Dropped {
                kind: kind.to_owned(),
                name: name.to_owned(),
                part_of: part_of.map(str::to_owned),
                files: BTreeSet::new(),
            }
            .statement()
        };
        assert_eq!(
            dropped("trigger", "s.\"a b\" \"t t\"", Some("table s.\"a b\"")).unwrap(),
            "DROP TRIGGER \"t t\" ON s.\"a b\""
        );
        assert_eq!(
            dropped("function", "s.f(integer)", None).unwrap(),
            "DROP ROUTINE s.f(integer)"
        );
        assert_eq!(dropped("index", "s.i", Some("materialized view s.m")), None);
        assert_eq!(dropped("table", "s.t", None), None);
    }
}
