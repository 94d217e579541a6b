//! `migrate repair`: the only command that edits ledger rows by hand.

use serde_json::json;

use crate::support::{Project, assert_golden};

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");
const B: (&str, &str) = ("20240102000000_core_b.sql", "CREATE TABLE b (id int);\n");

#[test]
fn rehash_accepts_a_changed_file() {
    let project = Project::with(&[A, B]);
    project.nu("migrate run ./db").text();
    project.write(
        "db/20240101000000_core_a.sql",
        "CREATE TABLE a (id int); -- reworded\n",
    );
    let rows = project
        .nu("migrate repair ./db --rehash 20240101000000_core_a.sql --dry-run | to json")
        .json();
    let expected =
        json!([{"track": "core", "name": "20240101000000_core_a.sql", "action": "would rehash"}]);
    assert_eq!(rows, expected);
    assert_eq!(
        project.nu("migrate status ./db | get 0.state").text(),
        "changed",
        "a dry run"
    );
    assert_eq!(
        project
            .nu("migrate repair ./db --rehash 20240101000000_core_a.sql | get action | to nuon")
            .text(),
        "[rehash]"
    );
    assert_eq!(
        project
            .nu("migrate status ./db | get state | uniq | str join")
            .text(),
        "applied"
    );
}

#[test]
fn forget_gives_up_a_missing_file() {
    let project = Project::with(&[A, B]);
    project.nu("migrate run ./db").text();
    project.remove("db/20240102000000_core_b.sql");
    project
        .nu("migrate repair ./db --forget 20240102000000_core_b.sql")
        .text();
    assert_eq!(project.nu("migrate run ./db | length").text(), "0");
}

#[test]
fn a_row_in_the_ledger_of_another_track_can_be_forgotten() {
    let project = Project::with(&[A, ("20240101000000_impl_c.sql", "CREATE TABLE c ();\n")]);
    project.nu("migrate run db").text();
    project.sql(
        "INSERT INTO migrations_impl (migration_name, migration_hash) \
         SELECT migration_name, migration_hash FROM migrations_core; DELETE FROM migrations_core",
    );
    let status = "migrate status db | each {|row| $'($row.track) ($row.state)' } | to json -r";
    assert_eq!(
        project.nu(status).json(),
        json!(["core pending", "impl applied", "impl missing"])
    );
    assert_eq!(
        project.code("migrate repair db --rehash 20240101000000"),
        "migrate::repair_refused"
    );
    let repair = "migrate repair db --forget 20240101000000_core_a.sql; \
        migrate repair db --mark-applied 20240101000000_core_a.sql | get track | to json -r";
    assert_eq!(project.nu(repair).json(), json!(["core"]));
    assert_eq!(
        project.nu(status).json(),
        json!(["core applied", "impl applied"])
    );
}

#[test]
fn mark_applied_takes_over_what_is_there_already() {
    let project = Project::with(&[A, B]);
    project.sql("CREATE TABLE a (id int)");
    project
        .nu("migrate repair ./db --mark-applied [20240101000000]")
        .text();
    assert_eq!(
        project.nu("migrate run ./db | get name | str join").text(),
        B.0
    );
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_of_the_order_is_done() {
    let project = Project::with(&[A, B]);
    project.nu("migrate run ./db --steps 1").text();
    let fails = |flags: &str, golden: &str| {
        let output = project.nu(&format!("migrate repair ./db {flags}"));
        assert_eq!(output.code, Some(1), "{flags}: {output:?}");
        assert_golden(
            &format!("error_repair_{golden}"),
            &project.mask(&output.stderr),
        );
    };
    fails("", "nothing");
    fails("--rehash 20240101000000_core_a.sql", "unchanged");
    fails(
        "--mark-applied 20240102000000 --retry 20240101000000",
        "retry_applied",
    );
    fails("--forget typo", "unknown");
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "1");
}

#[test]
fn the_predecessors_ledger_is_upgraded_on_the_way() {
    let project = Project::with(&[A]);
    project.sql(
        "CREATE TABLE migrations_core (id serial PRIMARY KEY, migration_name varchar(255) UNIQUE, \
         migration_hash varchar(64), applied_at timestamp DEFAULT now(), execution_time_ms int); \
         INSERT INTO migrations_core (migration_name, migration_hash) \
         VALUES ('20240101000000_core_a.sql', md5('something else'))",
    );
    project
        .nu("migrate repair ./db --rehash 20240101000000")
        .text();
    assert_eq!(project.nu("migrate run ./db | length").text(), "0");
}

