//! What the commands' signatures have in common: flags, and the tables they promise.

use nu_protocol::{Completion, Flag, Signature, SyntaxShape, Type};
use strum::VariantNames;

use super::table::{Row, table_type};
use crate::settings::{Key, TransactionMode};

pub trait MigrateSignature {
    /// The directory that every command takes.
    fn takes_directory(self) -> Self;
    /// The flags of every command that speaks to a database about tracks.
    fn reaches_database(self) -> Self;
    /// The flags of every command that speaks to a database.
    fn connects(self) -> Self;
    /// The flag that says what the directory must hold.
    fn expects_tracks(self) -> Self;
    /// The flags that say which migrations are meant, and what shares a transaction.
    fn selects_steps(self) -> Self;
    fn limits_statements(self) -> Self;
    /// The flags about checks, variables and what is shown meanwhile.
    fn checks_first(self) -> Self;
    /// The table that it gives; takes nothing.
    fn gives<R: Row>(self) -> Self;
}

impl MigrateSignature for Signature {
    fn takes_directory(self) -> Self {
        self.required(
            "directory",
            SyntaxShape::Directory,
            "the directory of the migrations",
        )
        .named(
            "config",
            SyntaxShape::Filepath,
            "settings file, instead of the nearest migrate.json",
            Some('c'),
        )
        .category(nu_protocol::Category::Database)
    }

    fn reaches_database(self) -> Self {
        self.named(
            "track",
            names(),
            "only this track, or [core impl]",
            Some('t'),
        )
        .connects()
    }

    fn connects(self) -> Self {
        self.named(
            "database",
            SyntaxShape::String,
            "name, conninfo string or URL, as for psql",
            Some('d'),
        )
        .named(
            "log",
            SyntaxShape::Filepath,
            "append the input and the output of psql to this file",
            None,
        )
    }

    fn expects_tracks(self) -> Self {
        self.named("expect-tracks", names(), "fail if a track is missing", None)
    }

    fn selects_steps(self) -> Self {
        let transaction = Flag::new("transaction")
            .arg(SyntaxShape::String)
            .desc("what shares one: all (default), track or each")
            .completion(Completion::new_list(TransactionMode::VARIANTS));
        self.named(
            "to",
            SyntaxShape::Any,
            "only up to this timestamp: 14 digits, or a datetime",
            None,
        )
        .named(
            "steps",
            SyntaxShape::Int,
            "at most this many migrations",
            None,
        )
        .switch(
            "allow-out-of-order",
            "apply files older than an applied file of their track",
            None,
        )
        .param(transaction)
        .switch(
            "atomic",
            "refuse a plan that needs more than one transaction",
            None,
        )
    }

    fn limits_statements(self) -> Self {
        self.named(
            "lock-wait",
            SyntaxShape::Duration,
            or_default("how long to wait for another run", Key::LockWait),
            None,
        )
        .named(
            "lock-timeout",
            SyntaxShape::Duration,
            or_default("how long to wait for a lock", Key::LockTimeout),
            None,
        )
        .named(
            "statement-timeout",
            SyntaxShape::Duration,
            or_default("how long a statement may take", Key::StatementTimeout),
            None,
        )
    }

    fn checks_first(self) -> Self {
        self.named(
            "set",
            SyntaxShape::Record(Default::default()),
            "psql variables, such as { tenant: acme }",
            None,
        )
        .named(
            "check",
            SyntaxShape::Closure(Some(vec![SyntaxShape::Any])),
            "run this closure for each planned migration first",
            None,
        )
        .switch(
            "skip-validation",
            "run no validation scripts and no check closures",
            None,
        )
        .switch(
            "quiet",
            "show no progress and no output of the files",
            Some('q'),
        )
    }

    fn gives<R: Row>(self) -> Self {
        self.input_output_type(Type::Nothing, table_type::<R>())
    }
}

/// One word, or a list of words.
pub fn names() -> SyntaxShape {
    SyntaxShape::OneOf(vec![
        SyntaxShape::List(Box::new(SyntaxShape::String)),
        SyntaxShape::String,
    ])
}

/// A flag's description with the default of its setting.
pub fn or_default(description: &str, key: Key) -> String {
    match key.default_text() {
        Some("0sec") => format!("{description} (default: none)"),
        Some(default) => format!("{description} (default {default})"),
        None => description.to_owned(),
    }
}
