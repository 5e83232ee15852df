//! Tests on the library's surface, the real command line and real servers. One binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the whole binary is tests; clippy excuses only the functions marked as such"
)]

mod embedded;
mod faults;
mod mistakes;
mod pacing;
mod provisioning;
mod reach;
mod reporting;
mod support;
mod weather;
