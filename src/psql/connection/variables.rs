//! The same way to the database in libpq's environment variables alone, for programs that are
//! given no connection string: a validation script and the psql in it. Pure.

use std::collections::BTreeMap;
use std::fmt;

use super::Connection;
use super::conninfo::parameters;

/// libpq's parameters that have a variable (PostgreSQL manual, "Environment Variables").
const VARIABLES: [(&str, &str); 31] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("passfile", "PGPASSFILE"),
    ("require_auth", "PGREQUIREAUTH"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("service", "PGSERVICE"),
    ("options", "PGOPTIONS"),
    ("application_name", "PGAPPNAME"),
    ("sslmode", "PGSSLMODE"),
    ("requiressl", "PGREQUIRESSL"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslcompression", "PGSSLCOMPRESSION"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslcertmode", "PGSSLCERTMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslsni", "PGSSLSNI"),
    ("requirepeer", "PGREQUIREPEER"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("gssencmode", "PGGSSENCMODE"),
    ("krbsrvname", "PGKRBSRVNAME"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("client_encoding", "PGCLIENTENCODING"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
];

/// Is it the name of one of these?
pub(super) fn is_parameter(name: &str) -> bool {
    VARIABLES.iter().any(|(parameter, _)| *parameter == name)
}

/// Where a connection has led, as psql says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The host's name, or the folder of its socket.
    pub host: String,
    pub port: String,
    pub user: String,
    pub database: String,
}

/// As psql names a place: `erp on localhost:5432 as alice`.
impl fmt::Display for Reached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            port,
            user,
            database,
        } = self;
        write!(formatter, "{database} on {host}:{port} as {user}")
    }
}

impl Connection {
    /// The environment in which a program without arguments reaches the same database.
    ///
    /// A service beats the variables, where a connection string beats the service. Where both
    /// were given, the service is left out and the place that was reached is named instead; what
    /// else the service says, such as a password, is then missing, which no program overlooks.
    pub fn variables(&self, reached: &Reached) -> BTreeMap<String, String> {
        let mut environment = self.environment.clone();
        let parameters = self
            .arguments
            .last()
            .map(|conninfo| parameters(conninfo))
            .unwrap_or_default();
        for (name, value) in &parameters {
            let variable = VARIABLES.iter().find(|(parameter, _)| parameter == name);
            if let Some((_, variable)) = variable {
                environment.insert((*variable).to_owned(), value.clone());
            }
        }
        let has_others = parameters.iter().any(|(name, _)| name != "service");
        if environment.contains_key("PGSERVICE") && has_others {
            environment.remove("PGSERVICE");
            environment.extend(
                [
                    ("PGHOST", &reached.host),
                    ("PGPORT", &reached.port),
                    ("PGUSER", &reached.user),
                    ("PGDATABASE", &reached.database),
                ]
                .map(|(name, value)| (name.to_owned(), value.clone())),
            );
        }
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Origin, Sourced};

    fn variables(database: Option<&str>, caller: &[(&str, &str)]) -> BTreeMap<String, String> {
        let caller = caller
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let database = database.map(|text| Sourced {
            text: text.to_owned(),
            origin: Origin::Flag,
        });
        let reached = Reached {
            host: "/run".to_owned(),
            port: "5433".to_owned(),
            user: "me".to_owned(),
            database: "reached".to_owned(),
        };
        Connection::resolve(database.as_ref(), &caller)
            .unwrap()
            .variables(&reached)
    }

    fn of(database: &str, caller: &[(&str, &str)], wanted: &[&str]) -> Vec<Option<String>> {
        let variables = variables(Some(database), caller);
        wanted
            .iter()
            .map(|name| variables.get(*name).cloned())
            .collect()
    }

    fn some(values: &[&str]) -> Vec<Option<String>> {
        values
            .iter()
            .map(|value| Some((*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_name_a_url_and_a_conninfo_become_variables() {
        let caller = [("PGHOST", "other"), ("PGUSER", "else")];
        let wanted = ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE"];
        assert_eq!(
            of("erp", &caller, &["PGHOST", "PGDATABASE"]),
            some(&["other", "erp"])
        );
        assert_eq!(
            of(
                "postgresql://a%40b:pw@h:5/my%20db?sslmode=require",
                &caller,
                &wanted
            ),
            some(&["h", "5", "a@b", "my db"])
        );
        assert_eq!(
            of(
                "host=h port=5 user='a b' dbname=it\\'s password=x",
                &caller,
                &wanted
            ),
            some(&["h", "5", "a b", "it's"])
        );
        assert_eq!(
            of(
                "postgresql:///d?host=/tmp&sslmode=disable",
                &[],
                &["PGHOST", "PGSSLMODE"]
            ),
            some(&["/tmp", "disable"])
        );
    }

    #[test]
    fn a_password_comes_along() {
        let found = of("postgresql://me:s3cret@h/erp", &[], &["PGPASSWORD"]);
        assert_eq!(found, some(&["s3cret"]));
    }

    #[test]
    fn a_service_stays_unless_something_beats_it() {
        let service = variables(None, &[("PGSERVICE", "erp")]);
        assert_eq!(service["PGSERVICE"], "erp");
        assert_eq!(of("service=x", &[], &["PGSERVICE"]), some(&["x"]));
        for (database, caller) in [
            ("service=x dbname=y", &[][..]),
            ("y", &[("PGSERVICE", "x")]),
        ] {
            let found = of(database, caller, &["PGSERVICE", "PGHOST", "PGDATABASE"]);
            assert_eq!(found[0], None, "{database}");
            assert_eq!(found[1..], some(&["/run", "reached"]), "{database}");
        }
    }
}
