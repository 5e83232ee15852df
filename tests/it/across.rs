//! Rows of several databases that name each other: what goes with a row goes from all of them, what
//! stays stays, and no row names one that is not there.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use crate::support::command::scenario;
use crate::support::loadgen::Ended;
use crate::support::loadgen::Loadgen;
use crate::support::replay::assert_exact;
use crate::support::server::TestServer;

/// Longer than any of these runs may take.
const PATIENCE: Duration = Duration::from_mins(2);

fn run(server: &TestServer, set: &[&str]) -> Ended {
    Loadgen::start("run", &scenario("across.yaml"), &server.url(), set).finish(PATIENCE)
}

fn keys(server: &TestServer, database: &str, sql: &str) -> BTreeSet<String> {
    server.query(database, sql).concat().into_iter().collect()
}

/// How many rows name one of another database that is not there, by the table that they are in.
fn orphans(server: &TestServer) -> [usize; 4] {
    let users = keys(server, "members", "SELECT id FROM users");
    let opinions = keys(server, "opinions", "SELECT id FROM opinions");
    let missing = |database: &str, sql: &str, there: &BTreeSet<String>| {
        keys(server, database, sql).difference(there).count()
    };
    [
        missing("visits", "SELECT user_id FROM visits", &users),
        missing("opinions", "SELECT user_id FROM opinions", &users),
        missing("members", "SELECT opinion_id FROM thanks", &opinions),
        missing("opinions", "SELECT user_id FROM quotes", &users),
    ]
}

fn table<'a>(ended: &'a Ended, name: &str) -> &'a serde_json::Value {
    let tables = ended.summary["tables"].as_array().unwrap();
    tables.iter().find(|table| table["table"] == format!("public.{name}")).unwrap()
}

/// All that was due has been acknowledged, and every row is as it should be.
fn assert_whole(server: &TestServer, set: &[&str], ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!((ended.rows("unknown"), ended.rows("failed"), ended.rows("missed")), (0, 0, 0));
    assert_eq!(ended.count("acknowledged") + ended.count("skipped"), ended.count("scheduled"));
    assert_exact(server, &scenario("across.yaml"), set, ended);
    let [visits, opinions, thanks, _] = orphans(server);
    assert_eq!((visits, opinions, thanks), (0, 0, 0));
}

#[test]
fn who_goes_takes_along_what_names_them_in_all_databases() {
    let server = TestServer::start();
    let ended = run(&server, &[]);
    assert_whole(&server, &[], &ended);
    for name in ["users", "links", "thanks", "visits", "opinions"] {
        assert!(table(&ended, name)["deleted"].as_u64().unwrap() > 50, "{}", table(&ended, name));
    }
    assert_eq!(table(&ended, "quotes")["deleted"], 0);
    assert!(orphans(&server)[3] > 20, "quotes were to outlive those whom they name");
    // What was made in the run named somebody who was there: of the run, too.
    let born = "SELECT count(*) FROM quotes WHERE id > 640 AND user_id > 640";
    assert_ne!(server.query("opinions", born), [["0"]]);
}

#[test]
fn a_refused_part_withholds_the_rest() {
    let server = TestServer::start();
    let file = scenario("across.yaml");
    let seeded = Loadgen::start("seed", &file, &server.url(), &[]).finish(PATIENCE);
    assert_eq!(seeded.code, Some(0), "{}", seeded.said);
    // Opinions go in the second part of an action, their authors in the third.
    server.query(
        "opinions",
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF OLD.id % 5 = 0 THEN RAISE EXCEPTION 'this one stays' \
         USING ERRCODE = '23001'; END IF; RETURN OLD; END $$; \
         CREATE TRIGGER no BEFORE DELETE ON opinions FOR EACH ROW EXECUTE FUNCTION no()",
    );
    let ended = Loadgen::start("run", &file, &server.url(), &[]).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.count("failed") > 10, "{}", ended.summary);
    assert!(table(&ended, "opinions")["failed"].as_u64().unwrap() > 10);
    let users = table(&ended, "users");
    assert!(users["missed"].as_u64().unwrap() > 10, "{users}");
    assert_eq!(users["failed"], 0, "{users}");
    assert_exact(&server, &file, &[], &ended);
    let [visits, opinions, ..] = orphans(&server);
    assert_eq!((visits, opinions), (0, 0));
}

#[test]
fn a_killed_server_costs_no_part() {
    let server = TestServer::start();
    let file = scenario("across.yaml");
    let set = ["load.streams.shop.profile=[{ hold: 600/s, for: 5s }]"];
    let mut run = Loadgen::start("run", &file, &server.url(), &set);
    run.wait_for_load();
    for _ in 0..3 {
        sleep(Duration::from_millis(900));
        server.kill_hard();
        server.start_again();
    }
    let ended = run.finish(PATIENCE);
    assert_whole(&server, &set, &ended);
}
