//! Statements that lock or rewrite more than people expect, by the rules of the linter squawk.
//! Pure; what psql alone understands is hidden from the linter, with every position kept.

use squawk_linter::{Linter, Rule, Version};
use squawk_syntax::SourceFile;

use crate::lexer::{Item, scan};

/// A rule of the linter, what the statement does to others, and how to do it instead.
struct Hazard {
    rule: Rule,
    effect: &'static str,
    instead: &'static str,
}

/// Something that the linter has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The linter's name for the rule.
    pub rule: &'static str,
    /// The line, from 1.
    pub line: usize,
    /// What the statement does to others.
    pub message: String,
    /// How to do it instead.
    pub help: &'static str,
}

const fn hazard(rule: Rule, effect: &'static str, instead: &'static str) -> Hazard {
    Hazard {
        rule,
        effect,
        instead,
    }
}

/// The linter's rules that are about others who work meanwhile, or about what cannot be undone.
/// Matters of taste, and what this tool answers itself (timeouts, statements that can be repeated),
/// are left out.
const HAZARDS: [(&str, Hazard); 31] = [
    (
        "require-concurrent-index-creation",
        hazard(
            Rule::RequireConcurrentIndexCreation,
            "SHARE lock on the table: nobody writes while the index is built",
            "CREATE INDEX CONCURRENTLY in a migration with `-- migrate: no-transaction`",
        ),
    ),
    (
        "require-concurrent-index-deletion",
        hazard(
            Rule::RequireConcurrentIndexDeletion,
            "ACCESS EXCLUSIVE lock on the table: nobody reads or writes until COMMIT",
            "DROP INDEX CONCURRENTLY in a migration with `-- migrate: no-transaction`",
        ),
    ),
    (
        "require-concurrent-reindex",
        hazard(
            Rule::RequireConcurrentReindex,
            "SHARE lock on the table and ACCESS EXCLUSIVE on the index while it is rebuilt",
            "REINDEX ... CONCURRENTLY in a migration with `-- migrate: no-transaction`",
        ),
    ),
    (
        "require-concurrent-partition-detach",
        hazard(
            Rule::RequireConcurrentPartitionDetach,
            "ACCESS EXCLUSIVE lock on the whole partitioned table",
            "DETACH PARTITION ... CONCURRENTLY (PostgreSQL 14) in a migration with `-- migrate: no-transaction`",
        ),
    ),
    (
        "constraint-missing-not-valid",
        hazard(
            Rule::ConstraintMissingNotValid,
            "the table is read under a lock that stops writers",
            "ADD CONSTRAINT ... NOT VALID, and VALIDATE CONSTRAINT in a later migration",
        ),
    ),
    (
        "adding-foreign-key-constraint",
        hazard(
            Rule::AddingForeignKeyConstraint,
            "SHARE ROW EXCLUSIVE lock on both tables while all rows are checked",
            "ADD CONSTRAINT ... NOT VALID, and VALIDATE CONSTRAINT in a later migration (template `foreign-key`)",
        ),
    ),
    (
        "disallowed-unique-constraint",
        hazard(
            Rule::DisallowedUniqueConstraint,
            "ACCESS EXCLUSIVE lock on the table while its index is built",
            "CREATE UNIQUE INDEX CONCURRENTLY first, then ADD CONSTRAINT ... UNIQUE USING INDEX",
        ),
    ),
    (
        "adding-serial-primary-key-field",
        hazard(
            Rule::AddingSerialPrimaryKeyField,
            "ACCESS EXCLUSIVE lock on the table while it is rewritten or its index is built",
            "CREATE UNIQUE INDEX CONCURRENTLY first, then ADD PRIMARY KEY USING INDEX",
        ),
    ),
    (
        "adding-field-with-default",
        hazard(
            Rule::AddingFieldWithDefault,
            "ACCESS EXCLUSIVE lock on the table while every row is rewritten",
            "add the column without a default, set the default, and fill old rows in batches (template `backfill`)",
        ),
    ),
    (
        "adding-required-field",
        hazard(
            Rule::AddingRequiredField,
            "fails as soon as the table has rows",
            "give the column a constant default, or add it without NOT NULL first",
        ),
    ),
    (
        "adding-not-nullable-field",
        hazard(
            Rule::AddingNotNullableField,
            "ACCESS EXCLUSIVE lock on the table while all rows are read",
            "ADD CONSTRAINT ... CHECK (column IS NOT NULL) NOT VALID, VALIDATE it, then SET NOT NULL",
        ),
    ),
    (
        "changing-column-type",
        hazard(
            Rule::ChangingColumnType,
            "ACCESS EXCLUSIVE lock on the table, in most cases while it is rewritten",
            "a new column, filled in batches, and a switch (examples/zero-downtime)",
        ),
    ),
    (
        "renaming-column",
        hazard(
            Rule::RenamingColumn,
            "programs that know the old name fail at once",
            "a new column beside the old one until no program uses that (examples/zero-downtime)",
        ),
    ),
    (
        "renaming-table",
        hazard(
            Rule::RenamingTable,
            "programs that know the old name fail at once",
            "a view with the old name, until no program uses that",
        ),
    ),
    (
        "renaming-object",
        hazard(
            Rule::RenamingObject,
            "whoever knows the old name fails at once",
            "a second object with the new name, until nobody uses the old one",
        ),
    ),
    (
        "ban-set-schema",
        hazard(
            Rule::BanSetSchema,
            "whoever knows the old schema fails at once",
            "a view with the old name in the old schema, until nobody uses it",
        ),
    ),
    (
        "ban-drop-column",
        hazard(
            Rule::BanDropColumn,
            "the data is gone, and programs that know the column fail",
            "drop it when no program uses it any more (examples/zero-downtime)",
        ),
    ),
    (
        "ban-drop-table",
        hazard(
            Rule::BanDropTable,
            "the data is gone, and programs that know the table fail",
            "rename it first, and drop it when nobody has missed it",
        ),
    ),
    (
        "ban-drop-view",
        hazard(
            Rule::BanDropView,
            "programs that know the view fail",
            "CREATE OR REPLACE VIEW, or drop it when nobody uses it any more",
        ),
    ),
    (
        "ban-drop-type",
        hazard(
            Rule::BanDropType,
            "programs that know the type fail",
            "drop it when nobody uses it any more",
        ),
    ),
    (
        "ban-drop-schema",
        hazard(
            Rule::BanDropSchema,
            "with CASCADE everything in it is gone",
            "drop what is in it by name, so that nothing else goes with it",
        ),
    ),
    (
        "ban-drop-database",
        hazard(
            Rule::BanDropDatabase,
            "the database is gone, and no transaction brings it back",
            "leave it to an administrator",
        ),
    ),
    (
        "ban-drop-constraint",
        hazard(
            Rule::BanDropConstraint,
            "what it kept out can come in, and ON CONFLICT on it fails",
            "add its successor in the same migration",
        ),
    ),
    (
        "ban-drop-function",
        hazard(
            Rule::BanDropFunction,
            "programs that call it fail, and with CASCADE its triggers go as well",
            "CREATE OR REPLACE, or drop it when nobody calls it any more",
        ),
    ),
    (
        "ban-drop-sequence",
        hazard(
            Rule::BanDropSequence,
            "programs that ask it for numbers fail",
            "drop it when nobody asks it any more",
        ),
    ),
    (
        "ban-truncate-cascade",
        hazard(
            Rule::BanTruncateCascade,
            "the tables that refer to it are emptied as well",
            "TRUNCATE all of them by name",
        ),
    ),
    (
        "ban-create-domain-with-constraint",
        hazard(
            Rule::BanCreateDomainWithConstraint,
            "a constraint of a domain can later only be changed by reading every table that uses it",
            "a CHECK on the table",
        ),
    ),
    (
        "ban-alter-domain-with-add-constraint",
        hazard(
            Rule::BanAlterDomainWithAddConstraint,
            "every table that uses the domain is read under a lock that stops writers",
            "ADD CONSTRAINT ... NOT VALID, and VALIDATE CONSTRAINT in a later migration",
        ),
    ),
    (
        "prefer-repack",
        hazard(
            Rule::PreferRepack,
            "ACCESS EXCLUSIVE lock on the table while it is rewritten",
            "pg_repack, which works while others do",
        ),
    ),
    (
        "identifier-too-long",
        hazard(
            Rule::IdentifierTooLong,
            "PostgreSQL cuts the name off after 63 bytes, and says so only in a notice",
            "a shorter name",
        ),
    ),
    (
        "ban-duplicate-column-assignments",
        hazard(
            Rule::BanDuplicateColumnAssignments,
            "PostgreSQL refuses it",
            "set each column once",
        ),
    ),
];

