//! psql's own state and the session's: what every step finds, whatever the one before has left.

use std::collections::BTreeMap;
use std::time::Duration;

use super::constraints::{CHECK, CHECK_AND_DEFER, CHECK_AND_RESET, Followed};
use crate::database::questions::{CONNECTION_CHECK, no_timeouts};
use crate::psql::connection::Keepalives;
use crate::sql::quote::{Argument, set_all};

/// psql's own state as every step expects it, whatever the file before has set.
pub(super) const PSQL_STATE: &str = "\
\\set ECHO none
\\set ON_ERROR_STOP 1
\\set AUTOCOMMIT on
\\set ON_ERROR_ROLLBACK off
\\set SINGLELINE off
\\set SINGLESTEP off
\\set ECHO_HIDDEN off
\\set HIDE_TABLEAM off
\\set HIDE_TOAST_COMPRESSION off
\\set QUIET on
\\set VERBOSITY verbose
\\set SHOW_CONTEXT errors
\\set SHOW_ALL_RESULTS on
\\unset FETCH_COUNT
\\timing off
\\o
\\pset format unaligned
\\pset tuples_only on
\\pset expanded off
\\pset pager off
\\pset null ''
\\pset recordsep '\\n'
\\pset fieldsep '|'
\\pset title
\\pset numericlocale off
";

/// What holds for the session beside the server's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Can the server look whether psql is still there?
    pub checks_connection: bool,
    /// How the server notices that psql is out of reach.
    pub keepalives: Option<Keepalives>,
    /// How long a statement may wait for a lock; zero is for ever.
    pub lock_timeout: Duration,
    /// How long a statement may take; zero is for ever.
    pub statement_timeout: Duration,
    /// Is it a coordinator of Citus?
    pub is_citus: bool,
    /// Can what leaves our transaction only read? So it is in a rehearsal.
    pub is_read_only_outside: bool,
    /// What a login trigger had set: a new session would have it, and RESET takes it away.
    pub login_settings: BTreeMap<String, String>,
    /// What would end the session for its length, as far as the server knows it.
    pub session_timeouts: Vec<String>,
    /// May there be deferrable constraints?
    pub has_deferrable: bool,
    /// May the user write DO blocks?
    pub has_plpgsql: bool,
}

impl Limits {
    pub(super) fn statements(&self) -> Vec<String> {
        let mut statements = self.restore_login_settings();
        statements.extend([
            "SET client_encoding = 'UTF8'".to_owned(),
            set_timeout("lock_timeout", self.lock_timeout),
            set_timeout("statement_timeout", self.statement_timeout),
        ]);
        statements.extend(no_timeouts(&self.session_timeouts));
        if self.is_read_only_outside {
            statements.push("SET default_transaction_read_only = on".to_owned());
        }
        if self.checks_connection {
            statements.push(format!(
                "SET client_connection_check_interval = '{CONNECTION_CHECK}'"
            ));
        }
        let keepalives = self.keepalives.map(Keepalives::of_server);
        statements.extend(
            keepalives
                .into_iter()
                .flatten()
                .map(|(name, value)| format!("SET {name} = '{value}'")),
        );
        statements
    }

    fn restore_login_settings(&self) -> Vec<String> {
        let settings: Vec<_> = self
            .login_settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        set_all(&settings).into_iter().collect()
    }

    pub(super) fn constraints(&self, followed: Followed<'_>) -> Option<&'static str> {
        self.has_deferrable.then_some(match followed {
            Followed::ByCommit(_) => CHECK,
            Followed::ByAnother if self.has_plpgsql => CHECK_AND_RESET,
            Followed::ByAnother => CHECK_AND_DEFER,
        })
    }
}

pub(super) fn set_timeout(name: &str, timeout: Duration) -> String {
    format!("SET {name} = '{}ms'", timeout.as_millis())
}

/// Lists psql's variables.
pub fn list_variables() -> String {
    "\\set\n".to_owned()
}

/// Forgets variables, and gives environment variables their value back.
pub fn forget<'a>(
    variables: impl Iterator<Item = &'a String>,
    environment: impl Iterator<Item = (&'a String, Option<&'a String>)>,
) -> String {
    let variables: String = variables.map(|name| format!("\\unset {name}\n")).collect();
    let environment: String = environment
        .map(|(name, value)| {
            let value = value.map(|value| Argument(value).to_string());
            format!(
                "\\setenv {} {}\n",
                Argument(name),
                value.unwrap_or_default()
            )
        })
        .collect();
    variables + &environment
}

const RESET_ALL: &str = "RESET ALL";

/// What a file may have left in the session. RESET comes first: constraints are checked by the
/// session's own user.
pub(super) fn clean_session(limits: &Limits) -> Vec<String> {
    let mut statements = [
        "RESET SESSION AUTHORIZATION",
        RESET_ALL,
        "CLOSE ALL",
        "DISCARD TEMP",
        "DEALLOCATE ALL",
        "UNLISTEN *",
    ]
    .map(str::to_owned)
    .to_vec();
    statements.extend(limits.statements());
    statements
}

/// Statements in one message to the server, where it takes them so. Citus sends a whole message with
/// RESET ALL in it to its workers, where it undoes what `propagate_set_commands` has set.
pub(super) fn joined(statements: &[String], limits: &Limits) -> String {
    let is_apart = |statement: &String| limits.is_citus && statement == RESET_ALL;
    statements
        .chunk_by(|one, next| !is_apart(one) && !is_apart(next))
        .map(|message| message.join("\\; "))
        .collect::<Vec<_>>()
        .join(";\n")
}

pub(super) fn in_one_message(statements: &[String], limits: &Limits, last: &str) -> String {
    // The server decodes a message as a whole before RESET ALL in it can undo the encoding that
    // a file has set.
    let encoding = if last.is_ascii() {
        ""
    } else {
        "\\encoding UTF8\n"
    };
    format!("{encoding}{}\\;\n{last}", joined(statements, limits))
}
