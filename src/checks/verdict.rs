//! What a script's end means, from what it left behind. Pure.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use nu_protocol::{Record, Span};

use super::caller::from_nuon;
use super::{Complaint, shown};

/// nushell wraps a message at the terminal's width; a longer line would break the frame.
const WIDTH: usize = 70;
/// How many of a script's last lines explain an end without an error.
const LAST_WORDS: usize = 12;

/// How a script's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, or by a signal from elsewhere.
    Exited(ExitStatus),
    /// It took longer than this.
    TimedOut(Duration),
}

/// What a script has left behind.
pub(super) struct Left<'a> {
    /// Did it begin at all?
    pub has_started: bool,
    /// Its error, as NUON.
    pub error: Option<&'a str>,
    /// Its result, as NUON.
    pub result: Option<&'a str>,
    pub output: &'a [String],
}

/// Why the script failed; `None` if it passed.
pub(super) fn complaint(
    end: End,
    script: &Path,
    content: &str,
    left: &Left<'_>,
) -> Option<Complaint> {
    let Left {
        has_started,
        error,
        result,
        output,
    } = *left;
    let status = match end {
        End::TimedOut(limit) => {
            return Some(Complaint {
                message: format!("it took longer than {} and was stopped", shown(limit)),
                help: Some(
                    "give it more time with `# migrate: time-limit 5min` at its top, or all of \
                     them with the setting `validation_timeout`"
                        .to_owned(),
                ),
                ..Complaint::default()
            });
        }
        End::Exited(status) => status,
    };
    if let Some(error) = error {
        return Some(caught(error, script, content));
    }
    if let Some(signal) = status.signal() {
        return Some(last_words(
            format!("it was killed by signal {signal}"),
            output,
        ));
    }
    match status.code() {
        Some(0) if !has_started => Some(last_words(
            "nu ended before the script, in the prelude".to_owned(),
            output,
        )),
        Some(0) if result == Some("false") => Some(Complaint::of_false()),
        Some(0) => None,
        code => Some(last_words(
            format!("it ended with exit code {}", code.unwrap_or_default()),
            output,
        )),
    }
}

/// An error that the script made, and that was caught around it.
fn caught(error: &str, script: &Path, content: &str) -> Complaint {
    let span = Span::unknown();
    let error = from_nuon(error, span);
    let field = |name| error.as_record().ok().and_then(|record| record.get(name));
    let details = field("details").and_then(|details| details.as_record().ok());
    let deepest = details.map(deepest);
    let text = |name| {
        let value = deepest?.get(name)?;
        value.as_str().ok().map(str::to_owned)
    };
    let rendered = field("rendered").and_then(|text| text.as_str().ok());
    Complaint {
        message: text("msg").unwrap_or_else(|| "it failed".to_owned()),
        frame: rendered.and_then(frame),
        line: deepest.and_then(|details| line(details, script, content)),
        help: text("help"),
        labels: vec![],
    }
}

/// `each` and its like wrap an error in one of their own, which says nothing.
fn deepest(details: &Record) -> &Record {
    let is_wrapper = details
        .get("code")
        .and_then(|code| code.as_str().ok())
        .is_some_and(|code| code.contains("eval_block_with_input"));
    let inner = details
        .get("inner")
        .and_then(|inner| inner.as_list().ok()?.first()?.as_record().ok());
    match inner {
        Some(inner) if is_wrapper => deepest(inner),
        _ => details,
    }
}

fn line(details: &Record, script: &Path, content: &str) -> Option<usize> {
    let label = details.get("labels")?.as_list().ok()?.first()?;
    let location = label.as_record().ok()?.get("location")?.as_record().ok()?;
    let file = location.get("file")?.as_str().ok()?;
    let start = usize::try_from(location.get("start")?.as_int().ok()?).ok()?;
    (Path::new(file) == script).then_some(())?;
    Some(content.get(..start)?.matches('\n').count() + 1)
}

/// The last drawing of source in an error as nushell renders it, with its labels.
fn frame(rendered: &str) -> Option<String> {
    let lines: Vec<_> = rendered.lines().collect();
    let is_start = |line: &&str| [",-[", "╭─["].iter().any(|mark| line.contains(mark));
    let is_end = |line: &&str| ["`----", "╰────"].iter().any(|mark| line.contains(mark));
    let start = lines.iter().rposition(is_start)?;
    let length = lines.get(start..)?.iter().position(is_end)?;
    let frame: Vec<_> = lines
        .get(start..=start + length)?
        .iter()
        .map(|line| crop(line))
        .collect();
    Some(frame.join("\n"))
}

fn crop(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
    }
}

