//! Reads what people write.

use std::time::Duration;

/// The longest duration: a century.
const NANOSECONDS_MAX: f64 = 100.0 * 366.0 * 86_400.0 * 1e9;

/// The highest rate, per second.
const RATE_MAX: f64 = 1e9;

/// Units of time and their nanoseconds, longest spelling first where one begins another.
const TIME_UNITS: [(&str, f64); 9] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3_600e9),
    ("d", 86_400e9),
    ("y", 365.0 * 86_400e9),
];

/// Units of amounts of data, as PostgreSQL counts them.
const BYTE_UNITS: [(&str, f64); 9] = [
    ("B", 1.0),
    ("kB", 1_024.0),
    ("KiB", 1_024.0),
    ("MB", 1_048_576.0),
    ("MiB", 1_048_576.0),
    ("GB", 1_073_741_824.0),
    ("GiB", 1_073_741_824.0),
    ("TB", 1_099_511_627_776.0),
    ("TiB", 1_099_511_627_776.0),
];

/// Reads `90s`, `1m30s`, `200ms`, `5us`, `2h`, `30d`, `1.5h`, `2y` (of 365 days). Zero is `0s`.
///
/// The error says what is wrong with it, with the text itself in backticks.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is not a duration");
    if text.starts_with('-') {
        return Err(format!("`{text}` is a negative duration"));
    }
    if is_number(text) {
        return Err(format!("`{text}` has no unit: write `{text}s` or `{text}ms`"));
    }
    let mut nanoseconds = 0.0;
    let mut last = f64::INFINITY;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = leading_number(rest);
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
        let (unit, next) = behind.split_at(letters);
        let number: f64 = number.parse().map_err(|_| bad())?;
        let (_, size) =
            TIME_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| unknown_unit(text))?;
        // `1m30s` is meant; `30s1m` and `1s1s` are slips.
        if *size >= last {
            return Err(bad());
        }
        last = *size;
        nanoseconds += number * size;
        rest = next;
    }
    if text.is_empty() {
        return Err(bad());
    }
    if nanoseconds > NANOSECONDS_MAX {
        return Err(format!("`{text}` is longer than a century"));
    }
    Ok(Duration::from_nanos(whole(nanoseconds)))
}

/// Reads a duration with an optional sign, in microseconds: `-30d`, `0s`, `1h`.
pub fn parse_signed_duration(text: &str) -> Result<i64, String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let duration = parse_duration(unsigned)
        .map_err(|reason| reason.replace(&format!("`{unsigned}"), &format!("`{text}")))?;
    let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    Ok(if text.starts_with('-') { -micros } else { micros })
}

/// Reads `1.5k/s`, `30/min`, `7/h`; the result is per second.
///
/// The error says what is wrong with it, with the text itself in backticks.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let Some((amount, unit)) = text.split_once('/') else {
        let reason = if suffixed(text).is_some() {
            format!("`{text}` has no unit: write `{text}/s`")
        } else {
            format!("`{text}` is not a rate: write it like `500/s`, `1.5k/s` or `30/min`")
        };
        return Err(reason);
    };
    let seconds = match unit.trim() {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3_600.0,
        _ => return Err(format!("`{text}` has an unknown unit: write `/s`, `/min` or `/h`")),
    };
    let amount = suffixed(amount.trim()).ok_or_else(|| format!("`{text}` is not a rate"))?;
    if amount < 0.0 {
        return Err(format!("`{text}` is a negative rate"));
    }
    let rate = amount / seconds;
    if rate > RATE_MAX {
        return Err(format!("`{text}` is more than a thousand million a second"));
    }
    Ok(rate)
}

/// Reads `10M`, `1_000`, `250k`, `1.5k`; the result must be whole.
///
/// The error says what is wrong with it, with the text itself in backticks.
pub fn parse_count(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is not a count: write it like `1000`, `250k` or `10M`");
    let amount = suffixed(text).ok_or_else(bad)?;
    if amount < 0.0 {
        return Err(format!("`{text}` is negative"));
    }
    if amount > 1e15 {
        return Err(format!("`{text}` is more than 10^15"));
    }
    if amount.fract() != 0.0 {
        return Err(format!("`{text}` is not a whole number"));
    }
    Ok(whole(amount))
}

/// Reads `0.5%`, or `0.005`, which is the same; the result is 0 to 1.
///
/// The error says what is wrong with it, with the text itself in backticks.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let (digits, whole) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let bad = || format!("`{text}` is not a share: write it like `0.5%`, or `0.005`");
    if text.starts_with('-') {
        return Err(format!("`{text}` is a negative share"));
    }
    let share = digits.parse::<f64>().ok().filter(|_| is_number(digits)).ok_or_else(bad)? / whole;
    if share > 1.0 {
        return Err(if whole > 1.0 {
            format!("`{text}` is more than all")
        } else {
            format!("`{text}` is more than all: write `{text}%`")
        });
    }
    Ok(share)
}

