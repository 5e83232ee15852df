//! Who may do what, and that passwords appear nowhere.

use loadgen::scenario::Provision;
use loadgen::sink::postgres::mark::Books;
use loadgen::sink::postgres::mark::Stage;
use tokio_postgres::Config;

use super::admin_login;
use super::clean;
use super::server::ADMIN_PASSWORD;
use super::server::Server;
use super::server::open;
use super::set_up;
use super::texts;
use super::world;

fn capture(server: &Server, domain: &str, database: &str) -> Config {
    let mut login = server.login(&format!("debezium_{domain}"), world::CAPTURE_PASSWORD);
    login.dbname(database);
    login
}

fn application(server: &Server, domain: &str, database: &str) -> Config {
    let mut login = server.login(&format!("{domain}_app"), world::APPLICATION_PASSWORD);
    login.dbname(database);
    login
}

#[tokio::test]
async fn capture_reads_every_table_and_its_changes() {
    let server = Server::shared();
    let scenario = world::scenario(Provision::Databases, vec![world::domain("cdc")]);
    set_up(&scenario, admin_login(&server)).await.unwrap();
    let admin = server.admin("db_cdc").await;
    admin.batch_execute("CREATE TABLE later_by_admin (id int)").await.unwrap();
    let later = "SET ROLE cdc_owners_group; CREATE TABLE later_by_owner (id int); RESET ROLE";
    admin.batch_execute(later).await.unwrap();

    let session = open(capture(&server, "cdc", "db_cdc")).await.unwrap();
    for table in ["customers", "items", "log", "later_by_admin", "later_by_owner"] {
        let sql = format!("SELECT count(*)::text FROM {table}");
        assert_eq!(texts(&session, &sql).await, ["0"], "{table}");
    }
    let slot = "SELECT slot_name::text FROM pg_create_logical_replication_slot('cdc', 'pgoutput')";
    texts(&session, slot).await;
    session
        .batch_execute(
            "INSERT INTO debezium_signal VALUES ('1', 'log', '{}'); \
             UPDATE debezium_signal SET data = 'x'; \
             DELETE FROM debezium_signal; \
             UPDATE debezium_heartbeat SET beat = now() WHERE id = 1; \
             INSERT INTO debezium_heartbeat VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET beat = excluded.beat",
        )
        .await
        .unwrap();
    let write = session.batch_execute("INSERT INTO log VALUES ('x')").await.unwrap_err();
    assert_eq!(write.as_db_error().unwrap().message(), "permission denied for table log");

    let application = open(application(&server, "cdc", "db_cdc")).await.unwrap();
    application.batch_execute("INSERT INTO log VALUES ('abc')").await.unwrap();
    let changes = "SELECT chr(get_byte(data, 0)) FROM pg_logical_slot_get_binary_changes( \
        'cdc', NULL, NULL, 'proto_version', '1', 'publication_names', 'debezium')";
    let kinds = texts(&session, changes).await.concat();
    // One transaction of five changes to two tables, then one insert into a third.
    assert_eq!(kinds, "BRIUDRUUCBRIC");
    drop(session);
    // What others made in a database of ours is theirs to remove.
    let refused = clean(&scenario, admin_login(&server)).await.unwrap_err().to_string();
    assert!(refused.contains("`public.later_by_admin`"), "{refused}");
    let mut login = admin_login(&server);
    let admin = open(login.dbname("db_cdc").clone()).await.unwrap();
    admin.batch_execute("DROP TABLE later_by_admin").await.unwrap();
    let refused = clean(&scenario, admin_login(&server)).await.unwrap_err().to_string();
    assert!(refused.contains("`cdc`") && refused.contains("nobody reads it now"), "{refused}");
    admin.batch_execute("SELECT pg_drop_replication_slot('cdc')").await.unwrap();
    drop(admin);
    clean(&scenario, admin_login(&server)).await.unwrap();
}

#[tokio::test]
async fn the_application_writes_its_own_domain_and_sees_no_other() {
    let server = Server::shared();
    let domains = vec![world::domain("here"), world::domain("there")];
    let scenario = world::scenario(Provision::Databases, domains);
    set_up(&scenario, admin_login(&server)).await.unwrap();

    let session = open(application(&server, "here", "db_here")).await.unwrap();
    session
        .batch_execute(
            "INSERT INTO customers (email, seen) VALUES ('a', now()); \
             UPDATE customers SET note = 'x'; \
             SELECT * FROM customers; \
             DELETE FROM customers; \
             SELECT pg_advisory_lock(1)",
        )
        .await
        .unwrap();
    let books = Books::beside("public");
    books.set_stage(&session, Stage::Loading).await.unwrap();
    books.set_lanes_at(&session, "{\"0\": 17}").await.unwrap();
    let mark = books.read(&session).await.unwrap().unwrap();
    assert_eq!((mark.stage, mark.lanes_at.as_deref()), (Stage::Loading, Some("{\"0\": 17}")));
    session.execute(&books.enter_chunk_sql(), &[&"log", &1_i64, &2_i64]).await.unwrap();
    let create = session.batch_execute("CREATE TABLE public.mine (id int)").await.unwrap_err();
    assert_eq!(create.as_db_error().unwrap().message(), "permission denied for schema public");

    let denied = "permission denied for database \"db_there\"";
    let elsewhere = open(application(&server, "here", "db_there")).await.err();
    assert_eq!(elsewhere.as_deref(), Some(denied));
    let elsewhere = open(capture(&server, "here", "db_there")).await.err();
    assert_eq!(elsewhere.as_deref(), Some(denied));
    let owners = open(server.login("here_owners_group", "")).await.err();
    assert!(owners.is_some(), "the owner group logged in");
    drop(session);
    clean(&scenario, admin_login(&server)).await.unwrap();
}

#[tokio::test]
async fn passwords_are_set_anew_and_never_reach_the_log() {
    let server = Server::start(&["log_min_messages = debug1", "log_min_error_statement = debug5"]);
    let scenario = world::scenario(Provision::Databases, vec![world::domain("quiet")]);
    let report = set_up(&scenario, admin_login(&server)).await.unwrap();
    let admin = server.admin("postgres").await;
    let forgotten = "ALTER ROLE quiet_app PASSWORD 'forgotten'; ALTER ROLE debezium_quiet NOLOGIN";
    admin.batch_execute(forgotten).await.unwrap();
    assert!(open(application(&server, "quiet", "db_quiet")).await.is_err());
    set_up(&scenario, admin_login(&server)).await.unwrap();
    open(application(&server, "quiet", "db_quiet")).await.unwrap();
    open(capture(&server, "quiet", "db_quiet")).await.unwrap();

    // A failing set-up says no more.
    admin.batch_execute("COMMENT ON ROLE quiet_app IS NULL").await.unwrap();
    let refused = set_up(&scenario, admin_login(&server)).await.unwrap_err();
    let log = server.log();
    assert!(log.contains("ALTER ROLE \"quiet_app\" LOGIN PASSWORD 'SCRAM-SHA-256$"), "{log}");
    let said = format!("{log}{report:?}{refused:?}{refused}{:?}", world::passwords(&scenario));
    for secret in [world::APPLICATION_PASSWORD, world::CAPTURE_PASSWORD, ADMIN_PASSWORD] {
        assert!(!said.contains(secret), "`{secret}` was seen");
    }
}
