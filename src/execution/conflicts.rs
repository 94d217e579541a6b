//! What a migration does to objects that are not its track's, and whose they are. Pure: from what was
//! recorded, what was said, and who made what before.

use std::collections::BTreeSet;
use std::fmt;

use crate::database::catalog::Object;
use crate::database::ledger::makers::{Maker, Makers};
use crate::database::ledger::objects::{Action, Change, Deeds};
use crate::psql::message::Diagnostic;

/// A meeting with an object that is another track's, or that nobody spoke of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub what: What,
    pub object: Object,
    /// `None` is known to no ledger.
    pub maker: Option<Maker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum What {
    Alters,
    Drops,
    /// By CASCADE, and its file does not name it.
    #[strum(serialize = "drops by CASCADE")]
    Cascades,
    /// The name is taken.
    #[strum(serialize = "finds the name taken")]
    Taken,
    /// It depends on what was to be dropped or altered.
    #[strum(serialize = "is blocked by")]
    Blocked,
    /// The user may not do that to it.
    #[strum(serialize = "is not allowed on")]
    Forbidden,
}

impl fmt::Display for Conflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = &self.object;
        write!(formatter, "{kind} {name}")?;
        match &self.maker {
            None => formatter.write_str(", which no ledger knows"),
            Some(maker) => {
                let did = if maker.made_by.is_some() {
                    "made"
                } else {
                    "changed"
                };
                let by = maker.made_by.as_ref().unwrap_or(&maker.last_changed_by);
                write!(formatter, " of track {}: {by} {did} it", maker.track)
            }
        }
    }
}

/// "duplicate_column", "duplicate_table", "duplicate_object", "duplicate_function", "duplicate_schema"
/// (PostgreSQL manual, appendix A).
pub const TAKEN: [&str; 5] = ["42701", "42P07", "42710", "42723", "42P06"];

/// "insufficient_privilege": the user does not own it, or lacks a right.
const FORBIDDEN: &str = "42501";

/// "dependent_objects_still_exist", "feature_not_supported".
const BLOCKED: [&str; 2] = ["2BP01", "0A000"];

/// What a migration met in what it has done. `text` is that of its files.
pub fn met(track: &str, changes: &[Change], text: &str, makers: &Makers) -> Vec<Conflict> {
    let text = text.to_lowercase();
    // Of a table with a part that has changed, the part tells.
    let tells: BTreeSet<_> = changes.iter().filter_map(|it| it.4).collect();
    let is_told = |change: &&Change| {
        change.0 != Action::Altered || change.3.is_none_or(|id| !tells.contains(&id))
    };
    changes
        .iter()
        .filter(is_told)
        .filter_map(|change| {
            let Change(action, kind, name, ..) = change;
            let object = (kind.clone(), name.clone());
            let maker = makers.maker_before(change).cloned();
            let is_foreign = maker.as_ref().is_some_and(|maker| maker.track != track);
            let what = match action {
                Action::Dropped if is_unnamed(&object, &text) => What::Cascades,
                Action::Dropped if is_foreign => What::Drops,
                Action::Created | Action::Altered if is_foreign => What::Alters,
                _ => return None,
            };
            Some(Conflict {
                what,
                object,
                maker,
            })
        })
        .collect()
}

/// Does a text name neither an object nor what it is part of?
fn is_unnamed(object: &Object, text: &str) -> bool {
    text.contains("cascade")
        && object.0 != "index"
        && !words(object)
            .iter()
            .any(|word| has_word(text, &word.to_lowercase()))
}

/// Is an error about objects that are in the way?
pub fn concerns(diagnostic: &Diagnostic) -> bool {
    let code = diagnostic.sqlstate.as_deref().unwrap_or_default();
    TAKEN.contains(&code) || BLOCKED.contains(&code) || code == FORBIDDEN
}

/// The objects that an error, or a notice that something is there already, is about.
pub fn in_the_way(diagnostic: &Diagnostic, live: &[Object], makers: &Makers) -> Vec<Conflict> {
    let code = diagnostic.sqlstate.as_deref().unwrap_or_default();
    let detail = diagnostic.detail.as_deref().unwrap_or_default();
    let (what, text, but_not) = if TAKEN.contains(&code) {
        (What::Taken, diagnostic.message.as_str(), "")
    } else if BLOCKED.contains(&code) {
        (What::Blocked, detail, diagnostic.message.as_str())
    } else if code == FORBIDDEN {
        (What::Forbidden, diagnostic.message.as_str(), "")
    } else {
        return vec![];
    };
    let fits = |kind: &str| match code {
        "42701" => kind == "column",
        "42P07" => !matches!(kind, "column" | "constraint" | "function" | "schema"),
        "42723" => matches!(kind, "function" | "procedure" | "aggregate"),
        "42P06" => kind == "schema",
        FORBIDDEN => !matches!(kind, "column" | "constraint"),
        "42710" => !matches!(kind, "column" | "function" | "schema"),
        _ => !matches!(
            kind,
            "column" | "index" | "constraint" | "schema" | "extension"
        ),
    };
    let all: BTreeSet<_> = live.iter().chain(makers.objects()).collect();
    let named: Vec<_> = all
        .into_iter()
        .filter(|(kind, _)| fits(kind))
        .filter(|object| is_named(object, text) && !is_named(object, but_not))
        .collect();
    // One that is written with its schema is no other of that name.
    let is_qualified =
        |object: &&Object| text.contains(object.1.split(['(', ' ']).next().unwrap_or_default());
    let qualified: BTreeSet<_> = named
        .iter()
        .copied()
        .filter(is_qualified)
        .flat_map(last)
        .collect();
    named
        .into_iter()
        .filter(|object| {
            is_qualified(object) || last(object).is_none_or(|last| !qualified.contains(&last))
        })
        .map(|object| Conflict {
            what,
            object: object.clone(),
            maker: makers.maker(object, None).cloned(),
        })
        // That the user has no rights on what nobody has made here is no conflict.
        .filter(|found| found.what != What::Forbidden || found.maker.is_some())
        .collect()
}

