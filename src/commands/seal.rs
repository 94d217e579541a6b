//! `migrate seal`: writes a track's lock file.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::switch;
use super::completion::completes;
use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, answer};
use crate::tree::seal::Change;
use crate::verbs::seal::{SealRow, seal};

pub struct Seal;

impl PluginCommand for Seal {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate seal"
    }

    fn description(&self) -> &str {
        "Write a track's lock file: its files, their checksums, and what they require of other tracks."
    }

    fn extra_description(&self) -> &str {
        help(
            "The lock file is TRACK.migrate.lock in the folder of the track. It has a line for \
             each file. Commit it.\n\n\
             Afterwards, `run`, `rehearse` and `validate` refuse the track if a file was added, \
             changed or removed and the track was not sealed again. If two branches both change \
             the track, merging them gives a conflict in the lock file. Keep the files of both \
             branches, and seal again. To unseal a track, delete its lock file.\n\n\
             This command does not connect to a database.",
            &[columns::<SealRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .named(
                "track",
                SyntaxShape::String,
                "the track, if the directory has several",
                Some('t'),
            )
            .switch(
                "dry-run",
                "show what would be sealed, and write nothing",
                Some('n'),
            )
            .gives::<SealRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate seal ./db/core",
                description: "Seal the track of a folder",
                result: None,
            },
            Example {
                example: "migrate seal ./db --track core --dry-run",
                description: "What has changed since the track was sealed",
                result: None,
            },
            Example {
                example: "migrate seal ./db --track impl | to md",
                description: "Seal one of several tracks, with a table for a merge request",
                result: None,
            },
            Example {
                example: "[core impl] | each {|track| migrate seal ./db --track $track } | flatten",
                description: "Seal several tracks",
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
        answer(engine, call, |context| {
            Ok(vec![seal(context, switch(call, "dry-run")?)?])
        })
    }
}

impl Row for SealRow {
    const PRIORITY: &'static [&'static str] = &["track", "migrations", "needs"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row: &Self| row.track.to_string())
                .means("the track that was sealed"),
            Column::int("migrations", |row: &Self| row.migrations).means("how many files it has"),
            Column::int("added", |row: &Self| row.count(Change::Added))
                .means("how many of them are new since the last seal"),
            Column::int("changed", |row: &Self| row.count(Change::Changed))
                .means("how many of them have changed since then"),
            Column::int("removed", |row: &Self| row.count(Change::Removed))
                .means("how many files were removed since then"),
            Column::optional_text("needs", |row: &Self| {
                (!row.needs.is_empty()).then(|| row.needs.join(", "))
            })
            .means("the migrations of other tracks that its files name"),
            Column::text("file", |row: &Self| row.file.display().to_string())
                .means("the lock file"),
        ]
    }
}
