//! The doctor's 21 conditions, each brought about on a real server, with what it says of each; and a server
//! about which it says nothing. One of them is a transaction that is open for ten minutes, which are waited for.
//!
//! `LOADGEN_OLD_POSTGRES` may name a folder with the programs of a PostgreSQL before 12; without it that is
//! left out, and said to be.

mod database;
mod far;

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use loadgen::embedded;
use serde_json::Value;

use crate::support::command::Place;
use crate::support::server::Options;
use crate::support::server::TestServer;

/// A transaction that is open for longer is told of.
const OLD: Duration = Duration::from_mins(10);
/// What a clean server may take.
const CLEAN_WITHIN: Duration = Duration::from_secs(5);

pub(crate) fn all() {
    println!("the conditions of a source, each brought about, and what `doctor` says of it\n");
    let waiting = TestServer::with(&options(&[]));
    let patient = Place::on(&waiting, &["orders"]);
    patient.must(&["setup", "@quickstart"]);
    let begun = Instant::now();
    let held = waiting.hold("postgres", "CREATE TABLE undecided ()");

    clean();
    versions();
    settings();
    logins();
    database::all();
    far::all();

    println!("14 transactions that stay open");
    std::thread::sleep((OLD + Duration::from_secs(2)).saturating_sub(begun.elapsed()));
    let found = examined(&patient, "@quickstart");
    say(&found, "open transactions", "warning", "idle in transaction");
    let remedy = remedy(&found, "open transactions");
    assert_eq!(patient.psql("orders", &remedy).code, 0, "{remedy}");
    drop(held);
    assert!(wrong(&examined(&patient, "@quickstart")).is_empty());
}

