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

/// What a new file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    Migration,
    Validation,
    /// What a template brings along.
    Data,
}

/// A row of `migrate add`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedRow {
    /// The new file.
    pub file: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// What `migrate add` is to make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// What the migration does.
    pub description: String,
    /// The template's name, or its file.
    pub template: Option<String>,
    /// For outside of a transaction?
    pub no_transaction: bool,
    /// With a validation script beside it?
    pub with_validation: bool,
}

/// Makes the next migration file, and its validation script if that is wanted.
///
/// # Errors
/// The tree cannot be read, or no file can be made.
pub fn add(context: &Context, order: &Order) -> Result<Vec<AddedRow>, super::Error> {
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
    };
    Ok(create(&place, &migrations, &wanted, Utc::now())?)
}
