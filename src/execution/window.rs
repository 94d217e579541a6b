//! The files of a transaction, sent to psql before it is done with those in front of them, so that it
//! never waits for us. Must not decide what a file's end means; `runner` does.

use std::collections::VecDeque;

use super::fault::Fault;
use super::prepared::Prepared;
use super::runner::Runner;
use super::script::{self, Bracket, Followed, Transaction};
use crate::checks::Check;
use crate::database::ledger::entry::Started;
use crate::database::parse;
use crate::plan::Step;

/// How many files psql has at the most, with the one that it runs.
const AHEAD: usize = 8;

/// A file that psql has.
struct Sent<'s> {
    step: &'s Step,
    prepared: Prepared,
    checks: Vec<Check>,
}

impl Runner<'_, '_> {
    /// Runs and records the files of a transaction, one behind the other; `are_all` says whether COMMIT
    /// follows.
    pub(super) fn steps(
        &mut self,
        steps: &[Step],
        transaction: &Transaction,
        are_all: bool,
    ) -> Result<(), Fault> {
        let mut sent: VecDeque<Sent<'_>> = VecDeque::new();
        let mut last: Option<&Step> = None;
        let mut ended = transaction.now.clone();
        for (number, step) in (1..).zip(steps) {
            let room = if self.may_follow(last, step) {
                AHEAD
            } else {
                1
            };
            while sent.len() >= room
                && let Some(first) = sent.pop_front()
            {
                ended = self.hear_of(first)?.unwrap_or(ended);
            }
            self.make_way(step, steps.get(number..).unwrap_or_default())?;
            let started = match last {
                Some(last) if last.undoes().is_none() => Started::Behind(&last.migration.name),
                _ => Started::At(&ended),
            };
            let receipts = (are_all && number == steps.len()).then(|| self.receipts_query(steps));
            let followed = receipts
                .as_deref()
                .map_or(Followed::ByAnother, Followed::ByCommit);
            match self.send(step, transaction, started, followed) {
                Ok(next) => sent.push_back(next),
                // What went wrong before is told first.
                Err(fault) => {
                    self.hear_of_all(sent)?;
                    return Err(fault);
                }
            }
            last = Some(step);
        }
        self.hear_of_all(sent)
    }

    /// May psql have a step before the one in front of it is done? Only a file that is SQL alone leaves
    /// psql as it was, and the transaction aborted where it fails; and a check looks at what the steps
    /// before its own have made.
    fn may_follow(&self, last: Option<&Step>, step: &Step) -> bool {
        last.is_some_and(|last| last.plain.is_some() && !last.is_checked_after())
            && !self.has_to_make_way(step)
            && step.undoes().is_none()
            && !self.checker.is_late(step)
    }

    /// Runs one file and records it; gives the server's clock at its end, where the answer has it.
    pub(super) fn step(
        &mut self,
        step: &Step,
        transaction: &Transaction,
        started: Started<'_>,
    ) -> Result<Option<String>, Fault> {
        let sent = self.send(step, transaction, started, Followed::ByAnother)?;
        self.hear_of(sent)
    }

    fn send<'s>(
        &mut self,
        step: &'s Step,
        transaction: &Transaction,
        started: Started<'_>,
        followed: Followed<'_>,
    ) -> Result<Sent<'s>, Fault> {
        let checks = self.checked(step, Bracket::Savepoint)?;
        self.limits.has_deferrable |= step.plain.is_none_or(|plain| plain.may_defer);
        let entry = self.entry(step, started, &checks);
        let place = &self.database.place;
        let record = script::record(place, &entry, transaction, &self.limits, followed);
        let joined = match followed {
            Followed::ByAnother => self.prepare_joined(step, &record)?,
            Followed::ByCommit(_) => None,
        };
        let prepared = match joined {
            Some(prepared) => prepared,
            None => self.prepare(step)?,
        };
        let include = self.guarded(self.include(step, &prepared));
        let word = script::completion();
        let session = &mut self.database.session;
        // All at once: the file is recorded the moment it is done.
        session.send_file(&include);
        if prepared.is_joined() {
            session.send(&word);
            session.instruct(&script::stop_unless_done());
        } else {
            session.send(&(word + &record));
        }
        Ok(Sent {
            step,
            prepared,
            checks,
        })
    }

    fn hear_of(&mut self, sent: Sent<'_>) -> Result<Option<String>, Fault> {
        let Sent {
            step,
            prepared,
            mut checks,
        } = sent;
        let mut printed = self
            .hear(step)
            .map_err(|ending| self.fault_in(ending, step, &prepared, None))?;
        let mut answer = self
            .database
            .session
            .receive()
            .map_err(|ending| self.fault_in(ending, step, &prepared, Some(&printed)))?;
        self.judge(&mut answer, step, &prepared, &printed)?;
        self.hear_late(step, &mut answer, &mut printed);
        self.compare_again(step, &prepared)?;
        checks.extend(self.checked_after(step, Bracket::Savepoint)?);
        self.note(step, checks, &printed);
        let ended = match step.undoes() {
            Some(_) => Some(self.take_ended(step, &mut answer)?),
            None => None,
        };
        self.forget(step)?;
        if !answer.stdout.is_empty() {
            self.receipts = parse(&answer).map_err(|error| Fault::lost(&error, None))?;
        }
        Ok(ended)
    }

    fn hear_of_all(&mut self, sent: VecDeque<Sent<'_>>) -> Result<(), Fault> {
        sent.into_iter()
            .try_for_each(|one| self.hear_of(one).map(drop))
    }
}