#[test]
fn an_empty_name_is_no_name() {
    let project = Project::with(&[A]);
    for name in ["''", "' '", "['20240101000000', '']"] {
        let output = project.nu(&format!("migrate repair ./db --mark-applied {name}"));
        assert!(
            output.stderr.contains("migrate::repair_refused"),
            "{name}: {output:?}"
        );
        assert!(output.stderr.contains("empty name"), "{name}: {output:?}");
    }
    assert_eq!(project.nu("migrate history ./db | length").text(), "0");
}

#[test]
fn without_rights_the_server_is_quoted_and_psql_is_not_blamed() {
    let project = Project::with(&[A]);
    project.nu("migrate run ./db").text();
    let role = format!("reader_{}", std::process::id());
    project.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON migrations_core TO {role}"
    ));
    let login = format!("$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'");
    let said = |command: &str| project.nu(&format!("{login}; {command}")).stderr;
    let repaired = said("migrate repair ./db --forget 20240101000000");
    project.sql(&format!("REVOKE SELECT ON migrations_core FROM {role}"));
    let read = said("migrate status ./db");
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    for error in [repaired, read] {
        assert!(error.contains("migrate::not_permitted"), "{error}");
        assert!(error.contains("SQLSTATE 42501"), "{error}");
        assert!(!error.contains("PostgreSQL's own"), "{error}");
    }
}

/// One track for each state, every one with an applied migration before it that nobody touches.
const STATES: [&str; 6] = [
    "applied", "changed", "missing", "failed", "running", "pending",
];

fn content(state: &str) -> String {
    format!("INSERT INTO ran VALUES ('{state}'); -- as it is now\n")
}

/// What a row says: state, whether its hash is that of the file and its run is the first one, and
/// the error.
fn rows(project: &Project) -> String {
    let row = |state: &str| {
        format!(
            "SELECT coalesce((SELECT concat_ws(' ', state, \
             CASE migration_hash WHEN encode(sha256('{hashed}'), 'hex') THEN 'file' ELSE 'other' END, \
             CASE WHEN execution_id = (SELECT id FROM first) THEN 'old' ELSE 'new' END, error) \
             FROM migrations_{state} WHERE migration_name LIKE '20240102%'), 'none') \
             || (SELECT CASE count(*) WHEN 1 THEN '' ELSE ' and the first is lost' END \
             FROM migrations_{state} WHERE migration_name LIKE '20240101%' AND state = 'applied' \
             AND migration_hash = encode(sha256('SELECT 1;'), 'hex'))",
            hashed = content(state).replace('\'', "''").replace('\n', "\\012"),
        )
    };
    STATES
        .map(|state| format!("{state}: {}", project.sql(&row(state))))
        .join("\n")
}

/// A project with every state, and each ledger's copy.
fn every_state() -> Project {
    let project = Project::new();
    project.sql("CREATE TABLE ran (state text)");
    for state in STATES {
        let name = |day: u8| format!("db/202401{day:02}000000_{state}_x.sql");
        project.write(&name(1), "SELECT 1;");
        if state != "pending" {
            let old = content(state).replace("now", "then");
            let is_old = ["changed", "missing"].contains(&state);
            project.write(&name(2), if is_old { old } else { content(state) });
        }
    }
    project.nu("migrate run ./db").text();
    project.remove("db/20240102000000_missing_x.sql");
    for state in ["changed", "pending"] {
        project.write(&format!("db/20240102000000_{state}_x.sql"), content(state));
    }
    project.sql(
        "UPDATE migrations_failed SET state = 'failed', error = 'why' WHERE migration_name LIKE '20240102%'; \
         UPDATE migrations_running SET state = 'running' WHERE migration_name LIKE '20240102%'; \
         CREATE TABLE first AS SELECT execution_id AS id FROM migrations_applied LIMIT 1",
    );
    for state in STATES {
        project.sql(&format!(
            "CREATE TABLE copy_of_{state} AS TABLE migrations_{state}"
        ));
    }
    project
}

fn reset(project: &Project) {
    project.sql("TRUNCATE ran");
    for state in STATES {
        project.sql(&format!(
            "TRUNCATE migrations_{state}; INSERT INTO migrations_{state} TABLE copy_of_{state}"
        ));
    }
}

