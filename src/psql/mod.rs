//! The psql process: found, started, given text, its answers read.
//! Must not know what a migration or a ledger is.

pub mod connection;
pub mod debian;
mod driver;
pub mod error;
pub mod kept;
pub mod locate;
pub mod log;
pub mod message;
pub mod process;
pub mod refusal;
pub mod secrets;
pub mod session;
pub mod stream;
mod vigil;

pub use error::Error;
pub use session::{Ending, Output, Session};
