//! Of a run of many transactions, the ledgers are told for several at once what the files have done, so that
//! it is not held up by questions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::Circumstances;
use super::row::RunRow;
use super::script::{self, Remembered, Since, Told, Touched};
use crate::database::{Database, parse};
use crate::process::progress::Progress;
use crate::psql::Ending;
use crate::tree::Track;

/// How many transactions wait at the most.
const TOGETHER: usize = 64;

/// What is committed, and not remembered yet.
#[derive(Debug, Default)]
pub struct Later {
    /// The number of the transaction with which each began.
    begun: Vec<u64>,
    tracks: BTreeSet<Track>,
    /// The number of the newest object before the first of them.
    newest: i64,
    /// The catalogues that they have written to; `None` where that is not known of all.
    written: Option<BTreeSet<String>>,
    /// What may have been dropped, by its address: the last that touched it is the one.
    lost: BTreeMap<String, Value>,
}

impl Later {
    /// Takes in what is committed now.
    pub fn add<'a>(
        &mut self,
        id: u64,
        tracks: impl Iterator<Item = &'a Track>,
        newest: i64,
        lost: Option<&str>,
        written: Option<&[String]>,
    ) {
        if self.begun.is_empty() {
            self.newest = newest;
            self.written = Some(BTreeSet::new());
        }
        self.written = self.written.take().zip(written).map(|(mut all, more)| {
            all.extend(more.iter().cloned());
            all
        });
        self.begun.push(id);
        self.tracks.extend(tracks.cloned());
        let place = i64::try_from(self.begun.len()).unwrap_or_default() << 32;
        let lost: Vec<Value> = lost
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        for mut row in lost {
            let address = [0, 1, 2].map(|at| row.get(at).map(Value::to_string).unwrap_or_default());
            if let Some(moment) = row.get_mut(6) {
                *moment = (place + moment.as_i64().unwrap_or_default()).into();
            }
            let address = address.join(" ");
            // What was there before the first of them.
            let earlier = self.lost.get(&address).and_then(|earlier| earlier.get(7));
            if let (Some(earlier), Some(written)) = (earlier.cloned(), row.get_mut(7)) {
                *written = earlier;
            }
            self.lost.insert(address, row);
        }
    }

    pub fn is_full(&self) -> bool {
        self.begun.len() >= TOGETHER
    }

    pub fn is_empty(&self) -> bool {
        self.begun.is_empty()
    }

    /// Tells the ledgers. That it cannot be done stops nothing.
    ///
    /// # Errors
    /// psql has ended.
    pub fn remember(
        &mut self,
        database: &mut Database,
        circumstances: &Circumstances,
        applied: &mut [RunRow],
    ) -> Result<(), Ending> {
        if self.is_empty() {
            return Ok(());
        }
        let Self {
            begun,
            tracks,
            newest,
            written,
            lost,
        } = std::mem::take(self);
        let tracks: Vec<_> = tracks.iter().collect();
        let written: Option<Vec<_>> = written.map(|all| all.into_iter().collect());
        let lost = (!lost.is_empty()).then(|| Value::from_iter(lost.into_values()).to_string());
        let text = script::remember(
            &database.place,
            &tracks,
            &circumstances.common.execution_id,
            Since::Transactions(&begun),
            newest,
            lost.as_deref(),
            Touched {
                major: database.server.major(),
                catalogues: written.as_deref(),
                is_locked: false,
            },
        );
        let output = database.session.ask(&text)?;
        match parse(&output) {
            Ok(Remembered { remembered }) => note(remembered, &tracks, applied),
            Err(_) => {
                let said = output.stderr.first().map_or("", String::as_str);
                not_recorded(circumstances.progress, WHAT, said);
            }
        }
        Ok(())
    }
}

/// Notes what was remembered.
pub(super) fn note(remembered: Vec<Told>, tracks: &[&Track], rows: &mut [RunRow]) {
    let rows = rows.iter_mut();
    let mut by_name: HashMap<_, _> = rows.map(|row| (row.name.file_name(), row)).collect();
    for Told(track, name, changes) in remembered {
        if let Some(row) = by_name.get_mut(&name)
            && tracks.get(track) == Some(&&row.name.track)
        {
            row.objects = changes;
        }
    }
}

pub(super) const WHAT: &str = "what the migrations did to the schema";

pub(super) fn not_recorded(progress: Progress, what: &str, why: &str) {
    progress.note(&format!("{what} is not recorded: {why}"));
}
