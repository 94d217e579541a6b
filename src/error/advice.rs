//! What state the database is in after an error, and what to type next.

use super::{Error, Failure, Fate, Fault, count, list};
use crate::discovery::directives::KNOWN;
use crate::migration::Name;
use crate::plan::Obstacle;
use crate::psql::refusal::Refusal;
use crate::server::OLDEST;
use crate::settings::Key;
use crate::validation::{Rejection, script};

impl Error {
    /// The state of the database, as a sentence.
    pub fn state(&self) -> String {
        match self {
            Self::Failed(failure) => failure.state(),
            Self::BadDescription { .. }
            | Self::TrackUnclear { .. }
            | Self::UnknownTemplate { .. }
            | Self::NoVersionLeft { .. } => "No file was made.".to_owned(),
            Self::AfterCommits { applied, .. } => stayed(applied),
            Self::InScratch { left: None, .. } => {
                "The target was not changed, and the scratch database is gone.".to_owned()
            }
            Self::InScratch {
                left: Some(name), ..
            } => format!(
                "The target was not changed. The scratch database could not be removed: \
                 DROP DATABASE {name};"
            ),
            Self::Bug => "What was not committed is rolled back.".to_owned(),
            _ => "The database was not changed.".to_owned(),
        }
    }

    /// The way out.
    pub fn help(&self) -> String {
        match self {
            Self::NoSuchDirectory { .. } | Self::NotADirectory { .. } => {
                "give the directory that holds the migrations, such as `migrate status ./db`"
                    .to_owned()
            }
            Self::NoMigrations { .. } => {
                "a migration is a file named {timestamp}_{track}_{description}.sql; \
                 make the first with `migrate add DIR \"create users\" --track core`"
                    .to_owned()
            }
            Self::BadNames { .. } => "name them {timestamp}_{track}_{description}.sql, such as \
                 20240131120000_core_create_users.sql, or move them elsewhere"
                .to_owned(),
            Self::UnreadableFile { .. } => {
                "make the file readable, or move it elsewhere".to_owned()
            }
            Self::BadDirective { path, .. } if path.extension().is_some_and(|end| end == "nu") => {
                format!("the lines at the top of a validation script are {}", script::KNOWN)
            }
            Self::BadDirective { .. } => format!("the directives are {KNOWN}"),
            Self::Forbidden { .. } => "remove these lines: every migration already runs in a \
                 transaction, together with its ledger row.\nA file that must stay as it is, such \
                 as BEGIN; ... COMMIT; from another tool, needs the line \
                 `-- migrate: transaction-control unwrap` (leave its outer pair out) or `separate` \
                 (run it as it is, on its own), or the setting `transaction_control`"
                .to_owned(),
            Self::UnsetVariables { uses } => {
                let name = uses.first().map_or("name", |first| first.found.trim_start_matches(':'));
                format!(
                    "give the value with --set {{ {name}: ... }} or the setting `variables`, or in the \
                     file with \\set or \\gset.\nWhat is no variable is written with a backslash: \\:{name}; or say in the file that it is \
                     meant so: `-- migrate: allow unset-variable`"
                )
            }
            Self::NotAtomic { .. } => {
                "run without --atomic, or in parts with --to and --steps".to_owned()
            }
            Self::PooledConnection => {
                "connect to PostgreSQL itself; the pooler would keep the run's lock and settings in a \
                 session that it gives to somebody else. If there is none, a service file sets \
                 `options`, which hides our mark: put them into PGOPTIONS"
                    .to_owned()
            }
            Self::NoScratch { .. } => {
                "the user needs the right to make databases (ALTER ROLE ... CREATEDB), or this computer \
                 PostgreSQL's server programs"
                    .to_owned()
            }
            Self::NothingToRepair => {
                "name a migration: --rehash, --forget, --mark-applied or --retry NAME".to_owned()
            }
            Self::RepairRefused { .. } => "see `migrate status DIR`".to_owned(),
            Self::UnknownTrack { known, .. } => match known.is_empty() {
                true => "there is no track at all".to_owned(),
                false => format!("there is {}", known.join(", ")),
            },
            Self::BadSetting { .. } | Self::BadArgument { .. } | Self::BadFlag { .. } => {
                "correct the value and try again".to_owned()
            }
            Self::BadSettingsFile { .. } | Self::BadPluginConfig { .. } => {
                format!(
                    "the settings are {}; `variables` is an object, all others are strings",
                    Key::names()
                )
            }
            Self::BadVariable { variable, .. } => {
                format!("set it to a string, or remove it with `hide-env {variable}`")
            }
            Self::NoDatabase => "say which one: --database erp, the setting `database`, \
                 $env.DATABASE_URL or $env.PGDATABASE; libpq's guess, the user's name, is not taken"
                .to_owned(),
            Self::PsqlNotFound { .. } => "install PostgreSQL's client programs, or set `psql` \
                 (or $env.MIGRATE_PSQL) to the program"
                .to_owned(),
            Self::PsqlNotStarted { .. } => {
                "set `psql` (or $env.MIGRATE_PSQL) to a program that runs".to_owned()
            }
            Self::ConnectionRefused { refusal, .. } => refusal_help(*refusal).to_owned(),
            Self::PsqlTooOld => {
                "psql 13 or later is needed; set `psql` (or $env.MIGRATE_PSQL) to one".to_owned()
            }
            Self::PsqlEnded { .. } => "check that `psql` is PostgreSQL's own program; if it is, try again; if it happens again, try the same connection \
                 with psql itself"
                .to_owned(),
            Self::PsqlConfused { .. } => {
                "check that `psql` is PostgreSQL's own program; if it is, please report this"
                    .to_owned()
            }
            Self::ServerTooOld { .. } => {
                format!("PostgreSQL {} or later is needed", OLDEST / 10_000)
            }
            Self::ServerReadOnly { .. } => {
                "connect to the primary server, with a user who may write".to_owned()
            }
            Self::SchemaMissing { schema, .. } => match schema {
                Some(schema) => {
                    format!("correct the setting `schema`, or make it: CREATE SCHEMA \"{schema}\"")
                }
                None => "set `schema`, or correct the search path".to_owned(),
            },
            Self::LedgerUnreadable { .. } => {
                "look at the ledger tables; the user needs the right to read them".to_owned()
            }
            Self::Locked { waited, .. } => format!(
                "waited {}; try again when it is done, or wait longer with --lock-wait 5min",
                humantime::format_duration(std::time::Duration::from_secs(waited.as_secs()))
            ),
            Self::Refused { obstacles } => obstacles_help(obstacles),
            Self::AfterCommits { error, .. } | Self::InScratch { error, .. } => error.help(),
            Self::LedgersElsewhere { elsewhere, .. } => format!(
                "set `schema` (or $env.MIGRATE_SCHEMA) to {}; or, for a new history, to the schema \
                 that is to hold it",
                elsewhere.join(" or ")
            ),
            Self::Failed(failure) => failure.help(),
            Self::Interrupted => "run the command again".to_owned(),
            Self::Rejected { rejection, .. } => rejection_help(rejection),
            Self::Invalid { .. } => {
                "`migrate validate DIR` without --strict gives a table, with the way out of each"
                    .to_owned()
            }
            Self::NuNotFound { .. } => "put the nu that you are using on PATH".to_owned(),
            Self::NuNotStarted { .. } => {
                "check that this program runs and that processes can be started".to_owned()
            }
            Self::Bug => {
                "please report it with the lines above; `migrate status DIR` tells what is \
                 applied"
                    .to_owned()
            }
            Self::BadDescription { .. } => {
                "use a few words, such as `migrate add ./db \"create users\"`".to_owned()
            }
            Self::TrackUnclear { .. } => "name it: --track core".to_owned(),
            Self::NoVersionLeft { .. } => "give that migration an earlier timestamp".to_owned(),
            Self::UnknownTemplate { known, .. } => format!(
                "there is {}; your own are files NAME.sql in the directory's folder `templates`, or in \
                 the folder that the setting `templates` names",
                known.join(", ")
            ),
            Self::NotWritten { .. } => "check the folder's permissions and free space".to_owned(),
        }
    }
}

