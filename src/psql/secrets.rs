//! Takes secrets out of a text before it is kept.
//! Pure. Knows secrets by their value, and by the words that stand in front of them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What stands in a secret's place.
const HIDDEN: &str = "***";

/// What is shorter is part of too many other words to be found by its value.
const SHORTEST: usize = 4;

/// A name that promises a secret: of a psql variable, a setting, a column, an option.
const NAME: &str = r"[\w.-]*(?:passw|passphrase|pwd|secret|token|credential|api_?key|private_?key|access_?key)[\w.-]*";

/// A literal, or what a message has kept of one: doubled in another literal, with escapes, in dollars,
/// plain or with `U&`.
const LITERAL: &str = r"(?:''[^']+''|E'(?:[^'\\]|\\.|'')*(?:'|\z)|\$\w*\$.*?(?:\$\w*\$|\z)|(?:U&|N)?'(?:[^']|'')*(?:'|\z))";

/// What may stand between a word and its literal.
const GAP: &str = r"(?:\s|/\*.*?\*/|--[^\n]*\n)";

static PATTERNS: LazyLock<Vec<(Option<Regex>, &'static str)>> = LazyLock::new(|| {
    let word = r#"(?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|[^\s'"])+"#;
    [
        // PASSWORD 'x', "password" 'x'
        (format!(r#"(?is)(\b{NAME}"?{GAP}+){LITERAL}"#), "${1}'***'"),
        // token = 'x', set_config('app.secret', 'x'), SET app.secret TO 'x'
        (
            format!(r#"(?is)(\b{NAME}["']*{GAP}*(?:=>|:=|=|:|,|\bTO\b){GAP}*){LITERAL}"#),
            "${1}'***'",
        ),
        // syntax error at or near "'x'"
        (
            r#"(["»„])(?:[EN]|U&)?'(?:[^'\n]|'')*'(["«“])"#.to_owned(),
            "${1}'***'${2}",
        ),
        // {"token": "x"}, password="x"
        (
            format!(r#"(?i)(\b{NAME}"?\s*[:=]\s*)"(?:[^"\\]|\\.)*""#),
            "${1}\"***\"",
        ),
        // password=x in a connection string, in the query of a URL
        (format!(r#"(?i)(\b{NAME}=)[^\s'",;)&]+"#), "${1}***"),
        // \set token x, \setenv PGPASSWORD x
        (
            format!(r"(?i)(\\set(?:env)?\s+{NAME}\s+){word}"),
            "${1}'***'",
        ),
        // postgresql://me:x@host
        (
            r#"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@'"]*:)[^\s'"]+@"#.to_owned(),
            "${1}***@",
        ),
    ]
    .map(|(pattern, shown)| (Regex::new(&pattern).ok(), shown))
    .into()
});

/// Secrets that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// In every form, the longest first.
    values: Vec<String>,
}

/// Does a name promise a secret?
pub fn is_secret(name: &str) -> bool {
    // The shell's working directory.
    if ["PWD", "OLDPWD"].contains(&name) {
        return false;
    }
    static WHOLE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(&format!(r"(?i)^{NAME}$")).ok());
    WHOLE.as_ref().is_none_or(|pattern| pattern.is_match(name))
}

impl Secrets {
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        // What is printed comes line by line.
        let with_lines = |value: &'a str| std::iter::once(value).chain(value.lines());
        let values = values.into_iter().flat_map(with_lines);
        let long = values.filter(|value| value.len() >= SHORTEST);
        let forms = long.flat_map(|value| {
            let doubled = value.replace('\'', "''");
            let escaped = doubled.replace('\\', "\\\\").replace('\n', "\\n");
            [value.to_owned(), doubled, escaped]
        });
        let mut values = Vec::from_iter(forms.collect::<BTreeSet<_>>());
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { values }
    }

    /// The text with `***` in place of secrets, in as many lines.
    pub fn hide(&self, text: &str) -> String {
        let mut text = hide_excerpts(text);
        for value in &self.values {
            text = hide_beginning(&text.replace(value, HIDDEN), value);
        }
        for (pattern, shown) in PATTERNS.iter() {
            text = match pattern {
                Some(pattern) => replace(pattern, &text, shown),
                None => HIDDEN.to_owned(),
            };
        }
        text
    }
}

/// What a text of the user's own holds behind telling words, when no value is known.
pub fn hide(text: &str) -> String {
    Secrets::default().hide(text)
}

/// Replaces what is found; the lines that it had stay empty lines.
fn replace(pattern: &Regex, text: &str, shown: &str) -> String {
    let hidden = pattern.replace_all(text, |found: &Captures<'_>| {
        let mut expanded = String::new();
        found.expand(shown, &mut expanded);
        let breaks = |text: &str| text.matches('\n').count();
        let lost = breaks(&found[0]).saturating_sub(breaks(&expanded));
        expanded + &"\n".repeat(lost)
    });
    hidden.into_owned()
}

/// The server quotes a line of a statement: `LINE 2: 's3cret' VALID UNTIL`. The word in front of a
/// literal may stand in an earlier line, or be cut off; so may the beginning of the literal.
fn hide_excerpts(text: &str) -> String {
    static EXCERPT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?m)^(LINE (?:\d{2,}|[2-9]): |LINE \d+: \.\.\.).*['$].*$").ok()
    });
    EXCERPT.as_ref().map_or_else(
        || HIDDEN.to_owned(),
        |excerpt| excerpt.replace_all(text, "${1}***").into_owned(),
    )
}

