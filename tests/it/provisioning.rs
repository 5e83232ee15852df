//! Provisioning against a real server: in the order that works, repeatable, and nobody else's things
//! are touched.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test that calls it")]

mod cut;
mod server;
mod world;

mod access;
mod cleaning;
mod existing;
mod interrupted;
mod preflight;
mod repeated;
mod schemas;
mod scripts;

use loadgen::scenario::Scenario;
use loadgen::sink::postgres::provision::Provisioner;
use loadgen::sink::postgres::provision::Servers;
use loadgen::sink::postgres::provision::SetupError;
use loadgen::sink::postgres::provision::SetupReport;
use tokio_postgres::Client;
use tokio_postgres::Config;

use crate::provisioning::server::Server;
use crate::provisioning::server::connector;

/// The start of the data in these tests.
const START: i64 = 1_700_000_000_000_000;

/// Preflight, then set-up, with this login.
async fn set_up(scenario: &Scenario, login: Config) -> Result<SetupReport, SetupError> {
    let connect = connector(login);
    let provisioner = Provisioner::new(scenario, 0, Servers::new(&connect)).unwrap();
    provisioner.preflight().await?;
    provisioner.setup(&world::passwords(scenario), START, false).await
}

/// Clean with this login; what was removed.
async fn clean(scenario: &Scenario, login: Config) -> Result<Vec<String>, SetupError> {
    let connect = connector(login);
    let provisioner = Provisioner::new(scenario, 0, Servers::new(&connect)).unwrap();
    provisioner.clean().await.map(|cleaned| {
        assert_eq!(cleaned.kept, Vec::<String>::new());
        cleaned.removed
    })
}

fn admin_login(server: &Server) -> Config {
    server.login("postgres", server::ADMIN_PASSWORD)
}

/// The shared objects of a server, with their comments.
async fn shared_objects(server: &Server) -> Vec<String> {
    let sql = "SELECT 'database ' || datname || coalesce(': ' || shobj_description(oid, 'pg_database'), '') FROM pg_database \
        UNION ALL SELECT 'role ' || rolname || coalesce(': ' || shobj_description(oid, 'pg_authid'), '') FROM pg_roles \
        UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots \
        UNION ALL SELECT 'comment ' || description FROM pg_shdescription \
        UNION ALL SELECT 'member ' || roleid::regrole || ' ' || member::regrole FROM pg_auth_members \
        ORDER BY 1";
    texts(&server.admin("postgres").await, sql).await
}

/// The first column of every row.
async fn texts(client: &Client, sql: &str) -> Vec<String> {
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}
