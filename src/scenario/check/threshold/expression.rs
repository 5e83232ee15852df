//! What a threshold says: `p99 < 50ms`, `rate < 5/s`, `== 0`.

use crate::diagnostic::nearest;
use crate::scenario::Comparison;
use crate::scenario::Metric;
use crate::scenario::Statistic;
use crate::units::parse_bytes;
use crate::units::parse_count;
use crate::units::parse_duration;
use crate::units::parse_rate;

/// Operators, the longer ones first.
const COMPARISONS: [(&str, Comparison); 5] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// What the number of a metric is.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Duration,
    Ratio,
    Rate,
    Count,
    Bytes,
}

/// The unit of a metric's own number.
fn own_unit(metric: Metric) -> Unit {
    match metric {
        Metric::Sched
        | Metric::Queue
        | Metric::Service
        | Metric::Response
        | Metric::CdcLag
        | Metric::Freshness => Unit::Duration,
        Metric::FailedRatio => Unit::Ratio,
        Metric::AchievedRate => Unit::Rate,
        Metric::SlotWal => Unit::Bytes,
        _ => Unit::Count,
    }
}

fn unit(metric: Metric, statistic: Statistic) -> Unit {
    match statistic {
        Statistic::Count => Unit::Count,
        Statistic::Rate => Unit::Rate,
        Statistic::Ratio => Unit::Ratio,
        _ => own_unit(metric),
    }
}

pub(super) type Fault = (String, Option<String>);

/// `p99 < 50ms`, `< 0.1%`, `== 0`.
pub(super) fn expression(
    text: &str,
    metric: Metric,
) -> Result<(Statistic, Comparison, f64), Fault> {
    let found = COMPARISONS.iter().find_map(|(sign, comparison)| {
        text.split_once(sign).map(|(left, right)| (left.trim(), *comparison, right.trim()))
    });
    let Some((left, comparison, right)) = found else {
        let message = format!("`{text}` compares nothing");
        return Err((message, Some("use `<`, `<=`, `==`, `>=` or `>`".to_owned())));
    };
    let statistic = statistic(left, metric)?;
    let bound = bound(right, unit(metric, statistic)).map_err(|(message, help)| {
        let help = help.or_else(|| right.is_empty().then(|| "write it behind the operator".into()));
        (message, help)
    })?;
    Ok((statistic, comparison, bound))
}

fn statistic(word: &str, metric: Metric) -> Result<Statistic, Fault> {
    let unit = own_unit(metric);
    if unit != Unit::Duration {
        return match (word, unit) {
            ("", _)
            | ("max", Unit::Bytes)
            | ("ratio", Unit::Ratio)
            | ("rate", Unit::Rate)
            | ("count", Unit::Count) => Ok(Statistic::Value),
            ("rate", Unit::Count) => Ok(Statistic::Rate),
            ("ratio", Unit::Count) => Ok(Statistic::Ratio),
            (_, Unit::Count) => {
                let message = format!("this metric is a count, so `{word}` has no meaning");
                let help = "begin with the operator: `== 0`; or with `rate` or `ratio`";
                Err((message, Some(help.to_owned())))
            }
            (_, Unit::Bytes) => {
                let message =
                    format!("this metric is the most there was, so `{word}` has no meaning");
                Err((message, Some("begin with the operator: `< 64MB`".to_owned())))
            }
            _ => {
                let message = format!("this metric is one number, so `{word}` has no meaning");
                Err((message, Some("begin with the operator: `< 0.1%`, `> 900/s`".to_owned())))
            }
        };
    }
    let list = "`p50`, `p99`, `p99.9`, `min`, `mean`, `max`, `count` or `rate`";
    let percentile = word.strip_prefix('p').and_then(percentile);
    match (word, percentile) {
        ("min", _) => Ok(Statistic::Min),
        ("mean", _) => Ok(Statistic::Mean),
        ("max", _) => Ok(Statistic::Max),
        ("count", _) => Ok(Statistic::Count),
        ("rate", _) => Ok(Statistic::Rate),
        (_, Some(percentile)) => Ok(Statistic::Percentile(percentile)),
        ("", _) => {
            let help = format!("begin with {list}");
            Err(("which number of this metric is meant?".to_owned(), Some(help)))
        }
        ("ratio", _) => {
            let help = "`failed_ratio` is the metric of what failed".to_owned();
            Err(("a duration has no ratio".to_owned(), Some(help)))
        }
        _ => {
            let near = nearest(word, ["min", "mean", "max", "count", "rate"]);
            let help = near.map(|near| format!("did you mean `{near}`?"));
            Err((format!("there is no statistic `{word}`"), help.or(Some(format!("use {list}")))))
        }
    }
}

