//! Which rows are taken, as a server sees it: a queue is worked off from its head, and an upsert is
//! counted as what it was.

use std::time::Duration;

use crate::support::loadgen::Ended;
use crate::support::loadgen::Loadgen;
use crate::support::replay::assert_exact;
use crate::support::server::TestServer;

const FILE: &str = "orders-contention.yaml";
const PROFILE: &str = "load.streams.shop.profile=[{ hold: 400/s, for: 2s }]";

/// Longer than any of these runs may take.
const PATIENCE: Duration = Duration::from_mins(2);

fn run(server: &TestServer, set: &[&str]) -> Ended {
    let ended = Loadgen::start("run", FILE, &server.url(), set).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_exact(server, FILE, set, &ended);
    ended
}

fn number(server: &TestServer, sql: &str) -> u64 {
    server.query("stock", sql)[0][0].parse().unwrap()
}

fn rows(ended: &Ended, table: &str, name: &str) -> u64 {
    let tables = ended.summary["tables"].as_array().unwrap();
    let is_it = |each: &&serde_json::Value| {
        let text = each["table"].as_str().unwrap();
        text == table || text.ends_with(&format!(".{table}"))
    };
    tables.iter().find(is_it).unwrap()[name].as_u64().unwrap()
}

#[test]
fn a_queue_is_worked_off_from_its_head() {
    // One lane has all rows, so the queue of a lane is the queue of the table.
    let set = [
        "lanes=1",
        "domains.stock.rows={ products: 10, accounts: 10, orders: 10, carts: 10, jobs: 0 }",
        "load.streams.shop.mix={ stock.queue_job: 6, stock.begin_job: 3, stock.end_job: 2 }",
        PROFILE,
    ];
    let server = TestServer::start();
    let ended = run(&server, &set);
    let (begun, ended_jobs) = (rows(&ended, "jobs", "updated"), rows(&ended, "jobs", "deleted"));
    assert!(ended_jobs > 20 && begun > ended_jobs, "{}", ended.summary["tables"]);
    let status = "SELECT count(*) FROM jobs WHERE status <> CASE WHEN id <= $ THEN 'running' ELSE 'waiting' END";
    assert_eq!(number(&server, &status.replace('$', &begun.to_string())), 0);
    assert_eq!(number(&server, "SELECT min(id) FROM jobs"), ended_jobs + 1);
}

#[test]
fn an_upsert_is_counted_as_what_it_was() {
    let set = [
        "domains.stock.rows={ products: 40, accounts: 10, orders: 10, carts: 640, jobs: 0 }",
        "load.streams.shop.mix={ stock.fill_cart: 1 }",
        PROFILE,
    ];
    let server = TestServer::start();
    let ended = run(&server, &set);
    let (inserted, updated) = (rows(&ended, "carts", "inserted"), rows(&ended, "carts", "updated"));
    let acknowledged = ended.count("acknowledged");
    assert_eq!(inserted + updated, acknowledged);
    // `existing: 0.6`, and the draws are always the same.
    assert!(
        (acknowledged * 55 / 100..acknowledged * 65 / 100).contains(&updated),
        "{updated} of {acknowledged}"
    );
    // Every upsert puts one item into a cart, be it a new one or not.
    assert_eq!(number(&server, "SELECT count(*) FROM carts"), 640 + inserted);
    assert_eq!(number(&server, "SELECT sum(items) FROM carts"), 640 + acknowledged);
    // By Zipf's law some carts are filled again and again.
    let most = number(&server, "SELECT max(items) FROM carts");
    assert!(most > 5, "the fullest cart has {most}");
}
