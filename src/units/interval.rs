//! Spans and times of day: what `interval`, `time` and `timetz` columns hold.

use std::fmt;
use std::str::FromStr;

use crate::units::parse_signed_duration;

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;

/// A span of PostgreSQL: months and days have no fixed length, so they stand by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub us: i64,
}

impl Interval {
    /// All of it in microseconds, a month as 30 days of 24 hours, as PostgreSQL compares spans.
    pub fn total_us(self) -> i64 {
        let days = i64::from(self.months) * 30 + i64::from(self.days);
        days.saturating_mul(DAY_US).saturating_add(self.us)
    }
}

impl fmt::Display for Interval {
    /// As PostgreSQL prints it by default: `1 year 2 mons -3 days +04:05:06.5`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")];
        let (mut is_first, mut is_behind_negative) = (true, false);
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number != 0) {
            let space = if is_first { "" } else { " " };
            let plus = if is_behind_negative && number > 0 { "+" } else { "" };
            let many = if number == 1 { "" } else { "s" };
            write!(formatter, "{space}{plus}{number} {unit}{many}")?;
            (is_first, is_behind_negative) = (false, number < 0);
        }
        if self.us == 0 && !is_first {
            return Ok(());
        }
        let space = if is_first { "" } else { " " };
        let sign = match (self.us < 0, is_behind_negative) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        write!(formatter, "{space}{sign}{}", Clock(self.us.unsigned_abs()))
    }
}

impl FromStr for Interval {
    type Err = String;

    /// Reads `90s`, `-1h30m`, `3d`, or PostgreSQL's way: `1 year 2 months -3 days 04:05:06.5`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(us) = parse_signed_duration(text) {
            let days = i32::try_from(us / DAY_US).unwrap_or(i32::MAX);
            return Ok(Self { months: 0, days, us: us % DAY_US });
        }
        worded(text).ok_or_else(|| format!("`{text}` is no span like `1h30m` or `2 months 3 days`"))
    }
}

/// `1 year 2 months -3 days 04:05:06.5`
fn worded(text: &str) -> Option<Interval> {
    let mut span = Interval::default();
    let mut words = text.split_whitespace();
    let first = words.next()?;
    let mut next = Some(first);
    while let Some(word) = next {
        if word.contains(':') {
            let (sign, unsigned) = match word.strip_prefix('-') {
                Some(unsigned) => (-1, unsigned),
                None => (1, word.strip_prefix('+').unwrap_or(word)),
            };
            span.us = span.us.checked_add(sign * clock(unsigned)?)?;
        } else {
            let number: i64 = word.parse().ok()?;
            add(&mut span, number, words.next()?)?;
        }
        next = words.next();
    }
    Some(span)
}

fn add(span: &mut Interval, number: i64, unit: &str) -> Option<()> {
    let unit = unit.strip_suffix('s').filter(|one| !one.is_empty()).unwrap_or(unit);
    let whole = |factor: i64| i32::try_from(number.checked_mul(factor)?).ok();
    let time = |factor: i64| number.checked_mul(factor);
    match unit {
        "year" => span.months = span.months.checked_add(whole(12)?)?,
        "month" | "mon" => span.months = span.months.checked_add(whole(1)?)?,
        "week" => span.days = span.days.checked_add(whole(7)?)?,
        "day" => span.days = span.days.checked_add(whole(1)?)?,
        "hour" => span.us = span.us.checked_add(time(3_600 * SECOND_US)?)?,
        "minute" | "min" => span.us = span.us.checked_add(time(60 * SECOND_US)?)?,
        "second" | "sec" => span.us = span.us.checked_add(time(SECOND_US)?)?,
        _ => return None,
    }
    Some(())
}

/// Microseconds as `04:05:06.5`: no zeros at the end, hours of any number.
#[derive(Debug, Clone, Copy)]
pub struct Clock(pub u64);