/// Reads `512kB`, `64MB`, `1.5GiB`, in bytes. As PostgreSQL counts them, a `MB` is a `MiB`.
///
/// The error says what is wrong with it, with the text itself in backticks.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    if text.starts_with('-') {
        return Err(format!("`{text}` is negative"));
    }
    if is_number(text) {
        return Err(format!("`{text}` has no unit: write `{text}MB` or `{text}GB`"));
    }
    let (number, unit) = text.split_at(leading_number(text));
    let number = number.parse::<f64>().ok();
    let size = BYTE_UNITS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, size)| size);
    let Some(bytes) = number.zip(size).map(|(number, size)| number * size) else {
        return Err(format!(
            "`{text}` is not an amount of data: write it like `64MB`; the units are `B`, `kB`, `MB`, \
             `GB` and `TB`"
        ));
    };
    if bytes > 1e15 {
        return Err(format!("`{text}` is more than 10^15 bytes"));
    }
    Ok(whole(bytes))
}

/// A number that may end in `k`, `M` or `G` and may have `_` between digits.
fn suffixed(text: &str) -> Option<f64> {
    let (digits, factor) = match text.chars().last()? {
        'k' => (text.strip_suffix('k')?, 1e3),
        'M' => (text.strip_suffix('M')?, 1e6),
        'G' => (text.strip_suffix('G')?, 1e9),
        _ => (text, 1.0),
    };
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let plain = unsigned.replace('_', "");
    let well_formed = is_number(&plain) && !unsigned.starts_with('_') && !unsigned.ends_with('_');
    let value = plain.parse::<f64>().ok().filter(|_| well_formed)? * factor;
    // 1.1M is 1100000 exactly, but 1.1 * 1e6 need not be.
    let value = if (value - value.round()).abs() < 1e-6 { value.round() } else { value };
    Some(if digits.starts_with('-') { -value } else { value })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && leading_number(text) == text.len() && text.parse::<f64>().is_ok()
}

/// Length of the digits and points at the beginning.
fn leading_number(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len())
}

fn unknown_unit(text: &str) -> String {
    format!(
        "`{text}` is not a duration: the units are `ns`, `us`, `ms`, `s`, `m`, `h`, `d` and `y`"
    )
}

/// A number that is known to be neither negative nor too large.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "callers check both")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse_bytes;
    use super::parse_count;
    use super::parse_duration;
    use super::parse_rate;
    use super::parse_share;
    use super::parse_signed_duration;

    #[test]
    fn durations_need_units() {
        let good: [(&str, u64); 8] = [
            ("0s", 0),
            ("90s", 90_000_000_000),
            ("1m30s", 90_000_000_000),
            ("200ms", 200_000_000),
            ("5us", 5_000),
            ("2h", 7_200_000_000_000),
            ("30d", 2_592_000_000_000_000),
            ("1.5s", 1_500_000_000),
        ];
        for (text, nanoseconds) in good {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
        }
        for bad in ["", "5", "s", "5x", "-1s", "30s1m", "1s1s", "1..5s", "5 s", "999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        assert!(parse_duration("5").unwrap_err().contains("no unit"));
        assert_eq!(parse_signed_duration("-1ms"), Ok(-1_000));
        assert!(parse_signed_duration("-1").unwrap_err().contains("`-1`"));
    }

    #[test]
    fn rates_need_units() {
        assert_eq!(parse_rate("1.5k/s"), Ok(1_500.0));
        assert_eq!(parse_rate("30/min"), Ok(0.5));
        assert_eq!(parse_rate("7/h"), Ok(7.0 / 3_600.0));
        assert_eq!(parse_rate("0/s"), Ok(0.0));
        for bad in ["", "500", "/s", "x/s", "5/d", "-5/s", "1e3/s", "5G0/s", "999G/s"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
        assert!(parse_rate("500").unwrap_err().contains("no unit"));
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!(parse_count("10M"), Ok(10_000_000));
        assert_eq!(parse_count("1_000"), Ok(1_000));
        assert_eq!(parse_count("1.1M"), Ok(1_100_000));
        assert_eq!(parse_count("2.5k"), Ok(2_500));
        for bad in ["", "k", "-1", "1.5", "_1", "1_", "ten", "99999999G"] {
            assert!(parse_count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_of_a_hundred_or_of_one() {
        for (text, share) in [("0.5%", 0.005), ("100%", 1.0), ("12.5 %", 0.125), ("0.005", 0.005)] {
            assert_eq!(parse_share(text), Ok(share), "{text}");
        }
        for bad in ["", "%", "-1%", "x%", "1..5%", "101%", "2", "1e-3", "5%%"] {
            assert!(parse_share(bad).is_err(), "{bad}");
        }
        assert!(parse_share("5").unwrap_err().contains("write `5%`"));
    }

    #[test]
    fn amounts_of_data_need_units() {
        assert_eq!(parse_bytes("64MB"), Ok(64 << 20));
        assert_eq!(parse_bytes("1.5GiB"), Ok(3 << 29));
        assert_eq!(parse_bytes("10 GB"), Ok(10 << 30));
        assert_eq!(parse_bytes("0B"), Ok(0));
        for bad in ["", "MB", "64", "64M", "64mb", "-1MB", "1..5MB", "9999TB", "64MB/s"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
        assert!(parse_bytes("64").unwrap_err().contains("no unit"));
    }
}
