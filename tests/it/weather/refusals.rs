//! What the server refuses: counted by class with the first message, tried again if it passes, and
//! the end of the run if it is too much.

use serde_json::Value;

use super::*;
use crate::support::replay::Replay;

const STEADY: &str = "load.streams.shop.profile=[{ hold: 400/s, for: 4s }]";

/// Seeds, lets `prepare` do something to the database, and runs.
fn run_after(set: &[&str], prepare: &str) -> (TestServer, Ended) {
    let server = TestServer::start();
    let seeded = Loadgen::start("seed", KILL, &server.url(), set).finish(PATIENCE);
    assert_eq!(seeded.code, Some(0), "{}", seeded.said);
    server.query("orders", prepare);
    let ended = Loadgen::start("run", KILL, &server.url(), set).finish(PATIENCE);
    (server, ended)
}

/// The only kind of failure.
fn kind(ended: &Ended) -> &Value {
    let kinds = ended.summary["streams"][0]["failures"].as_array().unwrap();
    assert_eq!(kinds.len(), 1, "{kinds:?}");
    &kinds[0]
}

/// A trigger on `orders` that does something for each new row; `n` counts them, also those that
/// come to nothing.
pub(super) fn trigger(body: &str) -> String {
    format!(
        "CREATE SCHEMA weather; CREATE SEQUENCE weather.s; \
         CREATE FUNCTION weather.t() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ \
         DECLARE n bigint := nextval('weather.s'); BEGIN {body} RETURN NEW; END $$; \
         CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION weather.t()"
    )
}

#[test]
fn a_neighbours_key_costs_one_insert() {
    let set = [SMALL, STEADY];
    let row = Replay::first_insert(KILL, &set, "customers");
    let neighbour = format!(
        "INSERT INTO customers VALUES ({}, 'neighbour', 'neighbour@example.com', null, now())",
        row[0]
    );
    let (server, ended) = run_after(&set, &neighbour);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let kind = kind(&ended);
    assert_eq!(
        (kind["class"].as_str(), kind["code"].as_str()),
        (Some("constraint"), Some("23505"))
    );
    let first = kind["first"].as_str().unwrap();
    assert!(first.contains("duplicate key value violates unique constraint"), "{first}");
    assert_eq!(ended.count("failed"), 1);
    let deleted = "DELETE FROM customers WHERE name = 'neighbour' RETURNING id::text";
    assert_eq!(server.query("orders", deleted), [[row[0].clone()]]);
    assert_exact(&server, KILL, &set, &ended);
}

#[test]
fn a_statement_that_takes_too_long_is_counted() {
    let set = [SMALL, STEADY, "targets.operational.postgres.statement_timeout=2s"];
    let sleeper = trigger("IF n = 150 THEN PERFORM pg_sleep(5); END IF;");
    let (server, ended) = run_after(&set, &sleeper);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let kind = kind(&ended);
    assert_eq!((kind["class"].as_str(), kind["code"].as_str()), (Some("timeout"), Some("57014")));
    assert!(kind["first"].as_str().unwrap().contains("statement timeout"), "{kind}");
    assert_eq!(ended.count("failed"), 1);
    assert_exact(&server, KILL, &set, &ended);
}

#[test]
fn what_loses_against_others_is_tried_again() {
    let set = [SMALL, STEADY];
    let loser = trigger(
        "IF n % 20 = 0 THEN RAISE EXCEPTION 'not now' USING ERRCODE = '40001'; END IF; \
         IF n % 20 = 7 THEN RAISE EXCEPTION 'not you' USING ERRCODE = '40P01'; END IF;",
    );
    let (server, ended) = run_after(&set, &loser);
    passed(&ended);
    assert!(ended.count("retries") > 10, "{}", ended.count("retries"));
    assert_exact(&server, KILL, &set, &ended);
}

#[test]
fn what_always_loses_is_given_up() {
    let set = [SMALL, STEADY];
    let loser = trigger(
        "IF NEW.shipping < 0.10 THEN RAISE EXCEPTION 'never' USING ERRCODE = '40001'; END IF;",
    );
    let (server, ended) = run_after(&set, &loser);
    assert_eq!(kind(&ended)["class"], "serialization");
    assert_eq!(ended.count("retries"), 9 * ended.count("failed"));
    assert_exact(&server, KILL, &set, &ended);
}

