//! What broke, from how psql ended and what it said.
//! Pure: files are read through a function that the caller gives.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use memchr::memmem;

use super::fault::Fault;
use crate::database::ledger::guard::ROW_CHANGED;
use crate::execution::frame::Frame;
use crate::execution::script::{Completion, TRANSACTION_ENDED};
use crate::psql::message::{Diagnostic, decisive_error, error_of, psqls_own_error};
use crate::psql::process::{CONNECTION_LOST, is_driver};
use crate::psql::{Ending, Output};
use crate::tree::relative;
use crate::tree::{Migration, Name};

/// Reads what a file has around a line: the number of the first line, and the text.
type Read<'a> = &'a dyn Fn(&Path, usize) -> Option<(usize, Vec<u8>)>;

/// What psql was doing when it ended.
#[derive(Clone)]
pub enum Stage<'a> {
    /// Beginning a transaction, creating ledgers.
    Begin,
    /// Running a file or recording it.
    File {
        step: &'a Migration,
        /// The file that psql reads, which may be a copy of the migration's.
        copy: &'a Path,
        /// The line of that file behind which statements of ours share a message with its last one.
        joined_behind: Option<usize>,
        /// The tree, to name files as the user does.
        root: &'a Path,
        /// What the file had printed, if psql had come to its end; then its word on the file
        /// comes first in the answer.
        printed: Option<&'a Output>,
        /// What a ledger's name starts with.
        prefix: &'a str,
        /// Reads a file for the frame.
        read: Read<'a>,
    },
    /// Committing.
    Commit {
        /// The migration that ran last.
        last: Option<Name>,
    },
}

impl Stage<'_> {
    /// The migration that was running, if one was.
    fn running(&self) -> Option<Name> {
        match self {
            Self::File { step, .. } => Some(step.name.clone()),
            _ => None,
        }
    }
}

/// Tells what broke.
pub fn fault_of(ending: Ending, stage: Stage<'_>) -> Fault {
    let (status, mut output) = match ending {
        Ending::Interrupted | Ending::Overdue => {
            return Fault::Interrupted {
                during: stage.running(),
            };
        }
        Ending::Exited { status, output } => (status, output),
    };
    if let Stage::File {
        printed: Some(printed),
        ..
    } = stage
        && let Some(completion) = Completion::take(&mut output.stdout)
        && let Some(error) = error_in_file(&completion, printed)
    {
        return blame(Box::new(error), stage);
    }
    let lines = || output.stderr.iter().map(String::as_str);
    match decisive_error(lines()) {
        Some(diagnostic) if !is_lost(status) => blame(Box::new(diagnostic), stage),
        _ => Fault::ConnectionLost {
            during: stage.running(),
            detail: last_words(status, lines()),
        },
    }
}

/// The error of a file that psql has run, also one that did not stop it.
pub fn error_in_file(completion: &Completion, printed: &Output) -> Option<Diagnostic> {
    let lines = || printed.stderr.iter().map(String::as_str);
    if !completion.is_clean() {
        Some(error_of(lines(), completion.sqlstate.as_deref()))
    } else if completion.stops_at_errors {
        None
    } else {
        // psql keeps no variable about its own errors.
        psqls_own_error(lines())
    }
}

/// Did psql end for another reason than an error in its script?
fn is_lost(status: Option<ExitStatus>) -> bool {
    status.is_none_or(|status| status.code().is_none_or(|code| code == CONNECTION_LOST))
}

