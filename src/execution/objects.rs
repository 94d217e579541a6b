//! Lets the ledgers remember what each file has done to the schema.

use std::collections::BTreeSet;

use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::runner::Runner;
use super::script::{self, REMEMBERED, Since};
use crate::plan::Step;
use crate::tree::Name;

impl Runner<'_, '_> {
    /// One question for all files of a group. That it cannot be answered stops nothing.
    pub(super) fn remember(
        &mut self,
        steps: &[Step],
        since: Since<'_>,
        newest: i64,
        last: Option<Name>,
    ) -> Result<(), Fault> {
        let up = steps.iter().filter(|step| step.undoes().is_none());
        let tracks: BTreeSet<_> = up.map(|step| &step.migration.name.track).collect();
        if tracks.is_empty() || !self.remembers {
            return Ok(());
        }
        let tracks: Vec<_> = tracks.into_iter().collect();
        let execution_id = &self.circumstances.common.execution_id;
        let text = script::remember(&self.database.place, &tracks, execution_id, since, newest);
        let output = self
            .database
            .session
            .ask(&text)
            .map_err(|ending| fault_of(ending, Stage::Commit { last }))?;
        if output.stdout != [REMEMBERED] {
            let said = output.stderr.first().map_or("", String::as_str);
            self.circumstances.progress.note(&format!(
                "what the migrations did to the schema is not recorded: {said}"
            ));
        }
        Ok(())
    }
}
