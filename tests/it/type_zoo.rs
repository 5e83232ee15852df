//! Every type of column: what the server holds is what we say we sent, by COPY and in statements.

use crate::support::command::Place;
use crate::support::proxy::Fault;
use crate::support::told;
use crate::weather;

const ZOO: &str = "@type-zoo";

/// Random values of each type.
const VALUES: u64 = 10_000;

fn rows(specimens: u64, groups: u64, bookings: u64) -> String {
    format!(
        "domains.type_zoo.rows={{ specimens: {specimens}, groups: {groups}, bookings: {bookings} }}"
    )
}

#[test]
fn random_values_of_every_type_come_back_as_they_were_sent() {
    let mut copied = Place::new(&["type_zoo"]);
    copied.set(&rows(VALUES, VALUES, VALUES));
    copied.must(&["seed", ZOO]);
    for table in ["specimens", "groups", "bookings"] {
        let sample = ["sample", ZOO, "--table", table, "-n", "1000000", "--format", "csv"];
        let url = copied.server.url_of(&copied.database("type_zoo"));
        let compared = told::assert_equal(&url, table, &copied.must(&sample).out);
        assert!(compared > 10 * VALUES, "{compared} values of {table}");
    }
    // The same rows, for the row number decides them, by INSERT.
    let mut inserted = Place::new(&["type_zoo"]);
    inserted.set(&rows(0, 0, 0));
    inserted.set("lanes=8");
    let stream = |action: &str| {
        format!(
            "{{ mix: {{ type_zoo.{action}: 1 }}, profile: [ {{ unlimited: true }} ], \
             limit: {{ ops: {VALUES} }} }}"
        )
    };
    let streams = format!("load.streams={{ one: {}, two: {} }}", stream("catch"), stream("gather"));
    inserted.set(&streams);
    inserted.must(&["run", ZOO, "--out", "run"]);
    let (copied, inserted) = (copied.content("type_zoo"), inserted.content("type_zoo"));
    for table in ["public.specimens", "public.groups"] {
        assert!(copied[table].starts_with(&format!("{VALUES} ")), "{}", copied[table]);
        assert_eq!(copied[table], inserted[table], "{table}");
    }
}

/// What the random values are drawn from.
#[test]
fn random_values_reach_the_edges_of_their_types() {
    let place = Place::new(&["type_zoo"]);
    place.must(&["seed", ZOO]);
    for (table, what) in [
        ("specimens", "small = -32768"),
        ("specimens", "large = 9223372036854775807"),
        ("specimens", "double = 'NaN'"),
        ("specimens", "single = '-Infinity'"),
        ("specimens", "unlimited > 900000000000"),
        ("specimens", "number = 4294967295"),
        ("specimens", "price < '-1000'::money"),
        ("specimens", "words = ''"),
        ("specimens", "words ~ '[^\\x01-\\x7f]'"),
        ("specimens", "length(raw) > 100"),
        ("specimens", "day = 'infinity'"),
        ("specimens", "moment = '-infinity'"),
        ("specimens", "clock = '24:00'"),
        ("specimens", "extract(month FROM span) <> 0 AND extract(day FROM span) < 0"),
        ("specimens", "family(address) = 6 AND masklen(address) < 128"),
        ("specimens", "family(network) = 4 AND masklen(network) < 32"),
        ("specimens", "jsonb_typeof(document) = 'null'"),
        ("specimens", "document = '{}'"),
        ("specimens", "mood = 'größer'"),
        ("specimens", "flag IS NULL"),
        ("groups", "isempty(int4_range)"),
        ("groups", "upper_inf(tstz_range) AND NOT isempty(tstz_range)"),
        ("groups", "lower_inf(num_range) AND upper_inf(num_range)"),
        ("groups", "texts = '{}'"),
        ("groups", "array_position(wholes, NULL) IS NOT NULL"),
        ("bookings", "seats = 'empty'"),
        ("bookings", "jsonb_array_length(payload -> 'lines') = 3"),
        ("bookings", "(payload ->> 'price')::numeric > 0 AND payload -> 'note' = 'null'"),
        ("bookings", "tags = '{}'"),
        ("bookings", "log::jsonb ->> 'level' = 'error'"),
        ("bookings", "upper(stay) - lower(stay) = 14"),
    ] {
        let found = place.number("type_zoo", &format!("SELECT count(*) FROM {table} WHERE {what}"));
        assert!(found > 0, "no row of {table} has {what}");
    }
    let same = "SELECT count(DISTINCT payload ->> 'at') FROM bookings";
    assert!(place.number("type_zoo", same) > 1900);
}

