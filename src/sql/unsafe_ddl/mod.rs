//! Statements that lock or rewrite more than people expect, by the rules of the linter squawk.
//! Pure; what psql alone understands is hidden from the linter, with every position kept.

mod deed;
mod hazards;
mod reduced;
mod uses;

use squawk_linter::{Linter, Version};
use squawk_syntax::SourceFile;

use crate::sql::lexer::Item;
use crate::sql::script::Script;
pub use deed::{Deed, Family, Named};
use hazards::HAZARDS;
pub use reduced::Linting;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The linter's name for the rule.
    pub rule: &'static str,
    pub line: usize,
    /// What the statement does to others.
    pub message: String,
    /// How to do it instead.
    pub help: &'static str,
}

/// Rules about the statement itself, whoever else is there.
const ABOUT_ITSELF: [&str; 4] = [
    "identifier-too-long",
    "ban-duplicate-column-assignments",
    "ban-create-domain-with-constraint",
    "ban-drop-database",
];

/// What fails, or is lost, whether somebody waits for a lock or not.
const NOT_ABOUT_TIME: [&str; 5] = [
    "adding-required-field",
    "ban-set-schema",
    "ban-truncate-cascade",
    "ban-drop-",
    "renaming-",
];

impl Violation {
    /// Does it hurt only where somebody or something is there already?
    pub fn is_about_others(&self) -> bool {
        !ABOUT_ITSELF.contains(&self.rule)
    }

    /// Does it hurt by how long it takes?
    pub fn is_about_time(&self) -> bool {
        !NOT_ABOUT_TIME
            .iter()
            .any(|rule| self.rule.starts_with(rule))
    }

    /// Does it fail on a table with rows, whoever uses it?
    pub fn fails_on_rows(&self) -> bool {
        self.rule == "adding-required-field"
    }
}

/// A statement, and what the linter finds in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    pub deed: Deed,
    /// The relations that it reads or refers to, and the functions and types that it names.
    pub uses: Vec<Named>,
    pub violations: Vec<Violation>,
}

pub fn rules() -> impl Iterator<Item = &'static str> {
    HAZARDS.iter().map(|(name, _)| *name)
}

/// What the linter finds in a whole script, statement by statement. Text that is not UTF-8 is left alone.
///
/// `major` is the server's major version; `is_in_transaction` tells how the script is going to run.
fn lint(script: &Script<'_>, major: Option<u32>, is_in_transaction: bool) -> Vec<Statement> {
    let (masked, variables) = masked(script);
    let Ok(text) = String::from_utf8(masked) else {
        return vec![];
    };
    let mut linter = Linter::from(HAZARDS.iter().map(|(_, hazard)| hazard.rule));
    linter.settings.assume_in_transaction = is_in_transaction;
    if let Some(version) = major.and_then(|major| major.to_string().parse::<Version>().ok()) {
        linter.settings.pg_version = version;
    }
    let file = SourceFile::parse(&text);
    let found = linter.lint(&file, &text);
    let mut violations: Vec<_> = found
        .into_iter()
        .filter_map(|found| {
            let (rule, hazard) = HAZARDS
                .iter()
                .find(|(_, hazard)| hazard.rule == found.code)?;
            let start = usize::from(found.text_range.start());
            let violation = Violation {
                rule,
                line: script.line_of(start),
                message: hazard.effect.to_owned(),
                help: hazard.instead,
            };
            Some((start, violation))
        })
        .collect();
    violations.sort_by_key(|(start, found)| (found.line, found.rule, *start));
    violations.dedup_by(|(_, one), (_, other)| one == other);
    let mut statements: Vec<_> = file
        .syntax_node()
        .children()
        .map(|node| {
            let range = node.text_range();
            let is_in = |at: usize| (range.start().into()..range.end().into()).contains(&at);
            let (its, others) = std::mem::take(&mut violations)
                .into_iter()
                .partition(|(start, _)| is_in(*start));
            violations = others;
            // What a variable stands for, nobody knows.
            let is_known = !variables.iter().any(|at| is_in(*at));
            let (deed, uses) = if is_known {
                let deed = deed::deed(&node);
                let mut uses = uses::uses(&node);
                let is_changed =
                    |it: &Named| deed.touched.contains(it) || deed.dropped.contains(it);
                uses.extend(uses::calls(&node).into_iter().filter(|it| !is_changed(it)));
                (deed, uses)
            } else {
                Default::default()
            };
            Statement {
                deed,
                uses,
                violations: without_place(its),
            }
        })
        .collect();
    statements.push(Statement {
        deed: Deed::default(),
        uses: vec![],
        violations: without_place(violations),
    });
    statements
}

