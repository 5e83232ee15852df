//! `connector`: the configuration that fits, and how it is registered, watched and removed.

mod odd;

use std::fs;
use std::io::Read;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::command::LENIENT;
use crate::support::command::Place;
use crate::support::connect::Connect;
use crate::support::connector::Reader;
use crate::support::machine::wait_for;
use crate::support::server::TestServer;
use crate::support::slot::forget;

/// The one connector of the quickstart.
const NAME: &str = "loadgen-quickstart-orders";

/// A scenario whose connectors know their password, set up, and a Kafka Connect.
fn set_up(server: &TestServer) -> (Place<'_>, Connect) {
    let mut place = Place::on(server, &["orders"]);
    place.set("cdc.password=geheim");
    place.set(LENIENT);
    place.must(&["setup", "@quickstart"]);
    (place, Connect::start())
}

/// The slot of that connector.
const SLOT: &str = "debezium_orders";

#[test]
fn the_configuration_fits_the_scenario_and_has_no_password() {
    let place = Place::new(&["orders"]);
    let done = place.must(&[
        "connector",
        "@quickstart",
        "--domain",
        "orders",
        "--set",
        "cdc.password=geheim",
    ]);
    assert!(!format!("{}{}", done.out, done.err).contains("geheim"));
    let mut config: Value = serde_json::from_str(&done.out).unwrap();
    for (key, value) in [
        ("database.port", json!(place.server.port().to_string())),
        ("database.dbname", json!(place.database("orders"))),
        ("database.user", json!(format!("{}_capture", place.database("orders")))),
    ] {
        assert_eq!(config[key], value, "{key}");
        config[key] = json!("…");
    }
    let variable = format!("{}_CAPTURE_PASSWORD", place.database("orders").to_uppercase());
    assert_eq!(config["database.password"], json!(format!("${{env:{variable}}}")));
    config["database.password"] = json!("…");
    insta::assert_snapshot!(format!("{config:#}"));
}

#[test]
fn each_database_has_a_connector_and_words_change_it() {
    let place = Place::new(&[]);
    let all = place.must(&[
        "connector",
        "@tenants",
        "--set",
        "cdc.connect.prefix=cdc.{domain}",
        "--set",
        "cdc.connect.properties={ skipped.operations: none, s3.secret: hidden, s3.access.key: hidden, \
         value.converter.basic.auth.user.info: 'me:hidden', database.ssl.keystore.key: hidden, \
         confluent.api.key: hidden }",
        "--set",
        "cdc.heartbeat_table=false",
        "--set",
        "cdc.signal_table=false",
        "--set",
        "cdc.connect.poll=7ms",
    ]);
    assert!(!all.out.contains("hidden") && !all.err.contains("hidden"), "{}{}", all.out, all.err);
    let all: Value = serde_json::from_str(&all.out).unwrap();
    let all = all.as_object().unwrap();
    assert!(all.len() == 8, "{:?}", all.keys());
    let mut slots: Vec<&str> = all.values().map(|it| it["slot.name"].as_str().unwrap()).collect();
    slots.dedup();
    assert_eq!(slots.len(), all.len(), "each has its own");
    for (name, config) in all {
        assert_eq!(config["name"], json!(name));
        let domain = name.rsplit_once('-').unwrap().1;
        assert_eq!(config["topic.prefix"], json!(format!("cdc.{domain}")));
        assert_eq!(config["skipped.operations"], "none");
        assert_eq!(config["s3.secret"], "${env:S3_SECRET}");
        assert_eq!(config["poll.interval.ms"], "7");
        assert!(config.get("heartbeat.action.query").is_none());
        assert!(config.get("signal.data.collection").is_none());
        assert!(!config["table.include.list"].as_str().unwrap().contains("debezium"));
    }
}