/// The check's own advice comes first.
fn rejection_help(rejection: &Rejection) -> String {
    let ours = "do what the check asks for and run `migrate run` again, or leave all checks out \
                with --skip-validation";
    match &rejection.complaint.help {
        Some(help) => format!("{help}\n{ours}"),
        None => ours.to_owned(),
    }
}

fn refusal_help(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unreachable => {
            "check that the server runs and that PGHOST and PGPORT (or --database) are right"
        }
        Refusal::Authentication => {
            "check PGUSER; give the password in ~/.pgpass or $env.PGPASSWORD, it is never asked for"
        }
        Refusal::NoSuchDatabase => "check the name, or make it with `createdb`",
        Refusal::Other => "try the same connection with psql itself",
    }
}

/// One way out for each kind of obstacle there is.
fn obstacles_help(obstacles: &[Obstacle]) -> String {
    let mut ways: Vec<_> = obstacles.iter().map(Obstacle::way_out).collect();
    ways.sort_unstable();
    ways.dedup();
    ways.join("\n")
}

impl Failure {
    fn state(&self) -> String {
        let mut sentences = vec![self.fate_of_group()];
        if !self.applied.is_empty() {
            sentences.push(stayed(&self.applied));
        }
        sentences.join("\n")
    }

    fn fate_of_group(&self) -> String {
        match (&self.fate, self.fault.ended_by()) {
            (Fate::Committed, Some(name)) => format!(
                "{name} IS in the database up to its COMMIT, without a row in the ledger; \
                 what came after that may be there as well.{}",
                self.before("These were committed with it and are recorded")
            ),
            (Fate::RolledBack, Some(name)) if self.fault.is_caught_by_guard() => format!(
                "What {name} did before its ROLLBACK is gone; \
                 what came after that may be in the database.{}",
                self.before("These were rolled back with it")
            ),
            (Fate::RolledBack, _) if self.applied.is_empty() => {
                format!(
                    "Everything was rolled back; the database {} is as it was before the run.",
                    self.database
                )
            }
            (Fate::RolledBack, _) => "Its transaction was rolled back.".to_owned(),
            (Fate::Partial { recorded, .. }, _) => format!(
                "{} ran outside of a transaction of ours: what it had committed STAYS in the \
                 database. Its ledger row says `{}`, and no run of its track goes on until that \
                 is resolved.",
                self.group_member(),
                if *recorded { "failed" } else { "running" }
            ),
            (Fate::Committed, None) => "Its transaction IS committed.".to_owned(),
            (Fate::Unknown { reason }, _) => format!(
                "It is UNKNOWN whether the transaction was committed, because the server could \
                 not be asked: {reason}"
            ),
        }
    }

