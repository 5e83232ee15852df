//! How late does a sink write what it reads, at the best, and what does it make of deletes? Judged by its
//! configuration, as Kafka Connect gives it; what the properties mean is in the documentation of each sink.

use std::fmt::Write as _;
use std::time::Duration;

use crate::doctor::Check;
use crate::doctor::ConnectorSettings;
use crate::doctor::connector::transform;
use crate::units::format_duration;

const NAME: &str = "sink";
/// Between two commits of the Iceberg sink, unless it is told otherwise.
const ICEBERG_COMMIT_MS: u64 = 300_000;
/// Who commits no less often than that makes small files already.
const SHORT: Duration = Duration::from_secs(10);

/// Who reads what a sink has written, and how often it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkReader {
    /// The observer's name.
    pub observer: String,
    /// Between two looks.
    pub every: Duration,
    /// For so many records of a partition it takes an object to be written, if it reads objects.
    pub flush: Option<u64>,
}

/// What is to be said of a sink, but for whether it runs. `deletes`: rows are deleted, and a message without a
/// value follows each.
pub fn sink(settings: &ConnectorSettings, deletes: bool, readers: &[SinkReader]) -> Vec<Check> {
    let class = settings.get("connector.class").map_or("", String::as_str);
    if class.contains("IcebergSink") {
        return iceberg(settings, deletes, readers);
    }
    let is_s3 = class.contains("S3Sink") || class.contains("GcsSink");
    if is_s3 && settings.contains_key("flush.size") {
        return files(settings, deletes, readers);
    }
    let class = class.rsplit('.').next().unwrap_or_default();
    let found = format!("a `{class}`: how late it writes is not known here");
    vec![Check::info(NAME, found)]
}

/// What is to be said of the first of these properties that is no number: how late the sink is, nobody knows then.
fn unnumbered(settings: &ConnectorSettings, keys: &[&str]) -> Option<Check> {
    let written = keys.iter().filter_map(|key| Some((key, settings.get(*key)?.trim())));
    let (key, value) = written.into_iter().find(|(_, value)| value.parse::<i64>().is_err())?;
    Some(if value.starts_with("${") {
        let found = format!(
            "`{key}` is `{value}`: what that stands for, and so how late it writes, is not known here"
        );
        Check::info(NAME, found)
    } else {
        let found = format!("`{key}` is `{value}`, which is no number: the sink does not take it");
        Check::warning(NAME, found)
            .remedy(format!("\"{key}\": \"60000\" -- or whichever number is meant"))
    })
}

fn milliseconds(settings: &ConnectorSettings, key: &str) -> Option<Duration> {
    let millis: i64 = settings.get(key)?.trim().parse().ok()?;
    u64::try_from(millis).ok().filter(|millis| *millis > 0).map(Duration::from_millis)
}

/// How late what is written so often is seen.
fn floor(every: Duration, readers: &[SinkReader]) -> String {
    let mut text = format!(
        "what comes is up to {} late there, {} on average",
        format_duration(every),
        format_duration(every / 2)
    );
    for SinkReader { observer, every, .. } in readers {
        // Writing to a String cannot fail.
        let _ = write!(text, ", and seen by `{observer}` within {}", format_duration(*every));
    }
    text
}

fn iceberg(settings: &ConnectorSettings, deletes: bool, readers: &[SinkReader]) -> Vec<Check> {
    let key = "iceberg.control.commit.interval-ms";
    let usual = Duration::from_millis(ICEBERG_COMMIT_MS);
    let every = milliseconds(settings, key).unwrap_or(usual);
    let found = format!("it commits every {}: {}", format_duration(every), floor(every, readers));
    let mut late = Check::info(NAME, found);
    let odd = unnumbered(settings, &[key]);
    if odd.is_none() && every > SHORT {
        late = late.remedy(format!(
            "\"{key}\": \"{}\" -- for less lag, and more and smaller files",
            SHORT.as_millis()
        ));
    }
    let mut all = vec![odd.unwrap_or(late)];
    if deletes {
        all.push(if transform(settings, "DebeziumTransform").is_some() {
            Check::info(
                NAME,
                "deletes become rows of their own, and messages without a value nothing",
            )
        } else {
            let found = "messages without a value, which follow deletes, become nothing; without \
                         `DebeziumTransform` the messages are kept as they are";
            Check::info(NAME, found)
        });
    }
    all
}

