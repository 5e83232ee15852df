//! One change among thousands is dropped, doubled, exchanged with another, altered or made up on its way to
//! the observer, or a row is deleted at the source: it is named by its class, table and key, and nothing
//! else is. And what stands still for two seconds is seen to.

use std::time::Duration;

use serde_json::Value;

use crate::support::command::Place;
use crate::support::server::TestServer;
use crate::support::slot::wait_for_load;
use crate::support::slot_proxy::Mischief;
use crate::support::slot_proxy::SlotProxy;
use crate::support::slot_proxy::Spoilt;

/// Faults, as summaries count them.
const CLASSES: [&str; 7] =
    ["lost", "doubled", "replayed", "reordered", "wrong", "phantom", "pending"];
/// Long enough to be told from anything else.
const STALL: Duration = Duration::from_secs(2);

fn place(url: String, profile: &str) -> Place<'static> {
    let mut place = Place::on(TestServer::shared(), &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
    place.set("load.warmup=0s");
    place.set("thresholds=[]");
    place.set(&format!("load.streams.shop.profile={profile}"));
    place.url = url;
    place
}

/// How many faults of each class a summary has, without those that it has none of.
fn faults(summary: &Value) -> Vec<(&'static str, u64)> {
    let of = |class: &'static str| (class, summary["verification"][class].as_u64().unwrap());
    CLASSES.map(of).into_iter().filter(|(_, count)| *count > 0).collect()
}

/// One fault is counted, and its example names the row.
fn assert_named(summary: &Value, class: &'static str, spoilt: &Spoilt, database: &str) {
    let verification = &summary["verification"];
    assert_eq!(faults(summary), [(class, 1)], "{spoilt:?}: {verification}");
    let examples = verification["examples"].as_array().unwrap();
    assert_eq!(examples.len(), 1, "{verification}");
    let named = ["class", "table", "key"].map(|name| examples[0][name].as_str().unwrap());
    let table = format!("{database}.{}", spoilt.table);
    assert_eq!(named, [class, table.as_str(), spoilt.key.as_str()], "{verification}");
}

#[test]
fn each_change_that_is_spoilt_on_its_way_is_named() {
    for (number, (mischief, class)) in (0..).zip(Mischief::ALL) {
        let proxy = SlotProxy::start(TestServer::shared().port());
        let place = place(proxy.url(), "[ { hold: 400/s, for: 3s } ]");
        proxy.plan(700 + 100 * number, mischief);
        let done = place.run(&["run", "@cdc-lag", "--trace", "--out", "run"]);
        assert_eq!(done.code, 99, "{mischief:?}: {}{}", done.out, done.err);
        let (spoilt, changes) = proxy.spoilt();
        let spoilt = spoilt.unwrap_or_else(|| panic!("{mischief:?} found none of {changes}"));
        let summary = place.summary("run");
        let database = place.database("orders");
        assert_named(&summary, class, &spoilt, &database);
        // The same is found in what was noted.
        let again = place.run(&["verify", "run", "--format", "json"]);
        assert_eq!(again.code, 99, "{mischief:?}: {}{}", again.out, again.err);
        let again: Value = serde_json::from_str(&again.out).unwrap();
        assert_eq!(faults(&again), [(class, 1)], "{mischief:?}: {again}");
    }
}

#[test]
fn nothing_is_named_through_a_proxy_that_spoils_nothing() {
    let proxy = SlotProxy::start(TestServer::shared().port());
    let place = place(proxy.url(), "[ { hold: 400/s, for: 3s } ]");
    let done = place.run(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let summary = place.summary("run");
    assert_eq!(faults(&summary), [], "{}", summary["verification"]);
    let (spoilt, changes) = proxy.spoilt();
    assert_eq!((spoilt, changes), (None, summary["verification"]["observed"].as_u64().unwrap()));
}

#[test]
fn a_row_that_is_deleted_behind_our_back_is_named() {
    let place = place(TestServer::shared().url(), "[ { hold: 300/s, for: 4s } ]");
    let child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    let database = place.database("orders");
    let sql = "WITH gone AS (SELECT order_id, line FROM order_items ORDER BY 1, 2 LIMIT 1) \
               DELETE FROM order_items USING gone WHERE order_items.order_id = gone.order_id \
               AND order_items.line = gone.line RETURNING gone.order_id || ', ' || gone.line";
    wait_for_load(&place, 2_000);
    let key = place.server.query(&database, sql).concat().concat();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(99), "{said}");
    let table = "public.order_items".to_owned();
    let summary = place.summary("run");
    assert_named(&summary, "phantom", &Spoilt { table, key }, &database);
    assert_eq!(summary["verification"]["examples"][0]["operation"], "delete");
}

