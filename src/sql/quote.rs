//! SQL and psql text from escaped types only, so that no name or value can become code.
//! Must not know what the text is for.

use std::fmt;

/// A string as an SQL literal.
#[derive(Debug, Clone, Copy)]
pub struct Literal<'a>(pub &'a str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An E'' string reads backslashes the same whatever standard_conforming_strings says.
        let escaped = self.0.replace('\\', "\\\\").replace('\'', "''");
        if escaped.contains('\\') {
            write!(formatter, "E'{escaped}'")
        } else {
            write!(formatter, "'{escaped}'")
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Identifier<'a>(pub &'a str);

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// A name, or several, that the server itself has quoted.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// A string as an argument of a psql meta-command.
///
/// psql reads C-like escapes and doubled quotes inside single quotes, and expands neither
/// variables nor backquotes there (psql manual, "Meta-Commands").
#[derive(Debug, Clone, Copy)]
pub struct Argument<'a>(pub &'a str);

impl fmt::Display for Argument<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = self
            .0
            .replace('\\', "\\\\")
            .replace('\'', "''")
            .replace('\n', "\\n")
            .replace('\r', "\\r");
        write!(formatter, "'{escaped}'")
    }
}

/// Gives psql's variables these values; those without one are unset.
pub fn set_variables(variables: &[(String, Option<String>)]) -> String {
    let set = variables.iter().map(|(name, value)| match value {
        Some(value) => format!("\\set {name} {}\n", Argument(value)),
        None => format!("\\unset {name}\n"),
    });
    set.collect()
}

/// Sets parameters of the session to what such values would be in its configuration.
pub fn set_all(pairs: &[(&str, &str)]) -> Option<String> {
    let values: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("({}, {})", Literal(name), Literal(value)))
        .collect();
    (!values.is_empty()).then(|| {
        format!(
            "SELECT FROM (VALUES {}) AS setting (name, value)\n  \
             WHERE pg_catalog.set_config(name, value, false) IS NULL",
            values.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_quotes() {
        assert_eq!(Literal("plain ü").to_string(), "'plain ü'");
        assert_eq!(Literal("it's").to_string(), "'it''s'");
        assert_eq!(Literal(r"a\'b").to_string(), r"E'a\\''b'");
        assert_eq!(Identifier(r#"a"b"#).to_string(), r#""a""b""#);
        assert_eq!(
            Argument("/it's/a\\b\n:x`y`").to_string(),
            r"'/it''s/a\\b\n:x`y`'"
        );
    }
}
