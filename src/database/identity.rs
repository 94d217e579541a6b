//! Which server a session is on, and which of its processes serves it: what a later session is
//! compared with before a word is believed. Pure.

use serde::Deserialize;

/// A server and one of its processes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// The cluster's number since `initdb`, which its copies share. Some services do not tell.
    pub system: Option<String>,
    /// The history of its WAL, which changes with every promotion. Some services do not tell.
    pub timeline: Option<String>,
    /// When the server was started, in microseconds since 1970: no two have this in common.
    pub started: i64,
    /// Is it a standby?
    pub in_recovery: bool,
    /// The process of the session.
    pub backend: i64,
    /// When that began, in microseconds since 1970: numbers of processes come again.
    pub backend_start: Option<i64>,
}

/// What is learnt of a server before it is changed.
#[derive(Deserialize)]
pub struct Known {
    #[serde(flatten)]
    pub identity: Identity,
    /// May the user write DO blocks in PL/pgSQL?
    pub has_plpgsql: bool,
}

/// How the server of a later session relates to that of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kinship {
    /// It is the same, started once.
    Same,
    /// It is the same, started again in between.
    Restarted,
    /// A standby, which may know less and knows nothing for sure.
    Standby,
    /// A copy that has become a primary since.
    Promoted {
        /// The timeline of the earlier session.
        from: String,
        /// The timeline now.
        to: String,
    },
    /// A cluster that has nothing to do with it.
    Stranger,
    /// A server that was started at another time and does not tell what it is.
    Unclear,
}

impl Kinship {
    /// Is it the same server, so that what it does not have is nowhere?
    pub fn is_same(&self) -> bool {
        matches!(self, Self::Same | Self::Restarted)
    }
}

impl Identity {
    /// Compares the server of a later session with this one.
    pub fn kinship(&self, later: &Self) -> Kinship {
        if later.in_recovery {
            return Kinship::Standby;
        }
        if later.started == self.started {
            return Kinship::Same;
        }
        match (&self.system, &later.system) {
            (Some(one), Some(other)) if one != other => return Kinship::Stranger,
            (Some(_), Some(_)) => {}
            _ => return Kinship::Unclear,
        }
        match (&self.timeline, &later.timeline) {
            (Some(from), Some(to)) if from != to => Kinship::Promoted {
                from: from.clone(),
                to: to.clone(),
            },
            (Some(_), Some(_)) => Kinship::Restarted,
            _ => Kinship::Unclear,
        }
    }

    /// Asks whether this session's process is still there: `t` or `f`.
    pub fn is_still_there(&self) -> String {
        format!("SELECT EXISTS ({});\n", self.process("pid"))
    }

    /// Ends it, if we may.
    pub fn terminate(&self) -> String {
        format!(
            "\\set ON_ERROR_STOP 0\n{};\n\\set ON_ERROR_STOP 1\n",
            self.process("pg_catalog.pg_terminate_backend(pid)")
        )
    }

    fn process(&self, column: &str) -> String {
        // Another user's process does not tell when it began.
        let began = self.backend_start.map_or_else(String::new, |began| {
            format!(" AND coalesce({BACKEND_START} = {began}, true)")
        });
        format!(
            "SELECT {column} FROM pg_catalog.pg_stat_activity WHERE pid = {}{began}",
            self.backend
        )
    }
}

const BACKEND_START: &str = "(extract(epoch FROM backend_start) * 1000000)::bigint";

/// Asks for the facts of [`Known`].
pub fn identify() -> String {
    // PostgreSQL itself lets everyone ask for all of it; services that are built on it do not.
    let system = "(SELECT system_identifier::text FROM pg_catalog.pg_control_system())";
    // The control file learns of a promotion only with the next checkpoint.
    let timeline = "CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN \
                    pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END";
    format!(
        "\\set ON_ERROR_STOP 0\n{}\\if :ERROR\n{}\\endif\n\\set ON_ERROR_STOP 1\n",
        facts(system, timeline),
        facts("NULL", "NULL")
    )
}

fn facts(system: &str, timeline: &str) -> String {
    format!(
        "SELECT json_build_object(\n  \
           'system', {system},\n  'timeline', {timeline},\n  \
           'started', (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint,\n  \
           'in_recovery', pg_catalog.pg_is_in_recovery(),\n  \
           'backend', pg_catalog.pg_backend_pid(),\n  \
           'backend_start', (SELECT {BACKEND_START}\n    \
             FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())),\n  \
           'has_plpgsql', EXISTS (SELECT FROM pg_catalog.pg_language\n    \
             WHERE lanname = 'plpgsql' AND pg_catalog.has_language_privilege(oid, 'USAGE')));\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            system: Some("7".to_owned()),
            timeline: Some("00000001".to_owned()),
            started: 5,
            in_recovery: false,
            backend: 42,
            backend_start: Some(6),
        }
    }

    fn later(change: impl FnOnce(&mut Identity)) -> Kinship {
        let mut later = Identity {
            backend: 43,
            started: 9,
            ..identity()
        };
        change(&mut later);
        identity().kinship(&later)
    }

    #[test]
    fn a_server_is_recognised_and_no_other_is_taken_for_it() {
        assert_eq!(later(|_| {}), Kinship::Restarted);
        assert_eq!(later(|server| server.started = 5), Kinship::Same);
        assert_eq!(later(|server| server.in_recovery = true), Kinship::Standby);
        let other = |server: &mut Identity| server.system = Some("8".to_owned());
        assert_eq!(later(other), Kinship::Stranger);
        let promoted = Kinship::Promoted {
            from: "00000001".to_owned(),
            to: "00000002".to_owned(),
        };
        let next = |server: &mut Identity| server.timeline = Some("00000002".to_owned());
        assert_eq!(later(next), promoted);
    }

    #[test]
    fn a_server_that_does_not_tell_is_recognised_by_its_start_alone() {
        for silent in [
            |server: &mut Identity| server.system = None,
            |server: &mut Identity| server.timeline = None,
        ] {
            assert_eq!(later(silent), Kinship::Unclear);
            let same = later(|server| {
                silent(server);
                server.started = 5;
            });
            assert_eq!(same, Kinship::Same);
        }
    }

    #[test]
    fn a_process_is_known_by_its_number_and_its_beginning() {
        let text = identity().terminate();
        assert!(text.contains("pid = 42 AND coalesce("), "{text}");
        assert!(text.contains("= 6, true)"), "{text}");
    }
}
