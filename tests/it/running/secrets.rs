//! Passwords go where they must, and nowhere else.

use std::fs;
use std::path::Path;

use crate::running::ROWS;
use crate::support::command::Done;
use crate::support::command::LENIENT;
use crate::support::command::Place;
use crate::support::command::loadgen;
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
    place.set(LENIENT);
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

/// What a run keeps of its scenario can be read again, with a password left out as well.
#[test]
fn a_run_whose_scenario_has_a_password_is_judged_again() {
    let mut place = Place::on(TestServer::shared(), &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
    place.set("load.streams.shop.profile=[ { hold: 100/s, for: 1s } ]");
    let text = loadgen::scenario::builtin::scenario("cdc-lag").unwrap();
    for written in [
        format!("cdc: {{ password: {WRITTEN}, canary: off }}"),
        format!("cdc:\n  password: {WRITTEN}"),
    ] {
        let file = place.folder.path().join("mine.yaml");
        fs::write(&file, format!("{text}\n{written}\n")).unwrap();
        place.must(&["run", "mine.yaml", "--fresh", "--out", "run"]);
        let kept = fs::read_to_string(place.folder.path().join("run/manifest.json")).unwrap();
        assert!(!kept.contains(WRITTEN) && kept.contains("***"), "{kept}");
        place.must(&["verify", "run"]);
    }
}

/// A piece of every password below: whatever is shown of one shows it.
const PIECE: &str = "pa55w0rd";

/// All ways to write a password down, as the entries of a block.
const FORMS: [&str; 14] = [
    "password: plain-pa55w0rd",
    "password: \"quoted \\\" pa55w0rd\" # why",
    "password: 'it''s a pa55w0rd'",
    "password: 'a long pa55w0rd,\n    over two lines; pa55w0rd'",
    "password: >-\n    folded\n    pa55w0rd\n  application_password: |\n    pa55w0rd\n    and more",
    "password: >2-\n    pa55w0rd",
    "password:\n    next-pa55w0rd",
    "password:\n    \"next \\\" pa55w0rd\"",
    "password: plain,pa55w0rd&more`pa55w0rd",
    "application_password: !!str pa55w0rd-1",
    "\"password\": pa55w0rd-1",
    "? password\n  : pa55w0rd-1",
    "password: &it an \\ pa55w0rd\n  application_password: *it",
    "password: ${LOADGEN_NO_PASSWORD:-default-pa55w0rd}",
];

#[test]
fn a_password_is_kept_nowhere_however_it_is_spelled() {
    let folder = tempfile::tempdir().unwrap();
    let text = loadgen::scenario::builtin::scenario("quickstart").unwrap();
    for form in FORMS {
        fs::write(folder.path().join("mine.yaml"), format!("{text}\ncdc:\n  {form}\n")).unwrap();
        let mut command = loadgen(folder.path());
        command.args(["run", "mine.yaml", "--discard", "--for", "100ms", "--out", "run"]);
        command.args(["--set", "cdc.application_password=\"set \\\" pa55w0rd\""]);
        command.arg(
            "--set=targets.operational={ postgres: { url: \"postgres://a:pa55w0rd@[::1]/x\" } }",
        );
        let done = Done::from(command.output().unwrap());
        // On a busy machine a tenth of a second may be late enough to be invalid.
        assert!([0, 6, 99].contains(&done.code), "{form}: {}", done.err);
        let mut all = format!("{}{}", done.out, done.err);
        everything_in(&folder.path().join("run"), &mut all);
        assert!(all.contains("cdc:") && all.contains("cdc.application_password="), "{form}");
        let found = all.find(PIECE).map(|at| &all[at.saturating_sub(200)..at + 20]);
        assert_eq!(found, None, "{form}");
        assert!(all.contains("***"), "{form}");
    }
}

#[test]
fn a_mistake_beside_a_password_does_not_show_it() {
    let folder = tempfile::tempdir().unwrap();
    for entry in [
        "cdc: { nonsense: 1, password: \"a\\\" pa55w0rd\" }",
        "cdc: { nonsense: 1, password: 'it''s pa55w0rd' }",
        "cdc: { nonsense: 1, password: a-pa55w0rd }",
        "cdc: { password: [ 'pa55w0rd' ] }",
        "cdc: { nonsense: 1, password: \"pa55w0rd }",
        "targets: { x: { postgres: { url: \"password='a \\\\' pa55w0rd'\", nonsense: 1 } } }",
        "lanes: postgres://a:pa55w0rd@b/c",
    ] {
        let text = format!("scenario: s\ndomains: {{ orders: {{ on: x }} }}\n{entry}\n");
        fs::write(folder.path().join("mine.yaml"), text).unwrap();
        let done = loadgen(folder.path()).args(["check", "mine.yaml"]).output().unwrap();
        let done = Done::from(done);
        assert_eq!(done.code, 3, "{entry}: {}", done.err);
        assert!(!done.err.contains(PIECE), "{entry}: {}", done.err);
    }
}
