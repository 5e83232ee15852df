//! Two servers in one run: each gets the connections it was given, and what befalls one does not
//! hold up the other.

use super::*;

fn count(server: &TestServer, database: &str, table: &str) -> u64 {
    server.query(database, &format!("SELECT count(*) FROM {table}"))[0][0].parse().unwrap()
}

#[test]
fn a_server_that_is_away_does_not_hold_up_the_other() {
    let (near, far) = (TestServer::start(), TestServer::start());
    let url = format!("targets.far.postgres.url={}", far.url());
    let file = crate::support::command::scenario("two.yaml");
    let mut run = Loadgen::start("run", &file, &near.url(), &[&url]);
    run.wait_for_load();
    sleep(Duration::from_millis(500));
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'loadgen/%'";
    // And one to each server that asks what it keeps for slots, and one to each database that says who is at work.
    assert_eq!(near.query("orders", sessions), [["4"]]);
    assert_eq!(far.query("orders_original", sessions), [["5"]]);
    far.kill_hard();
    sleep(Duration::from_millis(500));
    let before = count(&near, "orders", "orders");
    sleep(Duration::from_secs(2));
    let meanwhile = count(&near, "orders", "orders") - before;
    assert!(meanwhile > 100, "{meanwhile} orders in two seconds");
    far.start_again();
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    for table in ended.summary["tables"].as_array().unwrap() {
        let (database, name) =
            (table["database"].as_str().unwrap(), table["table"].as_str().unwrap());
        let server = if database == "orders" { &near } else { &far };
        assert_eq!(Some(count(server, database, name)), table["alive"].as_u64(), "{table}");
    }
    assert_eq!((ended.rows("failed"), ended.rows("unknown")), (0, 0));
}
