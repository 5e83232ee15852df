//! `verify`: what stands in the databases is judged from its rows, and whatever is broken there is found.

use serde_json::Value;

use crate::support::command::Place;

const DOMAINS: [&str; 4] = ["user", "business", "checkin", "evaluations"];

fn place() -> Place<'static> {
    let mut place = Place::new(&DOMAINS);
    for set in [
        "thresholds=[]",
        "load.warmup=0s",
        "load.streams.platform.profile=[{ hold: 300/s, for: 2s }]",
    ] {
        place.set(set);
    }
    place
}

/// The findings that do not hold: what is claimed, and how many rows break it.
fn broken(place: &Place<'_>) -> Vec<(String, u64)> {
    let done =
        place.run(&["verify", "@yelp-small", "--source", "--run", "run", "--format", "json"]);
    let found: Value = serde_json::from_str(&done.out).unwrap();
    let findings = found["findings"].as_array().unwrap();
    let wrong = findings.iter().filter(|finding| finding["wrong"] != 0);
    let wrong: Vec<(String, u64)> = wrong
        .map(|each| (each["claim"].as_str().unwrap().to_owned(), each["wrong"].as_u64().unwrap()))
        .collect();
    let verdict = if wrong.is_empty() { (0, "passed") } else { (99, "failed") };
    assert_eq!((done.code, found["verdict"].as_str().unwrap()), verdict, "{found}");
    wrong
}

/// How many rows break the claim that has these words.
fn of(wrong: &[(String, u64)], words: &str) -> Option<u64> {
    wrong.iter().find(|(claim, _)| claim.contains(words)).map(|(_, rows)| *rows)
}

