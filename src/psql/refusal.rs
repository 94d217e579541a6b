//! Why psql could not connect, from what it says.
//! Pure. A connection has no SQLSTATE to go by, so this is the one place that reads wording;
//! what it does not recognise, such as another language, stays a general failure.

use super::Error;
use super::connection::NO_DATABASE;

/// An error about what psql has said.
type About = fn(String) -> Error;

const UNREACHABLE: About = |detail| Error::Unreachable { detail };
const ACCESS_DENIED: About = |detail| Error::AccessDenied { detail };
/// SQLSTATE 53300, which psql does not show of a connection that it did not get.
const FULL: About = |detail| Error::Full { detail };
const NO_SUCH_DATABASE: About = |detail| Error::NoSuchDatabase { detail };

/// psql's exit status when it could not connect (psql manual, "Exit Status").
const NO_CONNECTION: i32 = 2;

const SIGNS: [(&str, About); 22] = [
    ("too many clients", FULL),
    ("connection slots are reserved", FULL),
    ("too many connections for", FULL),
    ("authentication failed", ACCESS_DENIED),
    ("no password supplied", ACCESS_DENIED),
    ("no pg_hba.conf entry", ACCESS_DENIED),
    ("pg_hba.conf rejects", ACCESS_DENIED),
    ("authentication method requirement", ACCESS_DENIED),
    ("permission denied for database", ACCESS_DENIED),
    ("is not permitted to log in", ACCESS_DENIED),
    ("FATAL:  role ", ACCESS_DENIED),
    ("is not currently accepting connections", ACCESS_DENIED),
    ("FATAL:  database ", NO_SUCH_DATABASE),
    ("Connection refused", UNREACHABLE),
    ("No such file or directory", UNREACHABLE),
    ("could not translate host name", UNREACHABLE),
    ("timeout expired", UNREACHABLE),
    ("timed out", UNREACHABLE),
    ("is unreachable", UNREACHABLE),
    ("No route to host", UNREACHABLE),
    ("the database system is", UNREACHABLE),
    ("server closed the connection unexpectedly", UNREACHABLE),
];

/// The error for a psql that ended before it answered.
pub fn refused(stderr: &[String], code: Option<i32>) -> Error {
    let said = stderr.join("\n").replace('\t', "  ");
    if said.contains("invalid command \\warn") {
        return Error::TooOld;
    }
    if said.contains("unsupported startup parameter") {
        return Error::Pooled;
    }
    if said.contains(NO_DATABASE) {
        return Error::NoDatabase;
    }
    // psql itself cannot run: a library is missing, or it is no psql.
    if code != Some(NO_CONNECTION) {
        return Error::Ended { detail: said };
    }
    let detail = said.trim().trim_start_matches("psql: error: ").to_owned();
    match SIGNS.iter().find(|(sign, _)| said.contains(sign)) {
        Some((_, about)) => about(detail),
        None => Error::NotConnected { detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_apart() {
        let not_connected: About = |detail| Error::NotConnected { detail };
        let cases: [(&str, About); 10] = [
            (
                "connection failed: FATAL:  sorry, too many clients already",
                FULL,
            ),
            (
                "connection failed: FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
                FULL,
            ),
            (
                "connection failed: FATAL:  too many connections for database \"erp\"",
                FULL,
            ),
            (
                "connection to server on socket \"/tmp/.s.PGSQL.5432\" failed: No such file or directory",
                UNREACHABLE,
            ),
            (
                "connection to server at \"h\" failed: FATAL:  password authentication failed for user \"me\"",
                ACCESS_DENIED,
            ),
            (
                "connection to server at \"h\" failed: fe_sendauth: no password supplied",
                ACCESS_DENIED,
            ),
            (
                "connection to server at \"h\" failed: FATAL:  role \"me\" does not exist",
                ACCESS_DENIED,
            ),
            (
                "connection to server at \"h\" failed: FATAL:  database \"x\" does not exist",
                NO_SUCH_DATABASE,
            ),
            (
                "connection to server at \"h\" failed: FATAL:  Datenbank »x« existiert nicht",
                not_connected,
            ),
            ("definition of service \"x\" not found", not_connected),
        ];
        for (said, expected) in cases {
            let found = refused(&[format!("psql: error: {said}")], Some(2));
            assert_eq!(found.to_string(), expected(said.to_owned()).to_string());
        }
    }

    #[test]
    fn psql_itself_may_be_the_trouble() {
        let old = "psql:/dev/fd/3:9: error: invalid command \\warn".to_owned();
        assert!(matches!(refused(&[old], Some(3)), Error::TooOld));
        assert!(matches!(refused(&[], Some(0)), Error::Ended { .. }));
    }

    #[test]
    fn a_guess_that_was_prevented_is_a_database_nobody_named() {
        let said = format!("psql: error: FATAL:  Datenbank »{NO_DATABASE}« existiert nicht");
        assert!(matches!(refused(&[said], Some(2)), Error::NoDatabase));
    }
}