fn files(settings: &ConnectorSettings, deletes: bool, readers: &[SinkReader]) -> Vec<Check> {
    let size = settings.get("flush.size").map_or("", String::as_str);
    let (rotate, schedule) = ("rotate.interval.ms", "rotate.schedule.interval.ms");
    let odd = unnumbered(settings, &["flush.size", schedule, rotate]);
    let timed = match (milliseconds(settings, schedule), milliseconds(settings, rotate)) {
        (Some(every), _) => {
            let found = format!(
                "it writes a file for every {size} messages of a partition, and every {}: {}; by the clock, \
                 so that a file may be there twice",
                format_duration(every),
                floor(every, readers)
            );
            Check::info(NAME, found)
        }
        (None, Some(every)) => {
            let found = format!(
                "it writes a file for every {size} messages of a partition, and for every {} by the messages' \
                 times: {}, but the last of each partition not before another comes",
                format_duration(every),
                floor(every, readers)
            );
            Check::info(NAME, found)
                .remedy(format!("\"{schedule}\": \"{}\", \"timezone\": \"UTC\"", every.as_millis()))
        }
        (None, None) => {
            let found = format!(
                "it writes a file for every {size} messages of a partition and never by time: how late they \
                 are depends on the rate alone, and the last {size} - 1 never come"
            );
            Check::info(NAME, found)
                .remedy(format!("\"{schedule}\": \"60000\", \"timezone\": \"UTC\""))
        }
    };
    let mut all = vec![odd.unwrap_or(timed)];
    all.extend(readers.iter().filter_map(|reader| unlike(size, reader)));
    if deletes {
        let key = "behavior.on.null.values";
        let does = settings.get(key).map_or("fail", String::as_str);
        let ignore = format!("\"{key}\": \"ignore\"");
        all.push(match does {
            "ignore" => {
                Check::info(NAME, "messages without a value, which follow deletes, are left out")
            }
            "write" => Check::info(
                NAME,
                "messages without a value, which follow deletes, are written apart",
            ),
            _ => Check::warning(
                NAME,
                "it fails at the first message without a value, which follows each delete",
            )
            .remedy(ignore),
        });
    }
    all
}

/// That an observer reckons with another number of records of a partition that are held back.
fn unlike(size: &str, SinkReader { observer, flush, .. }: &SinkReader) -> Option<Check> {
    let flush = (*flush)?;
    let size: u64 = size.trim().parse().ok().filter(|size| *size != flush)?;
    let what = if flush < size {
        "what it holds back counts as lost"
    } else {
        "what is lost may count as held back"
    };
    let found = format!(
        "it writes a file for every {size} messages of a partition, and `{observer}` takes {flush}: {what}"
    );
    Some(
        Check::warning(NAME, found)
            .remedy(format!("write `flush: {size}` into the observer `{observer}`")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(settings: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
        let all = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let lake =
            SinkReader { observer: "lake".to_owned(), every: Duration::from_secs(1), flush: None };
        let objects =
            SinkReader { observer: "objects".to_owned(), flush: Some(1000), ..lake.clone() };
        let checks = sink(&all.collect(), true, &[lake, objects]);
        checks.into_iter().map(|check| (check.found, check.remedy)).collect()
    }

    #[test]
    fn how_late_a_lake_is_at_the_best_is_reckoned() {
        let class = ("connector.class", "org.apache.iceberg.connect.IcebergSinkConnector");
        let usual = found(&[class]);
        assert!(usual[0].0.contains("up to 5m late there, 2m30s on average"), "{usual:?}");
        assert!(usual[0].0.contains("seen by `lake` within 1s"), "{usual:?}");
        assert!(usual[1].0.contains("without `DebeziumTransform`"), "{usual:?}");
        let transform =
            ("transforms.d.type", "org.apache.iceberg.connect.transforms.DebeziumTransform");
        let quick = found(&[class, ("iceberg.control.commit.interval-ms", "2000"), transform]);
        assert!(quick[0].0.starts_with("it commits every 2s: "), "{quick:?}");
        assert!(quick[1].0.starts_with("deletes become rows"), "{quick:?}");

        let class = ("connector.class", "io.confluent.connect.s3.S3SinkConnector");
        let size = ("flush.size", "1000");
        let never = found(&[class, size]);
        assert!(never[0].0.contains("never by time"), "{never:?}");
        assert!(never[1].0.starts_with("it fails at the first"), "{never:?}");
        assert_eq!(never[1].1.as_deref(), Some("\"behavior.on.null.values\": \"ignore\""));
        let few = found(&[class, ("flush.size", "10")]);
        assert!(
            few[1].0.ends_with("`objects` takes 1000: what is lost may count as held back"),
            "{few:?}"
        );
        let many = found(&[class, ("flush.size", "5000")]);
        assert!(many[1].0.ends_with("what it holds back counts as lost"), "{many:?}");
        assert_eq!(many[1].1.as_deref(), Some("write `flush: 5000` into the observer `objects`"));
        let rotated = found(&[class, size, ("rotate.interval.ms", "10000")]);
        assert!(rotated[0].0.contains("not before another comes"), "{rotated:?}");
        let timed = [
            class,
            size,
            ("rotate.schedule.interval.ms", "60000"),
            ("behavior.on.null.values", "ignore"),
        ];
        let timed = found(&timed);
        assert!(timed[0].0.contains("up to 1m late"), "{timed:?}");
        assert!(timed[1].0.contains("left out"), "{timed:?}");
        for (odd, words) in [
            ("notanumber", "`flush.size` is `notanumber`, which is no number"),
            ("${env:SIZE}", "what that stands for"),
        ] {
            let odd = found(&[class, ("flush.size", odd)]);
            assert!(odd[0].0.contains(words) && !odd[0].0.contains("never"), "{odd:?}");
        }
        let iceberg = ("connector.class", "org.apache.iceberg.connect.IcebergSinkConnector");
        let odd = found(&[iceberg, ("iceberg.control.commit.interval-ms", "abc")]);
        assert!(odd[0].0.contains("`abc`, which is no number"), "{odd:?}");
        let other = found(&[("connector.class", "io.aiven.kafka.connect.Other")]);
        assert!(other[0].0.starts_with("a `Other`"), "{other:?}");
    }
}
