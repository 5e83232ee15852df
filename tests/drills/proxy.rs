//! A proxy that loses commits, loses the replies to them, or delays commits until after their
//! client has come back.

use crate::PATIENCE;
use crate::Totals;
use crate::random;
use crate::support::loadgen::Loadgen;
use crate::support::proxy::Fault;
use crate::support::proxy::Proxy;
use crate::support::replay::assert_exact;
use crate::support::server::TestServer;

const ROUNDS: usize = 20;
/// Commits that a fault befalls in each round.
const FAULTS: u32 = 8;

const FAULTS_BY_NAME: [(&str, Fault); 3] = [
    ("COMMIT is lost", Fault::LoseCommit),
    ("the reply to COMMIT is lost", Fault::LoseReply),
    ("COMMIT is delayed until after the reconnect", Fault::DelayCommit),
];

pub(crate) fn all() {
    let plain = [
        "domains.orders.rows={ products: 1k, customers: 2k, orders: 5k }",
        "load.streams.shop.profile=[{ hold: 5k/s, for: 6s }]",
    ];
    let two_phases = [
        "domains.orders_original.rows={ orders: 5k }",
        "targets.operational.postgres.connections=8",
        "load.streams.orders.mix={ orders_original.order: 1, orders_original.reprice: 8, \
         orders_original.remove: 1 }",
        "load.streams.orders.profile=[{ hold: 1k/s, for: 6s }]",
    ];
    for (name, fault) in FAULTS_BY_NAME {
        println!("{name}, {FAULTS} times in each round: orders-kill.yaml");
        rounds(fault, "orders-kill.yaml", &plain);
        println!("\n{name}: updates that leave no evidence (two phases), orders-original.yaml");
        rounds(fault, "orders-original.yaml", &two_phases);
        println!();
    }
}

fn rounds(fault: Fault, file: &str, set: &[&str]) {
    let mut totals = Totals::default();
    for round in 1..=ROUNDS {
        let server = TestServer::start();
        // Only workers log in as the application's role.
        let proxy = Proxy::start(server.port(), "_app");
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
        (0..FAULTS).for_each(|_| proxy.arm(u32::try_from(random(4000)).unwrap(), fault));
        let ended = Loadgen::start("run", file, &url, set).finish(PATIENCE);
        let counts = proxy.counts();
        drop(proxy);
        let rows = assert_exact(&server, file, set, &ended);
        let struck = counts.lost_commits + counts.lost_replies + counts.delayed;
        assert_eq!(struck, FAULTS, "{counts:?}");
        assert_eq!(counts.answered, 0, "a delayed commit took effect");
        totals.add(round, &ended, rows, "");
    }
    totals.print();
    let expected = match fault {
        Fault::LoseReply => totals.committed,
        Fault::LoseCommit | Fault::DelayCommit => totals.absent,
    };
    assert!(expected >= u64::from(FAULTS) * ROUNDS as u64, "{totals:?}");
}
