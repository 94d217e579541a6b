//! `migrate adopt`: takes over a database that another tool has migrated.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, Flag, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{adoption, switch};
use super::completion::completes;
use super::help::{columns, help};
use super::signature::{MigrateSignature, or_default};
use super::table::{Column, Row};
use super::{MigratePlugin, answer};
use crate::settings::Key;
use crate::verbs::adopt::{AdoptRow, Order, adopt};

pub struct Adopt;

impl PluginCommand for Adopt {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate adopt"
    }

    fn description(&self) -> &str {
        "Take over the history of another tool: its applied migrations count as applied."
    }

    fn extra_description(&self) -> &str {
        help(
            "Reads the other tool's history and finds the file of each applied version. If that \
             tool records checksums, the files are compared with them. Then these files are \
             marked as applied, with the times that the tool has recorded. All of this is one \
             transaction. The other tool's table is not changed.\n\n\
             Nothing is marked if a migration of that tool has failed, if a file differs, or if a \
             version has no file. With --partial, versions without a file are left out. With \
             --baseline, no other tool is read: all files up to a timestamp are marked.\n\n\
             state is marked, or planned with --dry-run. It is known if the ledger already has \
             the migration, replaced if a squash replaces it, and unmapped if it has no file.",
            &[columns::<AdoptRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .param(
                Flag::new("from")
                    .arg(SyntaxShape::String)
                    .desc("the tool whose history is taken over"),
            )
            .named(
                "table",
                SyntaxShape::String,
                "the tool's table, if it has another name than usual",
                None,
            )
            .named(
                "baseline",
                SyntaxShape::Any,
                "mark all files up to this: 14 digits, or a datetime",
                None,
            )
            .switch("partial", "leave out versions that have no file", None)
            .switch("dry-run", "show what would be marked", Some('n'))
            .named(
                "lock-wait",
                SyntaxShape::Duration,
                or_default("how long to wait for another run", Key::LockWait),
                None,
            )
            .gives::<AdoptRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate adopt ./db --track core --baseline 20240131000000 --dry-run",
                description: "What would count as applied",
                result: None,
            },
            Example {
                example: "try { migrate adopt ./db --track core --from dbmate --dry-run } catch {|e| $e.msg }",
                description: "What dbmate has applied",
                result: None,
            },
            Example {
                example: "migrate adopt ./db --track core --baseline 20240131000000",
                description: "Mark all files up to a timestamp as applied, without another tool",
                result: None,
            },
            Example {
                example: "migrate adopt ./db --track core --baseline 20240131000000 --dry-run | where state == planned",
                description: "Only the files that would be marked",
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
            let order = Order {
                source: adoption(call)?,
                partial: switch(call, "partial")?,
                dry_run: switch(call, "dry-run")?,
            };
            adopt(context, &order)
        })
    }
}

impl Row for AdoptRow {
    const PRIORITY: &'static [&'static str] = &["name"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row: &Self| row.track.to_string())
                .means("the track of the migration"),
            Column::text("state", |row: &Self| row.decision.to_string())
                .means("marked, planned (with --dry-run), known, replaced or unmapped"),
            Column::optional_text("name", |row: &Self| row.name.clone())
                .means("the file; empty if there is none"),
            Column::optional_date("applied_at", |row: &Self| row.applied_at)
                .means("when the other tool applied it"),
            Column::optional_bool("verified", |row: &Self| row.is_verified)
                .means("whether the file has the other tool's checksum; empty if it records none"),
            Column::text("version", |row: &Self| row.version.clone())
                .means("the version as the other tool writes it"),
        ]
    }
}
