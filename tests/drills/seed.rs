//! `seed` killed at a random moment, and repeated at once: completed, never doubled.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::PATIENCE;
use crate::random;
use crate::support::loadgen::Loadgen;
use crate::support::server::TestServer;

const ROUNDS: usize = 10;
const FILE: &str = "seed-orders.yaml";
const SET: [&str; 1] = ["domains.orders.rows={ products: 1k, customers: 100k, orders: 300k }"];
const TABLES: [&str; 4] = ["products", "customers", "orders", "order_items"];

pub(crate) fn all() {
    println!("seed killed (SIGKILL) at a random moment and repeated at once: seed-orders.yaml");
    let server = TestServer::start();
    let ended = Loadgen::start("seed", FILE, &server.url(), &SET).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let (undisturbed, took) = (fingerprint(&server), ended.took);
    let rows = undisturbed.iter().map(|(count, _)| count).sum::<u64>();
    println!("undisturbed: {:.1} s, {rows} rows", took.as_secs_f64());
    drop(server);
    for round in 1..=ROUNDS {
        let server = TestServer::start();
        let mut moments = Vec::new();
        let mut before = Vec::new();
        // The second one may be killed while the first one's sessions still end.
        for _ in 0..2 {
            let run = Loadgen::start("seed", FILE, &server.url(), &SET);
            let moment = Duration::from_millis(random(took.as_millis() as u64 * 9 / 10));
            sleep(moment);
            run.signal(Signal::KILL);
            run.finish(PATIENCE);
            moments.push(format!("{:.2} s", moment.as_secs_f64()));
            before.push(committed(&server));
        }
        let ended = Loadgen::start("seed", FILE, &server.url(), &SET).finish(PATIENCE);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert_eq!(fingerprint(&server), undisturbed, "after kills at {moments:?}");
        println!(
            "round {round:>2}: killed after {}, with {} and {} rows committed; completed in {:.1} s: \
             {rows} rows, equal to the undisturbed",
            moments.join(" and "),
            before[0],
            before[1],
            ended.took.as_secs_f64(),
        );
    }
}

/// For each table its row count, and a hash that does not depend on the order of rows.
fn fingerprint(server: &TestServer) -> Vec<(u64, String)> {
    let of = |table: &&str| {
        let sql =
            format!("SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {table} t");
        let row = server.query("orders", &sql).remove(0);
        (row[0].parse().unwrap(), row[1].clone())
    };
    TABLES.iter().map(of).collect()
}

/// Rows that stand so far; none while there are no tables.
fn committed(server: &TestServer) -> u64 {
    let exists = "SELECT count(*) FROM pg_database WHERE datname = 'orders'";
    if server.query("postgres", exists) == [["0"]] {
        return 0;
    }
    let of = |table: &&str| {
        let exists = format!("SELECT to_regclass('public.{table}')::text");
        if server.query("orders", &exists) == [[""]] {
            return 0;
        }
        let count = server.query("orders", &format!("SELECT count(*) FROM {table}"));
        count[0][0].parse::<u64>().unwrap()
    };
    TABLES.iter().map(of).sum()
}
