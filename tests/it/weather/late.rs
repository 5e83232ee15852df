//! A server that stands still while slots come due: what each late policy makes of them.

use super::*;
use crate::support::machine::wait_for;

const LOCK: &str = "LOCK TABLE orders, customers IN ACCESS EXCLUSIVE MODE";

fn is_locked(server: &TestServer) -> bool {
    let waiting = "SELECT count(*) FROM pg_stat_activity \
                   WHERE wait_event_type = 'Lock' AND application_name LIKE 'loadgen/%'";
    server.query("postgres", waiting)[0][0] != "0"
}

/// What is too late is left out, what builds on it is withheld, and every row is accounted for.
#[test]
fn skip_leaves_out_what_is_too_late() {
    let set = [
        SMALL,
        "load.streams.shop.profile=[{ hold: 400/s, for: 7s }]",
        "load.streams.shop.late={ skip: { max_lag: 300ms } }",
        "thresholds=[ { metric: failed_ratio, expr: '< 1%' } ]",
    ];
    let server = TestServer::start();
    let mut run = Loadgen::start("run", KILL, &server.url(), &set);
    run.wait_for_load();
    sleep(Duration::from_millis(500));
    let held = server.hold("orders", LOCK);
    wait_for("the load to wait", || is_locked(&server));
    sleep(Duration::from_secs(2));
    drop(held);
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(99), "a fifth is more than a hundredth: {}", ended.said);
    let [scheduled, skipped, late, missed] =
        ["scheduled", "skipped", "late", "missed"].map(|name| ended.count(name));
    assert_eq!(scheduled, 2_800);
    assert!(late > 200, "{late} of {scheduled}");
    assert!(missed > 0, "nothing built on what was left out");
    assert!(skipped >= late + missed);
    assert_eq!(ended.count("acknowledged") + skipped, scheduled);
    assert_eq!((ended.rows("unknown"), ended.count("failed")), (0, 0), "{}", ended.summary);
    let observed = ended.summary["thresholds"][0]["observed"].as_f64().unwrap();
    assert!((observed - (late + missed) as f64 / scheduled as f64).abs() < 1e-9, "{observed}");
    assert_exact(&server, KILL, &set, &ended);
}

/// Three seconds of too much lag end the run, and what was begun is still settled.
#[test]
fn abort_ends_a_run_that_is_too_late_for_too_long() {
    let set = [
        SMALL,
        "load.streams.shop.profile=[{ hold: 400/s, for: 1h }]",
        "load.streams.shop.late={ abort: { max_lag: 400ms } }",
        "thresholds=[]",
    ];
    let server = TestServer::start();
    let mut run = Loadgen::start("run", KILL, &server.url(), &set);
    run.wait_for_load();
    sleep(Duration::from_millis(500));
    // A short stop is nothing to abort for.
    drop(server.hold("orders", LOCK));
    let held = server.hold("orders", LOCK);
    wait_for("the load to wait", || is_locked(&server));
    run.wait_for("\"draining\"", PATIENCE);
    drop(held);
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(5), "{}", ended.said);
    let reason = ended.summary["stopped_because"].as_str().unwrap();
    assert!(reason.contains("`late: abort`") && reason.contains("later than 400ms"), "{reason}");
    assert!(ended.count("unfinished") > 0, "{}", ended.summary);
    assert_eq!(ended.rows("unknown"), 0);
    assert_exact(&server, KILL, &set, &ended);
}

/// What is due in the warm-up must settle as well: the run does not wait for it for ever.
#[test]
fn a_warm_up_that_does_not_settle_ends_the_run() {
    let set = [
        SMALL,
        "load.warmup=3s",
        "load.drain=2s",
        "load.streams.shop.profile=[{ hold: 400/s, for: 3s }]",
    ];
    let server = TestServer::start();
    let mut run = Loadgen::start("run", KILL, &server.url(), &set);
    run.wait_for("\"warm_up\"", PATIENCE);
    sleep(Duration::from_millis(500));
    let held = server.hold("orders", LOCK);
    wait_for("the load to wait", || is_locked(&server));
    let ended = run.finish(PATIENCE);
    drop(held);
    assert_eq!(ended.code, Some(5), "{}", ended.said);
    let reason = ended.summary["stopped_because"].as_str().unwrap();
    assert!(reason.contains("had not settled 2s after the warm-up"), "{reason}");
}