pub fn blame(mut diagnostic: Box<Diagnostic>, stage: Stage<'_>) -> Fault {
    if diagnostic.message.contains(ROW_CHANGED) {
        return Fault::RowChanged {
            name: match stage {
                Stage::Begin => None,
                Stage::File { step, .. } => Some(step.name.clone()),
                Stage::Commit { last } => last,
            },
        };
    }
    match stage {
        Stage::Begin => Fault::Ledger {
            name: None,
            diagnostic,
        },
        Stage::Commit { .. } => Fault::Commit { diagnostic },
        Stage::File {
            step,
            copy,
            joined_behind,
            root,
            prefix,
            read,
            ..
        } => {
            let joined = joined_behind
                .filter(|last| diagnostic.line.is_some_and(|line| line > *last))
                .filter(|_| diagnostic.file.as_deref().map(Path::new) == Some(copy));
            if let Some(last) = joined {
                diagnostic.line = Some(last);
            }
            let is_ours = if joined.is_some() {
                is_of_joined(&diagnostic, prefix, step, read)
            } else {
                diagnostic.file.as_deref().is_some_and(is_driver)
            };
            if is_ours && diagnostic.message.contains(TRANSACTION_ENDED) {
                return Fault::TransactionEnded {
                    name: step.name.clone(),
                };
            }
            if is_ours && is_about_ledger(&diagnostic, prefix, step) {
                return Fault::Ledger {
                    name: Some(step.name.clone()),
                    diagnostic,
                };
            }
            if is_ours {
                diagnostic.context = diagnostic.context.take().and_then(files_own);
            }
            let frame = match (&diagnostic.file, diagnostic.line) {
                (Some(file), Some(line)) if !is_ours => {
                    let file = Path::new(file);
                    let file = if file == copy { &step.path } else { file };
                    read(file, line).map(|(start, content)| {
                        let name = relative(root, file);
                        Frame::new(name, (start, &content), line, diagnostic.pointer.as_ref())
                    })
                }
                _ => None,
            };
            Fault::Sql {
                name: step.name.clone(),
                diagnostic,
                frame,
            }
        }
    }
}

/// Is an error of a message in which statements of ours followed the file's last one theirs?
fn is_of_joined(diagnostic: &Diagnostic, prefix: &str, step: &Migration, read: Read<'_>) -> bool {
    let table = format!("{prefix}{}", step.name.track);
    let names_ledger = || {
        // Only small files are joined, which are read at once.
        let (_, text) = read(&step.path, 1).unwrap_or_default();
        memmem::find(&text, table.as_bytes()).is_some()
    };
    let context = diagnostic.context.as_deref().unwrap_or_default();
    diagnostic.message.contains(TRANSACTION_ENDED)
        || context.contains(SET_CONSTRAINTS)
        || is_about_ledger(diagnostic, prefix, step) && !names_ledger()
}

/// What the context of an error says that comes from checking deferred constraints.
const SET_CONSTRAINTS: &str = "SET CONSTRAINTS ";

/// A context without what a statement of our own adds to it.
fn files_own(context: String) -> Option<String> {
    let own = context
        .lines()
        .take_while(|line| !line.contains(SET_CONSTRAINTS));
    Some(own.collect::<Vec<_>>().join("\n")).filter(|own| !own.is_empty())
}

/// Statements of our own stand behind each file. When one fails, it is the ledger's fault if
/// the server says so; else the file left something behind, such as a violated constraint.
fn is_about_ledger(diagnostic: &Diagnostic, prefix: &str, step: &Migration) -> bool {
    let table = format!("{prefix}{}", step.name.track);
    diagnostic.table.as_ref() == Some(&table) || diagnostic.message.contains(&table)
}

