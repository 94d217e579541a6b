//! From the text of a dump to a migration: its statements, without what belongs to one server. Pure.

use memchr::memmem;

use crate::sql::lexer::{Item, scan};
use crate::sql::quote::Identifier;

/// What a run sets itself, or leaves as the server has it.
const UNNEEDED: [&str; 6] = [
    "STATEMENT_TIMEOUT",
    "LOCK_TIMEOUT",
    "IDLE_IN_TRANSACTION_SESSION_TIMEOUT",
    "TRANSACTION_TIMEOUT",
    "ROW_SECURITY",
    "CLIENT_MIN_MESSAGES",
];

/// What makes every name qualified; as a query, its result would be shown.
const NO_PATH: &[u8] = b"SELECT pg_catalog.set_config('search_path', '', false);";

/// The end of a COPY of an empty table.
const NO_ROWS: &[u8] = b" FROM stdin;\n\\.";

/// The end of the rows of a COPY.
const END_OF_ROWS: &[u8] = b"\n\\.\n";

/// The statements of a dump, each with its rows. What the user who dumps owns belongs to whoever runs
/// it; other owners stay.
///
/// # Errors
/// A meta-command that no migration should have.
pub fn statements(dump: &[u8], user: &str) -> Result<Vec<Vec<u8>>, String> {
    let names = [user.to_owned(), Identifier(user).to_string()];
    let mut statements = Vec::new();
    for item in scan(dump) {
        let statement = match item {
            // They keep others from smuggling meta-commands into a dump; here is none.
            Item::Command(command) if is_guard(&command.name) => continue,
            Item::Command(command) => return Err(command.name),
            Item::Statement(statement) => statement,
        };
        // Large objects come in a transaction of their own.
        if is_unneeded(&statement.words)
            || statement.is_only(&["BEGIN"])
            || statement.is_only(&["COMMIT"])
        {
            continue;
        }
        let mut range = statement.range;
        if statement.copies_in {
            let rows = dump.get(range.end..).unwrap_or_default();
            let end = memmem::find(rows, END_OF_ROWS)
                .map_or(rows.len(), |end| end + END_OF_ROWS.len() - 1);
            range.end += end;
        }
        let text = dump.get(range).unwrap_or_default();
        if text == NO_PATH {
            statements.push(b"SET search_path = '';".to_vec());
        } else if !text.ends_with(NO_ROWS) {
            statements.extend(without_owner(text, &names));
        }
    }
    Ok(statements)
}

fn is_guard(command: &str) -> bool {
    ["restrict", "unrestrict", "."].contains(&command)
}

fn is_unneeded(words: &[String]) -> bool {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    matches!(words.as_slice(), ["SET", name, ..] if UNNEEDED.contains(name))
}

/// `None` where nothing is left of it.
fn without_owner(text: &[u8], names: &[String]) -> Option<Vec<u8>> {
    const DEFAULTS: &str = "ALTER DEFAULT PRIVILEGES FOR ROLE ";
    for name in names {
        let ends = |words: &str| text.ends_with(format!("{words}{name};").as_bytes());
        let begins = |words: &str| text.starts_with(words.as_bytes());
        if begins("ALTER ") && ends(" OWNER TO ") {
            return None;
        }
        let of_role = format!("{DEFAULTS}{name} ");
        if let Some(rest) = text.strip_prefix(of_role.as_bytes()) {
            return Some([DEFAULTS.as_bytes(), b"CURRENT_USER ", rest].concat());
        }
        for (verb, words, end) in [
            ("GRANT ", " TO ", ";"),
            ("GRANT ", " TO ", " WITH GRANT OPTION;"),
            ("REVOKE ", " FROM ", ";"),
        ] {
            let to = format!("{words}{name}{end}");
            if let Some(kept) = text.strip_suffix(to.as_bytes()).filter(|_| begins(verb)) {
                return Some([kept, words.as_bytes(), b"CURRENT_USER", end.as_bytes()].concat());
            }
        }
    }
    Some(text.to_owned())
}

/// A file of these statements.
pub fn file(directives: &str, statements: &[Vec<u8>]) -> Vec<u8> {
    let mut file = directives.as_bytes().to_vec();
    for statement in statements {
        file.push(b'\n');
        file.extend(statement);
        file.push(b'\n');
    }
    file
}

/// A definition as PostgreSQL says it once it has read its own words: of the array that `x IN ('a',
/// 'b')` becomes where x is a `varchar`, it casts the whole the first time, and each value from then on.
pub fn settled(definition: &str) -> String {
    const OPEN: &str = "(ARRAY[";
    let mut settled = String::with_capacity(definition.len());
    let mut rest = definition;
    while let Some(start) = rest.find(OPEN) {
        let (before, array) = rest.split_at(start);
        settled += before;
        let inside = array.get(OPEN.len()..).unwrap_or_default();
        let Some((values, kind, after)) = cast_array(inside) else {
            settled += OPEN;
            rest = inside;
            continue;
        };
        let values: Vec<_> = values
            .iter()
            .map(|value| format!("({value})::{kind}"))
            .collect();
        settled += &format!("ARRAY[{}]", values.join(", "));
        rest = after;
    }
    settled + rest
}

