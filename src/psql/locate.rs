//! Finds the psql program on the caller's PATH, or where a setting says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
use crate::settings::{Origin, Sourced, resolve_path};

/// The absolute path of psql.
pub fn locate(
    setting: &Sourced,
    caller: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<PathBuf, Error> {
    let search = environment.get("PATH");
    let found = if setting.text.contains('/') {
        which::which_in_global(resolve_path(setting, caller), search).map(|mut found| found.next())
    } else {
        which::which_in(&setting.text, search, caller).map(Some)
    };
    found.ok().flatten().ok_or_else(|| Error::NotFound {
        wanted: setting.text.clone(),
        origin: Some(setting.origin.clone()).filter(|origin| *origin != Origin::Default),
        search: search.cloned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn by_name_on_the_callers_path_or_by_path_from_where_the_setting_stands() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let psql = root.join("bin/psql");
        program(&psql);
        let path = BTreeMap::from([("PATH".to_owned(), root.join("bin").display().to_string())]);
        let setting = |text: &str, origin| Sourced {
            text: text.to_owned(),
            origin,
        };

        assert_eq!(
            locate(&setting("psql", Origin::Default), root, &path).unwrap(),
            psql
        );
        assert_eq!(
            locate(&setting("./bin/psql", Origin::PluginConfig), root, &path).unwrap(),
            psql
        );
        let file = Origin::File {
            path: root.join("bin/migrate.json"),
            line: 1,
            column: 1,
        };
        assert_eq!(
            locate(&setting("./psql", file), Path::new("/"), &path).unwrap(),
            psql
        );
        let absent = locate(&setting("psql", Origin::Default), root, &BTreeMap::new());
        assert!(
            matches!(absent, Err(Error::NotFound { search: None, .. })),
            "{absent:?}"
        );
    }
}