fn without_place(violations: Vec<(usize, Violation)>) -> Vec<Violation> {
    violations
        .into_iter()
        .map(|(_, violation)| violation)
        .collect()
}

/// The script as the server would be sent it, as far as that can be told: meta-commands and COPY data
/// are blank, variables are words. Every byte stays where it is. With the places of the variables.
fn masked(script: &Script<'_>) -> (Vec<u8>, Vec<usize>) {
    let Script { content, items, .. } = script;
    let mut text = content.to_vec();
    let mut blank = |range: std::ops::Range<usize>| {
        for byte in text.get_mut(range).unwrap_or_default() {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    let start = |item: &Item| match item {
        Item::Statement(statement) => statement.range.start,
        Item::Command(command) => command.range.start,
    };
    let mut ends = Vec::new();
    let mut places = Vec::new();
    let mut is_behind_copy = false;
    for (index, item) in items.iter().enumerate() {
        let (variables, range) = match item {
            Item::Statement(statement) => (&statement.variables, &statement.range),
            Item::Command(command) => (&command.variables, &command.range),
        };
        // `:name` is a word without its colon, `:'name'` a string, `:"name"` an identifier.
        for variable in variables {
            blank(variable.range.start..variable.range.start + 1);
            places.push(variable.range.start);
        }
        let next = items.get(index + 1).map_or(content.len(), start);
        match item {
            // What stands between a COPY and the next item is its data.
            Item::Statement(statement) if statement.copies_in => {
                blank(range.end..next);
            }
            Item::Statement(_) => {}
            Item::Command(command) => {
                let has_data = command.name == "copy" || is_behind_copy;
                blank(range.start..if has_data { next } else { range.end });
                ends.push(range.start);
            }
        }
        is_behind_copy = matches!(item, Item::Statement(statement) if statement.copies_in);
    }
    // A command such as \gset ends the statement before it.
    for end in ends {
        if let Some(byte) = text.get_mut(end) {
            *byte = b';';
        }
    }
    (text, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(script: &str) -> Vec<String> {
        lint(&crate::sql::script::script(script), Some(15), true)
            .into_iter()
            .flat_map(|statement| statement.violations)
            .map(|found| format!("{} {}", found.line, found.rule))
            .collect()
    }

    #[test]
    fn names_are_the_linters() {
        for (name, hazard) in &HAZARDS {
            assert_eq!(hazard.rule.to_string(), *name);
        }
    }

    #[test]
    fn hazards_are_found_with_their_line() {
        assert_eq!(
            found(
                "-- x\nCREATE INDEX i ON t (a);\n\nALTER TABLE t\n  ALTER a TYPE text;\nDROP TABLE t;\n"
            ),
            [
                "2 require-concurrent-index-creation",
                "5 changing-column-type",
                "6 ban-drop-table"
            ]
        );
        assert_eq!(
            found("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u;"),
            [
                "1 adding-foreign-key-constraint",
                "1 constraint-missing-not-valid"
            ]
        );
    }

    #[test]
    fn what_only_psql_understands_hides_nothing_and_adds_nothing() {
        let script = "\\set table t\nSELECT :'x' AS a, :y, :\"table\" \\gset\nCREATE TABLE n (id bigint);\n\
                      COPY n FROM stdin;\nDROP TABLE t;\n\\.\n\\if :a\nDROP TABLE :\"table\";\n\\endif\n\
                      \\copy n from stdin\nDROP TABLE z;\n\\.\nCREATE INDEX ON n (id);\n";
        assert_eq!(found(script), ["8 ban-drop-table"]);
    }

    #[test]
    fn a_table_of_the_same_script_is_nobodys_loss() {
        assert_eq!(
            found(
                "CREATE TABLE n (id bigint);\nCREATE INDEX ON n (id);\nALTER TABLE n ADD UNIQUE (id);\n"
            ),
            Vec::<String>::new()
        );
    }
}
