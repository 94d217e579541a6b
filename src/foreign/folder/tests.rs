use super::*;

fn source(path: &str, content: &str) -> Source {
    Source {
        path: path.to_owned(),
        content: content.as_bytes().to_vec(),
    }
}

fn imported(tool: Tool, files: &[(&str, &str)]) -> Result<Vec<(String, String)>, Vec<String>> {
    let sources: Vec<_> = files
        .iter()
        .map(|(path, text)| source(path, text))
        .collect();
    let track = Track::parse("core").unwrap();
    match import(tool, &track, &sources) {
        Ok(found) => Ok(found
            .into_iter()
            .map(|found| match found.outcome {
                Outcome::File {
                    name,
                    side: Side::Up,
                    content,
                    ..
                } => (name.file_name(), String::from_utf8(content).unwrap()),
                Outcome::File { name, content, .. } => {
                    (name.undo_name(), String::from_utf8(content).unwrap())
                }
                Outcome::Skipped(reason) => (found.from, reason.to_owned()),
            })
            .collect()),
        Err(Error::BadFolder { problems, .. }) => Err(problems),
        Err(other) => panic!("{other:?}"),
    }
}

fn pairs(found: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    found.iter().map(owned).collect()
}

#[test]
fn pairs_of_files() {
    let found = imported(
        Tool::GolangMigrate,
        &[
            (
                "000002_index.up.sql",
                "CREATE INDEX CONCURRENTLY i ON a (x);\n",
            ),
            (
                "000001_create a.up.sql",
                "BEGIN;\nCREATE TABLE a (x int);\nCOMMIT;\n",
            ),
            ("000001_create a.down.sql", "DROP TABLE a;\n"),
            ("README.md", "-- words"),
        ],
    );
    let expected = pairs(&[
        (
            "00000000000001_core_create_a.sql",
            "-- migrate: transaction-control unwrap\nBEGIN;\nCREATE TABLE a (x int);\nCOMMIT;\n",
        ),
        ("00000000000001_core_create_a.down.sql", "DROP TABLE a;\n"),
        (
            "00000000000002_core_index.sql",
            "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY i ON a (x);\n",
        ),
    ]);
    assert_eq!(found.unwrap(), expected);
    let found = imported(
        Tool::Sqlx,
        &[
            ("20240101000000_a.up.sql", "-- no-transaction\nVACUUM;\n"),
            ("20240101000000_a.down.sql", ""),
            ("20240102000000_b.sql", "SELECT ':x', :y;\n"),
        ],
    );
    let expected = pairs(&[
        (
            "20240101000000_core_a.sql",
            "-- migrate: no-transaction\n-- no-transaction\nVACUUM;\n",
        ),
        ("20240101000000_core_a.down.sql", ""),
        (
            "20240102000000_core_b.sql",
            "-- migrate: allow unset-variable\nSELECT ':x', :y;\n",
        ),
    ]);
    assert_eq!(found.unwrap(), expected);
}

#[test]
fn blocks_in_one_file() {
    let found = imported(
        Tool::Dbmate,
        &[(
            "20240101000000_a.sql",
            "-- migrate:up transaction:false\nVACUUM;\n\n-- migrate:down\nSELECT 1;\n",
        )],
    );
    let expected = pairs(&[
        (
            "20240101000000_core_a.sql",
            "-- migrate: no-transaction\nVACUUM;\n\n",
        ),
        ("20240101000000_core_a.down.sql", "SELECT 1;\n"),
    ]);
    assert_eq!(found.unwrap(), expected);
    let found = imported(
        Tool::Goose,
        &[
            (
                "00001_a.sql",
                "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose StatementEnd\n-- +goose Down\nSELECT 2;\n",
            ),
            (
                "00002_b.sql",
                "-- +goose NO TRANSACTION\n-- +goose Up\nVACUUM;\n",
            ),
        ],
    );
    let expected = pairs(&[
        (
            "00000000000001_core_a.sql",
            "-- +goose StatementBegin\nSELECT 1;\n-- +goose StatementEnd\n",
        ),
        ("00000000000001_core_a.down.sql", "SELECT 2;\n"),
        (
            "00000000000002_core_b.sql",
            "-- migrate: no-transaction\nVACUUM;\n",
        ),
    ]);
    assert_eq!(found.unwrap(), expected);
}

#[test]
fn prefixes_and_folders() {
    let found = imported(
        Tool::Flyway,
        &[
            ("V1.1__create_a.sql", "SELECT 1;\n"),
            ("V1.1__create_a.sql.conf", "executeInTransaction=false\n"),
            ("U1.1__create_a.sql", "SELECT 2;\n"),
            ("R__views.sql", "SELECT 3;\n"),
        ],
    );
    let (file, text) = &found.unwrap()[0];
    assert_eq!(file, "00001001000000_core_create_a.sql");
    assert_eq!(text, "-- migrate: no-transaction\nSELECT 1;\n");
    let found = imported(
        Tool::Diesel,
        &[
            ("2024-01-01-000000_a/up.sql", "VACUUM;\n"),
            ("2024-01-01-000000_a/down.sql", "SELECT 2;\n"),
            (
                "2024-01-01-000000_a/metadata.toml",
                "run_in_transaction = false # It takes hours.\n",
            ),
        ],
    );
    let expected = pairs(&[
        (
            "20240101000000_core_a.sql",
            "-- migrate: no-transaction\nVACUUM;\n",
        ),
        (
            "20240101000000_core_a.down.sql",
            "-- migrate: no-transaction\nSELECT 2;\n",
        ),
    ]);
    assert_eq!(found.unwrap(), expected);
    let found = imported(Tool::Refinery, &[("V3__add_cars.sql", "SELECT 1;\n")]);
    assert_eq!(found.unwrap()[0].0, "00000000000003_core_add_cars.sql");
}

