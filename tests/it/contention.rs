//! Rows that everybody changes: what loses against another transaction is sent again, and the sums
//! and counts are exact, in bad weather too.

use std::thread::sleep;
use std::time::Duration;

use crate::support::loadgen::Ended;
use crate::support::loadgen::Loadgen;
use crate::support::proxy::Fault;
use crate::support::proxy::Proxy;
use crate::support::replay::assert_exact;
use crate::support::server::TestServer;

const FILE: &str = "orders-contention.yaml";
const ROWS: &str =
    "domains.stock.rows={ products: 40, accounts: 8, orders: 640, carts: 640, jobs: 320 }";
/// Enough of them that few actions meet.
const MANY: &str =
    "domains.stock.rows={ products: 40, accounts: 400, orders: 640, carts: 640, jobs: 320 }";
/// Runs until each kind of conflict was seen.
const TRIES: usize = 5;
const BRISK: &str = "load.streams.shop.profile=[{ hold: 300/s, for: 5s }]";

/// Longer than any of these runs may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Fails unless every row and every sum is what the server acknowledged.
fn exact(server: &TestServer, set: &[&str], ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(ended.rows("unknown"), 0, "{}", ended.summary);
    assert_exact(server, FILE, set, ended);
    let sums = ended.summary["shared"].as_array().unwrap();
    assert_eq!(sums.len(), 3, "{sums:?}");
    for sum in sums {
        assert_eq!(sum["exact"], true, "{sum}");
        let text = |name: &str| sum[name].as_str().unwrap();
        let sql = format!("SELECT sum({})::text FROM {}", text("column"), text("table"));
        assert_eq!(server.query("stock", &sql)[0][0], text("after"));
        let number = |name: &str| text(name).replace('.', "").parse::<i128>().unwrap();
        assert_eq!(number("before") + number("added"), number("after"), "{sum}");
    }
}

/// A tenth of a second for each deadlock would be most of a test.
fn quick_to_see_deadlocks() -> TestServer {
    TestServer::set(&[("deadlock_timeout", "10ms")])
}

fn retries(ended: &Ended, after: &str) -> u64 {
    ended.summary["streams"][0]["retries_after"][after].as_u64().unwrap()
}

#[test]
fn deadlocks_and_serialization_failures_are_sent_again_and_the_sums_are_exact() {
    let set = [ROWS, BRISK];
    let (mut deadlocks, mut failures) = (0, 0);
    // Whether two sessions meet is up to the machine: on a busy one a run may see no deadlock at all.
    for _ in 0..TRIES {
        let server = quick_to_see_deadlocks();
        let ended = Loadgen::start("run", FILE, &server.url(), &set).finish(PATIENCE);
        exact(&server, &set, &ended);
        let of_run = ["deadlock", "serialization"].map(|reason| retries(&ended, reason));
        assert_eq!(retries(&ended, "connection"), 0);
        assert_eq!(ended.count("retries"), of_run.iter().sum::<u64>(), "{}", ended.summary);
        (deadlocks, failures) = (deadlocks + of_run[0], failures + of_run[1]);
        if deadlocks > 0 && failures > 0 {
            return;
        }
    }
    panic!("{deadlocks} deadlocks and {failures} serialization failures in {TRIES} runs");
}

#[test]
fn sums_are_exact_when_the_server_is_killed() {
    let set = [MANY, BRISK];
    let server = quick_to_see_deadlocks();
    let mut run = Loadgen::start("run", FILE, &server.url(), &set);
    run.wait_for_load();
    for _ in 0..2 {
        sleep(Duration::from_millis(1200));
        server.kill_hard();
        server.start_again();
    }
    let ended = run.finish(PATIENCE);
    exact(&server, &set, &ended);
}

#[test]
fn sums_are_exact_when_commits_or_their_replies_are_lost() {
    // Updates of shared rows alone leave no evidence behind.
    let mix = "load.streams.shop.mix={ stock.settle: 1, stock.restock: 3, stock.place_order: 1 }";
    let set = [MANY, BRISK, mix];
    for fault in [Fault::LoseCommit, Fault::LoseReply, Fault::DelayCommit] {
        let server = quick_to_see_deadlocks();
        let proxy = Proxy::start(server.port(), "_app");
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
        for number in [20, 21, 22, 150, 400] {
            proxy.arm(number, fault);
        }
        let ended = Loadgen::start("run", FILE, &url, &set).finish(PATIENCE);
        let counts = proxy.counts();
        drop(proxy);
        exact(&server, &set, &ended);
        let struck = counts.lost_commits + counts.lost_replies + counts.delayed;
        assert_eq!(struck, 5, "{counts:?}");
        assert_eq!(counts.answered, 0, "a commit took effect after its successor had looked");
    }
}

#[test]
fn a_sum_that_somebody_else_changed_fails_the_run() {
    let set = [MANY, "load.streams.shop.profile=[{ hold: 100/s, for: 3s }]"];
    let server = TestServer::start();
    let mut run = Loadgen::start("run", FILE, &server.url(), &set);
    run.wait_for_load();
    server.query("stock", "UPDATE products SET sold = sold + 1 WHERE id = 40");
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(99), "{}", ended.said);
    let why = ended.summary["failed_because"][0].as_str().unwrap();
    assert!(why.contains("`public.products.sold`"), "{why}");
}
