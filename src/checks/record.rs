//! What a check is about: the record in `$env.MIGRATION` and in a closure's parameter.
//! Pure; must not know how it gets there.

use nu_protocol::{Record, Span, Value, record};

use crate::sql::variables::Variables;
use crate::tree::{Migration, Name};

/// What all checks of a run are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub execution_id: String,
    pub database: String,
    /// The schema of the ledgers.
    pub schema: String,
    /// What a ledger's name starts with.
    pub prefix: String,
    pub variables: Variables,
}

/// The record: a migration, and the steps of the same plan that come before it.
pub fn migration_record(
    migration: &Migration,
    planned: &[&Migration],
    run: &Run,
    span: Span,
) -> Value {
    let mut record = identify(&migration.name, span);
    let version = &migration.name.version;
    record.push(
        "timestamp",
        version
            .timestamp()
            .map_or_else(|| Value::nothing(span), |moment| Value::date(moment, span)),
    );
    record.push(
        "file",
        Value::string(migration.path.to_string_lossy(), span),
    );
    let planned = planned
        .iter()
        .map(|earlier| Value::record(step(earlier, span), span))
        .collect();
    record.push("execution_id", Value::string(&run.execution_id, span));
    record.push("database", Value::string(&run.database, span));
    record.push(
        "ledger",
        Value::record(
            record! {
                "schema" => Value::string(&run.schema, span),
                "prefix" => Value::string(&run.prefix, span),
            },
            span,
        ),
    );
    let variables: Record = run
        .variables
        .iter()
        .map(|(name, value)| (name.clone(), Value::string(value, span)))
        .collect();
    record.push("variables", Value::record(variables, span));
    record.push("planned", Value::list(planned, span));
    Value::record(record, span)
}

/// An earlier step, and what it stands for.
fn step(migration: &Migration, span: Span) -> Record {
    let mut record = identify(&migration.name, span);
    if let Some(replaces) = &migration.directives.replaces {
        let replaced = replaces.recorded().into_iter();
        let replaced = replaced.map(|name| Value::string(name, span)).collect();
        record.push("replaces", Value::list(replaced, span));
    }
    record
}

fn identify(name: &Name, span: Span) -> Record {
    record! {
        "track" => Value::string(name.track.as_str(), span),
        "version" => match name.digits() {
            Some(version) => Value::string(version.as_str(), span),
            None => Value::nothing(span),
        },
        "name" => Value::string(name.file_name(), span),
        "description" => Value::string(&name.description, span),
    }
}
