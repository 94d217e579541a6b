//! How psql reaches the database: its arguments and its whole environment.
//! Secrets live here only, in the environment; must not start processes.

pub mod conninfo;
mod keepalives;
mod service;
mod variables;

use std::collections::BTreeMap;
use std::fmt;

use crate::psql::Error;
use crate::psql::log::Log;
use crate::settings::{self, Key, Sourced};
use conninfo::{parameter, parameters, split_password, with_parameter};
pub use keepalives::Keepalives;
pub use variables::Reached;

/// What PGDATABASE says when nobody named a database. libpq would guess the user's name, which
/// is how people migrate the wrong database; with this it fails, whatever else a service file or
/// a connection string leaves out.
pub const NO_DATABASE: &str = "migrate: no database named";

/// The setting that carries a session's mark.
pub const SESSION_MARK: &str = "migrate.session";

/// A way to the database, as psql takes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    pub keepalives: Option<Keepalives>,
    /// Where what is said is written down.
    pub log: Option<Log>,
}

impl Connection {
    /// Builds the way from the `database` setting and the caller's environment.
    ///
    /// # Errors
    /// No source names a database, or the connection string is malformed.
    pub fn resolve(
        database: Option<&Sourced>,
        caller: &BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let mut environment = caller.clone();
        // psql's messages are parsed, so they must come in one language; what LC_ALL says of
        // everything else is kept.
        if let Some(locale) = environment.remove("LC_ALL") {
            environment.insert("LANG".to_owned(), locale);
        }
        environment.insert("LC_MESSAGES".to_owned(), "C".to_owned());
        environment.insert("PG_COLOR".to_owned(), "never".to_owned());
        // Files are UTF-8 unless the caller says otherwise.
        environment
            .entry("PGCLIENTENCODING".to_owned())
            .or_insert_with(|| "UTF8".to_owned());
        environment
            .entry("PGAPPNAME".to_owned())
            .or_insert_with(|| env!("CARGO_PKG_NAME").to_owned());
        // An empty variable is what libpq treats as unset.
        let is_set = |name: &str| caller.get(name).is_some_and(|value| !value.is_empty());
        let named = database.is_some() || is_set("PGDATABASE") || is_set("PGSERVICE");
        if !named {
            return Err(Error::NoDatabase);
        }
        if !is_set("PGDATABASE") {
            environment.insert("PGDATABASE".to_owned(), NO_DATABASE.to_owned());
        }
        let mut arguments = Vec::new();
        if let Some(Sourced { text, origin }) = database {
            let split = split_password(text).map_err(|problem| settings::Error::BadSetting {
                key: Key::Database,
                origin: origin.clone(),
                problem,
            })?;
            if let Some(password) = split.password {
                environment.insert("PGPASSWORD".to_owned(), password);
            }
            arguments.extend(["-d".to_owned(), split.conninfo]);
        }
        let connection = Self {
            arguments,
            environment,
            keepalives: None,
            log: None,
        };
        if connection.has_empty_name() {
            return Err(Error::NoDatabase);
        }
        Ok(connection)
    }

    /// Is the database named, and the name empty? That beats PGDATABASE, and libpq guesses.
    fn has_empty_name(&self) -> bool {
        let conninfo = self.arguments.last().filter(|text| !text.is_empty());
        let named = conninfo.and_then(|conninfo| parameter(conninfo, "dbname"));
        let name = named.or_else(|| self.of_service("dbname"));
        name.is_some_and(|name| name.is_empty())
    }

    /// What the service says of a parameter, if there is a service and its file is found.
    fn of_service(&self, name: &str) -> Option<String> {
        let mut found = self.service()??.into_iter();
        found.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// What the service says: `None` where none is named, and none within where its file is not found.
    fn service(&self) -> Option<Option<Vec<(String, String)>>> {
        let variable = || self.environment.get("PGSERVICE").cloned();
        let name = self.parameter("service").or_else(variable);
        let name = name.filter(|name| !name.is_empty())?;
        let file = self.parameter("servicefile");
        Some(service::parameters(&name, file, &self.environment))
    }

    /// The same way for a session that must be one server process from beginning to end, with a
    /// mark that only such a session carries: a pooler refuses the parameter or drops it. The mark
    /// joins what the caller sets with `options`, of which the connection string's win.
    #[must_use]
    pub fn marked(&self, mark: &str) -> Self {
        let mut marked = self.clone();
        let mark = format!("-c {SESSION_MARK}={mark}");
        let join = |options: &str| format!("{options} {mark}").trim_start().to_owned();
        let own = self
            .arguments
            .last()
            .and_then(|conninfo| Some((conninfo, parameter(conninfo, "options")?)));
        match own {
            Some((conninfo, options)) => {
                let conninfo = with_parameter(conninfo, "options", &join(&options));
                marked.arguments = vec!["-d".to_owned(), conninfo];
            }
            None => {
                let options = marked
                    .environment
                    .entry("PGOPTIONS".to_owned())
                    .or_default();
                *options = join(options);
            }
        }
        marked
    }

    /// A connection string for another database of the same server. It holds the password, if there
    /// is one, and so must not be shown.
    pub fn conninfo_for(&self, database: &str) -> String {
        let named = self.arguments.last().map(|conninfo| parameters(conninfo));
        let others = named
            .unwrap_or_default()
            .into_iter()
            .filter(|(name, value)| name != "dbname" && !value.is_empty());
        let password = self.environment.get("PGPASSWORD").cloned();
        let own = [
            Some(("dbname".to_owned(), database.to_owned())),
            password.map(|password| ("password".to_owned(), password)),
        ];
        let pairs = others
            .chain(own.into_iter().flatten())
            .map(|(name, value)| {
                let value = value.replace('\\', "\\\\").replace('\'', "\\'");
                format!("{name}='{value}'")
            });
        pairs.collect::<Vec<_>>().join(" ")
    }

    /// The same way with a variable that the caller leaves unset.
    pub fn with_default(mut self, name: &str, value: &str) -> Self {
        self.environment
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
        self
    }

    /// What the connection string says of a parameter; `None` where it is empty, too.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameters(self.arguments.last()?)
            .into_iter()
            .rfind(|(parameter, _)| parameter == name)
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }
}

