//! `migrate`: the overview.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{
    Category, Example, IntoPipelineData, LabeledError, PipelineData, Signature, Type, Value,
};

use crate::MigratePlugin;

/// The command that only shows its help.
pub(super) struct Root;

impl PluginCommand for Root {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate"
    }

    fn description(&self) -> &str {
        "PostgreSQL migrations: independent tracks in one database, run by psql."
    }

    fn extra_description(&self) -> &str {
        "A migration is a file {timestamp}_{track}_{description}.sql. Every track has its own \
         history, kept in a ledger table in the database; one run applies all of them, core \
         first. Everything psql can do works in a migration."
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .input_output_type(Type::Nothing, Type::String)
            .category(Category::Database)
    }

    fn search_terms(&self) -> Vec<&str> {
        vec!["postgres", "postgresql", "schema", "sql", "psql"]
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![Example {
            example: "migrate",
            description: "Show the commands",
            result: None,
        }]
    }

    fn run(
        &self,
        _plugin: &MigratePlugin,
        engine: &EngineInterface,
        call: &EvaluatedCall,
        _input: PipelineData,
    ) -> Result<PipelineData, LabeledError> {
        let help = engine.get_help()?;
        Ok(Value::string(help, call.head).into_pipeline_data())
    }
}
