//! Acts that span both worlds: an order in PostgreSQL, and its confirmation in Kafka and in Firehose. What
//! lies in the topic and in the objects is read by others than us, and held against the rows.

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rdkafka::types::RDKafkaApiKey;
use rdkafka::types::RDKafkaRespErr;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::broker::Broker;
use crate::support::command::Done;
use crate::support::command::loadgen;
use crate::support::firehose::Stub;
use crate::support::loadgen::Ended;
use crate::support::proxy::Fault;
use crate::support::proxy::Proxy;
use crate::support::shop::Shop;
use crate::support::shop::assert_counted;
use crate::support::shop::assert_true_to_rows;
use crate::support::shop::events_of;
use crate::support::shop::stream_of;
use crate::support::shop::text;

/// Longer than any of these runs may take.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn an_order_and_its_confirmation_are_one_act() {
    let shop = Shop::open("120/s, for: 4s");
    let ended = shop.run(&shop.server.url());
    let (found, _server) = shop.close();
    assert_true_to_rows(&found, &ended.summary);
    assert_counted(&found, &ended.summary);
    let placed = stream_of(&ended.summary, "sessions/place_order");
    assert_eq!(placed["acknowledged"], found.orders.len(), "each act counts once");
    assert_eq!(events_of(&ended.summary, "clicks")["missed"], 0);
}

/// The order is refused, so it was never placed, and nobody is told that it was.
#[test]
fn what_is_refused_is_not_confirmed() {
    let shop = Shop::open("120/s, for: 4s");
    let url = shop.server.url();
    let seeded = shop.start("seed", &url, &[]).finish(PATIENCE);
    assert_eq!(seeded.code, Some(0), "{}", seeded.said);
    shop.server.query("shop", "ALTER TABLE orders ADD CHECK (quantity < 2)");
    let ended = shop.run(&url);
    let (found, _server) = shop.close();
    assert_true_to_rows(&found, &ended.summary);
    assert_counted(&found, &ended.summary);
    let placed = stream_of(&ended.summary, "sessions/place_order");
    let refused = placed["failed"].as_u64().unwrap();
    assert!(refused > 10, "{placed}");
    assert_eq!(placed["failures"][0]["class"], "constraint");
    assert_eq!(placed["acknowledged"], found.orders.len());
    for target in ["clicks", "archive"] {
        assert_eq!(events_of(&ended.summary, target)["missed"], refused, "{target}");
    }
    assert!(stream_of(&ended.summary, "sessions/ship")["missed"].as_u64().unwrap() > 0);
}

/// Commits that are lost, or whose answers are: what became of them decides.
fn under(fault: Fault) -> Ended {
    let shop = Shop::open("150/s, for: 4s");
    let proxy = Proxy::start(shop.server.port(), "_app");
    for number in [20, 21, 22, 60, 100] {
        proxy.arm(number, fault);
    }
    let ended = shop.run(&format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port()));
    let counts = proxy.counts();
    assert_eq!(counts.lost_commits + counts.lost_replies, 5, "{counts:?}");
    drop(proxy);
    let (found, _server) = shop.close();
    assert_true_to_rows(&found, &ended.summary);
    assert_counted(&found, &ended.summary);
    assert_eq!(events_of(&ended.summary, "clicks")["missed"], 0);
    ended
}

#[test]
fn an_order_that_is_sent_again_is_confirmed_once() {
    assert!(under(Fault::LoseCommit).resolved().1 >= 5);
}

#[test]
fn an_order_that_is_found_to_be_there_is_confirmed_once() {
    assert!(under(Fault::LoseReply).resolved().0 >= 5);
}

#[test]
fn a_killed_server_costs_no_confirmation() {
    let shop = Shop::open("150/s, for: 5s");
    let mut run = shop.start("run", &shop.server.url(), &[]);
    run.wait_for_load();
    for _ in 0..2 {
        sleep(Duration::from_millis(1200));
        shop.server.kill_hard();
        sleep(Duration::from_millis(300));
        shop.server.start_again();
    }
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let (found, _server) = shop.close();
    assert_true_to_rows(&found, &ended.summary);
    assert_counted(&found, &ended.summary);
}

