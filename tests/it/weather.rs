//! Bad weather, in short: after each storm the account, the summary and the tables agree on every
//! row. `tests/drills` has the long versions.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::loadgen::Ended;
use crate::support::loadgen::Loadgen;
use crate::support::proxy::Fault;
use crate::support::proxy::Proxy;
use crate::support::replay::assert_exact;
use crate::support::server::TestServer;

mod batches;
mod late;
mod neighbours;
mod numbers;
mod pooled;
mod refusals;
mod signals;

/// An exact account in bad weather, made small.
const KILL: &str = "orders-kill.yaml";
/// The bare table, whose updates leave no evidence.
const ORIGINAL: &str = "orders-original.yaml";

const SMALL: &str = "domains.orders.rows={ products: 64, customers: 640, orders: 1280 }";
const BRISK: &str = "load.streams.shop.profile=[{ hold: 500/s, for: 4s }]";
const REPRICE: [&str; 3] = [
    "domains.orders_original.rows={ orders: 640 }",
    "load.streams.orders.mix={ orders_original.order: 1, orders_original.reprice: 8, \
     orders_original.remove: 1 }",
    "load.streams.orders.profile=[{ hold: 300/s, for: 4s }]",
];

/// Longer than any of these runs may take.
const PATIENCE: Duration = Duration::from_mins(1);

fn passed(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!((ended.rows("unknown"), ended.count("failed")), (0, 0), "{}", ended.summary);
    assert_eq!(ended.count("acknowledged") + ended.count("skipped"), ended.count("scheduled"));
}

#[test]
fn a_killed_server_costs_nothing() {
    let set = [SMALL, BRISK];
    let server = TestServer::start();
    let mut run = Loadgen::start("run", KILL, &server.url(), &set);
    run.wait_for_load();
    sleep(Duration::from_millis(1500));
    server.kill_hard();
    sleep(Duration::from_millis(500));
    server.start_again();
    let ended = run.finish(PATIENCE);
    passed(&ended);
    assert_exact(&server, KILL, &set, &ended);
}

#[test]
fn an_update_without_evidence_survives_a_killed_server() {
    let server = TestServer::start();
    let mut run = Loadgen::start("run", ORIGINAL, &server.url(), &REPRICE);
    run.wait_for_load();
    for _ in 0..2 {
        sleep(Duration::from_millis(1200));
        server.kill_hard();
        server.start_again();
    }
    let ended = run.finish(PATIENCE);
    passed(&ended);
    assert_exact(&server, ORIGINAL, &REPRICE, &ended);
}

/// Lets a fault befall several commits of a run, and checks the run.
fn under(fault: Fault, file: &str, set: &[&str]) -> Ended {
    let (server, ended) = struck(fault, file, set);
    assert_exact(&server, file, set, &ended);
    ended
}

/// The same, without a look at the rows.
pub(crate) fn struck(fault: Fault, file: &str, set: &[&str]) -> (TestServer, Ended) {
    let server = TestServer::start();
    let proxy = Proxy::start(server.port(), "_app");
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
    for number in [20, 21, 22, 150, 400] {
        proxy.arm(number, fault);
    }
    let ended = Loadgen::start("run", file, &url, set).finish(PATIENCE);
    let counts = proxy.counts();
    drop(proxy);
    passed(&ended);
    let struck = counts.lost_commits + counts.lost_replies + counts.delayed;
    assert_eq!(struck, 5, "{counts:?}");
    assert_eq!(counts.answered, 0, "a commit took effect after its successor had looked");
    (server, ended)
}

#[test]
fn lost_commits_are_sent_again() {
    let ended = under(Fault::LoseCommit, KILL, &[SMALL, BRISK]);
    assert!(ended.resolved().1 >= 5, "{:?}", ended.resolved());
    under(Fault::LoseCommit, ORIGINAL, &REPRICE);
}

#[test]
fn commits_whose_replies_are_lost_are_found() {
    let ended = under(Fault::LoseReply, KILL, &[SMALL, BRISK]);
    assert!(ended.resolved().0 >= 5, "{:?}", ended.resolved());
    let ended = under(Fault::LoseReply, ORIGINAL, &REPRICE);
    assert!(ended.resolved().0 >= 5, "{:?}", ended.resolved());
}

#[test]
fn delayed_commits_come_too_late() {
    let ended = under(Fault::DelayCommit, KILL, &[SMALL, BRISK]);
    assert!(ended.resolved().1 >= 5, "{:?}", ended.resolved());
    under(Fault::DelayCommit, ORIGINAL, &REPRICE);
}
