//! Pre-flight validation: scripts in a nu of their own, closures in this one.

mod closures;
mod commands;
mod context;
mod helpers;
mod late;
mod scripts;

use crate::support::Project;

const A: &str = "20240101000000_core_a";
const B: &str = "20240102000000_core_b";
const C: &str = "20240103000000_core_c";

/// Three migrations, the second with this script.
fn with_script(script: &str) -> Project {
    let project = Project::with(&[
        (&format!("{A}.sql"), "CREATE TABLE a (id int);\n"),
        (&format!("{B}.sql"), "CREATE TABLE b (id int);\n"),
        (&format!("{C}.sql"), "CREATE TABLE c (id int);\n"),
    ]);
    project.write(&format!("db/{B}.nu"), script);
    project
}

/// A run that fails leaves nothing behind; gives its error.
#[track_caller]
fn refused(project: &Project, command: &str) -> String {
    let output = project.nu(command);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(project.tables(), "", "{}", output.stderr);
    output.stderr
}
