//! Passwords go where they must, and nowhere else.

use std::fs;
use std::path::Path;

use crate::running::ROWS;
use crate::support::command::Done;
use crate::support::command::Place;
use crate::support::machine::psql;
use crate::support::server::Options;
use crate::support::server::TestServer;

/// In the URL, in the environment, and in the scenario itself.
const URL: &str = "url-pa55w0rd";
const GIVEN: &str = "given-pa55w0rd";
const WRITTEN: &str = "written-pa55w0rd";

/// A server that logs every statement, and the end of its log: what stands before is our own doing.
fn server() -> (TestServer, usize) {
    let hba = [
        "host all postgres 127.0.0.1/32 trust",
        "host all admin 127.0.0.1/32 scram-sha-256",
        "host all all 127.0.0.1/32 scram-sha-256",
    ];
    let settings = vec![("log_statement", "all".to_owned()), ("log_connections", "on".to_owned())];
    let hba = hba.iter().map(ToString::to_string).collect();
    let server = TestServer::with(&Options { hba, settings, ..Options::default() });
    let role = format!("CREATE ROLE admin SUPERUSER LOGIN PASSWORD '{URL}'");
    server.query("postgres", &format!("SET password_encryption = 'scram-sha-256'; {role}"));
    let logged = server.log().len();
    (server, logged)
}

/// All that a folder holds, except the file that is for secrets.
fn everything_in(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything_in(&path, text);
        } else if path.file_name().unwrap() != "secrets" {
            text.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
}

fn assert_silent(place: &Place<'_>, logged: usize, done: &Done, secrets: &[String]) {
    let mut text = format!("{}{}", done.out, done.err);
    // A run that is refused before anything was made leaves no folder.
    let run = place.folder.path().join("run");
    if run.exists() {
        everything_in(&run, &mut text);
    }
    let log = &place.server.log()[logged..];
    assert!(log.contains("admin"), "the server logs who comes");
    text.push_str(log);
    for secret in secrets {
        let found = text.find(secret.as_str()).map(|at| &text[at.saturating_sub(200)..at]);
        assert_eq!(found, None, "`{secret}` is told");
    }
}

#[test]
fn passwords_appear_nowhere() {
    let (server, logged) = server();
    let mut place = Place::on(&server, &["orders"]);
    place.url = format!("postgres://admin:{URL}@127.0.0.1:{}/postgres", server.port());
    place.set(ROWS);
    place.set("cdc.application_password=${LOADGEN_GIVEN}");
    let out = ["run", "@quickstart", "--for", "1s", "--out", "run"];
    let mut command = place.command(&out);
    let done = Done::from(command.env("LOADGEN_GIVEN", GIVEN).output().unwrap());
    assert_eq!(done.code, 0, "{}", done.err);
    let secrets = fs::read_to_string(place.folder.path().join("run/secrets")).unwrap();
    let generated: Vec<&str> = secrets
        .split(|c: char| c.is_whitespace() || c == ':' || c == '=')
        .filter(|word| word.len() == 32)
        .collect();
    assert_eq!(generated.len(), 1, "the capture login's alone: {secrets}");
    assert!(!secrets.contains(GIVEN) && !secrets.contains(URL));
    let all = [URL.to_owned(), GIVEN.to_owned(), generated[0].to_owned()];
    assert_silent(&place, logged, &done, &all);

    // They are real: the logins are let in with them, and not without.
    let url = |login: &str, password: &str| {
        let database = place.database("orders");
        format!("postgres://{database}_{login}:{password}@127.0.0.1:{}/{database}", server.port())
    };
    let log_in = |url: &str| psql(url).args(["-c", "SELECT 1"]).output().unwrap().status.success();
    assert!(log_in(&url("application", GIVEN)));
    assert!(log_in(&url("capture", generated[0])));
    assert!(!log_in(&url("application", "wrong")));
}

#[test]
fn passwords_appear_nowhere_when_they_are_wrong_or_written_down() {
    let (server, logged) = server();
    let mut place = Place::on(&server, &["orders"]);
    place.set(ROWS);
    let text = loadgen::scenario::builtin::scenario("quickstart").unwrap();
    let with = |url: &str| text.replace("${LOADGEN_POSTGRES:-embedded}", url);
    let (port, file) = (server.port(), place.folder.path().join("mine.yaml"));
    let out = ["run", "mine.yaml", "--for", "1s", "--out", "run"];
    let written = format!("postgres://admin:{WRITTEN}@127.0.0.1:{port}/postgres");
    fs::write(&file, with(&written)).unwrap();
    let refused = place.run(&out);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert_silent(&place, logged, &refused, &[WRITTEN.to_owned()]);

    let keys = format!("host=127.0.0.1 port={port} user=admin dbname=postgres password={URL}");
    fs::write(&file, with(&keys)).unwrap();
    place.set(&format!("cdc.password={WRITTEN}"));
    let done = place.must(&out);
    assert_silent(&place, logged, &done, &[URL.to_owned(), WRITTEN.to_owned()]);
}
