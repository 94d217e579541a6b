//! Carried dependents: after a step failed because something stood in its way, asks what that is and
//! whether repeatables have made it, so that the plan can be tried again without it.

use std::collections::BTreeSet;

use super::{Context, Error};
use crate::database::Database;
use crate::database::in_the_way::Made;
use crate::database::ledger::objects::Deeds;
use crate::error::Report;
use crate::execution::Failure;
use crate::execution::fault::{Fault, NOT_SUPPORTED};
use crate::execution::outcome::Outcome;
use crate::plan::carrying::{Carried, Known, Load, load};
use crate::plan::repeatables::Due;
use crate::plan::{self, Plan, Reason};
use crate::process::progress::Progress;
use crate::psql::message::Diagnostic;
use crate::tree::{Material, Name, Tree};

/// What is carried over each step of a plan, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Loads(Vec<(Name, Load)>);

impl Loads {
    /// Looks at what a failed step left; true says that it can be tried again. Else the failure tells
    /// why not, where something stood in the way.
    pub fn take(
        &mut self,
        context: &Context,
        failure: &mut Failure,
        progress: Progress,
    ) -> Result<bool, Error> {
        let Some((step, diagnostic)) = in_the_way(failure) else {
            return Ok(false);
        };
        let is_outside = failure.outside.is_some();
        if !context.caller.settings.carry || failure.is_undo {
            return Ok(false);
        }
        let step = step.clone();
        let found = match found(context, &step, diagnostic) {
            Ok(found) => found,
            Err(error) if error.is_interruption() => return Err(error),
            // The step's own error is what counts.
            Err(error) => Some(Err(format!(
                "the objects in the way are not known: {error}"
            ))),
        };
        match found {
            None => Ok(false),
            Some(Err(why)) => {
                failure.not_carried = Some(why);
                Ok(false)
            }
            Some(Ok(_)) if is_outside => {
                failure.not_carried =
                    Some("the file runs outside the run's transaction".to_owned());
                Ok(false)
            }
            Some(Ok(load)) => {
                let words: Vec<_> = load.objects.iter().map(|object| object.words()).collect();
                let is_new = self.add(step.clone(), load);
                if is_new {
                    progress.said(
                        "migrate",
                        &format!(
                            "{} in the way of {step}: these are dropped, and created again from \
                             their files",
                            words.join(", ")
                        ),
                    );
                }
                Ok(is_new)
            }
        }
    }

    /// Leaves the step of a failure as it is: nothing more is carried over it. False if the failure is
    /// none of that kind, or that is settled already.
    pub fn settle(&mut self, failure: &Failure) -> bool {
        let Some((step, _)) = in_the_way(failure) else {
            return false;
        };
        let is_settled = |(name, load): &(Name, Load)| name == step && load.objects.is_empty();
        if self.0.iter().any(is_settled) {
            return false;
        }
        self.0.push((step.clone(), Load::default()));
        true
    }

    /// True if there was something new in it.
    fn add(&mut self, step: Name, load: Load) -> bool {
        match self.0.iter_mut().find(|(name, _)| *name == step) {
            Some((_, known)) => {
                let before = known.objects.len();
                known.add(load);
                known.objects.len() > before
            }
            None => {
                let is_new = !load.objects.is_empty();
                self.0.push((step, load));
                is_new
            }
        }
    }

    /// The same plan with what is carried over its steps.
    pub fn added_to(&self, context: &Context, tree: &Tree, plan: Plan) -> Result<Plan, Error> {
        let folders = context.folders();
        let settings = &context.caller.settings;
        let mut carried = Vec::with_capacity(self.0.len());
        for (step, load) in &self.0 {
            let files: Vec<_> = tree
                .migrations
                .iter()
                .filter(|file| load.files.contains(&identity(&file.name)))
                .collect();
            let mut files = plan::steps(
                &files,
                |migration| Material::read(migration, &folders, &context.caller.interrupt),
                settings.transaction_control,
                |track| settings.variables_of(track.as_str()),
            )?;
            for file in &mut files {
                file.reason = Some(Reason::Repeatable(Due::Carried));
            }
            carried.push(Carried {
                step: step.clone(),
                objects: load.objects.clone(),
                files,
            });
        }
        Ok(Plan { carried, ..plan })
    }
}

fn identity(name: &Name) -> (String, String) {
    (name.track.to_string(), name.file_name())
}

/// The step of a failure and what the server said, where something stood in its way and nothing of
/// it stays.
fn in_the_way(failure: &Failure) -> Option<(&Name, &Diagnostic)> {
    let Fault::Sql {
        name, diagnostic, ..
    } = &failure.fault
    else {
        return None;
    };
    let has_gone = failure.outcome == Outcome::RolledBack && failure.earlier.lost.is_empty()
        || failure.outside.is_some();
    (failure.fault.is_dependence() && has_gone && !name.is_repeatable())
        .then_some((name, diagnostic))
}

/// What is to be carried, or why it is not; `None` where the error names nothing that is there.
fn found(
    context: &Context,
    step: &Name,
    diagnostic: &Diagnostic,
) -> Result<Option<Result<Load, String>>, Error> {
    let Some(detail) = &diagnostic.detail else {
        return Ok(None);
    };
    let dialing = context.address()?.dial(&context.caller.interrupt)?;
    let mut database = dialing.answer()?;
    let tree = context.tree()?;
    let own = context.caller.settings.tracks.get(step.track.as_str());
    let path = own.and_then(|own| own.search_path.as_deref());
    let is_one = diagnostic.sqlstate.as_deref() == Some(NOT_SUPPORTED);
    let objects = database.in_the_way(detail, &Vec::from_iter(path), is_one)?;
    if objects.named.is_empty() {
        return Ok(None);
    }
    let facts = Facts {
        deeds: database.deeds()?,
        made: database.made_by_repeatables()?,
        populated: database.populated()?,
        files: tree
            .migrations
            .iter()
            .filter(|file| file.name.is_repeatable())
            .map(|file| identity(&file.name))
            .collect(),
    };
    let mut all = match facts.load(&mut database, &objects.named)? {
        Ok(all) => all,
        Err(why) => return Ok(Some(Err(why))),
    };
    for beside in objects.beside {
        if let Ok(more) = facts.load(&mut database, &[beside])? {
            all.add(more);
        }
    }
    Ok(Some(Ok(all)))
}

/// What is known of all objects.
struct Facts {
    deeds: Vec<Deeds>,
    made: Vec<Made>,
    populated: Vec<String>,
    files: BTreeSet<(String, String)>,
}

impl Facts {
    fn load(
        &self,
        database: &mut Database,
        addresses: &[String],
    ) -> Result<Result<Load, String>, Error> {
        let dependents = database.dependents(addresses)?;
        Ok(load(&Known {
            dependents: &dependents,
            deeds: &self.deeds,
            made: &self.made,
            populated: &self.populated,
            files: &self.files,
        }))
    }
}
