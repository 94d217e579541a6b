//! What a statement reads or refers to by its words. Pure.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::deed::{Family, Named, Words};

/// Functions in whose arguments FROM is no clause.
const WITH_FROM: [&str; 4] = ["EXTRACT", "SUBSTRING", "TRIM", "OVERLAY"];

/// The functions and types that a statement calls and names. Of several functions with that name, nobody
/// knows which.
pub fn calls(statement: &SyntaxNode) -> Vec<Named> {
    let named = |node: SyntaxNode| {
        let family = match node.kind() {
            SyntaxKind::CALL_EXPR
            | SyntaxKind::FUNCTION_NAME_REF
            | SyntaxKind::PROCEDURE_NAME_REF
            | SyntaxKind::ROUTINE_NAME_REF => Family::Routine,
            SyntaxKind::PATH_TYPE | SyntaxKind::TYPE_NAME_REF => Family::Type,
            _ => return None,
        };
        Words::of(&node).named(family)
    };
    let mut found: Vec<Named> = Vec::new();
    for named in statement.descendants().filter_map(named) {
        if !found.contains(&named) {
            found.push(named);
        }
    }
    found
}

/// What stands behind FROM, JOIN, REFERENCES and INTO, is updated, or is a model of a table. What the
/// statement itself names so (`WITH a AS`) and functions are none.
pub fn uses(statement: &SyntaxNode) -> Vec<Named> {
    let mut words = Words::of(statement);
    if words.take("REVOKE") {
        return vec![];
    }
    let own = common_tables(&words.tokens);
    let mut found = Vec::new();
    if words.take("UPDATE") {
        words.skip(&["ONLY"]);
        found.extend(words.named(Family::Relation));
    }
    // Of each open parenthesis: are these the arguments of such a function?
    let mut arguments = Vec::new();
    let mut before = String::new();
    while words.at < words.tokens.len() {
        let word = words.peek().to_uppercase();
        match word.as_str() {
            "(" => arguments.push(WITH_FROM.contains(&before.as_str())),
            ")" => drop(arguments.pop()),
            _ => {}
        }
        words.at += 1;
        let is_clause = arguments.last() != Some(&true) && before != "DISTINCT";
        match (word.as_str(), before.as_str()) {
            ("FROM", _) if is_clause => sources(&mut words, &mut found),
            ("JOIN", _) => relation(&mut words, &mut found),
            ("REFERENCES", _) | ("INTO", "INSERT" | "MERGE") | ("LIKE", "(" | ",") => {
                found.extend(words.named(Family::Relation));
            }
            _ => {}
        }
        before = word;
    }
    found.retain(|it| it.schema.is_some() || !own.contains(&it.name));
    found
}

/// `a, b x, c AS y`
fn sources(words: &mut Words, found: &mut Vec<Named>) {
    loop {
        relation(words, found);
        let next = |ahead: usize| {
            words
                .tokens
                .get(words.at + ahead)
                .map_or("", String::as_str)
        };
        let is_alias = |word: &str| {
            word.starts_with(|first: char| first.is_alphanumeric() || first == '"' || first == '_')
        };
        let behind_comma = if next(0) == "," {
            1
        } else if is_alias(next(0)) && next(1) == "," {
            2
        } else if next(0).eq_ignore_ascii_case("AS") && next(2) == "," {
            3
        } else {
            return;
        };
        words.at += behind_comma;
    }
}

/// The relation that is next, unless it is a function or a query.
fn relation(words: &mut Words, found: &mut Vec<Named>) {
    words.skip(&["ONLY", "LATERAL"]);
    let start = words.at;
    match words.named(Family::Relation) {
        Some(named) if words.peek() != "(" => found.push(named),
        _ => words.at = start,
    }
}

