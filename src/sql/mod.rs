//! SQL and psql's meta-commands as text: read by a lexer, judged, and written safely.
//! Pure; must not know a database, a file or a migration.

pub mod cluster;
pub mod inspection;
pub mod lexer;
pub mod quote;
pub mod rules;
pub mod script;
pub mod unsafe_ddl;
pub mod variables;
