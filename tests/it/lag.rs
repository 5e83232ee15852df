//! Lag over time in the run's folder, and the exit code that a CI job takes from it.

use std::fs;

use crate::support::command::Place;
use crate::support::server::TestServer;

fn place(server: &TestServer) -> Place<'_> {
    let mut place = Place::on(server, &["orders"]);
    place.set("load.warmup=1s");
    place
}

/// The rows of `lag.csv`: of each its values by column.
fn rows(place: &Place<'_>) -> Vec<Vec<(String, String)>> {
    let text = fs::read_to_string(place.folder.path().join("run/lag.csv")).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let values: Vec<_> = line.split(',').map(str::to_owned).collect();
        assert_eq!(values.len(), names.len(), "{line}");
        names.iter().map(|name| (*name).to_owned()).zip(values).collect()
    };
    lines.map(row).collect()
}

fn of<'a>(row: &'a [(String, String)], name: &str) -> &'a str {
    &row.iter().find(|(column, _)| column == name).unwrap().1
}

fn number(row: &[(String, String)], name: &str) -> u64 {
    of(row, name).parse().unwrap_or_else(|_| panic!("{name} of {row:?}"))
}

#[test]
fn the_scenario_for_ci_passes_and_its_folder_tells_the_lag_of_each_second() {
    let place = place(TestServer::shared());
    let done = place.must(&["run", "@cdc-ci", "--for", "4s", "--out", "run"]);
    assert!(done.out.contains("nothing-lost"), "{}", done.out);
    let rows = rows(&place);
    assert!(rows.len() >= 4, "{rows:?}");
    let observed: u64 = rows.iter().map(|row| number(row, "observed")).sum();
    let summary = place.summary("run");
    assert_eq!(summary["verification"]["observed"], observed, "the warm-up is in it");
    for row in &rows {
        assert_eq!(
            (of(row, "surface"), of(row, "database")),
            ("changes", &*place.database("orders"))
        );
        assert!(of(row, "slot").starts_with("loadgen_"), "{row:?}");
        if number(row, "observed") > 0 {
            assert!(number(row, "lag_p50_ns") <= number(row, "lag_p99_ns"));
            assert!(number(row, "lag_p99_ns") <= number(row, "lag_max_ns"));
            assert!(number(row, "lag_max_ns") <= number(row, "freshness_max_ns"));
        }
        assert_eq!(of(row, "oldest_missing_ns").is_empty(), number(row, "outstanding") == 0);
    }
    assert!(rows.iter().any(|row| number(row, "slot_kept_bytes") > 0), "{rows:?}");
    let judged = place.run(&["verify", "run"]);
    assert_eq!(judged.code, 0, "{}{}", judged.out, judged.err);
}

#[test]
fn a_lag_beyond_its_threshold_fails_the_job() {
    let mut place = place(TestServer::shared());
    place.set(
        "thresholds=[ { metric: cdc_lag, expr: \"p99 < 1us\" }, { metric: lost, expr: \"== 0\" } ]",
    );
    let done = place.run(&["run", "@cdc-ci", "--for", "2s", "--out", "run"]);
    assert_eq!(done.code, 99, "{}{}", done.out, done.err);
    let thresholds = place.summary("run")["thresholds"].clone();
    let passed = thresholds.as_array().unwrap().iter().map(|it| it["passed"].as_bool());
    assert_eq!(passed.collect::<Vec<_>>(), [Some(false), Some(true)], "{thresholds}");
}

#[test]
fn lag_rises_with_spikes_and_everything_comes_all_the_same() {
    let mut place = place(TestServer::shared());
    place.set(
        "load.streams.shop.profile=[ { name: peaks, spike: { base: 100/s, peak: 1k/s, rise: 200ms, \
         hold: 500ms, fall: 200ms, every: 2s }, for: 4s } ]",
    );
    place.must(&["run", "@cdc-spikes", "--out", "run"]);
    let summary = place.summary("run");
    assert_eq!(summary["verification"]["lost"], 0);
    let busiest = rows(&place).iter().map(|row| number(row, "observed")).max();
    assert!(busiest > Some(500), "{busiest:?}");
}

/// Objects that nobody writes: what is outstanding of each database is told by itself.
#[test]
fn databases_of_one_name_on_two_servers_are_told_apart() {
    let (here, there) = (TestServer::start(), TestServer::start());
    let place = Place::on(&here, &["orders"]);
    let database = place.database("orders");
    let file = format!(
        "scenario: twins\n\
         targets:\n  here: {{ postgres: {{ url: \"{}\" }} }}\n  there: {{ postgres: {{ url: \"{}\" }} }}\n\
         domains:\n  orders: {{ on: here, rows: {{ products: 50, customers: 100, orders: 100 }} }}\n  \
         library: {{ schema: library.yaml, on: there, database: {database} }}\n\
         cdc: {{ canary: off }}\n\
         observe: {{ objects: {{ lake: {{ at: \"file://{}\", layout: objects, within: 3s }} }} }}\n\
         load:\n  streams:\n    shop: {{ mix: {{ orders.new_customer: 1, library.add: 1 }}, profile: [ {{ hold: 20/s, for: 3s }} ] }}\n",
        here.url(),
        there.url(),
        place.folder.path().join("objects").display(),
    );
    let library = "schema: library\ntables:\n  books:\n    columns:\n      id: { type: bigint, key: true, fill: sequence }\n\
                   actions:\n  add: [ { insert: books } ]\n";
    fs::create_dir(place.folder.path().join("objects")).unwrap();
    fs::write(place.folder.path().join("library.yaml"), library).unwrap();
    fs::write(place.folder.path().join("twins.yaml"), file).unwrap();
    place.must(&["setup", "twins.yaml"]);
    for server in [&here, &there] {
        server
            .query(&database, "SELECT pg_create_logical_replication_slot('connector', 'pgoutput')");
    }
    let done = place.run(&["run", "twins.yaml", "--out", "run"]);
    let rows = rows(&place);
    for target in ["here", "there"] {
        let name = format!("{target}/{database}");
        let its = rows.iter().filter(|row| of(row, "database") == name);
        let most = its.map(|row| number(row, "outstanding")).max();
        assert!(
            (20..=40).contains(&most.unwrap_or(0)),
            "{name}: {rows:?} {}{}",
            done.out,
            done.err
        );
    }
    let again = place.run(&["verify", "run"]);
    let both =
        [format!("here/{database}.public.customers: "), format!("there/{database}.public.books: ")];
    assert!(both.iter().all(|table| again.out.contains(table)), "{}{}", again.out, again.err);
}
