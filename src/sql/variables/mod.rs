//! psql variables: which names are psql's, which every migration gets, which are free.
//! Pure; must not know how they get to psql.

pub mod usage;

use std::collections::BTreeMap;

/// The user's variables: from `--set` and the setting `variables`.
pub type Variables = BTreeMap<String, String>;

/// What every migration is told.
pub const INJECTED: [&str; 8] = [
    "migration_name",
    "track_name",
    "migration_timestamp",
    "migration_description",
    "migration_dir",
    "execution_id",
    "transaction_mode",
    "tool_version",
];

/// psql's own variables (psql manual, "Variables"): some steer it, others it sets itself.
const OWN: [&str; 46] = [
    "AUTOCOMMIT",
    "COMP_KEYWORD_CASE",
    "DBNAME",
    "ECHO",
    "ECHO_HIDDEN",
    "ENCODING",
    "ERROR",
    "FETCH_COUNT",
    "HIDE_TABLEAM",
    "HIDE_TOAST_COMPRESSION",
    "HISTCONTROL",
    "HISTFILE",
    "HISTSIZE",
    "HOST",
    "IGNOREEOF",
    "LASTOID",
    "LAST_ERROR_MESSAGE",
    "LAST_ERROR_SQLSTATE",
    "ON_ERROR_ROLLBACK",
    "ON_ERROR_STOP",
    "PIPELINE_COMMAND_COUNT",
    "PIPELINE_RESULT_COUNT",
    "PIPELINE_SYNC_COUNT",
    "PORT",
    "PROMPT1",
    "PROMPT2",
    "PROMPT3",
    "QUIET",
    "ROW_COUNT",
    "SERVER_VERSION_NAME",
    "SERVER_VERSION_NUM",
    "SERVICE",
    "SHELL_ERROR",
    "SHELL_EXIT_CODE",
    "SHOW_ALL_RESULTS",
    "SHOW_CONTEXT",
    "SINGLELINE",
    "SINGLESTEP",
    "SQLSTATE",
    "USER",
    "VERBOSITY",
    "VERSION",
    "VERSION_NAME",
    "VERSION_NUM",
    "WATCH_INTERVAL",
    "XHEADER_WIDTH",
];

/// Does psql itself know a variable of this name?
pub fn is_psqls_own(name: &str) -> bool {
    OWN.contains(&name)
}

/// Whether a user's variable may have this name.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !is_word || !starts_well {
        return Err(format!(
            "`{name}` cannot be a variable's name: letters, digits and underscores, not starting \
             with a digit"
        ));
    }
    if is_psqls_own(name) {
        return Err(format!("`{name}` is psql's own variable"));
    }
    if INJECTED.contains(&name) {
        Err(format!("`{name}` is set for every migration"))
    } else {
        Ok(())
    }
}

/// Whether psql can hold this value.
pub fn check_value(name: &str, value: &str) -> Result<(), String> {
    if value.contains('\0') {
        Err(format!(
            "the value of `{name}` has a zero byte, which psql cannot hold"
        ))
    } else {
        Ok(())
    }
}

/// The names in what `\set` alone prints: a line `NAME = 'VALUE'` each. A value may have lines
/// that look like another; a name too many does no harm where they are unset.
pub fn listed(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .filter_map(|line| line.split_once(" = '"))
        .map(|(name, _)| name.to_owned())
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_that_nobody_else_has() {
        for good in ["tenant", "_x1", "TENANT"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "1a", "a b", "ü", "a-b", "ON_ERROR_STOP", "track_name"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn psqls_own_list_is_read() {
        let lines = ["AUTOCOMMIT = 'on'", "x = 'two", "lines = '", "y = ''"].map(str::to_owned);
        assert_eq!(listed(&lines), ["AUTOCOMMIT", "x", "lines", "y"]);
    }
}
