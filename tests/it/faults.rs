//! The proxy keeps its promises: each fault does to a real server's commit what it says.

use std::time::Duration;
use std::time::Instant;

use bytes::BytesMut;
use loadgen::sink::postgres::address::Address;
use loadgen::sink::postgres::startup::Session;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use crate::support::machine::wait_for;
use crate::support::proxy::Fault;
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

const SUBJECT: &str = "loadgen/worker";

/// A database with an empty table, and a proxy before its server.
struct Place {
    database: String,
    proxy: Proxy,
}

impl Place {
    fn new() -> Place {
        let server = TestServer::shared();
        let database = server.fresh_database();
        server.query(&database, "CREATE TABLE t (id int PRIMARY KEY)");
        Place { database, proxy: Proxy::start(server.port(), SUBJECT) }
    }

    /// What has been committed; waits for those who still write.
    fn rows(&self) -> Vec<String> {
        let sql = "LOCK TABLE t; SELECT id FROM t ORDER BY id";
        TestServer::shared().query(&self.database, sql).concat()
    }

    fn client(&self, application: &str) -> Client {
        let port = self.proxy.port();
        let url = format!("postgres://postgres@127.0.0.1:{port}/{}", self.database);
        let address = Address::parse(&url, &|_| None).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let settings = [("application_name", application)];
        let session = runtime.block_on(address.connect(&settings)).unwrap();
        Client { runtime, session }
    }
}

/// Speaks just enough of the protocol to have several actions in flight.
struct Client {
    runtime: tokio::runtime::Runtime,
    session: Session,
}

impl Client {
    /// Sends an action for each id, all at once.
    fn insert(&mut self, ids: std::ops::Range<u32>) {
        let mut out = BytesMut::new();
        for id in ids {
            let sql = format!("INSERT INTO t VALUES ({id})");
            frontend::parse("", &sql, std::iter::empty(), &mut out).unwrap();
            let none = std::iter::empty::<i16>;
            let write = |(), _: &mut BytesMut| unreachable!("there are no parameters");
            let _ = frontend::bind("", "", none(), std::iter::empty(), write, none(), &mut out);
            frontend::execute("", 0, &mut out).unwrap();
            frontend::sync(&mut out);
        }
        self.send(&out);
    }

    fn say(&mut self, sql: &str) {
        let mut out = BytesMut::new();
        frontend::query(sql, &mut out).unwrap();
        self.send(&out);
    }

    fn send(&mut self, out: &[u8]) {
        let sent = self.runtime.block_on(self.session.stream.write_all(out));
        sent.unwrap();
    }

    /// How many requests are answered before the connection ends, at most so many.
    fn answers(&mut self, limit: u32) -> u32 {
        let (stream, buffer) = (&mut self.session.stream, &mut self.session.read_ahead);
        self.runtime.block_on(async {
            let mut count = 0;
            while count < limit {
                match Message::parse(buffer).unwrap() {
                    Some(Message::ReadyForQuery(_)) => count += 1,
                    Some(Message::ErrorResponse(_)) => panic!("the server reports an error"),
                    None if stream.read_buf(buffer).await.unwrap_or(0) == 0 => break,
                    Some(_) | None => {}
                }
            }
            count
        })
    }
}

#[test]
fn fair_weather_changes_nothing() {
    let place = Place::new();
    let mut client = place.client(SUBJECT);
    client.insert(0..5);
    assert_eq!(client.answers(5), 5);
    client.say("SELECT 1");
    assert_eq!(client.answers(1), 1);
    assert_eq!(place.rows().len(), 5);
    let counts = place.proxy.counts();
    assert_eq!((counts.connections, counts.commits), (1, 5));
}

#[test]
fn a_lost_commit_is_rolled_back_and_what_follows_never_arrives() {
    let place = Place::new();
    let mut client = place.client(SUBJECT);
    client.insert(0..2);
    assert_eq!(client.answers(2), 2);
    place.proxy.arm(2, Fault::LoseCommit);
    client.insert(2..3);
    assert_eq!(client.answers(1), 1);
    client.insert(3..9);
    assert_eq!(client.answers(6), 0);
    assert_eq!(place.rows(), ["0", "1", "2"]);
    assert_eq!(place.proxy.counts().lost_commits, 1);
    let mut successor = place.client(SUBJECT);
    successor.insert(3..4);
    assert_eq!(successor.answers(1), 1, "the fault is used up");
}

#[test]
fn a_commit_whose_reply_is_lost_has_happened() {
    let place = Place::new();
    let mut client = place.client(SUBJECT);
    place.proxy.arm(3, Fault::LoseReply);
    client.insert(0..9);
    assert_eq!(client.answers(9), 2, "the answers before it arrive");
    assert_eq!(place.rows(), ["0", "1", "2"]);
    let counts = place.proxy.counts();
    assert_eq!((counts.commits, counts.lost_replies), (3, 1));
}

#[test]
fn a_commit_of_a_transaction_can_be_lost_too() {
    let place = Place::new();
    for (id, fault) in [(1, Fault::LoseCommit), (2, Fault::LoseReply)] {
        place.proxy.arm(1, fault);
        let mut client = place.client(SUBJECT);
        client.say("BEGIN");
        client.say(&format!("INSERT INTO t VALUES ({id})"));
        assert_eq!(client.answers(2), 2);
        client.say("COMMIT");
        assert_eq!(client.answers(1), 0);
    }
    assert_eq!(place.rows(), ["2"]);
}

#[test]
fn a_delayed_commit_happens_after_its_client_is_cut() {
    let place = Place::new();
    let mut client = place.client(SUBJECT);
    place.proxy.arm(1, Fault::DelayCommit);
    client.insert(0..1);
    assert_eq!(client.answers(1), 0);
    let counts = place.proxy.counts();
    assert_eq!((counts.delayed, counts.delivered), (1, 0), "the client is cut first");
    let sql = "SELECT count(*) FROM t";
    assert_eq!(TestServer::shared().query(&place.database, sql), [["0"]]);
    place.proxy.release();
    wait_for("an answer", || place.proxy.counts().answered == 1);
    assert_eq!(place.rows(), ["0"]);
}

#[test]
fn a_delayed_commit_is_delivered_by_itself_and_fails_if_its_session_was_ended() {
    let place = Place::new();
    for (id, application) in [(0, "loadgen/worker-a"), (1, "loadgen/worker-b")] {
        let mut client = place.client(application);
        place.proxy.arm(1, Fault::DelayCommit);
        client.insert(id..id + 1);
        assert_eq!(client.answers(1), 0);
    }
    let begun = Instant::now();
    let sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
               WHERE application_name = 'loadgen/worker-a' AND datname = current_database()";
    assert_eq!(TestServer::shared().query(&place.database, sql), [["t"]]);
    wait_for("an answer", || place.proxy.counts().answered == 1);
    assert!(begun.elapsed() > Duration::from_secs(1), "it is not delivered at once");
    assert_eq!(place.rows(), ["1"], "what was ended cannot commit");
}

#[test]
fn others_are_spared() {
    let place = Place::new();
    place.proxy.arm(1, Fault::LoseCommit);
    let mut other = place.client("loadgen/control");
    other.insert(0..3);
    assert_eq!(other.answers(3), 3);
    assert_eq!(place.proxy.counts().commits, 0);
    place.proxy.cut_all();
    assert_eq!(other.answers(1), 0);
}
