//! What the Tab key offers, from the directory that stands in the command line and its files alone:
//! no database is asked, and no closure of the user's runs.

use std::path::{Path, PathBuf};

use nu_plugin::{DynamicCompletionCall, EngineInterface};
use nu_protocol::DynamicSuggestion;
use nu_protocol::ast::{Argument, Expr, Expression};
use nu_protocol::engine::ArgType;
use strum::VariantNames;

use crate::foreign::Tool;
use crate::settings::{Key, file, resolve_path};
use crate::tree::{self, Name};
use crate::verbs::add::template;

/// Adds the offers to a command.
macro_rules! completes {
    () => {
        #[expect(
            deprecated,
            reason = "nushell marks what is new with a deprecated type"
        )]
        fn get_dynamic_completion(
            &self,
            _plugin: &MigratePlugin,
            engine: &EngineInterface,
            call: nu_plugin::DynamicCompletionCall,
            arg_type: nu_protocol::engine::ArgType,
            _experimental: nu_protocol::engine::ExperimentalMarker,
        ) -> Option<Vec<nu_protocol::DynamicSuggestion>> {
            $crate::commands::completion::offers(engine, &call, &arg_type)
        }
    };
}
pub(super) use completes;

/// The offers for a flag; `None` leaves it to nushell.
pub fn offers(
    engine: &EngineInterface,
    call: &DynamicCompletionCall,
    argument: &ArgType,
) -> Option<Vec<DynamicSuggestion>> {
    let ArgType::Flag(flag) = argument else {
        return None;
    };
    let values = match flag.as_ref() {
        "track" | "expect-tracks" => tracks(&names(engine, call)?),
        "to" | "baseline" => versions(names(engine, call)?, typed(call, flag)),
        "rehash" | "forget" | "mark-applied" | "retry" => {
            files(names(engine, call)?, typed(call, flag))
        }
        "template" => templates(engine, call),
        "from" => Tool::VARIANTS
            .iter()
            .map(|tool| offer((*tool).to_owned(), None))
            .collect(),
        _ => return None,
    };
    Some(values)
}

fn offer(value: String, description: Option<String>) -> DynamicSuggestion {
    DynamicSuggestion {
        value,
        description,
        ..DynamicSuggestion::default()
    }
}

fn tracks(names: &[Name]) -> Vec<DynamicSuggestion> {
    let mut offers: Vec<DynamicSuggestion> = Vec::new();
    for same in names.chunk_by(|one, other| one.track == other.track) {
        let Some(first) = same.first() else { continue };
        let count = crate::error::count(same.len(), "migration", "migrations");
        offers.push(offer(first.track.to_string(), Some(count)));
    }
    offers
}

/// nushell takes a fifth of a second for 10,000 offers. Nobody reads as many as these.
const MOST: usize = 500;

fn versions(names: Vec<Name>, typed: Option<String>) -> Vec<DynamicSuggestion> {
    let mut names = newest_first(names);
    // A repeatable has none.
    names.retain(|name| name.digits().is_some());
    names.dedup_by(|one, other| one.version == other.version);
    let describe = |name: &Name| format!("{} {}", name.track, name.description);
    let offers = names
        .iter()
        .map(|name| (name.version.to_string(), Some(describe(name))));
    nearest(offers, typed)
}

fn files(names: Vec<Name>, typed: Option<String>) -> Vec<DynamicSuggestion> {
    let names = newest_first(names);
    nearest(names.iter().map(|name| (name.file_name(), None)), typed)
}

/// It is the end of a history that people work on.
fn newest_first(mut names: Vec<Name>) -> Vec<Name> {
    names.sort_by(|one, other| other.version.cmp(&one.version));
    names
}

/// Those that fit what is typed come first, and so many of them that there is a choice; which of them
/// fit by the user's settings, nushell decides.
fn nearest(
    offers: impl Iterator<Item = (String, Option<String>)>,
    typed: Option<String>,
) -> Vec<DynamicSuggestion> {
    let mut offers: Vec<_> = offers.collect();
    if let Some(typed) = typed {
        offers.sort_by_key(|(value, _)| (!value.starts_with(&typed), !value.contains(&typed)));
        offers.truncate(MOST);
    }
    offers
        .into_iter()
        .map(|(value, description)| offer(value, description))
        .collect()
}

