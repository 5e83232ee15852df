//! Names and texts that nobody should choose go through every command.

use crate::support::command::Place;
use crate::support::command::scenario;

const PARENT: &str = "Parent's Table.With $1 🐘";
const CHILD: &str = " leading and trailing ";

#[test]
fn odd_names_are_made_seeded_changed_and_removed() {
    // The roles and the database have names of their own, so they are this test's alone.
    let place = Place::new(&[]);
    let odd = scenario("odd.yaml");
    place.must(&["seed", &odd]);
    place.must(&["run", &odd, "--out", "run"]);
    let summary = place.summary("run");
    assert_eq!(summary["streams"][0]["failed"], 0);
    assert_eq!(summary["streams"][0]["scheduled"], 2000);
    place.assert_counted(&summary);
    let database = summary["tables"][0]["database"].as_str().unwrap();
    let sql = format!(
        "SELECT \"$1\" || \"'\" FROM \"Name\"\"space's.🦁\".\"{CHILD}\" WHERE \"$1\" LIKE 'x%' LIMIT 1"
    );
    let found = place.server.query(database, &sql);
    assert!(found[0][0].starts_with("x\ny"), "{found:?}");
    let again = place.run(&["run", &odd]);
    assert_eq!(again.code, 4, "{}", again.err);
    place.must(&["run", &odd, "--fresh"]);
    let cleaned = place.must(&["clean", &odd]);
    assert!(cleaned.out.contains(database), "{}", cleaned.out);
    let left = "SELECT rolname FROM pg_roles WHERE rolname ~ '🦁|ture;--|app\\.' UNION \
                SELECT datname FROM pg_database WHERE datname ~ '🐘'";
    assert_eq!(place.server.query("postgres", left), Vec::<Vec<String>>::new());
}

#[test]
fn samples_of_odd_names_are_read_by_the_server() {
    let place = Place::new(&[]);
    let odd = scenario("odd.yaml");
    let database = place.server.fresh_database();
    let tables = format!(
        "CREATE SCHEMA \"Name\"\"space's.🦁\"; SET search_path TO \"Name\"\"space's.🦁\"; \
         CREATE TABLE \"{PARENT}\" (\"I\"\"d\" bigint, \"select\" text, \
             \"dréißig wörtér, die zusámmen drei undsechzig Bytes lang si\" integer);"
    );
    place.server.query(&database, &tables);
    for format in ["jsonl", "csv", "sql"] {
        for table in [PARENT, CHILD, "per-\"🦁\""] {
            let done = place.must(&["sample", &odd, "--table", table, "--format", format]);
            assert!(done.out.lines().count() >= 10, "{format} {table}: {}", done.out);
        }
    }
    let rows = place.must(&["sample", &odd, "--table", PARENT, "-n", "50", "--format", "sql"]).out;
    place.server.query(&database, &rows);
    let sql = format!("SELECT count(DISTINCT \"select\") FROM \"Name\"\"space's.🦁\".\"{PARENT}\"");
    assert_eq!(place.server.query(&database, &sql), [["3"]]);
}