#[test]
fn a_connector_is_registered_once_its_slot_is_read_and_goes_with_clean() {
    let server = TestServer::start();
    let place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart", "--out", "setup"]);
    let connect = Connect::start();
    let url = connect.url();
    let register = ["connector", "@quickstart", "--register", &url];

    let without = place.run(&register);
    assert_eq!(without.code, 4);
    assert!(without.err.contains("--secrets"), "{}", without.err);
    assert!(connect.changes().is_empty(), "nothing is tried without a password");

    let with: Vec<&str> = register.iter().copied().chain(["--secrets", "setup/secrets"]).collect();
    let patient: Vec<&str> = with.iter().copied().chain(["--within", "1s"]).collect();
    let alone = place.run(&patient);
    assert_eq!(alone.code, 4, "Kafka Connect says RUNNING, and there is no slot");
    assert!(alone.err.contains("has not made the slot `debezium_orders`"), "{}", alone.err);
    let changes = connect.changes();
    let offsets = "DELETE /connectors/loadgen-quickstart-orders/offsets";
    assert!(
        changes.iter().any(|it| it == offsets),
        "what it knew of another slot goes: {changes:?}"
    );

    connect.employ(true);
    place.must(&with);
    let before = connect.changes().len();
    let done = place.must(&with);
    assert!(done.out.contains("`loadgen-quickstart-orders` streams"), "{}", done.out);
    assert!(!connect.changes()[before..].iter().any(|it| it == offsets), "it goes on where it was");
    let secrets = fs::read_to_string(place.folder.path().join("setup/secrets")).unwrap();
    let capture = secrets.lines().find(|line| line.contains("_capture=")).unwrap();
    let config = connect.config(NAME).unwrap();
    assert_eq!(config["database.password"], capture.split_once('=').unwrap().1);
    assert!(!format!("{}{}", done.out, done.err).contains(capture.split_once('=').unwrap().1));

    connect.put("somebody-elses", json!({ "name": "somebody-elses" }));
    connect.put(
        "loadgen-other-orders",
        json!({ "loadgen.mark": "loadgen/1 scenario=quickstart2 domain=orders" }),
    );
    let done = place.must(&["clean", "@quickstart", "--connect", &url]);
    assert!(done.out.contains("removed the connector `loadgen-quickstart-orders`"), "{}", done.out);
    assert!(done.out.contains("removed replication slot `debezium_orders`"), "{}", done.out);
    assert!(connect.config(NAME).is_none());
    assert!(
        connect.config("somebody-elses").is_some()
            && connect.config("loadgen-other-orders").is_some()
    );
    place.must(&["clean", "@quickstart", "--connect", &url]);
}

#[test]
fn what_kafka_connect_refuses_is_said_with_the_first_line_of_why() {
    let server = TestServer::start();
    let (place, connect) = set_up(&server);
    let url = connect.url();
    let register = ["connector", "@quickstart", "--register", &url];
    let refused = |words: &[&str]| {
        let done = place.run(&register);
        assert_eq!(done.code, 4, "{}", done.err);
        for word in words {
            assert!(done.err.contains(word), "`{word}` is not in: {}", done.err);
        }
        assert!(!done.err.contains("geheim") && !done.err.contains("at x.Y"), "{}", done.err);
    };

    connect.fail(Some(
        "x.ConnectException: outer\n\tat x.Y(Z.java:1)\nCaused by: x.Root: no such slot\n",
    ));
    refused(&[
        "`loadgen-quickstart-orders` failed",
        "x.ConnectException: outer (x.Root: no such slot)",
    ]);
    connect.fail(None);
    connect.employ(true);
    place.must(&register);

    connect.refuse(400, "Connector configuration is invalid:\npublication.name is wrong");
    refused(&["did not take the connector", "publication.name is wrong"]);
    // Whatever it quotes of what it was sent, and wherever that would be cut.
    connect.refuse(
        400,
        &format!("no login with geheim for {{\"p\":\"geheim\"}}{}geheim", "-".repeat(565)),
    );
    refused(&["no login with *** for"]);
    let done = place.run(&register);
    assert!(!done.err.contains("-g"), "{}", done.err);
    connect.refuse(500, "<html>the word geheim");
    refused(&["did not take the connector", "the word ***"]);
    connect.accept();
    // What has failed has let go of its slot.
    connect.employ(false);
    connect.fail(Some("x.LoginException: geheim\n\tat x.Y\nCaused by: x.Root: as me:geheim"));
    refused(&["x.LoginException: *** (x.Root: as me:***)"]);
    connect.fail(None);
    connect.put(NAME, json!({ "name": "loadgen-quickstart-orders" }));
    refused(&["that loadgen has not registered"]);
    connect.require("Basic bWU6aGVyZQ==");
    refused(&["refused the login", "`user` and `password`"]);
    let done = place.run(&["connector", "@quickstart", "--register", "http://127.0.0.1:1"]);
    assert!(done.code == 4 && done.err.contains("no Kafka Connect answers"), "{}", done.err);
    let done = place.run(&["connector", "@quickstart", "--register", "http://db.test:8083"]);
    assert!(done.code == 4 && done.err.contains("--allow-remote"), "{}", done.err);
    let asking = "http://localhost:8083/?token=geheim";
    let done = place.run(&["connector", "@quickstart", "--register", asking]);
    assert!(done.code == 2 && done.err.contains("?token=***`: the address"), "{}", done.err);
    let done = place.run(&["connector", "@quickstart", "--register", "here"]);
    assert!(done.code == 2 && done.err.contains("http://localhost:8083"), "{}", done.err);
}