/// The names of `WITH a AS (...), b (x) AS MATERIALIZED (...)`.
fn common_tables(tokens: &[String]) -> Vec<String> {
    let is = |at: usize, word: &str| {
        let token = tokens.get(at);
        token.is_some_and(|token| token.eq_ignore_ascii_case(word))
    };
    if !tokens
        .iter()
        .any(|token| token.eq_ignore_ascii_case("WITH"))
    {
        return vec![];
    }
    let named = |at: usize| {
        let mut behind = at + 1;
        while is(behind, "NOT") || is(behind, "MATERIALIZED") {
            behind += 1;
        }
        if !is(at, "AS") || !is(behind, "(") {
            return None;
        }
        let mut name = at.checked_sub(1)?;
        if is(name, ")") {
            name = tokens.get(..name)?.iter().rposition(|token| token == "(")?;
            name = name.checked_sub(1)?;
        }
        let mut words = Words {
            tokens: vec![tokens.get(name)?.clone()],
            at: 0,
        };
        words.word()
    };
    (0..tokens.len()).filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use squawk_syntax::SourceFile;

    use super::*;

    #[test]
    fn functions_and_types_are_told_by_their_names() {
        for (statement, expected) in [
            (
                "CREATE VIEW v AS SELECT tax(a), s.\"F g\"(b, sum(c)) FROM t WHERE x(d) > 0",
                "routine tax, routine s.F g, routine sum, routine x",
            ),
            (
                "CREATE TABLE t (a mood, b s.email DEFAULT f(), c numeric(10, 2), d mood[])",
                "type mood, type s.email, routine f, type numeric",
            ),
            (
                "SELECT 'x'::mood, CAST(a AS s.level)",
                "type mood, type s.level",
            ),
            (
                "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION s.h()",
                "routine s.h",
            ),
            ("CALL p(1)", "routine p"),
            (
                "CREATE FUNCTION f(a mood) RETURNS level LANGUAGE sql AS 'SELECT g()'",
                "type mood, type level",
            ),
            (
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT g(); END",
                "type int, routine g",
            ),
            ("SELECT a FROM f(1), b", "routine f"),
            ("INSERT INTO t (a) VALUES (1)", ""),
        ] {
            let file = SourceFile::parse(statement).syntax_node();
            let found = calls(&file.children().next().unwrap());
            let names: Vec<_> = found
                .iter()
                .map(|found| format!("{} {found}", found.family))
                .collect();
            assert_eq!(names.join(", "), expected, "{statement}");
        }
    }

    #[test]
    fn relations_are_told_from_functions_columns_and_own_names() {
        for (statement, expected) in [
            ("SELECT 1 FROM a, s.b x, c AS y WHERE z", "a s.b c"),
            (
                "SELECT 1 FROM a x JOIN ONLY b ON a.i = b.i, LATERAL f(1)",
                "a b",
            ),
            (
                "SELECT (SELECT max(i) FROM a), b FROM f(1) ORDER BY c, d",
                "a",
            ),
            ("SELECT extract(year FROM a), trim(both FROM b) FROM c", "c"),
            ("SELECT a IS DISTINCT FROM b", ""),
            ("SELECT extract(year FROM (SELECT max(i) FROM a))", "a"),
            (
                "WITH RECURSIVE a AS (SELECT 1 FROM b), c (i, j) AS NOT MATERIALIZED (SELECT 1 FROM a) SELECT 1 FROM c, s.a",
                "b s.a",
            ),
            (
                "CREATE TABLE t (i int REFERENCES a, b int REFERENCES c (id))",
                "a c",
            ),
            ("CREATE TABLE t (LIKE a INCLUDING ALL)", "a"),
            ("SELECT 1 FROM a WHERE b LIKE c", "a"),
            ("INSERT INTO a (i) SELECT i FROM b RETURNING c, d", "a b"),
            ("UPDATE ONLY a SET i = 1 FROM b", "a b"),
            ("DELETE FROM a RETURNING b, c", "a"),
            (
                "INSERT INTO a VALUES (1) ON CONFLICT DO UPDATE SET i = 1",
                "a",
            ),
            ("REVOKE SELECT ON a FROM b", ""),
            ("CREATE VIEW v AS SELECT 1 FROM \"A b\"", "A b"),
            (
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM a'",
                "",
            ),
        ] {
            let file = SourceFile::parse(statement).syntax_node();
            let found = uses(&file.children().next().unwrap());
            let names = found.iter().map(Named::to_string);
            assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{statement}");
        }
    }
}
