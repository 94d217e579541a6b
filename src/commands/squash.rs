//! `migrate squash`: one migration in place of a track's first ones.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{squash_order, switch};
use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, answer, closures, preflight};
use crate::verbs::squash::{SquashRow, squash};

pub struct Squash;

impl PluginCommand for Squash {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate squash"
    }

    fn description(&self) -> &str {
        "Write one migration that replaces the first ones of a track, and prove that it has the \
         same result."
    }

    fn extra_description(&self) -> &str {
        help(
            "Runs the files of a track up to --to in a scratch database and dumps the result with \
             pg_dump. Then runs the dump in a second scratch database and compares both \
             databases. The new file is kept only if nothing differs. Its timestamp follows that \
             of the last file that it replaces. Its first line is `-- migrate: replaces \
             core/FIRST..core/LAST`.\n\n\
             In a database that has all of the old migrations, the new one counts as applied. A \
             database that has none of them runs the new one instead. A database that has some of \
             them must apply the rest first. Afterwards, the old files can be deleted.\n\n\
             Your database is not changed. The scratch databases are made on the same server.",
            &[columns::<SquashRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .named(
                "to",
                SyntaxShape::Any,
                "replace everything up to this timestamp: 14 digits, or a datetime",
                None,
            )
            .switch(
                "dry-run",
                "make and prove the migration, but write no file",
                Some('n'),
            )
            .limits_statements()
            .checks_first()
            .gives::<SquashRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate squash ./db --track core --to 20240115140000 --dry-run",
                description: "Test whether these files can be replaced by one",
                result: None,
            },
            Example {
                example: "migrate squash ./db --track core --to 20240115140000",
                description: "Write the new file; the old files stay until you remove them",
                result: None,
            },
            Example {
                example: "migrate squash ./db --track core --to (date now)",
                description: "Replace all files of the track up to now",
                result: None,
            },
            Example {
                example: "migrate squash ./db --track core --to 20240102000000 --dry-run | get replaces",
                description: "Which migrations the file would replace",
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
            let order = squash_order(call)?;
            let closures = closures(engine, call, context)?;
            let skip = switch(call, "skip-validation")?;
            squash(context, &order, &preflight(call, &closures, skip)?)
        })
    }
}

impl Row for SquashRow {
    const PRIORITY: &'static [&'static str] = &["name", "state", "migrations", "replaces"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("name", |row: &Self| {
                let name = row.file.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            })
            .means("the new file's name"),
            Column::text("state", |row: &Self| {
                if row.is_written { "written" } else { "planned" }.to_owned()
            })
            .means("written, or planned with --dry-run"),
            Column::int("migrations", |row: &Self| row.migrations)
                .means("how many migrations it replaces"),
            Column::text("replaces", |row: &Self| row.replaces.clone())
                .means("the first and the last migration that it replaces"),
            Column::text("requires", |row: &Self| row.requires.join(", "))
                .means("which migrations of other tracks they require"),
            Column::text("file", |row: &Self| row.file.to_string_lossy().into_owned())
                .means("the new file, as an absolute path"),
        ]
    }
}