/// A proxy's page, or anything else, with 200.
#[test]
fn what_is_no_kafka_connect_is_told_from_somebody_elses_connector() {
    let server = TestServer::start();
    let (place, connect) = set_up(&server);
    let url = connect.url();
    for page in ["<!doctype html>\n<title>Sign in</title>", "null", "[]", ""] {
        connect.show(Some(page));
        for arguments in [
            ["connector", "@quickstart", "--register", &url],
            ["clean", "@quickstart", "--connect", &url],
        ] {
            let done = place.run(&arguments);
            assert_eq!(done.code, 4, "{page}: {}{}", done.out, done.err);
            assert!(done.err.contains("is no Kafka Connect"), "{page}: {}", done.err);
            let shown = page.lines().next().unwrap_or("status 200");
            assert!(done.err.contains(shown), "{page}: {}", done.err);
        }
        place.must(&["setup", "@quickstart"]);
    }
}

/// All that registering waits for has the time of `--within`, whatever is slow.
#[test]
fn registering_takes_no_longer_than_it_may() {
    let server = TestServer::start();
    let (place, connect) = set_up(&server);
    let url = connect.url();
    let register = ["connector", "@quickstart", "--register", &url, "--within", "2s"];
    let refused = |what: &str, word: &str| {
        let begun = Instant::now();
        let done = place.run(&register);
        let took = begun.elapsed();
        assert_eq!(done.code, 4, "{what}: {}{}", done.out, done.err);
        assert!(took < Duration::from_secs(8), "{what}: {took:?}: {}", done.err);
        assert!(done.err.contains(word) && done.err.contains("within"), "{what}: {}", done.err);
    };
    connect.stick();
    refused("offsets that stay", "did not let go of how far");
    connect.dawdle(Duration::from_secs(12));
    refused("answers that take long", "did not answer within");
}

