//! The queries of a `.verify.sql` file: each must give true, or no row.
//! Text in, verdict out; the session that answers is the caller's.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Answer, Check, Complaint, Rejection, Verdict};
use crate::error::{self, list};
use crate::psql::Ending;
use crate::psql::message::decisive_error;
use crate::sql::inspection::Violation;
use crate::sql::lexer::{Item, scan};
use crate::sql::quote::set_variables;

/// How a statement that only asks begins.
pub const QUESTIONS: [&str; 6] = ["SELECT", "VALUES", "TABLE", "WITH", "SHOW", "EXPLAIN"];

/// How many rows of an answer are shown, and how much of each.
const SHOWN_ROWS: usize = 3;
const SHOWN_CHARACTERS: usize = 120;

/// What psql writes for true.
const TRUE: &str = "t";

/// Says below an answer how many rows it has: those without columns are not to be seen.
const COUNT: &str = "\\qecho :ROW_COUNT\n";

/// Queries that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    pub path: PathBuf,
    queries: Vec<Query>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Query {
    /// Where it stands, from 1.
    line: usize,
    text: String,
}

impl Query {
    /// Without its semicolon: an empty statement behind it would have a count of its own.
    fn statement(&self) -> &str {
        let text = self.text.as_str();
        text.strip_suffix(';')
            .map_or(text, |text| text.strip_suffix('\\').unwrap_or(text))
    }
}

impl Verification {
    /// # Errors
    /// What is no query, or that there is none.
    pub fn read(path: &Path, content: &[u8]) -> Result<Self, Vec<Violation>> {
        let mut queries = Vec::new();
        let mut violations = Vec::new();
        let violation = |line, found| Violation {
            path: path.to_owned(),
            line,
            found,
        };
        for item in scan(content) {
            match item {
                Item::Statement(statement) => {
                    let first = statement.words.first().map_or("", String::as_str);
                    if first.is_empty() || QUESTIONS.contains(&first) {
                        let text = content.get(statement.range).unwrap_or_default();
                        queries.push(Query {
                            line: statement.line,
                            text: String::from_utf8_lossy(text).into_owned(),
                        });
                    } else {
                        violations.push(violation(statement.line, first.to_owned()));
                    }
                }
                Item::Command(command) => {
                    violations.push(violation(command.line, format!("\\{}", command.name)));
                }
            }
        }
        if queries.is_empty() && violations.is_empty() {
            violations.push(violation(1, "no query".to_owned()));
        }
        if violations.is_empty() {
            Ok(Self {
                path: path.to_owned(),
                queries,
            })
        } else {
            Err(violations)
        }
    }

    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Asks all of them, with these psql variables. The folder is for files in between.
    pub fn ask(
        &self,
        variables: &[(String, Option<String>)],
        limit: Duration,
        folder: &Path,
        session: &mut dyn Answer,
    ) -> Result<Verdict, Ending> {
        let set = set_variables(variables);
        let began = Instant::now();
        let mut complaints = Vec::new();
        for query in &self.queries {
            let patience = limit.saturating_sub(began.elapsed());
            let text = format!("{set}{}\n;\n{COUNT}", query.statement());
            let reply = match session.answer(&text, patience, folder) {
                Err(Ending::Overdue) => {
                    complaints.push((query.line, "it took too long".to_owned()));
                    break;
                }
                reply => reply?,
            };
            let wrong = if reply.failed {
                Some(refusal(&reply.stderr))
            } else {
                wrong(&reply.stdout)
            };
            complaints.extend(wrong.map(|wrong| (query.line, wrong)));
        }
        Ok(self.verdict(&complaints, began.elapsed()))
    }

    fn verdict(&self, complaints: &[(usize, String)], duration: Duration) -> Verdict {
        let check = self.name();
        let Some((line, _)) = complaints.first() else {
            return Verdict::Passed(Check {
                check,
                duration,
                output: vec![],
                result: None,
            });
        };
        let told = complaints
            .iter()
            .map(|(line, wrong)| format!("line {line}: {wrong}"));
        let told: Vec<_> = told.collect();
        Verdict::Rejected(Box::new(Rejection {
            check,
            duration,
            output: vec![],
            complaint: Complaint {
                message: match told.as_slice() {
                    [one] => one.clone(),
                    all => list(all),
                },
                line: Some(*line),
                help: Some("every query must give true, or no row".to_owned()),
                ..Complaint::default()
            },
        }))
    }
}

