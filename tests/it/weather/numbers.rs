//! Transaction numbers after a crash: one that was given out and not yet written to disk is given
//! out again, to somebody else.

use std::future::poll_fn;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::sync::Arc;

use loadgen::action::Action;
use loadgen::action::Change;
use loadgen::action::StatementId;
use loadgen::generate::Lane;
use loadgen::generate::World;
use loadgen::sink::Fate;
use loadgen::sink::Sink;
use loadgen::sink::postgres::address::Address;
use loadgen::sink::postgres::worker::PostgresOptions;
use loadgen::sink::postgres::worker::PostgresSink;

use super::*;
use crate::support::replay::Replay;
use crate::support::server::Options;

const TICKET: u32 = 7;

/// A server that writes its log only when somebody commits.
fn lazy_server() -> TestServer {
    let settings = [("wal_writer_delay", "10s"), ("bgwriter_delay", "10s")];
    let settings = settings.map(|(name, value)| (name, value.to_owned())).to_vec();
    let hba = vec!["host all all 127.0.0.1/32 trust".to_owned()];
    TestServer::with(&Options { hba, settings, ..Options::default() })
}

fn worker(world: &World, port: u16) -> PostgresSink {
    let url = format!("postgres://postgres@127.0.0.1:{port}/orders_original?sslmode=disable");
    let statements = 0..u16::try_from(world.catalog.statements.len()).unwrap();
    PostgresSink::new(PostgresOptions {
        address: Address::parse(&url, &|_| None).unwrap(),
        application_name: "loadgen/numbers".to_owned(),
        lock: 1,
        settings: Vec::new(),
        catalog: Arc::clone(&world.catalog),
        statements: Arc::new(statements.map(StatementId).collect()),
        in_flight_max: 1,
        is_pooled: false,
    })
}

/// A change of a row that seeding made, which may leave no evidence.
fn change(world: &Arc<World>, change: Change) -> Action {
    let mut lane = Lane::new(world, 0, 0);
    let mut action = Action::default();
    loop {
        world.render(&lane.decide().unwrap(), &mut action);
        if action.operations()[0].change == change {
            action.is_doubtful = true;
            return action;
        }
    }
}

/// What a worker finds out about an action whose COMMIT was on its way when the server died.
fn fate_after_crash(kind: Change, is_given_out_again: bool) -> Fate {
    let server = lazy_server();
    let seeded = Loadgen::start("seed", ORIGINAL, &server.url(), &REPRICE).finish(PATIENCE);
    assert_eq!(seeded.code, Some(0), "{}", seeded.said);
    let world = Replay::seeded(ORIGINAL, &REPRICE).world();
    let proxy = Proxy::start(server.port(), "loadgen/numbers");
    let mut worker = worker(&world, proxy.port());
    let action = change(&world, kind);
    let next = |server: &TestServer| -> u64 {
        let sql = "SELECT txid_snapshot_xmax(txid_current_snapshot())";
        server.query("orders_original", sql)[0][0].parse().unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        worker.recover().await.unwrap();
        worker.prepare().await.unwrap();
        proxy.arm(1, Fault::DelayCommit);
        worker.submit(TICKET, &action);
        let mut outcomes = Vec::new();
        let lost = poll_fn(|context| worker.poll(context, &mut outcomes)).await;
        assert!(lost.is_err() && outcomes.is_empty(), "{outcomes:?}");
        let number = next(&server);
        server.kill_hard();
        server.start_again();
        assert!(next(&server) <= number, "the server wrote the number down after all");
        while is_given_out_again && next(&server) <= number {
            server.query("orders_original", "SELECT txid_current()");
        }
        worker.recover().await.unwrap();
        worker.resolve(TICKET, &action).await.unwrap()
    })
}

#[test]
fn a_number_that_the_crash_took_back_is_not_committed() {
    assert_eq!(fate_after_crash(Change::Update, false), Fate::Absent);
}

#[test]
fn a_number_that_somebody_else_got_after_the_crash_does_not_speak_for_us() {
    assert_eq!(fate_after_crash(Change::Update, true), Fate::Absent);
    assert_eq!(fate_after_crash(Change::Delete, true), Fate::Absent);
}

/// A message of a server.
fn said(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, body].concat()
}

/// A server that takes any login, answers whatever a worker asks of it until it may begin, and then
/// says this and hangs up. Returns its port.
fn ends_with(last_words: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ready = said(b'Z', b"I");
    // The login, who is at work, what ends a predecessor, the lock, three questions, the statements,
    // and who is at work still.
    let begin = [said(b'R', &[0; 4]), ready.repeat(9)].concat();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            stream.write_all(&begin).unwrap();
            stream.write_all(&last_words).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    port
}

#[test]
fn what_was_refused_before_the_connection_died_was_not_committed() {
    let world = Replay::seeded(ORIGINAL, &REPRICE).world();
    let refused = [
        said(b'C', b"BEGIN\0"),
        said(b'E', b"SERROR\0VERROR\0C40P01\0Mdeadlock detected\0\0"),
        said(b'Z', b"E"),
    ];
    let mut worker = worker(&world, ends_with(refused.concat()));
    let action = change(&world, Change::Update);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        worker.recover().await.unwrap();
        worker.prepare().await.unwrap();
        worker.submit(TICKET, &action);
        let mut outcomes = Vec::new();
        let lost = poll_fn(|context| worker.poll(context, &mut outcomes)).await;
        assert!(lost.is_err() && outcomes.is_empty(), "{outcomes:?}");
        worker.recover().await.unwrap();
        assert_eq!(worker.resolve(TICKET, &action).await.unwrap(), Fate::Absent);
    });
}

