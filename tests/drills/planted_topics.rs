//! As `planted`, at topics: one change among a hundred thousand is spoilt on its way into them, in every second run.

use serde_json::Value;

use crate::planted::CHANGES_MIN;
use crate::planted::SET;
use crate::planted::faults;
use crate::random;
use crate::support::broker::Broker;
use crate::support::command::Place;
use crate::support::connector::Connector;
use crate::support::connector::Spoil;
use crate::support::server::TestServer;

/// Rounds for each kind of mischief, each with a run that is spoilt and one that is not: half as many as at a slot.
const ROUNDS: usize = 4;
/// Changes of orders among those of a run, at least.
const ORDERS: u64 = 30_000;
const TABLES: [&str; 5] = ["products", "customers", "orders", "order_items", "loadgen_canary"];
/// Slower than at a slot: the test's connector takes a part of the machine for itself.
const PROFILE: &str = "load.streams.shop.profile=[{ hold: 2k/s, for: 17s }]";
/// What a run exits with whose verdict says nothing.
const INVALID: i32 = 6;
/// A run that is invalid, as the machine had no time for it, is done again; so often at most.
const TRIES: usize = 3;
const OBSERVE: &str = "observe={ topics: { kafka: { on: events } } }";

pub(crate) fn all() {
    let (mut named, mut changes) = (0, 0);
    for round in 1..=ROUNDS {
        for (spoil, class) in Spoil::ALL {
            let before = 1 + random(ORDERS);
            let Round { code, said, summary, spoilt, observed, table } = valid(&[spoil], before);
            let spoilt = spoilt.expect("no change was spoilt");
            let example = &summary["verification"]["examples"][0];
            let of = |name: &str| example[name].as_str().unwrap_or_default().to_owned();
            let is_named = code == 99
                && faults(&summary) == [(class, 1)]
                && (of("class"), of("table"), of("key"))
                    == (class.to_owned(), table, spoilt.clone());
            assert!(is_named, "{spoilt}: {}\n{said}", summary["verification"]);
            named += 1;
            changes += observed;
            println!(
                "round {round}: {observed} changes, one behind the {before}th of an order: {class} {spoilt}"
            );
            let Round { code, said, summary, observed, .. } = valid(&[], 0);
            assert_eq!(code, 0, "{said}");
            assert_eq!(faults(&summary), [], "{}", summary["verification"]);
            changes += observed;
            println!("round {round}: {observed} changes, none spoilt: none named");
        }
        println!("{named} faults planted and named exactly, 0 invented, {changes} changes in all");
    }
}

/// A run on a machine that had time for it.
fn valid(spoil: &[Spoil], before: u64) -> Round {
    for _ in 1..TRIES {
        let round = run(spoil, before);
        if round.code != INVALID {
            return round;
        }
        println!("invalid, and done again: {}", round.summary["invalid_because"]);
    }
    run(spoil, before)
}

/// Runs a load beside a connector that spoils what it is told to, once so many changes of orders went by.
fn run(spoil: &[Spoil], before: u64) -> Round {
    let mut place = Place::on(TestServer::shared(), &["orders"]);
    let topics = TABLES.map(|table| format!("domain_orders.public.{table}"));
    let broker = Broker::new(&topics.each_ref().map(String::as_str));
    place.beside_kafka(&broker.address());
    SET.into_iter().chain([PROFILE, OBSERVE, "validity=off"]).for_each(|pair| place.set(pair));
    place.must(&["seed", "@cdc-lag"]);
    let database = place.database("orders");
    let connector = Connector::start(place.server, &database, &broker.address(), spoil, &[]);
    connector.not_before(before);
    let (code, said, summary) = connector.run(&place);
    let spoilt = connector.spoilt();
    drop(connector);
    place.must(&["clean", "@cdc-lag"]);
    let observed = summary["verification"]["observed"].as_u64().unwrap_or(0);
    assert!(observed > CHANGES_MIN, "{observed} changes\n{said}");
    Round { code, said, summary, spoilt, observed, table: format!("{database}.public.orders") }
}

/// What a run came to.
struct Round {
    code: i32,
    said: String,
    summary: Value,
    /// The key of what was spoilt.
    spoilt: Option<String>,
    /// Changes that came.
    observed: u64,
    /// Where the one was spoilt.
    table: String,
}
