//! Exact sums of many decimals.

use std::fmt;

use crate::units::Decimal;

/// An exact sum: `unscaled / 10^scale`. Holds 38 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    unscaled: i128,
    scale: u8,
}

impl Total {
    /// Nothing, with so many digits after the point.
    pub fn zero(scale: u8) -> Self {
        Self { unscaled: 0, scale }
    }

    /// The sum with `number`, so many times; `None` if that is too long, or finer than the scale.
    pub fn plus(self, number: Decimal, times: u64) -> Option<Self> {
        let finer = self.scale.checked_sub(number.scale)?;
        let one = i128::from(number.unscaled).checked_mul(10_i128.checked_pow(finer.into())?)?;
        let unscaled = self.unscaled.checked_add(one.checked_mul(times.into())?)?;
        Some(Self { unscaled, ..self })
    }

    /// The sum of two of the same scale; `None` if it is too long.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let unscaled = self.unscaled.checked_add(other.unscaled)?;
        (self.scale == other.scale).then_some(Self { unscaled, ..self })
    }

    /// Reads what a server prints, `-12.50`, with at most `scale` digits after the point.
    pub fn parse(text: &str, scale: u8) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let missing = usize::from(scale).checked_sub(fraction.len())?;
        let digits = format!("{whole}{fraction}{}", "0".repeat(missing));
        digits.parse().ok().map(|unscaled| Self { unscaled, scale })
    }
}

impl fmt::Display for Total {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.unscaled < 0 { "-" } else { "" };
        let width = usize::from(self.scale);
        let text = format!("{:0>padded$}", self.unscaled.unsigned_abs(), padded = width + 1);
        let (whole, fraction) = text.split_at(text.len() - width);
        let point = if width == 0 { "" } else { "." };
        write!(formatter, "{sign}{whole}{point}{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_and_printed_as_a_server_does() {
        let text = |text: &str, scale| Total::parse(text, scale).map(|total| total.to_string());
        assert_eq!(text("-0.05", 2).as_deref(), Some("-0.05"));
        assert_eq!(text("12", 2).as_deref(), Some("12.00"));
        assert_eq!(
            text("123456789012345678901234567890", 0).as_deref(),
            Some("123456789012345678901234567890")
        );
        assert_eq!(text("1.234", 2), None);
        assert_eq!(text("one", 0), None);
        let half = Decimal { unscaled: -25, scale: 1 };
        let total = Total::zero(2).plus(half, 3).unwrap();
        assert_eq!(total.to_string(), "-7.50");
        assert_eq!(total.checked_add(total).unwrap().to_string(), "-15.00");
        assert_eq!(Total::zero(0).plus(half, 1), None);
    }
}