#[test]
fn all_that_the_schemas_claim_holds_and_each_thing_broken_is_found() {
    let place = place();
    place.must(&["run", "@yelp-small", "--out", "run"]);
    let done = place.must(&["verify", "@yelp-small", "--source", "--run", "run"]);
    let lines: Vec<&str> = done.out.lines().collect();
    assert!(lines.len() > 20, "{}", done.out);
    let (last, findings) = lines.split_last().unwrap();
    assert_eq!(*last, format!("{} claims hold", findings.len()));
    assert!(findings.iter().all(|line| line.starts_with("ok     ")), "{}", done.out);
    assert!(findings.iter().filter(|line| line.ends_with(": 0 rows")).count() < 3, "{}", done.out);

    // A user who is named by check-ins is not there any more.
    let gone = place.query("checkin", "SELECT user_id FROM checkins LIMIT 1")[0][0].clone();
    for sql in [
        format!("DELETE FROM friends WHERE '{gone}' IN (previous_user, next_user)"),
        format!("DELETE FROM elite_members WHERE user_id = '{gone}'"),
        format!("DELETE FROM users WHERE id = '{gone}'"),
    ] {
        place.query("user", &sql);
    }
    let named = format!("SELECT count(*) FROM checkins WHERE user_id = '{gone}'");
    let named = place.number("checkin", &named);
    let wrong = broken(&place);
    assert_eq!(
        of(&wrong, "checkin.checkins.user_id names a row of user.users"),
        Some(named),
        "{wrong:?}"
    );
    assert_eq!(of(&wrong, "user.users has the"), Some(1), "{wrong:?}");

    // Check-ins at an hour at which hardly a place is open, and reviews before anybody joined.
    place.query(
        "checkin",
        "UPDATE checkins SET checkin_date = date_trunc('day', checkin_date) + interval '4 hours'",
    );
    place.query("evaluations", "UPDATE reviews SET review_date = '1980-01-01' WHERE stars = 3");
    let never = "UPDATE reviews SET review_date = 'infinity' WHERE stars = 4";
    place.query("evaluations", never);
    let early = place.number("evaluations", "SELECT count(*) FROM reviews WHERE stars = 3");
    let wrong = broken(&place);
    assert!(
        of(&wrong, "checkins.checkin_date lies in the hours of business.business").unwrap() > 1_000,
        "{wrong:?}"
    );
    let late = of(&wrong, "reviews.review_date is not before").unwrap();
    assert!(late > early * 9 / 10 && late <= early, "{late} of {early}: {wrong:?}");
    // What no word of the schema claims, its own checks do.
    let silent = "UPDATE reviews SET content = '' WHERE id IN (SELECT id FROM reviews LIMIT 7)";
    place.query("evaluations", silent);
    let wrong = broken(&place);
    assert_eq!(of(&wrong, "evaluations: reviews and tips say something"), Some(7), "{wrong:?}");
    // A folder of a run of something else is no measure.
    std::fs::create_dir(place.folder.path().join("other")).unwrap();
    std::fs::write(place.folder.path().join("other/summary.json"), r#"{"tables":[]}"#).unwrap();
    let done = place.run(&["verify", "@yelp-small", "--source", "--run", "other"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("it is of another scenario"), "{}", done.err);
}

#[test]
fn what_cannot_be_judged_is_said() {
    let place = place();
    let done = place.run(&["verify", "@yelp-small"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("--source"), "{}", done.err);
    for (option, value) in [("--run", "run"), ("--seed", "7"), ("--scale-rate", "2")] {
        let done = place.run(&["verify", "run", option, value]);
        assert_eq!(done.code, 2, "{option}: {}", done.err);
        assert!(done.err.contains("--source"), "{option}: {}", done.err);
    }
    let done = place.run(&["verify", "@yelp-small", "--source", "--run", "nowhere"]);
    assert_eq!(done.code, 2);
    assert!(
        done.err.contains("nowhere/summary.json") && done.err.contains("--run"),
        "{}",
        done.err
    );
    let done = place.run(&["verify", "@yelp-small", "--source"]);
    assert_eq!(done.code, 4, "nothing was made there");
    assert!(done.err.contains("lacks the database"), "{}", done.err);
    let mut command = place.command(&["verify", "@yelp-small", "--source"]);
    let done = command.env_remove("LOADGEN_POSTGRES").output().unwrap();
    assert_eq!(done.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&done.stderr).contains("--keep"));
}

/// A domain in a PostgreSQL schema of a database that is not its own, and one that is nowhere.
#[test]
fn what_lies_in_schemas_is_judged_and_events_are_passed_over() {
    let mut place = Place::new(&[]);
    let folder = place.folder.path().to_owned();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let database = place.server.fresh_database();
    place.url = place.server.url_of(&database);
    write(
        "both.yaml",
        r#"
scenario: both
seed: 3
targets:
  here:   { postgres: { url: "${LOADGEN_POSTGRES}", provision: schemas } }
  clicks: { kafka: { brokers: embedded } }
domains:
  orders:     { on: here, namespace: shop, rows: { products: 10, customers: 200, orders: 300 } }
  web_events: { on: clicks, rows: { visitors: 100 } }
load:
  streams:
    shop:   { mix: { orders.place_order: 1 }, profile: [{ hold: 100/s, for: 1s }] }
    clicks: { mix: { web_events.visit: 1 }, profile: [{ hold: 20/s, for: 1s }] }
"#,
    );
    place.must(&["run", "both.yaml", "--out", "run"]);
    let judge = ["verify", "both.yaml", "--source", "--run", "run"];
    let done = place.must(&judge);
    assert!(done.out.contains("orders.orders has the 400 rows"), "{}", done.out);
    assert!(done.out.contains("orders: every order has items"), "{}", done.out);
    assert!(!done.out.contains("web_events"), "{}", done.out);
    place.server.query(&database, "UPDATE shop.order_items SET value = value + 1 WHERE line = 1");
    let done = place.run(&judge);
    assert_eq!(done.code, 99, "{}{}", done.out, done.err);
    assert!(done.out.contains("as it was ordered: 400 rows break it"), "{}", done.out);

    write("broken.sql", "SELECT 'something', 1, 2; -- one too many");
    let schema =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/orders.yaml"));
    let schema = schema.unwrap().replace("../sql/checks/orders.sql", "broken.sql");
    write("orders.yaml", &schema);
    place.set("domains.orders.schema=orders.yaml");
    let done = place.run(&["verify", "both.yaml", "--source"]);
    assert_eq!(done.code, 4, "{}", done.out);
    assert!(done.err.contains("the checks of the domain `orders` in `broken.sql`"), "{}", done.err);
}

/// It is not waited for without a word.
#[test]
fn a_table_that_others_lock_is_said() {
    let place = Place::new(&["orders"]);
    place.must(&[
        "seed",
        "@quickstart",
        "--set",
        "domains.orders.rows={ products: 100, customers: 100, orders: 100 }",
    ]);
    let database = place.database("orders");
    place.query("orders", &format!("ALTER DATABASE {database} SET lock_timeout = '300ms'"));
    let verify = || place.run(&["verify", "@quickstart", "--source"]);
    let lock = place.server.hold(&database, "LOCK TABLE orders");
    let done = verify();
    assert_eq!(done.code, 4, "{}", done.out);
    for told in ["lock timeout", "others hold a table", "FROM pg_locks"] {
        assert!(done.err.contains(told), "{}", done.err);
    }
    drop(lock);
    assert_eq!(verify().code, 0, "{}", done.err);
}