/// What is typed of the flag's value already; `None` if that is not a single word.
fn typed(call: &DynamicCompletionCall, flag: &str) -> Option<String> {
    let (.., value) = call
        .call
        .named_iter()
        .find(|(name, ..)| name.item == flag)?;
    let mut typed = match &value.as_ref()?.expr {
        Expr::Int(number) => number.to_string(),
        expression => text(expression)?.to_owned(),
    };
    if call.strip {
        // nushell puts a letter where the cursor is.
        typed.pop();
    }
    Some(typed)
}

/// The built-in templates and the user's own.
fn templates(engine: &EngineInterface, call: &DynamicCompletionCall) -> Vec<DynamicSuggestion> {
    let from_environment = variable(engine, Key::Templates.variable()).map(PathBuf::from);
    let folders = match directory(engine, call) {
        Some(directory) => {
            let setting = from_file(engine, &directory).or(from_environment);
            template::folders(&directory, setting)
        }
        None => from_environment.into_iter().collect(),
    };
    let known = template::known(&folders);
    known.into_iter().map(|name| offer(name, None)).collect()
}

/// The folder of templates that `migrate.json` names; a file that cannot be read is told by the command.
fn from_file(engine: &EngineInterface, directory: &Path) -> Option<PathBuf> {
    let variables = engine.get_env_vars().ok()?;
    let texts = variables
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.coerce_into_string().ok()?)));
    let layer = file::load(None, directory, &texts.collect()).ok()?;
    let setting = layer.get(&Key::Templates)?;
    Some(resolve_path(setting, directory))
}

fn variable(engine: &EngineInterface, name: &str) -> Option<String> {
    engine
        .get_env_var(name)
        .ok()
        .flatten()?
        .coerce_into_string()
        .ok()
}

fn names(engine: &EngineInterface, call: &DynamicCompletionCall) -> Option<Vec<Name>> {
    Some(tree::names(&directory(engine, call)?))
}

/// The directory of the command line, which is the first argument without a flag.
fn directory(engine: &EngineInterface, call: &DynamicCompletionCall) -> Option<PathBuf> {
    let typed = call
        .call
        .arguments
        .iter()
        .find_map(|argument| match argument {
            Argument::Positional(Expression { expr, .. }) => text(expr),
            _ => None,
        })?;
    let typed = match typed.strip_prefix("~/") {
        Some(rest) => PathBuf::from(variable(engine, "HOME")?).join(rest),
        None => PathBuf::from(typed),
    };
    Some(PathBuf::from(engine.get_current_dir().ok()?).join(typed))
}

fn text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::String(text) | Expr::RawString(text) => Some(text),
        Expr::Directory(text, _) | Expr::Filepath(text, _) | Expr::GlobPattern(text, _) => {
            Some(text)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(typed: Option<&str>) -> Vec<String> {
        let offers = (0..10_000)
            .rev()
            .map(|number| (format!("{number:05}"), None));
        let offers = nearest(offers, typed.map(str::to_owned));
        offers.into_iter().map(|offer| offer.value).collect()
    }

    #[test]
    fn a_repeatable_has_no_version_to_offer() {
        let names = ["20240101000000_core_a.sql", "repeat_core_b.sql"];
        let names = names.map(|name| crate::tree::examples::migration(name).name);
        let offers = versions(names.to_vec(), None);
        let offers: Vec<_> = offers.into_iter().map(|offer| offer.value).collect();
        assert_eq!(offers, ["20240101000000"]);
    }

    #[test]
    fn of_many_offers_the_first_that_fit_are_shown() {
        assert_eq!(values(Some("")).len(), MOST);
        assert_eq!(values(Some("0000"))[..3], ["00009", "00008", "00007"]);
        assert_eq!(values(Some("9123")).first().unwrap(), "09123");
        assert_eq!(values(None).len(), 10_000);
    }
}
