//! `migrate rehearse`: what a run would do, found out by doing it and rolling back.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, Span, Value, record};

use super::arguments::{request, switch};
use super::completion::completes;
use super::help::{columns, columns_with, help};
use super::run::{changes, validation};
use super::signature::MigrateSignature;
use super::table::{self, Column, Row, list};
use super::{MigratePlugin, answer, chosen, closures, preflight};
use crate::database::catalog::Difference;
use crate::execution::conflicts::Conflict;
use crate::execution::effects::Lock;
use crate::execution::lock_mode::LockMode;
use crate::execution::row::RehearsalRow;
use crate::settings::Error;
use crate::verbs::rehearse::rehearse;
use crate::verbs::round_trip::{RoundTripRow, rehearse_undo};
use crate::verbs::scratch::scratch;

pub struct Rehearse;

impl PluginCommand for Rehearse {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate rehearse"
    }

    fn description(&self) -> &str {
        "Execute all pending migrations, show their time, locks and rewrites, and roll them back."
    }

    fn extra_description(&self) -> &str {
        help(
            "Everything runs in one transaction, which is always rolled back. This transaction \
             takes real locks and holds them until it ends. The setting lock_timeout limits how \
             long it waits for a lock. An error ends the rehearsal. With --transaction each, a \
             file that fails is `failed`, and the others go on. Files that run outside a \
             transaction are skipped, so later files may lack what they create.\n\n\
             Gives a row per migration, as `migrate run` does. The column locks has the relation, \
             the mode, whom it blocks, and how long it is held at most; live is true if other \
             sessions use the relation now. The column conflicts has the objects of other tracks \
             that the migration alters or drops (by CASCADE, too), or that prevent its change, \
             and names that exist already.\n\n\
             Some effects cannot be rolled back: sequences advance, \\! runs its program, and \
             \\copy ... to writes its file.\n\n\
             --scratch applies the whole history to a new database and compares its schema with \
             the schema of yours. An empty table means that a new installation gets the same \
             schema. Pending migrations show as differences. The new database is made on the same \
             server, and removed afterwards. If the user may not create a database, or if a \
             migration would change the whole server (such as ALTER ROLE), a throw-away server on \
             this computer is used instead.\n\n\
             --undo runs each pending migration, its undo file, and the migration again, and \
             compares the schemas. It gives a row for each object that an undo file leaves behind \
             or does not restore, and for each object that differs the second time. An empty \
             table means that the undo files work.",
            &[
                columns::<RehearsalRow>(),
                columns_with::<Difference>("scratch"),
                columns_with::<RoundTripRow>("undo"),
            ],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .expects_tracks()
            .selects_steps()
            .limits_statements()
            .switch(
                "scratch",
                "apply all files to a new database, and compare it",
                None,
            )
            .switch(
                "undo",
                "run each migration, its undo file, the migration again",
                None,
            )
            .checks_first()
            .gives::<RehearsalRow>()
            .gives::<RoundTripRow>()
            .gives::<Difference>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate rehearse ./db | where rewrites != [] or duration > 1sec",
                description: "Which migrations take long, or rewrite a table",
                result: None,
            },
            Example {
                example: "migrate rehearse ./db --scratch | where difference == different",
                description: "Does a new installation get the same schema?",
                result: None,
            },
            Example {
                example: "migrate rehearse ./db | select name locks | flatten locks --all",
                description: "Every lock",
                result: None,
            },
            Example {
                example: "migrate rehearse ./db | where blocks == everybody",
                description: "Which migrations make everybody wait",
                result: None,
            },
        ]
    }

    completes!();

    fn run(
        &self,
        _plugin: &MigratePlugin,
        engine: &EngineInterface,
        call: &EvaluatedCall,
        _input: PipelineData,
    ) -> Result<PipelineData, LabeledError> {
        let is_undo = chosen(call, "undo")?;
        if chosen(call, "scratch")? {
            return answer(engine, call, |context| {
                // An empty table would be taken for a proof of both.
                if is_undo {
                    return Err(Error::BadFlag {
                        flag: "undo",
                        problem: "it cannot be combined with --scratch".to_owned(),
                    }
                    .into());
                }
                let request = request(call, context.transaction_mode())?;
                let closures = closures(engine, call, context)?;
                let skip = switch(call, "skip-validation")?;
                scratch(context, &request, &preflight(call, &closures, skip)?)
            });
        }
        if is_undo {
            return answer(engine, call, |context| {
                let request = request(call, context.transaction_mode())?;
                let closures = closures(engine, call, context)?;
                let skip = switch(call, "skip-validation")?;
                rehearse_undo(context, &request, &preflight(call, &closures, skip)?)
            });
        }
        answer(engine, call, |context| {
            let request = request(call, context.transaction_mode())?;
            let closures = closures(engine, call, context)?;
            let skip = switch(call, "skip-validation")?;
            rehearse(context, &request, &preflight(call, &closures, skip)?)
        })
    }
}

