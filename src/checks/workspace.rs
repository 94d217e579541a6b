//! The temporary folder through which a child nu gets its context and gives its result; removed
//! when the command is over.
//! Must not know what the scripts are about.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nu_protocol::{PluginRegistryFile, Record, Span, Value};
use tempfile::TempDir;

use super::Error;
use super::caller::to_nuon;
use crate::error::NotWritten;

/// Where `use migrate/checks.nu` looks, in a folder of modules.
pub const MODULE: &str = "migrate/checks.nu";

/// The helpers for scripts, which every installation carries.
pub const CHECKS: &str = include_str!("../../nu/migrate/checks.nu");

/// Readable by nobody else: it holds what the caller's environment holds.
pub struct Workspace {
    folder: TempDir,
}

impl Workspace {
    /// Makes the folder with the caller's typed variables, and the plugin in the form of
    /// `plugin add`, so that no child has to start it before it is used.
    pub fn create(
        variables: Record,
        registry: fn() -> io::Result<PluginRegistryFile>,
    ) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("migrate-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| not_written(&std::env::temp_dir(), &error))?;
        let workspace = Self { folder };
        workspace
            .fill(variables, registry)
            .map_err(|error| not_written(workspace.folder.path(), &error))?;
        Ok(workspace)
    }

    fn fill(
        &self,
        variables: Record,
        registry: fn() -> io::Result<PluginRegistryFile>,
    ) -> io::Result<()> {
        let module = self.modules().join(MODULE);
        fs::create_dir_all(module.parent().unwrap_or(&module))?;
        fs::write(module, CHECKS)?;
        fs::write(
            self.environment(),
            nuon(Value::record(variables, Span::unknown()))?,
        )?;
        registry()?
            .write_to(fs::File::create(self.registry())?, None)
            .map_err(io::Error::other)
    }

    /// The folder for `NU_LIB_DIRS`, where `use migrate/checks.nu` looks.
    pub fn modules(&self) -> PathBuf {
        self.folder.path().join("modules")
    }

    pub(super) fn registry(&self) -> PathBuf {
        self.folder.path().join("plugin.msgpackz")
    }

    pub(super) fn environment(&self) -> PathBuf {
        self.folder.path().join("environment.nuon")
    }

    pub(super) fn migration(&self) -> PathBuf {
        self.folder.path().join("migration.nuon")
    }

    pub(super) fn started(&self) -> PathBuf {
        self.folder.path().join("started.nuon")
    }

    pub(super) fn result(&self) -> PathBuf {
        self.folder.path().join("result.nuon")
    }

    pub(super) fn error(&self) -> PathBuf {
        self.folder.path().join("error.nuon")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("session")
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes the folder ready for the next script.
    pub(super) fn begin(&self, record: Value) -> Result<(), Error> {
        for left in [self.started(), self.result(), self.error()] {
            match fs::remove_file(&left) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(not_written(&left, &error));
                }
                _ => {}
            }
        }
        nuon(record)
            .and_then(|text| fs::write(self.migration(), text))
            .map_err(|error| not_written(&self.migration(), &error))
    }
}

fn nuon(value: Value) -> io::Result<String> {
    to_nuon(&value).map_err(io::Error::other)
}

fn not_written(path: &Path, error: &io::Error) -> Error {
    NotWritten {
        path: path.to_owned(),
        reason: error.to_string(),
    }
    .into()
}