/// Of `'a'::x, 'b'::x])::text[] ...` the values, the type, and what follows.
fn cast_array(text: &str) -> Option<(Vec<&str>, &str, &str)> {
    let mut values = Vec::new();
    let (mut depth, mut is_quoted, mut start) = (0_usize, false, 0);
    for (place, character) in text.char_indices() {
        match character {
            '\'' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' | '[' => depth += 1,
            ']' if depth == 0 => {
                values.push(text.get(start..place)?.trim());
                let cast = text.get(place + 1..)?.strip_prefix(")::")?;
                let (kind, after) = cast.split_once("[]")?;
                let is_type = kind
                    .chars()
                    .all(|c| c.is_alphanumeric() || " _.\"".contains(c));
                return is_type.then_some((values, kind, after));
            }
            ')' | ']' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                values.push(text.get(start..place)?.trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(dump: &str) -> Vec<String> {
        let found = statements(dump.as_bytes(), "it's me").unwrap();
        found
            .into_iter()
            .map(|text| String::from_utf8(text).unwrap())
            .collect()
    }

    #[test]
    fn what_belongs_to_one_server_goes() {
        let found = kept(
            "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET statement_timeout = 0;\n\
             SET transaction_timeout = 0;\nSET client_encoding = 'UTF8';\n\
             CREATE TABLE public.a (\n    x integer\n);\n\nALTER TABLE public.a OWNER TO \"it's me\";\n\
             ALTER TABLE public.a OWNER TO other;\n\
             ALTER DEFAULT PRIVILEGES FOR ROLE \"it's me\" GRANT SELECT ON TABLES TO reader;\n\
             GRANT ALL ON TABLE public.a TO \"it's me\";\nGRANT ALL ON TABLE public.a TO \"it's me\" WITH GRANT OPTION;\nGRANT SELECT ON TABLE public.a TO reader;\n\
             \\unrestrict abc\n",
        );
        assert_eq!(
            found,
            [
                "SET client_encoding = 'UTF8';",
                "CREATE TABLE public.a (\n    x integer\n);",
                "ALTER TABLE public.a OWNER TO other;",
                "ALTER DEFAULT PRIVILEGES FOR ROLE CURRENT_USER GRANT SELECT ON TABLES TO reader;",
                "GRANT ALL ON TABLE public.a TO CURRENT_USER;",
                "GRANT ALL ON TABLE public.a TO CURRENT_USER WITH GRANT OPTION;",
                "GRANT SELECT ON TABLE public.a TO reader;",
            ]
        );
    }

    #[test]
    fn rows_stay_with_their_copy_whatever_they_look_like() {
        let found = kept(
            "COPY public.a (x) FROM stdin;\n1\n-- no comment\nALTER TABLE a OWNER TO \"it's me\";\n\\N\n\\.\n\n\n\
             COPY public.b (x) FROM stdin;\n\\.\n\nBEGIN;\n\nCOMMIT;\n\nSELECT pg_catalog.setval('public.s', 1, true);\n",
        );
        assert_eq!(
            found,
            [
                "COPY public.a (x) FROM stdin;\n1\n-- no comment\nALTER TABLE a OWNER TO \"it's me\";\n\\N\n\\.",
                "SELECT pg_catalog.setval('public.s', 1, true);",
            ]
        );
        let file = file("-- migrate: x\n", &[b"A;".to_vec(), b"B;".to_vec()]);
        assert_eq!(file, b"-- migrate: x\n\nA;\n\nB;\n");
    }

    #[test]
    fn a_foreign_meta_command_is_refused() {
        assert_eq!(statements(b"\\! rm -rf x\n", "me").unwrap_err(), "!");
    }

    #[test]
    fn a_definition_settles_as_postgresql_reads_it() {
        assert_eq!(
            settled(
                "CHECK (((x)::text = ANY ((ARRAY['a'::character varying, 'it''s, ]'::character varying])::text[])))"
            ),
            "CHECK (((x)::text = ANY (ARRAY[('a'::character varying)::text, ('it''s, ]'::character varying)::text])))"
        );
        for same in [
            "(ARRAY[1, 2])",
            "(ARRAY[f(1, 2)])::text",
            "ARRAY[1]",
            "(ARRAY[",
            "(ARRAY['a",
        ] {
            assert_eq!(settled(same), same);
        }
    }
}
