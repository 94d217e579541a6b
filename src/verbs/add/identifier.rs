//! A name for SQL from a description: one that needs no quotes. Pure.

/// How many bytes are taken: PostgreSQL has 63, and templates add endings.
const LONGEST: usize = 48;

/// PostgreSQL's reserved words (manual, "SQL Key Words").
const RESERVED: [&str; 77] = [
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "localtime",
    "localtimestamp",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "session_user",
    "some",
    "symmetric",
    "system_user",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
];

/// Lower-case words joined by underscores, beginning with a letter and no reserved word.
pub(super) fn from_description(description: &str) -> String {
    let mut name = String::new();
    for character in description.to_lowercase().chars() {
        let character = if character.is_alphanumeric() {
            character
        } else {
            '_'
        };
        if name.len() + character.len_utf8() <= LONGEST {
            name.push(character);
        }
    }
    let name = name.trim_matches('_');
    let begins_well = name.starts_with(|first: char| first.is_alphabetic());
    if begins_well && !RESERVED.contains(&name) && name != "with" {
        name.to_owned()
    } else {
        format!("the_{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quotes() {
        for (description, expected) in [
            ("create_users", "create_users"),
            ("it's-new", "it_s_new"),
            ("2024_prices", "the_2024_prices"),
            ("order", "the_order"),
            ("größe", "größe"),
            ("-x-", "x"),
        ] {
            assert_eq!(from_description(description), expected);
        }
        assert!(from_description(&"ü".repeat(90)).len() <= LONGEST);
    }
}
