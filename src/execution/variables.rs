//! The psql variables that a migration finds set. Pure.

use std::collections::BTreeSet;

use crate::plan::Fit;
use crate::settings::tracks::Tracks;
use crate::settings::{TransactionMode, variables_of};
use crate::sql::variables::{INJECTED, Variables};
use crate::tree::Migration;

/// The variable `transaction_mode` of a file outside of our transactions.
const NO_TRANSACTION: &str = "none";

/// What is the same for all migrations of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    pub execution_id: String,
    pub transaction: TransactionMode,
    pub users: Variables,
    pub tracks: Tracks,
}

/// All variables of a migration, with their values; those of other tracks alone have none, because psql may
/// have run a file of theirs.
pub fn of(migration: &Migration, fit: &Fit, common: &Common) -> Vec<(String, Option<String>)> {
    let name = &migration.name;
    let folder = migration.path.parent().unwrap_or(&migration.path);
    let values = [
        name.file_name(),
        name.track.to_string(),
        name.digits().map_or_else(String::new, ToString::to_string),
        name.description.clone(),
        folder.to_string_lossy().into_owned(),
        common.execution_id.clone(),
        match fit {
            Fit::NoTransaction => NO_TRANSACTION.to_owned(),
            _ => common.transaction.to_string(),
        },
        env!("CARGO_PKG_VERSION").to_owned(),
    ];
    let own = variables_of(&common.users, &common.tracks, name.track.as_str());
    let foreign: BTreeSet<_> = common
        .tracks
        .values()
        .flat_map(|track| track.variables.keys())
        .filter(|name| !own.contains_key(*name))
        .cloned()
        .collect();
    let set = INJECTED.map(str::to_owned).into_iter().zip(values);
    let set = set.chain(own).map(|(name, value)| (name, Some(value)));
    let unset = foreign.into_iter().map(|name| (name, None));
    set.chain(unset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::examples::migration;

    #[test]
    fn a_migration_knows_what_it_is() {
        let common = Common {
            execution_id: "id".to_owned(),
            transaction: TransactionMode::All,
            users: Variables::from([("tenant".to_owned(), "acme".to_owned())]),
            tracks: Tracks::new(),
        };
        let found = of(
            &migration("20240101000000_core_a_b.sql"),
            &Fit::Whole,
            &common,
        );
        let value = |name: &str| {
            let found = found.iter().find(|(found, _)| found == name);
            found.and_then(|(_, value)| value.as_deref())
        };
        assert_eq!(value("migration_name"), Some("20240101000000_core_a_b.sql"));
        assert_eq!(value("track_name"), Some("core"));
        assert_eq!(value("migration_timestamp"), Some("20240101000000"));
        assert_eq!(value("migration_description"), Some("a_b"));
        assert_eq!(value("migration_dir"), Some("/db"));
        assert_eq!(value("transaction_mode"), Some("all"));
        assert_eq!(value("tenant"), Some("acme"));
        assert_eq!(found.len(), INJECTED.len() + 1);
    }
}