    /// The migration that was running, as far as it is known.
    fn group_member(&self) -> String {
        self.alone
            .as_ref()
            .map_or_else(|| "The file".to_owned(), ToString::to_string)
    }

    /// The migrations of the transaction that had run before, under a heading.
    fn before(&self, heading: &str) -> String {
        match self.group.is_empty() {
            true => String::new(),
            false => format!("\n{heading}:\n{}", names(&self.group)),
        }
    }

    fn help(&self) -> String {
        match (&self.fault, &self.fate) {
            (_, Fate::Unknown { .. }) => {
                "when the server answers again, `migrate status DIR` tells what is applied"
                    .to_owned()
            }
            (Fault::TransactionEnded { .. }, _)
            | (
                Fault::Sql { .. }
                | Fault::ConnectionLost {
                    during: Some(_), ..
                },
                Fate::Committed,
            ) => "remove BEGIN, COMMIT, ROLLBACK and \\connect from the file: every migration \
                 already runs in a transaction"
                .to_owned(),
            (Fault::Sql { diagnostic, .. }, Fate::RolledBack)
                if diagnostic.sqlstate.as_deref() == Some("25001") =>
            {
                "this statement cannot run in a transaction: put it into a migration of its own \
                 with the line `-- migrate: no-transaction` at its top"
                    .to_owned()
            }
            (Fault::Sql { diagnostic, .. }, _)
                if diagnostic.sqlstate.as_deref() == Some("53200") =>
            {
                "if the server says so, raise max_locks_per_transaction; or run in parts with \
                 --steps, or with --transaction each"
                    .to_owned()
            }
            (fault, Fate::RolledBack) if fault.is_passing() => format!(
                "tried {}; try again when the database is less busy, or with a longer \
                 --lock-timeout or more --retries",
                count(self.attempts as usize, "time", "times")
            ),
            (
                fault,
                Fate::Partial {
                    invalid_indexes, ..
                },
            ) => format!(
                "{}undo by hand what it has done and type `migrate repair DIR --retry {name}`, or \
                 complete it by hand and type `migrate repair DIR --mark-applied {name}`",
                match (fault, invalid_indexes.as_slice()) {
                    (Fault::TransactionOpen { .. }, _) => "add the COMMIT to the file; ".to_owned(),
                    (_, []) => String::new(),
                    (_, indexes) => format!(
                        "it left an invalid index: type `DROP INDEX CONCURRENTLY {};`; then ",
                        indexes.join(", ")
                    ),
                },
                name = self.group_member(),
            ),
            (Fault::Sql { diagnostic, .. }, _)
                if diagnostic.sqlstate.as_deref() == Some("57014") =>
            {
                "if it is too slow for the limit, raise that with --statement-timeout or with \
                 `-- migrate: statement-timeout 10min` in the file"
                    .to_owned()
            }
            (Fault::TransactionOpen { .. } | Fault::InvalidIndexes { .. }, _) => {
                "correct the file and run `migrate run` again".to_owned()
            }
            (Fault::Sql { .. }, _) => "correct the file and run `migrate run` again".to_owned(),
            (Fault::Ledger { diagnostic, .. }, _) => match diagnostic.sqlstate.as_deref() {
                Some("42501") => "the user needs the right to create and write the ledger tables \
                     in their schema"
                    .to_owned(),
                Some("42P01" | "3F000") => "the migration has removed the ledger it is to be \
                     recorded in; keep it, or set `schema` to one of its own"
                    .to_owned(),
                _ => "correct what the server names and run `migrate run` again".to_owned(),
            },
            (Fault::RowsGone { .. }, _) => "a migration has removed ledger rows of the same \
                 transaction: look for ROLLBACK TO a savepoint of another file, for DELETE on a \
                 ledger, and for triggers on it"
                .to_owned(),
            (Fault::FileChanged { .. }, _) => {
                "run `migrate run` again, when nobody edits the files".to_owned()
            }
            (Fault::Rejected { rejection, .. }, _) => rejection_help(rejection),
            (Fault::Unchecked { error, .. }, _) => error.help(),
            (Fault::Commit { .. }, _) => {
                "correct what the server names and run `migrate run` again".to_owned()
            }
            (Fault::ConnectionLost { .. } | Fault::Interrupted, _) => {
                "run `migrate run` again to go on".to_owned()
            }
        }
    }
}

/// What this run had committed before it stopped.
fn stayed(applied: &[Name]) -> String {
    format!(
        "{} of this run stayed applied:\n{}",
        count(applied.len(), "migration", "migrations"),
        names(applied)
    )
}

fn names(names: &[Name]) -> String {
    list(names.iter().map(ToString::to_string))
}