/// Settings of a server about which nothing is to be said, and others.
fn options(settings: &[(&'static str, &str)]) -> Options {
    let good = [("max_slot_wal_keep_size", "20GB"), ("max_prepared_transactions", "2")];
    let all = good.iter().chain(settings).map(|(name, value)| (*name, (*value).to_owned()));
    let hba = vec!["host all all 127.0.0.1/32 trust".to_owned()];
    Options { hba, settings: all.collect(), ..Options::default() }
}

/// All checks, whatever they say.
fn examined(place: &Place<'_>, scenario: &str) -> Vec<Value> {
    let done = place.run(&["doctor", scenario, "--format", "json"]);
    assert!([0, 4].contains(&done.code), "{}{}", done.out, done.err);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    let reports = report["reports"].as_array().unwrap().iter();
    reports.flat_map(|report| report["checks"].as_array().unwrap().clone()).collect()
}

fn wrong(found: &[Value]) -> Vec<&Value> {
    let is_wrong = |it: &&Value| it["severity"] == "critical" || it["severity"] == "warning";
    found.iter().filter(is_wrong).collect()
}

/// Prints the check that says these words, which must be there.
fn say(found: &[Value], check: &str, severity: &str, words: &str) {
    let is_it = |it: &&Value| {
        it["check"] == check
            && it["severity"] == severity
            && it["found"].as_str().unwrap().contains(words)
    };
    let named: Vec<&Value> = found.iter().filter(|it| it["check"] == check).collect();
    let one = found.iter().find(is_it);
    let one = one.unwrap_or_else(|| panic!("{check} {severity} `{words}` is not in {named:#?}"));
    let place = one["where"].as_str().map(|it| format!("{it}: ")).unwrap_or_default();
    println!("   {severity:<8}  {check}: {place}{}", one["found"].as_str().unwrap());
    if let Some(remedy) = one["remedy"].as_str() {
        println!("             {remedy}");
    }
}

/// What is to be pasted against the first of a check that has something.
fn remedy(found: &[Value], check: &str) -> String {
    let remedies = found.iter().filter(|it| it["check"] == check);
    remedies.filter_map(|it| it["remedy"].as_str()).next().unwrap().to_owned()
}

fn clean() {
    let server = TestServer::with(&options(&[]));
    let place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    let begun = Instant::now();
    let found = examined(&place, "@quickstart");
    let took = begun.elapsed();
    assert!(wrong(&found).is_empty(), "{:#?}", wrong(&found));
    assert!(took < CLEAN_WITHIN, "{took:?}");
    println!(
        "a clean server: {} checks, nothing critical, nothing to be looked at, in {:.1} s\n",
        found.len(),
        took.as_secs_f64()
    );
    for (number, check) in
        [("13", "logical_decoding_work_mem"), ("16", "durability"), ("17", "clock")]
    {
        println!("{number} {check}");
        say(&found, check, "info", "");
    }
}

fn programs(version: u16) -> Option<PathBuf> {
    let found = embedded::binaries(Some(version), &mut |_| {}).unwrap();
    Some(found.folder().to_owned())
}

fn versions() {
    println!(" 1 a server's version, and standbys");
    if let Some(old) = std::env::var_os("LOADGEN_OLD_POSTGRES") {
        let options = Options { programs: Some(old.into()), ..options(&[]) };
        // It has fewer settings.
        let settings = options.settings.into_iter();
        let settings = settings.filter(|(name, _)| *name != "max_slot_wal_keep_size").collect();
        let server = TestServer::with(&Options { settings, ..options });
        let place = Place::on(&server, &["orders"]);
        server.query("postgres", &format!("CREATE DATABASE {}", place.database("orders")));
        let found = examined(&place, "@quickstart");
        say(&found, "version", "critical", "12 is the oldest");
        say(&found, "database", "info", "too old");
    } else {
        println!("   no server before 12: LOADGEN_OLD_POSTGRES names none");
    }
    for (version, feedback, severity, words) in [
        (15, "off", "critical", "only PostgreSQL 16 and later"),
        (17, "off", "critical", "without feedback"),
        (17, "on", "info", "it can be captured, not loaded"),
    ] {
        let options = Options {
            programs: programs(version),
            ..options(&[("hot_standby_feedback", feedback)])
        };
        let primary = TestServer::with(&options);
        let standby = primary.standby(&options);
        let place = Place::on(&standby, &["orders"]);
        say(&examined(&place, "@quickstart"), "version", severity, words);
    }
}

fn settings() {
    let bad = options(&[("wal_level", "replica"), ("max_replication_slots", "0")]);
    let server = TestServer::with(&Options {
        settings: bad.settings.into_iter().chain([("max_wal_senders", "0".to_owned())]).collect(),
        ..bad
    });
    let place = Place::on(&server, &["orders"]);
    let found = examined(&place, "@quickstart");
    println!(" 2 wal_level");
    say(&found, "wal_level", "critical", "cannot be decoded");
    println!(" 4 room for slots and senders");
    say(&found, "max_replication_slots", "critical", "0 of 0 in use");
    say(&found, "max_wal_senders", "critical", "0 of 0 in use");

    println!("10 what a slot may hold back");
    for (limit, words) in [("-1", "no limit"), ("1MB", "loses its slot")] {
        let server = TestServer::with(&options(&[("max_slot_wal_keep_size", limit)]));
        let place = Place::on(&server, &["orders"]);
        say(&examined(&place, "@quickstart"), "max_slot_wal_keep_size", "warning", words);
    }

    let impatient = [("idle_replication_slot_timeout", "1min"), ("wal_sender_timeout", "5s")];
    let options = Options { programs: programs(18), ..options(&impatient) };
    let server = TestServer::with(&options);
    let place = Place::on(&server, &["orders"]);
    let found = examined(&place, "@quickstart");
    println!("11 idle_replication_slot_timeout");
    say(&found, "idle_replication_slot_timeout", "warning", "loses its slot");
    println!("12 wal_sender_timeout");
    say(&found, "wal_sender_timeout", "warning", "is thrown out");
}

fn logins() {
    println!(" 3 logins, and a replication connection that is really made");
    let server = TestServer::with(&options(&[]));
    let mut place = Place::on(&server, &["orders"]);
    place.set("cdc.password=geheim");
    place.must(&["setup", "@quickstart"]);
    let capture = format!("{}_capture", place.database("orders"));
    server.query("postgres", &format!("ALTER ROLE {capture} NOREPLICATION"));
    let found = examined(&place, "@quickstart");
    say(&found, "login of capture", "critical", "may not replicate");
    say(&found, "replication connection", "critical", "refused");
    server.query("postgres", &format!("ALTER ROLE {capture} REPLICATION NOLOGIN"));
    let found = examined(&place, "@quickstart");
    say(&found, "login of capture", "critical", "cannot log in");
}
