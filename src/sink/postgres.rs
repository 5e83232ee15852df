//! PostgreSQL as a destination.

pub mod quote;
pub mod script;
pub mod mark;
pub mod ddl;
pub mod catalogue;
pub mod preflight;
pub mod existing;
pub mod provision;
pub mod clean;