#[test]
fn an_address_is_never_shown_with_a_login() {
    let place = Place::new(&["orders"]);
    let urls = [
        "http://me:geheim@127.0.0.1:1",
        "http://me:ge/geheim@127.0.0.1:1",
        "http://me:geheim@db.test:8083/connect",
        "me:geheim@127.0.0.1:8083",
    ];
    for url in urls {
        let commands: [&[&str]; 4] = [
            &["connector", "@quickstart", "--register", url],
            &["clean", "@quickstart", "--connect", url],
            &["doctor", "@quickstart", "--set", "cdc.connect=${LOADGEN_CONNECT}"],
            &["plan", "@quickstart", "--set", &format!("cdc.connect={{ url: '{url}' }}")],
        ];
        for arguments in commands {
            let mut command = place.command(arguments);
            let done = command.env("LOADGEN_CONNECT", url).output().unwrap();
            let said = [done.stdout, done.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            assert!([2, 3].contains(&done.status.code().unwrap()), "{arguments:?}: {said}");
            assert!(!said.contains("geheim"), "{arguments:?}: {said}");
            let is_named = said.contains("login") || said.contains("not the address");
            assert!(is_named, "{arguments:?}: {said}");
        }
        let mut command = place.command(&["clean", "--help"]);
        let done = command.env("LOADGEN_CONNECT", url).output().unwrap();
        assert!(!String::from_utf8_lossy(&done.stdout).contains("geheim"));
    }
}

#[test]
fn a_run_registers_before_it_loads_and_tells_what_befell_its_connectors() {
    let server = TestServer::start();
    let mut place = Place::on(&server, &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 500 }");
    place.set("load.streams.shop.profile=[{ hold: 100/s, for: 8s }]");
    place.set("cdc.password=geheim");
    place.must(&["setup", "@quickstart"]);
    let connect = Connect::start();
    connect.employ(true);
    place.set(&format!("cdc.connect.url={}", connect.url()));
    let mut child = place.spawn(&["run", "@quickstart", "--out", "out"]);
    let mut until = |what: &str, holds: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !holds() {
            if begun.elapsed() > Duration::from_mins(1) {
                child.kill().unwrap();
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("{what}: {said}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until("it is not registered", &|| connect.config(NAME).is_some());
    // Registering looks once or twice; whoever looks more often watches.
    until("nobody watches", &|| connect.looks() > 4);
    connect.fail(Some("x.Gone: the broker is away\n\tat x.Y(Z.java:1)"));
    let looks = connect.looks();
    until("nobody sees it fail", &|| connect.looks() > looks + 1);
    connect.fail(None);
    let looks = connect.looks();
    until("nobody sees it run again", &|| connect.looks() > looks + 1);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("the connector `loadgen-quickstart-orders` streams"), "{err}");
    assert!(err.contains("failed: x.Gone: the broker is away"), "{err}");
    let path = place.folder.path().join("out/connectors.json");
    let kept = fs::read_to_string(path).unwrap();
    assert!(!kept.contains("geheim"));
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let what: Vec<&str> = kept["interruptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["what"].as_str().unwrap())
        .collect();
    assert_eq!(what.len(), 2, "{what:?}");
    assert!(what[0].contains("failed") && what[1].ends_with("runs"), "{what:?}");
    let summary = place.summary("out");
    assert_eq!(summary["connectors"], kept["interruptions"]);
    assert_eq!(summary["connectors"][0]["is_failure"], true);
    assert_eq!(summary["connectors"][0]["database"], place.database("orders").as_str());
}

#[test]
fn what_cannot_be_captured_is_said() {
    let place = Place::new(&["orders"]);
    let mut command = place.command(&["connector", "@quickstart"]);
    let output = command.env_remove("LOADGEN_POSTGRES").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("LOADGEN_POSTGRES"));
    let done = place.run(&["connector", "@quickstart", "--domain", "ordres"]);
    assert!(done.code == 2 && done.err.contains("`orders`"), "{}", done.err);
    let socket = "postgres://me@%2Ftmp/postgres";
    let mut command = place.command(&["connector", "@quickstart"]);
    let output = command.env("LOADGEN_POSTGRES", socket).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("by a socket") && err.contains("servers"), "{err}");
    let mut command = place.command(&[
        "connector",
        "@quickstart",
        "--set",
        "cdc.connect.servers={ operational: 'db:5433' }",
    ]);
    let output = command.env("LOADGEN_POSTGRES", socket).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        out.contains("\"database.hostname\": \"db\"") && out.contains("\"5433\""),
        "{out}{err}"
    );
}

/// A slot has one reader, and RUNNING is also said of who waits for it.
#[test]
fn who_reads_the_slot_is_told_from_the_connector() {
    let server = TestServer::start();
    let (place, connect) = set_up(&server);
    connect.employ(true);
    let (url, database) = (connect.url(), place.database("orders"));
    let register = ["connector", "@quickstart", "--register", &url, "--within", "3s"];
    let refused = |words: &[&str]| {
        let done = place.run(&register);
        assert_eq!(done.code, 4, "{}{}", done.out, done.err);
        for word in words {
            assert!(done.err.contains(word), "`{word}` is not in: {}", done.err);
        }
    };
    let theirs = Reader::start(&server, &database, SLOT);
    refused(&[
        "reads the slot `debezium_orders`",
        "`pg_recvlogical`, logged in as `postgres`",
        "pg_terminate_backend(",
    ]);
    assert!(connect.config(NAME).is_none(), "nothing is put that could not read");
    drop(theirs);
    forget(&server, SLOT);
    place.must(&register);

    // Another one of the same kind, while Kafka Connect says RUNNING of ours.
    connect.employ(false);
    let mut config = connect.config(NAME).unwrap();
    config["database.user"] = json!("postgres");
    let active = "SELECT count(*) FROM pg_replication_slots WHERE active";
    wait_for("the slot to be free", || server.query(&database, active) == [["0"]]);
    let theirs = Reader::of(&config);
    wait_for("another reader", || server.query(&database, active) == [["1"]]);
    connect.employ(true);
    refused(&["`Debezium Streaming`, logged in as `postgres`", "is not the connector"]);
    drop(theirs);
    // The test's connector asks for it again after 5 s.
    place.must(&["connector", "@quickstart", "--register", &url]);
}

#[test]
fn two_connectors_of_one_slot_are_told_of() {
    let server = TestServer::set(&[("max_slot_wal_keep_size", "20GB")]);
    let (mut place, connect) = set_up(&server);
    connect.employ(true);
    let theirs = |slot: &str| {
        connect.put(
            "theirs",
            json!({
                "name": "theirs", "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
                "database.hostname": "127.0.0.1", "database.port": server.port().to_string(),
                "database.dbname": "another", "slot.name": slot,
            }),
        );
    };
    theirs(SLOT);
    let url = connect.url();
    let register = ["connector", "@quickstart", "--register", &url];
    let done = place.run(&register);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(
        done.err.contains("a connector `theirs` that reads the slot `debezium_orders`"),
        "{}",
        done.err
    );
    assert!(connect.config(NAME).is_none());
    theirs("debezium_others");
    place.must(&register);

    place.set(&format!("cdc.connect={url}"));
    let examined = |code: i32| {
        let done = place.run(&["doctor", "@quickstart"]);
        assert_eq!(done.code, code, "{}{}", done.out, done.err);
        let named = "`loadgen-quickstart-orders` and `theirs` read one slot";
        done.out.matches(named).count()
    };
    let before = examined(0);
    theirs(SLOT);
    let beside = examined(4);
    connect.stop("theirs");
    assert_eq!((before, beside, examined(0)), (0, 1, 0));
}

/// What connectors cannot do is known before anything is seeded.
#[test]
fn a_run_whose_connectors_cannot_be_registered_does_not_seed() {
    let server = TestServer::start();
    let (mut place, connect) = set_up(&server);
    let mut refused = |url: &str, word: &str| {
        place.set(&format!("cdc.connect.url={url}"));
        let done = place.run(&["run", "@quickstart"]);
        assert_eq!(done.code, 4, "{}{}", done.out, done.err);
        assert!(done.err.contains(word), "`{word}` is not in: {}", done.err);
        assert_eq!(place.number("orders", "SELECT count(*) FROM products"), 0, "{}", done.err);
    };
    refused("http://127.0.0.1:1", "no Kafka Connect answers");
    connect.put(NAME, json!({ "name": NAME }));
    refused(&connect.url(), "that loadgen has not registered");
}

/// Slots and senders of connectors that are yet to be registered, too.
#[test]
fn a_server_without_room_for_connectors_is_told_before_anything_is_made() {
    let server = TestServer::set(&[("max_replication_slots", "1")]);
    server.query("postgres", "SELECT pg_create_logical_replication_slot('theirs', 'pgoutput')");
    let mut place = Place::on(&server, &["orders"]);
    place.set("cdc.password=geheim");
    place.set("observe={}");
    let connect = Connect::start();
    place.set(&format!("cdc.connect.url={}", connect.url()));
    place.set(
        "observe={ seen: { postgres: { url: \"URL\", on: operational, by: poll } } }"
            .replace("URL", &server.url())
            .as_str(),
    );
    let done = place.run(&["run", "@quickstart"]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("1 of 1 in use, 1 more needed"), "{}", done.err);
    assert_eq!(server.query("postgres", "SELECT count(*) FROM pg_database"), [["3"]]);
}
