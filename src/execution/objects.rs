//! Lets the ledgers remember what each file has done to the schema.

use std::collections::BTreeSet;

use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::later::{WHAT, not_recorded, note};
use super::runner::Runner;
use super::script::{self, Remembered, Rows, Since, Touched};
use crate::database::parse;
use crate::database::questions::survived;
use crate::plan::Step;
use crate::tree::Name;

impl Runner<'_, '_> {
    /// One question for all files of a group. That it cannot be answered stops nothing. `lost` is what there
    /// may have been dropped, where something was.
    pub(super) fn remember(
        &mut self,
        steps: &[Step],
        since: Since<'_>,
        newest: i64,
        lost: Option<&str>,
        last: Option<Name>,
    ) -> Result<(), Fault> {
        let up = steps.iter().filter(|step| step.undoes().is_none());
        let tracks: BTreeSet<_> = up.map(|step| &step.migration.name.track).collect();
        let is_untouched = self.written.as_ref().is_some_and(Vec::is_empty) && lost.is_none();
        if tracks.is_empty() || self.later.is_some() || is_untouched {
            return Ok(());
        }
        let tracks: Vec<_> = tracks.into_iter().collect();
        let execution_id = &self.circumstances.common.execution_id;
        let place = &self.database.place;
        let locks_all = |step: &Step| step.plain.is_some_and(|plain| !plain.may_grant);
        let touched = Touched {
            major: self.database.server.major(),
            catalogues: self.written.as_deref(),
            is_locked: matches!(since, Since::Begin) && steps.iter().all(locks_all),
        };
        let text = script::remember(place, &tracks, execution_id, since, newest, lost, touched);
        let output = self
            .database
            .session
            .ask(&text)
            .map_err(|ending| fault_of(ending, Stage::Commit { last }))?;
        match parse(&output) {
            Ok(Remembered { remembered }) => note(remembered, &tracks, &mut self.done),
            Err(_) => {
                let said = output.stderr.first().map_or("", String::as_str);
                not_recorded(self.circumstances.progress, WHAT, said);
                self.cannot_tell();
            }
        }
        Ok(())
    }

    /// The same once it is committed, for several transactions at once.
    pub(super) fn remember_later(
        &mut self,
        steps: &[Step],
        id: u64,
        newest: i64,
        lost: Option<&str>,
    ) {
        let up = steps.iter().filter(|step| step.undoes().is_none());
        let mut tracks = up.map(|step| &step.migration.name.track).peekable();
        if let (Some(later), Some(_)) = (&mut self.later, tracks.peek()) {
            later.add(id, tracks, newest, lost, self.written.as_deref());
        }
    }

    fn touched(&self) -> Touched<'_> {
        Touched {
            major: self.database.server.major(),
            catalogues: self.written.as_deref(),
            is_locked: false,
        }
    }

    /// What a transaction has deleted or written anew, as everybody else still sees it.
    pub(super) fn lost(&mut self, id: u64) -> Option<String> {
        if !self.has_replaced {
            return None;
        }
        let question = script::drops(
            &self.database.place,
            Rows::WrittenBy(id),
            self.touched(),
            ";",
        );
        let lost = self.database.ask_from_outside(question);
        if lost.is_none() {
            let progress = self.circumstances.progress;
            let what = "what was dropped, and which columns are new";
            not_recorded(progress, what, "a second connection fails");
        }
        lost
    }

    /// What a file that runs outside of a transaction can drop: all there is.
    pub(super) fn droppable(&mut self) -> Result<Option<String>, Fault> {
        let question = script::drops(&self.database.place, Rows::All, self.touched(), "\\;");
        let output = self
            .database
            .session
            .ask(&survived(&question))
            .map_err(|ending| fault_of(ending, Stage::Begin))?;
        Ok(Some(output.stdout.join("\n")).filter(|found| !found.is_empty()))
    }
}
