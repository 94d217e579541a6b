//! psql's standard error, as data.
//! Pure. Relies on `VERBOSITY=verbose`, which puts the SQLSTATE into every server message, and
//! never on the wording of a message, which comes in the server's language.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use strum::EnumString;

use super::secrets::hide;

/// A message of the server or of psql itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostic {
    /// The script that psql was reading.
    pub file: Option<String>,
    /// The line in it at which the statement ended, from 1.
    pub line: Option<usize>,
    /// `ERROR`, `NOTICE` and so on, in the server's language; `error` when psql itself speaks.
    pub severity: String,
    /// The five characters that identify the condition; psql's own messages have none.
    pub sqlstate: Option<String>,
    pub message: String,
    /// The line that the server points at.
    pub pointer: Option<Pointer>,
    /// What else the server knows.
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// Where inside functions it happened.
    pub context: Option<String>,
    /// The table that it is about.
    pub table: Option<String>,
}

/// `LINE n: text` below a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// The line, counted from 1 at the start of the statement.
    pub line: usize,
    /// The line's text, cropped by `...` where it is long.
    pub text: String,
}

/// A part of psql's standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A message with a severity.
    Diagnostic(Box<Diagnostic>),
    /// A line that is none: the output of `\warn` or of a program.
    Text(String),
}

impl Diagnostic {
    /// Does this message mean that a statement failed?
    pub fn is_error(&self) -> bool {
        match self.severity.as_str() {
            OWN_ERROR | "fatal" => true,
            _ if self.is_notice() => false,
            // Classes 00, 01 and 02 are success, warning and no data (PostgreSQL manual,
            // appendix A).
            _ => self.sqlstate.as_deref().is_some_and(|code| {
                !["00", "01", "02"]
                    .iter()
                    .any(|class| code.starts_with(class))
            }),
        }
    }

    /// Is it surely none? `RAISE NOTICE` can have any code; where the server speaks another
    /// language, the code is all there is to go by.
    fn is_notice(&self) -> bool {
        ["NOTICE", "WARNING", "INFO", "LOG", "DEBUG"].contains(&self.severity.as_str())
    }

    fn is_psqls_own(&self) -> bool {
        ["error", "fatal", "warning", "detail", "hint", "info"].contains(&self.severity.as_str())
    }
}

/// The message with all that belongs to it.
impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Messages are kept in the ledger and in tickets.
        write!(formatter, "{}: {}", self.severity, hide(&self.message))?;
        if let Some(sqlstate) = &self.sqlstate {
            write!(formatter, " (SQLSTATE {sqlstate})")?;
        }
        for (label, text) in [
            ("DETAIL", &self.detail),
            ("HINT", &self.hint),
            ("CONTEXT", &self.context),
        ] {
            if let Some(text) = text {
                write!(formatter, "\n{label}: {}", hide(text))?;
            }
        }
        Ok(())
    }
}

/// The error that ended a script: the last, unless it only says that the transaction had failed
/// before; then the first that says something else.
pub fn decisive_error<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<Diagnostic> {
    let mut errors: Vec<_> = diagnostics(lines).filter(Diagnostic::is_error).collect();
    let is_echo = |error: &Diagnostic| error.sqlstate.as_deref() == Some(IN_FAILED_TRANSACTION);
    match errors.pop() {
        Some(last) if is_echo(&last) => Some(
            errors
                .into_iter()
                .find(|error| !is_echo(error))
                .unwrap_or(last),
        ),
        last => last,
    }
}

/// "current transaction is aborted".
const IN_FAILED_TRANSACTION: &str = "25P02";

