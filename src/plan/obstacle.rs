//! The reasons not to run, and the way out of each.

use std::collections::BTreeMap;
use std::fmt;

use miette::Diagnostic;
use thiserror::Error as ThisError;

use super::status::State;
use crate::error::{Report, list};
use crate::tree::directives::Span;
use crate::tree::{Name, Requirement, Track, Version};

/// A reason not to run.
#[derive(Debug, Clone, PartialEq, Eq, ThisError, Diagnostic)]
pub enum Obstacle {
    /// A step outside a transaction did not end well.
    #[error("{name} is {state}: it began and did not succeed{}", because(error.as_deref()))]
    #[diagnostic(
        code(migrate::unfinished),
        help(
            "unfinished: make sure that no other run executes it, and look at what it has \
             done; then undo that by hand and type `migrate repair DIR --retry NAME`, or \
             complete it and type `migrate repair DIR --mark-applied NAME`"
        )
    )]
    Unfinished {
        name: Name,
        /// `failed` or `running`.
        state: State,
        /// Why it failed, in a line.
        error: Option<String>,
    },

    /// An applied file has another content now.
    #[error(
        "{name} was changed after it was applied{}{}",
        by_others(name, changes),
        under_another_name(name, recorded)
    )]
    #[diagnostic(
        code(migrate::changed),
        help(
            "changed: restore the file as it was applied and put the change into a new migration, \
             or accept it with `migrate repair DIR --rehash NAME`, which does not run it"
        )
    )]
    Changed {
        name: Name,
        /// The name it was applied under.
        recorded: String,
        /// Which of its files changed: itself, or what it includes.
        changes: Vec<String>,
    },

    /// An applied file is gone.
    #[error("{recorded} is applied, but its file is gone")]
    #[diagnostic(
        code(migrate::missing),
        help(
            "missing: restore the file, or remove the ledger row with `migrate repair DIR \
             --forget NAME`"
        )
    )]
    Missing {
        /// The track whose ledger knows it.
        track: Track,
        /// The name it was applied under.
        recorded: String,
    },

    /// Two rows of a ledger belong to one file.
    #[error("the ledger has two rows for {name}: its own, and {recorded}")]
    #[diagnostic(
        code(migrate::duplicate_row),
        help(
            "duplicate: look at both rows with `migrate history DIR`, and remove the wrong one \
             with `migrate repair DIR --forget NAME`; if both have the same name, with DELETE and \
             the row's `id`"
        )
    )]
    DuplicateRow {
        name: Name,
        /// The name in the row that is one too many.
        recorded: String,
    },

    /// A migration needs one that is neither applied nor part of the plan.
    #[error("{name} requires {required}, which is neither applied nor part of this plan")]
    #[diagnostic(
        code(migrate::unmet_requirement),
        help(
            "unmet: apply the required migration first, leave out --track, --to or --steps, \
             or correct the line `-- migrate: requires`"
        )
    )]
    Unmet { name: Name, required: Requirement },

    /// It stands for others, of which the database has some.
    #[error(
        "{name} replaces {span}; this database has some of these, but lacks {}",
        some(lacking)
    )]
    #[diagnostic(
        code(migrate::partly_replaced),
        help(
            "partly replaced: restore the replaced files from version control, and apply the \
             rest of them with `migrate run DIR --track {} --to {}`; if the database has \
             everything that they make, type `migrate repair DIR --mark-applied {}`",
            span.track, span.last, name.version
        )
    )]
    PartlyReplaced {
        name: Name,
        span: Span,
        lacking: Vec<Requirement>,
    },

    /// A file that came into a range after that was replaced.
    #[error("{name} is pending, and its timestamp is in the range that {squash} replaces")]
    #[diagnostic(
        code(migrate::out_of_order),
        help("too late for its timestamp: give the file a timestamp newer than {}", squash.version)
    )]
    TooLate { name: Name, squash: Name },

    #[error("these migrations wait for each other:\n  {}", sentences(links).join("\n  "))]
    #[diagnostic(
        code(migrate::unmet_requirement),
        help("circle: remove one of the lines `-- migrate: requires` or `-- migrate: before`")
    )]
    Circle { links: Vec<Link> },

    /// A bridge to a step that is neither applied nor part of the plan.
    #[error("{name} is to run before {step}, which is neither applied nor part of this plan")]
    #[diagnostic(
        code(migrate::unmet_bridge),
        help(
            "bridge: correct the line `-- migrate: before`, or leave out --track, --to or --steps, so \
             that the step is part of the plan"
        )
    )]
    UnmetBridge { name: Name, step: Requirement },

    /// A bridge within a track.
    #[error("{name} is to run before a step of its own track")]
    #[diagnostic(
        code(migrate::unmet_bridge),
        help(
            "own track: within a track, the timestamps decide the order; remove the line `-- \
             migrate: before`"
        )
    )]
    OwnBridge { name: Name },

    /// A pending migration is older than one that is applied.
    #[error("{name} is pending, but {newest} of track {} is already applied", name.track)]
    #[diagnostic(
        code(migrate::out_of_order),
        help("out of order: give the file a newer timestamp, or run with --allow-out-of-order")
    )]
    OutOfOrder {
        name: Name,
        /// The newest applied version of its track.
        newest: Version,
    },
}

