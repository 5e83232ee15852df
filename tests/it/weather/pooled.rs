//! Behind a real PgBouncer in transaction mode, which gives each transaction another session.

use super::*;
use crate::support::pooler::Pooler;

/// What a target behind a pooler says, besides its address.
pub(super) fn behind(server: &TestServer) -> Vec<String> {
    let target = "targets.operational.postgres";
    vec![
        format!("{target}.prepare=false"),
        format!("{target}.in_flight=1"),
        format!("{target}.admin={}", server.url()),
    ]
}

/// Runs behind a pooler that dies twice in mid-run, and holds every row against the account.
fn killed(file: &str, set: &[&str]) -> Option<Ended> {
    let server = TestServer::start();
    let pooler = Pooler::start(&server)?;
    let behind = behind(&server);
    let all: Vec<&str> = set.iter().copied().chain(behind.iter().map(String::as_str)).collect();
    let mut run = Loadgen::start("run", file, &pooler.url(), &all);
    run.wait_for_load();
    for _ in 0..2 {
        sleep(Duration::from_millis(1200));
        pooler.kill_hard();
        sleep(Duration::from_millis(200));
        pooler.launch();
    }
    let ended = run.finish(PATIENCE);
    passed(&ended);
    assert_exact(&server, file, set, &ended);
    Some(ended)
}

#[test]
fn a_killed_pooler_costs_nothing() {
    let set = [SMALL, "load.streams.shop.profile=[{ hold: 700/s, for: 4s }]"];
    let Some(ended) = killed(KILL, &set) else { return };
    assert!(ended.count("acknowledged") > 2000, "{}", ended.summary);
}

#[test]
fn settings_hold_in_each_transaction_behind_a_pooler() {
    let postgres = "targets.operational.postgres";
    let lossy = format!("{postgres}.synchronous_commit=off");
    let set = [&REPRICE[..], &[lossy.as_str()]].concat();
    killed(ORIGINAL, &set);
    let server = TestServer::start();
    let Some(pooler) = Pooler::start(&server) else { return };
    let mut set = behind(&server);
    let steady = "load.streams.shop.profile=[{ hold: 200/s, for: 2s }]";
    let timeout = format!("{postgres}.statement_timeout=300ms");
    set.extend([SMALL.to_owned(), steady.to_owned(), timeout]);
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let seeded = Loadgen::start("seed", KILL, &pooler.url(), &set).finish(PATIENCE);
    assert_eq!(seeded.code, Some(0), "{}", seeded.said);
    let sleeper = refusals::trigger("IF n = 50 THEN PERFORM pg_sleep(2); END IF;");
    server.query("orders", &sleeper);
    let ended = Loadgen::start("run", KILL, &pooler.url(), &set).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let failures = &ended.summary["streams"][0]["failures"];
    assert_eq!((ended.count("failed"), failures[0]["code"].as_str()), (1, Some("57014")));
}

/// Nothing of a session is relied on, so it does not matter which proxy is between. One that delays
/// a commit keeps its session open: the successor must not look past it.
fn under_pooled(fault: Fault, file: &str, set: &[&str]) -> Ended {
    let server = TestServer::start();
    let proxy = Proxy::start(server.port(), "_app");
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
    for number in [20, 21, 22, 150, 400] {
        proxy.arm(number, fault);
    }
    let behind = behind(&server);
    let all: Vec<&str> = set.iter().copied().chain(behind.iter().map(String::as_str)).collect();
    let ended = Loadgen::start("run", file, &url, &all).finish(PATIENCE);
    let counts = proxy.counts();
    drop(proxy);
    passed(&ended);
    assert_exact(&server, file, set, &ended);
    assert_eq!(counts.lost_commits + counts.lost_replies + counts.delayed, 5, "{counts:?}");
    ended
}

#[test]
fn a_commit_on_its_way_is_waited_for_where_no_session_can_be_fenced() {
    let ended = under_pooled(Fault::DelayCommit, ORIGINAL, &REPRICE);
    assert!(ended.resolved().1 >= 5, "{:?}", ended.resolved());
    let ended = under_pooled(Fault::LoseReply, KILL, &[SMALL, BRISK]);
    assert!(ended.resolved().0 >= 5, "{:?}", ended.resolved());
}

#[test]
fn prepared_statements_behind_a_pooler_are_refused_in_plain_words() {
    let server = TestServer::start();
    let Some(pooler) = Pooler::start(&server) else { return };
    let admin = format!("targets.operational.postgres.admin={}", server.url());
    let short = "targets.operational.postgres.reconnect=5s";
    let set = [SMALL, BRISK, &admin, short];
    let ended = Loadgen::start("run", KILL, &pooler.url(), &set).finish(PATIENCE);
    let advice = "write `prepare: false` on the target";
    assert!(matches!(ended.code, Some(4 | 5)), "{:?}: {}", ended.code, ended.said);
    let told = format!("{}{}", ended.said, ended.summary);
    assert!(told.contains(advice), "{told}");
}
