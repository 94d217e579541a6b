//! `migrate`: the overview.

use nu_plugin::{EngineInterface, EvaluatedCall, Plugin, PluginCommand};
use nu_protocol::{
    Category, Example, IntoPipelineData, LabeledError, PipelineData, Signature, SyntaxShape, Type,
    Value, did_you_mean,
};

use super::help::help;
use crate::MigratePlugin;
use crate::error::visible;

/// The command that only shows its help.
pub(super) struct Root;

/// The error for a word behind `migrate` that is no command.
fn unknown(typed: &Value) -> LabeledError {
    let word = typed.coerce_str().unwrap_or_default();
    let commands = MigratePlugin.commands();
    let names = commands
        .iter()
        .filter_map(|command| command.name().strip_prefix("migrate "));
    let names: Vec<_> = names.map(str::to_owned).collect();
    let help = match did_you_mean(&names, &word) {
        Some(near) => format!("did you mean `migrate {near}`?"),
        None => format!(
            "the commands are {}; type `migrate` for an overview",
            names.join(", ")
        ),
    };
    LabeledError::new(visible(&format!("there is no command `migrate {word}`")))
        .with_code("migrate::unknown_command")
        .with_help(help)
        .with_label("no command", typed.span())
}

impl PluginCommand for Root {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate"
    }

    fn description(&self) -> &str {
        "PostgreSQL migrations: independent tracks in one database, run by psql."
    }

    fn extra_description(&self) -> &str {
        help(
            "A migration is a file {timestamp}_{track}_{description}.sql. Every track has its own \
             history, kept in a ledger table in the database. One run applies all tracks, core \
             first. A migration can use everything that psql can do.",
            &[],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .rest(
                "command",
                SyntaxShape::Any,
                "a mistyped command; the error suggests a similar one",
            )
            .allows_unknown_args()
            .input_output_type(Type::Nothing, Type::String)
            .category(Category::Database)
    }

    fn search_terms(&self) -> Vec<&str> {
        vec!["postgres", "postgresql", "schema", "sql", "psql"]
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: r#"migrate add ./db/core "create customers""#,
                description: "First: create a migration file, and write SQL into it",
                result: None,
            },
            Example {
                example: "migrate status ./db",
                description: "Second: see what is pending; PGDATABASE or --database names the database",
                result: None,
            },
            Example {
                example: "migrate run ./db",
                description: "Third: apply the pending migrations, all or nothing",
                result: None,
            },
            Example {
                example: "migrate",
                description: "Show the commands",
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
        if let Some(typed) = call.positional.first() {
            return Err(unknown(typed));
        }
        let help = engine.get_help()?;
        Ok(Value::string(help, call.head).into_pipeline_data())
    }
}
