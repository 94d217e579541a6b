//! What migrations that ran have used and changed of other tracks, by what the ledgers remember and by the
//! server's dependencies. Pure.

use std::collections::BTreeSet;

use super::needs::Need;
use crate::database::dependents::Use;
use crate::database::ledger::makers::{Maker, Makers};
use crate::database::ledger::objects::Deeds;
use crate::tree::Requirement;
use crate::tree::file_name::parse_recorded;

/// What they use and change.
pub fn needs(deeds: &[Deeds], uses: &[Use]) -> BTreeSet<Need> {
    let mut needs = BTreeSet::new();
    let mut makers = Makers::default();
    for one in deeds {
        let Deeds(_, name, _, changes) = one;
        for change in changes {
            let maker = makers.maker_before(change);
            let object = format!("{} {}", change.1, change.2);
            needs.extend(need(recorded(name), maker, &object));
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

/// That a user needs what a maker has made, if both are migrations of different tracks.
pub fn need(user: Option<Requirement>, maker: Option<&Maker>, object: &str) -> Option<Need> {
    let (user, maker) = (user?, recorded(maker?.made_by.as_deref()?)?);
    (user.track != maker.track).then(|| Need {
        user,
        maker,
        object: object.to_owned(),
        is_certain: true,
    })
}