/// What it writes has come before, from another place in the log: nobody has sent it twice.
#[test]
fn a_row_that_is_written_again_behind_our_back_is_made_up_and_not_doubled() {
    let place = place(TestServer::shared().url(), "[ { hold: 300/s, for: 4s } ]");
    let child = place.spawn(&["run", "@cdc-lag", "--trace", "--out", "run"]);
    wait_for_load(&place, 2_000);
    let database = place.database("orders");
    let sql = "UPDATE order_items SET quantity = quantity WHERE order_id IN \
               (SELECT id FROM orders ORDER BY created_at DESC LIMIT 3) RETURNING 1";
    let written = place.server.query(&database, sql).len() as u64;
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(99), "{said}");
    assert!(written > 0);
    assert_eq!(faults(&place.summary("run")), [("phantom", written)], "{said}");
    let judged = place.run(&["verify", "run", "--format", "json"]);
    let judged: Value = serde_json::from_str(&judged.out).unwrap();
    assert_eq!(faults(&judged), [("phantom", written)], "{judged}");
}

/// The largest of a kind of lag, over all tables and operations, in seconds.
fn lag_max(summary: &Value, kind: &str) -> f64 {
    let lags = summary["lag"].as_array().unwrap();
    let max = lags.iter().filter_map(|lag| lag[kind]["max"].as_u64()).max().unwrap();
    max as f64 / 1e9
}

#[test]
fn a_reader_that_stands_still_shows_in_freshness_and_in_what_is_missing() {
    let proxy = SlotProxy::start(TestServer::shared().port());
    let place = place(proxy.url(), "[ { hold: 200/s, for: 5s } ]");
    proxy.stall(500, STALL);
    let done = place.run(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let summary = place.summary("run");
    assert_eq!(faults(&summary), []);
    for kind in ["freshness", "high", "low"] {
        let max = lag_max(&summary, kind);
        assert!(max > 1.8, "{kind}: {max} s");
    }
    let lags = summary["lag"].as_array().unwrap();
    let missing = lags.iter().filter_map(|lag| lag["oldest_missing_max_ns"].as_u64()).max();
    assert!(missing.unwrap() > 800_000_000, "{missing:?}");
    // The load did not wait for the reader.
    let response = summary["streams"][0]["response"]["max"].as_u64().unwrap();
    assert!((response as f64) < lag_max(&summary, "low") * 1e9, "{response}");
}

#[test]
fn a_server_that_stands_still_shows_in_response_and_freshness() {
    let place = place(TestServer::shared().url(), "[ { hold: 200/s, for: 5s } ]");
    let child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for_load(&place, 2_000);
    let database = place.database("orders");
    let held = place.server.hold(&database, "LOCK TABLE orders");
    std::thread::sleep(STALL);
    drop(held);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let summary = place.summary("run");
    assert_eq!(faults(&summary), []);
    let of = |name: &str| summary["streams"][0]["response"][name].as_u64().unwrap() as f64 / 1e9;
    assert!(of("max") > 1.8 && of("p90") > 1.0, "{} {}", of("max"), of("p90"));
    assert!(lag_max(&summary, "freshness") > 1.8);
    // What was acknowledged came at once.
    assert!(lag_max(&summary, "low") < of("max"), "{}", lag_max(&summary, "low"));
}
