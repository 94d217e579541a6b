//! The commands inside nushell's own test engine: no process, no server.

use nu_plugin_test_support::PluginTest;
use nu_protocol::{ShellError, Value};

use crate::MigratePlugin;

/// Evaluates a pipeline that stands in the crate's folder.
fn eval(pipeline: &str) -> Result<Value, Box<ShellError>> {
    let mut test = PluginTest::new("migrate", MigratePlugin.into())?;
    let folder = Value::test_string(env!("CARGO_MANIFEST_DIR"));
    test.engine_state_mut()
        .add_env_var("PWD".to_owned(), folder);
    Ok(test
        .eval(pipeline)?
        .into_value(nu_protocol::Span::test_data())?)
}

#[test]
fn a_table_arrives_as_promised() {
    let value = eval("migrate status examples/erp --offline").unwrap();
    let rows = value.as_list().unwrap();
    assert_eq!(rows.len(), 6);
    let state = rows[0].as_record().unwrap().get("state").unwrap();
    assert_eq!(state.as_str().unwrap(), "unknown");
}

#[test]
fn an_error_arrives_with_its_code() {
    let error = eval("migrate status nowhere --offline").unwrap_err();
    assert!(
        format!("{error:?}").contains("migrate::no_such_directory"),
        "{error:?}"
    );
}
