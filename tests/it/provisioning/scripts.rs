//! The files of `sql/` in the hands of a DBA.

use std::path::Path;
use std::process::Command;

use loadgen::scenario::Provision;

use super::admin_login;
use super::clean;
use super::server::ADMIN_PASSWORD;
use super::server::Server;
use super::server::program;
use super::set_up;
use super::shared_objects;
use super::world;

/// Runs one file with psql, as a DBA would.
fn psql(server: &Server, database: &str, role: &str, script: &str, variables: &[&str]) {
    let mut command = Command::new(program("psql"));
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres"]);
    command.args(["-p", &server.port.to_string(), "-d", database]);
    for variable in variables {
        command.args(["-v", variable]);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql").join(format!("{script}.sql"));
    command.env("PGPASSWORD", ADMIN_PASSWORD).env("PGOPTIONS", format!("-c role={role}"));
    let output = command.arg("-f").arg(file).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_dba_can_run_the_scripts_with_psql_and_loadgen_takes_over() {
    let server = Server::start(&[]);
    let before = shared_objects(&server).await;
    let mark = "mark=loadgen/1 scenario=by-hand domain=hand";
    let (owner, making) = ("owner=hand_owners_group", "making=loadgen_making_hand");
    let (application, capture) = ("application=hand_app", "capture=debezium_hand");
    let (namespace, books) = ("namespace=public", "books=loadgen_public");
    let publication = "publication=debezium";
    let run = |script, variables: &[&str]| psql(&server, "postgres", "none", script, variables);
    run("owner", &["role=hand_owners_group", mark]);
    run("login", &["role=hand_app", mark]);
    run("login", &["role=debezium_hand", mark]);
    run("password", &["role=hand_app", "verifier=by hand"]);
    run("replication", &["role=debezium_hand"]);
    run("join_owner", &[owner]);
    run("database", &[making, owner]);
    run("database_name", &[making, "database=db_hand", mark]);
    run("database_access", &["database=db_hand", owner, application, capture]);
    let run = |role, script, variables: &[&str]| psql(&server, "db_hand", role, script, variables);
    run("none", "namespace", &[namespace, owner]);
    let group = "hand_owners_group";
    run(group, "books", &[books, mark]);
    run(group, "signal", &[namespace]);
    run(group, "heartbeat", &[namespace]);
    run(group, "access", &[namespace, books, application, capture]);
    run(group, "signal_access", &[namespace, capture]);
    run(group, "heartbeat_access", &[namespace, capture]);
    run(group, "access_later", &["maker=hand_owners_group", namespace, application, capture]);
    run("none", "publication", &[publication, mark]);
    run("none", "publication_owner", &[publication, owner]);
    run("none", "publication_table", &[publication, namespace, "table=debezium_signal"]);

    // What was made by hand is known by its mark; only the domain's own tables were missing.
    let scenario = world::scenario(Provision::Databases, vec![world::domain("hand")]);
    let report = set_up(&scenario, admin_login(&server)).await.unwrap();
    assert!(report.made.iter().all(|made| made.starts_with("table ")), "{report:?}");
    assert_eq!(report.made.len(), 4);
    clean(&scenario, admin_login(&server)).await.unwrap();
    assert_eq!(shared_objects(&server).await, before);
}