/// Nobody can tell what became of the last orders, so nobody is told of them.
#[test]
fn what_stays_unknown_is_not_confirmed() {
    let shop = Shop::open("150/s, for: 2m");
    let set = ["targets.operational.postgres.reconnect=1s", "load.drain=2s"];
    let mut run = shop.start("run", &shop.server.url(), &set);
    run.wait_for_load();
    sleep(Duration::from_millis(2500));
    shop.server.kill_hard();
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(5), "{}", ended.said);
    shop.server.start_again();
    let (found, _server) = shop.close();
    let placed = stream_of(&ended.summary, "sessions/place_order");
    let count = |name: &str| usize::try_from(placed[name].as_u64().unwrap()).unwrap();
    let confirmed = found.records.iter().filter(|it| it.payload.contains("order_id"));
    let confirmed: Vec<Value> =
        confirmed.map(|it| serde_json::from_str(&it.payload).unwrap()).collect();
    assert!(confirmed.iter().all(|it| found.orders.contains_key(text(it, "order_id"))));
    assert_eq!(confirmed.len(), count("acknowledged"));
    let open = found.orders.len() - confirmed.len();
    assert!(open <= count("unknown"), "{open} orders are not confirmed: {placed}");
    for target in ["clicks", "archive"] {
        let counts = events_of(&ended.summary, target);
        assert_eq!(counts["missed"], count("unknown") + count("failed"), "{counts}");
    }
}

/// A run that is told to end confirms what it has placed.
#[test]
fn a_run_that_is_stopped_confirms_what_is_placed() {
    let shop = Shop::open("150/s, for: 2m");
    let mut run = shop.start("run", &shop.server.url(), &[]);
    run.wait_for_load();
    sleep(Duration::from_millis(2500));
    run.signal(Signal::INT);
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(105), "{}", ended.said);
    let (found, _server) = shop.close();
    assert_true_to_rows(&found, &ended.summary);
    assert_counted(&found, &ended.summary);
}

/// What one of the services refuses has failed there, and there alone.
#[test]
fn an_event_that_one_service_refuses_fails_its_act() {
    let shop = Shop::open("120/s, for: 4s");
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    shop.broker.cluster.request_errors(RDKafkaApiKey::Produce, &[refusal]);
    let set = ["targets.clicks.kafka.idempotence=false", "targets.clicks.kafka.linger=\"1ms\""];
    let ended = shop.start("run", &shop.server.url(), &set).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let (found, _server) = shop.close();
    assert_counted(&found, &ended.summary);
    let count = |counts: &Value, name: &str| counts[name].as_u64().unwrap();
    let [clicks, archive] = ["clicks", "archive"].map(|target| events_of(&ended.summary, target));
    assert!(count(clicks, "failed") > 0, "{clicks}");
    assert_eq!(usize::try_from(count(clicks, "acknowledged")).unwrap(), found.records.len());
    assert_eq!(count(clicks, "failed") + count(clicks, "acknowledged"), count(clicks, "sent"));
    assert_eq!(count(archive, "acknowledged"), count(clicks, "sent"), "{archive}");
    let streams = ended.summary["streams"].as_array().unwrap();
    let failed: u64 = streams.iter().map(|it| count(it, "failed")).sum();
    assert_eq!(failed, count(clicks, "failed"), "an act fails once");
}

/// What waits for its skew when a run is broken off was placed, and is not confirmed.
#[test]
fn what_is_broken_off_is_counted_as_missed() {
    let shop = Shop::with_skew("150/s, for: 2m", "60s");
    let mut run = shop.start("run", &shop.server.url(), &[]);
    run.wait_for_load();
    sleep(Duration::from_millis(2500));
    run.signal(Signal::INT);
    run.wait_for("draining", PATIENCE);
    run.signal(Signal::INT);
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(105), "{}", ended.said);
    let (found, _server) = shop.close();
    assert_counted(&found, &ended.summary);
    assert!(found.orders.len() > 10, "{}", found.orders.len());
    assert!(found.records.iter().all(|it| it.payload.contains("page_view")));
    let placed = stream_of(&ended.summary, "sessions/place_order");
    assert_eq!(placed["failed"], found.orders.len(), "{placed}");
    for target in ["clicks", "archive"] {
        let counts = events_of(&ended.summary, target);
        assert_eq!(counts["missed"], found.orders.len(), "{counts}");
    }
}

