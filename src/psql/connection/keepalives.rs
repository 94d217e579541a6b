//! How both ends of a connection find out that the network between them is silent. Pure but for
//! service files, which are read.
//!
//! The system's own keepalives begin after two hours, and so long the locks of a run would stay.

use std::time::Duration;

use super::Connection;
use super::conninfo::{parameters, with_parameter};

/// Probes without an answer until the other end is given up.
const COUNT: u64 = 3;
/// The kernel takes no more seconds between two probes than this (Linux: `MAX_TCP_KEEPIDLE`).
const MOST_SECONDS: u64 = 32_767;

/// libpq's parameters for it. They have no environment variables.
const PARAMETERS: [&str; 5] = [
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
];

/// After which silence a connection is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalives {
    idle: u64,
    interval: u64,
}

impl Keepalives {
    /// Half of the time without a word, then the probes. `None` leaves it to the system.
    pub fn within(silence: Duration) -> Option<Self> {
        let seconds = |part: u32| (silence / part).as_secs().clamp(1, MOST_SECONDS);
        (!silence.is_zero()).then(|| Self {
            idle: seconds(2),
            interval: seconds(6),
        })
    }

    /// libpq's parameters. Not `tcp_user_timeout`: it ends a COPY whose server is busy for so long
    /// that nothing more can be sent.
    fn of_client(self) -> [(&'static str, u64); 3] {
        [
            ("keepalives_idle", self.idle),
            ("keepalives_interval", self.interval),
            ("keepalives_count", COUNT),
        ]
    }

    /// The server's settings. The last one is for answers that are under way when the network falls
    /// silent: keepalives wait for those. It is no longer than they are, because on Linux it is also
    /// what ends them (tcp(7)).
    pub fn of_server(self) -> [(&'static str, String); 4] {
        [
            ("tcp_keepalives_idle", self.idle.to_string()),
            ("tcp_keepalives_interval", self.interval.to_string()),
            ("tcp_keepalives_count", COUNT.to_string()),
            ("tcp_user_timeout", format!("{}s", self.silence().as_secs())),
        ]
    }

    /// How long a silence is in all.
    pub fn silence(self) -> Duration {
        Duration::from_secs(self.idle + self.interval * COUNT)
    }
}

impl Connection {
    /// The same way with keepalives, where the caller has set none himself.
    #[must_use]
    pub fn kept_alive(mut self, keepalives: Option<Keepalives>) -> Self {
        self.keepalives = keepalives.filter(|_| !self.has_own_keepalives());
        self
    }

    fn has_own_keepalives(&self) -> bool {
        let is_one = |name: &str| PARAMETERS.contains(&name);
        let named = self.arguments.last().map(|conninfo| parameters(conninfo));
        let is_named = named.is_some_and(|named| named.iter().any(|(name, _)| is_one(name)));
        let in_service = self.service().is_some_and(|found| {
            // Where the service is not found, nobody knows what it says.
            found.is_none_or(|found| found.iter().any(|(name, _)| is_one(name)))
        });
        is_named || in_service
    }

    /// What psql is told: the caller's way, and the keepalives.
    pub fn psql_arguments(&self) -> Vec<String> {
        let Some(keepalives) = self.keepalives else {
            return self.arguments.clone();
        };
        let own = keepalives
            .of_client()
            .map(|(name, value)| (name, value.to_string()));
        let named = match self.arguments.last().map(String::as_str) {
            None | Some("") => String::new(),
            Some(name) if !name.contains('=') && !name.contains("://") => {
                with_parameter("", "dbname", name)
            }
            Some(conninfo) => conninfo.to_owned(),
        };
        let joined = own.iter().fold(named, |conninfo, (name, value)| {
            with_parameter(&conninfo, name, value)
        });
        vec!["-d".to_owned(), joined.trim_start().to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::settings::{Origin, Sourced};

    fn told(database: Option<&str>, caller: &[(&str, &str)]) -> String {
        let caller: BTreeMap<_, _> = caller
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let database = database.map(|text| Sourced {
            text: text.to_owned(),
            origin: Origin::Flag,
        });
        let connection = Connection::resolve(database.as_ref(), &caller)
            .unwrap()
            .kept_alive(Keepalives::within(Duration::from_secs(6)));
        connection.psql_arguments().join(" ")
    }

    #[test]
    fn they_join_whatever_names_the_database() {
        let own = "keepalives_idle='3' keepalives_interval='1' keepalives_count='3'";
        let erp = [("PGDATABASE", "erp")];
        assert_eq!(told(None, &erp), format!("-d {own}"));
        assert_eq!(told(Some(""), &erp), format!("-d {own}"));
        assert_eq!(told(Some("it's"), &[]), format!(r"-d dbname='it\'s' {own}"));
        assert_eq!(told(Some("host=h"), &[]), format!("-d host=h {own}"));
        assert_eq!(
            told(Some("postgresql://h/erp"), &[]),
            "-d postgresql://h/erp?keepalives_idle=3&keepalives_interval=1&keepalives_count=3"
        );
    }

    #[test]
    fn what_the_caller_has_set_stays() {
        let named = "host=h keepalives=0";
        assert_eq!(told(Some(named), &[]), format!("-d {named}"));
        let url = "postgresql://h/erp?tcp_user_timeout=5000";
        assert_eq!(told(Some(url), &[]), format!("-d {url}"));

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        let path = file.to_str().unwrap();
        fs::write(
            &file,
            "# Ours.\n[plain]\nhost=h\n\n[own]\nhost = h\nkeepalives_idle=60\n",
        )
        .unwrap();
        let of = |service| told(None, &[("PGSERVICE", service), ("PGSERVICEFILE", path)]);
        assert!(of("plain").contains("keepalives_idle='3'"));
        assert_eq!(of("own"), "");
        assert_eq!(of("elsewhere"), "");
        let named = told(Some("service=own"), &[("PGSERVICEFILE", path)]);
        assert_eq!(named, "-d service=own");
    }

    #[test]
    fn a_silence_is_divided() {
        let server = |seconds| {
            let keepalives = Keepalives::within(Duration::from_secs(seconds))?;
            Some(keepalives.of_server().map(|(_, value)| value).join(" "))
        };
        assert_eq!(server(0), None);
        assert_eq!(server(1).as_deref(), Some("1 1 3 4s"));
        assert_eq!(server(6).as_deref(), Some("3 1 3 6s"));
        assert_eq!(server(10_000_000).as_deref(), Some("32767 32767 3 131068s"));
    }
}
