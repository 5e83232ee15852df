//! A run is watched while it goes, judged by its parts, and leaves each of its seconds behind.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::fs;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::IntervalLogIterator;
use hdrhistogram::serialization::interval_log::LogEntry;
use serde_json::Value;

use crate::support::command::Place;
use crate::support::machine::wait_for;

const SECOND: u64 = 1_000_000_000;

/// A small quickstart of orders alone.
fn place(profile: &str) -> Place<'static> {
    let mut place = Place::new(&["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
    place.set("load.warmup=0s");
    place.set("load.streams.shop.mix={ orders.place_order: 1 }");
    place.set(&format!("load.streams.shop.profile={profile}"));
    place.set("thresholds=[]");
    place
}

fn of(stream: &Value, path: &str) -> u64 {
    let found = path.split('.').fold(stream, |value, key| &value[key]);
    found.as_u64().unwrap_or_else(|| panic!("no number at {path}: {stream}"))
}

/// Rows of a run's series: each cell by the name of its column.
fn series(place: &Place<'_>) -> Vec<Value> {
    let text = fs::read_to_string(place.folder.path().join("run/series.csv")).unwrap_or_default();
    let mut lines = text.lines();
    let columns: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
    let row = |line: &str| -> Value {
        let cells = line.split(',').map(str::to_owned);
        columns
            .iter()
            .map(|column| (*column).to_owned())
            .zip(cells)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(column, cell)| (column, Value::String(cell)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    lines.map(row).collect()
}

fn number(row: &Value, column: &str) -> u64 {
    row[column].as_str().unwrap().parse().unwrap_or_else(|_| panic!("{column}: {row}"))
}

/// Starts a run and waits until so many seconds of it are in its series.
fn begun(place: &Place<'_>, seconds: usize) -> Child {
    let child = place.spawn(&["run", "@quickstart", "--out", "run"]);
    let measured = || series(place).iter().filter(|row| row["measured_s"] != "").count();
    wait_for("the series", || measured() >= seconds);
    child
}

/// Holds the tables still for a while.
fn hold_still(place: &Place<'_>, seconds: f64) {
    let sql = format!("BEGIN; LOCK TABLE orders, customers; SELECT pg_sleep({seconds}); COMMIT");
    place.query("orders", &sql);
}

fn ended(child: Child) -> (i32, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_stall_in_the_middle_fails_its_window_and_not_the_whole() {
    let mut place = place("[ { hold: 200/s, for: 9s } ]");
    place.set(
        "thresholds=[ { id: whole, metric: response, expr: \"p20 < 900ms\" }, \
         { id: window, metric: response, expr: \"p50 < 900ms\", over: 1s }, \
         { id: told, metric: response, expr: \"p50 < 900ms\", over: 1s, action: warn } ]",
    );
    let child = begun(&place, 2);
    hold_still(&place, 3.0);
    let (code, text) = ended(child);
    assert_eq!(code, 99, "{text}");
    let summary = place.summary("run");
    let [whole, window, told] = summary["thresholds"].as_array().unwrap().as_slice() else {
        panic!("{summary}")
    };
    assert_eq!((&whole["passed"], &whole["first_breach_ns"]), (&true.into(), &Value::Null));
    assert_eq!((&window["passed"], &told["passed"]), (&false.into(), &false.into()));
    assert!(of(window, "first_breach_ns") >= 2 * SECOND, "{window}");
    assert!(of(window, "observed") >= 900_000_000 && of(window, "evaluations") >= 8, "{window}");
    // It came to an end all the same, and the target was the limit.
    assert_eq!(of(&summary["streams"][0], "acknowledged"), 1_800);
    assert_eq!(summary["bound"], "target");
    assert!(text.contains("the target was the limit: "), "{text}");
    assert!(text.contains("✗ window: response p50 < 900ms over 1s"), "{text}");
    let breaches = series(&place);
    let breaches = breaches.iter().filter(|row| row.to_string().contains("`window` breached"));
    assert_eq!(breaches.count(), 1);
    place.assert_counted(&summary);
}

/// What waits is seen while it waits: nothing is answered before the run ends.
#[test]
fn a_breach_ends_the_run_at_once_if_it_says_so() {
    let mut place = place("[ { hold: 100/s, for: 60s } ]");
    place.set("load.drain=30s");
    place.set(
        "thresholds=[ { id: dead, metric: response, expr: \"max < 2s\", over: 5s, action: abort } ]",
    );
    let began = Instant::now();
    let child = begun(&place, 1);
    hold_still(&place, 6.0);
    let (code, text) = ended(child);
    assert_eq!(code, 99, "{text}");
    assert!(began.elapsed() < Duration::from_secs(55));
    assert!(text.contains("the threshold `dead` over 5s did not hold"), "{text}");
    let summary = place.summary("run");
    assert_eq!((summary["verdict"].as_str(), &summary["exit_code"]), (Some("failed"), &99.into()));
    let stopped = summary["stopped_because"].as_str().unwrap();
    assert!(stopped.contains("`action: abort`"), "{stopped}");
    assert!(of(&summary["thresholds"][0], "first_breach_ns") >= SECOND);
    place.assert_counted(&summary);
}

#[test]
fn segments_are_judged_by_what_was_due_in_them() {
    let mut place =
        place("[ { hold: 50/s, for: 2s, name: calm }, { hold: 200/s, for: 2s, name: rush } ]");
    place.set(
        "thresholds=[ { metric: response, expr: \"count == 100\", over: segment:calm }, \
         { metric: response, expr: \"count == 400\", over: segment:rush }, \
         { metric: response, expr: \"count == 500\" }, \
         { metric: response, expr: \"p99 < 1s\", over: 10s, grace: 1h, on_no_data: pass }, \
         { metric: response, expr: \"p99 < 1s\", over: 10s, min_samples: 10k, action: warn } ]",
    );
    let done = place.must(&["run", "@quickstart", "--out", "run"]);
    let summary = place.summary("run");
    let passed: Vec<_> =
        summary["thresholds"].as_array().unwrap().iter().map(|it| &it["passed"]).collect();
    assert_eq!(passed, [true, true, true, true, false], "{}", done.out);
    assert_eq!(summary["thresholds"][4]["observed"], Value::Null);
    assert!(done.out.contains("! response p99 < 1s over 10s"), "{}", done.out);
    let segments = &summary["streams"][0]["segments"];
    let scheduled = [0, 1].map(|number| of(&segments[number], "scheduled"));
    assert_eq!((scheduled, of(&segments[1], "response.count")), ([100, 400], 400));
    let rows = series(&place);
    for name in ["calm", "rush"] {
        assert!(rows.iter().any(|row| row["segment"] == name), "{name}");
    }
}

#[test]
fn each_second_is_kept_and_all_of_them_are_the_whole() {
    let mut place = place("[ { hold: 300/s, for: 3s } ]");
    place.set("load.warmup=1s");
    place.must(&["run", "@quickstart", "--out", "run"]);
    let stream = place.summary("run")["streams"][0].clone();
    let rows: Vec<_> = series(&place).into_iter().filter(|row| row["measured_s"] != "").collect();
    assert!(rows.len() >= 3, "{rows:?}");
    for count in ["scheduled", "sent", "acknowledged", "failed", "skipped", "retries"] {
        let sum: u64 = rows.iter().map(|row| number(row, count)).sum();
        assert_eq!(sum, of(&stream, count), "{count}");
    }
    let longest = rows.iter().filter(|row| row["response_max_ns"] != "");
    let longest = longest.map(|row| number(row, "response_max_ns")).max();
    assert_eq!(longest, Some(of(&stream, "response.max")));
    assert!(series(&place).iter().any(|row| row["measured_s"] == ""), "the warm-up is missing");
    for time in ["sched", "queue", "service", "response"] {
        assert_log(&place.folder.path().join("run/latency.hlog"), time, &stream[time]);
    }
}

/// What HdrHistogram's own reader finds under a tag is what the summary says.
fn assert_log(path: &Path, time: &str, digest: &Value) {
    let bytes = fs::read(path).unwrap();
    let mut deserializer = Deserializer::new();
    let mut whole: Histogram<u64> = Histogram::new(3).unwrap();
    for entry in IntervalLogIterator::new(&bytes) {
        let LogEntry::Interval(interval) = entry.unwrap() else { continue };
        if interval.tag().unwrap().as_str() != format!("shop.{time}") {
            continue;
        }
        let decoded = base64(interval.encoded_histogram());
        let second: Histogram<u64> = deserializer.deserialize(&mut decoded.as_slice()).unwrap();
        assert!(
            (interval.max() * 1e6 - second.max() as f64).abs() < 1_000.0,
            "not in milliseconds"
        );
        whole.add(second).unwrap();
    }
    assert_eq!(whole.len(), of(digest, "count"), "{time}");
    let nearly = |found: u64, wanted: u64| found.abs_diff(wanted) <= wanted / 50 + 1;
    for (percent, name) in [(50.0, "p50"), (99.0, "p99"), (100.0, "max")] {
        let found = whole.value_at_percentile(percent);
        assert!(nearly(found, of(digest, name)), "{time} {name}: {found} in {digest}");
    }
}

/// Decodes the usual alphabet.
fn base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut held = 0;
    let mut bytes = Vec::new();
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = alphabet.iter().position(|known| *known == letter).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}

#[test]
fn what_a_killed_run_leaves_is_whole_lines_up_to_its_end() {
    let place = place("[ { hold: 100/s, for: 60s } ]");
    let mut child = begun(&place, 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let text = fs::read_to_string(place.folder.path().join("run/series.csv")).unwrap();
    assert!(text.ends_with('\n'));
    let columns = text.lines().next().unwrap().split(',').count();
    assert!(text.lines().all(|line| line.split(',').count() == columns), "{text}");
    let bytes = fs::read(place.folder.path().join("run/latency.hlog")).unwrap();
    assert!(IntervalLogIterator::new(&bytes).filter_map(Result::ok).count() >= 3);
}

/// Stopped again and again, so that its lanes are busy most of the time it stands still: what it has
/// not seen is its own fault, though every answer looks slow.
#[test]
fn a_starved_generator_is_no_slow_target() {
    let mut place = place("[ { hold: 200/s, for: 6s } ]");
    place.set("validity={ cpu: off, throttled: off }");
    let child = begun(&place, 1);
    let id = rustix::process::Pid::from_child(&child);
    for _ in 0..6 {
        rustix::process::kill_process(id, rustix::process::Signal::STOP).unwrap();
        thread::sleep(Duration::from_millis(600));
        rustix::process::kill_process(id, rustix::process::Signal::CONT).unwrap();
        thread::sleep(Duration::from_millis(100));
    }
    let (code, text) = ended(child);
    assert_eq!(code, 6, "{text}");
    let summary = place.summary("run");
    assert_eq!((&summary["bound"], &summary["verdict"]), (&"generator".into(), &"invalid".into()));
    let broken: Vec<_> = summary["gates"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|gate| gate["state"] == "broken")
        .map(|gate| gate["gate"].clone())
        .collect();
    assert!(broken.contains(&"wake".into()), "{broken:?}");
    assert!(text.contains("the generator was the limit"), "{text}");
}

/// Seconds in which nothing is answered though something is due are seconds at no rate at all.
#[test]
fn a_target_that_stands_still_has_no_rate() {
    let mut place = place("[ { hold: 100/s, for: 7s } ]");
    place.set(
        "thresholds=[ { id: slow, metric: achieved_rate, expr: \">= 20/s\", over: 1s, for: 2 }, \
         { id: told, metric: achieved_rate, expr: \">= 20/s\", over: 1s, action: warn } ]",
    );
    let child = begun(&place, 1);
    hold_still(&place, 4.5);
    let (code, text) = ended(child);
    assert_eq!(code, 99, "{text}");
    let summary = place.summary("run");
    assert_eq!(summary["thresholds"][0]["passed"], false, "{}", summary["thresholds"]);
    assert!(summary["thresholds"][0]["observed"].as_f64().unwrap() < 20.0);
    place.set("thresholds=[ { metric: response, expr: \"max < 1ns\", action: warn } ]");
    let done = place.must(&["run", "@quickstart", "--fresh", "--for", "1s", "--out", "warned"]);
    assert!(done.out.contains("its threshold does not hold, and only warns"), "{}", done.out);
}
