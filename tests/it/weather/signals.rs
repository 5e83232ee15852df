//! Ends that somebody wants, and one that nobody wants: a server that never comes back.

use std::time::Instant;

use super::*;
use crate::support::machine::wait_for;
use crate::support::proxy::Proxy;
use crate::support::replay::Replay;

#[test]
fn the_first_signal_drains() {
    let server = TestServer::start();
    // What thresholds say of a part is no judgement on the whole.
    let set = [
        SMALL,
        "load.streams.shop.profile=[{ hold: 500/s, for: 60s }]",
        "thresholds=[{ metric: response, expr: \"p99 < 1us\" }]",
    ];
    let mut run = Loadgen::start("run", KILL, &server.url(), &set);
    run.wait_for_load();
    sleep(Duration::from_secs(1));
    run.signal(Signal::INT);
    let ended = run.finish(Duration::from_secs(30));
    assert_eq!(ended.code, Some(105), "{}", ended.said);
    assert_eq!(ended.rows("unknown"), 0);
    assert!(ended.count("acknowledged") > 100);
    assert_exact(&server, KILL, &set, &ended);
}

#[test]
fn the_second_signal_gives_up_what_waits_and_still_knows_what_became_of_it() {
    let server = TestServer::start();
    let set = [SMALL, "load.streams.shop.profile=[{ hold: 500/s, for: 60s }]"];
    let mut run = Loadgen::start("run", KILL, &server.url(), &set);
    run.wait_for_load();
    // Readers pass, writers wait.
    let lock = server.hold("orders", "LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE");
    server.wait_for_waiting("orders");
    run.signal(Signal::INT);
    sleep(Duration::from_millis(500));
    assert!(!run.is_over(), "what is in flight is waited for: {}", run.said());
    run.signal(Signal::INT);
    let ended = run.finish(Duration::from_secs(30));
    assert_eq!(ended.code, Some(105), "{}", ended.said);
    assert_eq!(ended.rows("unknown"), 0);
    assert!(ended.rows("failed") > 0, "nothing was in flight");
    drop(lock);
    assert_exact(&server, KILL, &set, &ended);
}

#[test]
fn a_server_that_stays_away_ends_the_run() {
    let server = TestServer::start();
    let set = [
        SMALL,
        "load.streams.shop.profile=[{ hold: 500/s, for: 60s }]",
        "targets.operational.postgres.reconnect=3s",
    ];
    // The replies of what is in flight must be missing, or nothing is unknown.
    let proxy = Proxy::start(server.port(), "_app");
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
    let mut run = Loadgen::start("run", KILL, &url, &set);
    run.wait_for_load();
    sleep(Duration::from_secs(1));
    // More than one: of the first it may be known what became of it before the server is away.
    (0..20).for_each(|_| proxy.arm(1, Fault::LoseReply));
    wait_for("a reply to be lost", || proxy.counts().lost_replies > 0);
    server.kill_hard();
    let ended = run.finish(Duration::from_secs(30));
    assert_eq!(ended.code, Some(5), "{}", ended.said);
    let reason = ended.summary["stopped_because"].as_str().unwrap().to_owned();
    assert!(reason.contains("lost and not made again"), "{reason}");
    assert!(ended.rows("unknown") > 0, "{}", ended.summary["tables"]);
    server.start_again();
    assert_exact(&server, KILL, &set, &ended);
}

#[test]
fn a_signal_while_the_server_is_away_is_heeded() {
    let server = TestServer::start();
    let set = [SMALL, "load.streams.shop.profile=[{ hold: 500/s, for: 60s }]", "load.drain=2s"];
    let mut run = Loadgen::start("run", KILL, &server.url(), &set);
    run.wait_for_load();
    sleep(Duration::from_millis(500));
    server.kill_hard();
    sleep(Duration::from_millis(500));
    run.signal(Signal::INT);
    let begun = Instant::now();
    let ended = run.finish(Duration::from_secs(30));
    assert!(begun.elapsed() < Duration::from_secs(25), "it took {:?}", begun.elapsed());
    assert_eq!(ended.code, Some(105), "{}", ended.said);
    server.start_again();
    assert_exact(&server, KILL, &set, &ended);
}

/// A run that seeds, and waits for a lock until that is dropped.
fn seeding_that_waits(server: &TestServer) -> (Loadgen, impl Drop) {
    let made = Loadgen::start("setup", KILL, &server.url(), &[SMALL]).finish(PATIENCE);
    assert_eq!(made.code, Some(0), "{}", made.said);
    let lock = server.hold("orders", "LOCK TABLE customers");
    let run = Loadgen::start("run", KILL, &server.url(), &[SMALL]);
    server.wait_for_waiting("orders");
    (run, lock)
}

fn seeds_again(server: &TestServer) {
    let ended = Loadgen::start("seed", KILL, &server.url(), &[SMALL]).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
}

#[test]
fn one_signal_gives_up_a_seeding_that_waits_and_it_can_be_done_later() {
    let server = TestServer::start();
    let (run, lock) = seeding_that_waits(&server);
    let begun = Instant::now();
    run.signal(Signal::INT);
    let ended = run.finish(Duration::from_secs(30));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}: {}", begun.elapsed(), ended.said);
    assert_eq!(ended.code, Some(105), "{}", ended.said);
    drop(lock);
    seeds_again(&server);
}

#[test]
fn two_signals_end_a_seeding_that_waits() {
    let server = TestServer::start();
    let (mut run, lock) = seeding_that_waits(&server);
    run.signal(Signal::INT);
    sleep(Duration::from_millis(300));
    assert!(!run.is_over(), "it waits for the chunk: {}", run.said());
    run.signal(Signal::INT);
    let ended = run.finish(Duration::from_secs(30));
    assert_eq!(ended.code, Some(105), "{}", ended.said);
    drop(lock);
    seeds_again(&server);
    let rows = Replay::seeded(KILL, &[SMALL]).compare(&server);
    assert!(rows.is_ok(), "{rows:?}");
}

/// Runs until its server stands still, and gives it up.
fn given_up(server: &TestServer, file: &str, set: &[&str]) -> Ended {
    let mut run = Loadgen::start("run", file, &server.url(), set);
    run.wait_for_load();
    server.freeze();
    sleep(Duration::from_millis(500));
    run.signal(Signal::INT);
    sleep(Duration::from_millis(500));
    run.signal(Signal::INT);
    let begun = Instant::now();
    let ended = run.finish(Duration::from_secs(30));
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}: {}", begun.elapsed(), ended.said);
    assert_eq!(ended.code, Some(105), "{}", ended.said);
    ended
}

#[test]
fn a_server_that_hangs_does_not_hold_up_a_run_that_is_given_up() {
    let server = TestServer::start();
    let set = [SMALL, "load.streams.shop.profile=[{ hold: 500/s, for: 60s }]"];
    let ended = given_up(&server, KILL, &set);
    assert!(ended.rows("unknown") > 0, "{}", ended.summary["tables"]);
    server.kill_hard();
    server.start_again();
    assert_exact(&server, KILL, &set, &ended);
}

/// The slot stays behind, which is said.
#[test]
fn a_server_that_hangs_does_not_hold_up_a_run_that_is_observed() {
    let server = TestServer::start();
    let set = [
        "domains.orders.rows={ products: 50, customers: 500, orders: 2k }",
        "load.streams.shop.profile=[{ hold: 300/s, for: 60s }]",
    ];
    let ended = given_up(&server, "cdc-lag.yaml", &set);
    let slot = "was not dropped, and keeps the server's log";
    assert!(ended.said.contains(slot), "{}", ended.said);
}
