//! The text that psql is given, step by step.
//! Pure, from escaped types; must not know how the text gets to psql or what it answers.

mod completion;
mod constraints;
mod no_transaction;
mod objects;
mod question;
mod rehearsal;
mod state;
mod transaction;

pub use completion::{Completion, completion};
pub use constraints::Followed;
pub use no_transaction::{begin_outside, check_outside, clean_outside, finish_outside};
pub use objects::{Present, Remembered, Rows, Since, Told, Touched, drops, remember};
pub use question::{Bracket, question};
pub use rehearsal::{KEEP_ATTEMPT, attempted, look, rollback, trapped, undo_attempt};
pub use state::{Limits, forget, list_variables};
pub use transaction::{
    COMMITTED, Include, TRANSACTION_ENDED, Transaction, begin, commit, prepared_as, record,
    stop_unless_done, transaction_status,
};

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::database::ledger::entry::{Entry, Started};
    use crate::database::ledger::table::Place;
    use std::collections::BTreeMap;

    fn transaction() -> Transaction {
        Transaction {
            backend: 42,
            id: 739,
            has_deferrable: false,
            now: "2024-01-01".to_owned(),
            holds_lock: true,
            newest: 0,
        }
    }

    fn include() -> Include<'static> {
        Include {
            own: &[],
            file: Path::new(""),
            folder: Path::new(""),
            encoding: None,
            lock_timeout: None,
            statement_timeout: None,
            variables: &[],
        }
    }

    fn place() -> Place {
        Place {
            schema: "public".to_owned(),
            prefix: "m_".to_owned(),
        }
    }

    fn limits() -> Limits {
        Limits {
            checks_connection: true,
            keepalives: None,
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::ZERO,
            is_citus: false,
            is_read_only_outside: false,
            login_settings: BTreeMap::new(),
            session_timeouts: vec!["idle_session_timeout".to_owned()],
            has_deferrable: true,
            has_plpgsql: true,
        }
    }

    #[test]
    fn a_path_cannot_become_a_command() {
        let text = Include {
            file: Path::new("/it's 100%/ü\\a.sql"),
            folder: Path::new("/it's 100%"),
            ..include()
        }
        .text();
        assert!(
            text.contains("\n\\set ON_ERROR_STOP 1 \\i '/it''s 100%/ü\\\\a.sql' \\set"),
            "{text}"
        );
    }

    #[test]
    fn a_value_cannot_become_a_command() {
        let value = Some("it's\n\\! :x `date`".to_owned());
        let variables = [("v".to_owned(), value), ("w".to_owned(), None)];
        let text = Include {
            variables: &variables,
            ..include()
        }
        .text();
        assert!(
            text.starts_with("\\set v 'it''s\\n\\\\! :x `date`'\n\\unset w\n\\cd"),
            "{text}"
        );
    }

    #[test]
    fn what_a_file_alone_asks_for_comes_before_it() {
        let text = Include {
            encoding: Some("LATIN1"),
            lock_timeout: Some(Duration::from_millis(500)),
            ..include()
        }
        .text();
        let expected =
            "\\cd ''\nSET client_encoding = 'LATIN1';\nSET lock_timeout = '500ms';\n\\set LAST";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn on_citus_a_reset_goes_alone() {
        let limits = Limits {
            is_citus: true,
            ..limits()
        };
        let text = state::joined(&state::clean_session(&limits), &limits);
        assert!(
            text.starts_with(
                "RESET SESSION AUTHORIZATION;\nRESET ALL;\nCLOSE ALL\\; DISCARD TEMP\\; "
            ),
            "{text}"
        );
        assert_eq!(text.matches(";\n").count(), 2, "{text}");
    }

    #[test]
    fn limits_are_set_in_one_message() {
        let text = begin(&limits(), &place(), &["CREATE TABLE t ()".to_owned()]);
        assert!(
            text.starts_with(
                "SET client_encoding = 'UTF8'\\; SET lock_timeout = '5000ms'\\; SET statement_timeout = '0ms'\\; "
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "\\; SET client_connection_check_interval = '500ms';\nBEGIN READ WRITE\\;\nCREATE TABLE t ()\\;\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_guard_comes_first_and_names_the_backend_and_the_transaction() {
        let name = crate::tree::file_name::parse_recorded("20240101000000_core_ü.sql").unwrap();
        let entry = Entry {
            name: &name,
            hash: "h",
            started: Started::At("s"),
            execution_id: "e",
            validation: Some(Duration::from_millis(7)),
            parts: &BTreeMap::new(),
            undoes: None,
        };
        let text = record(
            &place(),
            &entry,
            &transaction(),
            &limits(),
            Followed::ByCommit(""),
        );
        assert!(
            text.starts_with("\\encoding UTF8\nSELECT FROM (SELECT 1)"),
            "{text}"
        );
        assert!(text.contains("pg_backend_pid() = 42 AND pg_catalog.txid_current() = 739"));
    }

    #[test]
    fn a_commit_asks_for_its_receipt() {
        assert_eq!(
            commit(&transaction(), "SELECT 2", 2, &limits()),
            "COMMIT\\;\nSELECT CASE WHEN pg_catalog.pg_backend_pid() = 42 AND (SELECT 2) = 2\n  \
                 THEN 'committed' END;\n"
        );
    }
}
