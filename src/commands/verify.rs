//! `migrate verify`: what must hold behind applied migrations, at any time.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, answer, preflight};
use crate::checks::Closures;
use crate::verbs::verify::{VerifyRow, verify};

pub struct Verify;

impl PluginCommand for Verify {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate verify"
    }

    fn description(&self) -> &str {
        "Run the checks of applied migrations again, on the current database. Changes nothing."
    }

    fn extra_description(&self) -> &str {
        help(
            "Two kinds of files check a migration after its SQL: a `.nu` file with the line `# \
             migrate: after`, and a `.verify.sql` file, whose queries must each return true, or \
             no row.\n\n\
             Gives a row for each such file of an applied migration. A failed check is a row with \
             ok = false, not an error.",
            &[columns::<VerifyRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .named(
                "set",
                nu_protocol::SyntaxShape::Record(Default::default()),
                "psql variables, such as { tenant: acme }",
                None,
            )
            .switch(
                "quiet",
                "show no progress and no output of the files",
                Some('q'),
            )
            .gives::<VerifyRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate verify ./db | where not ok",
                description: "Which checks fail now",
                result: None,
            },
            Example {
                example: "if (migrate verify ./db | any {|row| not $row.ok }) { error make { msg: 'not as it was' } }",
                description: "Stop a script with an error if a check fails",
                result: None,
            },
            Example {
                example: "migrate verify ./db --track core",
                description: "Only the checks of one track",
                result: None,
            },
            Example {
                example: "migrate verify ./db | where check =~ 'verify.sql'",
                description: "Only the queries",
                result: None,
            },
        ]
    }

    fn run(
        &self,
        _plugin: &MigratePlugin,
        engine: &EngineInterface,
        call: &EvaluatedCall,
        _input: PipelineData,
    ) -> Result<PipelineData, LabeledError> {
        answer(engine, call, |context| {
            let closures = Closures::new(engine.clone(), vec![]);
            verify(context, &preflight(call, &closures, false)?)
        })
    }
}

impl Row for VerifyRow {
    const PRIORITY: &'static [&'static str] = &["track", "name", "ok", "message"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row: &Self| row.name.track.to_string())
                .means("the track of the migration"),
            Column::text("name", |row: &Self| row.name.file_name())
                .means("the migration that was checked"),
            Column::text("check", |row: &Self| row.check.clone()).means("the file of the check"),
            Column::bool("ok", |row: &Self| row.ok).means("whether the check passed"),
            Column::optional_text("message", |row: &Self| row.message.clone())
                .means("why the check failed"),
            Column::optional_duration("duration", |row: &Self| Some(row.duration))
                .means("how long it took"),
        ]
    }
}