/// The message of an error that psql itself has told of: that of the statement that failed with
/// this code, or, without a code, of a meta-command.
pub fn error_of<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    sqlstate: Option<&str>,
) -> Diagnostic {
    let lines: Vec<_> = lines.into_iter().collect();
    let Some(sqlstate) = sqlstate else {
        return psqls_own_error(lines.iter().copied()).unwrap_or_else(|| Diagnostic {
            severity: OWN_ERROR.to_owned(),
            message: "psql did not get to the end of the file".to_owned(),
            ..Diagnostic::default()
        });
    };
    if sqlstate == IN_FAILED_TRANSACTION
        && let Some(first) = decisive_error(lines.iter().copied())
    {
        return first;
    }
    let said: Vec<_> = diagnostics(lines).collect();
    let coded = said
        .iter()
        .rfind(|found| found.sqlstate.as_deref() == Some(sqlstate));
    // A file may have made psql terse, and then no message has its code.
    let found = coded.or_else(|| {
        said.iter()
            .rfind(|found| found.sqlstate.is_none() && !found.is_notice() && !found.is_psqls_own())
    });
    Diagnostic {
        sqlstate: Some(sqlstate.to_owned()),
        ..found.cloned().unwrap_or_else(|| Diagnostic {
            severity: "ERROR".to_owned(),
            message: "psql did not print the server's message".to_owned(),
            ..Diagnostic::default()
        })
    }
}

/// The last error of psql itself, such as that of a meta-command; a file can imitate it with
/// `\\warn`.
pub fn psqls_own_error<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<Diagnostic> {
    diagnostics(lines)
        .filter(|found| found.severity == OWN_ERROR)
        .last()
}

fn diagnostics<'a>(lines: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = Diagnostic> {
    parse(lines)
        .into_iter()
        .filter_map(|message| match message {
            Message::Diagnostic(diagnostic) => Some(*diagnostic),
            Message::Text(_) => None,
        })
}

/// What psql calls an error of its own. It speaks English, whatever the server speaks: it is
/// started with `LC_MESSAGES=C`.
const OWN_ERROR: &str = "error";

/// Reads the lines of psql's standard error.
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut open: Option<Open> = None;
    for line in lines {
        if let Some(diagnostic) = start(line) {
            finish(&mut messages, open.replace(Open::new(diagnostic)));
            continue;
        }
        match &mut open {
            Some(current) => {
                if current.take(line) {
                    finish(&mut messages, open.take());
                }
            }
            None => messages.push(Message::Text(line.to_owned())),
        }
    }
    finish(&mut messages, open);
    messages
}

fn finish(messages: &mut Vec<Message>, open: Option<Open>) {
    messages.extend(open.map(|open| Message::Diagnostic(Box::new(open.diagnostic))));
}

/// A diagnostic that more lines may belong to.
struct Open {
    diagnostic: Diagnostic,
    field: Field,
}

/// What a line without a label continues.
#[derive(Clone, Copy)]
enum Field {
    Message,
    Detail,
    Hint,
    Context,
    Other,
}

impl Open {
    fn new(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostic,
            field: Field::Message,
        }
    }

    /// Takes a line in. True when it was the last: the server ends with its source location.
    fn take(&mut self, line: &str) -> bool {
        if let Some(pointer) = pointer(line) {
            self.diagnostic.pointer = Some(pointer);
            self.field = Field::Other;
            return false;
        }
        let (field, text) = match labelled(line) {
            Some((Label::Detail, text)) => (Field::Detail, text),
            Some((Label::Hint, text)) => (Field::Hint, text),
            Some((Label::Context, text)) => (Field::Context, text),
            Some((Label::Location, _)) => return true,
            Some((Label::TableName, text)) => {
                self.diagnostic.table = Some(text.to_owned());
                (Field::Other, "")
            }
            Some(_) => (Field::Other, ""),
            None => (self.field, line),
        };
        self.field = field;
        match field {
            Field::Message => append(&mut self.diagnostic.message, text),
            Field::Detail => append(self.diagnostic.detail.get_or_insert_default(), text),
            Field::Hint => append(self.diagnostic.hint.get_or_insert_default(), text),
            Field::Context => append(self.diagnostic.context.get_or_insert_default(), text),
            Field::Other => {}
        }
        false
    }
}

