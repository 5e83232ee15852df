//! Transaction numbers after a crash: one that was given out and not yet written to disk is given
//! out again, to somebody else.

use std::future::poll_fn;
use std::sync::Arc;

use loadgen::action::Action;
use loadgen::action::Change;
use loadgen::action::StatementId;
use loadgen::generate::Lane;
use loadgen::generate::World;
use loadgen::sink::Fate;
use loadgen::sink::Sink;
use loadgen::sink::postgres::address::Address;
use loadgen::sink::postgres::worker::Worker;
use loadgen::sink::postgres::worker::WorkerOptions;

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

fn worker(world: &World, port: u16) -> Worker {
    let url = format!("postgres://postgres@127.0.0.1:{port}/orders_original");
    let statements = 0..u16::try_from(world.catalog.statements.len()).unwrap();
    Worker::new(WorkerOptions {
        address: Address::parse(&url, &|_| None).unwrap(),
        application_name: "loadgen/numbers".to_owned(),
        lock: 1,
        settings: Vec::new(),
        catalog: Arc::clone(&world.catalog),
        statements: Arc::new(statements.map(StatementId).collect()),
        in_flight_max: 1,
    })
}

/// An update of a row that seeding made, which may leave no evidence.
fn update(world: &Arc<World>) -> Action {
    let mut lane = Lane::new(world, 0, 0);
    let mut action = Action::default();
    loop {
        world.render(&lane.decide().unwrap(), &mut action);
        if action.operations()[0].change == Change::Update {
            return action;
        }
    }
}

/// What a worker finds out about an update whose COMMIT was on its way when the server died.
fn fate_after_crash(is_given_out_again: bool) -> Fate {
    let server = lazy_server();
    let seeded = Loadgen::start("seed", ORIGINAL, &server.url(), &REPRICE).finish(PATIENCE);
    assert_eq!(seeded.code, Some(0), "{}", seeded.said);
    let world = Replay::seeded(ORIGINAL, &REPRICE).world();
    let proxy = Proxy::start(server.port(), "loadgen/numbers");
    let mut worker = worker(&world, proxy.port());
    let action = update(&world);
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
    assert_eq!(fate_after_crash(false), Fate::Absent);
}

#[test]
fn a_number_that_somebody_else_got_after_the_crash_does_not_speak_for_us() {
    assert_eq!(fate_after_crash(true), Fate::Absent);
}
