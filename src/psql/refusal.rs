//! Why psql could not connect, from what it says.
//! Pure. A connection has no SQLSTATE to go by, so this is the one place that reads wording;
//! what it does not recognise, such as another language, stays a general failure.

use crate::connection::NO_DATABASE;
use crate::error::Error;

/// What stood in the way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No server answered.
    Unreachable,
    /// The server does not let this user in.
    Authentication,
    /// The server has no such database.
    NoSuchDatabase,
    /// Something else.
    Other,
}

/// psql's exit status when it could not connect (psql manual, "Exit Status").
const NO_CONNECTION: i32 = 2;

const SIGNS: [(&str, Refusal); 20] = [
    ("authentication failed", Refusal::Authentication),
    ("no password supplied", Refusal::Authentication),
    ("no pg_hba.conf entry", Refusal::Authentication),
    ("pg_hba.conf rejects", Refusal::Authentication),
    ("authentication method requirement", Refusal::Authentication),
    ("permission denied for database", Refusal::Authentication),
    ("is not permitted to log in", Refusal::Authentication),
    ("FATAL:  role ", Refusal::Authentication),
    (
        "is not currently accepting connections",
        Refusal::Authentication,
    ),
    ("FATAL:  database ", Refusal::NoSuchDatabase),
    ("Connection refused", Refusal::Unreachable),
    ("No such file or directory", Refusal::Unreachable),
    ("could not translate host name", Refusal::Unreachable),
    ("timeout expired", Refusal::Unreachable),
    ("timed out", Refusal::Unreachable),
    ("is unreachable", Refusal::Unreachable),
    ("No route to host", Refusal::Unreachable),
    ("the database system is", Refusal::Unreachable),
    (
        "server closed the connection unexpectedly",
        Refusal::Unreachable,
    ),
    ("too many clients", Refusal::Unreachable),
];

/// The error for a psql that ended before it answered.
pub fn refused(stderr: &[String], code: Option<i32>) -> Error {
    let said = stderr.join("\n").replace('\t', "  ");
    if said.contains("invalid command \\warn") {
        return Error::PsqlTooOld;
    }
    if said.contains("unsupported startup parameter") {
        return Error::PooledConnection;
    }
    if said.contains(NO_DATABASE) {
        return Error::NoDatabase;
    }
    // psql itself cannot run: a library is missing, or it is no psql.
    if code != Some(NO_CONNECTION) {
        return Error::PsqlEnded { detail: said };
    }
    let refusal = SIGNS
        .iter()
        .find(|(sign, _)| said.contains(sign))
        .map_or(Refusal::Other, |(_, refusal)| *refusal);
    let detail = said.trim().trim_start_matches("psql: error: ").to_owned();
    Error::ConnectionRefused { refusal, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_apart() {
        let cases = [
            (
                "connection to server on socket \"/tmp/.s.PGSQL.5432\" failed: No such file or directory",
                Refusal::Unreachable,
            ),
            (
                "connection to server at \"h\" failed: FATAL:  password authentication failed for user \"me\"",
                Refusal::Authentication,
            ),
            (
                "connection to server at \"h\" failed: fe_sendauth: no password supplied",
                Refusal::Authentication,
            ),
            (
                "connection to server at \"h\" failed: FATAL:  role \"me\" does not exist",
                Refusal::Authentication,
            ),
            (
                "connection to server at \"h\" failed: FATAL:  database \"x\" does not exist",
                Refusal::NoSuchDatabase,
            ),
            (
                "connection to server at \"h\" failed: FATAL:  Datenbank »x« existiert nicht",
                Refusal::Other,
            ),
            ("definition of service \"x\" not found", Refusal::Other),
        ];
        for (said, expected) in cases {
            match refused(&[format!("psql: error: {said}")], Some(2)) {
                Error::ConnectionRefused { refusal, detail } => {
                    assert_eq!(refusal, expected, "{said}");
                    assert_eq!(detail, said);
                }
                other => panic!("{said}: {other:?}"),
            }
        }
    }

    #[test]
    fn psql_itself_may_be_the_trouble() {
        let old = "psql:/dev/fd/3:9: error: invalid command \\warn".to_owned();
        assert!(matches!(refused(&[old], Some(3)), Error::PsqlTooOld));
        assert!(matches!(refused(&[], Some(0)), Error::PsqlEnded { .. }));
    }

    #[test]
    fn a_guess_that_was_prevented_is_a_database_nobody_named() {
        let said = format!("psql: error: FATAL:  Datenbank »{NO_DATABASE}« existiert nicht");
        assert!(matches!(refused(&[said], Some(2)), Error::NoDatabase));
    }
}
