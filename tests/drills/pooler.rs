//! `kill -9` of a PgBouncer in transaction mode in mid-run, twice; it comes back at once.

use std::thread::sleep;
use std::time::Duration;

use crate::PATIENCE;
use crate::Totals;
use crate::random;
use crate::support::loadgen::Loadgen;
use crate::support::pooler::Pooler;
use crate::support::replay::assert_exact;
use crate::support::server::TestServer;

const ROUNDS: usize = 10;
const AWAY: Duration = Duration::from_millis(300);

pub(crate) fn all() {
    println!("kill -9 of PgBouncer (transaction mode) twice in mid-run: orders-kill.yaml");
    rounds(
        "orders-kill.yaml",
        &[
            "domains.orders.rows={ products: 1k, customers: 2k, orders: 5k }",
            "load.streams.shop.profile=[{ hold: 700/s, for: 8s }]",
        ],
    );
    println!("\nthe same with updates that leave no evidence: orders-original.yaml");
    rounds(
        "orders-original.yaml",
        &[
            "domains.orders_original.rows={ orders: 5k }",
            "load.streams.orders.mix={ orders_original.order: 1, orders_original.reprice: 8, \
             orders_original.remove: 1 }",
            "load.streams.orders.profile=[{ hold: 700/s, for: 8s }]",
        ],
    );
}

fn rounds(file: &str, set: &[&str]) {
    let mut totals = Totals::default();
    for round in 1..=ROUNDS {
        let server = TestServer::start();
        let Some(pooler) = Pooler::start(&server) else { return };
        let target = "targets.operational.postgres";
        let behind = [
            format!("{target}.prepare=false"),
            format!("{target}.in_flight=1"),
            format!("{target}.connections=16"),
            format!("{target}.admin={}", server.url()),
        ];
        let all: Vec<&str> = set.iter().copied().chain(behind.iter().map(String::as_str)).collect();
        let mut run = Loadgen::start("run", file, &pooler.url(), &all);
        run.wait_for_load();
        for _ in 0..2 {
            sleep(Duration::from_millis(1000 + random(2000)));
            pooler.kill_hard();
            sleep(AWAY);
            pooler.launch();
        }
        let ended = run.finish(PATIENCE);
        let rows = assert_exact(&server, file, set, &ended);
        totals.add(round, &ended, rows, "");
    }
    totals.print();
}