/// A session of a closed stream waits for all of an act.
#[test]
fn sessions_that_wait_send_the_same() {
    let shop = Shop::open("1/s, for: 1s");
    let set = ["load.streams.sessions={ model: closed, mix: { shop.visit: 1 }, think: 20ms, \
         sessions: [ { hold: 24, for: 4s } ] }"];
    let ended = shop.start("run", &shop.server.url(), &set).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let (found, _server) = shop.close();
    assert_true_to_rows(&found, &ended.summary);
    assert_counted(&found, &ended.summary);
}

/// The shipped scenario, with nothing installed but what loadgen brings: all in one process.
#[test]
fn the_shop_runs_with_servers_of_its_own() {
    let folder = TempDir::with_prefix("loadgen-shop-").unwrap();
    let mut command = loadgen(folder.path());
    let profile = "load.streams.sessions.profile=[{ hold: 60/s, for: 6s }]";
    command.args(["run", "@shop", "--out", "out", "--set", "validity=off", "--set", profile]);
    // Where rows go to PostgreSQL and events elsewhere, PostgreSQL's connections are what counts.
    command.args(["--set", "lanes=18", "--set", "targets.operational.postgres.connections=20"]);
    let done = Done::from(command.output().unwrap());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.err.contains("18 of 20 connections are used"), "{}", done.err);
    let summary = fs::read_to_string(folder.path().join("out/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let [clicks, archive] = ["clicks", "archive"].map(|target| events_of(&summary, target));
    assert_eq!(clicks["acknowledged"], archive["acknowledged"]);
    assert!(clicks["acknowledged"].as_u64().unwrap() > 400, "{clicks}");
    assert_eq!(clicks["destination"], "clicks");
}

/// Events that no rows stand behind may go to several targets, too.
#[test]
fn events_alone_are_the_same_in_both() {
    let (broker, stub) = (Broker::new(&["pages"]), Stub::start(&["--stream", "pages"]));
    let folder = TempDir::with_prefix("loadgen-both-").unwrap();
    let scenario = format!(
        "scenario: both\nstart: 2026-01-01\nvalidity: off\ntargets:\n  \
         clicks: {{ kafka: {{ brokers: \"{}\", topic: pages }} }}\n  \
         archive: {{ firehose: {{ endpoint: \"{}\", stream: pages }} }}\ndomains:\n  \
         web_events: {{ events: [clicks, archive], rows: {{ visitors: 100 }} }}\nload:\n  streams:\n    \
         s: {{ mix: {{ web_events.visit: 1 }}, profile: [ {{ hold: 200/s, for: 3s }} ] }}\n",
        broker.address(),
        stub.url
    );
    fs::write(folder.path().join("both.yaml"), scenario).unwrap();
    let mut command = loadgen(folder.path());
    let done = Done::from(command.args(["run", "both.yaml", "--out", "out"]).output().unwrap());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let summary = fs::read_to_string(folder.path().join("out/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let records: BTreeSet<_> = broker.read("pages").into_iter().map(|it| it.payload).collect();
    let delivered: BTreeSet<_> = stub.stop().0.into_iter().collect();
    assert!(records.len() >= 600, "{}", records.len());
    assert_eq!(records, delivered);
    for target in ["clicks", "archive"] {
        assert_eq!(events_of(&summary, target)["acknowledged"], records.len());
    }
    let streams = summary["streams"].as_array().unwrap();
    let acknowledged: u64 = streams.iter().map(|it| it["acknowledged"].as_u64().unwrap()).sum();
    assert_eq!(acknowledged, u64::try_from(records.len()).unwrap(), "each slot counts once");
}