/// The samples' statements, read as text by the server, do what a run does with parameters.
#[test]
fn updates_and_deletes_of_every_type() {
    let load = "load.streams.visitors.profile=[ { hold: 300/s, for: 6s } ]";
    let mut told = Place::new(&["type_zoo"]);
    told.set(&rows(300, 300, 300));
    told.set(load);
    told.must(&["seed", ZOO]);
    let script = told.must(&["sample", ZOO, "-n", "1800", "--format", "sql"]).out;
    let done = told.psql("type_zoo", &script);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let mut sent = Place::new(&["type_zoo"]);
    sent.set(&rows(300, 300, 300));
    sent.set(load);
    sent.must(&["run", ZOO, "--out", "run"]);
    let summary = sent.summary("run");
    let stream = &summary["streams"][0];
    assert_eq!((&stream["failed"], &stream["missed"]), (&0.into(), &0.into()), "{stream}");
    assert_eq!(stream["scheduled"], 1800);
    sent.assert_counted(&summary);
    assert_eq!(told.content("type_zoo"), sent.content("type_zoo"));
}

/// Whether a lost action was committed is read from its rows, whatever their types.
#[test]
fn commits_whose_replies_are_lost_are_found_by_their_values() {
    let sets = [
        "domains.type_zoo.rows={ specimens: 300, groups: 300, bookings: 300 }",
        "load.streams.visitors.mix={ type_zoo.catch: 1, type_zoo.gather: 1, type_zoo.book: 1 }",
        "load.streams.visitors.profile=[{ hold: 300/s, for: 4s }]",
    ];
    let (server, ended) = weather::struck(Fault::LoseReply, "type-zoo.yaml", &sets);
    assert!(ended.resolved().0 >= 5, "{:?}", ended.resolved());
    for table in ended.summary["tables"].as_array().unwrap() {
        let name = table["table"].as_str().unwrap();
        let database = table["database"].as_str().unwrap();
        let found = server.query(database, &format!("SELECT count(*) FROM {name}"));
        assert_eq!(found[0][0], table["alive"].to_string(), "{table}");
    }
}

#[test]
fn tables_of_others_must_have_the_very_types() {
    let mut place = Place::new(&["type_zoo"]);
    place.set(&rows(50, 50, 50));
    place.set("load.streams.visitors.profile=[ { hold: 100/s, for: 1s } ]");
    place.must(&["setup", ZOO]);
    place.set("targets.operational.postgres.provision=nothing");
    place.must(&["run", ZOO, "--out", "run"]);
    assert_eq!(place.summary("run")["streams"][0]["failed"], 0);
    place.query(
        "type_zoo",
        "ALTER TABLE specimens ALTER mask TYPE varbit, ALTER card TYPE text, ALTER unlimited TYPE numeric(18,6), ALTER number TYPE bigint, \
         ALTER moment_s TYPE timestamptz; \
         ALTER TABLE groups ALTER wholes TYPE bigint[], ALTER ts_range TYPE text, \
         ALTER exacts TYPE numeric(10,1)[]; \
         ALTER TABLE bookings ALTER mood TYPE text, ALTER contact TYPE text",
    );
    let refused = place.run(&["run", ZOO]);
    assert_eq!(refused.code, 4);
    for part in
        ["mask", "card", "unlimited", "number", "wholes", "ts_range", "exacts", "mood", "contact"]
    {
        assert!(refused.err.contains(&format!(".{part}` is ")), "{part}: {}", refused.err);
    }
    assert!(!refused.err.contains("moment_s"), "more digits do no harm: {}", refused.err);
}

#[test]
fn types_go_with_their_tables() {
    let database = Place::new(&[]).server.fresh_database();
    let mut place = Place::new(&[]);
    place.url = place.server.url_of(&database);
    place.set("targets.operational.postgres.provision=schemas");
    let types = || {
        let sql = "SELECT n.nspname || '.' || t.typname FROM pg_type t JOIN pg_namespace n \
                   ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd') \
                   AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";
        place.server.query(&database, sql).concat()
    };
    let ours = ["type_zoo.cents", "type_zoo.email", "type_zoo.mood"];
    place.must(&["setup", ZOO]);
    assert_eq!(types(), ours);
    place.must(&["setup", ZOO]);
    place.must(&["setup", ZOO, "--fresh"]);
    assert_eq!(types(), ours);
    place.must(&["clean", ZOO]);
    assert_eq!(types(), [""; 0]);
    place
        .server
        .query(&database, "CREATE SCHEMA type_zoo; CREATE TYPE type_zoo.mood AS ENUM ('x')");
    assert_eq!(place.run(&["setup", ZOO]).code, 4);
    assert_eq!(types(), ["type_zoo.mood"]);
}

/// What the server cannot give is said before anything is made.
#[test]
fn a_server_without_the_extension_is_refused() {
    let database = Place::new(&[]).server.fresh_database();
    let mut place = Place::new(&[]);
    place.url = place.server.url_of(&database);
    place.set("targets.operational.postgres.provision=schemas");
    let hidden = "SET allow_system_table_mods = on; \
        CREATE OR REPLACE VIEW pg_catalog.pg_available_extensions AS \
        SELECT e.name, e.default_version, x.extversion AS installed_version, e.comment \
        FROM pg_available_extensions() AS e (name, default_version, comment) \
        LEFT JOIN pg_extension x ON e.name = x.extname WHERE e.name <> 'citext'";
    place.server.query(&database, hidden);
    let refused = place.run(&["run", ZOO]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("citext") && refused.err.contains("install"), "{}", refused.err);
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'type_zoo'";
    assert_eq!(place.server.query(&database, made), [["0"]]);
}
