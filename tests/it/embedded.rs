//! Embedded servers, on this machine's programs.

use std::path::Path;

use loadgen::embedded::Embedded;
use loadgen::embedded::Machine;
use loadgen::embedded::Options;
use secrecy::ExposeSecret;

fn show(url: &str, statement: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let row = client.query_one(statement, &[]).await.unwrap();
        let text = row.get(0);
        drop(client);
        driver.await.unwrap().unwrap();
        text
    })
}

fn machine(temporary: &Path) -> Machine {
    Machine { temporary: temporary.to_path_buf(), ..Machine::here() }
}

#[test]
fn a_server_answers_and_is_gone_when_stopped() {
    let temporary = tempfile::tempdir().unwrap();
    let server = Embedded::start_on(&machine(temporary.path()), &Options::default(), &mut |p| eprintln!("{p:?}")).unwrap();
    let url = server.url().expose_secret().to_owned();
    assert_eq!(show(&url, "SHOW wal_level"), "logical");
    server.stop().unwrap();
}
