//! A PostgreSQL server as a destination.

pub mod address;
pub mod control;
pub mod error;
mod pgpass;
mod search;
pub mod startup;
pub mod stream;
mod tls;
pub mod encode;
mod evidence;
mod frames;
pub mod quote;
pub mod statement;
pub mod worker;