/// What an answer is instead of true or nothing. Its last line is the number of its rows.
fn wrong(stdout: &str) -> Option<String> {
    let mut rows: Vec<_> = stdout.lines().collect();
    let count: Option<usize> = rows.last().and_then(|count| count.parse().ok());
    rows.truncate(rows.len() - usize::from(count.is_some()));
    let are_lines = count.is_some_and(|count| count != rows.len());
    if let Some(count @ 1..) = count
        && rows.is_empty()
    {
        return Some(format!(
            "it gave {} without columns",
            error::count(count, "row", "rows")
        ));
    }
    // A text of several lines is not true, whatever they are.
    rows.retain(|row| *row != TRUE || are_lines);
    let first = match rows.as_slice() {
        [] => return None,
        [""] => return Some("it gave NULL".to_owned()),
        ["f"] => return Some("it gave false".to_owned()),
        rows => rows.iter().take(SHOWN_ROWS),
    };
    let shown: Vec<String> = first
        .map(|row| row.chars().take(SHOWN_CHARACTERS).collect())
        .collect();
    let more = match rows.len().saturating_sub(SHOWN_ROWS) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Some(format!("it gave {}{more}", shown.join(", ")))
}

/// What the server or psql said.
fn refusal(stderr: &str) -> String {
    match decisive_error(stderr.lines()) {
        Some(found) => match found.sqlstate {
            Some(code) => format!("{} (SQLSTATE {code})", found.message),
            None => found.message,
        },
        None => stderr.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::questions::Reply;

    fn read(text: &str) -> Result<Verification, Vec<String>> {
        let found = Verification::read(Path::new("a.verify.sql"), text.as_bytes());
        found.map_err(|found| found.iter().map(ToString::to_string).collect())
    }

    /// Answers each query with the next of these.
    struct Answers(Vec<Reply>);

    impl Answer for Answers {
        fn answer(&mut self, _: &str, _: Duration, _: &Path) -> Result<Reply, Ending> {
            Ok(self.0.remove(0))
        }
    }

    fn gave(stdout: &str) -> Reply {
        Reply {
            stdout: stdout.to_owned(),
            ..Reply::default()
        }
    }

    #[test]
    fn only_queries_are_taken() {
        let found =
            read("-- Words.\nSELECT true;\n\nWITH a AS (SELECT 1) SELECT true FROM a").unwrap();
        let lines: Vec<_> = found.queries.iter().map(|query| query.line).collect();
        assert_eq!(lines, [2, 4]);
        assert_eq!(
            read("SELECT 1;\nINSERT INTO a VALUES (1);\n\\! ls\n").unwrap_err(),
            ["a.verify.sql, line 2: INSERT", "a.verify.sql, line 3: \\!"]
        );
        assert_eq!(
            read("-- later\n").unwrap_err(),
            ["a.verify.sql, line 1: no query"]
        );
    }

    #[test]
    fn true_and_nothing_pass_and_all_else_is_told() {
        let verification = read("SELECT 1;\nSELECT 2;\nSELECT 3;").unwrap();
        let verdict = |replies: [Reply; 3]| {
            let mut session = Answers(replies.into());
            let limit = Duration::from_secs(60);
            match verification.ask(&[], limit, Path::new("/"), &mut session) {
                Ok(Verdict::Passed(_)) => String::new(),
                Ok(Verdict::Rejected(found)) => found.complaint.message,
                Err(ending) => panic!("{ending:?}"),
            }
        };
        assert_eq!(
            verdict([gave("t\n1\n"), gave("0\n"), gave("t\nt\n2\n")]),
            ""
        );
        assert_eq!(
            verdict([gave("t\n1\n"), gave("f\n1\n"), gave("0\n")]),
            "line 2: it gave false"
        );
        assert_eq!(
            verdict([gave("t\n1\n"), gave("0\n"), gave("2\n")]),
            "line 3: it gave 2 rows without columns"
        );
        assert_eq!(
            verdict([gave("t\n1\n"), gave("t\nt\n1\n"), gave("0\n")]),
            "line 2: it gave t, t"
        );
        let failed = Reply {
            stderr: "psql:a.sql:1: ERROR:  42P01: relation \"x\" does not exist".to_owned(),
            failed: true,
            ..Reply::default()
        };
        let found = verdict([gave("\n1\n"), gave("1|a\n2|b\n3|c\n4|d\n4\n"), failed]);
        for expected in [
            "line 1: it gave NULL",
            "line 2: it gave 1|a, 2|b, 3|c, and 1 more",
            "line 3: relation \"x\" does not exist (SQLSTATE 42P01)",
        ] {
            assert!(found.contains(expected), "{found}");
        }
    }
}
