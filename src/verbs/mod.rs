//! What each verb does, from its context to rows: one file per verb.
//! Wires the stages in their order; must not speak to psql, nor know nushell's commands.

pub mod add;
pub mod adopt;
mod carry;
pub mod checks;
mod context;
pub mod drift;
pub mod error;
pub mod history;
pub mod impact;
pub mod import;
mod look;
pub mod objects;
mod rebuild;
mod record;
pub mod rehearse;
pub mod repair;
mod resume;
pub mod round_trip;
pub mod run;
pub mod scratch;
pub mod seal;
pub mod settings;
pub mod snapshot;
pub mod squash;
pub mod status;
mod undertaking;
pub mod undo;
pub mod validate;
pub mod verify;
mod whose;

pub use context::{Context, Target};
pub use error::Error;