/// Names the database and nothing of the environment, which holds secrets.
impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("arguments", &self.arguments)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;

    fn caller(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn flag(text: &str) -> Sourced {
        Sourced {
            text: text.to_owned(),
            origin: Origin::Flag,
        }
    }

    #[test]
    fn a_database_must_be_named() {
        for unset in [
            &[][..],
            &[("PGHOST", "db"), ("PGUSER", "me")],
            &[("PGDATABASE", "")],
        ] {
            let result = Connection::resolve(None, &caller(unset));
            assert!(matches!(result, Err(Error::NoDatabase)), "{unset:?}");
        }
        assert!(Connection::resolve(None, &caller(&[("PGDATABASE", "erp")])).is_ok());
        assert!(Connection::resolve(None, &caller(&[("PGSERVICE", "erp")])).is_ok());
    }

    #[test]
    fn what_leaves_the_name_out_cannot_fall_back_to_a_guess() {
        let database = |connection: Connection| connection.environment["PGDATABASE"].clone();
        let service = Connection::resolve(None, &caller(&[("PGSERVICE", "erp")])).unwrap();
        assert_eq!(database(service), NO_DATABASE);
        let url = Connection::resolve(Some(&flag("postgresql://h")), &caller(&[])).unwrap();
        assert_eq!(database(url), NO_DATABASE);
        let named =
            Connection::resolve(Some(&flag("host=h")), &caller(&[("PGDATABASE", "erp")])).unwrap();
        assert_eq!(database(named), "erp");
    }

    #[test]
    fn an_empty_name_is_none() {
        for empty in [
            "host=h dbname=",
            "dbname=erp dbname='' host=h",
            "postgresql://h/erp?dbname=",
        ] {
            let result = Connection::resolve(Some(&flag(empty)), &caller(&[("PGDATABASE", "erp")]));
            assert!(matches!(result, Err(Error::NoDatabase)), "{empty}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        std::fs::write(&file, "[erp]\ndbname=\n").unwrap();
        let services = [
            ("PGSERVICE", "erp"),
            ("PGSERVICEFILE", file.to_str().unwrap()),
        ];
        let result = Connection::resolve(None, &caller(&services));
        assert!(matches!(result, Err(Error::NoDatabase)));
        assert!(Connection::resolve(Some(&flag("erp")), &caller(&services)).is_ok());
    }

    #[test]
    fn a_password_is_never_an_argument_nor_shown() {
        let connection =
            Connection::resolve(Some(&flag("postgresql://me:s3cret@h/erp")), &caller(&[])).unwrap();
        assert_eq!(connection.arguments(), ["-d", "postgresql://me@h/erp"]);
        assert_eq!(connection.environment()["PGPASSWORD"], "s3cret");
        assert!(!format!("{connection:?}").contains("s3cret"));
    }

    #[test]
    fn a_mark_joins_the_callers_own_options() {
        let way = |text: &str| {
            let caller = caller(&[("PGOPTIONS", "-c work_mem=1MB")]);
            let marked = Connection::resolve(Some(&flag(text)), &caller)
                .unwrap()
                .marked("m");
            let options = marked.environment["PGOPTIONS"].clone();
            (marked.arguments.last().unwrap().clone(), options)
        };
        let joined = "-c work_mem=1MB -c migrate.session=m";
        for named in ["erp", "adoptions", "host=options dbname=x"] {
            assert_eq!(way(named), (named.to_owned(), joined.to_owned()));
        }
        let (conninfo, environment) = way("dbname=erp options='-c x.y=1'");
        assert_eq!(environment, "-c work_mem=1MB");
        assert_eq!(
            parameter(&conninfo, "options").as_deref(),
            Some("-c x.y=1 -c migrate.session=m")
        );
        let (url, _) = way("postgresql://h/erp?options=-c%20x.y%3D1");
        assert_eq!(
            parameter(&url, "options").as_deref(),
            Some("-c x.y=1 -c migrate.session=m")
        );
    }

    #[test]
    fn another_database_of_the_same_server() {
        let way = |text: &str| {
            let connection = Connection::resolve(Some(&flag(text)), &caller(&[])).unwrap();
            connection.conninfo_for("it's")
        };
        assert_eq!(
            way("postgresql://me:s3%27cret@h:5/erp?sslmode=require"),
            r"user='me' host='h' port='5' sslmode='require' dbname='it\'s' password='s3\'cret'"
        );
        assert_eq!(way("erp"), r"dbname='it\'s'");
        let again = split_password(&way("postgresql://me:s3%27cret@h/erp")).unwrap();
        assert_eq!(again.password.as_deref(), Some("s3'cret"));
    }

    #[test]
    fn messages_are_english_and_the_rest_of_the_locale_stays() {
        let connection = Connection::resolve(
            Some(&flag("erp")),
            &caller(&[("LC_ALL", "de_DE.UTF-8"), ("HOME", "/home/me")]),
        )
        .unwrap();
        let environment = connection.environment();
        assert_eq!(environment.get("LC_ALL"), None);
        assert_eq!(environment["LANG"], "de_DE.UTF-8");
        assert_eq!(environment["LC_MESSAGES"], "C");
        assert_eq!(environment["HOME"], "/home/me");
    }
}
