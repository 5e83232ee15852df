//! Closed streams: sessions that wait for their answers.

use serde_json::Value;

use crate::running::of;
use crate::support::command::Place;
use crate::support::command::scenario;

/// A small shop with these sessions, against no server.
fn against_nothing(sessions: &str, think: &str) -> Value {
    let mut place = Place::new(&["orders"]);
    place.set("load.warmup=300ms");
    place.set(&format!(
        "load.streams={{ shop: {{ model: closed, mix: {{ orders.place_order: 3, orders.pay: 1 }}, \
         sessions: {sessions}, think: {think} }} }}"
    ));
    place.set("thresholds=[]");
    place.must(&["run", "@quickstart", "--discard", "--out", "run"]);
    let summary = place.summary("run");
    assert_eq!(summary["verdict"], "passed", "{summary}");
    summary["streams"][0].clone()
}

/// Each session is at any time thinking, late, waiting for a place, or waiting for its answer. So the
/// times of all actions together are the number of sessions times how long they lived.
fn assert_held(stream: &Value, think_ns: f64, seconds: f64) {
    let acknowledged = of(stream, "acknowledged") as f64;
    let mean = |name: &str| of(stream, &format!("{name}.mean")) as f64;
    let each = think_ns + mean("sched") + mean("queue") + mean("service");
    let sessions = stream["sessions"]["mean"].as_f64().unwrap();
    let spent = acknowledged * each / 1e9;
    let lived = sessions * seconds;
    // Each session thinks once less, or once more, than it acts.
    let edge = stream["sessions"]["most"].as_f64().unwrap() * each / 1e9;
    assert!((spent - lived).abs() < edge + lived * 0.05, "{spent} of {lived}: {stream}");
}

#[test]
fn sessions_hold_their_number() {
    let stream = against_nothing("[ { hold: 50, for: 2s } ]", "20ms");
    assert_eq!(of(&stream, "sessions.most"), 50);
    let mean = stream["sessions"]["mean"].as_f64().unwrap();
    assert!((45.0..55.0).contains(&mean), "{mean}");
    assert_held(&stream, 20e6, 2.0);
    assert!(of(&stream, "acknowledged") > 1000, "{stream}");
    assert_eq!(stream["response"], stream["service"]);
    assert_eq!(stream["target_rate"], 0.0);
}

#[test]
fn sessions_come_and_go_with_their_profile() {
    let profile = "[ { ramp: { from: 0, to: 40 }, for: 1s }, { hold: 40, for: 1s }, \
                     { ramp: { to: 0 }, for: 1s } ]";
    let stream = against_nothing(profile, "{ exponential: { mean: 10ms } }");
    assert_eq!(of(&stream, "sessions.most"), 40);
    let mean = stream["sessions"]["mean"].as_f64().unwrap();
    // The mean of the profile is 26.7, and a part of a session is a session.
    assert!((24.0..32.0).contains(&mean), "{mean}");
    assert_held(&stream, 10e6, 3.0);
}

#[test]
fn what_sessions_send_does_not_depend_on_workers_or_answers() {
    let mut contents = Vec::new();
    for (workers, connections) in [("1", 4), ("4", 3)] {
        let mut place = Place::new(&["life"]);
        place.set(&format!("targets.operational.postgres.connections={connections}"));
        let file = scenario("sessions.yaml");
        place.must(&["run", &file, "--workers", workers, "--out", "run"]);
        let summary = place.summary("run");
        place.assert_counted(&summary);
        let stream = &summary["streams"][0];
        assert_eq!(of(stream, "scheduled"), 1505);
        assert_eq!(of(stream, "sessions.most"), 30);
        assert_eq!(stream["missed"], 0);
        contents.push((of(stream, "acknowledged"), place.content("life")));
        let print = place.must(&["fingerprint", &file, "--workers", workers]).out;
        assert_eq!(print, place.must(&["fingerprint", &file]).out);
    }
    assert_eq!(contents[0], contents[1]);
}

/// While the server stands still, sessions wait for it, and nothing piles up behind them.
#[test]
fn sessions_wait_for_a_server_that_stands_still() {
    let mut place = Place::new(&["life"]);
    place.set("load.streams.people.sessions=[ { hold: 20, for: 4s } ]");
    place.set("load.streams.people.limit={ ops: 1M }");
    let child = place.spawn(&["run", &scenario("sessions.yaml"), "--out", "run"]);
    place.wait_for_rows("life", "parcels", 400);
    place.query("life", "BEGIN; LOCK TABLE parcels; SELECT pg_sleep(1); COMMIT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let summary = place.summary("run");
    place.assert_counted(&summary);
    let stream = &summary["streams"][0];
    assert!(of(stream, "service.max") >= 900_000_000, "{stream}");
    // No more than one action of each session waited.
    assert!(of(stream, "service.p90") < 500_000_000, "{stream}");
    assert_eq!(of(stream, "sessions.most"), 20);
    assert_held(stream, 35e6, 4.0);
}
