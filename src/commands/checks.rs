//! `migrate checks`: the helpers of validation scripts for the user's own shell.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Category, Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{flag, switch};
use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, respond};
use crate::verbs::checks::{ChecksRow, Order, checks};

pub struct Checks;

impl PluginCommand for Checks {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate checks"
    }

    fn description(&self) -> &str {
        "Show or install the helpers for `use migrate/checks.nu *` in your own shell."
    }

    fn extra_description(&self) -> &str {
        help(
            "A validation script needs no installation to use the helpers. For your own shell, \
             --install writes the helpers to migrate/checks.nu, in the folder for your own \
             scripts that `$env.NU_LIB_DIRS` names. Install them again after an update of the \
             plugin. Without --install, nothing is written.\n\n\
             The helpers use psql to ask the database that the variables PGHOST, PGDATABASE and \
             so on name.",
            &[columns::<ChecksRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .switch("install", "write the file", None)
            .named(
                "into",
                SyntaxShape::Directory,
                "write into this folder instead of one of $env.NU_LIB_DIRS",
                None,
            )
            .category(Category::Database)
            .gives::<ChecksRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate checks",
                description: "Are the helpers installed, and where?",
                result: None,
            },
            Example {
                example: "migrate checks --install",
                description: "Install the helpers for `use migrate/checks.nu *` in the next shell",
                result: None,
            },
            Example {
                example: "migrate checks --install --into ./modules",
                description: "Install them in a project, for `use ./modules/migrate/checks.nu *`",
                result: None,
            },
            Example {
                example: "migrate checks | where state != current",
                description: "An empty table if the helpers are up to date",
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
        respond(engine, call, |shell| {
            let order = Order {
                install: switch(call, "install")?,
                into: flag(call, "into")?,
            };
            checks(&shell, &order)
        })
    }
}

impl Row for ChecksRow {
    const PRIORITY: &'static [&'static str] = &["state", "file"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("state", |row: &Self| row.state.to_string())
                .means("missing, current, outdated or written"),
            Column::text("file", |row: &Self| row.file.to_string_lossy().into_owned())
                .means("where the helpers are, or would be written"),
        ]
    }
}
