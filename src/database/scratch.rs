//! A database beside the connected one, made for a moment.
//! Must not know what it is for.

use super::{Database, Error};
use crate::error::Interrupted;
use crate::psql::{self, Ending};
use crate::sql::quote::{Identifier, Literal};

impl Database {
    /// Makes a database that nothing was added to.
    pub fn create_database(&mut self, name: &str) -> Result<(), Error> {
        let made = self.session.ask(&create_database(name));
        made.map(drop).map_err(|ending| match ending {
            Ending::Exited { output, .. } => Error::NoScratch {
                detail: output.stderr.join("\n"),
            },
            Ending::Interrupted | Ending::Overdue => Interrupted.into(),
        })
    }

    /// Removes it.
    pub fn drop_database(&mut self, name: &str) -> Result<(), psql::Error> {
        self.ask(&drop_database(name)).map(drop)
    }
}

/// Makes a database that nothing was added to, with the encoding and the locale of the present one.
fn create_database(name: &str) -> String {
    format!(
        "SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', {},\n  \
           pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype)\n\
         FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database() \\gexec\n",
        Literal(name)
    )
}

/// Removes it.
fn drop_database(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {};\n", Identifier(name))
}
