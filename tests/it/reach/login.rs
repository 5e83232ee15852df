//! Who is let in, and as whom.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use fallible_iterator::FallibleIterator;
use loadgen::sink::postgres::address::Address;
use loadgen::sink::postgres::control::control;
use loadgen::sink::postgres::control::pool;
use loadgen::sink::postgres::error::ConnectError;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::ENCODED;
use super::MARK;
use super::PASSWORD;
use super::Secure;
use super::block_on;
use super::connect;
use super::parse;
use super::refusal;
use crate::support::server::TestServer;

#[test]
fn every_method_lets_the_right_password_in() {
    let secure = Secure::shared();
    for user in ["trusted", "clear_user", "md5_user", "scram_user"] {
        for mode in ["disable", "require"] {
            let address = secure.address_with_password(user, &format!("sslmode={mode}"));
            let session = connect(&address).unwrap();
            assert!(session.backend_pid > 0);
            assert!(session.parameters.contains_key("server_version"));
            assert_eq!(session.parameters["TimeZone"], "UTC");
            assert!(session.read_ahead.is_empty());
            assert_eq!(session.stream.is_encrypted(), mode == "require", "{user} {mode}");
        }
    }
}

#[test]
fn a_wrong_password_is_denied_and_never_shown() {
    let secure = Secure::shared();
    for user in ["clear_user", "md5_user", "scram_user"] {
        for mode in ["disable", "prefer", "require"] {
            let more = format!("password={MARK}-wrong sslmode={mode}");
            let error = refusal(&secure.address(user, &more));
            let ConnectError::Denied { code, .. } = &error else { panic!("{error:?}") };
            assert_eq!(code, "28P01", "{user} {mode}");
            assert!(!error.is_transient());
        }
        let error = refusal(&secure.address(user, "")).to_string();
        assert!(error.contains("PGPASSWORD"), "{error}");
    }
}

#[test]
fn a_role_or_a_database_that_is_missing_is_told_apart() {
    let server = TestServer::shared();
    let error = refusal(&parse(&server.url()).with_login("nobody_here", None));
    assert!(matches!(error, ConnectError::Denied { .. }), "{error:?}");
    let error = refusal(&parse(&server.url()).with_database("nothing_here"));
    assert!(matches!(error, ConnectError::NoDatabase { .. }), "{error:?}");
    assert!(!error.is_transient());
}

#[test]
fn a_full_server_is_told_apart_and_may_have_room_later() {
    let secure = Secure::shared();
    block_on(async {
        let address = secure.address("crowded", "");
        let _only_one = address.connect(&[]).await.unwrap();
        let error = address.connect(&[]).await.unwrap_err();
        assert!(matches!(error, ConnectError::TooMany { .. }), "{error:?}");
        assert!(error.is_transient());
    });
}

#[test]
fn a_url_carries_any_password_and_another_login_replaces_it() {
    let secure = Secure::shared();
    let port = secure.server.port();
    let address = parse(&format!("postgres://scram_user:{ENCODED}@127.0.0.1:{port}/postgres"));
    assert_eq!(address.to_string(), format!("scram_user@127.0.0.1:{port}/postgres"));
    assert!(address.is_local());
    assert!(!format!("{address:?}").contains(MARK));
    connect(&address).unwrap();
    let password = Some(SecretString::from(PASSWORD.to_owned()));
    let other = address.with_login("md5_user", password);
    assert_eq!((other.user(), other.database()), ("md5_user", "postgres"));
    connect(&other).unwrap();
}