/// A run whose commits are not waited for, on a server that keeps them in memory and is killed twice.
/// Several databases, of which a crash takes back what each had not written: all of it is sent again, each
/// to its own, in the order in which it was decided.
#[test]
fn what_a_crash_took_back_from_several_databases_is_sent_again() {
    let file = crate::support::command::scenario("across.yaml");
    let set = [
        "targets.operational.postgres.synchronous_commit=off",
        "targets.operational.postgres.connections=1",
        "targets.operational.postgres.in_flight=1",
    ];
    let server = lazy_server();
    let mut run = Loadgen::start("run", &file, &server.url(), &set);
    run.wait_for_load();
    for _ in 0..2 {
        server.freeze_log_writer();
        sleep(Duration::from_millis(900));
        server.kill_hard();
        server.start_again();
    }
    let ended = run.finish(PATIENCE);
    assert!(ended.count("lost_after_ack") > 20, "{}", ended.summary);
    passed(&ended);
    assert_exact(&server, &file, &set, &ended);
}

fn forgetful(mix: &str) -> Ended {
    let mix = format!("load.streams.shop.mix={mix}");
    let set = [
        "lanes=4",
        "domains.orders.rows={ products: 8, customers: 64, orders: 8 }",
        "targets.operational.postgres.connections=4",
        "targets.operational.postgres.synchronous_commit=off",
        "load.streams.shop.profile=[{ hold: 300/s, for: 4s }]",
        &mix,
    ];
    let server = lazy_server();
    let mut run = Loadgen::start("run", KILL, &server.url(), &set);
    run.wait_for_load();
    for _ in 0..3 {
        server.freeze_log_writer();
        sleep(Duration::from_millis(900));
        server.kill_hard();
        server.start_again();
    }
    let ended = run.finish(PATIENCE);
    passed(&ended);
    assert_exact(&server, KILL, &set, &ended);
    ended
}

#[test]
fn what_a_crash_took_back_is_sent_again() {
    let ended = forgetful("{ orders.place_order: 6, orders.pay: 3, orders.new_customer: 1 }");
    assert!(ended.count("lost_after_ack") > 100, "{}", ended.summary);
}

/// A row that was made and deleted within what the crash took back is gone, as if nothing were lost. A
/// deletion that leaves no evidence is waited for, and what came before it is safe: few of them, or there
/// is nothing to take back.
#[test]
fn what_a_crash_took_back_from_beginning_to_end_is_missed() {
    let ended = forgetful(
        "{ orders.place_order: 40, orders.delete_order: 3, orders.close_customer: 1, \
         orders.new_customer: 6 }",
    );
    assert!(ended.count("lost_after_ack") > 0, "{}", ended.summary);
}

/// Lanes that have nothing more to do stay until what they did is on disk.
#[test]
fn a_crash_behind_the_last_action_costs_nothing() {
    let set = [
        SMALL,
        "targets.operational.postgres.synchronous_commit=off",
        "load.streams.shop.profile=[{ hold: 500/s, for: 1s }]",
    ];
    let server = lazy_server();
    let ended = Loadgen::start("run", KILL, &server.url(), &set).finish(PATIENCE);
    server.kill_hard();
    server.start_again();
    passed(&ended);
    assert_exact(&server, KILL, &set, &ended);
}

/// Rows are other than they were sent where a trigger makes them so: that says nothing of whether
/// they were committed, and no crash took them back when only connections were cut.
#[test]
fn a_trigger_that_changes_rows_is_not_taken_for_a_loss() {
    let set = [
        SMALL,
        "targets.operational.postgres.synchronous_commit=off",
        "load.streams.shop.profile=[{ hold: 800/s, for: 4s }]",
        "load.streams.shop.mix={ orders.new_customer: 3, orders.place_order: 1 }",
    ];
    let server = TestServer::start();
    let seeded = Loadgen::start("seed", KILL, &server.url(), &set).finish(PATIENCE);
    assert_eq!(seeded.code, Some(0), "{}", seeded.said);
    server.query(
        "orders",
        "CREATE SCHEMA weather; CREATE TABLE weather.made (); \
         CREATE FUNCTION weather.t() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
         NEW.name := upper(NEW.name); INSERT INTO weather.made DEFAULT VALUES; RETURN NEW; END $$; \
         CREATE TRIGGER t BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION weather.t()",
    );
    let mut run = Loadgen::start("run", KILL, &server.url(), &set);
    run.wait_for_load();
    for _ in 0..8 {
        sleep(Duration::from_millis(300));
        let cut =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'orders_app'";
        server.query("postgres", cut);
    }
    let ended = run.finish(PATIENCE);
    passed(&ended);
    assert_eq!(ended.count("lost_after_ack"), 0);
    let inserted = ended.summary["tables"][1]["inserted"].to_string();
    assert_eq!(server.query("orders", "SELECT count(*) FROM weather.made"), [[inserted]]);
}