/// `99`, `99.9`, and `999` as everybody means it.
fn percentile(digits: &str) -> Option<f64> {
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.len() > 12 {
        return None;
    }
    let is_short = digits.len() > 2 && !digits.contains('.') && digits != "100";
    let number: f64 = digits.parse().ok()?;
    let digits_behind = i32::try_from(digits.len()).ok()? - 2;
    let number = if is_short { number / 10_f64.powi(digits_behind) } else { number };
    (0.0..=100.0).contains(&number).then_some(number)
}

fn bound(text: &str, unit: Unit) -> Result<f64, Fault> {
    let no_help = |message: String| (message, None);
    match unit {
        Unit::Duration => {
            let duration = parse_duration(text).map_err(no_help)?;
            #[expect(clippy::cast_precision_loss, reason = "three digits matter")]
            let nanoseconds = duration.as_nanos() as f64;
            Ok(nanoseconds)
        }
        Unit::Rate => parse_rate(text).map_err(no_help),
        Unit::Count => {
            #[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
            let count = parse_count(text).map_err(no_help)? as f64;
            Ok(count)
        }
        Unit::Bytes => {
            #[expect(clippy::cast_precision_loss, reason = "amounts are below 2^53")]
            let bytes = parse_bytes(text).map_err(no_help)? as f64;
            Ok(bytes)
        }
        Unit::Ratio => ratio(text),
    }
}

/// `0.1%` or `0.001`.
pub(in crate::scenario::check) fn ratio(text: &str) -> Result<f64, Fault> {
    let (digits, divisor) = match text.strip_suffix('%') {
        Some(digits) => (digits.trim(), 100.0),
        None => (text, 1.0),
    };
    let is_digits = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let ratio = digits.parse::<f64>().ok().filter(|_| is_digits).map(|r| r / divisor);
    ratio.filter(|ratio| *ratio <= 1.0).ok_or_else(|| {
        let help = "write `0.1%` or `0.001`".to_owned();
        (format!("`{text}` is not a ratio between 0 and 1"), Some(help))
    })
}

#[cfg(test)]
mod tests {
    use super::expression;
    use crate::scenario::Comparison;
    use crate::scenario::Metric;
    use crate::scenario::Statistic;

    #[test]
    fn bounds_have_the_unit_of_their_metric() {
        let response = |text| expression(text, Metric::Response);
        let percentile = Statistic::Percentile;
        assert_eq!(response("p99 < 50ms"), Ok((percentile(99.0), Comparison::Less, 50e6)));
        assert_eq!(response("p99.9<=1s").unwrap().0, percentile(99.9));
        assert_eq!(response("p999 < 1s").unwrap().0, percentile(99.9));
        assert_eq!(response("p100 < 1s").unwrap().0, percentile(100.0));
        assert_eq!(response("max >= 0s").unwrap().1, Comparison::GreaterOrEqual);
        for bad in ["p99 < 50", "< 50ms", "p99 50ms", "p99 <", "px < 1s", "p1.2.3 < 1s", ""] {
            assert!(response(bad).is_err(), "{bad}");
        }
        let ratio = |text| expression(text, Metric::FailedRatio);
        assert!((ratio("< 0.1%").unwrap().2 - 0.001).abs() < 1e-12);
        assert!((ratio("<0.5").unwrap().2 - 0.5).abs() < 1e-12);
        for bad in ["< 2", "< 101%", "p99 < 1%", "< -1%", "< 1s", "< NaN"] {
            assert!(ratio(bad).is_err(), "{bad}");
        }
        assert!((expression("> 1k/s", Metric::AchievedRate).unwrap().2 - 1e3).abs() < 1e-9);
        assert_eq!(expression("== 0", Metric::Failed).unwrap().1, Comparison::Equal);
        assert!(expression("== 0s", Metric::Failed).is_err());
        let kept = |text| expression(text, Metric::SlotWal);
        assert_eq!(kept("< 64MB"), Ok((Statistic::Value, Comparison::Less, 67_108_864.0)));
        assert_eq!(kept("max < 64MB"), kept("< 64MB"));
        assert!(kept("< 64").is_err() && kept("p99 < 64MB").is_err() && kept("< 1s").is_err());
        let failed = |text| expression(text, Metric::Failed).map(|(statistic, ..)| statistic);
        assert_eq!(failed("count == 0"), Ok(Statistic::Value));
        assert_eq!(failed("rate < 1/s"), Ok(Statistic::Rate));
        assert_eq!(failed("ratio < 1%"), Ok(Statistic::Ratio));
        assert_eq!(response("count >= 10k").unwrap().0, Statistic::Count);
        assert!((response("rate > 10/s").unwrap().2 - 10.0).abs() < 1e-9);
        assert!(response("ratio < 1%").is_err() && failed("mean < 1").is_err());
    }
}