#[test]
fn the_environment_fills_what_the_address_leaves_out() {
    let secure = Secure::shared();
    let port = secure.server.port().to_string();
    let env = |name: &str| {
        let value = match name {
            "PGHOST" => "127.0.0.1",
            "PGPORT" => &port,
            "PGUSER" => "scram_user",
            "PGPASSWORD" => PASSWORD,
            "PGDATABASE" => "postgres",
            "PGSSLMODE" => "require",
            "PGAPPNAME" => "from-environment",
            "PGOPTIONS" => "-c statement_timeout=1234",
            "HOME" => "/nonexistent",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let address = Address::parse("", &env).unwrap();
    assert_eq!(address.to_string(), format!("scram_user@127.0.0.1:{port}/postgres"));
    let session = connect(&address).unwrap();
    assert!(session.stream.is_encrypted());
    assert_eq!(session.parameters["application_name"], "from-environment");
    block_on(async {
        let client = control(&address, "given").await.unwrap();
        let row = client.query_one("SHOW statement_timeout", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "1234ms");
        let row = client.query_one("SHOW application_name", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "given");
    });
    let address = Address::parse("user=trusted sslmode=disable", &env).unwrap();
    assert_eq!(address.user(), "trusted");
    assert!(!connect(&address).unwrap().stream.is_encrypted());
}

#[test]
fn a_password_file_gives_the_password_unless_others_can_read_it() {
    let secure = Secure::shared();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passwords");
    let password = PASSWORD.replace('\\', r"\\").replace(':', r"\:");
    fs::write(
        &path,
        format!("# ours\n127.0.0.1:{}:postgres:scram_user:{password}\n", secure.server.port()),
    )
    .unwrap();
    let text = format!(
        "host=127.0.0.1 port={} dbname=postgres user=scram_user passfile={}",
        secure.server.port(),
        path.display(),
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(parse(&text).warning(), None);
    connect(&parse(&text)).unwrap();
    refusal(&parse(&text).with_login("md5_user", None));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let address = parse(&text);
    let warning = address.warning().unwrap();
    assert!(warning.contains("chmod 0600") && warning.contains("passwords"), "{warning}");
    refusal(&address);
    let given = address.with_login("scram_user", Some(SecretString::from(PASSWORD.to_owned())));
    assert_eq!(given.warning(), None);
    connect(&given).unwrap();
}

#[test]
fn a_socket_is_a_way_in() {
    let secure = Secure::shared();
    let folder = secure.server.folder().to_str().unwrap().replace('/', "%2F");
    let port = secure.server.port();
    let url =
        format!("postgres://scram_user:{ENCODED}@{folder}:{port}/postgres?sslmode=verify-full");
    let address = parse(&url);
    assert!(address.is_local());
    let session = connect(&address).unwrap();
    assert!(!session.stream.is_encrypted(), "a socket needs no TLS");
    assert_eq!(format!("{:?}", session.stream), "Transport(unix)");
    let error = refusal(&parse(&format!("host=/nonexistent port={port} user=x")));
    assert!(matches!(error, ConnectError::Away { .. }), "{error:?}");
}

#[test]
fn settings_reach_the_session() {
    let address = parse(&TestServer::shared().url());
    block_on(async {
        let settings = [("application_name", "loadgen/x"), ("statement_timeout", "7s")];
        let session = address.connect(&settings).await.unwrap();
        assert_eq!(session.parameters["application_name"], "loadgen/x");
        let error = address.connect(&[("no_such_setting", "1")]).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("no_such_setting"), "{error}");
        // The two steps, as those take who keep the stream apart.
        let stream = address.open().await.unwrap();
        let session = loadgen::sink::postgres::startup::startup(stream, &address, &settings).await;
        assert!(session.unwrap().backend_pid > 0);
    });
}

#[test]
fn a_running_query_can_be_cancelled() {
    let secure = Secure::shared();
    for mode in ["disable", "require"] {
        block_on(async {
            let address = secure.address("trusted", &format!("sslmode={mode}"));
            let mut session = address.connect(&[]).await.unwrap();
            let mut query = bytes::BytesMut::new();
            frontend::query("SELECT pg_sleep(60)", &mut query).unwrap();
            session.stream.write_all(&query).await.unwrap();
            let mut answer = bytes::BytesMut::new();
            let error = loop {
                // A request that comes before the query has begun is in vain, so again.
                address.cancel(session.backend_pid, session.secret_key).await.unwrap();
                let read = session.stream.read_buf(&mut answer);
                let read = timeout(Duration::from_millis(200), read).await;
                assert!(read.map_or(1, Result::unwrap) > 0, "the server hung up");
                match Message::parse(&mut answer).unwrap() {
                    Some(Message::ErrorResponse(error)) => break error,
                    Some(Message::ReadyForQuery(_)) => panic!("the query was not cancelled"),
                    Some(_) | None => {}
                }
            };
            let code = error.fields().find(|field| Ok(field.type_() == b'C')).unwrap().unwrap();
            assert_eq!(code.value_bytes(), b"57014");
        });
    }
}

#[test]
fn a_pool_lends_sessions_and_says_why_it_cannot() {
    let secure = Secure::shared();
    block_on(async {
        let address = secure.address_with_password("scram_user", "sslmode=require");
        let sessions = pool(&address, "loadgen/pool", 2).unwrap();
        let (one, two) = (sessions.get().await.unwrap(), sessions.get().await.unwrap());
        assert_eq!(sessions.status().size, 2);
        let sql = "SELECT pg_backend_pid(), current_setting('application_name')";
        let (first, second) =
            (one.query_one(sql, &[]).await.unwrap(), two.query_one(sql, &[]).await);
        assert_ne!(first.get::<_, i32>(0), second.unwrap().get::<_, i32>(0));
        assert_eq!(first.get::<_, &str>(1), "loadgen/pool");
        drop((one, two));

        let address = secure.address("scram_user", &format!("password={MARK}-wrong"));
        let failed = pool(&address, "loadgen/pool", 1).unwrap().get().await.unwrap_err();
        assert!(!format!("{failed} {failed:?}").contains(MARK));
        let error = ConnectError::from_pool(&failed, &address.to_string());
        assert_eq!(error, address.connect(&[]).await.unwrap_err());
        assert_eq!(control(&address, "x").await.unwrap_err(), error);
    });
}

#[test]
fn another_host_serves_when_one_is_away_or_takes_no_writes() {
    let secure = Secure::shared();
    let (port, dead) = (secure.server.port(), 1);
    let hosts = format!("host=127.0.0.1,127.0.0.1 port={dead},{port} dbname=postgres");
    connect(&parse(&format!("{hosts} user=trusted"))).unwrap();
    let error = refusal_of_last(&format!("{hosts} user=reader target_session_attrs=read-write"));
    assert!(error.to_string().contains("takes no writes"), "{error}");
    assert!(error.is_transient());
    connect(&parse(&format!("{hosts} user=reader"))).unwrap();
    connect(&parse(&format!("{hosts} user=trusted target_session_attrs=read-write"))).unwrap();
}

fn refusal_of_last(text: &str) -> ConnectError {
    connect(&parse(text)).unwrap_err()
}
