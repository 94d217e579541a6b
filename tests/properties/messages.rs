//! Messages as psql prints them with VERBOSITY=verbose, read back whole.

use std::process::Command;

use nu_plugin_migrate::testing::{Diagnostic, Message, Pointer, parse};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::Project;
use crate::support::server::PSQL;

/// A line that no reader could take for a label, for there is nothing to tell them apart by.
fn line() -> impl Strategy<Value = String> {
    "[a-zA-Z(\"'»][a-zA-Z0-9 :.,;%()\"'»ü_/=-]{0,30}".prop_filter("a label", |line| {
        let is_label = line
            .split_once(":  ")
            .is_some_and(|(label, _)| label.chars().all(|c| c.is_ascii_uppercase() || c == ' '));
        !is_label && !line.starts_with("LINE ") && !line.starts_with("psql:")
    })
}

fn lines() -> impl Strategy<Value = String> {
    proptest::collection::vec(line(), 1..4).prop_map(|lines| lines.join("\n"))
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(lines())
}

prop_compose! {
    fn of_the_server()(
        // A file with a place and a blank in its name is not to be told from a place.
        file in "/[a-z0-9'%:ü ]{0,12}[a-z]\\.sql".prop_filter("a place", |file| !file.contains(": ")),
        place in 1..5000_usize,
        severity in prop_oneof![
            Just("ERROR"), Just("FATAL"), Just("PANIC"), Just("WARNING"), Just("NOTICE"),
            Just("INFO"), Just("LOG"), Just("DEBUG"), Just("FEHLER"), Just("致命的错误"),
        ],
        sqlstate in "[0-9A-Z]{5}",
        message in lines(),
        pointer in proptest::option::of((1..300_usize, "[ a-z(;:]{0,20}")),
        detail in maybe(), hint in maybe(), context in maybe(),
        table in proptest::option::of("[a-z: \"]{1,12}"),
    ) -> Diagnostic {
        Diagnostic {
            file: Some(file),
            line: Some(place),
            severity: severity.to_owned(),
            sqlstate: Some(sqlstate),
            message,
            pointer: pointer.map(|(line, text)| Pointer { line, text }),
            detail, hint, context, table,
        }
    }
}

prop_compose! {
    fn of_psql()(
        place in proptest::option::of(("/[a-z]{1,8}\\.sql", 1..99_usize)),
        severity in prop_oneof![Just("error"), Just("fatal"), Just("warning")],
        message in lines(),
    ) -> Diagnostic {
        let (file, line) = place.unzip();
        Diagnostic { file, line, severity: severity.to_owned(), message, ..Diagnostic::default() }
    }
}

/// As psql prints it: libpq's `pqBuildErrorMessage3`, with what we do not keep, too.
fn render(message: &Message, has_others: bool) -> String {
    let found = match message {
        Message::Text(text) => return format!("{text}\n"),
        Message::Diagnostic(found) => found,
    };
    let place = match (&found.file, found.line) {
        (Some(file), Some(line)) => format!("psql:{file}:{line}:"),
        _ => "psql:".to_owned(),
    };
    let Diagnostic {
        severity, message, ..
    } = &**found;
    let Some(sqlstate) = &found.sqlstate else {
        return format!("{place} {severity}: {message}\n");
    };
    let mut text = format!("{place} {severity}:  {sqlstate}: {message}\n");
    if let Some(Pointer { line, text: source }) = &found.pointer {
        text += &format!("LINE {line}: {source}\n        ^\n");
    }
    let other = |value: &'static str| has_others.then_some(value);
    for (label, value) in [
        ("DETAIL", found.detail.as_deref()),
        ("HINT", found.hint.as_deref()),
        ("QUERY", other("SELECT 1\n  FROM nowhere")),
        ("CONTEXT", found.context.as_deref()),
        ("SCHEMA NAME", other("public")),
        ("TABLE NAME", found.table.as_deref()),
        ("COLUMN NAME", other("c")),
        ("DATATYPE NAME", other("d")),
        ("CONSTRAINT NAME", other("e")),
        ("LOCATION", Some("exec_stmt_raise, pl_exec.c:3893")),
    ] {
        text.extend(value.map(|value| format!("{label}:  {value}\n")));
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_psql_prints_is_read_back_whole(
        stream in proptest::collection::vec(
            (of_the_server(), of_psql(), "[a-z: ]{0,20}", 0..4_u8, any::<bool>()), 0..8),
    ) {
        let mut messages: Vec<Message> = Vec::new();
        let mut text = String::new();
        for (server, own, output, kind, has_others) in stream {
            // psql's own messages have no end but the next one's beginning.
            let is_open = matches!(messages.last(), Some(Message::Diagnostic(last)) if last.sqlstate.is_none());
            let message = match kind {
                0 if !is_open => Message::Text(output),
                1 => Message::Diagnostic(Box::new(own)),
                _ => Message::Diagnostic(Box::new(server)),
            };
            text += &render(&message, has_others);
            messages.push(message);
        }
        prop_assert_eq!(parse(text.lines()), messages);
    }
}

/// The same with messages that a real psql prints of a real server.
#[test]
fn what_a_real_psql_prints_is_read_back_whole() {
    let mut runner = TestRunner::deterministic();
    let mut expected = Vec::new();
    let mut script = String::new();
    let project = Project::new();
    let file = project.path("raise.sql");
    for place in 1..=60 {
        let mut found = of_the_server().new_tree(&mut runner).unwrap().current();
        found.file = Some(file.display().to_string());
        found.severity = ["NOTICE", "WARNING", "ERROR"][place % 3].to_owned();
        // Class 00 is success, and no error can have it.
        found.sqlstate = Some(format!("U{place:04}"));
        found.pointer = None;
        let mut fields = vec![
            ("MESSAGE", Some(&found.message)),
            ("DETAIL", found.detail.as_ref()),
            ("HINT", found.hint.as_ref()),
            ("TABLE", found.table.as_ref()),
            ("ERRCODE", found.sqlstate.as_ref()),
        ];
        fields.retain(|(_, value)| value.is_some());
        let fields: Vec<_> = fields
            .into_iter()
            .map(|(name, value)| {
                let value = value
                    .unwrap()
                    .replace('\'', "''")
                    .replace('\n', "' || chr(10) || '");
                format!("{name} = '{value}'")
            })
            .collect();
        let level = found.severity.replace("ERROR", "EXCEPTION");
        script += &format!(
            "DO $raise$BEGIN RAISE {level} USING {}; END$raise$;\n",
            fields.join(", ")
        );
        found.line = Some(place);
        found.context = found
            .is_error()
            .then(|| "PL/pgSQL function inline_code_block line 1 at RAISE".to_owned());
        expected.push(Message::Diagnostic(Box::new(found)));
    }
    project.write("raise.sql", script);
    let output = Command::new(&*PSQL)
        .args(["-X", "-q", "-w", "-v", "VERBOSITY=verbose", "-f"])
        .arg(&file)
        .envs(&project.environment)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(parse(text.lines()), expected, "{text}");
}
