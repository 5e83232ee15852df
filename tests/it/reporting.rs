//! What a run comes to, and how it is shown and kept.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod folder;
mod live;

use std::path::Path;
use std::time::Duration;

use loadgen::measure::Bound;
use loadgen::measure::End;
use loadgen::measure::ErrorClass;
use loadgen::measure::Failure;
use loadgen::measure::Gates;
use loadgen::measure::Generator;
use loadgen::measure::Outcome;
use loadgen::measure::Recorder;
use loadgen::measure::RunFacts;
use loadgen::measure::Slots;
use loadgen::measure::Stamps;
use loadgen::measure::StreamFacts;
use loadgen::measure::Summary;
use loadgen::measure::TableCounts;
use loadgen::measure::Verdict;
use loadgen::report::Colour;
use loadgen::report::closing;
use loadgen::scenario::Comparison;
use loadgen::scenario::Metric;
use loadgen::scenario::Statistic;
use loadgen::scenario::Threshold;
use loadgen::scenario::Validity;
use serde_json::Value;

const MS: u64 = 1_000_000;

fn table(name: &str, seeded: u64, inserted: u64, updated: u64, deleted: u64) -> TableCounts {
    TableCounts {
        target: "operational".to_owned(),
        database: "orders".to_owned(),
        table: format!("public.{name}"),
        seeded,
        inserted,
        updated,
        deleted,
        alive: seeded + inserted - deleted,
        ..TableCounts::default()
    }
}

/// A run of the quickstart: 25,500 slots in 45 s, answered within 1 to 20 ms, but for `failed`.
fn quickstart(failed: u64) -> (RunFacts, Recorder) {
    let mut recorder = Recorder::new(1);
    let stream = recorder.stream(0);
    for n in 0..25_500_u64 {
        let intended = 3_000 * MS + n * 45_000 * MS / 25_500;
        let picked = intended + 40_000 + n % 97 * 1_000;
        let sent = picked + if n % 100 == 0 { 2 * MS } else { 5_000 };
        let acknowledged = sent + MS + n % 400 * 40_000 + u64::from(n == 17_000) * 40 * MS;
        stream.counters.scheduled += 1;
        if n % 800 == 799 {
            stream.counters.skipped += 1;
            continue;
        }
        stream.counters.sent += 1;
        stream.counters.retries += u64::from(n % 2_000 == 0);
        let message = "duplicate key value violates unique constraint \"customers_email_key\", which \
                       is one of several constraints of that table and has a name of its own";
        let failure = Failure { class: ErrorClass::Constraint, code: "23505", message };
        let has_failed = n < failed;
        let outcome = if has_failed { Outcome::Failed(failure) } else { Outcome::Acknowledged };
        let stamps =
            Stamps { intended: Some(intended), picked, sent, acknowledged, is_closed: false };
        stream.finished(&stamps, outcome);
    }
    let facts = RunFacts {
        events: Vec::new(),
        scenario: "quickstart".to_owned(),
        seed: 42,
        run: "quickstart-20260101T000000Z".to_owned(),
        shard: None,
        started: "2026-01-01T00:00:00.000Z".to_owned(),
        elapsed: Duration::from_millis(51_300),
        workers: 2,
        fingerprint: "0f1e2d3c".to_owned(),
        end: End::Complete,
        invalid_because: Vec::new(),
        tables: vec![
            table("products", 200, 0, 0, 0),
            table("customers", 10_000, 765, 0, 255),
            table("orders", 50_000, 10_200, 13_005, 1_275),
            table("order_items", 150_112, 30_621, 0, 3_840),
        ],
        shared: Vec::new(),
        streams: vec![StreamFacts {
            name: "shop".to_owned(),
            is_open: true,
            is_follow_up: false,
            sessions: None,
            planned: Some(25_500),
            began_ns: 3_000 * MS,
            measured: Duration::from_secs(45),
            max_lag: Duration::from_secs(5),
        }],
        generator: Generator {
            cpu_seconds: 12.34,
            peak_rss_bytes: 88_080_384,
            ..Generator::default()
        },
        watched: Vec::new(),
        gates: gates(&["shop"]),
        findings: None,
        slots: Slots::default(),
        steps: Vec::new(),
        connectors: Vec::new(),
    };
    (facts, recorder)
}

