//! `provision: schemas`: a database that is not ours.

use loadgen::scenario::Domain;
use loadgen::scenario::Provision;
use loadgen::sink::postgres::provision::ObjectKind;
use loadgen::sink::postgres::provision::SetupError;
use tokio_postgres::Client;
use tokio_postgres::Config;

use super::clean;
use super::server::Server;
use super::server::open;
use super::set_up;
use super::texts;
use super::world;

const PUBLISHED: &str =
    "SELECT schemaname || '.' || tablename FROM pg_publication_tables ORDER BY 1";

fn domain(name: &str) -> Domain {
    Domain { namespace: name.to_owned(), ..world::domain(name) }
}

/// A database, and a login that may create in it and nothing more.
async fn tenancy(server: &Server, name: &str) -> (Client, Config) {
    let admin = server.admin("postgres").await;
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let grant =
        format!("CREATE ROLE tenant LOGIN PASSWORD 't'; GRANT CREATE ON DATABASE {name} TO tenant");
    admin.batch_execute(&grant).await.unwrap();
    let mut login = server.login("tenant", "t");
    login.dbname(name);
    (server.admin(name).await, login)
}

/// Everything in a database that is not the system's, with comments.
async fn contents(client: &Client) -> Vec<String> {
    let sql = "SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_' \
        UNION ALL SELECT 'relation ' || oid::regclass FROM pg_class WHERE oid >= 16384 \
        UNION ALL SELECT 'publication ' || pubname FROM pg_publication \
        UNION ALL SELECT 'comment ' || description FROM pg_description WHERE objoid >= 16384 \
        ORDER BY 1";
    texts(client, sql).await
}

#[tokio::test]
async fn a_plain_owner_gets_tables_and_publication_and_can_remove_them() {
    let server = Server::start(&[]);
    let (admin, login) = tenancy(&server, "shared").await;
    let before = contents(&admin).await;
    let scenario = world::scenario(Provision::Schemas, vec![domain("left"), domain("right")]);
    let report = set_up(&scenario, login.clone()).await.unwrap();
    assert_eq!(report.made.len(), 4 + 4 + 1, "{report:?}");
    assert_eq!(report.notes, Vec::<String>::new());
    assert_eq!(texts(&admin, PUBLISHED).await.len(), 12);
    let again = set_up(&scenario, login.clone()).await.unwrap();
    assert_eq!(again.made, Vec::<String>::new());

    // Half of it, as if the scenario had lost a domain: the publication stays for the rest.
    let half = world::scenario(Provision::Schemas, vec![domain("left")]);
    let removed = clean(&half, login.clone()).await.unwrap();
    assert_eq!(removed, ["PostgreSQL schema `left`", "PostgreSQL schema `loadgen_left`"]);
    assert_eq!(texts(&admin, PUBLISHED).await.len(), 6);
    let removed = clean(&scenario, login.clone()).await.unwrap();
    assert_eq!(
        removed,
        [
            "PostgreSQL schema `right`",
            "PostgreSQL schema `loadgen_right`",
            "publication `debezium`"
        ]
    );
    assert_eq!(contents(&admin).await, before);
    assert_eq!(clean(&scenario, login).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_others_built_upon_our_tables_stops_the_clean() {
    let server = Server::start(&[]);
    let (admin, login) = tenancy(&server, "shared").await;
    let mut scenario = world::scenario(Provision::Schemas, vec![domain("base")]);
    set_up(&scenario, login.clone()).await.unwrap();
    for (build, undo) in [
        ("CREATE VIEW public.theirs AS SELECT * FROM base.orders", "DROP VIEW public.theirs"),
        ("CREATE TABLE base.theirs (id int)", "DROP TABLE base.theirs"),
    ] {
        admin.batch_execute(build).await.unwrap();
        let before = contents(&admin).await;
        let refused = clean(&scenario, login.clone()).await.unwrap_err();
        assert!(refused.to_string().contains("nothing was changed"), "{refused}");
        assert!(refused.to_string().contains("theirs depends on"), "{refused}");
        assert_eq!(contents(&admin).await, before);
        admin.batch_execute(undo).await.unwrap();
    }
    // A table that has left the schema file since is still ours.
    scenario.domains[0].schema.tables.pop();
    clean(&scenario, login).await.unwrap();
}

#[tokio::test]
async fn what_others_made_is_refused_or_used_as_it_is() {
    let server = Server::start(&[]);
    let (admin, login) = tenancy(&server, "shared").await;
    let scenario = world::scenario(Provision::Schemas, vec![domain("taken")]);
    admin.batch_execute("CREATE SCHEMA taken").await.unwrap();
    let taken = |kind, name: &str| SetupError::Foreign { kind, name: name.to_owned() };
    let refused = set_up(&scenario, login.clone()).await.unwrap_err();
    assert_eq!(refused, taken(ObjectKind::Schema, "taken"));
    let refused = clean(&scenario, login.clone()).await.unwrap_err();
    assert_eq!(refused, taken(ObjectKind::Schema, "taken"));

    admin.batch_execute("DROP SCHEMA taken; CREATE PUBLICATION debezium").await.unwrap();
    let refused = set_up(&scenario, login.clone()).await.unwrap_err();
    assert_eq!(refused, taken(ObjectKind::Publication, "debezium"));

    let all = "DROP PUBLICATION debezium; CREATE PUBLICATION debezium FOR ALL TABLES";
    admin.batch_execute(all).await.unwrap();
    let report = set_up(&scenario, login.clone()).await.unwrap();
    assert!(report.notes[0].contains("publishes every table"), "{report:?}");
    clean(&scenario, login).await.unwrap();
    assert_eq!(texts(&admin, "SELECT pubname::text FROM pg_publication").await, ["debezium"]);
}

#[tokio::test]
async fn a_lost_server_is_one_line() {
    let server = Server::start(&[]);
    let (_, login) = tenancy(&server, "shared").await;
    let scenario = world::scenario(Provision::Schemas, vec![domain("lost")]);
    drop(server);
    let refused = set_up(&scenario, login.clone()).await.unwrap_err();
    assert!(matches!(refused, SetupError::Connect(_)), "{refused}");
    assert!(open(login).await.is_err());
}
