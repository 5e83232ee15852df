//! Events into Firehose: the real command line and the real SDK. What is counted is held against what
//! lies in the objects that the stand-in has delivered.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::command::Done;
use crate::support::command::loadgen;
use crate::support::command::scenario;
use crate::support::firehose::Stub;
use crate::support::firehose::read;

/// Half of a second's calls meet with something.
const WEATHER: &str = "partial=0.3,throttled=0.1,error=0.05,reset=0.1,delay=1ms..10ms,seed=3";

/// What a run left behind.
pub(super) struct Ran {
    pub(super) done: Done,
    pub(super) summary: Value,
    /// What an embedded stand-in has delivered, line by line.
    delivered: Vec<String>,
}

/// A command in a folder, with nothing of AWS in its environment.
fn command(folder: &TempDir) -> Command {
    let mut command = loadgen(folder.path());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.env("HOME", folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Runs a scenario, at an endpoint if one is given.
fn run(url: Option<&str>, scenario: &str, arguments: &[&str]) -> Ran {
    let folder = TempDir::with_prefix("loadgen-firehose-").unwrap();
    let mut command = command(&folder);
    command.args(["run", scenario, "--out", "out", "--set", "validity=off"]).args(arguments);
    if let Some(url) = url {
        command.env("LOADGEN_FIREHOSE", url);
    }
    let done = Done::from(command.output().unwrap());
    let summary = fs::read_to_string(folder.path().join("out/summary.json")).unwrap_or_default();
    let mut delivered = Vec::new();
    let objects = folder.path().join("out/firehose");
    if objects.is_dir() {
        read(&objects, &mut delivered);
    }
    Ran { done, summary: serde_json::from_str(&summary).unwrap_or_default(), delivered }
}

/// The shipped scenario, shortened.
pub(super) fn sessions(url: Option<&str>, arguments: &[&str]) -> Ran {
    let profile = "load.streams.sessions.profile=[{ hold: 150/s, for: 4s }]";
    let fixed = ["--set", profile, "--set", "thresholds=[]"];
    run(url, "@web-events-firehose", &[&fixed, arguments].concat())
}

fn count(summary: &Value, name: &str) -> usize {
    usize::try_from(summary["events"][0][name].as_u64().unwrap()).unwrap()
}

/// How often each event was delivered, by its number.
fn times(delivered: &[String]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for line in delivered {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event.as_object().unwrap().len(), 30, "{event}");
        *times.entry(event["event_id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    times
}

/// Every event that was counted has been delivered, no other was, and no more are there twice than is
/// said.
fn assert_exact(ran: &Ran, delivered: &[String]) {
    let Ran { done, summary, .. } = ran;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let times = times(delivered);
    assert!(times.len() > 200, "{}", times.len());
    for name in ["sent", "acknowledged"] {
        assert_eq!(count(summary, name), times.len(), "{name}");
    }
    let doubled: usize = times.values().map(|count| count - 1).sum();
    assert!(doubled <= count(summary, "repeated"), "{doubled}: {}", summary["events"]);
    let streams = summary["streams"].as_array().unwrap();
    let acknowledged = streams.iter().map(|it| it["acknowledged"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(usize::try_from(acknowledged).unwrap(), times.len());
}

#[test]
fn what_is_counted_is_delivered() {
    let ran = sessions(None, &[]);
    assert_exact(&ran, &ran.delivered);
    let Ran { done, summary, delivered } = &ran;
    assert_eq!(count(summary, "repeated"), 0);
    assert_eq!(delivered.len(), count(summary, "acknowledged"), "each event once");
    assert_eq!(summary["events"][0]["destination"], "web_events");
    let bytes: usize = delivered.iter().map(String::len).sum();
    assert_eq!(count(summary, "bytes"), bytes);
    // A call gathers what comes in a tenth of a second.
    let calls = count(summary, "calls");
    assert!((1..delivered.len() / 4).contains(&calls), "{calls} calls");
    assert!(done.err.contains("the Firehose stand-in delivers into"), "{}", done.err);
    assert_eq!(summary["tables"].as_array().unwrap().len(), 0, "nobody stores tables");
}

/// Partial failures, throttling, 500, closed connections: all is there, and what was acknowledged is what
/// was stored.
#[test]
fn in_bad_weather_nothing_is_lost_and_nothing_is_made_up() {
    let stub = Stub::start(&["--stream", "web_events", "--fail", WEATHER]);
    let ran = sessions(Some(&stub.url), &["--set", "targets.clicks.firehose.linger=20ms"]);
    let (delivered, counts) = stub.stop();
    assert_exact(&ran, &delivered);
    let counts = &counts["streams"]["web_events"];
    for name in ["throttled", "errors", "records_refused"] {
        assert!(counts[name].as_u64() > Some(0), "{name}: {counts}");
    }
    assert!(count(&ran.summary, "throttled") > 0 && count(&ran.summary, "repeated") > 0);
    assert!(
        ran.done.out.contains("degraded: `web_events` on `clicks` was throttled"),
        "{}",
        ran.done.out
    );
    assert!(ran.done.out.contains("repeated"), "{}", ran.done.out);
}

/// The shipped scenario: less is taken than is due.
#[test]
fn a_stream_that_is_throttled_gets_all_of_it_later() {
    let profile = "load.streams.sessions.profile=[{ hold: 100/s, for: 4s }]";
    let ran = run(None, "@firehose-throttled", &["--set", profile]);
    assert_exact(&ran, &ran.delivered);
    assert!(count(&ran.summary, "throttled") > 0, "{}", ran.summary["events"]);
    let said = ran.summary["degraded_because"].as_array().unwrap();
    assert!(said.iter().any(|it| it.as_str().unwrap().contains("was throttled")), "{said:?}");
    assert!(ran.done.err.contains("the stream `web_events` is throttled"), "{}", ran.done.err);
}

/// No second has more than the limits say, as the endpoint counts; what finds no room waits.
#[test]
fn the_limits_hold_in_every_second() {
    let stub = Stub::start(&["--stream", "web_events", "--quota", "off"]);
    let ran = sessions(
        Some(&stub.url),
        &[
            "--set",
            "targets.clicks.firehose.limits={ requests: 10, records: 200, bytes: 200k }",
            "--set",
            "targets.clicks.firehose.queue=\"60\"",
        ],
    );
    let (delivered, counts) = stub.stop();
    assert_exact(&ran, &delivered);
    assert_eq!(count(&ran.summary, "throttled"), 0);
    let peak = &counts["streams"]["web_events"]["peak"];
    assert!(peak["requests"].as_u64() <= Some(10), "{peak}");
    assert!(peak["records"].as_u64() <= Some(200), "{peak}");
    assert!(peak["bytes"].as_u64() <= Some(200_000), "{peak}");
}

#[test]
fn several_events_share_a_record_on_request() {
    let stub = Stub::start(&["--stream", "web_events"]);
    let ran = sessions(Some(&stub.url), &["--set", "targets.clicks.firehose.pack=8"]);
    let (delivered, counts) = stub.stop();
    assert_exact(&ran, &delivered);
    let records = counts["streams"]["web_events"]["records_stored"].as_u64().unwrap();
    assert!(usize::try_from(records).unwrap() < delivered.len() / 3, "{records} records");
}

#[test]
fn any_number_of_workers_sends_the_same_events() {
    let lines = |workers: &str| {
        let stub = Stub::start(&["--stream", "web_events", "--fail", "partial=0.3,seed=5"]);
        let ran = sessions(Some(&stub.url), &["--workers", workers]);
        let mut delivered = stub.stop().0;
        assert_exact(&ran, &delivered);
        delivered.sort();
        delivered
    };
    assert_eq!(lines("1"), lines("4"));
}

/// An event that is too large has failed, by its class; the others arrive.
#[test]
fn an_event_that_is_too_large_is_counted_as_failed() {
    let ran = run(None, &scenario("large.yaml"), &[]);
    let Ran { done, summary, delivered } = &ran;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let (failed, acknowledged) = (count(summary, "failed"), count(summary, "acknowledged"));
    assert!(failed > 2 && acknowledged > 2 && failed + acknowledged == 20, "{}", summary["events"]);
    assert_eq!(acknowledged, delivered.len());
    assert!(delivered.iter().all(|line| line.len() < 1_024_000), "and the newline");
    assert!(done.out.contains("too_large") && done.out.contains("1024000 at most"), "{}", done.out);
}

/// What keeps a run from beginning: exit code 4, and a line that says what to do.
#[test]
fn set_up_says_what_is_wrong_with_an_endpoint() {
    let said = |url: &str, arguments: &[&str], what: &str| {
        let Ran { done, .. } = sessions(Some(url), arguments);
        assert_eq!(done.code, 4, "{}{}", done.out, done.err);
        assert!(done.err.contains(what), "{}", done.err);
    };
    said("http://127.0.0.1:1", &[], "`http://127.0.0.1:1` does not answer");
    let stub = Stub::start(&[]);
    let none = format!("the stream `web_events` does not exist at `{}`", stub.url);
    said(&stub.url, &[], &none);
    let remote = ["--allow-remote", "--set", "targets.clicks.firehose.region=eu-central-1"];
    said("aws", &remote, "no AWS credentials are found");
    said("aws", &["--allow-remote"], "no AWS");
    let Ran { done, .. } = sessions(Some("aws"), &[]);
    assert!(done.code == 3 && done.err.contains("not on this machine"), "{}", done.err);
}

/// A stream is made if that is asked for, and `clean` removes what was made, and nothing else.
#[test]
fn streams_are_made_and_removed() {
    let stub = Stub::start(&["--stream", "other"]);
    let create = ["--set", "targets.clicks.firehose.create=true"];
    let ran = sessions(Some(&stub.url), &create);
    assert_eq!(ran.done.code, 0, "{}{}", ran.done.out, ran.done.err);

    let folder = TempDir::with_prefix("loadgen-firehose-").unwrap();
    let clean = |stream: &str| {
        let mut command = command(&folder);
        let stream = format!("targets.clicks.firehose.stream={stream}");
        command.args(["clean", "@web-events-firehose", "--set", &stream]).args(create);
        Done::from(command.env("LOADGEN_FIREHOSE", &stub.url).output().unwrap())
    };
    let done = clean("web_events");
    assert!(done.code == 0 && done.out.contains("removed the stream `web_events`"), "{done:?}");
    let done = clean("web_events");
    assert!(done.code == 0 && done.out.contains("nothing to clean"), "{done:?}");
    let done = clean("other");
    assert!(done.code == 4 && done.err.contains("kept the stream `other`"), "{done:?}");
    let (delivered, counts) = stub.stop();
    assert_exact(&ran, &delivered);
    assert!(counts["streams"]["other"].is_object(), "{counts}");
}

#[test]
fn a_plan_tells_the_bill() {
    let folder = TempDir::with_prefix("loadgen-firehose-").unwrap();
    let plan = |arguments: &[&str]| {
        let mut command = command(&folder);
        let done = Done::from(
            command.args(["plan", "@web-events-firehose"]).args(arguments).output().unwrap(),
        );
        assert_eq!(done.code, 0, "{}", done.err);
        done.out
    };
    let json: Value = serde_json::from_str(&plan(&["--format", "json"])).unwrap();
    let event = &json["events"][0];
    let number = |of: &Value| of.as_f64().unwrap();
    assert_eq!(event["bill"]["records"], event["sent"], "each event is a record");
    assert_eq!(event["bill"]["bytes"].as_u64().unwrap(), event["sent"].as_u64().unwrap() * 5_120);
    let dollars = number(&event["bill"]["bytes"]) / f64::from(1 << 30) * 0.029;
    assert!((number(&event["bill"]["dollars"]) - dollars).abs() < 1e-9);
    let packed = ["--format", "json", "--set", "targets.clicks.firehose.pack=4"];
    let packed: Value = serde_json::from_str(&plan(&packed)).unwrap();
    assert!(number(&packed["events"][0]["bill"]["bytes"]) < number(&event["bill"]["bytes"]) / 3.0);
    assert!(plan(&[]).contains("Amazon Data Firehose would bill page_view"), "{}", plan(&[]));
    assert_eq!(json["warnings"].as_array().unwrap().len(), 0);
    let narrow = plan(&["--set", "targets.clicks.firehose.limits={ bytes: 10k }"]);
    assert!(narrow.contains("its limits let"), "{narrow}");
}
