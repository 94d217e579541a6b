//! A real nu with the built plugin.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

/// The plugin under test.
pub(crate) const PLUGIN: &str = env!("CARGO_BIN_EXE_nu_plugin_migrate");

/// The nu program: `MIGRATE_TEST_NU`, else the one on PATH. It must be of the plugin's minor.
pub(crate) static NU: LazyLock<PathBuf> = LazyLock::new(|| {
    let program = std::env::var_os("MIGRATE_TEST_NU").map_or_else(
        || which::which("nu").expect("the tests need nu 0.115; `sh tests/run.sh` installs it"),
        PathBuf::from,
    );
    let output = Command::new(&program).arg("--version").output().unwrap();
    let version = String::from_utf8(output.stdout).unwrap();
    assert!(
        version.starts_with("0.115."),
        "the tests need nu 0.115, not {version}"
    );
    program
});

/// What a nu command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
}

impl Output {
    /// The output of a command that must succeed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The output of a command that must succeed, as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout.trim_end()
    }
}
