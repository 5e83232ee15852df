//! One change among a hundred thousand is spoilt on its way to the observer, in every second run.

use serde_json::Value;

use crate::PATIENCE;
use crate::random;
use crate::support::loadgen::Ended;
use crate::support::loadgen::Loadgen;
use crate::support::server::TestServer;
use crate::support::slot_proxy::Mischief;
use crate::support::slot_proxy::SlotProxy;

/// Rounds for each kind of mischief, each with a run that is spoilt and one that is not.
const ROUNDS: usize = 8;
/// Changes that a run must have at least.
pub(crate) const CHANGES_MIN: u64 = 100_000;

pub(crate) const SET: [&str; 5] = [
    "domains.orders.rows={ products: 200, customers: 5k, orders: 20k }",
    "load.warmup=0s",
    // Half of what comes is inserted, and a row has several changes.
    "load.streams.shop.mix={ orders.place_order: 60, orders.pay: 15, orders.correct_value: 5, \
     orders.delete_order: 20 }",
    "load.streams.shop.profile=[{ hold: 3k/s, for: 11s }]",
    "thresholds=[]",
];

pub(crate) fn all() {
    let (mut named, mut false_ones, mut changes) = (0, 0, 0);
    for (mischief, class) in Mischief::ALL {
        println!("{mischief:?}: one change of a run is to be named as {class}");
        for round in 1..=ROUNDS {
            let at = 1 + random(CHANGES_MIN * 9 / 10);
            let server = TestServer::start();
            let proxy = SlotProxy::start(server.port());
            proxy.plan(at, mischief);
            let (ended, observed) = run(&proxy);
            let spoilt = proxy.spoilt().0.expect("no change was spoilt");
            let example = &ended.summary["verification"]["examples"][0];
            let of = |name: &str| example[name].as_str().unwrap_or_default().to_owned();
            let is_named = ended.code == Some(99)
                && faults(&ended.summary) == [(class, 1)]
                && (of("class"), of("table"), of("key"))
                    == (class.to_owned(), format!("orders.{}", spoilt.table), spoilt.key.clone());
            assert!(is_named, "{spoilt:?}: {}\n{}", ended.summary["verification"], ended.said);
            named += u32::from(is_named);
            changes += observed;
            println!(
                "round {round}: {observed} changes, the {at}th or the next that it can be done to: \
                 {class} {} {}",
                spoilt.table, spoilt.key
            );
            drop(proxy);
            let server = TestServer::start();
            let proxy = SlotProxy::start(server.port());
            let (ended, observed) = run(&proxy);
            assert_eq!(ended.code, Some(0), "{}", ended.said);
            false_ones += faults(&ended.summary).len();
            assert_eq!(false_ones, 0, "{}", ended.summary["verification"]);
            changes += observed;
            println!("round {round}: {observed} changes, none spoilt: none named");
        }
    }
    println!(
        "{named} faults planted and named exactly, {false_ones} invented, {changes} changes in all"
    );
}

/// Runs a load through a proxy to its end. Returns how many changes came.
fn run(proxy: &SlotProxy) -> (Ended, u64) {
    let ended = Loadgen::start("run", "cdc-lag.yaml", &proxy.url(), &SET).finish(PATIENCE);
    let observed = ended.summary["verification"]["observed"].as_u64().unwrap_or(0);
    assert!(observed > CHANGES_MIN, "{observed} changes\n{}", ended.said);
    (ended, observed)
}

/// How many faults of each class a run had, without those that it had none of.
pub(crate) fn faults(summary: &Value) -> Vec<(&'static str, u64)> {
    let classes = ["lost", "doubled", "replayed", "reordered", "wrong", "phantom", "pending"];
    let of = |class: &'static str| (class, summary["verification"][class].as_u64().unwrap());
    classes.map(of).into_iter().filter(|(_, count)| *count > 0).collect()
}
