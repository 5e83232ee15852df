//! Server programs that are fetched, and those that are not.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::thread;

use loadgen::embedded::Embedded;
use loadgen::embedded::EmbeddedError;
use loadgen::embedded::Machine;
use loadgen::embedded::Options;
use loadgen::embedded::Progress;

use super::SLOT;
use super::ask;
use super::bare_machine;
use super::config;
use super::folder;
use super::skip;

#[test]
fn fetched_programs_run_a_server_and_are_fetched_once() {
    let folder = folder();
    let machine = bare_machine(&folder, &Machine::here().repository);
    let options = Options { version: Some(16), run: String::new() };
    let mut fetched = Vec::new();
    let started = Embedded::start_on(&machine, &options, &mut |progress| {
        if let Progress::Fetching { received, total, .. } = progress {
            fetched.push((received, total));
        }
    });
    let server = match started {
        Err(EmbeddedError::Unreachable { cause, .. }) => {
            return skip(&format!("the archive of programs cannot be fetched: {cause}"));
        }
        started => started.unwrap(),
    };
    let (received, total) = fetched.last().copied().unwrap();
    assert_eq!(Some(received), total);
    assert!(received > 10_000_000 && fetched.len() > 10, "{fetched:?}");
    assert_eq!(server.version(), 16);
    assert_eq!(&ask(&config(&server), "SHOW server_version_num")[..2], "16");
    assert_eq!(ask(&config(&server), SLOT), "s");
    server.stop().unwrap();

    let nowhere = bare_machine(&folder, "http://127.0.0.1:1");
    let again = nowhere.binaries(Some(16), &mut |_| panic!("fetched again")).unwrap();
    assert!(again.program("pg_ctl").starts_with(folder.path().join("cache")));
}

#[test]
fn an_archive_with_another_hash_is_refused_and_not_kept() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let repository = format!("http://{}/maven2", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = String::new();
        BufReader::new(&stream).read_line(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong").unwrap();
        // Until the client is done: closing on unread bytes may take back what was sent.
        let _ = stream.read_to_end(&mut Vec::new());
        request
    });
    let machine = bare_machine(&folder, &repository);
    let error = Embedded::start_on(&machine, &Options::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, EmbeddedError::WrongHash { .. }), "{error}");
    // SHA-256 of the word that was served.
    let hash = "8810ad581e59f2bc3928b261707a71308f7e139eb04820366dc4d5c18d980225";
    assert!(error.to_string().contains(hash), "{error}");
    let request = served.join().unwrap();
    assert!(request.starts_with("GET /maven2/io/zonky/test/postgres/embedded-"), "{request}");
    let kept: Vec<_> = fs::read_dir(folder.path().join("cache/postgres")).unwrap().collect();
    assert_eq!(kept.len(), 1, "only the lock file: {kept:?}");
}

#[test]
fn without_programs_and_without_a_repository_one_line_says_what_to_do() {
    let folder = folder();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let machine = bare_machine(&folder, &format!("http://{closed}"));
    let error = Embedded::start_on(&machine, &Options::default(), &mut |_| {}).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("install PostgreSQL") && message.contains("`PG_BIN`"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");

    let options = Options { version: Some(9), run: String::new() };
    let error = Embedded::start_on(&machine, &options, &mut |_| {}).unwrap_err();
    assert!(error.to_string().starts_with("found no PostgreSQL 9 server programs"), "{error}");
}
