//! `migrate rehearse --undo`: proof that the undo files of what is pending undo it.

use super::carry::Loads;
use super::rehearse::on_stage;
use super::{Context, Error};
use crate::database::catalog::Difference;
use crate::execution::round_trip::{Pair, RoundTrip, round_trips};
use crate::plan::{self, Fit, Plan, Request, Step};
use crate::preflight::Preflight;
use crate::tree::{Material, Name};

/// What an undo file does not do, or that it could not be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundTripRow {
    pub name: Name,
    /// What of the schema; `None` where it could not be tried.
    pub object: Option<(String, String)>,
    pub difference: &'static str,
    /// As it should be.
    pub expected: Option<String>,
    pub found: Option<String>,
}

/// Runs everything pending up, down and up again, and rolls back.
///
/// # Errors
/// As a rehearsal; or an undo file is missing.
pub fn rehearse_undo(
    context: &Context,
    request: &Request,
    preflight: &Preflight<'_>,
) -> Result<Vec<RoundTripRow>, Error> {
    on_stage(context, request, preflight, &Loads::default(), |stage| {
        let (pairs, left_out) = pairs(context, &stage.plan)?;
        let mut rows: Vec<_> = left_out.into_iter().map(not_tried).collect();
        if pairs.is_empty() {
            return Ok(rows);
        }
        let found = round_trips(
            &mut stage.database,
            &stage.ledgers.tables,
            &pairs,
            stage.circumstances,
            &mut stage.checker,
        )?;
        rows.extend(found.into_iter().flat_map(differences));
        Ok(rows)
    })
}

/// The migrations with their undo files, and those of which either runs outside of a transaction.
fn pairs(context: &Context, plan: &Plan) -> Result<(Vec<Pair>, Vec<Name>), Error> {
    let folders = context.folders();
    let migrations: Vec<_> = plan
        .steps()
        .map(|step| &step.migration)
        .filter(|migration| !migration.name.is_repeatable())
        .collect();
    plan::undo::require_files(&migrations).map_err(plan::Error::from)?;
    let files = migrations
        .iter()
        .filter_map(|migration| {
            migration
                .undoing(&folders, &context.caller.interrupt)
                .transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let settings = &context.caller.settings;
    let recorded = migrations
        .iter()
        .map(|migration| migration.name.file_name());
    let downs = plan::down(
        recorded.collect(),
        &files,
        |migration| Material::read(migration, &folders, &context.caller.interrupt),
        settings.transaction_control,
        |track| settings.variables_of(track.as_str()),
    )?;
    let is_outside = |step: &Step| step.fit == Fit::NoTransaction;
    let (mut pairs, mut left_out) = (Vec::new(), Vec::new());
    for (up, down) in plan.steps().zip(downs) {
        if is_outside(up) || is_outside(&down) {
            left_out.push(up.migration.name.clone());
        } else {
            let up = up.clone();
            pairs.push(Pair { up, down });
        }
    }
    Ok((pairs, left_out))
}

fn not_tried(name: Name) -> RoundTripRow {
    RoundTripRow {
        name,
        object: None,
        difference: "not tried: outside of a transaction",
        expected: None,
        found: None,
    }
}

fn differences(trip: RoundTrip) -> Vec<RoundTripRow> {
    let RoundTrip {
        name,
        after_undo,
        second_time,
    } = trip;
    let row = |found: Difference, words: [&'static str; 3]| {
        let [gone, new, different] = words;
        RoundTripRow {
            name: name.clone(),
            difference: match (&found.target, &found.scratch) {
                (Some(_), None) => gone,
                (None, _) => new,
                _ => different,
            },
            object: Some((found.kind, found.name)),
            expected: found.target,
            found: found.scratch,
        }
    };
    let undone = ["not restored", "left behind", "changed"];
    let again = [
        "missing the second time",
        "new the second time",
        "changed the second time",
    ];
    let after_undo = after_undo.into_iter().map(|found| row(found, undone));
    let second_time = second_time.into_iter().map(|found| row(found, again));
    after_undo.chain(second_time).collect()
}
