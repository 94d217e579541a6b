//! Unsets what a file has left in psql itself, before the next file.

use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::runner::Runner;
use crate::execution::script;
use crate::plan::Step;
use crate::psql;
use crate::sql::variables::{INJECTED, is_psqls_own, listed};

impl Runner<'_, '_> {
    /// Forgets the variables that a file has set, and its environment variables.
    pub(super) fn forget(&mut self, step: &Step) -> Result<(), Fault> {
        let leftovers = &step.leftovers;
        if !leftovers.variables && leftovers.environment.is_empty() {
            return Ok(());
        }
        let of_begin = |ending| fault_of(ending, Stage::Begin);
        let session = &mut self.database.session;
        let all = if leftovers.variables {
            session
                .ask(&script::list_variables())
                .map_err(of_begin)?
                .stdout
        } else {
            vec![]
        };
        let names = listed(&all);
        let left = names
            .iter()
            .filter(|name| !is_psqls_own(name) && !INJECTED.contains(&name.as_str()));
        let before = self.database.connection.environment();
        let environment = leftovers
            .environment
            .iter()
            .map(|name| (name, before.get(name)));
        let printed = session
            .ask(&script::forget(left, environment))
            .map_err(of_begin)?;
        if printed.stderr.is_empty() {
            Ok(())
        } else {
            Err(Fault::lost(
                &psql::Error::Confused {
                    problem: printed.stderr.join("\n"),
                },
                Some(&step.migration.name),
            ))
        }
    }
}