/// The usual gates, for streams that go to a server.
fn gates(streams: &[&str]) -> Gates {
    let names = streams.iter().map(|name| (*name).to_owned()).collect();
    Gates::new(Validity::default(), names, 2.0, true)
}

fn thresholds() -> [Threshold; 2] {
    let below = |bound| (Comparison::Less, bound);
    let p99 = Statistic::Percentile(99.0);
    let response = Threshold::new(Metric::Response, p99, below(250e6), "p99 < 250ms");
    let failed = Threshold::new(Metric::FailedRatio, Statistic::Value, below(0.001), "< 0.1%");
    [response, failed]
}

fn shown(summary: &Summary) -> String {
    let text = closing(summary, Some(Path::new("runs/quickstart-20260101T000000Z")), Colour::Never);
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
    }
    assert!(text.lines().count() <= 40, "too long:\n{text}");
    text
}

#[test]
fn a_run_that_passed() {
    let (facts, recorder) = quickstart(0);
    let summary = Summary::new(facts, &recorder, &thresholds());
    assert_eq!((summary.verdict, summary.exit_code), (Verdict::Passed, 0));
    insta::assert_snapshot!(shown(&summary));
}

#[test]
fn a_run_that_failed_a_threshold() {
    let (mut facts, recorder) = quickstart(102);
    facts.tables[2].failed = 61;
    facts.tables[2].missed = 7;
    let summary = Summary::new(facts, &recorder, &thresholds());
    assert_eq!((summary.verdict, summary.exit_code), (Verdict::Failed, 99));
    insta::assert_snapshot!(shown(&summary));
}

#[test]
fn a_run_that_the_error_policy_stopped() {
    let (mut facts, mut recorder) = quickstart(0);
    let stream = recorder.stream(0);
    for n in 0..1_200_u64 {
        stream.counters.scheduled += 1;
        stream.counters.sent += 1;
        let (class, code, message) = match n % 3 {
            0 => (ErrorClass::Connection, "", "the server closed the connection"),
            1 => (
                ErrorClass::Connection,
                "57P01",
                "terminating connection due to administrator command",
            ),
            _ => (
                ErrorClass::DiskFull,
                "53100",
                "could not extend file \"base/16384/2619\":\nNo space left",
            ),
        };
        let stamps = Stamps {
            intended: Some(0),
            sent: 6_000 * MS,
            acknowledged: 6_100 * MS,
            ..Stamps::default()
        };
        stream.finished(&stamps, Outcome::Failed(Failure { class, code, message }));
    }
    stream.counters.scheduled += 300;
    stream.counters.unfinished += 300;
    let reason = "more than 1 % of at least 100 actions failed within 10 s (1,200 of 4,800)";
    facts.end = End::Stopped(reason.to_owned());
    let summary = Summary::new(facts, &recorder, &[]);
    assert_eq!((summary.verdict, summary.exit_code), (Verdict::Stopped, 5));
    assert!(summary.streams[0].degraded);
    insta::assert_snapshot!(shown(&summary));
}

#[test]
fn a_run_that_was_interrupted() {
    let (mut facts, recorder) = quickstart(0);
    facts.end = End::Interrupted;
    let summary = Summary::new(facts, &recorder, &thresholds());
    assert_eq!((summary.verdict, summary.exit_code), (Verdict::Interrupted, 105));
    insta::assert_snapshot!(shown(&summary));
}

