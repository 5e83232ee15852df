//! Exact decimal numbers: what `numeric` columns hold.

use std::fmt;
use std::str::FromStr;

/// Most digits after the point, and most digits in all.
const DIGITS_MAX: u8 = 18;

/// An exact decimal number: `unscaled / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    /// All digits.
    pub unscaled: i64,
    /// Digits after the point, at most 18.
    pub scale: u8,
}

impl Decimal {
    /// The sum, at the larger of the two scales; `None` beyond 18 digits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (a, b, scale) = aligned(self, other)?;
        fit(a.checked_add(b)?, scale)
    }

    /// The difference, at the larger of the two scales; `None` beyond 18 digits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let (a, b, scale) = aligned(self, other)?;
        fit(a.checked_sub(b)?, scale)
    }

    /// The product, at the sum of the scales (rounded half away from zero where that is more than
    /// 18 digits after the point); `None` where the result has more than 18 digits.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let product = i128::from(self.unscaled).checked_mul(i128::from(other.unscaled))?;
        let scale = u32::from(self.scale) + u32::from(other.scale);
        let surplus = scale.saturating_sub(u32::from(DIGITS_MAX));
        let scale = u8::try_from(scale - surplus).ok()?;
        fit(shortened(product, surplus)?, scale)
    }

    /// The same number with so many digits after the point, rounded half away from zero; `None`
    /// where that needs more than 18 digits.
    pub fn rescale(self, scale: u8) -> Option<Self> {
        if scale > DIGITS_MAX {
            return None;
        }
        let unscaled = i128::from(self.unscaled);
        if scale >= self.scale {
            fit(unscaled.checked_mul(power(u32::from(scale - self.scale))?)?, scale)
        } else {
            fit(shortened(unscaled, u32::from(self.scale - scale))?, scale)
        }
    }

    /// The nearest binary floating-point number.
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
    pub fn to_f64(self) -> f64 {
        // Both operands are exact below 2^53, so the quotient is the nearest double there.
        let divisor = power(u32::from(self.scale)).unwrap_or(1);
        self.unscaled as f64 / divisor as f64
    }

    /// Digits before the point; 0 for numbers between -1 and 1.
    pub fn whole_digits(self) -> u32 {
        let whole = i128::from(self.unscaled) / power(u32::from(self.scale)).unwrap_or(1);
        if whole == 0 { 0 } else { whole.unsigned_abs().ilog10() + 1 }
    }
}

impl From<i64> for Decimal {
    fn from(unscaled: i64) -> Self {
        Self { unscaled, scale: 0 }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.unscaled < 0 { "-" } else { "" };
        let digits = self.unscaled.unsigned_abs();
        if self.scale == 0 {
            return write!(formatter, "{sign}{digits}");
        }
        let width = usize::from(self.scale);
        let text = format!("{digits:0>padded$}", padded = width + 1);
        let (whole, fraction) = text.split_at(text.len() - width);
        write!(formatter, "{sign}{whole}.{fraction}")
    }
}

impl FromStr for Decimal {
    type Err = String;

    /// Reads `-12.50`: digits, at most one point, an optional sign, at most 18 digits in all.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a decimal number");
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let pieces = whole.chars().chain(fraction.chars());
        if whole.is_empty() && fraction.is_empty() || !pieces.clone().all(|c| c.is_ascii_digit()) {
            return Err(bad());
        }
        let too_long = || format!("`{text}` has more than {DIGITS_MAX} digits");
        let scale = u8::try_from(fraction.len()).map_err(|_| too_long())?;
        let mut unscaled: i128 = 0;
        for digit in pieces.filter_map(|c| c.to_digit(10)) {
            unscaled = unscaled * 10 + i128::from(digit);
            if unscaled >= 10_i128.pow(u32::from(DIGITS_MAX)) {
                return Err(too_long());
            }
        }
        let unscaled = if text.starts_with('-') { -unscaled } else { unscaled };
        if scale > DIGITS_MAX { Err(too_long()) } else { fit(unscaled, scale).ok_or_else(too_long) }
    }
}

/// Both numbers at the larger of their scales.
fn aligned(a: Decimal, b: Decimal) -> Option<(i128, i128, u8)> {
    let scale = a.scale.max(b.scale);
    let raise = |number: Decimal| {
        i128::from(number.unscaled).checked_mul(power(u32::from(scale - number.scale))?)
    };
    Some((raise(a)?, raise(b)?, scale))
}

/// Without its last digits, rounded half away from zero.
fn shortened(unscaled: i128, digits: u32) -> Option<i128> {
    if digits == 0 {
        return Some(unscaled);
    }
    let divisor = power(digits)?;
    let half = divisor / 2;
    let away = if unscaled < 0 { -half } else { half };
    Some(unscaled.checked_add(away)? / divisor)
}

/// The powers of ten, from the 0th on.
const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

fn power(exponent: u32) -> Option<i128> {
    POWERS.get(exponent as usize).copied()
}

fn fit(unscaled: i128, scale: u8) -> Option<Decimal> {
    if unscaled.abs() >= POWERS[DIGITS_MAX as usize] {
        return None;
    }
    Some(Decimal { unscaled: i64::try_from(unscaled).ok()?, scale })
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_printed_is_what_was_read() {
        for text in ["0", "-0.05", "12.50", "999999999999999999", "0.000000000000000001"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        for bad in ["", ".", "-", "1e3", "1.2.3", "1_000", "1000000000000000000", "٣"] {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
    }

    #[test]
    fn halves_round_away_from_zero() {
        let rounded = |text: &str, scale| decimal(text).rescale(scale).unwrap().to_string();
        assert_eq!(rounded("2.5", 0), "3");
        assert_eq!(rounded("-2.5", 0), "-3");
        assert_eq!(rounded("2.49", 0), "2");
        assert_eq!(rounded("-0.005", 2), "-0.01");
        assert_eq!(rounded("7", 2), "7.00");
    }

    #[test]
    fn arithmetic_is_exact_or_refused() {
        let product = decimal("19.99").checked_mul(decimal("3")).unwrap();
        assert_eq!(product.to_string(), "59.97");
        assert_eq!(decimal("0.1").checked_add(decimal("0.02")).unwrap().to_string(), "0.12");
        assert_eq!(decimal("1").checked_sub(decimal("1.5")).unwrap().to_string(), "-0.5");
        assert_eq!(decimal("999999999999999999").checked_add(decimal("1")), None);
        assert_eq!(decimal("99999999999").checked_mul(decimal("99999999999")), None);
        assert_eq!(decimal("1").rescale(18), None);
        assert_eq!(decimal("123.45").whole_digits(), 3);
        assert_eq!(decimal("-0.5").whole_digits(), 0);
    }
}
