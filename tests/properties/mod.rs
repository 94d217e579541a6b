//! What holds for every input: random bytes break no parser, random histories no plan.

mod fitting;
mod messages;
mod ordering;
mod round_trips;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nu_plugin_migrate::testing::{
    Checksum, Directives, Fit, Frame, Group, Inspection, Item, Kind, Migration, Pointer, Request,
    Row, RowState, Script, Step, Track, TransactionControl, TransactionMode, classify, compare,
    decisive_error, directives, file, fit, group, inspect, parse, parse_recorded,
    pieces_in_windows, scan, select, split_password, unwrapped,
};
use proptest::prelude::*;

/// Text that has much of what the lexer cares about.
fn script() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just("BEGIN;".as_bytes().to_vec()),
        Just("COMMIT;".as_bytes().to_vec()),
        Just("$a$".as_bytes().to_vec()),
        Just("'".as_bytes().to_vec()),
        Just("E'\\'".as_bytes().to_vec()),
        Just("/*".as_bytes().to_vec()),
        Just("*/".as_bytes().to_vec()),
        Just("--".as_bytes().to_vec()),
        Just("\n".as_bytes().to_vec()),
        Just("\\ir x.sql\n".as_bytes().to_vec()),
        Just("COPY t FROM stdin;\n".as_bytes().to_vec()),
        Just("\\.\n".as_bytes().to_vec()),
        Just("\\if (\n".as_bytes().to_vec()),
        Just("\\else\n".as_bytes().to_vec()),
        Just("\\endif\n".as_bytes().to_vec()),
        Just(
            "SET standard_conforming_strings = off;\n"
                .as_bytes()
                .to_vec()
        ),
        Just("SELECT :a;\n".as_bytes().to_vec()),
        Just("CREATE FUNCTION f() BEGIN ATOMIC ".as_bytes().to_vec()),
        Just("\u{feff}".as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

fn name() -> impl Strategy<Value = String> {
    let track = prop_oneof![Just("core"), Just("acme"), Just("impl")];
    (0..40_u64, track)
        .prop_map(|(version, track)| format!("{:014}_{track}_x.sql", 20_240_101_000_000 + version))
}

fn migration(name: &str) -> Migration {
    Migration {
        validation: None,
        undo: None,
        verification: None,
        name: parse_recorded(name).unwrap(),
        path: format!("/db/{name}").into(),
        directives: Directives::default(),
        checksum: Checksum::of(name.as_bytes(), []),
    }
}

fn row((name, changed, state): (String, bool, u8)) -> Row {
    let migration = migration(&name);
    Row {
        validation_time_ms: None,
        parts: Default::default(),
        track: migration.name.track,
        hash: if changed {
            "other".to_owned()
        } else {
            migration.checksum.as_str().to_owned()
        },
        name,
        applied_at: None,
        execution_time_ms: None,
        state: [RowState::Applied, RowState::Failed, RowState::Running][usize::from(state % 3)],
        execution_id: None,
        applied_by: None,
        error: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_lexer_takes_anything_and_its_ranges_are_in_order(content in script()) {
        let mut end = 0;
        for item in scan(&content) {
            if let Item::Statement(statement) = item {
                prop_assert!(statement.range.start >= end && statement.range.end <= content.len());
                end = statement.range.end;
            }
        }
        let script = Script::new(Path::new("/db/a.sql"), &content);
        let inspection = inspect(&script, &[]);
        if let Some(pair) = inspection.outer_pair {
            let bare = unwrapped(&script, &pair);
            let lines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(lines(&bare), lines(&content));
            let script = Script::new(Path::new("/db/a.sql"), &bare);
            prop_assert!(inspect(&script, &[]).transaction_control.is_empty());
        }
    }

    #[test]
    fn a_script_in_pieces_is_the_same_script(content in script(), window in 1_usize..60) {
        let outline = |item: &Item, offset: usize| match item {
            Item::Statement(found) => (found.line, found.range.start + offset, found.range.end + offset),
            Item::Command(found) => (found.line, found.range.start + offset, found.range.end + offset),
        };
        let mut in_pieces = Vec::new();
        let path = Path::new("/db/a.sql");
        pieces_in_windows(path, content.as_slice(), window, |piece| {
            in_pieces.extend(piece.items.iter().map(|item| outline(item, piece.offset)));
        })
        .unwrap();
        let whole: Vec<_> = scan(&content).iter().map(|item| outline(item, 0)).collect();
        prop_assert_eq!(in_pieces, whole);
    }

    #[test]
    fn the_name_parser_gives_back_what_it_took(text in "[0-9]{0,16}_?[a-zA-Z0-9_-]{0,12}_?.{0,12}\\.(sql|nu|down\\.sql|SQL)") {
        if let Ok(Kind::Migration(name)) = classify(&text) {
            prop_assert_eq!(name.file_name(), text);
        }
    }

    #[test]
    fn no_text_breaks_a_parser(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200), line in 0..50_usize) {
        let _ = classify(&text);
        let _ = split_password(&text);
        let _ = split_password(&format!("postgresql://{text}"));
        let _ = split_password(&format!("password={text}"));
        let _ = file::parse(&text, Path::new("migrate.json"), &BTreeMap::new());
        let _ = directives::read(Path::new("a.sql"), &bytes);
        let lines = text.lines().map(|line| format!("psql:a.sql:{line}"));
        let lines: Vec<_> = lines.chain(text.lines().map(str::to_owned)).collect();
        let _ = parse(lines.iter().map(String::as_str));
        let _ = decisive_error(lines.iter().map(String::as_str));
        let pointer = Pointer { line, text };
        let _ = Frame::new("a.sql".to_owned(), (1, &bytes), line, Some(&pointer)).to_string();
    }

    #[test]
    fn a_password_never_stays_in_the_connection_string(secret in "[a-zA-Z0-9]{8,20}") {
        let ways = [
            format!("postgresql://me:{secret}@h/d"),
            format!("postgres:///d?password={secret}"),
            format!("host=h password={secret} dbname=d"),
            format!("host=h password = '{secret}' dbname=d"),
        ];
        for way in ways {
            let split = split_password(&way).unwrap();
            prop_assert!(!split.conninfo.contains(&secret));
            prop_assert_eq!(split.password, Some(secret.clone()));
        }
    }

    #[test]
    fn every_plan_runs_each_pending_file_once_and_in_order(
        files in proptest::collection::btree_set(name(), 0..30),
        applied in proptest::collection::vec((name(), any::<bool>(), 0..9_u8), 0..20),
        alone in proptest::collection::btree_set(0..30_usize, 0..5),
        mode in 0..3_usize,
        steps in proptest::option::of(0..20_usize),
    ) {
        let files: Vec<_> = {
            let mut files: Vec<_> = files.iter().map(|name| migration(name)).collect();
            files.sort_by(|one, other| one.name.cmp(&other.name));
            files
        };
        let unique: BTreeMap<_, _> = applied.into_iter().map(|found| (found.0.clone(), found)).collect();
        let rows: Vec<_> = unique.into_values().map(row).collect();
        let tracks: BTreeSet<_> = ["core", "acme", "impl"].iter().filter_map(|name| Track::parse(name)).collect();
        let statuses = compare(&tracks, &files, &rows);
        prop_assert_eq!(statuses.iter().filter(|found| found.migration.is_some()).count(), files.len());
        prop_assert_eq!(statuses.iter().filter(|found| found.row.is_some()).count(), rows.len());

        let transaction = [TransactionMode::All, TransactionMode::Track, TransactionMode::Each][mode];
        let request = Request { steps, transaction, ..Request::default() };
        let Ok(pending) = select(&statuses, &rows, &request) else { return Ok(()) };
        let known: BTreeSet<_> = rows.iter().map(|row| row.name.clone()).collect();
        let expected: Vec<_> = files
            .iter()
            .filter(|file| !known.contains(&file.name.file_name()))
            .take(steps.unwrap_or(usize::MAX))
            .collect();
        prop_assert_eq!(&pending, &expected);

        let planned: Vec<Step> = pending
            .iter()
            .enumerate()
            .map(|(index, migration)| {
                let step = fit(migration, Inspection::default(), TransactionControl::Refuse).unwrap();
                if alone.contains(&index) { Step { fit: Fit::NoTransaction, ..step } } else { step }
            })
            .collect();
        let plan = group(planned.clone(), &request).unwrap();
        let flat: Vec<_> = plan.groups.iter().flat_map(Group::steps).cloned().collect();
        prop_assert_eq!(flat, planned);
        for group in &plan.groups {
            prop_assert!(!group.steps().is_empty());
            if let Group::Transaction(steps) = group {
                prop_assert!(steps.iter().all(|step| step.fit != Fit::NoTransaction));
            }
        }
    }
}
