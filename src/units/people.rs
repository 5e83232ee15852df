//! Prints numbers for people: three digits that matter, and a unit.

use std::time::Duration;

/// `0s`, `850ns`, `12.3ms`, `1.50s`, `2m30s`, `1h05m`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn format_duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos() as f64;
    let seconds = duration.as_secs();
    match duration.as_nanos() {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{}us", three_digits(nanoseconds / 1e3)),
        1_000_000..1_000_000_000 => format!("{}ms", three_digits(nanoseconds / 1e6)),
        _ if seconds < 60 => format!("{}s", three_digits(nanoseconds / 1e9)),
        _ if seconds < 3_600 => pair((seconds / 60, "m"), (seconds % 60, "s")),
        _ if seconds < 86_400 => pair((seconds / 3_600, "h"), (seconds / 60 % 60, "m")),
        _ => pair((seconds / 86_400, "d"), (seconds / 3_600 % 24, "h")),
    }
}

/// `0/s`, `7.50/min`, `499/s`, `1.50k/s`. Below one a second it is shown per minute or hour.
pub fn format_rate(per_second: f64) -> String {
    if per_second <= 0.0 {
        "0/s".to_owned()
    } else if per_second >= 1.0 {
        format!("{}/s", scaled(per_second))
    } else if per_second * 60.0 >= 1.0 {
        format!("{}/min", three_digits(per_second * 60.0))
    } else {
        format!("{}/h", three_digits(per_second * 3_600.0))
    }
}

/// `999`, `12.5k`, `1.00M`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn format_count(count: u64) -> String {
    if count < 1_000 { count.to_string() } else { scaled(count as f64) }
}

/// `512 B`, `1.50 KiB`, `20.0 GiB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn format_bytes(bytes: u64) -> String {
    let mut amount = bytes as f64;
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut unit = "KiB";
    amount /= 1_024.0;
    for larger in ["MiB", "GiB", "TiB", "PiB", "EiB"] {
        if amount < 1_023.5 {
            break;
        }
        amount /= 1_024.0;
        unit = larger;
    }
    format!("{} {unit}", three_digits(amount))
}

fn scaled(amount: f64) -> String {
    let mut amount = amount;
    let mut unit = "";
    for larger in ["k", "M", "G", "T", "P", "E"] {
        if amount < 999.5 {
            break;
        }
        amount /= 1_000.0;
        unit = larger;
    }
    format!("{}{unit}", three_digits(amount))
}

/// Three digits that matter; whole numbers below 1000 as they are.
fn three_digits(amount: f64) -> String {
    if amount.fract() == 0.0 && amount < 1_000.0 {
        format!("{amount:.0}")
    } else if amount < 9.995 {
        format!("{amount:.2}")
    } else if amount < 99.95 {
        format!("{amount:.1}")
    } else {
        format!("{amount:.0}")
    }
}

fn pair((large, large_unit): (u64, &str), (small, small_unit): (u64, &str)) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small:02}{small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::format_bytes;
    use super::format_count;
    use super::format_duration;
    use super::format_rate;

    #[test]
    fn numbers_are_short_and_have_units() {
        let durations: [(u64, &str); 8] = [
            (0, "0s"),
            (850, "850ns"),
            (12_345, "12.3us"),
            (12_345_678, "12.3ms"),
            (1_500_000_000, "1.50s"),
            (150_000_000_000, "2m30s"),
            (3_900_000_000_000, "1h05m"),
            (172_800_000_000_000, "2d"),
        ];
        for (nanoseconds, text) in durations {
            assert_eq!(format_duration(Duration::from_nanos(nanoseconds)), text);
        }
        assert_eq!(format_rate(1_500.0), "1.50k/s");
        assert_eq!(format_rate(0.5), "30/min");
        assert_eq!(format_rate(0.001), "3.60/h");
        assert_eq!(format_count(999), "999");
        assert_eq!(format_count(999_999), "1.00M");
        assert_eq!(format_count(12_500), "12.5k");
        assert_eq!(format_bytes(512), "512 B");
        assert_eq!(format_bytes(1_536), "1.50 KiB");
        assert_eq!(format_bytes(1_048_575), "1.00 MiB");
    }
}
