//! Thresholds: `p99 < 50ms`.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::nearest;
use crate::diagnostic::suggest;
use crate::scenario::Comparison;
use crate::scenario::Metric;
use crate::scenario::Statistic;
use crate::scenario::Threshold;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::ThresholdFile;
use crate::units::parse_count;
use crate::units::parse_duration;
use crate::units::parse_rate;

/// The metrics that a run has.
const METRICS: [(&str, Metric); 10] = [
    ("sched", Metric::Sched),
    ("queue", Metric::Queue),
    ("service", Metric::Service),
    ("response", Metric::Response),
    ("failed_ratio", Metric::FailedRatio),
    ("achieved_rate", Metric::AchievedRate),
    ("failed", Metric::Failed),
    ("unknown", Metric::Unknown),
    ("missed", Metric::Missed),
    ("skipped", Metric::Skipped),
];

/// Metrics of what an observer sees.
const OBSERVED: [&str; 10] = [
    "cdc_lag",
    "pipeline_lag",
    "freshness",
    "lost",
    "doubled",
    "replayed",
    "reordered",
    "wrong",
    "phantom",
    "pending",
];

/// Operators, the longer ones first.
const COMPARISONS: [(&str, Comparison); 5] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// All thresholds.
pub(super) fn thresholds(
    file: &ScenarioFile,
    series: &[String],
    problems: &mut Problems,
) -> Vec<Threshold> {
    let thresholds = file.thresholds.0.iter().flatten();
    let thresholds = thresholds.filter_map(|threshold| threshold.0.as_ref());
    thresholds.filter_map(|threshold| one(file, series, threshold, problems)).collect()
}

fn one(
    file: &ScenarioFile,
    series: &[String],
    threshold: &ThresholdFile,
    problems: &mut Problems,
) -> Option<Threshold> {
    let metric = metric(threshold, problems);
    let stream = threshold.stream.as_ref();
    if let (Some(stream), Some(load)) = (stream, file.load.0.as_ref()) {
        // Also those that could not be read, and what follows in the others.
        let mut names: Vec<&str> = load.streams.names().map(|name| name.value.as_str()).collect();
        let further: Vec<&str> =
            series.iter().map(String::as_str).filter(|name| !names.contains(name)).collect();
        names.extend(further);
        if !names.contains(&stream.value.as_str()) {
            let message = format!("there is no stream `{}`", stream.value);
            let help = suggest(&stream.value, "the streams", &names);
            problems.add(Problem::new(message).at(stream.place).maybe_help(help));
        }
    }
    let metric = metric?;
    match expression(&threshold.expr.value, metric) {
        Ok((statistic, comparison, bound)) => Some(Threshold {
            metric,
            stream: stream.map(|stream| stream.value.clone()),
            statistic,
            comparison,
            bound,
            expr: threshold.expr.value.clone(),
        }),
        Err((message, help)) => {
            let problem = Problem::new(message).at(threshold.expr.place);
            problems.add(problem.maybe_help(help));
            None
        }
    }
}

fn metric(threshold: &ThresholdFile, problems: &mut Problems) -> Option<Metric> {
    let word = threshold.metric.value.as_str();
    if let Some((_, metric)) = METRICS.iter().find(|(name, _)| *name == word) {
        return Some(*metric);
    }
    let place = threshold.metric.place;
    if OBSERVED.contains(&word) {
        let message = format!("`{word}` needs an observer, which this version does not have");
        problems.add(Problem::new(message).at(place));
        return None;
    }
    let names: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
    let problem = Problem::new(format!("there is no metric `{word}`")).at(place);
    problems.add(problem.maybe_help(suggest(word, "the metrics", &names)));
    None
}

/// What the number of a metric is.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Duration,
    Ratio,
    Rate,
    Count,
}

fn unit(metric: Metric) -> Unit {
    match metric {
        Metric::Sched | Metric::Queue | Metric::Service | Metric::Response => Unit::Duration,
        Metric::FailedRatio => Unit::Ratio,
        Metric::AchievedRate => Unit::Rate,
        Metric::Failed | Metric::Unknown | Metric::Missed | Metric::Skipped => Unit::Count,
    }
}

type Fault = (String, Option<String>);

/// `p99 < 50ms`, `< 0.1%`, `== 0`.
fn expression(text: &str, metric: Metric) -> Result<(Statistic, Comparison, f64), Fault> {
    let found = COMPARISONS.iter().find_map(|(sign, comparison)| {
        text.split_once(sign).map(|(left, right)| (left.trim(), *comparison, right.trim()))
    });
    let Some((left, comparison, right)) = found else {
        let message = format!("`{text}` compares nothing");
        return Err((message, Some("use `<`, `<=`, `==`, `>=` or `>`".to_owned())));
    };
    let statistic = statistic(left, metric)?;
    let bound = bound(right, unit(metric)).map_err(|(message, help)| {
        let help = help.or_else(|| right.is_empty().then(|| "write it behind the operator".into()));
        (message, help)
    })?;
    Ok((statistic, comparison, bound))
}

fn statistic(word: &str, metric: Metric) -> Result<Statistic, Fault> {
    if unit(metric) != Unit::Duration {
        if word.is_empty() {
            return Ok(Statistic::Value);
        }
        let message = format!("this metric is one number, so `{word}` has no meaning");
        return Err((message, Some("begin with the operator: `< 0.1%`, `== 0`".to_owned())));
    }
    let percentile = word.strip_prefix('p').and_then(percentile);
    match (word, percentile) {
        ("min", _) => Ok(Statistic::Min),
        ("mean", _) => Ok(Statistic::Mean),
        ("max", _) => Ok(Statistic::Max),
        (_, Some(percentile)) => Ok(Statistic::Percentile(percentile)),
        ("", _) => {
            let help = "begin with `p50`, `p99`, `p99.9`, `min`, `mean` or `max`";
            Err(("which number of this metric is meant?".to_owned(), Some(help.to_owned())))
        }
        _ => {
            let near = nearest(word, ["min", "mean", "max"]);
            let help = near.map(|near| format!("did you mean `{near}`?"));
            let list = "use `p50`, `p99`, `p99.9`, `min`, `mean` or `max`".to_owned();
            Err((format!("there is no statistic `{word}`"), help.or(Some(list))))
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
        Unit::Ratio => {
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
    }
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
    }
}
