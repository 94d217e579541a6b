//! A folder of another tool as migrations of ours. Pure: files come as names and bytes.

mod blocks;
mod names;
mod plan;

use std::collections::BTreeMap;
use std::path::Path;

use super::{Error, Tool, version};
use crate::sql::inspection::{Script, inspect, needs_no_transaction};
use crate::sql::variables::Variables;
use crate::sql::variables::usage::unset;
use crate::tree::{Name, Track, Version, directives};

/// A file of the folder: its path in it, with `/`, and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: String,
    pub content: Vec<u8>,
}

/// What a file of theirs becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub from: String,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    File {
        name: Name,
        side: Side,
        content: Vec<u8>,
        /// The lines put on top, without what begins them.
        directives: Vec<&'static str>,
    },
    /// It has no counterpart here, for this reason.
    Skipped(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Side {
    #[strum(serialize = "migration")]
    Up,
    #[strum(serialize = "undo")]
    Down,
}

/// One direction of one of their migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    from: String,
    version: Version,
    description: String,
    side: Side,
    content: Vec<u8>,
    /// Does the tool run it outside of a transaction?
    is_outside: bool,
}

/// What a reader makes of one file.
enum Reading {
    Pieces(Vec<Piece>),
    Skipped(&'static str),
    /// Nothing of the tool's; no SQL either.
    Nothing,
}

/// Turns a folder into migrations of a track, in their order.
///
/// # Errors
/// All that is wrong with it, at once.
pub fn import(tool: Tool, track: &Track, sources: &[Source]) -> Result<Vec<Imported>, Error> {
    let mut problems = Vec::new();
    let (pieces, skipped) = match tool {
        Tool::Sqitch => plan::read(sources, &mut problems),
        _ => each(tool, sources, &mut problems),
    };
    problems.extend(collisions(&pieces));
    let mut imported = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match finish(tool, track, piece) {
            Ok(file) => imported.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    if imported.is_empty() && problems.is_empty() {
        problems.push("there is no migration in it".to_owned());
    }
    if !problems.is_empty() {
        return Err(Error::BadFolder { tool, problems });
    }
    imported.extend(skipped);
    Ok(imported)
}

fn each(tool: Tool, sources: &[Source], problems: &mut Vec<String>) -> (Vec<Piece>, Vec<Imported>) {
    let mut pieces = Vec::new();
    let mut skipped = Vec::new();
    for source in sources {
        let said = names::said_beside(source, sources);
        match names::read(tool, source, said) {
            Ok(Reading::Pieces(found)) => pieces.extend(found),
            Ok(Reading::Skipped(reason)) => skipped.push(Imported {
                from: source.path.clone(),
                outcome: Outcome::Skipped(reason),
            }),
            Ok(Reading::Nothing) => {}
            Err(problem) => problems.push(format!("{}: {problem}", source.path)),
        }
    }
    pieces.sort_by(|one, other| (&one.version, one.side).cmp(&(&other.version, other.side)));
    (pieces, skipped)
}

/// Two files of one version, and undo files without what they undo.
fn collisions(pieces: &[Piece]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<(&Version, Side), &Piece> = BTreeMap::new();
    for piece in pieces {
        if let Some(other) = seen.insert((&piece.version, piece.side), piece) {
            problems.push(format!(
                "{} and {} have the same version",
                other.from, piece.from
            ));
        }
    }
    let downs = seen.values().filter(|piece| piece.side == Side::Down);
    for down in downs.filter(|down| !seen.contains_key(&(&down.version, Side::Up))) {
        problems.push(format!("{}: there is nothing that it undoes", down.from));
    }
    problems
}

/// The file with its directives on top. The text of the other tool stays as it is.
fn finish(tool: Tool, track: &Track, piece: Piece) -> Result<Imported, String> {
    let script = Script {
        path: Path::new(&piece.from),
        content: &piece.content,
    };
    let inspection = inspect(script, &[]);
    let mut lines = Vec::new();
    // golang-migrate sends a file as one message, and a lonely statement then has no transaction.
    let is_outside =
        piece.is_outside || tool == Tool::GolangMigrate && !needs_no_transaction(script).is_empty();
    if is_outside {
        lines.push("no-transaction");
    } else if !inspection.transaction_control.is_empty() {
        lines.push(match inspection.outer_pair {
            Some(_) => "transaction-control unwrap",
            None => "transaction-control separate",
        });
    }
    // Only psql has variables: elsewhere, a colon is a colon.
    if tool != Tool::Sqitch && !unset(script, &[], &Variables::new()).is_empty() {
        lines.push("allow unset-variable");
    }
    let top: String = lines
        .iter()
        .map(|line| format!("-- migrate: {line}\n"))
        .collect();
    let content = [top.as_bytes(), &piece.content].concat();
    directives::read(script.path, &content).map_err(|error| error.to_string())?;
    Ok(Imported {
        from: piece.from,
        outcome: Outcome::File {
            name: Name {
                track: track.clone(),
                version: piece.version,
                description: piece.description,
            },
            side: piece.side,
            content,
            directives: lines,
        },
    })
}

#[cfg(test)]
mod tests {
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
                    "run_in_transaction = false\n",
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
            problems[0].contains("nothing that it undoes"),
            "{problems:?}"
        );
        let problems = imported(Tool::Dbmate, &[]).unwrap_err();
        assert_eq!(problems, ["there is no migration in it"]);
        assert!(imported(Tool::Predecessor, &[("a.sql", "")]).is_err());
    }
}