#[test]
fn a_run_whose_counts_do_not_add_up() {
    let (mut facts, mut recorder) = quickstart(0);
    recorder.stream(0).counters.acknowledged += 1;
    facts.tables[0].alive += 1;
    let summary = Summary::new(facts, &recorder, &thresholds());
    assert_eq!((summary.verdict, summary.exit_code), (Verdict::Invalid, 6));
    insta::assert_snapshot!(shown(&summary));
}

#[test]
fn a_run_of_several_streams_on_several_targets() {
    let (mut facts, one) = quickstart(0);
    let mut recorder = Recorder::new(2);
    recorder.merge(&one);
    for n in 0..9_999 {
        let stamps = Stamps { picked: n, sent: n, acknowledged: n + 30_000, ..Stamps::default() };
        recorder.stream(1).counters.scheduled += 1;
        recorder.stream(1).counters.sent += 1;
        recorder.stream(1).finished(&stamps, Outcome::Acknowledged);
    }
    let unlimited = StreamFacts {
        name: "flood".to_owned(),
        is_open: false,
        planned: None,
        ..facts.streams[0].clone()
    };
    facts.streams.push(unlimited);
    facts.gates = gates(&["shop", "flood"]);
    facts
        .tables
        .push(TableCounts { target: "second".to_owned(), ..table("events", 0, 9_999, 0, 0) });
    let summary = Summary::new(facts, &recorder, &[]);
    assert_eq!(summary.verdict, Verdict::Passed);
    insta::assert_snapshot!(shown(&summary));
}

#[test]
fn colours_change_nothing_but_colours() {
    let (facts, recorder) = quickstart(102);
    let summary = Summary::new(facts, &recorder, &thresholds());
    let coloured = closing(&summary, Some(Path::new("runs/x")), Colour::Ansi);
    assert!(coloured.contains("\x1b[32m✓\x1b[0m") && coloured.contains("\x1b[31m✗\x1b[0m"));
    let mut plain = coloured;
    for code in ["\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[1;31m"] {
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, closing(&summary, Some(Path::new("runs/x")), Colour::Never));
}

