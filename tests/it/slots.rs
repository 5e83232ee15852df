//! Replication slots and subscriptions in databases that are dropped and made anew: those of others stay, and nothing is
//! touched.

use crate::support::command::LENIENT;
use crate::support::command::Place;
use crate::support::connect::Connect;
use crate::support::connector::Reader;
use crate::support::machine::wait_for;
use crate::support::server::TestServer;
use crate::support::slot::forget;

/// The connector of the quickstart's database, and its slot.
const NAME: &str = "loadgen-quickstart-orders";
const SLOT: &str = "debezium_orders";

/// All that drops databases.
const COMMANDS: [&[&str]; 4] = [
    &["run", "@quickstart", "--fresh", "--out", "run"],
    &["seed", "@quickstart", "--fresh", "--out", "run"],
    &["setup", "@quickstart", "--fresh", "--out", "run"],
    &["clean", "@quickstart"],
];

/// A database of the quickstart with a few rows.
fn seeded(server: &TestServer) -> Place<'_> {
    let mut place = Place::on(server, &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 100, orders: 100 }");
    place.set("load.streams.shop.profile=[ { hold: 50/s, for: 1s } ]");
    place.set("load.warmup=0s");
    place.set("cdc.password=geheim");
    place.set(LENIENT);
    place.must(&["seed", "@quickstart"]);
    place
}

/// Each slot with who reads it.
fn slots(place: &Place<'_>) -> Vec<String> {
    let sql =
        "SELECT slot_name || ' ' || coalesce(active_pid, 0) FROM pg_replication_slots ORDER BY 1";
    place.server.query("postgres", sql).concat()
}

/// All commands refuse with these words, and change nothing.
fn refused(place: &Place<'_>, words: &[&str]) {
    let stands = || (place.content("orders"), slots(place));
    let before = stands();
    for command in COMMANDS {
        let done = place.run(command);
        assert_eq!(done.code, 4, "{command:?}: {}{}", done.out, done.err);
        for word in words {
            assert!(done.err.contains(word), "{command:?}: `{word}` is not in: {}", done.err);
        }
        assert_eq!(done.out, "", "{command:?}");
        assert_eq!(stands(), before, "{command:?}: {}", done.err);
        assert!(!place.folder.path().join("run").exists(), "{command:?}: nothing was made");
    }
}

#[test]
fn a_slot_of_others_stays_whether_it_is_read_or_not() {
    let server = TestServer::start();
    let place = seeded(&server);
    let database = place.database("orders");
    // A name proves nothing while somebody else reads it.
    let reader = Reader::start(&server, &database, "loadgen_theirs");
    refused(&place, &["`loadgen_theirs`", "`pg_recvlogical`"]);
    drop(reader);
    forget(&server, "loadgen_theirs");
    let reader = Reader::start(&server, &database, "theirs");
    let process = slots(&place)[0].replace("theirs ", "the process ");
    let named = format!("the database `{database}` cannot be removed");
    let drops = "SELECT pg_drop_replication_slot('theirs')";
    refused(&place, &[&named, "`theirs`", &process, "`pg_recvlogical`", drops]);

    drop(reader);
    wait_for("the slot to be idle", || slots(&place) == ["theirs 0"]);
    refused(&place, &[&named, "`theirs`", "nobody reads it now", drops]);

    // What is told mends it.
    assert_eq!(place.psql("orders", drops).code, 0);
    for command in COMMANDS {
        place.must(command);
    }
}

/// Slots of the scenario's own connectors go with their databases, unless somebody reads them who is not known.
#[test]
fn slots_of_the_scenarios_own_connectors_are_dropped_and_that_is_said() {
    let server = TestServer::start();
    let place = seeded(&server);
    let database = place.database("orders");
    let reader = Reader::start(&server, &database, SLOT);
    refused(&place, &["`debezium_orders`", "`pg_recvlogical`", "`loadgen clean --connect URL`"]);
    drop(reader);
    wait_for("the slot to be idle", || slots(&place) == ["debezium_orders 0"]);
    let done = place.must(&["setup", "@quickstart", "--fresh"]);
    assert!(done.err.contains("dropped the replication slot `debezium_orders`"), "{}", done.err);
    assert_eq!(slots(&place), Vec::<String>::new());
    // As one of a killed run.
    for slot in ["loadgen_dead_0", SLOT] {
        let sql = format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')");
        place.query("orders", &sql);
    }
    let done = place.must(&["clean", "@quickstart"]);
    for slot in ["loadgen_dead_0", SLOT] {
        assert!(done.out.contains(&format!("removed replication slot `{slot}`")), "{}", done.out);
    }
}

