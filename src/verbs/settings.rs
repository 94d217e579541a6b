//! `migrate settings`: what is in force, where it comes from, and whether the database answers.

use serde::Deserialize;

use super::{Context, Error};
use crate::database::questions;
use crate::error::Report;
use crate::psql::connection::conninfo::split_password;
use crate::settings::overview::{Shown, overview};
use crate::settings::{Key, Sourced};

/// Variables of libpq that hold a secret.
const SECRETS: [&str; 2] = ["PGPASSWORD", "PGSSLPASSWORD"];
const HIDDEN: &str = "(hidden)";

/// A row of `migrate settings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRow {
    /// The setting, the variable, or what was tried.
    pub key: String,
    /// `None` where nobody says anything.
    pub value: Option<String>,
    pub source: Option<String>,
    /// What weaker sources say.
    pub overrides: Vec<String>,
    /// Did it work? `None` for what was not tried.
    pub works: Option<bool>,
}

/// What a run needs to be allowed.
#[derive(Debug, Deserialize)]
struct Rights {
    may_create: bool,
    /// Ledgers that the user may not read and write.
    unwritable: Vec<String>,
}

/// The settings in force; unless `offline`, the database is tried as well.
pub fn settings(context: &Context, offline: bool) -> Result<Vec<SettingRow>, Error> {
    let mut rows: Vec<_> = overview(&context.layers)
        .into_iter()
        .map(of_setting)
        .collect();
    rows.extend(of_libpq(context));
    if !offline {
        rows.extend(tried(context)?);
    }
    Ok(rows)
}

fn of_setting(shown: Shown) -> SettingRow {
    let value = |sourced: &Sourced| without_secrets(shown.key, &sourced.text);
    let overridden = |sourced: &Sourced| format!("{} {}", sourced.origin.name(), value(sourced));
    SettingRow {
        key: shown.key.to_string(),
        value: shown.given.as_ref().map(value),
        source: shown.given.as_ref().map(|given| given.origin.name()),
        overrides: shown.overrides.iter().map(overridden).collect(),
        works: None,
    }
}

/// A value as it may be shown: of a connection string without its password, of variables and
/// tracks their names alone.
fn without_secrets(key: Key, text: &str) -> String {
    match key {
        Key::Database => {
            split_password(text).map_or_else(|_| HIDDEN.to_owned(), |split| split.conninfo)
        }
        Key::Variables | Key::Tracks => {
            let object: Result<serde_json::Map<String, serde_json::Value>, _> =
                serde_json::from_str(text);
            let names = object.map(|object| object.keys().cloned().collect::<Vec<_>>().join(", "));
            names.unwrap_or_else(|_| HIDDEN.to_owned())
        }
        _ => text.to_owned(),
    }
}

/// libpq's own variables, as far as they are set.
fn of_libpq(context: &Context) -> Vec<SettingRow> {
    let environment = &context.caller.shell.environment;
    let set = environment
        .iter()
        .filter(|(name, value)| name.starts_with("PG") && !value.is_empty());
    set.map(|(name, value)| SettingRow {
        key: name.clone(),
        value: Some(if SECRETS.contains(&name.as_str()) {
            HIDDEN.to_owned()
        } else {
            value.clone()
        }),
        source: Some("environment".to_owned()),
        overrides: vec![],
        works: None,
    })
    .collect()
}

/// What became of a try.
fn row(key: &str, works: bool, value: String) -> SettingRow {
    SettingRow {
        key: key.to_owned(),
        value: Some(value),
        source: None,
        overrides: vec![],
        works: Some(works),
    }
}

/// Connects as a run does, and asks what a run needs. A failure is a row; only Ctrl-C is an error.
fn tried(context: &Context) -> Result<Vec<SettingRow>, Error> {
    let mut rows = Vec::new();
    match try_all(context, &mut rows) {
        Err(error) if error.is_interruption() => Err(error),
        Err(error) => {
            rows.push(row("connection", false, error.to_string()));
            Ok(rows)
        }
        Ok(()) => Ok(rows),
    }
}

fn try_all(context: &Context, rows: &mut Vec<SettingRow>) -> Result<(), Error> {
    let dialing = context
        .address()?
        .for_writing()
        .dial(&context.caller.interrupt)?;
    let mut database = dialing.answer()?;
    let server = database.server.clone();
    let version = format!("PostgreSQL {}.{}", server.major(), server.version % 10_000);
    rows.push(row("connection", true, server.reached().to_string()));
    rows.push(row("server", true, version));
    let writing = server.require_writable();
    let said = match &writing {
        Ok(()) => "the session can write".to_owned(),
        Err(error) => error.to_string(),
    };
    rows.push(row("session", writing.is_ok(), said));
    let ledgers = database.recorded(|_| false)?;
    let place = database.place.clone();
    let tracks: Vec<_> = ledgers
        .tables
        .iter()
        .map(|table| table.track.to_string())
        .collect();
    let found = match tracks.as_slice() {
        [] => format!("none in schema {}", place.schema),
        some => format!("{} in schema {}", some.join(", "), place.schema),
    };
    rows.push(row("ledgers", true, found));
    let tables: Vec<_> = ledgers
        .tables
        .iter()
        .map(|table| place.table(&table.track))
        .collect();
    let rights: Rights = database.ask_json(&questions::rights(&place.schema, &tables))?;
    let schema = &place.schema;
    rows.push(if rights.may_create {
        row(
            "create ledgers",
            true,
            format!("{} may create tables in schema {schema}", server.user),
        )
    } else {
        let grant = format!("GRANT CREATE ON SCHEMA {schema} TO {}", server.user);
        row(
            "create ledgers",
            false,
            format!("no right to create tables in schema {schema}: {grant}"),
        )
    });
    if !tables.is_empty() {
        rows.push(match rights.unwritable.as_slice() {
            [] => row(
                "write ledgers",
                true,
                format!("{} may write them", server.user),
            ),
            some => {
                let some = some.join(", ");
                let grant = format!(
                    "GRANT SELECT, INSERT, UPDATE, DELETE ON {some} TO {}",
                    server.user
                );
                row(
                    "write ledgers",
                    false,
                    format!("no right to write {some}: {grant}"),
                )
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        for (key, text, shown) in [
            (
                Key::Database,
                "postgresql://me:s3cret@host/erp",
                "postgresql://me@host/erp",
            ),
            (Key::Database, "host=x password=s3cret", "host='x'"),
            (Key::Database, "erp", "erp"),
            (Key::Database, "mysql://me:s3cret@host/erp", HIDDEN),
            (
                Key::Variables,
                r#"{"tenant": "acme", "token": "s3cret"}"#,
                "tenant, token",
            ),
            (
                Key::Tracks,
                r#"{"acme": {"variables": {"token": "s3cret"}}}"#,
                "acme",
            ),
            (Key::Schema, "ops", "ops"),
        ] {
            let found = without_secrets(key, text);
            assert!(!found.contains("s3cret"), "{found}");
            assert_eq!(found.replace("host=x", "host='x'").trim(), shown);
        }
    }
}