fn last(object: &Object) -> Option<String> {
    words(object).pop()
}

/// Does a text have the last part of a name; of what is part of a table, also the table's?
fn is_named(object: &Object, text: &str) -> bool {
    let words = words(object);
    let own = match object.0.as_str() {
        "column" | "constraint" | "trigger" | "policy" | "rule" => 2,
        _ => 1,
    };
    words.len() >= own
        && words
            .iter()
            .rev()
            .take(own)
            .all(|word| has_word(text, word))
}

/// The identifiers of an object's name, without quotes and arguments; the schema comes first.
fn words((kind, name): &Object) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut is_quoted = false;
    for character in name.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            '(' if !is_quoted => break,
            '.' | ' ' if !is_quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(character),
        }
    }
    words.push(word);
    // A schema's own name stands alone; that of others' is no news.
    if words.len() > 1 && kind != "schema" {
        words.remove(0);
    }
    words
}

/// Has a text this word, with nothing on either side that could be part of it?
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let after = text
                .get(at + word.len()..)
                .and_then(|after| after.chars().next());
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
}

/// Goes through what migrations have done one after the other: each meets what those before it have made.
pub fn take(makers: &mut Makers, track: &str, name: &str, changes: &[Change]) {
    makers.take(&Deeds(
        track.to_owned(),
        name.to_owned(),
        None,
        changes.to_vec(),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(json: &str) -> Change {
        serde_json::from_str(json).unwrap()
    }

    fn makers() -> Makers {
        let mut makers = Makers::default();
        let core = [
            change(r#"["created", "table", "public.customer", 7]"#),
            change(r#"["created", "function", "public.f(integer)", 8]"#),
        ];
        take(&mut makers, "core", "c.sql", &core);
        let impl_ = [
            change(r#"["created", "view", "public.open", 9]"#),
            change(r#"["created", "view", "\"my own\".open", 10]"#),
            change(r#"["created", "column", "public.customer.vat", null, 7]"#),
        ];
        take(&mut makers, "impl", "i.sql", &impl_);
        makers
    }

    fn told(conflicts: &[Conflict]) -> Vec<String> {
        let line = |it: &Conflict| {
            let track = it.maker.as_ref().map_or("-", |maker| &maker.track);
            format!("{} {} {} of {track}", it.what, it.object.0, it.object.1)
        };
        conflicts.iter().map(line).collect()
    }

    #[test]
    fn what_is_done_to_others() {
        let changes = [
            change(r#"["dropped", "view", "public.open", 9]"#),
            change(r#"["dropped", "function", "public.f(integer)", 8]"#),
            change(r#"["created", "index", "public.by_vat", 11, 7]"#),
            change(r#"["created", "table", "public.own", 12]"#),
        ];
        let of_core = |text| told(&met("core", &changes, text, &makers()));
        assert_eq!(
            of_core("DROP FUNCTION f CASCADE; drop view Open"),
            ["drops view public.open of impl"]
        );
        assert_eq!(
            of_core("DROP FUNCTION f CASCADE; SELECT opening"),
            ["drops by CASCADE view public.open of impl"]
        );
        assert_eq!(
            told(&met("impl", &changes, "drop open, f", &makers())),
            [
                "drops function public.f(integer) of core",
                "alters index public.by_vat of core"
            ]
        );
    }

    fn way(code: &str, message: &str, detail: &str) -> Vec<String> {
        let diagnostic = Diagnostic {
            sqlstate: Some(code.to_owned()),
            message: message.to_owned(),
            detail: Some(detail.to_owned()),
            ..Diagnostic::default()
        };
        let live = [("table".to_owned(), "public.\"by Hand\"".to_owned())];
        told(&in_the_way(&diagnostic, &live, &makers()))
    }

    #[test]
    fn what_an_error_is_about() {
        assert_eq!(
            way("42P07", "relation \"customer\" already exists", ""),
            ["finds the name taken table public.customer of core"]
        );
        assert_eq!(
            way(
                "42701",
                "Spalte »vat« von Relation »customer« existiert bereits",
                ""
            ),
            ["finds the name taken column public.customer.vat of impl"]
        );
        assert_eq!(
            way("42P07", "relation \"by Hand\" already exists", ""),
            ["finds the name taken table public.\"by Hand\" of -"]
        );
        assert_eq!(
            way(
                "2BP01",
                "cannot drop table customer because other objects depend on it",
                "view public.open depends on table customer\nfunction f(integer) depends on type customer"
            ),
            [
                "is blocked by function public.f(integer) of core",
                "is blocked by view public.open of impl"
            ]
        );
        assert_eq!(
            way("42501", "must be owner of table customer", ""),
            ["is not allowed on table public.customer of core"]
        );
        assert_eq!(
            way("42501", "must be owner of table by Hand", ""),
            Vec::<String>::new()
        );
        assert_eq!(way("23505", "customer", "open"), Vec::<String>::new());
    }
}
