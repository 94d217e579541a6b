//! What psql's meta-commands would do to the run.

use crate::sql::lexer::Command;

/// What a meta-command would do to the run.
pub enum Harm {
    /// It waits for a person, leads elsewhere or never ends: no run can live with it.
    Fatal,
    /// Something is lost that the run can do without, if it is meant so.
    Bearable,
    /// It lets psql go on behind an error. In our transaction the server does nothing more then.
    Outside,
}

pub fn harm(command: &Command) -> Option<(Harm, String)> {
    let argument = |index: usize| {
        let argument = command.arguments.get(index)?;
        Some(String::from_utf8_lossy(&argument.text).into_owned())
    };
    let name = &command.name;
    match name.as_str() {
        "c" | "connect" | "password" | "e" | "edit" | "ef" | "ev" => {
            Some((Harm::Fatal, format!("\\{name}")))
        }
        "watch" => {
            let ends = command.arguments.iter().any(|argument| {
                let is = |option: &[u8]| argument.text.starts_with(option);
                is(b"c=") || is(b"count=")
            });
            (!ends).then(|| (Harm::Fatal, "\\watch without `count=`".to_owned()))
        }
        // It ends the file, not psql (psql manual, "Meta-Commands").
        "q" | "quit" | "prompt" => Some((Harm::Bearable, format!("\\{name}"))),
        "set" | "unset" => {
            let variable =
                argument(0).filter(|name| name == "ON_ERROR_STOP" || name == "AUTOCOMMIT")?;
            let value = argument(1).unwrap_or_default();
            let stays_on = name == "set"
                && ["", "1", "on", "true", "yes"].contains(&value.to_lowercase().as_str());
            let found = format!("\\{name} {variable} {value}");
            (!stays_on).then(|| (Harm::Outside, found.trim_end().to_owned()))
        }
        "i" | "include" | "ir" | "include_relative" => {
            let file = argument(0).filter(|file| file == "-" || file == "/dev/stdin")?;
            Some((Harm::Bearable, format!("\\{name} {file}")))
        }
        _ => None,
    }
}
