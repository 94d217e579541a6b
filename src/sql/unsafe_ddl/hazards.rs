//! The linter's rules that are used, what each statement does to others, and how to do it instead.
//! Data only.

use squawk_linter::Rule;

/// A rule of the linter, what the statement does to others, and how to do it instead.
pub(super) struct Hazard {
    pub(super) rule: Rule,
    pub(super) effect: &'static str,
    pub(super) instead: &'static str,
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
pub(super) const HAZARDS: [(&str, Hazard); 31] = [
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
            "a new column beside the old one, until no program uses the old one \
             (examples/zero-downtime)",
        ),
    ),
    (
        "renaming-table",
        hazard(
            Rule::RenamingTable,
            "programs that know the old name fail at once",
            "a view with the old name, until no program uses it",
        ),
    ),
    (
        "renaming-object",
        hazard(
            Rule::RenamingObject,
            "whatever uses the old name fails at once",
            "a second object with the new name, until nobody uses the old one",
        ),
    ),
    (
        "ban-set-schema",
        hazard(
            Rule::BanSetSchema,
            "whatever uses the old schema fails at once",
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
            "with CASCADE, everything in it is dropped",
            "drop the objects in it by name, so that nothing else is dropped",
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
            "rows that it refused can come in, and ON CONFLICT with it fails",
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
            "drop it when nobody queries it any more",
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
