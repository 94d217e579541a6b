//! `migrate add`: makes the next migration file.

mod error;
mod files;
mod identifier;
mod naming;
pub mod template;

use std::path::PathBuf;

use chrono::Utc;

use super::Context;
use crate::settings::resolve_path;
pub use error::Error;
use files::{Place, Wanted, create};
use template::Template;

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    Migration,
    Validation,
    Undo,
    /// What a template brings along.
    Data,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedRow {
    pub file: PathBuf,
    pub kind: Kind,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    pub description: String,
    /// The template's name, or its file.
    pub template: Option<String>,
    pub no_transaction: bool,
    /// Not the next migration, but a file that is applied whenever it changes.
    pub repeatable: bool,
    pub with_validation: bool,
    pub with_undo: bool,
}

impl Order {
    /// What a repeatable cannot have.
    fn require_possible(&self) -> Result<(), Error> {
        let problem = match self {
            Self {
                repeatable: true,
                no_transaction: true,
                ..
            } => "it runs in the transaction of the last migrations",
            Self {
                repeatable: true,
                with_undo: true,
                ..
            } => "it has no undo",
            _ => return Ok(()),
        };
        let problem = problem.to_owned();
        Err(Error::BadRepeatable { problem })
    }
}

/// Makes the next migration file, and its companions if they are wanted.
pub fn add(context: &Context, order: &Order) -> Result<Vec<AddedRow>, super::Error> {
    order.require_possible()?;
    let migrations = if context.root.exists() {
        context.tree()?.migrations
    } else {
        vec![]
    };
    let place = Place::choose(&context.root, &migrations, context.tracks.as_slice())?;
    let caller = &context.caller.shell.directory;
    let setting = context.caller.settings.templates.as_ref();
    let setting = setting.map(|setting| resolve_path(setting, caller));
    let folders = template::folders(&context.root, setting);
    let found = Template::find(order.template.as_deref(), caller, &folders)?;
    let wanted = Wanted {
        description: &order.description,
        template: if order.no_transaction {
            found.without_transaction()
        } else {
            found
        },
        with_validation: order.with_validation,
        with_undo: order.with_undo,
        repeatable: order.repeatable,
    };
    Ok(create(&place, &migrations, &wanted, Utc::now())?)
}