/// What begins the lines that belong to a message, behind its first (libpq,
/// `pqBuildErrorMessage3`). libpq translates them, but not where `LC_MESSAGES` is C.
#[derive(Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "UPPERCASE")]
enum Label {
    Detail,
    Hint,
    Query,
    Context,
    #[strum(serialize = "SCHEMA NAME")]
    SchemaName,
    #[strum(serialize = "TABLE NAME")]
    TableName,
    #[strum(serialize = "COLUMN NAME")]
    ColumnName,
    #[strum(serialize = "DATATYPE NAME")]
    DatatypeName,
    #[strum(serialize = "CONSTRAINT NAME")]
    ConstraintName,
    Location,
}

fn labelled(line: &str) -> Option<(Label, &str)> {
    let (label, text) = line.split_once(":  ")?;
    Some((label.parse().ok()?, text))
}

/// Does a line belong to the message before it?
pub fn is_continuation(line: &str) -> bool {
    labelled(line).is_some() || pointer(line).is_some()
}

fn append(field: &mut String, text: &str) {
    if !field.is_empty() {
        field.push('\n');
    }
    field.push_str(text);
}

/// Reads the first line of a message: `psql:FILE:LINE: SEVERITY:  SQLSTATE: MESSAGE` from the
/// server, `psql:FILE:LINE: error: MESSAGE` from psql; the file is left out while connecting.
fn start(line: &str) -> Option<Diagnostic> {
    static PLACE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^psql:(?:(?<file>.+?):(?<line>\d+):)? (?<rest>.*)$").ok());
    static SERVER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^(?<severity>\S[^:]*):  (?:(?<sqlstate>[0-9A-Z]{5}): )?(?<message>.*)$").ok()
    });
    static CLIENT: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^(error|fatal|warning|detail|hint): (.*)$").ok());

    let place = PLACE.as_ref()?.captures(line)?;
    let rest = place.name("rest")?.as_str();
    let mut diagnostic = Diagnostic {
        file: place.name("file").map(|file| file.as_str().to_owned()),
        line: place
            .name("line")
            .and_then(|line| line.as_str().parse().ok()),
        ..Diagnostic::default()
    };
    if let Some(found) = SERVER.as_ref()?.captures(rest) {
        // A file may have made psql terse, and then there is no SQLSTATE.
        let text = |name| found.name(name).map(|text| text.as_str().to_owned());
        diagnostic.severity = text("severity").unwrap_or_default();
        diagnostic.sqlstate = text("sqlstate");
        diagnostic.message = text("message").unwrap_or_default();
    } else if let Some(found) = CLIENT.as_ref()?.captures(rest) {
        let (_, [severity, message]) = found.extract();
        diagnostic.severity = severity.to_owned();
        diagnostic.message = message.to_owned();
    } else {
        // psql says some things without a level, such as a lost connection.
        diagnostic.severity = "info".to_owned();
        diagnostic.message = rest.to_owned();
    }
    Some(diagnostic)
}

