//! Finds the nu that hosts the plugin, so that scripts run in the same version of it.

use std::collections::BTreeMap;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;
use crate::process::spawn;

/// The variable in which nushell tells its version.
const VERSION: &str = "NU_VERSION";

/// The nu program: that of the calling shell itself where the system tells (Linux), else the one
/// on the caller's PATH, which must be of the same version.
///
/// # Errors
/// There is none, or it is another version.
pub fn find(environment: &BTreeMap<String, String>, folder: &Path) -> Result<PathBuf, Error> {
    match host() {
        Some(program) => Ok(program),
        None => on_path(environment, folder),
    }
}

/// The program of the parent process. An editor or a test may host the plugin, too.
fn host() -> Option<PathBuf> {
    let program = std::fs::read_link(format!("/proc/{}/exe", parent_id())).ok()?;
    (program.file_name()? == "nu" && program.is_file()).then_some(program)
}

fn on_path(environment: &BTreeMap<String, String>, folder: &Path) -> Result<PathBuf, Error> {
    let not_found = |problem: String| Error::NuNotFound { problem };
    let program = which::which_in("nu", environment.get("PATH"), folder)
        .map_err(|_| not_found("it is not on PATH".to_owned()))?;
    let Some(wanted) = environment.get(VERSION) else {
        return Ok(program);
    };
    let found = version(&program).map_err(|error| not_found(error.to_string()))?;
    if found == *wanted {
        Ok(program)
    } else {
        Err(not_found(format!(
            "this shell is nu {wanted}, and {} is {found}",
            program.display()
        )))
    }
}

fn version(program: &Path) -> std::io::Result<String> {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let output = spawn::output(&mut command)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_one_on_path_must_be_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("nu");
        fs::write(&program, "#!/bin/sh\necho 0.115.1\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let find = |version: &str| {
            let environment = [
                ("PATH", folder.path().display().to_string()),
                ("NU_VERSION", version.to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value));
            on_path(&BTreeMap::from(environment), folder.path())
        };
        assert_eq!(find("0.115.1").unwrap(), program);
        match find("0.116.0") {
            Err(Error::NuNotFound { problem }) => assert!(problem.contains("0.116.0")),
            other => panic!("{other:?}"),
        }
        assert!(on_path(&BTreeMap::new(), folder.path()).is_err());
    }
}