impl Row for RehearsalRow {
    const PRIORITY: &'static [&'static str] = &["rewrites", "locks", "version", "description"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row: &Self| row.run.name.track.to_string())
                .means("the track of the migration"),
            Column::optional_text("version", |row: &Self| {
                Some(row.run.name.digits()?.to_string())
            })
            .means("the timestamp of 14 digits; empty for a repeatable"),
            Column::text("description", |row: &Self| row.run.name.description.clone())
                .means("the description in the file name"),
            Column::optional_text("blocks", |row: &Self| {
                let strongest = row.effects.locks.iter().map(|lock| lock.mode);
                Some(strongest.reduce(stronger)?.blocks().to_owned())
            })
            .means("who must wait for its strongest lock; empty if nobody"),
            // A comparison with nothing is neither true nor false; a file that was left out took no
            // time.
            Column::optional_duration("duration", |row: &Self| Some(row.duration()))
                .means("how long its SQL took"),
            Column::int("rows", |row: &Self| {
                usize::try_from(row.effects.rows).unwrap_or(usize::MAX)
            })
            .means("how many rows it inserts, updates and deletes"),
            Column::text("state", |row: &Self| row.ending.to_string())
                .means("rehearsed, skipped or failed"),
            Column::int("group", |row: &Self| row.run.group)
                .means("the number of the transaction that a run would use, from 1"),
            Column::optional_duration("validation_time", |row: &Self| row.run.validation_time())
                .means("how long its checks took"),
            Column::new("locks", list(), |row: &Self, span| {
                locks(&row.effects.locks, span)
            })
            .means("its locks on relations that existed before: a table"),
            Column::texts("rewrites", |row: &Self| row.effects.rewrites.clone())
                .means("the tables that it rewrites: a list"),
            Column::texts("indexes", |row: &Self| row.effects.indexes.clone())
                .means("the indexes that it builds: a list"),
            Column::new("conflicts", list(), |row: &Self, span| {
                conflicts(&row.conflicts, span)
            })
            .means("its conflicts with objects of other tracks: a table"),
            Column::new("objects", list(), |row: &Self, span| {
                changes(&row.run.objects, span)
            })
            .means("what it creates, alters and drops: a table"),
            Column::new("validation", list(), |row: &Self, span| {
                validation(&row.run.checks, span)
            })
            .means("the result of each check: a table"),
            Column::text("kind", |row: &Self| row.run.name.kind().to_owned())
                .means("versioned or repeatable"),
            Column::optional_text("reason", |row: &Self| {
                row.run.reason.as_ref().map(ToString::to_string)
            })
            .means("why a repeatable runs, or where a bridge (before) runs"),
            Column::texts("notices", |row: &Self| row.run.notices.clone())
                .means("the messages of psql and the server: a list"),
            Column::text("name", |row: &Self| row.run.name.file_name()).means("the file's name"),
            Column::optional_text("execution_id", |row: &Self| {
                Some(row.run.applied.as_ref()?.execution_id.clone())
            })
            .means("the id of the rehearsal, as in $env.MIGRATION"),
        ]
    }
}

fn stronger(one: LockMode, other: LockMode) -> LockMode {
    if other > one { other } else { one }
}

/// What a migration met that is not its track's, as a table in a cell.
fn conflicts(conflicts: &[Conflict], span: Span) -> Value {
    let text = |text: Option<&String>| {
        text.map_or_else(|| Value::nothing(span), |text| Value::string(text, span))
    };
    let row = |conflict: &Conflict| {
        let maker = conflict.maker.as_ref();
        Value::record(
            record! {
                "what" => Value::string(conflict.what.to_string(), span),
                "kind" => Value::string(&conflict.object.0, span),
                "name" => Value::string(&conflict.object.1, span),
                "track" => text(maker.map(|maker| &maker.track)),
                "made_by" => text(maker.and_then(|maker| maker.made_by.as_ref())),
            },
            span,
        )
    };
    Value::list(conflicts.iter().map(row).collect(), span)
}

fn locks(locks: &[Lock], span: Span) -> Value {
    let row = |lock: &Lock| {
        Value::record(
            record! {
                "relation" => Value::string(&lock.relation, span),
                "mode" => Value::string(lock.mode.to_string(), span),
                "blocks" => Value::string(lock.mode.blocks(), span),
                "held" => table::duration(lock.held, span),
                "live" => Value::bool(lock.is_live, span),
            },
            span,
        )
    };
    Value::list(locks.iter().map(row).collect(), span)
}

impl Row for RoundTripRow {
    const PRIORITY: &'static [&'static str] = &["name", "kind", "object", "difference"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row: &Self| row.name.track.to_string())
                .means("the track of the migration"),
            Column::text("name", |row: &Self| row.name.file_name())
                .means("the migration whose undo file was tried"),
            Column::optional_text("kind", |row: &Self| Some(row.object.as_ref()?.0.clone()))
                .means("the kind of the object that differs"),
            Column::optional_text("object", |row: &Self| Some(row.object.as_ref()?.1.clone()))
                .means("the object that differs"),
            Column::text("difference", |row: &Self| row.difference.to_owned())
                .means("what differs: not restored, left behind, changed and so on"),
            Column::optional_text("expected", |row: &Self| row.expected.clone())
                .means("the definition that was expected"),
            Column::optional_text("found", |row: &Self| row.found.clone())
                .means("the definition that was found"),
        ]
    }
}

impl Row for Difference {
    const PRIORITY: &'static [&'static str] = &["kind", "name", "difference"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("kind", |found: &Self| found.kind.clone())
                .means("the kind of the object that differs"),
            Column::text("name", |found: &Self| found.name.clone())
                .means("the object that differs"),
            Column::text("difference", |found: &Self| found.as_str().to_owned())
                .means("different, only in target, or only in scratch"),
            Column::optional_text("target", |found: &Self| found.target.clone())
                .means("its definition in your database"),
            Column::optional_text("scratch", |found: &Self| found.scratch.clone())
                .means("its definition in the new database"),
        ]
    }
}
