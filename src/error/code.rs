//! The code of each error: what scripts compare with `$e.details.code`. Stable.

use super::{Error, Fault};
use crate::plan::Obstacle;
use crate::psql::refusal::Refusal;

impl Error {
    /// The code that scripts match on; listed in the README.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchDirectory { .. } => "migrate::no_such_directory",
            Self::NotADirectory { .. } => "migrate::not_a_directory",
            Self::NoMigrations { .. } => "migrate::no_migrations",
            Self::BadNames { .. } => "migrate::bad_names",
            Self::UnreadableFile { .. } => "migrate::unreadable_file",
            Self::BadDirective { .. } => "migrate::bad_directive",
            Self::Forbidden { .. } => "migrate::forbidden",
            Self::UnsetVariables { .. } => "migrate::unset_variable",
            Self::NotAtomic { .. } => "migrate::not_atomic",
            Self::PooledConnection => "migrate::pooled_connection",
            Self::NoScratch { .. } => "migrate::no_scratch_database",
            Self::NothingToRepair | Self::RepairRefused { .. } => "migrate::repair_refused",
            Self::UnknownTrack { .. } => "migrate::unknown_track",
            Self::BadSetting { .. }
            | Self::BadSettingsFile { .. }
            | Self::BadPluginConfig { .. }
            | Self::BadVariable { .. } => "migrate::bad_settings",
            Self::BadArgument { .. } | Self::BadFlag { .. } => "migrate::bad_flag",
            Self::NoDatabase => "migrate::no_database",
            Self::PsqlNotFound { .. } => "migrate::psql_not_found",
            Self::PsqlTooOld
            | Self::PsqlNotStarted { .. }
            | Self::PsqlEnded { .. }
            | Self::PsqlConfused { .. } => "migrate::psql_failed",
            Self::ConnectionRefused { refusal, .. } => match refusal {
                Refusal::Unreachable => "migrate::server_unreachable",
                Refusal::Authentication => "migrate::access_denied",
                Refusal::NoSuchDatabase => "migrate::database_not_found",
                Refusal::Other => "migrate::connection_failed",
            },
            Self::ServerTooOld { .. } => "migrate::server_too_old",
            Self::ServerReadOnly { .. } => "migrate::server_read_only",
            Self::SchemaMissing { .. } => "migrate::schema_not_found",
            Self::LedgerUnreadable { .. } => "migrate::ledger_unreadable",
            Self::Locked { .. } => "migrate::locked",
            Self::Refused { obstacles } => obstacles_code(obstacles),
            Self::AfterCommits { error, .. } | Self::InScratch { error, .. } => error.code(),
            Self::LedgersElsewhere { .. } => "migrate::ledgers_elsewhere",
            Self::Failed(failure) => failure.fault.code(),
            Self::Interrupted => "migrate::interrupted",
            Self::Rejected { .. } => "migrate::validation_failed",
            Self::Invalid { .. } => "migrate::invalid",
            Self::NuNotFound { .. } => "migrate::nu_not_found",
            Self::NuNotStarted { .. } => "migrate::nu_failed",
            Self::Bug => "migrate::bug",
            Self::BadDescription { .. } => "migrate::bad_description",
            Self::TrackUnclear { .. } => "migrate::track_unclear",
            Self::NoVersionLeft { .. } => "migrate::no_version_left",
            Self::NotWritten { .. } => "migrate::not_written",
            Self::UnknownTemplate { .. } => "migrate::unknown_template",
        }
    }
}

/// Several obstacles have the code of the gravest.
fn obstacles_code(obstacles: &[Obstacle]) -> &'static str {
    let grave = |found: fn(&Obstacle) -> bool| obstacles.iter().any(found);
    if grave(|found| matches!(found, Obstacle::Unfinished { .. })) {
        "migrate::unfinished"
    } else if grave(|found| matches!(found, Obstacle::Changed { .. })) {
        "migrate::changed"
    } else if grave(|found| matches!(found, Obstacle::Missing { .. })) {
        "migrate::missing"
    } else if grave(|found| matches!(found, Obstacle::Unmet { .. } | Obstacle::Circle { .. })) {
        "migrate::unmet_requirement"
    } else {
        "migrate::out_of_order"
    }
}

impl Fault {
    fn code(&self) -> &'static str {
        match self {
            Self::Sql { .. } => "migrate::sql_failed",
            Self::TransactionEnded { .. } => "migrate::transaction_ended",
            Self::TransactionOpen { .. } => "migrate::transaction_open",
            Self::InvalidIndexes { .. } => "migrate::invalid_index",
            Self::Ledger { .. } | Self::RowsGone { .. } => "migrate::ledger_failed",
            Self::FileChanged { .. } => "migrate::file_changed",
            Self::Rejected { .. } => "migrate::validation_failed",
            Self::Unchecked { error, .. } => error.code(),
            Self::Commit { .. } => "migrate::commit_failed",
            Self::ConnectionLost { .. } => "migrate::connection_lost",
            Self::Interrupted => "migrate::interrupted",
        }
    }
}
