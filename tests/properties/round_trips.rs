//! What is written in one of our formats is read back as it was meant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use nu_plugin_migrate::testing::{
    Bridge, Directives, Key, Kind, Origin, Requirement, Rule, SettingsError, Track,
    TransactionControl, Version, classify, directives, file, parameters, parse_recorded,
    split_password,
};
use proptest::prelude::*;

fn track() -> impl Strategy<Value = Track> {
    "[a-z][a-z0-9-]{0,39}".prop_map(|name| Track::parse(&name).unwrap())
}

fn version() -> impl Strategy<Value = Version> {
    "[0-9]{14}".prop_map(|digits| Version::parse(&digits).unwrap())
}

fn period() -> impl Strategy<Value = Option<Duration>> {
    proptest::option::of((0..100_000_000_u64).prop_map(Duration::from_millis))
}

prop_compose! {
    fn of_a_file()(
        no_transaction in any::<bool>(),
        lock_timeout in period(),
        statement_timeout in period(),
        requires in proptest::collection::vec((track(), version()), 0..4),
        before in proptest::option::of((track(), version(), any::<bool>())),
        allows in proptest::sample::subsequence(
            Rule::all().filter(|rule| rule.can_be_allowed()).collect::<Vec<_>>(), 0..4),
        transaction_control in proptest::option::of(prop_oneof![
            Just(TransactionControl::Refuse), Just(TransactionControl::Separate),
            Just(TransactionControl::Unwrap),
        ]),
    ) -> Directives {
        Directives {
            no_transaction,
            lock_timeout,
            statement_timeout,
            requires: requires
                .into_iter()
                .map(|(track, version)| Requirement { track, version })
                .collect(),
            before: before.map(|(track, version, or_now)| Bridge {
                step: Requirement { track, version },
                or_now,
            }),
            allows: allows.into_iter().collect::<BTreeSet<_>>(),
            transaction_control,
            replaces: None,
            near_miss: None,
        }
    }
}

fn lines(directives: &Directives) -> Vec<String> {
    let millis = |name: &str, period: Option<Duration>| {
        period.map(|period| format!("{name} {}ms", period.as_millis()))
    };
    let mut lines = Vec::new();
    lines.extend(
        directives
            .no_transaction
            .then(|| "no-transaction".to_owned()),
    );
    lines.extend(millis("lock-timeout", directives.lock_timeout));
    lines.extend(millis("statement-timeout", directives.statement_timeout));
    let control = directives.transaction_control;
    lines.extend(control.map(|control| format!("transaction-control {control}")));
    lines.extend(directives.before.as_ref().map(|bridge| {
        let or_now = if bridge.or_now { " or-now" } else { "" };
        format!("before {}{or_now}", bridge.step)
    }));
    lines.extend(
        directives
            .requires
            .iter()
            .map(|found| format!("requires {found}")),
    );
    lines.extend(
        directives
            .allows
            .iter()
            .map(|rule| format!("allow {}", rule.name())),
    );
    lines
}

/// A value as libpq reads it, written in one of the ways that it takes.
fn quoted(value: &str, way: u8) -> String {
    let escaped = value.replace('\\', "\\\\").replace('\'', "\\'");
    let needs_quotes = value.is_empty() || value.contains(|c: char| c.is_ascii_whitespace());
    match way {
        0 if !needs_quotes => escaped,
        // libpq's blanks are those of C; others are letters like any.
        1 if !value.is_empty() => value.chars().map(|c| format!("\\{c}")).collect(),
        _ => format!("'{escaped}'"),
    }
}

