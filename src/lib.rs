//! `loadgen` puts a realistic, exactly known load on a data platform and says exactly what came out.
//!
//! ```text
//!   scenarios/*.yaml   schemas/*.yaml                               sql/*.sql
//!         |                  |                                          |
//!         v                  v                                          v
//!     scenario ----------> schema                                 +--  sink  --+  postgres
//!         |                  |                                    | provision  |  kafka
//!         |                  v                                    | send       |  firehose
//!         |              generate ---> Action ------------------> |            |  lines, discard
//!         |         (seed, lane) -> values  ^                     +-----+------+
//!         +-----------> pace ---------------+                           | acknowledged / failed / lost
//!                  "slot n is due at t"                                 v
//!                              far end -> observe <- engine -> measure -> report
//!   engine   one thread per worker; a worker owns connections, a connection owns lanes
//!   cli      arguments in, exit code out
//! ```
//!
//! The modules stand in dependency order: each may use only those above it, and a test holds it.

pub mod units;
pub mod diagnostic;
pub mod yaml;
pub mod schema;
pub mod action;
pub mod pace;
pub mod scenario;
pub mod generate;
pub mod fit;
pub mod measure;
pub mod embedded;
pub mod sink;
pub mod connect;
pub mod ledger;
pub mod verify;
pub mod doctor;
pub mod observe;
pub mod engine;
pub mod replay;
pub mod report;
pub mod cli;
