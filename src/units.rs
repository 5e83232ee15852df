//! Durations, rates, counts and decimals, as people write them: parse and print, nothing else.

mod calendar;
mod decimal;
mod hex;
mod interval;
mod network;
mod people;
mod total;
mod written;

pub use calendar::DAY_US;
pub use calendar::civil;
pub use decimal::Decimal;
pub use hex::format_hex;
pub use interval::Clock;
pub use interval::Interval;
pub use interval::TimeOfDay;
pub use network::Hardware;
pub use network::Network;
pub use people::format_bytes;
pub use people::format_count;
pub use people::format_duration;
pub use people::format_rate;
pub use total::Total;
pub use written::parse_bytes;
pub use written::parse_count;
pub use written::parse_duration;
pub use written::parse_rate;
pub use written::parse_share;
pub use written::parse_signed_duration;