/// An end without an error that could be caught: the last lines explain it, such as those of a
/// parse error.
fn last_words(message: String, output: &[String]) -> Complaint {
    let text = output.join("\n");
    if let Some(parsed) = uncaught(&text) {
        return parsed;
    }
    let first = output.len().saturating_sub(LAST_WORDS);
    let lines: Vec<_> = output.iter().skip(first).map(|line| crop(line)).collect();
    Complaint {
        message: if lines.is_empty() {
            format!("{message} and said nothing")
        } else {
            format!("{message}:\n{}", lines.join("\n"))
        },
        ..Complaint::default()
    }
}

/// An error that nu showed itself, because it stands before anything runs.
fn uncaught(text: &str) -> Option<Complaint> {
    let (_, error) = text.rsplit_once("Error: ")?;
    let frame = frame(error)?;
    let mut message = Vec::new();
    for line in error.lines().skip(1) {
        if line.contains(",-[") || line.contains("╭─[") {
            break;
        }
        let line = line.trim_start();
        let line = line
            .strip_prefix("x ")
            .or(line.strip_prefix("× "))
            .unwrap_or(line);
        let line = line
            .strip_prefix("| ")
            .or(line.strip_prefix("│ "))
            .unwrap_or(line);
        message.push(line);
    }
    let message = message.join(" ").trim().to_owned();
    let help = error.split_once("\n  help: ").map(|(_, help)| {
        let lines: Vec<_> = help
            .lines()
            .map(str::trim)
            .take_while(|line| !line.is_empty())
            .collect();
        lines.join(" ")
    });
    let line = frame.lines().next().and_then(|first| {
        let (place, _) = first.rsplit_once(':')?;
        place.rsplit_once(':')?.1.parse().ok()
    });
    (!message.is_empty()).then_some(Complaint {
        message,
        frame: Some(frame),
        line,
        help,
        labels: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i32) -> End {
        End::Exited(ExitStatus::from_raw(code << 8))
    }

    fn judge(
        end: End,
        error: Option<&str>,
        result: Option<&str>,
        output: &str,
    ) -> Option<Complaint> {
        let output: Vec<_> = output.lines().map(str::to_owned).collect();
        let left = Left {
            has_started: true,
            error,
            result,
            output: &output,
        };
        complaint(end, Path::new("/db/a.nu"), "one\ntwo\nthree\n", &left)
    }

    #[test]
    fn a_good_end_passes_unless_it_gave_false() {
        assert_eq!(judge(exited(0), None, Some("[1, 2]"), "noise"), None);
        assert_eq!(judge(exited(0), None, None, ""), None);
        let found = judge(exited(0), None, Some("false"), "").unwrap();
        assert_eq!(found.message, "it gave `false`");
    }

    #[test]
    fn an_error_of_the_script_speaks_for_itself() {
        let rendered = "Error: nu::shell::error\n\n  x wrapped\n   ,-[/db/a.nu:1:1]\n   `----\n\n  x no\n   ,-[/db/a.nu:2:1]\n 2 | two\n   : `-- here\n   `----\n  help: later\n";
        let error = format!(
            "{{details: {{msg: wrapped, code: \"nu::shell::eval_block_with_input\", help: null, labels: [], inner: [{{msg: \"no customers\", help: later, labels: [{{text: here, location: {{file: \"/db/a.nu\", start: 5, end: 6}}}}]}}]}}, rendered: {}}}",
            super::super::caller::literal(rendered)
        );
        let found = judge(exited(1), Some(&error), None, "").unwrap();
        assert_eq!(found.message, "no customers");
        assert_eq!(found.help.as_deref(), Some("later"));
        assert_eq!(found.line, Some(2));
        assert_eq!(
            found.frame.as_deref(),
            Some("   ,-[/db/a.nu:2:1]\n 2 | two\n   : `-- here\n   `----")
        );
    }

    #[test]
    fn a_parse_error_is_taken_from_what_nu_showed() {
        let output = "Error: nu::parser::unclosed_delimiter\n\n  x Unclosed delimiter,\n  | really.\n   ,-[/db/a.nu:3:13]\n 3 | let x = (1 +\n   `----\n  help: Add a matching `)` to close\n        this delimiter.\n";
        let found = judge(exited(1), None, None, output).unwrap();
        assert_eq!(found.message, "Unclosed delimiter, really.");
        assert_eq!(found.line, Some(3));
        assert_eq!(
            found.help.as_deref(),
            Some("Add a matching `)` to close this delimiter.")
        );
    }

    #[test]
    fn other_ends_show_the_last_lines() {
        let message = |end, output| judge(end, None, None, output).unwrap().message;
        assert_eq!(
            message(exited(3), ""),
            "it ended with exit code 3 and said nothing"
        );
        assert_eq!(
            message(exited(3), "a\nb"),
            "it ended with exit code 3:\na\nb"
        );
        let killed = End::Exited(ExitStatus::from_raw(9));
        assert_eq!(message(killed, "a"), "it was killed by signal 9:\na");
        let late = End::TimedOut(Duration::from_secs(60));
        assert_eq!(message(late, ""), "it took longer than 1m and was stopped");
    }
}