/// A quotation that breaks off within a secret.
fn hide_beginning(text: &str, secret: &str) -> String {
    let Some(body) = text.strip_suffix("...") else {
        return text.to_owned();
    };
    let lengths = secret.char_indices().map(|(end, _)| end).rev();
    for end in lengths.filter(|end| *end >= SHORTEST) {
        let beginning = secret.get(..end).unwrap_or_default();
        if let Some(before) = body.strip_suffix(beginning) {
            return format!("{before}{HIDDEN}...");
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(PATTERNS.iter().all(|(pattern, _)| pattern.is_some()));
        assert!(!hide_excerpts("x").contains(HIDDEN));
        assert!(!is_secret("tenant"));
    }

    #[test]
    fn names_that_promise_a_secret() {
        for name in [
            "password",
            "db_passwd",
            "API_KEY",
            "app.token",
            "ClientSecret",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["tenant", "key", "primary_key", "author", "passage", "PWD"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn what_stands_behind_a_telling_word_is_hidden() {
        for (text, shown) in [
            (
                "ALTER ROLE a PASSWORD 's3cret';",
                "ALTER ROLE a PASSWORD '***';",
            ),
            (
                "create user a password\n E's3\\'cret' login",
                "create user a password\n '***' login",
            ),
            (
                "ALTER ROLE a PASSWORD $x$s3cret$x$;",
                "ALTER ROLE a PASSWORD '***';",
            ),
            (
                "LINE 1: ALTER ROLE a PASSWORD 's3cr...",
                "LINE 1: ALTER ROLE a PASSWORD '***'",
            ),
            ("LINE 1: ...s3cret' VALID UNTL 'now'", "LINE 1: ...***"),
            ("LINE 2: 's3cret' VALID UNTL", "LINE 2: ***"),
            ("LINE 3: s3cret$$ VALID UNTL", "LINE 3: ***"),
            ("LINE 2: WHERE idd = 1", "LINE 2: WHERE idd = 1"),
            (
                "ALTER ROLE a PASSWORD U&'s3\\0063ret';",
                "ALTER ROLE a PASSWORD '***';",
            ),
            (
                "ALTER ROLE a PASSWORD /* it's */ -- new\n 's3cret';",
                "ALTER ROLE a PASSWORD /* it's */ -- new\n '***';",
            ),
            (
                "ALTER ROLE a PASSWORD 's3\ncret' VALID;\nb",
                "ALTER ROLE a PASSWORD '***'\n VALID;\nb",
            ),
            (
                "syntax error at or near \"'s3cret'\"",
                "syntax error at or near \"'***'\"",
            ),
            (
                "OPTIONS (user 'a', password 's3cret')",
                "OPTIONS (user 'a', password '***')",
            ),
            (
                "OPTIONS (\"password\" 's3cret')",
                "OPTIONS (\"password\" '***')",
            ),
            (
                "CONNECTION 'host=h password=s3cret'",
                "CONNECTION 'host=h password=***'",
            ),
            (
                "dblink('password=''s3 cret'' host=h')",
                "dblink('password='***' host=h')",
            ),
            (
                "SELECT set_config('app.secret', 's3cret', false);",
                "SELECT set_config('app.secret', '***', false);",
            ),
            ("SET app.token TO 's3''cret';", "SET app.token TO '***';"),
            (
                "'{\"api_key\": \"s3\\\"cret\", \"a\": 1}'",
                "'{\"api_key\": \"***\", \"a\": 1}'",
            ),
            (
                "\\set token 's3''cret \\\\ x'\n\\set tenant 'acme'\n",
                "\\set token '***'\n\\set tenant 'acme'\n",
            ),
            ("\\setenv PGPASSWORD s3cret", "\\setenv PGPASSWORD '***'"),
            ("token = 's3cret'", "token = '***'"),
            (
                "at postgresql://me:s3c@ret@h:5/erp?a=b",
                "at postgresql://me:***@h:5/erp?a=b",
            ),
            (
                "postgresql://h/erp?password=s3cret&a=b",
                "postgresql://h/erp?password=***&a=b",
            ),
            ("PGPASSWORD=s3cret", "PGPASSWORD=***"),
            (
                "\\! PGPASSWORD=\"s3 cret\" pg_dump",
                "\\! PGPASSWORD=\"***\" pg_dump",
            ),
            (
                "SELECT 'no password' AS a, 'b';",
                "SELECT 'no password' AS a, 'b';",
            ),
            ("https://h:80/erp", "https://h:80/erp"),
        ] {
            assert_eq!(Secrets::default().hide(text), shown);
        }
    }

    #[test]
    fn a_known_value_is_hidden_wherever_it_stands() {
        let secrets = Secrets::new(["it's3cret", "abc"]);
        for (text, shown) in [
            ("x it's3cret y abc", "x *** y abc"),
            (
                "INSERT INTO a VALUES ('it''s3cret')",
                "INSERT INTO a VALUES ('***')",
            ),
            ("LINE 1: SELECT it's3c...", "LINE 1: SELECT ***..."),
        ] {
            assert_eq!(secrets.hide(text), shown);
        }
        let key = Secrets::new(["-- BEGIN --\nabcdef\nx\n"]);
        assert_eq!(key.hide("abcdef"), "***");
        assert_eq!(key.hide("x"), "x");
    }
}
