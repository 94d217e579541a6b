//! What a rehearsed migration has done, from two looks at the database: before and after. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

use super::lock_mode::LockMode;

/// A relation, by the server's number for it.
pub type Oid = u32;

/// A look at the database, from within the transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Look {
    /// The relations that people made, with their storage.
    pub relations: BTreeMap<Oid, Relation>,
    /// The locks of our own session on relations.
    pub locks: Vec<(Oid, LockMode)>,
    /// How many rows this transaction has inserted, updated and deleted.
    pub rows: BTreeMap<Oid, u64>,
    /// How much others have read and written, as far as it is counted yet.
    pub traffic: BTreeMap<Oid, u64>,
    /// The relations that others have locked at this moment, or wait for.
    pub in_use: BTreeSet<Oid>,
}

/// A table, an index, a sequence or the like.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Relation {
    /// Its name, qualified where it must be.
    pub name: String,
    /// As `pg_class.relkind`.
    pub kind: String,
    /// The file that holds it; another one after a rewrite.
    pub storage: u32,
    /// Is it a ledger, or a part of one?
    pub is_ledger: bool,
}

/// A lock that a migration takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    pub relation: String,
    pub mode: LockMode,
    /// How long it would be held at most: until its transaction ends.
    pub held: Duration,
    /// Do others use the relation just now?
    pub is_live: bool,
    oid: Oid,
}

/// What a migration does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// The locks that it takes on what was there before the rehearsal, and that nothing before it took.
    pub locks: Vec<Lock>,
    /// The tables that it writes anew as a whole.
    pub rewrites: Vec<String>,
    /// The indexes that it builds, or builds anew.
    pub indexes: Vec<String>,
    /// How many rows it inserts, updates and deletes.
    pub rows: u64,
}

/// What a migration has done between two looks. `first` is the look before the whole rehearsal, and
/// tells what is anybody else's business; the ledgers are nobody's.
pub fn effects(first: &Look, before: &Look, after: &Look) -> Effects {
    let held_before: BTreeSet<_> = before.locks.iter().collect();
    let locks = strongest(
        after
            .locks
            .iter()
            .filter(|lock| !held_before.contains(lock)),
    )
    .into_iter()
    .filter_map(|(oid, mode)| {
        let relation = first.relations.get(&oid)?;
        (!relation.is_ledger).then(|| Lock {
            relation: relation.name.clone(),
            mode,
            held: Duration::ZERO,
            is_live: first.in_use.contains(&oid),
            oid,
        })
    })
    .collect();
    let has_new_storage = |oid: &Oid, relation: &Relation| {
        let old = before.relations.get(oid);
        old.is_some_and(|old| old.storage != relation.storage)
    };
    let is_index = |relation: &Relation| relation.kind == "i";
    let rewrites = after
        .relations
        .iter()
        .filter(|(_, relation)| !relation.is_ledger)
        .filter(|(oid, relation)| !is_index(relation) && has_new_storage(oid, relation))
        .filter(|(_, relation)| relation.kind == "r" || relation.kind == "m")
        .map(|(_, relation)| relation.name.clone())
        .collect();
    let indexes = after
        .relations
        .iter()
        .filter(|(oid, relation)| {
            let is_new = !before.relations.contains_key(oid);
            is_index(relation) && !relation.is_ledger && (is_new || has_new_storage(oid, relation))
        })
        .map(|(_, relation)| relation.name.clone())
        .collect();
    // Table by table: where one is dropped or emptied, its rows are counted no more.
    let rows = after.rows.iter().filter_map(|(oid, rows)| {
        let relation = after.relations.get(oid);
        let before = before.rows.get(oid).copied().unwrap_or_default();
        (!relation.is_some_and(|relation| relation.is_ledger)).then(|| rows.saturating_sub(before))
    });
    let rows = rows.sum();
    Effects {
        locks,
        rewrites,
        indexes,
        rows,
    }
}

