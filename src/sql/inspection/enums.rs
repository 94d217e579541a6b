//! Values that are added to an enum: no later statement of the same transaction can use them.

use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::sql::lexer::Statement;

/// Outright, or in the text of a DO block or an EXECUTE. A false alarm only makes a smaller
/// transaction.
pub fn adds_enum_value(statement: &Statement, content: &[u8]) -> bool {
    static INSIDE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?is)\bALTER\s+TYPE\s.{1,200}?\sADD\s+VALUE\b").ok());
    let outright = statement.starts_with(&["ALTER", "TYPE"]) && statement.has(&["ADD", "VALUE"]);
    outright
        || statement.literals.iter().any(|range| {
            let text = content.get(range.clone()).unwrap_or_default();
            INSIDE
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(text))
        })
}

#[cfg(test)]
mod tests {
    use crate::sql::inspection::inspect;
    use crate::sql::script::script;

    #[test]
    fn enum_values_also_inside_of_blocks() {
        for text in [
            "ALTER TYPE public.\"Mood\" ADD VALUE IF NOT EXISTS 'ok';",
            "DO $$ BEGIN EXECUTE 'alter  type mood\nadd value ''x'''; END $$;",
        ] {
            assert!(inspect(&script(text), &[]).adds_enum_value, "{text}");
        }
        for text in [
            "ALTER TYPE mood RENAME VALUE 'a' TO 'b';",
            "ALTER TABLE t ADD value int;",
        ] {
            assert!(!inspect(&script(text), &[]).adds_enum_value, "{text}");
        }
        let included = script("ALTER TYPE m ADD VALUE 'x';");
        assert!(inspect(&script("\\ir b.sql"), &[included]).adds_enum_value);
    }
}
