//! What migrations use of other tracks without saying so: applied ones by what the ledgers remember and by
//! the server's dependencies, pending ones by their words. Pure.

use std::collections::BTreeSet;

use super::Finding;
use super::planned::{Foreign, Words};
use crate::database::catalog::Object;
use crate::database::dependents::Use;
use crate::database::ledger::makers::{Maker, Makers};
use crate::database::ledger::objects::{Change, Deeds};
use crate::plan::needs::{Need, undeclared};
use crate::settings::{Settings, Touch};
use crate::sql::rules::{Rule, Severity};
use crate::sql::unsafe_ddl::Named;
use crate::tree::file_name::parse_recorded;
use crate::tree::{Migration, Requirement};

/// What applied migrations use.
pub fn of_applied(deeds: &[Deeds], uses: &[Use]) -> BTreeSet<Need> {
    let mut needs = BTreeSet::new();
    let mut makers = Makers::default();
    for one in deeds {
        let Deeds(_, name, _, changes) = one;
        for change in changes {
            let maker = makers.maker_before(change);
            let Change(_, kind, object, ..) = change;
            needs.extend(need(recorded(name), maker, &format!("{kind} {object}")));
        }
        makers.take(one);
    }
    for Use(kind, name, part_of, of_kind, of_name, of_part) in uses {
        let of = |kind: &String, name: &String, part_of: &Option<String>| {
            makers
                .maker(&(kind.clone(), name.clone()), part_of.as_deref())
                .cloned()
        };
        let user = of(kind, name, part_of);
        let user = user.and_then(|user| recorded(last_own(&user)?));
        let maker = of(of_kind, of_name, of_part);
        needs.extend(need(user, maker.as_ref(), &format!("{of_kind} {of_name}")));
    }
    needs
}

/// The last migration of a maker's track that is known to have written an object.
fn last_own(maker: &Maker) -> Option<&str> {
    let last = maker.last_changed_by.as_str();
    let is_own = parse_recorded(last).is_some_and(|name| name.track.as_str() == maker.track);
    Some(last).filter(|_| is_own).or(maker.made_by.as_deref())
}

fn recorded(name: &str) -> Option<Requirement> {
    let name = parse_recorded(name).filter(|name| !name.is_repeatable())?;
    Some(Requirement {
        track: name.track,
        version: name.version,
    })
}

fn need(user: Option<Requirement>, maker: Option<&Maker>, object: &str) -> Option<Need> {
    let (user, maker) = (user?, recorded(maker?.made_by.as_deref()?)?);
    (user.track != maker.track).then(|| Need {
        user,
        maker,
        object: object.to_owned(),
    })
}

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
        foreign.extend(word.action, needed);
    }
    foreign
}

/// Is a table or view that which a statement names?
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
    let is_relation = matches!(
        kind.as_str(),
        "table" | "view" | "materialized view" | "foreign table"
    );
    let rest = name
        .strip_suffix(&quoted(&named.name))
        .and_then(|rest| rest.strip_suffix('.'));
    is_relation
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
        let message = format!(
            "it uses the {} of track {track}, and does not require {track}/{version}",
            need.object
        );
        let is_warning = settings.touch_of(need.user.track.as_str()) == Touch::Any;
        Some(Finding {
            help: Some(format!(
                "write `-- migrate: requires {track}/{version}` at its top, or in an earlier file of its track; \
                 then `migrate repair DIR --rehash NAME` if it is applied"
            )),
            measured: (!is_warning).then_some(Severity::Error),
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
        let message = format!(
            "it changes the {} of track {}",
            need.object, need.maker.track
        );
        Finding {
            help: Some(format!(
                "its track may touch its own objects only (setting `touch`): let {} do it",
                need.maker.track
            )),
            ..Finding::about(migration, Rule::ForeignObject, message)
        }
    };
    changes.into_iter().map(finding).collect()
}