#[test]
fn a_plan_orders_what_has_only_names() {
    let found = imported(
        Tool::Sqitch,
        &[
            (
                "sqitch.plan",
                "%syntax-version=1.0.0\n%project=erp\n\n\
                 users 2024-01-01T10:00:00Z Me <me@x.org> # Users.\n\
                 @v1 2024-01-01T10:00:01Z Me <me@x.org>\n\n\
                 app/roles [users] 2024-01-01T10:00:00Z Me <me@x.org>\n\
                 users [users@v1] 2024-01-02T10:00:00Z Me <me@x.org>\n",
            ),
            ("deploy/users@v1.sql", "BEGIN;\nSELECT 1;\nCOMMIT;\n"),
            ("deploy/users.sql", "SELECT 3;\n"),
            ("deploy/app/roles.sql", "SELECT 2;\n"),
            ("revert/app/roles.sql", "SELECT -2;\n"),
            ("verify/users.sql", "SELECT 0;\n"),
            ("deploy/stray.sql", "SELECT 9;\n"),
        ],
    );
    let expected = pairs(&[
        (
            "20240101100000_core_users.sql",
            "-- migrate: transaction-control unwrap\nBEGIN;\nSELECT 1;\nCOMMIT;\n",
        ),
        ("20240101100001_core_app_roles.sql", "SELECT 2;\n"),
        ("20240101100001_core_app_roles.down.sql", "SELECT -2;\n"),
        ("20240102100000_core_users.sql", "SELECT 3;\n"),
        ("verify/users.sql", "a check after deploying"),
        ("deploy/stray.sql", "the plan does not name it"),
    ]);
    assert_eq!(found.unwrap(), expected);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let problems = imported(
        Tool::Goose,
        &[
            ("1_a.sql", "-- +goose Up\nSELECT 1;\n"),
            ("01_b.sql", "-- +goose Up\nSELECT 1;\n"),
            ("2_c.sql", "-- migrate:up\nSELECT 1;\n"),
            ("words.sql", "SELECT 1;\n"),
            ("3_d.go", "package main"),
        ],
    )
    .unwrap_err();
    assert_eq!(problems.len(), 4, "{problems:?}");
    let problems = imported(Tool::Sqlx, &[("1_a.down.sql", "SELECT 1;\n")]).unwrap_err();
    assert!(
        problems[0].contains("no migration for this undo file"),
        "{problems:?}"
    );
    let problems = imported(Tool::Dbmate, &[]).unwrap_err();
    assert_eq!(problems, ["the folder has no migration"]);
    assert!(imported(Tool::Predecessor, &[("a.sql", "")]).is_err());
}

#[test]
fn a_file_in_a_folder_below_is_none_of_a_tool_that_does_not_look_there() {
    let up = |tool| match tool {
        Tool::Dbmate => "-- migrate:up\nSELECT 1;\n",
        Tool::Goose => "-- +goose Up\nSELECT 1;\n",
        _ => "SELECT 1;\n",
    };
    for (tool, file) in [
        (Tool::Dbmate, "2023/20230101000000_a.sql"),
        (Tool::Goose, "2023/20230101000000_a.sql"),
        (Tool::Sqlx, "1_old/20230101000000_a.sql"),
        (Tool::GolangMigrate, "1_old/20230101000000_a.up.sql"),
        (Tool::Flyway, "V1__old/a.sql"),
    ] {
        let found = imported(tool, &[(file, up(tool))]);
        let expected = format!("{file}: its name is not a file name of {tool}");
        assert_eq!(found.unwrap_err(), [expected]);
    }
    let found = imported(Tool::Flyway, &[("2023/V1__a.sql", "SELECT 1;\n")]);
    assert_eq!(found.unwrap()[0].0, "00001000000000_core_a.sql");
}

#[test]
fn nothing_of_a_file_is_lost_on_the_way() {
    let problem = |tool, text: &str| {
        let problems = imported(tool, &[("20240101000000_a.sql", text)]).unwrap_err();
        problems.join(", ")
    };
    let before = "-- Licence.\n\nCREATE TABLE lost (x int);\n-- migrate:up\nSELECT 1;\n";
    assert!(problem(Tool::Dbmate, before).ends_with("the SQL in line 3 is before the first mark"));
    let comments = "-- Licence.\n-- migrate:up\nSELECT 1;\n";
    assert!(imported(Tool::Dbmate, &[("1_a.sql", comments)]).is_ok());
    let envsub = "-- +goose ENVSUB ON\n-- +goose Up\nSELECT ${X};\n";
    assert!(problem(Tool::Goose, envsub).contains("ENVSUB"));
    let goose = "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n";
    assert!(problem(Tool::Sqlx, goose).contains("marks of goose"));
    assert!(problem(Tool::Dbmate, &format!("-- migrate:up\n{goose}")).contains("goose"));
}

#[test]
fn a_byte_order_mark_stays_where_psql_skips_it() {
    let found = imported(
        Tool::Sqlx,
        &[("1_a.sql", "\u{feff}BEGIN;\nSELECT 1;\nCOMMIT;\n")],
    );
    assert_eq!(
        found.unwrap()[0].1,
        "\u{feff}-- migrate: transaction-control unwrap\nBEGIN;\nSELECT 1;\nCOMMIT;\n"
    );
    let found = imported(
        Tool::Dbmate,
        &[("1_a.sql", "\u{feff}-- migrate:up\nSELECT 1;\n")],
    );
    assert_eq!(found.unwrap()[0].1, "SELECT 1;\n");
}
