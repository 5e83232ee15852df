//! Durations, rates, counts and decimals, as people write them: parse and print, nothing else.

/// An exact decimal number: `unscaled / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    /// All digits.
    pub unscaled: i64,
    /// Digits after the point.
    pub scale: u8,
}
