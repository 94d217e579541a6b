//! The text that a child nu runs around a script.
//! Pure, from escaped literals; must not know how the child is started.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::caller::literal;
use super::script::Script;

/// The files that the text refers to.
pub(super) struct Files {
    /// The plugin, as nu's registry describes it.
    pub registry: PathBuf,
    pub environment: PathBuf,
    /// `$env.MIGRATION`.
    pub migration: PathBuf,
    pub prelude: Option<PathBuf>,
    /// Made when everything before the script is done.
    pub started: PathBuf,
    /// Where the script's result goes.
    pub result: PathBuf,
    pub error: PathBuf,
}

/// Loads the caller's context, runs the script and keeps what it gives or why it fails.
///
/// One text, parsed as a whole before anything of it runs, so that a script that does not parse
/// does nothing. What comes after the prelude uses commands that were bound before it, and so it
/// cannot be changed by what the prelude defines. `source` keeps the script's own name and lines in
/// errors. Without the `exit`, nu would start `tput` four times to print an empty result.
pub(super) fn run(script: &Script, files: &Files) -> String {
    let call = if script.has_main { ";\n    main" } else { "" };
    let mark = Uuid::new_v4().simple().to_string();
    format!(
        "{preamble}$env.MIGRATION = (open --raw {migration} | from nuon)
def keep-{mark} [file: path] {{ to nuon | save --raw --force $file }}
def leave-{mark} [code: int] {{ exit $code }}
{prelude}null | keep-{mark} {started}
try {{
    let result = (
    source {script}{call}
    )
    try {{ $result | keep-{mark} {result} }}
}} catch {{|error|
    {{
        details: $error.details
        rendered: $error.rendered
    }} | keep-{mark} {error}
    leave-{mark} 1
}}
leave-{mark} 0
",
        started = quoted(&files.started),
        preamble = preamble(files),
        migration = quoted(&files.migration),
        prelude = prelude(files),
        script = quoted(&script.path),
        result = quoted(&files.result),
        error = quoted(&files.error),
    )
}

/// Parses the script and runs nothing of it.
pub(super) fn parse(script: &Script, files: &Files) -> String {
    format!(
        "{}{}def never-called [] {{\n    source {}\n}}\n",
        preamble(files),
        prelude(files),
        quoted(&script.path)
    )
}

fn preamble(files: &Files) -> String {
    format!(
        "plugin use --plugin-config {} migrate\nload-env (open --raw {} | from nuon)\n",
        quoted(&files.registry),
        quoted(&files.environment)
    )
}

fn prelude(files: &Files) -> String {
    files
        .prelude
        .as_deref()
        .map(|prelude| format!("source {}\n", quoted(prelude)))
        .unwrap_or_default()
}

fn quoted(path: &Path) -> String {
    literal(&path.to_string_lossy())
}
