//! What a recorded schema says of itself, and whether it still counts. Pure; must not ask the database.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

/// What a record says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Head {
    pub at: DateTime<FixedOffset>,
    pub execution_id: String,
    /// The last migration of that run.
    pub last: String,
    /// The server's major version.
    major: u32,
    /// Which question was asked.
    question: String,
    /// What each ledger held, by track.
    ledgers: Marks,
}

/// What tells one state of a ledger from another, by track.
pub(super) type Marks = BTreeMap<String, String>;

/// Why a record does not count any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stale {
    /// Nothing is recorded.
    None,
    /// This user may not read all ledgers.
    Unreadable {
        table: String,
    },
    Server {
        then: u32,
        now: u32,
    },
    Question,
    Ledgers {
        at: DateTime<FixedOffset>,
        last: String,
    },
}

impl fmt::Display for Stale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("no run has recorded the schema"),
            Self::Unreadable { table } => write!(
                formatter,
                "this user may not read the ledger {table}, and so cannot say whether the recorded schema is the last one"
            ),
            Self::Server { then, now } => write!(
                formatter,
                "the schema was recorded by PostgreSQL {then}, and this is PostgreSQL {now}"
            ),
            Self::Question => {
                formatter.write_str("another version of this plugin has recorded the schema")
            }
            Self::Ledgers { at, last } => write!(
                formatter,
                "the schema was recorded at {} behind {last}, and the ledgers have changed since",
                at.format("%Y-%m-%d %H:%M:%S %:z")
            ),
        }
    }
}

/// What is true now.
pub(super) struct Now<'a> {
    pub(super) major: u32,
    pub(super) question: &'a str,
    pub(super) ledgers: &'a Marks,
}

impl Head {
    pub(super) fn judge(&self, now: &Now<'_>) -> Result<(), Stale> {
        if self.major != now.major {
            return Err(Stale::Server {
                then: self.major,
                now: now.major,
            });
        }
        if self.question != now.question {
            return Err(Stale::Question);
        }
        if self.ledgers != *now.ledgers {
            return Err(Stale::Ledgers {
                at: self.at,
                last: self.last.clone(),
            });
        }
        Ok(())
    }
}

/// The place of a record.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Kept {
    pub(super) track: String,
    pub(super) id: i64,
    pub(super) head: Head,
}

/// The newest record, if that one counts.
pub(super) fn newest(mut kept: Vec<Kept>, now: &Now<'_>) -> Result<Kept, Stale> {
    kept.sort_by_key(|one| one.head.at);
    let mut stale = Stale::None;
    for one in kept.into_iter().rev() {
        match one.head.judge(now) {
            Ok(()) => return Ok(one),
            Err(found) if stale == Stale::None => stale = found,
            Err(_) => {}
        }
    }
    Err(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(at: &str, major: u32, mark: &str) -> Head {
        serde_json::from_value(serde_json::json!({
            "at": at, "execution_id": "x", "last": "20240101000000_core_a.sql", "major": major,
            "question": "q", "ledgers": {"core": mark, "impl": "0 0"}
        }))
        .unwrap()
    }

    fn marks(mark: &str) -> Marks {
        [("core", mark), ("impl", "0 0")]
            .map(|(track, mark)| (track.to_owned(), mark.to_owned()))
            .into()
    }

    fn judged(kept: Vec<Head>, major: u32, question: &str, ledgers: &Marks) -> Result<i64, String> {
        let now = Now {
            major,
            question,
            ledgers,
        };
        let kept = (1..)
            .zip(kept)
            .map(|(id, head)| Kept {
                track: "core".to_owned(),
                id,
                head,
            })
            .collect();
        newest(kept, &now)
            .map(|kept| kept.id)
            .map_err(|stale| stale.to_string())
    }

    const EARLY: &str = "2024-01-01T00:00:00+00:00";
    const LATE: &str = "2024-01-02T00:00:00+00:00";

    #[test]
    fn a_record_counts_while_the_ledgers_are_what_they_were() {
        let now = marks("1 7");
        let fresh = head(EARLY, 15, "1 7");
        assert_eq!(judged(vec![fresh.clone()], 15, "q", &now), Ok(1));
        // What was recorded of another state does not hide one that still counts, such as after an undo.
        let other = head(LATE, 15, "2 8");
        assert_eq!(judged(vec![fresh.clone(), other], 15, "q", &now), Ok(1));
        let again = head(LATE, 15, "1 7");
        assert_eq!(judged(vec![again, fresh.clone()], 15, "q", &now), Ok(1));
        for (major, question, ledgers, told) in [
            (
                16,
                "q",
                marks("1 7"),
                "the schema was recorded by PostgreSQL 15, and this is PostgreSQL 16",
            ),
            (
                15,
                "other",
                marks("1 7"),
                "another version of this plugin has recorded the schema",
            ),
            (
                15,
                "q",
                marks("2 7"),
                "the schema was recorded at 2024-01-01 00:00:00 +00:00 behind 20240101000000_core_a.sql, \
                 and the ledgers have changed since",
            ),
            (
                15,
                "q",
                Marks::new(),
                "the schema was recorded at 2024-01-01 00:00:00 +00:00 behind 20240101000000_core_a.sql, \
                 and the ledgers have changed since",
            ),
        ] {
            let found = judged(vec![fresh.clone()], major, question, &ledgers);
            assert_eq!(found, Err(told.to_owned()));
        }
        assert_eq!(
            judged(vec![], 15, "q", &now),
            Err("no run has recorded the schema".to_owned())
        );
    }
}
