//! What a track may touch that is not its own: looked at before COMMIT, by what the catalogue says and not
//! by words. Costs nothing where every track may touch anything.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::later::not_recorded;
use super::runner::Runner;
use crate::database::catalog::QUALIFIED;
use crate::database::dependents::Use;
use crate::database::ledger::makers::Makers;
use crate::database::ledger::objects::{Action, Deeds};
use crate::database::ledger::table::Table;
use crate::database::parse;
use crate::database::questions::survived;
use crate::plan::Step;
use crate::plan::deeds::needs;
use crate::plan::needs::undeclared;
use crate::psql::Output;
use crate::psql::message::decisive_error;
use crate::settings::tracks::Tracks;
use crate::settings::{Settings, Touch};
use crate::sql::rules::Rule;
use crate::tree::{Migration, Name};

/// What tracks may touch, and what all files say that they require.
#[derive(Debug, Clone)]
pub struct Touching {
    touch: Touch,
    tracks: Tracks,
    files: Vec<Migration>,
    /// Is what is allowed told as well?
    tells: bool,
}

impl Touching {
    /// `files` is asked only where it matters.
    pub fn new(settings: &Settings, files: impl FnOnce() -> Vec<Migration>) -> Self {
        let mut touching = Self {
            touch: settings.touch,
            tracks: settings.tracks.clone(),
            files: vec![],
            tells: false,
        };
        if touching.is_strict() {
            touching.files = files();
        }
        touching
    }

    /// Every track may touch anything.
    pub fn anything() -> Self {
        Self {
            touch: Touch::Any,
            tracks: Tracks::new(),
            files: vec![],
            tells: false,
        }
    }

    /// What a track may use without requiring it is told with its file.
    pub fn telling(settings: &Settings, files: Vec<Migration>) -> Self {
        Self {
            touch: settings.touch,
            tracks: settings.tracks.clone(),
            files,
            tells: true,
        }
    }

    /// May some track not touch everything?
    pub fn is_strict(&self) -> bool {
        let mut own = self.tracks.values().filter_map(|own| own.touch);
        self.touch != Touch::Any || own.any(|touch| touch != Touch::Any)
    }

    fn of(&self, track: &str) -> Touch {
        let own = self.tracks.get(track).and_then(|own| own.touch);
        own.unwrap_or(self.touch)
    }

    fn limits(&self, step: &Step) -> bool {
        self.of(step.migration.name.track.as_str()) != Touch::Any
    }

    fn is_about(&self, step: &Step) -> bool {
        step.undoes().is_none() && (self.tells || self.limits(step))
    }
}

/// Something that a migration must not have touched.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    name: Name,
    object: String,
    what: String,
    /// Is it told, and nothing more?
    is_allowed: bool,
}

/// What these steps have touched and must not have. `carried` are the objects that the run itself has
/// dropped for a step, as `kind name`.
fn refused(
    steps: &[&Step],
    deeds: &[Deeds],
    uses: &[Use],
    carried: &BTreeSet<String>,
    touching: &Touching,
) -> Vec<Refused> {
    let mut found = Vec::new();
    let step_of = |recorded: &str| {
        let mut steps = steps.iter().map(|step| &step.migration);
        steps.find(|file| file.name.file_name() == recorded)
    };
    let mut makers = Makers::default();
    for one in deeds {
        let Deeds(_, recorded, _, changes) = one;
        let step = step_of(recorded).filter(|file| is_own(touching, file));
        for change in changes {
            let maker = makers.maker_before(change);
            let object = format!("{} {}", change.1, change.2);
            let is_carried = change.0 == Action::Dropped && carried.contains(&object);
            let (Some(file), Some(maker), false) = (step, maker, is_carried) else {
                continue;
            };
            let Some(made_by) = maker.made_by.as_ref() else {
                continue;
            };
            if maker.track == file.name.track.as_str() {
                continue;
            }
            let track = &maker.track;
            let what = match change.0 {
                Action::Created => {
                    format!(
                        "it adds the {object} to an object of track {track}: {made_by} made that object"
                    )
                }
                Action::Altered => {
                    format!("it changes the {object} of track {track}: {made_by} made it")
                }
                Action::Dropped => {
                    format!("it drops the {object} of track {track}: {made_by} made it")
                }
            };
            found.push(Refused {
                name: file.name.clone(),
                object,
                what: what + " (touch: own)",
                is_allowed: false,
            });
        }
        makers.take(one);
    }
    for need in undeclared(needs(deeds, uses), touching.files.iter()) {
        let mut files = steps.iter().map(|step| &step.migration);
        let Some(file) = files.find(|file| file.identity() == need.user) else {
            continue;
        };
        let touch = touching.of(file.name.track.as_str());
        let is_allowed = file.directives.allows.contains(&Rule::MissingRequirement);
        let is_told = |known: &Refused| known.name == file.name && known.object == need.object;
        if !is_allowed && !found.iter().any(is_told) {
            let setting = match touch {
                Touch::Any => String::new(),
                touch => format!(" (touch: {touch})"),
            };
            found.push(Refused {
                name: file.name.clone(),
                object: need.object.clone(),
                what: format!(
                    "it uses the {} of track {}, and does not say `-- migrate: requires {}`{setting}",
                    need.object, need.maker.track, need.maker
                ),
                is_allowed: touch == Touch::Any,
            });
        }
    }
    found.sort_by_key(|one| {
        let mut names = steps.iter().map(|step| &step.migration.name);
        names.position(|name| *name == one.name)
    });
    found
}