/// What repair answers, what the rows say then, what `status` says, what a run does: for each state.
#[test]
fn each_action_on_each_state_by_its_effect() {
    let project = every_state();
    const REFUSED: &str = "migrate::repair_refused";
    let untouched = |state: &str| match state {
        "applied" => ("applied file old", "applied", "", ""),
        "changed" => ("applied other old", "changed", "migrate::changed", ""),
        "missing" => ("applied other old", "missing", "migrate::missing", ""),
        "failed" => ("failed file old why", "failed", "migrate::unfinished", ""),
        "running" => ("running file old", "running", "migrate::unfinished", ""),
        _ => ("none", "pending", "x", "ran"),
    };
    let forgotten = ("none", "pending", "x", "ran");
    let accepted = ("applied file new", "applied", "", "");
    for action in ["rehash", "forget", "mark-applied", "retry"] {
        reset(&project);
        let each = format!("[{}] | each {{|track| ", STATES.join(" "));
        let answered = project
            .nu(&format!(
                "{each} let done = try {{ migrate repair ./db --{action} $'20240102000000_($track)_x' | get action | str join }} \
                 catch {{|e| $e.details.code }}; \
                 $done + '; ' + (migrate status ./db --track $track | where version == '20240102000000' | get state | str join) }} | to text"
            ))
            .text()
            .to_owned();
        let rows = rows(&project);
        let runs = project
            .nu(&format!(
                "{each} try {{ migrate run ./db --track $track | get name | str replace -r '.*_' '' | str replace '.sql' '' | str join }} \
                 catch {{|e| $e.details.code }} }} | to text -n"
            ))
            .stdout;
        let ran = project.sql("SELECT coalesce(string_agg(state, ' '), '') FROM ran");
        let mut lines = answered.lines().zip(rows.lines()).zip(runs.split('\n'));
        for state in STATES {
            let expected = match (action, state) {
                ("rehash", "changed") => Some(("applied file old", "applied", "", "")),
                ("forget", "missing") => Some(("none", "", "", "")),
                ("forget", "applied" | "changed" | "failed" | "running") => Some(forgotten),
                ("mark-applied", "failed" | "running" | "pending") => Some(accepted),
                ("retry", "failed" | "running") => Some(forgotten),
                _ => None,
            };
            let answer = expected.map_or(REFUSED, |_| action);
            let (row, status, run, has_run) = expected.unwrap_or_else(|| untouched(state));
            let ((answered, found), run_gave) = lines.next().unwrap();
            assert_eq!(answered, format!("{answer}; {status}"), "{action} {state}");
            assert_eq!(found, format!("{state}: {row}"), "{action} {state}");
            assert_eq!(run_gave, run, "{action} {state}");
            assert_eq!(
                ran.split(' ').any(|found| found == state),
                has_run == "ran",
                "{action} {state}: {ran}"
            );
        }
    }
}

#[test]
fn two_migrations_of_a_track_without_a_ledger_are_marked_at_once() {
    let project = Project::with(&[A, B]);
    let marked = project.nu(
        "migrate repair ./db --mark-applied [20240101000000 20240102000000] | get action | str join ' '",
    );
    assert_eq!(marked.text(), "mark-applied mark-applied");
    assert_eq!(project.nu("migrate run ./db | length").text(), "0");
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "2");
}

/// The next change must be told from the one that was accepted.
#[test]
fn rehash_accepts_a_changed_include_and_knows_the_single_files_anew() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", "\\ir parts/a.sql\n"),
        ("parts/a.sql", "CREATE TABLE a (id int);\n"),
    ]);
    project.nu("migrate run ./db").text();
    project.write("db/parts/a.sql", "CREATE TABLE a (id int); -- reworded\n");
    let repair = "migrate repair ./db --rehash 20240101000000";
    assert_eq!(project.nu(&format!("{repair} | length")).text(), "1");
    project.write(
        "db/20240101000000_core_a.sql",
        "-- words\n\\ir parts/a.sql\n",
    );
    let output = project.nu("migrate run ./db");
    assert!(
        output.stderr.contains("was changed after it was applied")
            && !output.stderr.contains("parts/a.sql"),
        "{}",
        output.stderr
    );
    assert_eq!(project.nu(&format!("{repair} | length")).text(), "1");
    project.write("db/parts/a.sql", "CREATE TABLE a (id bigint);\n");
    let output = project.nu("migrate run ./db");
    // nu breaks the line behind a slash.
    assert!(
        output.stderr.contains("applied, by parts/"),
        "{}",
        output.stderr
    );
}