/// Is there a rule of this name?
pub fn is_rule(name: &str) -> bool {
    HAZARDS.iter().any(|(known, _)| *known == name)
}

/// The names of the rules.
pub fn rules() -> impl Iterator<Item = &'static str> {
    HAZARDS.iter().map(|(name, _)| *name)
}

/// What the linter finds in a script. Text that is not UTF-8 is left alone.
///
/// `major` is the server's major version; `is_in_transaction` tells how the script is going to run.
pub fn lint(content: &[u8], major: Option<u32>, is_in_transaction: bool) -> Vec<Violation> {
    let Ok(text) = String::from_utf8(masked(content)) else {
        return vec![];
    };
    let mut linter = Linter::from(HAZARDS.iter().map(|(_, hazard)| hazard.rule));
    linter.settings.assume_in_transaction = is_in_transaction;
    if let Some(version) = major.and_then(|major| major.to_string().parse::<Version>().ok()) {
        linter.settings.pg_version = version;
    }
    let found = linter.lint(&SourceFile::parse(&text), &text);
    let mut violations: Vec<_> = found
        .into_iter()
        .filter_map(|found| {
            let (rule, hazard) = HAZARDS
                .iter()
                .find(|(_, hazard)| hazard.rule == found.code)?;
            let start = usize::from(found.text_range.start());
            Some(Violation {
                rule,
                line: text.get(..start)?.matches('\n').count() + 1,
                message: hazard.effect.to_owned(),
                help: hazard.instead,
            })
        })
        .collect();
    violations.sort_by_key(|found| (found.line, found.rule));
    violations.dedup();
    violations
}

/// The script as the server would be sent it, as far as that can be told: meta-commands and COPY data
/// are blank, variables are words. Every byte stays where it is.
fn masked(content: &[u8]) -> Vec<u8> {
    let mut text = content.to_vec();
    let mut blank = |range: std::ops::Range<usize>| {
        for byte in text.get_mut(range).unwrap_or_default() {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    let items = scan(content);
    let mut ends = Vec::new();
    let mut is_behind_copy = false;
    for (index, item) in items.iter().enumerate() {
        let (variables, range) = match item {
            Item::Statement(statement) => (&statement.variables, &statement.range),
            Item::Command(command) => (&command.variables, &command.range),
        };
        // `:name` is a word without its colon, `:'name'` a string, `:"name"` an identifier.
        for variable in variables {
            blank(variable.range.start..variable.range.start + 1);
        }
        let next = items
            .get(index + 1)
            .map_or(content.len(), |next| match next {
                Item::Statement(statement) => statement.range.start,
                Item::Command(command) => command.range.start,
            });
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
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(script: &str) -> Vec<String> {
        lint(script.as_bytes(), Some(15), true)
            .into_iter()
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
