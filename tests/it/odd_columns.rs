//! Columns and tables that are not as one expects them: NULL where something is added, triggers that
//! drop rows, batches whose last rows are few, sessions that end before their limit.

use std::fs;

use crate::support::command::Place;

/// A schema of one table in a domain `odd`, and a scenario with one stream of it.
fn place(table: &str, actions: &str, stream: &str) -> Place<'static> {
    let place = Place::new(&["odd"]);
    let schema =
        format!("schema: odd\ntables:\n  things:\n    columns:\n{table}actions:\n{actions}");
    fs::write(place.folder.path().join("odd.yaml"), schema).unwrap();
    let scenario = format!(
        "scenario: odd\nseed: 1\nlanes: 4\n\
         targets: {{ x: {{ postgres: {{ url: \"${{LOADGEN_POSTGRES}}\", connections: 2 }} }} }}\n\
         domains: {{ odd: {{ on: x, schema: odd.yaml, rows: {{ things: 100 }} }} }}\n\
         load: {{ streams: {{ s: {stream} }} }}\n"
    );
    fs::write(place.folder.path().join("run.yaml"), scenario).unwrap();
    place
}

const ID: &str = "      id: { type: bigint, key: true, fill: sequence }\n";

#[test]
fn nothing_comes_of_null_when_something_is_added() {
    let kinds = ["smallint", "integer", "bigint", "numeric(6,2)", "money"];
    let mut table = ID.to_owned();
    let mut set = String::new();
    for (number, kind) in kinds.iter().enumerate() {
        for way in ["add", "multiply"] {
            table += &format!(
                "      {way}_{number}: {{ type: '{kind}', nullable: true, null_rate: 0.5, fill: {{ constant: 5 }} }}\n"
            );
            set += &format!("{way}_{number}: {{ {way}: 2 }}, ");
        }
    }
    let actions = format!("  change: [ {{ update: things, set: {{ {set} }} }} ]\n");
    let place = place(
        &table,
        &actions,
        "{ mix: { odd.change: 1 }, profile: [ { hold: 200/s, for: 1s } ] }",
    );
    place.must(&["run", "run.yaml", "--out", "run"]);
    for number in 0..kinds.len() {
        for way in ["add", "multiply"] {
            let column = format!("{way}_{number}");
            let nulls =
                place.number("odd", &format!("SELECT count(*) FROM things WHERE {column} IS NULL"));
            assert!((20..=80).contains(&nulls), "{column}: {nulls} of 100");
            let low = format!("SELECT count(*) FROM things WHERE {column}::numeric < 5");
            assert_eq!(place.number("odd", &low), 0, "{column}");
        }
    }
}

#[test]
fn rows_that_a_trigger_drops_while_seeding_are_no_rows() {
    let mut place = place(
        ID,
        "  put: [ { insert: things } ]\n",
        "{ mix: { odd.put: 1 }, profile: [ { hold: 50/s, for: 1s } ] }",
    );
    let database = place.database("odd");
    place.server.query("postgres", &format!("CREATE DATABASE {database}"));
    place.server.query(&database, "CREATE TABLE things (id bigint PRIMARY KEY)");
    place.server.query(
        &database,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF NEW.id % 3 = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$",
    );
    place.server.query(
        &database,
        "CREATE TRIGGER no BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION no()",
    );
    place.set("targets.x.postgres.provision=nothing");
    let done = place.run(&["run", "run.yaml", "--out", "run"]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("the server kept 67 of 100 rows"), "{}", done.err);
    assert_eq!(place.server.query(&database, "SELECT count(*) FROM things"), [["0"]]);
}

#[test]
fn the_last_rows_of_a_batch_do_not_linger_when_no_more_can_come() {
    let stream = "{ mix: { odd.put: 1 }, batch: { rows: 1000, linger: 50s }, profile: [ { hold: 300/s, for: 1s } ] }";
    let mut place = place(ID, "  put: [ { insert: things } ]\n", stream);
    place.set("load.drain=20s");
    let done = place.must(&["run", "run.yaml", "--out", "run"]);
    let summary = place.summary("run");
    place.assert_counted(&summary);
    assert_eq!(summary["streams"][0]["acknowledged"], 300, "{}", done.out);
}

#[test]
fn a_plan_of_sessions_that_end_before_their_limit_ends_too() {
    let stream = "{ model: closed, mix: { odd.put: 1 }, limit: { ops: 307 }, think: 100ms, \
                  sessions: [ { ramp: { from: 0, to: 20 }, for: 2s }, { ramp: { to: 5 }, for: 1s } ] }";
    let place = place(ID, "  put: [ { insert: things } ]\n", stream);
    let done = place.run(&["plan", "run.yaml"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
}
