//! A PostgreSQL server as a destination.

pub mod address;
pub mod catalogue;
pub mod clean;
pub mod control;
pub mod copy;
pub mod ddl;
pub mod encode;
pub mod error;
mod evidence;
pub mod existing;
mod frames;
pub mod mark;
mod pgpass;
pub mod preflight;
pub mod provision;
pub mod quote;
pub mod replication;
pub mod rows;
pub mod script;
pub mod size;
mod search;
pub mod startup;
pub mod statement;
pub mod stream;
mod tls;
mod types;
pub mod worker;
