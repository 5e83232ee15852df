//! `kill -9` of the whole server in mid-run; it comes back after three seconds.

use std::thread::sleep;
use std::time::Duration;

use crate::PATIENCE;
use crate::Totals;
use crate::random;
use crate::support::loadgen::Loadgen;
use crate::support::replay::assert_exact;
use crate::support::server::Options;
use crate::support::server::TestServer;

const ROUNDS: usize = 10;
const AWAY: Duration = Duration::from_secs(3);

pub(crate) fn all() {
    println!("kill -9 of the server in mid-run, started again after 3 s: orders-kill.yaml");
    let totals = rounds("orders-kill.yaml", &[]);
    let all = totals.committed + totals.absent;
    assert!(all >= 30 && totals.committed > 0 && totals.absent > 0, "{totals:?}");
    println!("\nthe same with updates that leave no evidence (two phases): orders-original.yaml");
    let set = [
        "domains.orders_original.rows={ orders: 20k }",
        "targets.operational.postgres.connections=16",
        "load.streams.orders.mix={ orders_original.order: 1, orders_original.reprice: 8, \
         orders_original.remove: 1 }",
        "load.streams.orders.profile=[{ hold: 2k/s, for: 12s }]",
    ];
    rounds("orders-original.yaml", &set);
}

/// A server that waits for its disk. Its commits take a while, so that some are in the log and not
/// acknowledged when it dies; with `fsync=off`, which suits the other tests, hardly one ever is.
pub(crate) fn durable() -> TestServer {
    let hba = vec!["host all all 127.0.0.1/32 trust".to_owned()];
    let settings = vec![("fsync", "on".to_owned())];
    TestServer::with(&Options { hba, settings, ..Options::default() })
}

fn yes() -> Vec<Vec<String>> {
    vec![vec!["on".to_owned()]]
}

fn rounds(file: &str, set: &[&str]) -> Totals {
    let mut totals = Totals::default();
    for round in 1..=ROUNDS {
        let server = durable();
        let on = |setting: &str| server.query("postgres", &format!("SHOW {setting}"));
        assert_eq!((on("synchronous_commit"), on("fsync")), (yes(), yes()));
        let mut run = Loadgen::start("run", file, &server.url(), set);
        run.wait_for_load();
        let moment = Duration::from_millis(2000 + random(8000));
        sleep(moment);
        server.kill_hard();
        sleep(AWAY);
        server.start_again();
        let ended = run.finish(PATIENCE);
        let rows = assert_exact(&server, file, set, &ended);
        totals.add(round, &ended, rows, &format!("; killed after {:.1} s", moment.as_secs_f64()));
    }
    totals.print();
    totals
}
