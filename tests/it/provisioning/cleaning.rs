//! Clean removes exactly what was made.

use std::collections::BTreeSet;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use loadgen::scenario::Provision;
use loadgen::sink::postgres::clean::OwnSlots;
use loadgen::sink::postgres::provision::Provisioner;
use loadgen::sink::postgres::provision::Servers;
use loadgen::sink::postgres::provision::SetupError;

use super::admin_login;
use super::clean;
use super::server::Server;
use super::server::connector;
use super::server::open;
use super::server::program;
use super::set_up;
use super::shared_objects;
use super::texts;
use super::world;
use crate::support::machine::Bound;

#[tokio::test]
async fn clean_leaves_the_server_as_it_was_and_finds_nothing_the_second_time() {
    let server = Server::start(&[]);
    let before = shared_objects(&server).await;
    let domains = vec![world::domain("one"), world::domain("two")];
    let scenario = world::scenario(Provision::Databases, domains);
    set_up(&scenario, admin_login(&server)).await.unwrap();

    let session = server.admin("db_one").await;
    let slot =
        "SELECT slot_name::text FROM pg_create_logical_replication_slot('domain_one', 'pgoutput')";
    assert_eq!(texts(&session, slot).await, ["domain_one"]);
    // One more slot, with a reader that will not leave by itself.
    let slot =
        "SELECT slot_name::text FROM pg_create_logical_replication_slot('busy', 'test_decoding')";
    texts(&session, slot).await;
    let mut reader = Command::new(program("pg_recvlogical"));
    reader
        .args(["-h", "127.0.0.1", "-p", &server.port.to_string(), "-U", "postgres", "-d", "db_one"])
        .args(["--slot", "busy", "--start", "-f", "-"])
        .env("PGPASSWORD", super::server::ADMIN_PASSWORD);
    let reader = Bound::start(&reader, Stdio::null());
    let active = "SELECT 'x' FROM pg_replication_slots WHERE active";
    for _ in 0..100 {
        if texts(&session, active).await.len() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(texts(&session, active).await.len(), 1, "the reader never came");

    // Nobody says that they are ours.
    let untouched = shared_objects(&server).await;
    let refused = clean(&scenario, admin_login(&server)).await.unwrap_err().to_string();
    for told in ["`db_one` cannot be removed", "`pg_recvlogical`", "`busy`", "`domain_one`"] {
        assert!(refused.contains(told), "{told}: {refused}");
    }
    assert_eq!(shared_objects(&server).await, untouched);
    assert_eq!(texts(&session, active).await.len(), 1, "it is read as before");
    let seat = |slot: &str| BTreeSet::from([(slot.to_owned(), "db_one".to_owned())]);
    let own = OwnSlots { named: seat("domain_one"), leaving: seat("busy") };
    let connect = connector(admin_login(&server));
    let provisioner = Provisioner::new(&scenario, 0, Servers::new(&connect)).unwrap();
    let cleaned = provisioner.with_slots(own).clean().await.unwrap();
    drop(reader);
    assert_eq!(cleaned.kept, Vec::<String>::new());
    assert_eq!(cleaned.slots, ["busy", "domain_one"]);
    assert_eq!(
        cleaned.removed,
        [
            "replication slot `busy`",
            "replication slot `domain_one`",
            "database `db_one`",
            "database `db_two`",
            "role `debezium_one`",
            "role `debezium_two`",
            "role `one_app`",
            "role `one_owners_group`",
            "role `two_app`",
            "role `two_owners_group`"
        ]
    );
    assert_eq!(shared_objects(&server).await, before);
    assert_eq!(clean(&scenario, admin_login(&server)).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_others_made_survives_and_nothing_else_is_touched() {
    let server = Server::start(&[]);
    let scenario = world::scenario(
        Provision::Databases,
        vec![world::domain("alien"), world::domain("beside")],
    );
    set_up(&scenario, admin_login(&server)).await.unwrap();
    let admin = server.admin("postgres").await;
    for (disguise, undo, kind) in [
        (
            "COMMENT ON DATABASE db_alien IS 'the shop'",
            "COMMENT ON DATABASE db_alien IS 'loadgen/1 scenario=x domain=y'",
            "the database `db_alien` exists",
        ),
        (
            "COMMENT ON ROLE alien_app IS NULL",
            "COMMENT ON ROLE alien_app IS 'loadgen/1 scenario=x domain=y'",
            "the role `alien_app` exists",
        ),
    ] {
        admin.batch_execute(disguise).await.unwrap();
        let before = shared_objects(&server).await;
        let connect = connector(admin_login(&server));
        let provisioner = Provisioner::new(&scenario, 0, Servers::new(&connect)).unwrap();
        let passwords = world::passwords(&scenario);
        let refusals = [
            provisioner.preflight().await.unwrap_err(),
            provisioner.setup(&passwords, 0, false).await.unwrap_err(),
            provisioner.setup(&passwords, 0, true).await.unwrap_err(),
            provisioner.clean().await.unwrap_err(),
        ];
        for refusal in refusals {
            assert!(refusal.to_string().contains(kind), "{refusal}");
        }
        assert_eq!(shared_objects(&server).await, before);
        admin.batch_execute(undo).await.unwrap();
    }
    clean(&scenario, admin_login(&server)).await.unwrap();
}

#[tokio::test]
async fn a_role_that_is_used_elsewhere_is_kept_with_the_reason() {
    let server = Server::start(&[]);
    let scenario = world::scenario(Provision::Databases, vec![world::domain("kept")]);
    set_up(&scenario, admin_login(&server)).await.unwrap();
    let admin = server.admin("postgres").await;
    admin.batch_execute("CREATE TABLE t (); GRANT SELECT ON t TO debezium_kept").await.unwrap();
    let connect = connector(admin_login(&server));
    let provisioner = Provisioner::new(&scenario, 0, Servers::new(&connect)).unwrap();
    let cleaned = provisioner.clean().await.unwrap();
    assert_eq!(cleaned.kept, ["role `debezium_kept`: it is still used in the database `postgres`"]);
    admin.batch_execute("DROP TABLE t").await.unwrap();
    assert_eq!(clean(&scenario, admin_login(&server)).await.unwrap(), ["role `debezium_kept`"]);
}

#[tokio::test]
async fn the_database_that_the_url_names_is_not_dropped_under_us() {
    let server = Server::shared();
    let scenario = world::scenario(Provision::Databases, vec![world::domain("inside")]);
    set_up(&scenario, admin_login(&server)).await.unwrap();
    let mut inside = admin_login(&server);
    inside.dbname("db_inside");
    let refused = clean(&scenario, inside).await.unwrap_err();
    assert_eq!(refused, SetupError::Inside("db_inside".to_owned()));
    clean(&scenario, admin_login(&server)).await.unwrap();
    let mut gone = admin_login(&server);
    assert!(open(gone.dbname("db_inside").clone()).await.is_err());
}

#[tokio::test]
async fn a_session_that_one_may_not_end_stops_the_clean_within_a_limit() {
    let server = Server::start(&[]);
    let admin = server.admin("postgres").await;
    admin.batch_execute("CREATE ROLE maker LOGIN CREATEDB CREATEROLE PASSWORD 'm'").await.unwrap();
    let scenario = world::scenario(Provision::Databases, vec![world::domain("held")]);
    set_up(&scenario, server.login("maker", "m")).await.unwrap();
    let superuser = server.admin("db_held").await;
    let connect = connector(server.login("maker", "m"));
    let servers = Servers::new(&connect).patience(Duration::from_millis(300));
    let provisioner = Provisioner::new(&scenario, 0, servers).unwrap();
    assert_eq!(
        provisioner.clean().await.unwrap_err().to_string(),
        "the database `db_held` cannot be removed: a session or a reader of its replication slots \
         that this login may not end still uses it; end it, then try again"
    );
    drop(superuser);
    clean(&scenario, server.login("maker", "m")).await.unwrap();
}

#[tokio::test]
async fn another_set_up_of_the_same_server_is_waited_for_within_a_limit() {
    let server = Server::start(&[]);
    let scenario = world::scenario(Provision::Databases, vec![world::domain("busy")]);
    let other = server.admin("postgres").await;
    other.batch_execute("SELECT pg_advisory_lock(x'6c6f616467656e01'::bigint)").await.unwrap();
    let connect = connector(admin_login(&server));
    let servers = Servers::new(&connect).patience(Duration::from_millis(200));
    let provisioner = Provisioner::new(&scenario, 0, servers).unwrap();
    assert_eq!(provisioner.clean().await.unwrap_err(), SetupError::Busy(0));
    drop(other);
    set_up(&scenario, admin_login(&server)).await.unwrap();
}