fn pointer(line: &str) -> Option<Pointer> {
    let (number, text) = line.strip_prefix("LINE ")?.split_once(": ")?;
    Some(Pointer {
        line: number.parse().ok()?,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Diagnostic {
        match parse(text.lines()).as_slice() {
            [Message::Diagnostic(diagnostic)] => (**diagnostic).clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_server_error_with_everything() {
        let found = only(
            "psql:/db/it's:1/a.sql:7: ERROR:  23505: duplicate key\nin two lines\n\
             LINE 2:   nope\n          ^\n\
             DETAIL:  Key (id)=(1) already exists.\nHINT:  Choose another.\n\
             CONTEXT:  PL/pgSQL function f() line 3\nSQL statement \"x\"\n\
             SCHEMA NAME:  public\nTABLE NAME:  t\nLOCATION:  _bt_check_unique, nbtinsert.c:666",
        );
        assert!(found.is_error());
        assert_eq!(found.file.as_deref(), Some("/db/it's:1/a.sql"));
        assert_eq!(found.line, Some(7));
        assert_eq!(found.sqlstate.as_deref(), Some("23505"));
        assert_eq!(found.message, "duplicate key\nin two lines");
        assert_eq!(
            found.pointer,
            Some(Pointer {
                line: 2,
                text: "  nope".to_owned()
            })
        );
        assert_eq!(
            found.detail.as_deref(),
            Some("Key (id)=(1) already exists.")
        );
        assert_eq!(found.hint.as_deref(), Some("Choose another."));
        assert_eq!(found.table.as_deref(), Some("t"));
        assert_eq!(
            found.context.as_deref(),
            Some("PL/pgSQL function f() line 3\nSQL statement \"x\"")
        );
    }

    #[test]
    fn notices_text_and_errors_in_one_stream() {
        let stream = "before\n\
             psql:a.sql:1: NOTICE:  00000: hello\nLOCATION:  exec_stmt_raise, pl_exec.c:3893\n\
             from \\warn\n\
             psql:a.sql:3: error: invalid command \\foo";
        let messages = parse(stream.lines());
        assert_eq!(messages.len(), 4);
        assert_eq!(messages[0], Message::Text("before".to_owned()));
        assert_eq!(messages[2], Message::Text("from \\warn".to_owned()));
        let error = decisive_error(stream.lines()).unwrap();
        assert_eq!(error.message, "invalid command \\foo");
        assert_eq!((error.line, error.sqlstate), (Some(3), None));
    }

    #[test]
    fn of_several_errors_the_one_that_ended_the_script() {
        let tolerated = "psql:a.sql:3: ERROR:  42704: no type";
        let fatal = "psql:a.sql:5: ERROR:  22012: division by zero";
        let echo = "psql:a.sql:6: ERROR:  25P02: current transaction is aborted";
        let decisive = |lines: &[&str]| decisive_error(lines.iter().copied()).unwrap().message;
        assert_eq!(decisive(&[tolerated, fatal]), "division by zero");
        assert_eq!(decisive(&[fatal, echo, echo]), "division by zero");
        assert_eq!(decisive(&[echo]), "current transaction is aborted");
    }

    #[test]
    fn the_message_of_an_error_is_found_by_its_code() {
        let imitated = "psql:a.sql:2: ERROR:  42P01: from \\warn";
        let real = "psql:a.sql:3: FEHLER:  22012: Division durch Null";
        let own = "psql:a.sql:5: error: invalid command \\foo";
        let message = |lines: &[&str], code| error_of(lines.iter().copied(), code).message;
        let all = [imitated, real, own];
        assert_eq!(message(&all, Some("22012")), "Division durch Null");
        assert_eq!(message(&all, None), "invalid command \\foo");
        let terse = "psql:a.sql:3: FEHLER:  Sperre nicht verfügbar";
        let found = error_of([imitated, terse, own], Some("55P03"));
        assert_eq!(found.message, "Sperre nicht verfügbar");
        assert_eq!(
            (found.sqlstate.as_deref(), found.line),
            (Some("55P03"), Some(3))
        );
        let silent = error_of([], Some("22012"));
        assert_eq!(silent.sqlstate.as_deref(), Some("22012"));
        assert!(!message(&[], None).is_empty());
    }

    #[test]
    fn another_language_is_told_by_the_sqlstate() {
        let error = only("psql:a.sql:1: FEHLER:  42P01: Relation »x« existiert nicht");
        assert!(error.is_error());
        assert!(!only("psql:a.sql:1: HINWEIS:  00000: hallo").is_error());
        assert!(!only("psql:a.sql:1: NOTICE:  P0001: odd code, still a notice").is_error());
    }

    #[test]
    fn a_refused_connection_has_no_place() {
        let found = only(
            "psql: error: connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n\
             \tIs the server running on that host and accepting TCP/IP connections?",
        );
        assert_eq!((found.file.as_deref(), found.line), (None, None));
        assert!(
            found.message.ends_with("accepting TCP/IP connections?"),
            "{}",
            found.message
        );
    }
}