/// A migration that waits for the next one of a circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub name: Name,
    pub wait: Wait,
}

/// Why a migration waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It requires it.
    Requirement,
    /// It comes after it in its track.
    Track,
    /// The other one is a bridge to it.
    Bridge,
}

fn sentences(links: &[Link]) -> Vec<String> {
    let next = links.iter().cycle().skip(1);
    links
        .iter()
        .zip(next)
        .map(
            |(Link { name, wait }, Link { name: other, .. })| match wait {
                Wait::Requirement => format!("{name} requires {other}"),
                Wait::Track => format!("{name} comes after {other} in its track"),
                Wait::Bridge => format!("{other} is to run before {name}"),
            },
        )
        .collect()
}

impl Obstacle {
    /// What `migrate repair` would be told, where it is certain.
    pub fn to_repair(&self) -> Option<String> {
        match self {
            Self::Unfinished { name, .. } | Self::Changed { name, .. } => Some(name.file_name()),
            Self::Missing { recorded, .. } => Some(recorded.clone()),
            _ => None,
        }
    }

    /// The gravest first.
    fn rank(&self) -> u8 {
        match self {
            Self::Unfinished { .. } => 0,
            Self::Changed { .. } => 1,
            Self::PartlyReplaced { .. } => 2,
            Self::Missing { .. } | Self::DuplicateRow { .. } => 3,
            Self::Unmet { .. }
            | Self::Circle { .. }
            | Self::UnmetBridge { .. }
            | Self::OwnBridge { .. } => 4,
            Self::OutOfOrder { .. } | Self::TooLate { .. } => 5,
        }
    }
}

/// The first few, by name.
fn some(lacking: &[Requirement]) -> String {
    let shown: Vec<_> = lacking.iter().take(3).map(ToString::to_string).collect();
    match lacking.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn under_another_name(name: &Name, recorded: &str) -> String {
    if name.file_name() == recorded {
        String::new()
    } else {
        format!(" under the name {recorded}")
    }
}

fn by_others(name: &Name, changes: &[String]) -> String {
    if changes == [name.file_name()] {
        String::new()
    } else {
        format!(", by {}", changes.join(", "))
    }
}

fn because(error: Option<&str>) -> String {
    error.map_or_else(String::new, |error| format!(":\n  {error}"))
}

/// Everything that stands in the way of one run. Its code is that of the gravest obstacle, its
/// help names one way out for each kind.
#[derive(Debug)]
pub struct Obstacles(pub Vec<Obstacle>);

impl std::error::Error for Obstacles {}

impl fmt::Display for Obstacles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the history in the database and the files do not agree:\n{}",
            list(&self.0)
        )
    }
}

impl Diagnostic for Obstacles {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.iter().min_by_key(|found| found.rank())?.code()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let found = self.0.iter();
        let helps = found.filter_map(|found| Some((found.help()?.to_string(), found.to_repair())));
        Some(Box::new(ways_out(helps)))
    }
}

/// One way out for each kind, with the names that a command in it is about.
pub fn ways_out(helps: impl Iterator<Item = (String, Option<String>)>) -> String {
    let mut ways: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (help, name) in helps {
        ways.entry(help).or_default().extend(name);
    }
    let way = |(help, names): (String, Vec<String>)| match names.as_slice() {
        [] => help,
        [name] => help.replace("NAME", name),
        names => help.replace("NAME", &format!("[{}]", names.join(" "))),
    };
    ways.into_iter().map(way).collect::<Vec<_>>().join("\n")
}

impl Report for Obstacles {}
