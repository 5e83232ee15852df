//! What is found out before anything is changed.

use loadgen::scenario::Provision;
use loadgen::scenario::TargetKind;
use loadgen::sink::postgres::provision::Provisioner;
use loadgen::sink::postgres::provision::Servers;

use super::admin_login;
use super::clean;
use super::server::Server;
use super::server::connector;
use super::server::open;
use super::set_up;
use super::shared_objects;
use super::texts;
use super::world;

#[tokio::test]
async fn a_creator_who_is_no_superuser_makes_and_removes_everything() {
    let server = Server::start(&[]);
    let admin = server.admin("postgres").await;
    admin.batch_execute("CREATE ROLE maker LOGIN CREATEDB CREATEROLE PASSWORD 'm'").await.unwrap();
    let before = shared_objects(&server).await;
    let mut domain = world::domain("plain");
    domain.namespace = "shop".to_owned();
    let scenario = world::scenario(Provision::Databases, vec![domain, world::domain("other")]);
    let first = set_up(&scenario, server.login("maker", "m")).await.unwrap();
    assert_eq!(
        first.notes[0],
        "`debezium_plain` cannot read the write-ahead log, because `maker` may not give \
         REPLICATION; let a superuser run `ALTER ROLE \"debezium_plain\" REPLICATION`"
    );
    // The superuser does as told; from then on, before 16, `maker` may not even change that password.
    admin.batch_execute("ALTER ROLE \"debezium_plain\" REPLICATION").await.unwrap();
    let second = set_up(&scenario, server.login("maker", "m")).await.unwrap();
    assert_eq!(second.made, Vec::<String>::new());
    if server.version().await < 160_000 {
        let note = "the password of `debezium_plain` was left as it is";
        assert!(second.notes[0].starts_with(note), "{second:?}");
    } else {
        admin.batch_execute("ALTER ROLE maker REPLICATION").await.unwrap();
        let third = set_up(&scenario, server.login("maker", "m")).await.unwrap();
        assert_eq!(third.notes, Vec::<String>::new());
    }

    let mut login = server.login("debezium_plain", world::CAPTURE_PASSWORD);
    let session = open(login.dbname("db_plain").clone()).await.unwrap();
    assert_eq!(texts(&session, "SELECT count(*)::text FROM shop.orders").await, ["0"]);
    drop(session);
    assert_eq!(clean(&scenario, server.login("maker", "m")).await.unwrap().len(), 8);
    assert_eq!(shared_objects(&server).await, before);
}

#[tokio::test]
async fn a_login_that_may_not_create_is_told_what_to_do() {
    let server = Server::shared();
    let admin = server.admin("postgres").await;
    admin.batch_execute("CREATE ROLE \"No.body\" LOGIN PASSWORD 'n'").await.unwrap();
    let scenario = world::scenario(Provision::Databases, vec![world::domain("nobody")]);
    let refused = set_up(&scenario, server.login("No.body", "n")).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`No.body` may not make databases and roles (it lacks CREATEDB and CREATEROLE); let a \
         superuser run `ALTER ROLE \"No.body\" CREATEDB CREATEROLE`, or set `provision: schemas` or \
         `provision: nothing`"
    );
    let scenario = world::scenario(Provision::Schemas, vec![world::domain("nobody")]);
    let refused = set_up(&scenario, server.login("No.body", "n")).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`No.body` may not make PostgreSQL schemas in the database `postgres`; let its owner run \
         `GRANT CREATE ON DATABASE \"postgres\" TO \"No.body\"`, or set `provision: nothing`"
    );
    admin.batch_execute("DROP ROLE \"No.body\"").await.unwrap();
}

#[tokio::test]
async fn settings_are_reported_and_a_wal_level_too_low_is_noted() {
    let server = Server::start(&["wal_level = replica", "max_connections = 20"]);
    let domains = vec![world::domain("few"), world::domain("fewer")];
    let mut scenario = world::scenario(Provision::Databases, domains);
    let connect = connector(admin_login(&server));
    let provisioner = Provisioner::new(&scenario, 0, Servers::new(&connect)).unwrap();
    let found = provisioner.preflight().await.unwrap();
    let version = texts(&server.admin("postgres").await, "SHOW server_version").await;
    assert_eq!([found.server_version], version[..]);
    assert_eq!(found.settings["fsync"], "off");
    assert_eq!(found.settings["shared_buffers"], "128MB");
    assert_eq!(found.settings["max_wal_size"], "1GB");
    assert_eq!(
        found.notes,
        [
            "`wal_level` is `replica`, so changes cannot be captured; set it to `logical` and restart \
          the server"
        ]
    );

    // 20 less 3 for superusers: 6 for each of two databases and 4 for control fit, 7 do not.
    for (connections, fits) in [(6, true), (7, false)] {
        let TargetKind::Postgres(settings) = &mut scenario.targets[0].kind else { panic!() };
        settings.connections = connections;
        let provisioner = Provisioner::new(&scenario, 0, Servers::new(&connect)).unwrap();
        let found = provisioner.preflight().await;
        assert_eq!(found.is_ok(), fits, "{connections}: {found:?}");
        if let Err(refused) = found {
            let refused = refused.to_string();
            assert!(refused.starts_with("18 connections are needed and 1"), "{refused}");
            assert!(refused.contains("(`max_connections = 20`)"), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_refused() {
    let scenario = world::scenario(Provision::Databases, vec![world::domain("frozen")]);
    let server = Server::standby();
    let refused = set_up(&scenario, admin_login(&server)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the server takes no writes (it is a standby); let the URL name the primary"
    );
    let server = Server::start(&["default_transaction_read_only = on"]);
    let refused = set_up(&scenario, admin_login(&server)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the server takes no writes (`default_transaction_read_only` is on); let the URL name the \
         primary"
    );
}
