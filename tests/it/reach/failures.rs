//! Servers that are away, silent, full, or none at all; and addresses that are wrong.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use loadgen::sink::postgres::address::Address;
use loadgen::sink::postgres::control::control;
use loadgen::sink::postgres::error::ConnectError;

use super::MARK;
use super::bare;
use super::block_on;
use super::parse;
use super::refusal;

/// A listener that accepts one connection after another, and answers each with these bytes as soon
/// as anything is said to it; then it stays silent.
fn answering(answer: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming().take(20) {
            let mut stream = stream.unwrap();
            if !answer.is_empty() {
                stream.read_exact(&mut [0; 8]).unwrap();
                let _ = stream.write_all(&answer);
            }
            open.push(stream);
        }
    });
    port
}

/// An error message as a server sends it.
fn server_error(code: &str, message: &str) -> Vec<u8> {
    let body = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [b"E", &length[..], body.as_bytes()].concat()
}

#[test]
fn a_server_that_is_not_there_is_away() {
    for text in [
        "host=127.0.0.1 port=1 user=app dbname=orders",
        "host=no-such-host.invalid user=app dbname=orders",
        "host=/nonexistent user=app dbname=orders",
    ] {
        let error = refusal(&parse(&format!("{text} password={MARK}")));
        assert!(matches!(error, ConnectError::Away { .. }), "{error:?}");
        assert!(error.is_transient());
    }
    let error = refusal(&parse("postgres://app@127.0.0.1:1/orders")).to_string();
    assert_eq!(
        error,
        "cannot reach `app@127.0.0.1:1/orders`: connection refused; see that the server runs and \
         can be reached there",
    );
}

#[test]
fn a_silent_server_is_given_up() {
    let port = answering(Vec::new());
    let give_up = |mode: &str| {
        let text = format!("host=127.0.0.1 port={port} user=app sslmode={mode} connect_timeout=1");
        let address = parse(&text);
        let begun = Instant::now();
        let error = refusal(&address);
        assert!(matches!(error, ConnectError::Away { .. }), "{error:?}");
        assert!(error.to_string().contains("within 1 s"), "{error}");
        assert!(block_on(control(&address, "x")).is_err());
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(30), "{waited:?}");
    };
    thread::scope(|scope| {
        for mode in ["disable", "prefer", "require"] {
            scope.spawn(move || give_up(mode));
        }
    });
    let address = parse(&format!("host=127.0.0.1 port={port} user=app"));
    let begun = Instant::now();
    let error = block_on(address.cancel(1, 2)).unwrap_err();
    assert!(error.to_string().contains("longer than 2 s"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_is_not_postgresql_is_told_apart() {
    let endless = [&b"S"[..], &u32::MAX.to_be_bytes()].concat();
    for answer in [b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), endless, b"Z\0\0\0\x05I".to_vec()]
    {
        let port = answering(answer);
        let text = format!("host=127.0.0.1 port={port} user=app sslmode=disable connect_timeout=5");
        let error = refusal(&parse(&text));
        assert!(matches!(error, ConnectError::Protocol { .. }), "{error:?}");
        assert!(!error.is_transient());
    }
}

#[test]
fn what_the_server_says_decides_the_kind() {
    let kind = |code: &str| {
        let port = answering(server_error(code, "as \x1b[31mit\nis"));
        let text = format!("host=127.0.0.1 port={port} user=app sslmode=disable");
        let error = refusal(&parse(&text));
        assert!(error.to_string().contains("as  [31mit is"), "{error:?}");
        error
    };
    for code in ["57P01", "57P02", "57P03", "53200", "58000", "08006"] {
        assert!(matches!(kind(code), ConnectError::Away { .. }), "{code}");
    }
    assert!(matches!(kind("53300"), ConnectError::TooMany { .. }));
    assert!(matches!(kind("28000"), ConnectError::Denied { .. }));
    assert!(matches!(kind("3D000"), ConnectError::NoDatabase { .. }));
    assert!(matches!(kind("42501"), ConnectError::Refused { .. }));
    assert!(!kind("42501").is_transient());
}

#[test]
fn wrong_addresses_are_refused_with_a_reason() {
    for (text, reason) in [
        ("host=a sslmod=require", "did you mean `sslmode`?"),
        ("host=a sslmode=yes", "`sslmode` cannot be `yes`; it can be `disable`, `allow`"),
        ("host=a target_session_attrs=standby", "it can be `any`, `read-write`"),
        ("host=a sslrootcert=system sslmode=require", "needs `sslmode=verify-full`"),
        ("host=a port=x", "not a number from 1 to 65535"),
        ("host=a,b port=1,2,3", "another length"),
        ("host=a,b hostaddr=127.0.0.1", "different lengths"),
        ("host=a hostaddr=b", "`hostaddr` is not an IP address"),
        ("host=a sslcrl=x", "`sslcrl` is not supported"),
        ("host=a connect_timeout=soon", "whole number of seconds"),
        ("mysql://a", "does not begin with `postgres://`"),
        ("localhost", "neither a URL"),
    ] {
        let error = Address::parse(text, &bare).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
    for text in [
        format!("postgres://me:12/{MARK}@host/db"),
        format!("postgres://me:{MARK}@x@host/db"),
        format!("postgres://me:{MARK}/x@host/db"),
        format!("password=a {MARK}=b"),
        format!("postgres://host/db?password=a&{MARK}=b"),
    ] {
        let error = Address::parse(&text, &bare).unwrap_err().to_string();
        assert!(!error.contains(MARK), "{text}: {error}");
    }
}

#[test]
fn only_this_machine_is_local() {
    for (text, is_local) in [
        ("host=/tmp", true),
        ("host=localhost", true),
        ("host=127.3.2.1,::1,/tmp", true),
        ("host=example.com hostaddr=127.0.0.1", true),
        ("host=localhost hostaddr=10.0.0.1", false),
        ("host=localhost,example.com", false),
        ("host=127.0.0.1.example.com", false),
    ] {
        assert_eq!(parse(&format!("{text} user=x")).is_local(), is_local, "{text}");
    }
}