impl fmt::Display for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, mut part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        write!(formatter, "{hours:02}:{minutes:02}:{:02}", seconds % 60)?;
        if part == 0 {
            return Ok(());
        }
        let mut width = 6;
        while part % 10 == 0 {
            part /= 10;
            width -= 1;
        }
        write!(formatter, ".{part:0width$}")
    }
}

/// Microseconds of `04:05`, `04:05:06` or `04:05:06.5`; hours of any number.
pub(super) fn clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let whole = |part: &str, below: i64| {
        let is_plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i64>().ok().filter(|number| is_plain && *number < below)
    };
    let hours = whole(parts.next()?, 1_000_000_000)?;
    let minutes = whole(parts.next()?, 60)?;
    let (seconds, part) = match parts.next() {
        None => (0, 0),
        Some(seconds) => {
            let (seconds, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
            let digits = format!("{part:0<6}");
            let part = whole(&digits, SECOND_US).filter(|_| digits.len() == 6)?;
            (whole(seconds, 60)?, part)
        }
    };
    let seconds = (hours * 60 + minutes) * 60 + seconds;
    parts.next().is_none().then_some(seconds * SECOND_US + part)
}

/// A time of day, with the distance of its zone from UTC where the type has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    /// Microseconds since midnight, 0 to 24:00 included.
    pub us: i64,
    /// Seconds east of UTC.
    pub zone: Option<i32>,
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", Clock(self.us.unsigned_abs()))?;
        let Some(zone) = self.zone else { return Ok(()) };
        let sign = if zone < 0 { '-' } else { '+' };
        let zone = zone.unsigned_abs();
        write!(formatter, "{sign}{:02}:{:02}", zone / 3_600, zone / 60 % 60)?;
        if zone % 60 == 0 { Ok(()) } else { write!(formatter, ":{:02}", zone % 60) }
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    /// Reads `14:30`, `14:30:05.25`, and behind it a zone: `Z`, `+02`, `-03:30`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a time of day like `14:30:00`");
        let at = text.find(['Z', 'z', '+', '-']);
        let (time, zone) = at.map_or((text, None), |at| (&text[..at], Some(&text[at..])));
        let us = clock(time).filter(|us| (0..=DAY_US).contains(us)).ok_or_else(bad)?;
        let zone = zone.map(|zone| zone_of(zone).ok_or_else(bad)).transpose()?;
        Ok(Self { us, zone })
    }
}

fn zone_of(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = &text[1..];
    let us = if digits.contains(':') { clock(digits)? } else { clock(&format!("{digits}:00"))? };
    let seconds = i32::try_from(us / SECOND_US).ok()?;
    (seconds < 16 * 3_600).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::Interval;
    use super::TimeOfDay;

    #[test]
    fn spans_are_printed_as_the_server_does_and_read_back() {
        for text in ["00:00:00", "1 year 2 mons -3 days +04:05:06.5", "-1 mons", "1 day -00:00:01"]
        {
            assert_eq!(text.parse::<Interval>().unwrap().to_string(), text);
        }
        let read = |text: &str| text.parse::<Interval>().unwrap();
        assert_eq!(read("1h30m").to_string(), "01:30:00");
        assert_eq!(read("-3d"), Interval { months: 0, days: -3, us: 0 });
        assert_eq!(read("2 weeks 1 hour").to_string(), "14 days 01:00:00");
        assert_eq!(read("1 month").total_us(), 30 * 86_400_000_000);
        for bad in ["", "5", "1 parsec", "10:61", "3 days 4", "1:2:3:4"] {
            assert!(bad.parse::<Interval>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_of_day_are_printed_and_read_back() {
        for text in
            ["00:00:00", "24:00:00", "23:59:59.999999", "14:30:00+05:30", "01:02:03-15:59:59"]
        {
            assert_eq!(text.parse::<TimeOfDay>().unwrap().to_string(), text);
        }
        assert_eq!("14:30Z".parse::<TimeOfDay>().unwrap().to_string(), "14:30:00+00:00");
        for bad in ["", "24:00:01", "12", "12:00+", "12:00+16", "12:00:00.1234567"] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
        }
    }
}
