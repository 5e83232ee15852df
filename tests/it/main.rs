//! Tests on real command lines and real servers, in one binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the whole binary is tests; clippy excuses only the functions marked as such"
)]

mod faults;
mod reach;
mod support;
