//! Runs over an infrastructure that fails: after each fault the same three questions. Is every
//! sentence true? Is nothing left behind? Does the next run complete?
//!
//! `sh tests/infra.sh` runs all of it and prints the table; it sets `MIGRATE_TEST_INFRA`, and
//! installs what is missing. A usual test run takes what is quick and needs nothing more.

mod disk;
mod languages;
mod limits;
mod network;
mod pooler;
mod promotion;
mod silence;
mod tls;

/// Is the whole suite wanted?
fn is_wanted() -> bool {
    std::env::var_os("MIGRATE_TEST_INFRA").is_some()
}

/// A line of the table.
fn note(fault: &str, outcome: &str) {
    eprintln!("infra | {fault} | {outcome}");
}