#[test]
fn too_many_failures_end_the_run() {
    let set = [
        SMALL,
        "load.streams.shop.profile=[{ hold: 400/s, for: 60s }]",
        "thresholds=[{ metric: failed_ratio, expr: \"< 0.1%\" }]",
    ];
    let (server, ended) = run_after(&set, &trigger("RAISE EXCEPTION 'no orders today';"));
    assert_eq!(ended.code, Some(5), "{}", ended.said);
    assert!(ended.took < Duration::from_secs(50), "it took {:?}", ended.took);
    assert_eq!(kind(&ended)["first"], "no orders today");
    let reason = ended.summary["stopped_because"].as_str().unwrap();
    assert!(reason.contains("more than 1 %"), "{reason}");
    assert_exact(&server, KILL, &set, &ended);
}

#[test]
fn a_right_that_is_taken_away_ends_the_run() {
    let set = [SMALL, "load.streams.shop.profile=[{ hold: 400/s, for: 60s }]"];
    let server = TestServer::start();
    let mut run = Loadgen::start("run", KILL, &server.url(), &set);
    run.wait_for_load();
    sleep(Duration::from_secs(1));
    server.query("orders", "REVOKE INSERT ON order_items FROM orders_app");
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(5), "{}", ended.said);
    let kind = kind(&ended);
    assert_eq!((kind["class"].as_str(), kind["code"].as_str()), (Some("privilege"), Some("42501")));
    assert_eq!(kind["first"], "permission denied for table order_items");
    assert_exact(&server, KILL, &set, &ended);
}

/// A switch that could not be turned on stands already as its turning off leaves it: that says
/// nothing of whether the turning off was committed.
#[test]
fn a_row_that_missed_an_update_is_no_evidence() {
    let file = crate::support::command::scenario("turns.yaml");
    let server = TestServer::start();
    let seeded = Loadgen::start("seed", &file, &server.url(), &[]).finish(PATIENCE);
    assert_eq!(seeded.code, Some(0), "{}", seeded.said);
    server.query(
        "turns",
        "CREATE SCHEMA weather; CREATE TABLE weather.turned (); CREATE SEQUENCE weather.s; \
         CREATE FUNCTION weather.t() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
         IF NEW.state = 'on' AND nextval('weather.s') % 2 = 0 \
         THEN RAISE check_violation USING MESSAGE = 'stuck'; END IF; \
         INSERT INTO weather.turned DEFAULT VALUES; RETURN NEW; END $$; \
         CREATE TRIGGER t BEFORE UPDATE ON switches FOR EACH ROW EXECUTE FUNCTION weather.t()",
    );
    let proxy = Proxy::start(server.port(), "_app");
    for number in 1..40 {
        proxy.arm(number * 20, Fault::LoseCommit);
    }
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
    let ended = Loadgen::start("run", &file, &url, &[]).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.resolved().1 >= 30 && ended.count("failed") >= 100, "{}", ended.summary);
    let turned = server.query("turns", "SELECT count(*) FROM weather.turned");
    assert_eq!(turned, [[ended.rows("updated").to_string()]]);
}

#[test]
fn a_run_of_which_nothing_came_has_failed() {
    let set = [SMALL, "load.streams.shop.profile=[{ hold: 100/s, for: 1s }]"];
    let mix = "load.streams.shop.mix={ orders.place_order: 1 }";
    let (server, ended) = run_after(
        &[&set[..], &[mix]].concat(),
        "ALTER TABLE orders ADD CONSTRAINT none CHECK (false) NOT VALID",
    );
    assert_eq!(ended.code, Some(99), "{}", ended.said);
    let because = ended.summary["failed_because"][0].as_str().unwrap();
    let nothing = "nothing of the stream `shop` was acknowledged: 100 actions were sent";
    assert!(because.starts_with(nothing), "{because}");
    assert_exact(&server, KILL, &[&set[..], &[mix]].concat(), &ended);
}
