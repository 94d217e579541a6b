//! What migrations use of other tracks without saying so. Pure; of applied ones, `plan::deeds` tells.

use std::collections::BTreeSet;

use super::Finding;
use super::planned::{Foreign, Words};
use crate::database::catalog::Object;
use crate::database::ledger::makers::Makers;
use crate::plan::deeds::need;
use crate::plan::needs::{Need, undeclared};
use crate::settings::{Settings, Touch};
use crate::sql::rules::{Rule, Severity};
use crate::sql::unsafe_ddl::{Family, Named};
use crate::tree::{Migration, Requirement};

/// What a pending file uses and changes of the objects that the ledgers know.
pub fn of_pending(words: &Words<'_>, makers: &Makers) -> Foreign {
    let mut foreign = Foreign::default();
    for word in &words.found {
        if words.made().any(|made| made.named.may_be(&word.named)) {
            continue;
        }
        let object = makers.objects().find(|object| is_it(object, &word.named));
        let needed = object.and_then(|object| {
            need(
                Some(words.migration.identity()),
                makers.maker(object, None),
                &format!("{} {}", object.0, object.1),
            )
        });
        let needed = needed.map(|need| Need {
            is_certain: word.is_certain(),
            ..need
        });
        foreign.extend(word.action, needed);
    }
    foreign
}

/// Is an object that which a statement names? A function may be another one of its name.
fn is_it((kind, name): &Object, named: &Named) -> bool {
    let quoted = |word: &str| {
        let is_plain = word
            .chars()
            .all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_');
        if is_plain {
            word.to_owned()
        } else {
            format!("\"{}\"", word.replace('"', "\"\""))
        }
    };
    let family = match kind.as_str() {
        "table" | "view" | "materialized view" | "foreign table" => Family::Relation,
        "function" | "procedure" | "aggregate" => Family::Routine,
        "enum" | "domain" | "type" => Family::Type,
        _ => return false,
    };
    let name = match name.rsplit_once('(') {
        Some((name, _)) if family == Family::Routine => name,
        _ => name,
    };
    let rest = name
        .strip_suffix(&quoted(&named.name))
        .and_then(|rest| rest.strip_suffix('.'));
    family == named.family
        && rest.is_some_and(|schema| {
            let is_wanted = |wanted: &String| schema == quoted(wanted);
            named.schema.as_ref().is_none_or(is_wanted)
                && (named.schema.is_some() || schema == "public")
        })
}

/// The findings about needs that nothing covers.
pub fn missing(
    needs: BTreeSet<Need>,
    migrations: &[Migration],
    settings: &Settings,
) -> Vec<Finding> {
    let found = undeclared(needs, migrations.iter());
    let finding = |need: Need| {
        let file = migrations
            .iter()
            .find(|file| file.identity() == need.user)?;
        let Requirement { track, version } = &need.maker;
        let message = if need.is_certain {
            format!(
                "it uses the {} of track {track}, and does not require {track}/{version}",
                need.object
            )
        } else {
            format!(
                "it seems to use the {} of track {track}, by its name, and does not require {track}/{version}",
                need.object
            )
        };
        let touch = settings.touch_of(need.user.track.as_str());
        Some(Finding {
            help: Some(format!(
                "write `-- migrate: requires {track}/{version}` at its top, or in an earlier file of its track; \
                 then `migrate repair DIR --rehash NAME` if it is applied"
            )),
            measured: match (need.is_certain, touch) {
                (false, _) => Some(Severity::Warning),
                (true, Touch::Any) => None,
                (true, _) => Some(Severity::Error),
            },
            ..Finding::about(file, Rule::MissingRequirement, message)
        })
    };
    found.into_iter().filter_map(finding).collect()
}

/// The findings about a pending migration that changes what its track may not touch.
pub fn foreign(
    changes: BTreeSet<Need>,
    migration: &Migration,
    settings: &Settings,
) -> Vec<Finding> {
    if settings.touch_of(migration.name.track.as_str()) != Touch::Own {
        return vec![];
    }
    let finding = |need: Need| {
        let (seems, measured) = if need.is_certain {
            ("changes", None)
        } else {
            ("seems to change, by its name,", Some(Severity::Warning))
        };
        let message = format!(
            "it {seems} the {} of track {}",
            need.object, need.maker.track
        );
        Finding {
            measured,
            help: Some(format!(
                "its track may touch its own objects only (setting `touch`): let the track {} \
                 make this change",
                need.maker.track
            )),
            ..Finding::about(migration, Rule::ForeignObject, message)
        }
    };
    changes.into_iter().map(finding).collect()
}
