//! Tables as people see them, at the usual widths of a terminal, and as other formats keep them.

use std::fmt::Write as _;

use crate::support::{Project, assert_golden};

const WIDTHS: [usize; 4] = [80, 100, 120, 160];

/// Two parties, with names as long as they are in life.
fn erp() -> Project {
    Project::with(&[
        (
            "core/20240108090000_core_create_customers.sql",
            "CREATE TABLE customer (id int PRIMARY KEY, name text);\n",
        ),
        (
            "core/20240115140000_core_unique_customers.sql",
            "ALTER TABLE customer ADD UNIQUE (name);\n\\echo 'a notice, with a comma'\n\\echo another\n",
        ),
        (
            "impl/20240205080000_impl_add_tax_codes.sql",
            "CREATE TABLE tax_code (code text PRIMARY KEY);\n",
        ),
        (
            "impl/20240205080000_impl_add_tax_codes.down.sql",
            "DROP TABLE tax_code;\n",
        ),
        (
            "impl/20240205080000_impl_add_tax_codes.nu",
            "print hello; 5\n",
        ),
    ])
}

/// A command's tables at all widths, without what differs from run to run: what took time took
/// 12 ms, and what was done was done 3 weeks ago.
fn shown(project: &Project, command: &str, times: &[&str], before: impl Fn(&Project)) -> String {
    let steady = |column: &&str| {
        let value = if column.ends_with("_at") || *column == "since" {
            "(date now) - 21day"
        } else {
            "12ms"
        };
        format!(
            " | update {column} {{|row| if $row.{column} == null {{ null }} else {{ {value} }} }}"
        )
    };
    let steady: String = times.iter().map(steady).collect();
    let mut tables = format!("> {command}\n");
    for width in WIDTHS {
        before(project);
        let table = project.nu(&format!("{command}{steady} | table --width {width}"));
        let lines = table.text().lines();
        let widest = lines.map(|line| line.chars().count()).max();
        assert!(
            widest <= Some(width),
            "{command} at {width}:\n{}",
            table.text()
        );
        // The folder's name is another one each time, and may be cut.
        let folder = project
            .path("")
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let random = folder.rsplit('-').next().unwrap().to_owned();
        writeln!(tables, "{}\n", table.text().replace(&random, "RANDOM")).unwrap();
    }
    tables
}

fn apply(project: &Project) {
    project.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    project.nu("migrate run ./db --quiet").text();
}

fn clear(project: &Project) {
    project.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
}

#[test]
fn of_commands_that_change_something() {
    let project = erp();
    let run = ["duration", "applied_at", "validation_time"];
    let mut tables = shown(&project, "migrate run ./db --quiet --dry-run", &run, clear);
    tables += &shown(&project, "migrate run ./db --quiet", &run, clear);
    tables += &shown(
        &project,
        "migrate rehearse ./db --quiet",
        &["duration", "validation_time"],
        |project| {
            clear(project);
            project
                .nu("migrate run ./db --quiet --to 20240110000000 --track core")
                .text();
        },
    );
    let undo = ["duration", "applied_at", "undone_at"];
    tables += &shown(&project, "migrate undo ./db --quiet", &undo, apply);
    tables += &shown(
        &project,
        "migrate repair ./db --forget 20240205080000 --dry-run",
        &[],
        apply,
    );
    tables += &shown(
        &project,
        "migrate repair ./db --forget 20240205080000",
        &[],
        apply,
    );
    assert_golden("tables_of_changes", &tables);
}

#[test]
fn of_commands_that_look() {
    let project = erp();
    let nothing = |_: &Project| {};
    let status = ["duration", "applied_at", "validation_time"];
    let mut tables = shown(&project, "migrate status ./db --offline", &status, nothing);
    tables += &shown(&project, "migrate status ./db", &status, nothing);
    tables += &shown(&project, "migrate validate ./db --offline", &[], nothing);
    apply(&project);
    project.write(
        "db/core/20240115140000_core_unique_customers.sql",
        "SELECT 1;\n",
    );
    tables += &shown(&project, "migrate status ./db", &status, nothing);
    tables += &shown(
        &project,
        "migrate status ./db --summary",
        &["duration", "last_applied_at"],
        nothing,
    );
    tables += &shown(&project, "migrate history ./db", &status, nothing);
    assert_golden("tables_of_looks", &tables);
}

#[test]
fn of_commands_that_look_at_the_schema() {
    let project = erp();
    project.write(
        "db/impl/20240301080000_impl_customer_names.sql",
        "-- migrate: requires core/20240115140000\n\
         CREATE VIEW customer_names AS SELECT id, name FROM customer;\n\
         ALTER TABLE customer ADD vat_id text;\n",
    );
    apply(&project);
    project
        .nu("migrate snapshot ./db --to kept | ignore")
        .text();
    project.sql(
        "CREATE TABLE made_by_hand (id int); ALTER TABLE customer ALTER vat_id SET DEFAULT 'unknown'; \
         DROP TABLE tax_code",
    );
    let nothing = |_: &Project| {};
    let mut tables = shown(&project, "migrate objects ./db", &["made_at"], nothing);
    tables += &shown(&project, "migrate impact ./db customer", &[], nothing);
    tables += &shown(
        &project,
        "migrate drift ./db --against kept --quiet",
        &["since"],
        nothing,
    );
    let older = |project: &Project| {
        project
            .nu("if (\"older\" | path exists) { rm -r kept } else { mv kept older }; cp -r older kept")
            .text();
    };
    tables += &shown(&project, "migrate snapshot ./db --to kept", &[], older);
    assert_golden("tables_of_schemas", &tables);
}