fn percent(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn given(pairs: &[(&str, &Option<String>)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .filter_map(|(name, value)| Some(((*name).to_owned(), (*value).clone()?)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_name_says_what_it_was_made_of(
        track in track(), version in version(), description in "[^\u{0}/]{1,20}",
    ) {
        let stem = format!("{version}_{track}_{description}");
        let name = parse_recorded(&format!("{stem}.sql"));
        // `x.down` would be a companion of `x`.
        if let Some(undone) = description.strip_suffix(".down") {
            prop_assert_eq!(name, None);
            let is_undo = matches!(classify(&format!("{stem}.sql")), Ok(Kind::Undo(name)) if name.description == undone);
            prop_assert!(is_undo || undone.is_empty());
            return Ok(());
        }
        let name = name.unwrap();
        prop_assert_eq!((&name.track, &name.version, &name.description), (&track, &version, &description));
        prop_assert_eq!(name.stem(), stem.clone());
        prop_assert_eq!(classify(&format!("{stem}.nu")), Ok(Kind::Validation(name.clone())));
        prop_assert_eq!(classify(&format!("{stem}.down.sql")), Ok(Kind::Undo(name)));
    }

    #[test]
    fn directives_are_what_a_file_says(
        expected in of_a_file(),
        noise in proptest::collection::vec(0..5_usize, 12),
        is_late in any::<bool>(),
    ) {
        let directives = lines(&expected);
        let mut text = String::new();
        for (line, noise) in directives.iter().zip(noise.iter().cycle()) {
            text += ["", "\n", "-- words, migrate: nothing\n", "  \t\n--\n", "--migrated: x\n"][*noise];
            text += ["-- migrate: ", "--migrate:", "  --\tmigrate:  "][noise % 3];
            text += &format!("{}{}\n", line.replacen(' ', ["  ", " ", "\t"][noise % 3], 1), ["", "\r", "  "][noise % 3]);
        }
        let path = Path::new("/db/a.sql");
        prop_assert_eq!(directives::read(path, text.as_bytes()).unwrap(), expected.clone());
        let with_mark = format!("\u{feff}{text}SELECT 1;\n");
        prop_assert_eq!(directives::read(path, with_mark.as_bytes()).unwrap(), expected);

        // The first one behind a statement is refused, with its place.
        let (above, below) = text.split_at(if is_late { 0 } else { text.len() });
        let late = format!("{above}SELECT 1;\n{below}-- migrate: no-transaction\n");
        let line = late.lines().position(|line| {
            let words = line.trim().strip_prefix("--").map(str::trim_start);
            words.is_some_and(|words| words.starts_with("migrate:"))
        });
        let expected_line = if is_late { line.unwrap() + 1 } else { late.lines().count() };
        prop_assert_eq!(directives::read(path, late.as_bytes()).unwrap_err().line, expected_line);
    }

    #[test]
    fn a_connection_string_is_read_as_libpq_reads_it(
        host in proptest::option::of("\\PC{0,12}"),
        user in proptest::option::of("[ a-z'\\\\=\u{a0}\u{2003}\t]{0,8}"),
        secret in proptest::option::of("[ a-z'\\\\=\u{a0}\u{2003}ü]{0,8}"),
        dbname in proptest::option::of("[a-z=' ]{1,8}"),
        place in 0..4_usize,
        ways in proptest::collection::vec((0..3_u8, 0..3_usize), 4),
    ) {
        let kept = given(&[("host", &host), ("user", &user), ("dbname", &dbname)]);
        let mut pairs = kept.clone();
        pairs.splice(place.min(kept.len())..place.min(kept.len()), given(&[("password", &secret)]));
        prop_assume!(!pairs.is_empty());
        let text: String = pairs
            .iter()
            .zip(ways)
            .map(|((name, value), (way, blanks))| {
                let equals = ["=", " = ", "\t="][blanks];
                format!("{name}{equals}{} ", quoted(value, way))
            })
            .collect();
        prop_assert_eq!(parameters(&text), pairs);
        let split = split_password(&text).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&split.password, &secret, "{}", text);
        if kept.is_empty() {
            prop_assert_eq!(split.conninfo, "");
        } else {
            prop_assert_eq!(parameters(&split.conninfo), kept);
        }
    }

    #[test]
    fn a_url_is_read_as_libpq_reads_it(
        user in "\\PC{1,8}",
        secret in proptest::option::of("\\PC{0,8}"),
        hosts in proptest::collection::vec(("[a-z.]{1,8}|[0-9a-f]::[0-9a-f]", proptest::option::of(1..65_535_u16)), 1..3),
        dbname in "\\PC{1,8}",
        option in proptest::option::of("\\PC{0,8}"),
        is_secret_in_query in any::<bool>(),
        is_short in any::<bool>(),
    ) {
        let scheme = if is_short { "postgres" } else { "postgresql" };
        let address: Vec<_> = hosts
            .iter()
            .map(|(host, port)| {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
            })
            .collect();
        let above = secret.as_ref().filter(|_| !is_secret_in_query);
        let below = secret.as_ref().filter(|_| is_secret_in_query);
        let query: Vec<_> = [("password", below), ("application_name", option.as_ref())]
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", percent(value?))))
            .collect();
        let url = format!(
            "{scheme}://{}{}@{}/{}?{}",
            percent(&user),
            above.map(|secret| format!(":{}", percent(secret))).unwrap_or_default(),
            address.join(","),
            percent(&dbname),
            query.join("&")
        );
        let split = split_password(&url).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&split.password, &secret, "{}", url);
        let names: Vec<_> = hosts.iter().map(|(host, _)| host.as_str()).collect();
        let ports: Vec<_> = hosts
            .iter()
            .map(|(_, port)| port.map(|port| port.to_string()).unwrap_or_default())
            .collect();
        let ports = Some(ports.join(",")).filter(|ports| ports != "," && !ports.is_empty());
        let expected = given(&[
            ("user", &Some(user)),
            ("host", &Some(names.join(","))),
            ("port", &ports),
            ("dbname", &Some(dbname)),
            ("application_name", &option),
        ]);
        prop_assert_eq!(parameters(&split.conninfo), expected);
    }
}

/// The settings that are a text.
const TEXTS: [(Key, &str); 5] = [
    (Key::Database, "database"),
    (Key::Psql, "psql"),
    (Key::Schema, "schema"),
    (Key::TablePrefix, "table_prefix"),
    (Key::LockWait, "lock_wait"),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands before it, a setting knows its place, and so does an error in it.
    #[test]
    fn a_settings_file_tells_where_each_value_stands(
        order in Just(TEXTS.to_vec()).prop_shuffle(),
        values in proptest::collection::vec("[^\u{0}$]{0,8}", TEXTS.len()),
        blanks in proptest::collection::vec("[ \n\t]{0,4}", TEXTS.len() + 1),
        variables in proptest::option::of(0..TEXTS.len()),
        unset in proptest::option::of(0..TEXTS.len()),
    ) {
        let mut text = "{".to_owned();
        let mut expected = BTreeMap::new();
        for (index, ((key, name), value)) in order.iter().zip(&values).enumerate() {
            if variables == Some(index) {
                // A user's variable may have a setting's name.
                text += r#" "variables": {"database": "x", "lock_wait": "y\", \"schema\":"},"#;
            }
            text += &blanks[index];
            let before = text.rsplit('\n').next().unwrap();
            let place = (text.matches('\n').count() + 1, before.chars().count() + 1);
            let value = if unset == Some(index) { "${NOPE}" } else { value };
            expected.insert(*key, (place, value.to_owned()));
            text += &format!("\"{name}\"{}: {}", blanks[index + 1], serde_json::to_string(value).unwrap());
            text += if index + 1 == order.len() { "\n}" } else { "," };
        }
        let path = Path::new("/db/migrate.json");
        let failing = unset.map(|index| expected[&order[index].0].0);
        match (file::parse(&text, path, &BTreeMap::new()), failing) {
            (Err(SettingsError::BadSettingsFile { line, column, .. }), Some(place)) => {
                prop_assert_eq!((line, column), place, "{}", text);
            }
            (Ok(layer), None) => {
                for (key, ((line, column), value)) in expected {
                    prop_assert_eq!(&layer[&key].text, &value);
                    let origin = Origin::File { path: path.to_owned(), line, column };
                    prop_assert_eq!(&layer[&key].origin, &origin, "{}", text);
                }
            }
            (other, _) => prop_assert!(false, "{:?}\n{}", other, text),
        }
    }
}
