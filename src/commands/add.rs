//! `migrate add`: makes the next migration file.

use std::sync::LazyLock;

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, Flag, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{flag, positional, switch};
use super::completion::completes;
use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, answer};
use crate::verbs::add::{AddedRow, Order, add, template};

pub struct Add;

const HELP: &str = "The timestamp is the current time in UTC. If the track has a newer file, the \
     timestamp is later than that of this file. Without --track, the track is the only one in the \
     directory. If the directory has no migrations, its name is the track. The new file goes into the \
     folder of the track's newest file. If only other tracks have files, the new track gets a folder \
     of its own.\n\n\
     The templates are TEMPLATES. Your own templates are files NAME.sql in the folder `templates` of \
     the directory.";

impl PluginCommand for Add {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate add"
    }

    fn description(&self) -> &str {
        "Create the next migration file. Never overwrites a file."
    }

    fn extra_description(&self) -> &str {
        static TEXT: LazyLock<String> = LazyLock::new(|| {
            let [others @ .., last] = template::NAMES.as_slice() else {
                return String::new();
            };
            let others = others.join(", ");
            HELP.replace("TEMPLATES", &format!("{others} and {last}"))
        });
        help(&TEXT, &[columns::<AddedRow>()])
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .required(
                "description",
                SyntaxShape::String,
                "what the migration does, in a few words",
            )
            .named(
                "track",
                SyntaxShape::String,
                "the track of the new migration",
                Some('t'),
            )
            .param(
                Flag::new("template")
                    .arg(SyntaxShape::String)
                    .desc("begin with a template: its name, or a file"),
            )
            .switch(
                "no-transaction",
                "create a file that runs outside a transaction",
                None,
            )
            .switch("with-validation", "also create a validation script", None)
            .switch(
                "repeatable",
                "create a file that is applied again whenever it changes",
                None,
            )
            .switch("with-undo", "also create an undo file", None)
            .gives::<AddedRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: r#"migrate add ./db "create users" --track core"#,
                description: "A new migration in the track core",
                result: None,
            },
            Example {
                example: r#"migrate add ./db "add emails" --track core --with-validation"#,
                description: "A new migration, with a script that checks whether it may run",
                result: None,
            },
            Example {
                example: r#"migrate add ./db "invoice customer" --track core --template foreign-key"#,
                description: "Begin with a template",
                result: None,
            },
            Example {
                example: r#"migrate add ./db "price views" --track core --repeatable --template view"#,
                description: "A repeatable: repeat_core_price_views.sql",
                result: None,
            },
            Example {
                example: r#"migrate add ./db/impl "create users" | get file | each {|file| ^$env.EDITOR $file }"#,
                description: "Create a migration and edit it",
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
                description: positional(call, 1, "description")?,
                template: flag(call, "template")?,
                no_transaction: switch(call, "no-transaction")?,
                repeatable: switch(call, "repeatable")?,
                with_validation: switch(call, "with-validation")?,
                with_undo: switch(call, "with-undo")?,
            };
            add(context, &order)
        })
    }
}

impl Row for AddedRow {
    const PRIORITY: &'static [&'static str] = &["file"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("kind", |row: &Self| row.kind.to_string())
                .means("migration, validation, undo, or the data file of a template"),
            Column::text("file", |row: &Self| row.file.to_string_lossy().into_owned())
                .means("the new file"),
        ]
    }
}