fn is_own(touching: &Touching, file: &Migration) -> bool {
    touching.of(file.name.track.as_str()) == Touch::Own
}

/// A line for each, below the name of its migration.
fn listed(refused: &[Refused]) -> String {
    let mut text = String::new();
    let mut last = None;
    for one in refused {
        if last != Some(&one.name) {
            let _ = writeln!(text, "{}:", one.name);
            last = Some(&one.name);
        }
        let _ = writeln!(text, "  {}", one.what);
    }
    text.trim_end().to_owned()
}

/// What was made by whom, and what uses what.
struct Known {
    deeds: Vec<Deeds>,
    uses: Vec<Use>,
}

/// What is asked in the middle of a transaction changes nothing of it, whether it is answered or not.
fn in_between(query: &str) -> String {
    survived(&format!(
        "SAVEPOINT migrate_touch\\;\n{QUALIFIED}{query}ROLLBACK TO SAVEPOINT migrate_touch\\;\n\
         RELEASE SAVEPOINT migrate_touch;\n"
    ))
}

impl Runner<'_, '_> {
    /// Refuses what the steps of a transaction must not have touched, before it is committed. `lost` says
    /// whether all is known that was dropped.
    pub(super) fn refuse_touching(
        &mut self,
        tables: &[Table],
        steps: &[Step],
        knows_drops: bool,
    ) -> Result<(), Fault> {
        let touching = &self.circumstances.touching;
        let about: Vec<_> = steps
            .iter()
            .filter(|step| touching.is_about(step))
            .collect();
        if about.is_empty() {
            return Ok(());
        }
        let limited = about.iter().find(|step| touching.limits(step));
        let unknown = |why: &str| match limited {
            None => Ok(()),
            Some(first) => Err(Fault::TouchUnknown {
                name: first.migration.name.clone(),
                why: why.to_owned(),
            }),
        };
        if self.is_unsure {
            return unknown("its changes to the schema could not be read or recorded");
        }
        if !knows_drops {
            return unknown(
                "the objects that it dropped could not be read over a second connection",
            );
        }
        let Known { deeds, uses } = match self.known(tables, steps)? {
            Ok(known) => known,
            Err(why) => return unknown(&why),
        };
        let carried = self.dropped.iter().map(|object| object.words()).collect();
        let found = refused(&about, &deeds, &uses, &carried, touching);
        let (told, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| one.is_allowed);
        for one in told {
            let mut rows = self.done.iter_mut();
            if let Some(row) = rows.find(|row| row.name == one.name) {
                row.notices.push(one.what);
            }
        }
        match found.first() {
            None => Ok(()),
            Some(one) => Err(Fault::Touches {
                name: one.name.clone(),
                found: listed(&found),
            }),
        }
    }

    /// What all ledgers remember, those of this transaction included, and what uses what by now; or why
    /// that is not known.
    fn known(&mut self, tables: &[Table], steps: &[Step]) -> Result<Result<Known, String>, Fault> {
        let mut tables: Vec<_> = tables.to_vec();
        let made = steps.iter().map(|step| Table {
            track: step.migration.name.track.clone(),
            is_current: true,
        });
        for table in made {
            tables.retain(|known| known.track != table.track);
            tables.push(table);
        }
        let deeds = self.database.place.deeds_query(&tables);
        let deeds = match self.between(&deeds)? {
            Ok(deeds) => parse(&deeds).map_err(|error| Fault::lost(&error, None))?,
            Err(why) => return Ok(Err(why)),
        };
        let uses = self.database.uses_query();
        let uses = match self.between(&uses)? {
            Ok(uses) => parse(&uses).map_err(|error| Fault::lost(&error, None))?,
            Err(why) => return Ok(Err(why)),
        };
        Ok(Ok(Known { deeds, uses }))
    }

    fn between(&mut self, query: &str) -> Result<Result<Output, String>, Fault> {
        let asked = self.database.session.ask(&in_between(query));
        let output = asked.map_err(|ending| fault_of(ending, Stage::Begin))?;
        let refusal = decisive_error(output.stderr.iter().map(String::as_str));
        Ok(match refusal {
            Some(refusal) => Err(refusal.to_string()),
            None => Ok(output),
        })
    }

    /// Outside of a transaction nothing can be taken back: what was touched is told.
    pub(super) fn tell_touched(&mut self, step: &Step) {
        let touching = &self.circumstances.touching;
        if !touching.is_about(step) {
            return;
        }
        let name = &step.migration.name;
        let known = self
            .database
            .deeds()
            .and_then(|deeds| Ok((deeds, self.database.uses()?)));
        let progress = self.circumstances.progress;
        let told = match known {
            Ok((deeds, uses)) => refused(&[step], &deeds, &uses, &BTreeSet::new(), touching),
            Err(error) => {
                let what = format!("what {name} touched");
                return not_recorded(progress, &what, &error.to_string());
            }
        };
        for one in told {
            let line = format!(
                "{}; it ran outside a transaction and is not rolled back",
                one.what
            );
            progress.said(&name.file_name(), &line);
            if let Some(row) = self.done.last_mut() {
                row.notices.push(line);
            }
        }
    }

    /// The catalogue was not asked, or the ledger did not take its answer.
    pub(super) fn cannot_tell(&mut self) {
        self.is_unsure = true;
    }
}
