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
        "Write a track's lock file: its files, their checksums, and what they need of other tracks."
    }

    fn extra_description(&self) -> &str {
        help(
            "From then on, `run`, `rehearse` and `validate` refuse the track when one of its files was added, \
         changed or removed and the track was not sealed again. The file is TRACK.migrate.lock in the track's \
         folder, with a line for each file; commit it. Two branches that both change the track meet in it \
         when they are merged: keep the files of both, and seal again. Without a lock file nothing is \
         compared, so delete it to unseal a track. No database is asked.",
            &[columns::<SealRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .named(
                "track",
                SyntaxShape::String,
                "the track, where the directory has several",
                Some('t'),
            )
            .switch(
                "dry-run",
                "tell what would be sealed, and write nothing",
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
                description: "Seal one track of several, and say so in a merge request",
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
                .means("how many have changed since then"),
            Column::int("removed", |row: &Self| row.count(Change::Removed))
                .means("how many are gone since then"),
            Column::optional_text("needs", |row: &Self| {
                (!row.needs.is_empty()).then(|| row.needs.join(", "))
            })
            .means("the steps of other tracks that its files name"),
            Column::text("file", |row: &Self| row.file.display().to_string())
                .means("the lock file"),
        ]
    }
}
