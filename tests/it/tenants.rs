//! Domains of which there are several: each has its own, all get as much, and none holds up another.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::command::Place;
use crate::support::command::scenario;
use crate::support::loadgen::Loadgen;
use crate::support::replay::assert_exact;
use crate::support::server::TestServer;

/// Longer than any of these runs may take.
const PATIENCE: Duration = Duration::from_mins(2);

fn shops() -> Place<'static> {
    let mut place = Place::new(&["orders"]);
    for set in [
        "thresholds=[]",
        "start=2026-01-01T00:00:00Z",
        "domains.orders.rows={ products: 20, customers: 80, orders: 160 }",
        "load.warmup=0s",
        "load.streams.shops.profile=[{ hold: 640/s, for: 3s }]",
    ] {
        place.set(set);
    }
    place
}

/// Databases and roles of a place.
fn made(place: &Place<'_>) -> Vec<Vec<String>> {
    let sql = "SELECT 'database', datname::text FROM pg_database WHERE datname LIKE 'PREFIX\\_%' \
               UNION ALL SELECT 'role', rolname FROM pg_roles WHERE rolname LIKE 'PREFIX\\_%' \
               ORDER BY 1, 2";
    place.server.query("postgres", &sql.replace("PREFIX", &place.prefix))
}

/// What a run counted of a table in each copy.
fn of_copies(summary: &Value, table: &str, what: &str) -> Vec<u64> {
    let tables = summary["tables"].as_array().unwrap().iter();
    let found = tables.filter(|each| each["table"] == format!("public.{table}"));
    found.map(|each| each[what].as_u64().unwrap()).collect()
}

#[test]
fn each_shop_has_its_own_and_as_much_as_the_others() {
    let one = shops();
    let before = made(&one);
    one.must(&["run", "@tenants", "--workers", "1", "--out", "run"]);
    let summary = one.summary("run");
    one.assert_counted(&summary);
    assert_eq!(summary["streams"].as_array().unwrap().len(), 1);
    assert_eq!(summary["streams"][0]["scheduled"], 1920);
    assert_eq!(of_copies(&summary, "orders", "seeded"), [160; 8]);
    let inserted = of_copies(&summary, "orders", "inserted");
    assert!(inserted.iter().all(|count| (80..140).contains(count)), "{inserted:?}");
    let made_now = made(&one);
    assert_eq!(made_now.iter().filter(|each| each[0] == "database").count(), 8, "{made_now:?}");
    assert_eq!(made_now.iter().filter(|each| each[0] == "role").count(), 24, "{made_now:?}");
    let names: BTreeSet<String> = (1..=8)
        .flat_map(|copy| {
            one.query(&format!("orders_{copy}"), "SELECT name FROM customers").concat()
        })
        .collect();
    assert!(names.len() > 300, "shops have customers of their own: {}", names.len());

    // Of each lane as many slots were taken, so of each shop.
    let account = std::fs::read_to_string(one.folder.path().join("run/account.json")).unwrap();
    let account: Value = serde_json::from_str(&account).unwrap();
    let lanes = account["lanes"].as_array().unwrap();
    assert!(lanes.iter().all(|lane| lane["decided"] == 30), "{lanes:?}");

    let four = shops();
    four.must(&["run", "@tenants", "--workers", "4", "--out", "run"]);
    for copy in 1..=8 {
        let copy = format!("orders_{copy}");
        assert_eq!(one.content(&copy), four.content(&copy), "{copy}");
    }
    for place in [&one, &four] {
        let verified = place.must(&["verify", "@tenants", "--source", "--run", "run"]);
        assert!(verified.out.contains("orders_8.orders"), "{}", verified.out);
        place.must(&["clean", "@tenants"]);
        assert_eq!(made(place), before);
    }
}

#[test]
fn copies_refer_to_the_copy_of_their_number_and_to_what_there_is_once() {
    let server = TestServer::start();
    let file = scenario("tenants.yaml");
    let ended = Loadgen::start("run", &file, &server.url(), &[]).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_exact(&server, &file, &[], &ended);
    assert_eq!(ended.count("missed"), 0);
    let keys = |database: &str, sql: &str| -> BTreeSet<String> {
        server.query(database, sql).concat().into_iter().collect()
    };
    let places = keys("domain_business", "SELECT id FROM business");
    let mut born = 0;
    for copy in 1..=3 {
        let (users, reviews) =
            (format!("domain_user_{copy}"), format!("domain_evaluations_{copy}"));
        let users = keys(&users, "SELECT id FROM users");
        let named = keys(&reviews, "SELECT user_id FROM reviews UNION SELECT user_id FROM tips");
        assert!(named.len() > 60 && named.is_subset(&users), "copy {copy}");
        let named = keys(&reviews, "SELECT business_id FROM reviews");
        assert!(named.is_subset(&places), "copy {copy}");
        born += named.len();
    }
    assert!(born > 60);
    let gone = of_copies(&ended.summary, "users", "deleted");
    assert!(gone.len() == 3 && gone.iter().all(|count| *count > 10), "{gone:?}");
}

#[test]
fn a_shop_that_is_held_up_holds_up_no_other() {
    let server = TestServer::start();
    let file = "tenants.yaml";
    let set = [
        "load.streams.shops.profile=[{ hold: 640/s, for: 8s }]",
        "load.warmup=0s",
        "thresholds=[]",
    ];
    let mut run = Loadgen::start("run", file, &server.url(), &set);
    run.wait_for_load();
    let held = server.hold("orders_3", "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
    // Now every lane that might wait for that shop has had its turn, and waits.
    sleep(Duration::from_secs(2));
    let count = |copy: u32| -> u64 {
        let sql = "SELECT count(*) FROM orders";
        server.query(&format!("orders_{copy}"), sql)[0][0].parse().unwrap()
    };
    let others = [1, 2, 4, 5, 6, 7, 8];
    let before = others.map(count);
    let begun = Instant::now();
    while others.iter().zip(&before).any(|(copy, before)| count(*copy) < before + 10) {
        assert!(begun.elapsed() < PATIENCE && !run.is_over(), "the others wait, too");
        sleep(Duration::from_millis(50));
    }
    drop(held);
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(ended.count("acknowledged") + ended.count("skipped"), 5120, "{}", ended.summary);
}

#[test]
fn as_many_lanes_as_shops_are_enough() {
    let mut place = shops();
    place.set("lanes=8");
    place.set("targets.operational.postgres.connections=1");
    place.set("load.streams.shops.mix={ orders.checkout: 9, orders.place_order: 2, orders.delete_order: 1 }");
    place.must(&["run", "@tenants", "--out", "run"]);
    let summary = place.summary("run");
    place.assert_counted(&summary);
    // What follows in one shop is counted with what follows in the others.
    let streams = summary["streams"].as_array().unwrap();
    let names: Vec<&str> = streams.iter().map(|stream| stream["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shops", "shops/settle", "shops/ship"]);
    assert_eq!(streams[0]["failed"], 0);
    assert!(streams[1]["acknowledged"].as_u64().unwrap() > 500, "{}", streams[1]);
    let settled = of_copies(&summary, "orders", "updated");
    assert!(settled.iter().all(|count| *count > 50), "{settled:?}");
    let plan = place.must(&["plan", "@tenants"]).out;
    assert!(
        plan.contains("orders.place_order") && !plan.contains("orders_1.place_order"),
        "{plan}"
    );
    place.must(&["clean", "@tenants"]);
}
