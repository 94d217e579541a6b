//! What a new name of an object does to the names of others: those of its parts, of what is in a schema, and
//! of functions that take it.

use crate::database::catalog::Object;

/// That an object of a kind has another name now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    kind: String,
    from: String,
    to: String,
}

/// What has the name of its table in front of its own.
const PARTS: [&str; 5] = ["column", "constraint", "trigger", "policy", "rule"];

/// What has the names of types in its own.
const SIGNATURES: [&str; 6] = [
    "function",
    "procedure",
    "aggregate",
    "operator",
    "cast",
    "transform",
];

/// What has no schema.
const BARE: [&str; 7] = [
    "schema",
    "extension",
    "event trigger",
    "publication",
    "subscription",
    "server",
    "foreign data wrapper",
];

impl Renaming {
    pub fn new(kind: &str, from: &str, to: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    /// An object under its new name; `None` keeps its own.
    pub fn of(&self, object: &Object) -> Option<Object> {
        let (kind, name) = object;
        if *kind == self.kind && *name == self.from {
            return Some((kind.clone(), self.to.clone()));
        }
        if !name.contains(&self.from) || BARE.contains(&kind.as_str()) {
            return None;
        }
        let kind = kind.as_str();
        let is_schema = self.kind == "schema";
        let has_types = SIGNATURES.contains(&kind);
        let in_front = is_schema || PARTS.contains(&kind) || matches!(kind, "cast" | "transform");
        let mut new = String::new();
        let mut rest = name.as_str();
        let (mut is_quoted, mut may_begin, mut is_changed) = (false, in_front, false);
        while let Some(character) = rest.chars().next() {
            if may_begin
                && !is_quoted
                && let Some(behind) = rest.strip_prefix(&self.from)
                && self.ends(behind)
            {
                new += &self.to;
                rest = behind;
                is_changed = true;
                may_begin = false;
                continue;
            }
            if character == '"' {
                is_quoted = !is_quoted;
            }
            // A name may begin with a quote, but not behind it.
            may_begin = has_types && !is_quoted && matches!(character, '(' | ' ');
            new.push(character);
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        }
        is_changed.then(|| (kind.to_owned(), new))
    }

    /// Is the name at its end where this follows?
    fn ends(&self, behind: &str) -> bool {
        if self.kind == "schema" {
            behind.starts_with('.')
        } else {
            behind.is_empty() || behind.starts_with(['.', ' ', ')', ',', '['])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_name_in_its_own() {
        let renamed = |renaming: &Renaming, kind: &str, name: &str| {
            let found = renaming.of(&(kind.to_owned(), name.to_owned()));
            found.map_or_else(|| "-".to_owned(), |(_, name)| name)
        };
        let table = Renaming::new("table", "public.t", "\"o O\".u");
        for (kind, name, new) in [
            ("table", "public.t", "\"o O\".u"),
            ("table", "public.tt", "-"),
            ("collation", "public.t", "-"),
            ("column", "public.t.x", "\"o O\".u.x"),
            ("column", "public.tt.x", "-"),
            (
                "policy",
                "public.t \"a public.t b\"",
                "\"o O\".u \"a public.t b\"",
            ),
            ("operator class", "public.t hash", "-"),
            ("function", "public.t(integer)", "-"),
            (
                "function",
                "public.f(public.t, public.t[], public.tt)",
                "public.f(\"o O\".u, \"o O\".u[], public.tt)",
            ),
            ("cast", "public.t AS text", "\"o O\".u AS text"),
        ] {
            assert_eq!(renamed(&table, kind, name), new, "{kind} {name}");
        }
        let schema = Renaming::new("schema", "a", "b");
        for (kind, name, new) in [
            ("schema", "a", "b"),
            ("table", "a.a", "b.a"),
            ("table", "aa.a", "-"),
            ("trigger", "a.t a", "b.t a"),
            ("server", "a", "-"),
            ("function", "c.f(a.t, integer)", "c.f(b.t, integer)"),
            ("function", "a.f(a)", "b.f(a)"),
        ] {
            assert_eq!(renamed(&schema, kind, name), new, "{kind} {name}");
        }
    }
}