fn last_words<'a>(status: Option<ExitStatus>, lines: impl Iterator<Item = &'a str>) -> String {
    let said = lines.collect::<Vec<_>>().join("\n");
    let code = status.and_then(|status| status.code());
    match status.and_then(|status| status.signal()) {
        Some(signal) => format!("psql was killed by signal {signal}"),
        None if said.is_empty() && code != Some(CONNECTION_LOST) => format!(
            "psql ended with exit code {}",
            code.map_or_else(|| "unknown".to_owned(), |code| code.to_string())
        ),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::examples::migration;

    fn exited(code: i32, stderr: &str) -> Ending {
        Ending::Exited {
            status: Some(ExitStatus::from_raw(code << 8)),
            output: Output {
                stdout: vec![],
                stderr: stderr.lines().map(str::to_owned).collect(),
            },
        }
    }

    /// psql got through the file, as far as it knows.
    const CLEAN: &str = "1 00000 TRUE";

    fn in_file(ending: Ending, printed: &str) -> Fault {
        after_file(ending, CLEAN, printed)
    }

    fn after_file(mut ending: Ending, completion: &str, printed: &str) -> Fault {
        if let Ending::Exited { output, .. } = &mut ending {
            output.stdout.push(completion.to_owned());
        }
        let step = migration("20240101000000_core_a.sql");
        let printed = Output {
            stdout: vec![],
            stderr: printed.lines().map(str::to_owned).collect(),
        };
        fault_of(
            ending,
            Stage::File {
                step: &step,
                copy: Path::new("/tmp/copy.sql"),
                joined_behind: Some(2),
                root: Path::new("/db"),
                printed: Some(&printed),
                prefix: "migrations_",
                read: &|_, _| Some((1, b"SELECT\n  nope;\n".to_vec())),
            },
        )
    }

    const SYNTAX: &str =
        "psql:/db/20240101000000_core_a.sql:2: ERROR:  42703: no column\nLINE 2:   nope;";

    #[test]
    fn an_error_in_the_file_shows_its_lines() {
        match after_file(exited(3, ""), "1 42703 FALSE", SYNTAX) {
            Fault::Sql {
                frame: Some(frame), ..
            } => assert_eq!(frame.line, 2),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_error_that_the_file_kept_quiet_is_still_the_cause() {
        let aborted = "psql:/dev/fd/3:40: ERROR:  25P02: current transaction is aborted";
        match after_file(exited(3, aborted), "1 42703 TRUE", SYNTAX) {
            Fault::Sql { diagnostic, .. } => assert_eq!(diagnostic.message, "no column"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn behind_the_file_the_ledger_and_a_late_constraint_are_told_apart() {
        let denied =
            "psql:/dev/fd/3:40: ERROR:  42501: permission denied for table migrations_core";
        assert!(matches!(
            in_file(exited(3, denied), ""),
            Fault::Ledger { .. }
        ));
        let late =
            "psql:/dev/fd/3:40: ERROR:  23503: insert violates foreign key\nTABLE NAME:  orders";
        assert!(matches!(
            in_file(exited(3, late), ""),
            Fault::Sql { frame: None, .. }
        ));
    }

    #[test]
    fn in_the_message_that_a_file_shares_with_us_its_own_errors_are_told_apart() {
        let fault = |error: &str| {
            let (code, _) = error.split_once(':').unwrap();
            let printed = format!("psql:/tmp/copy.sql:9: ERROR:  {error}");
            after_file(exited(0, ""), &format!("1 {code} FALSE"), &printed)
        };
        match fault("23505: duplicate key") {
            Fault::Sql {
                frame: Some(frame), ..
            } => assert_eq!(frame.line, 2, "where the file ends, not the copy"),
            other => panic!("{other:?}"),
        }
        let late =
            "23503: insert violates\nCONTEXT:  SQL statement \"SET CONSTRAINTS ALL IMMEDIATE\"";
        match fault(late) {
            Fault::Sql {
                frame: None,
                diagnostic,
                ..
            } => assert_eq!(diagnostic.context, None),
            other => panic!("{other:?}"),
        }
        let denied = "42501: permission denied for table migrations_core";
        assert!(matches!(fault(denied), Fault::Ledger { .. }));
        let ended = "22P02: invalid: \"migrate: the transaction has ended, backend 7\"";
        assert!(matches!(fault(ended), Fault::TransactionEnded { .. }));
    }

    #[test]
    fn a_lost_connection_is_no_error_in_the_file() {
        let shutdown = "psql:/db/a.sql:2: FATAL:  57P01: terminating connection\nLOCATION:  x\n\
                        psql:/db/a.sql:2: server closed the connection unexpectedly";
        for ending in [exited(2, shutdown), exited(0, "")] {
            assert!(matches!(
                in_file(ending, ""),
                Fault::ConnectionLost {
                    during: Some(_),
                    ..
                }
            ));
        }
        let killed = Ending::Exited {
            status: Some(ExitStatus::from_raw(9)),
            output: Output::default(),
        };
        match in_file(killed, "") {
            Fault::ConnectionLost { detail, .. } => {
                assert_eq!(detail, "psql was killed by signal 9");
            }
            other => panic!("{other:?}"),
        }
    }
}
