//! All integration tests: the built plugin under a real nu against a real PostgreSQL.
//!
//! One target, so that everything is linked once and one server serves the whole run. The
//! server is, in this order: the one `MIGRATE_TEST_URL` names (a superuser's URL), a throw-away
//! local cluster (of the initdb that `MIGRATE_TEST_INITDB` names, else of the one that is
//! installed), a container. None of them is a failure, not a skip.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that fails must say so at once"
)]

mod support;

mod add;
mod adopt;
mod ahead;
mod allowed;
mod benches;
mod bridges;
mod carry;
mod catalog;
mod checks;
mod citus;
mod corpus;
mod databases;
mod debian;
mod documents;
mod drift;
mod errors;
mod failover;
mod faults;
mod hazards;
mod help;
mod house;
mod impact;
mod import;
mod includes;
mod infra;
mod interrupts;
mod keepalives;
mod kept;
mod keys;
mod languages;
mod large;
mod ledger;
mod lexing;
mod locks;
mod log;
mod memory;
mod misuse;
mod names;
mod neighbours;
mod objects;
mod outcomes;
mod output;
mod outside;
mod progress;
mod properties;
mod quiet_errors;
mod readme;
mod recorded;
mod rehearse;
mod repair;
mod repeatables;
mod run;
mod seal;
mod sessions;
mod settings;
mod squash;
mod status;
mod tables;
mod templates;
mod touch;
mod tracks;
mod transactions;
mod undo;
mod validate;
mod validation;
mod variables;
mod verify;