#[test]
fn a_history_of_300_rows_has_300_lines() {
    let project = erp();
    apply(&project);
    project.sql(
        "INSERT INTO migrations_core (migration_name, migration_hash, applied_at, execution_time_ms, state, applied_by)
         SELECT format('20250101%s_core_add_column_%s.sql', lpad(n::text, 6, '0'), n), repeat('0', 64),
                now() - '3 weeks'::interval, 12, 'applied', 'deploy'
         FROM generate_series(1, 297) n",
    );
    for width in WIDTHS {
        let script = format!(
            "migrate history ./db | update duration 12ms | update applied_at {{ (date now) - 21day }} \
             | update validation_time null | update applied_by deploy | table --width {width}"
        );
        let table = project.nu(&script);
        let rows = table
            .text()
            .lines()
            .filter(|line| line.contains("20250101"))
            .count();
        assert_eq!(rows, 297, "{width}");
        // A header of up to three lines above, one below, and the frame: no row takes two lines.
        let lines = table.text().lines().count();
        assert!(lines <= 300 + 10, "{lines} lines at {width}");
    }
}

/// Every command's default table can be written as CSV and read again, with every cell as it was.
#[test]
fn tables_survive_csv_markdown_and_json() {
    let project = erp();
    project.write(
        "more/20240301000000_more_wider.sql",
        "ALTER TABLE customer ALTER name TYPE varchar(99);\n",
    );
    project.write(
        "db/core/20240108090000_core_create_customers.verify.sql",
        "SELECT true;\n",
    );
    project.sql("CREATE TABLE by_hand (\"a, b\" text DEFAULT 'x,\"y')");
    let commands = [
        "migrate status ./db --offline",
        "migrate run ./db --dry-run",
        "migrate validate ./db",
        "migrate rehearse ./db | reject locks rewrites indexes conflicts objects validation notices",
        "migrate run ./db",
        "migrate status ./db",
        "migrate status ./db --summary",
        "migrate objects ./db",
        "migrate impact ./db public",
        "migrate drift ./db --quiet",
        "migrate snapshot ./db --to schema",
        "migrate verify ./db --quiet",
        "migrate history ./db",
        "migrate rehearse ./more --track more | select track version locks | flatten locks --all",
        "migrate undo ./db",
        "migrate repair ./db --forget 20240115140000",
        "migrate add ./db/core 'a new one'",
        "migrate adopt ./db --track core --baseline 20240110000000",
        "migrate squash ./db --track core --to 20240115140000 --quiet | reject requires",
    ];
    for command in commands {
        let script = format!(
            "let rows = {command}
             $rows | save --force rows.csv
             $rows | to md | ignore
             $rows | to json | from json | ignore
             let text = open --raw rows.csv
             let read = $text | from csv --no-infer
             [($rows | length) ($read | length) (($read | to csv) == $text)] | to nuon"
        );
        let output = project.nu(&script);
        let said = output.text();
        let (rows, rest) = said.trim_matches(['[', ']']).split_once(", ").unwrap();
        assert_ne!(rows, "0", "{command}");
        assert_eq!(rest, format!("{rows}, true"), "{command}");
    }
}

#[test]
fn texts_with_commas_come_back_from_csv() {
    let project = erp();
    let notices = project.nu("migrate run ./db --quiet | to csv | from csv | get 1.notices");
    assert_eq!(notices.text(), "a notice, with a comma; another");
}

#[test]
fn what_nobody_asked_is_unknown() {
    let project = erp();
    let script = "migrate status ./db --offline | select state pending | uniq | to nuon";
    assert_eq!(
        project.nu(script).text(),
        "[[state, pending]; [unknown, null]]"
    );
    let script =
        "migrate status ./db --offline --summary | select track total pending duration | to nuon";
    assert_eq!(
        project.nu(script).text(),
        "[[track, total, pending, duration]; [core, 2, null, null], [impl, 1, null, null]]"
    );
}

#[test]
fn a_failed_row_carries_its_error() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "-- migrate: no-transaction\nSELECT 1/0;\n",
    )]);
    assert_eq!(project.code("migrate run ./db"), "migrate::sql_failed");
    for command in ["status", "history"] {
        let error = project.nu(&format!("migrate {command} ./db | get 0.error"));
        assert!(
            error.text().contains("division by zero"),
            "{command}: {error:?}"
        );
    }
}

#[test]
fn a_run_says_where_it_runs_before_the_first_statement() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", "\\echo first\n"),
        ("20240102000000_core_b.sql", "SELECT 1;\n"),
    ]);
    let (host, port, user) = (
        &project.environment["PGHOST"],
        &project.environment["PGPORT"],
        &project.environment["PGUSER"],
    );
    let place = format!(
        "{} on {host}:{port} as {user}, schema public",
        project.database
    );
    let said = |script: &str| project.nu(script).stderr;
    let stderr = said("migrate run ./db | ignore");
    let expected = format!("migrate: applying 2 migrations in {place}\n");
    assert!(stderr.starts_with(&expected), "{stderr}");
    let nothing = format!("migrate: nothing is pending in {place}\n");
    for again in ["migrate run ./db", "migrate run ./db --dry-run"] {
        assert_eq!(said(&format!("{again} | ignore")), nothing);
        assert_eq!(said(&format!("{again} --quiet | ignore")), "");
    }
}
