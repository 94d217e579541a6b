//! What the tests stand on: a server, a project folder with a database, a nu to type into.

pub(crate) mod document;
pub(crate) mod golden;
pub(crate) mod messages;
pub(crate) mod nu;
pub(crate) mod project;
pub(crate) mod proxy;
pub(crate) mod server;
pub(crate) mod wire;

pub(crate) use golden::assert_golden;
pub(crate) use project::Project;
