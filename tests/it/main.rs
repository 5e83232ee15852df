//! Tests on the library's surface, the real command line and real servers. One binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the whole binary is tests; clippy excuses only the functions marked as such"
)]

mod commands;
mod embedded;
mod faults;
mod fingerprints;
mod layers;
mod mistakes;
mod odd_names;
mod pacing;
mod provisioning;
mod readme;
mod reach;
mod reporting;
mod running;
mod same_rows;
mod support;
mod weather;
mod zoo;