#[test]
fn a_connector_that_is_registered_goes_with_its_slot_only_if_nothing_is_in_the_way() {
    let server = TestServer::start();
    let mut place = seeded(&server);
    let connect = Connect::start();
    connect.employ(true);
    place.must(&["connector", "@quickstart", "--register", &connect.url()]);
    place.set(&format!("cdc.connect.url={}", connect.url()));
    let theirs = "SELECT pg_create_logical_replication_slot('theirs', 'pgoutput')";
    place.query("orders", theirs);
    refused(&place, &["`theirs`"]);
    assert!(connect.config(NAME).is_some(), "nothing is touched");

    forget(&server, "theirs");
    place.must(&["setup", "@quickstart", "--fresh"]);
    assert!(connect.config(NAME).is_none());
    assert_eq!(slots(&place), Vec::<String>::new());
    place.must(&["run", "@quickstart", "--out", "run"]);
    assert!(connect.config(NAME).is_some(), "the run has registered it");
    let done = place.must(&["clean", "@quickstart"]);
    assert!(done.out.contains("removed replication slot `debezium_orders`"), "{}", done.out);
    assert_eq!(slots(&place), Vec::<String>::new());
}

/// PostgreSQL drops no such database.
#[test]
fn a_database_that_subscribes_to_another_stays_and_so_do_all() {
    let server = TestServer::start();
    let place = seeded(&server);
    let theirs = "CREATE SUBSCRIPTION theirs CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p \
                  WITH (connect = false)";
    place.query("orders", theirs);
    refused(&place, &["the subscription `theirs`", "move or drop that first"]);
    place.query("orders", "ALTER SUBSCRIPTION theirs SET (slot_name = NONE)");
    place.query("orders", "DROP SUBSCRIPTION theirs");
    place.must(&["clean", "@quickstart"]);
}

/// What the server gives to each new database, and what is an extension's, is nobody's work that would be lost.
#[test]
fn what_others_have_made_in_a_database_stays_and_so_does_all() {
    let server = TestServer::start();
    server
        .query("template1", "CREATE FUNCTION everywhere() RETURNS int LANGUAGE sql AS 'SELECT 1'");
    server.query("template1", "CREATE SCHEMA everywhere");
    let place = seeded(&server);
    place.query("orders", "CREATE EXTENSION hstore");
    // An application may make them, as the roles of the scenario.
    let owner = &place.query(
        "orders",
        "SELECT datdba::regrole FROM pg_database WHERE datname = current_database()",
    )[0][0];
    place.query(
        "orders",
        &format!("SET ROLE {owner}; CREATE FUNCTION ours() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    );
    for (made, dropped, named) in [
        ("TABLE public.t ()", "TABLE public.t", "`public.t`"),
        (
            "FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "FUNCTION public.f",
            "the function `public.f`",
        ),
        ("TYPE public.e AS ENUM ('a')", "TYPE public.e", "the type `public.e`"),
        ("TYPE public.c AS (a int)", "TYPE public.c", "the type `public.c`"),
        ("DOMAIN public.d AS int", "DOMAIN public.d", "the type `public.d`"),
        ("SCHEMA theirs", "SCHEMA theirs", "the schema `theirs`"),
    ] {
        place.query("orders", &format!("CREATE {made}"));
        refused(&place, &["others have made", named, "move or drop that first"]);
        place.query("orders", &format!("DROP {dropped}"));
    }
    place.must(&["setup", "@quickstart", "--fresh"]);
    place.must(&["clean", "@quickstart"]);
}