/// The strongest lock on each relation: the others are in its shadow.
fn strongest<'a>(locks: impl Iterator<Item = &'a (Oid, LockMode)>) -> BTreeMap<Oid, LockMode> {
    let mut strongest = BTreeMap::new();
    for (oid, mode) in locks {
        let known = strongest.entry(*oid).or_insert(*mode);
        *known = (*mode).max(*known);
    }
    strongest
}

/// Marks what others have used between the first and the last look: whoever waits for a lock that the
/// rehearsal holds is the best proof.
pub fn mark_traffic(effects: &mut Effects, first: &Look, last: &Look, in_use: &BTreeSet<Oid>) {
    for lock in &mut effects.locks {
        let grew = last.traffic.get(&lock.oid) > first.traffic.get(&lock.oid);
        lock.is_live |= grew || in_use.contains(&lock.oid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(name: &str, kind: &str, storage: u32) -> Relation {
        Relation {
            name: name.to_owned(),
            kind: kind.to_owned(),
            storage,
            is_ledger: name.starts_with("migrations_"),
        }
    }

    #[test]
    fn two_looks_tell_what_was_done() {
        let first = Look {
            relations: BTreeMap::from([
                (1, relation("invoice", "r", 10)),
                (2, relation("invoice_pkey", "i", 20)),
                (3, relation("migrations_core", "r", 30)),
            ]),
            locks: vec![(1, LockMode::AccessShare)],
            in_use: BTreeSet::from([1]),
            ..Look::default()
        };
        let after = Look {
            relations: BTreeMap::from([
                (1, relation("invoice", "r", 11)),
                (2, relation("invoice_pkey", "i", 21)),
                (3, relation("migrations_core", "r", 30)),
                (4, relation("new", "r", 40)),
                (5, relation("new_pkey", "i", 50)),
            ]),
            locks: vec![
                (1, LockMode::AccessShare),
                (1, LockMode::AccessExclusive),
                (3, LockMode::RowExclusive),
                (4, LockMode::AccessExclusive),
            ],
            rows: BTreeMap::from([(1, 5), (3, 1), (4, 2)]),
            ..Look::default()
        };
        let found = effects(&first, &first, &after);
        let locks: Vec<_> = found
            .locks
            .iter()
            .map(|lock| {
                (
                    lock.relation.as_str(),
                    lock.mode,
                    lock.mode.blocks(),
                    lock.is_live,
                )
            })
            .collect();
        assert_eq!(
            locks,
            [("invoice", LockMode::AccessExclusive, "everybody", true)]
        );
        assert_eq!(found.rewrites, ["invoice"]);
        assert_eq!(found.indexes, ["invoice_pkey", "new_pkey"]);
        assert_eq!(found.rows, 7);
        assert_eq!(effects(&first, &after, &after), Effects::default());
        // One table is dropped, and another has more rows.
        let dropped = Look {
            rows: BTreeMap::from([(4, 5)]),
            ..after.clone()
        };
        assert_eq!(effects(&first, &after, &dropped).rows, 3);
    }

    #[test]
    fn traffic_in_between_marks_a_lock() {
        let look = |count: u64| Look {
            relations: BTreeMap::from([(1, relation("t", "r", 10))]),
            traffic: BTreeMap::from([(1, count)]),
            ..Look::default()
        };
        let after = Look {
            locks: vec![(1, LockMode::Share)],
            ..look(5)
        };
        let mut found = effects(&look(5), &look(5), &after);
        let nobody = BTreeSet::new();
        mark_traffic(&mut found, &look(5), &look(5), &nobody);
        assert!(!found.locks[0].is_live);
        mark_traffic(&mut found.clone(), &look(5), &look(6), &nobody);
        mark_traffic(&mut found, &look(5), &look(5), &BTreeSet::from([1]));
        assert!(found.locks[0].is_live);
        assert_eq!(found.locks[0].mode.blocks(), "writers");
    }
}
