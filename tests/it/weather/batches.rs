//! Rows of many slots in one transaction: refused, lost and taken back row by row.

use loadgen::scenario::Overrides;
use loadgen::scenario::Scenario;

use super::*;
use crate::support::command;
use crate::support::replay::Replay;

fn file() -> String {
    command::scenario("batches.yaml")
}

/// How many batches there were, and how many slots in one on average.
fn batches(ended: &Ended) -> (u64, f64) {
    let stream = &ended.summary["streams"][0];
    (stream["batches"].as_u64().unwrap(), stream["batch_rows_mean"].as_f64().unwrap())
}

#[test]
fn batches_hold_what_single_rows_would_and_every_row_is_timed() {
    let hash = |set: &[&str]| {
        let set = set.iter().map(ToString::to_string).collect();
        let overrides = Overrides { set, ..Overrides::default() };
        Scenario::read(&file(), &overrides)
            .unwrap_or_else(|problems| panic!("{}", problems.draw(false)))
            .hash
    };
    assert_eq!(hash(&[]), hash(&["load.streams.orders.batch={ rows: 7, linger: 1ms }"]));
    let server = TestServer::start();
    let ended = Loadgen::start("run", &file(), &server.url(), &[]).finish(PATIENCE);
    passed(&ended);
    assert_exact(&server, &file(), &[], &ended);
    let (count, mean) = batches(&ended);
    assert!(count > 0 && mean > 1.5 && mean <= 50.0, "{count} of {mean}");
    assert_eq!(ended.count("acknowledged"), 6_000);
    assert_eq!(ended.summary["streams"][0]["response"]["count"], 6_000);
}

#[test]
fn a_bad_row_takes_no_other_down() {
    let file = file();
    let unlimited = [
        "load.streams.orders.profile=[{ unlimited: true }]",
        "load.streams.orders.limit={ ops: 5k }",
    ];
    for (set, ops) in [(&[][..], 6_000), (&unlimited[..], 5_000)] {
        let server = TestServer::start();
        let seeded = Loadgen::start("seed", &file, &server.url(), set).finish(PATIENCE);
        assert_eq!(seeded.code, Some(0), "{}", seeded.said);
        let row = Replay::first_insert(&file, set, "orders");
        let neighbour = format!("INSERT INTO orders VALUES ({}, 1, 'neighbour', 1, now())", row[0]);
        server.query("batches", &neighbour);
        server.query("batches", "INSERT INTO orders VALUES (3000, 1, 'neighbour', 1, now())");
        let ended = Loadgen::start("run", &file, &server.url(), set).finish(PATIENCE);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert_eq!((ended.count("failed"), ended.count("acknowledged")), (2, ops - 2));
        let code = &ended.summary["streams"][0]["failures"][0]["code"];
        assert_eq!((code.as_str(), ended.rows("unknown")), (Some("23505"), 0));
        let deleted = "DELETE FROM orders WHERE product = 'neighbour' RETURNING id";
        assert_eq!(server.query("batches", deleted).len(), 2);
        assert_exact(&server, &file, set, &ended);
    }
}

#[test]
fn batches_survive_bad_weather() {
    let file = file();
    for (fault, set) in [
        (Fault::LoseCommit, &[][..]),
        (Fault::LoseReply, &["targets.operational.postgres.synchronous_commit=off"]),
    ] {
        let server = TestServer::start();
        let proxy = Proxy::start(server.port(), "_app");
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
        for number in [20, 21, 60] {
            proxy.arm(number, fault);
        }
        let mut run = Loadgen::start("run", &file, &url, set);
        run.wait_for_load();
        sleep(Duration::from_millis(1500));
        server.kill_hard();
        server.start_again();
        let ended = run.finish(PATIENCE);
        passed(&ended);
        assert_exact(&server, &file, set, &ended);
        let (committed, absent) = ended.resolved();
        let found = if fault == Fault::LoseReply { committed } else { absent };
        assert!(found >= 3, "{committed} {absent}");
    }
}

#[test]
fn batches_go_through_a_pooler_as_single_inserts_of_one_transaction() {
    let server = TestServer::start();
    let Some(pooler) = crate::support::pooler::Pooler::start(&server) else { return };
    let behind = pooled::behind(&server);
    let set: Vec<&str> = behind.iter().map(String::as_str).collect();
    let ended = Loadgen::start("run", &file(), &pooler.url(), &set).finish(PATIENCE);
    passed(&ended);
    assert_exact(&server, &file(), &[], &ended);
}