#[test]
fn the_summary_keeps_what_it_promises_to_scripts() {
    let (facts, recorder) = quickstart(102);
    let summary = Summary::new(facts, &recorder, &thresholds());
    let json = serde_json::to_value(&summary).unwrap();
    let names: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let promised = [
        "format",
        "scenario",
        "seed",
        "run",
        "shard",
        "verdict",
        "exit_code",
        "invalid_because",
        "stopped_because",
        "failed_because",
        "bound",
        "bound_because",
        "degraded_because",
        "started",
        "elapsed_ns",
        "workers",
        "fingerprint",
        "tables",
        "shared",
        "streams",
        "events",
        "lag",
        "verification",
        "surfaces",
        "slot_looks",
        "slots",
        "heartbeats",
        "heartbeats_failed",
        "steps",
        "connectors",
        "thresholds",
        "gates",
        "generator",
    ];
    assert_eq!(names, promised);
    assert_eq!(json["format"], "loadgen.summary/1");
    assert_eq!(json["verdict"], "failed");
    assert_eq!(json["elapsed_ns"], 51_300 * MS);
    assert_eq!(json["events"], Value::Array(Vec::new()));
    let stream = &json["streams"][0];
    assert_eq!((&stream["scheduled"], &stream["skipped"]), (&25_500.into(), &31.into()));
    assert_eq!((&stream["sent"], &stream["failed"]), (&25_469.into(), &102.into()));
    assert_eq!(stream["target_rate"], 25_500.0 / 45.0);
    let digest: Vec<_> =
        stream["response"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(digest, ["count", "min", "mean", "p50", "p90", "p99", "p999", "max"]);
    assert_eq!(stream["response"]["count"], 25_469 - 102);
    assert_eq!(stream["failures"][0]["class"], "constraint");
    let (response, failed) = (&json["thresholds"][0], &json["thresholds"][1]);
    assert!(response["observed"].is_u64() && response["passed"] == true);
    assert_eq!(
        (&failed["observed"], &failed["passed"]),
        (&(102.0 / 25_500.0).into(), &false.into())
    );
}

#[test]
fn a_rate_counts_until_the_last_outcome() {
    let (mut facts, recorder) = quickstart(0);
    let on_time = Summary::new(facts.clone(), &recorder, &[]).streams[0].achieved_rate;
    // The same answers, but the slots came due within 9 s: it took five times as long.
    facts.streams[0].measured = Duration::from_secs(9);
    let stream = Summary::new(facts, &recorder, &[]).streams.remove(0);
    assert!((stream.target_rate - 25_500.0 / 9.0).abs() < 1e-9);
    assert!((stream.achieved_rate / on_time - 1.0).abs() < 0.001);
}

#[test]
fn a_slot_that_is_lost_makes_a_complete_run_invalid() {
    let (mut facts, recorder) = quickstart(0);
    facts.streams[0].planned = Some(25_501);
    let lost = Summary::new(facts.clone(), &recorder, &[]);
    assert_eq!(lost.exit_code, 6);
    assert_eq!(
        lost.invalid_because,
        ["internal error: stream `shop`: 25500 scheduled are not 25501 planned"]
    );
    facts.end = End::Interrupted;
    assert_eq!(Summary::new(facts, &recorder, &[]).exit_code, 105);
}

#[test]
fn a_failure_without_a_reason_makes_a_run_invalid() {
    let (mut facts, mut recorder) = quickstart(0);
    facts.streams[0].planned = None;
    let counters = &mut recorder.stream(0).counters;
    counters.scheduled += 1;
    counters.sent += 1;
    counters.failed += 1;
    let summary = Summary::new(facts, &recorder, &[]);
    let reason = "internal error: stream `shop`: 0 failures are not 1 failed";
    assert_eq!((summary.exit_code, summary.invalid_because), (6, vec![reason.to_owned()]));
}

#[test]
fn lateness_that_is_ours_makes_a_run_invalid_and_the_targets_does_not() {
    let late = |sched: u64, queue: u64, service: u64| {
        let (mut facts, _) = quickstart(0);
        facts.streams[0].planned = None;
        let mut recorder = Recorder::new(1);
        let (picked, sent) = (sched, sched + queue);
        let stamps = Stamps {
            intended: Some(0),
            picked,
            sent,
            acknowledged: sent + service,
            is_closed: false,
        };
        recorder.stream(0).counters.scheduled += 1;
        recorder.stream(0).counters.sent += 1;
        recorder.stream(0).finished(&stamps, Outcome::Acknowledged);
        let summary = Summary::new(facts, &recorder, &[]);
        (summary.verdict, summary.bound)
    };
    let (generator, target, none) = (
        (Verdict::Invalid, Bound::Generator),
        (Verdict::Passed, Bound::Target),
        (Verdict::Passed, Bound::None),
    );
    assert_eq!(late(300 * MS, 0, 5 * MS), generator);
    assert_eq!(late(40 * MS, 0, 5 * MS), none);
    assert_eq!(late(300 * MS, 4_000 * MS, 5 * MS), target);
    assert_eq!(late(90 * MS, 0, 900 * MS), none);
}

#[test]
fn of_several_verdicts_the_gravest_stands() {
    let (mut facts, recorder) = quickstart(102);
    facts.end = End::Stopped("too many errors".to_owned());
    assert_eq!(Summary::new(facts.clone(), &recorder, &thresholds()).exit_code, 5);
    facts.invalid_because = vec!["a shard was lost".to_owned()];
    assert_eq!(Summary::new(facts.clone(), &recorder, &thresholds()).exit_code, 6);
    facts.end = End::SetUpFailed("no connection".to_owned());
    assert_eq!(Summary::new(facts, &recorder, &thresholds()).exit_code, 4);
}
