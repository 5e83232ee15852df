//! The four domains of the review platform: each in a database of its own, and what they say of each
//! other is true.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::command::Place;
use crate::support::slot::Slot;

const DOMAINS: [&str; 4] = ["user", "business", "checkin", "evaluations"];

/// A file of `sql/checks`, without its comments.
fn sql(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/checks").join(file);
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n")
}

/// What a pair of questions yields: ids and days.
fn asked(place: &Place<'_>, domain: &str, file: &str) -> BTreeMap<String, String> {
    let rows = place.query(domain, &sql(&format!("across/{file}")));
    rows.into_iter().map(|row| (row[0].clone(), row.get(1).cloned().unwrap_or_default())).collect()
}

#[test]
fn four_domains_name_rows_of_each_other_and_nothing_is_amiss() {
    let mut place = Place::new(&DOMAINS);
    place.set("thresholds=[]");
    place.set("validity=off");
    place.set("load.warmup=0s");
    place.set("load.streams.platform.profile=[ { hold: 500/s, for: 5s } ]");
    place.must(&["run", "@yelp-small", "--out", "run"]);
    let summary = place.summary("run");
    place.assert_counted(&summary);
    assert_eq!(summary["streams"][0]["acknowledged"], 2500, "{summary}");
    for (table, least) in [("public.users", 20), ("public.checkins", 50), ("public.friends", 100)] {
        let tables = summary["tables"].as_array().unwrap();
        let found = tables.iter().find(|found| found["table"] == table).unwrap();
        assert!(found["deleted"].as_u64().unwrap() >= least, "accounts are closed: {found}");
    }

    for domain in DOMAINS {
        let checks = place.query(domain, &sql(&format!("{domain}.sql")));
        assert!(checks.len() >= 2, "{checks:?}");
        for check in checks {
            assert_eq!(check[1], "0", "{domain}: {check:?}");
        }
    }
    for (child, parent, pair) in [
        ("checkin", "user", "checkin_users"),
        ("checkin", "business", "checkin_businesses"),
        ("evaluations", "user", "evaluations_users"),
        ("evaluations", "business", "evaluations_businesses"),
    ] {
        let named = asked(&place, child, &format!("{pair}.child.sql"));
        let known = asked(&place, parent, &format!("{pair}.parent.sql"));
        assert!(named.len() > 100, "{pair}: {} named", named.len());
        for (id, day) in named {
            let since = known.get(&id).unwrap_or_else(|| panic!("{pair}: {id} is not there"));
            assert!(since.is_empty() || since <= &day, "{pair}: {id} joined on {since}, {day}");
        }
    }
    check_ins_lie_in_opening_hours(&place);

    check_ins_are_not_in_the_future(&place);
    long_texts_are_stored_apart(&place);
    let middle = "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY array_length(regexp_split_to_array(content, '\\s+'), 1)) FROM reviews";
    assert!((80..=105).contains(&place.number("evaluations", middle)), "the median of words");
    let torn = "SELECT count(*) FROM reviews WHERE stars = 5 AND content ~ 'Never again|filthy' \
                OR stars = 1 AND content ~ 'favourite|Five stars'";
    assert_eq!(place.number("evaluations", torn), 0, "words fit the stars");
    let hot = "SELECT max(count) / avg(count) FROM (SELECT count(*) FROM reviews GROUP BY business_id) AS each";
    let hot: f64 = place.query("evaluations", hot)[0][0].parse().unwrap();
    assert!(hot > 4.0, "some places have many reviews: {hot} times the mean");
    for (domain, table, column) in [
        ("user", "friends", "previous_user"),
        ("user", "friends", "next_user"),
        ("evaluations", "reviews", "user_id"),
        ("checkin", "checkins", "user_id"),
    ] {
        some_have_many(&place, (domain, table, column));
    }
}

/// A hundredth of the users has a good part of what refers to users, and most have a few.
fn some_have_many(place: &Place<'_>, (domain, table, column): (&str, &str, &str)) {
    let sql = "SELECT (100 * sum(count) FILTER (WHERE place <= 20) / sum(count))::int, \
                      max(count), percentile_disc(0.5) WITHIN GROUP (ORDER BY count) \
               FROM (SELECT count(*), row_number() OVER (ORDER BY count(*) DESC) AS place \
                     FROM TABLE GROUP BY COLUMN) AS each";
    let row = &place.query(domain, &sql.replace("TABLE", table).replace("COLUMN", column))[0];
    let [share, most, middle]: [u64; 3] = [0, 1, 2].map(|at: usize| row[at].parse().unwrap());
    assert!(share >= 4 && most > 5 * middle, "{table}.{column}: {row:?}");
}

/// Nothing is dated behind the moment in which it was committed.
fn check_ins_are_not_in_the_future(place: &Place<'_>) {
    let late = "SELECT count(*) FROM checkins WHERE checkin_date > now() AT TIME ZONE 'utc'";
    assert_eq!(place.number("checkin", late), 0);
    let today = "SELECT count(*) FROM checkins \
                 WHERE checkin_date > (now() - interval '10 minutes') AT TIME ZONE 'utc'";
    assert!(place.number("checkin", today) > 50, "places that are open are found");
}

/// Some texts are too long for a page even when they are compressed.
fn long_texts_are_stored_apart(place: &Place<'_>) {
    let sizes = "SELECT count(*) FILTER (WHERE length(content) > 2000), \
                        count(*) FILTER (WHERE length(content) > 8000), \
                        count(*) FILTER (WHERE pg_column_size(content) > 2000), \
                        count(*) FILTER (WHERE length(content) > 8000 AND pg_column_size(content) <= 2000), \
                        pg_relation_size(reltoastrelid) / 1024 \
                 FROM reviews, pg_class WHERE pg_class.oid = 'reviews'::regclass GROUP BY reltoastrelid";
    let row = &place.query("evaluations", sizes)[0];
    let numbers = [0, 1, 2, 3, 4].map(|at: usize| row[at].parse::<u64>().unwrap());
    let [long, longer, apart, squeezed, toast] = numbers;
    assert!(long > 300 && longer >= 3 && apart >= 20, "{row:?}");
    assert_eq!(squeezed, 0, "{row:?}");
    assert!(toast >= 2 * apart, "{row:?}");
}

/// Of what a run makes, a good part names users and places that were born in it, and accounts are closed:
/// a quarter of the scenario, with as much going on in each lane.
#[test]
fn a_run_names_what_was_born_in_it_and_closes_accounts() {
    let mut place = Place::new(&DOMAINS);
    for set in [
        "thresholds=[]",
        "validity=off",
        "lanes=4",
        "start=2026-06-01T12:00:00Z",
        "load.warmup=0s",
        "load.streams.platform.profile=[ { hold: 760/s, for: 5s } ]",
    ] {
        place.set(set);
    }
    for domain in DOMAINS {
        place.set(&format!("domains.{domain}.scale=0.00025"));
    }
    place.must(&["seed", "@yelp-small"]);
    let known = |domain: &str, sql: &str| -> BTreeSet<String> {
        place.query(domain, sql).into_iter().map(|row| row[0].clone()).collect()
    };
    let users = known("user", "SELECT id FROM users");
    let places = known("business", "SELECT id FROM business");
    let tables = [("checkin", "checkins"), ("evaluations", "reviews"), ("evaluations", "tips")];
    let seeded = tables.map(|(domain, table)| known(domain, &format!("SELECT id FROM {table}")));
    place.must(&["run", "@yelp-small", "--out", "run"]);
    let summary = place.summary("run");
    place.assert_counted(&summary);

    for ((domain, table), seeded) in tables.into_iter().zip(seeded) {
        let sql = format!("SELECT id, user_id, business_id FROM {table}");
        let rows = place.query(domain, &sql);
        let new: Vec<_> = rows.iter().filter(|row| !seeded.contains(&row[0])).collect();
        assert!(new.len() > 100, "{table}: {}", new.len());
        for (at, known) in [(1, &users), (2, &places)] {
            let born = new.iter().filter(|row| !known.contains(&row[at])).count();
            let share = 100 * born / new.len();
            assert!((20..60).contains(&share), "{table}: {born} of {}", new.len());
        }
    }
    let found = summary["tables"].as_array().unwrap().iter();
    let table = found.clone().find(|table| table["table"] == "public.users").unwrap();
    let count = |word: &str| table[word].as_u64().unwrap();
    let lived = count("seeded") + count("inserted");
    assert!(
        100 * count("deleted") >= 5 * lived,
        "{} of {lived} accounts are closed",
        count("deleted")
    );
}

/// Deletions and references across databases among them.
#[test]
fn one_worker_and_four_leave_the_same_rows_in_four_databases() {
    let run = |workers: &str, connections: &str| {
        let mut place = Place::new(&DOMAINS);
        place.set("thresholds=[]");
        place.set("start=2026-01-01T00:00:00Z");
        place.set("load.warmup=0s");
        place.set("load.streams.platform.profile=[ { unlimited: true } ]");
        place.set("load.streams.platform.limit={ ops: 8k }");
        place.set(&format!("targets.operational.postgres.connections={connections}"));
        place.must(&["run", "@yelp-small", "--workers", workers, "--out", "run"]);
        place.assert_counted(&place.summary("run"));
        place
    };
    let [one, four] = [run("1", "3"), run("4", "5")];
    for domain in DOMAINS {
        let (left, right) = (one.content(domain), four.content(domain));
        assert!(!left.is_empty());
        assert_eq!(left, right, "{domain}");
    }
    let deleted = |place: &Place<'_>| -> Vec<u64> {
        let summary = place.summary("run");
        let tables = summary["tables"].as_array().unwrap().iter();
        tables.map(|table| table["deleted"].as_u64().unwrap()).collect()
    };
    assert_eq!(deleted(&one), deleted(&four));
    assert!(deleted(&one).iter().filter(|count| **count > 100).count() >= 3, "{:?}", deleted(&one));
}

/// All that happens in a day arrives at whoever captures it: as many inserts, updates and deletes of each
/// table as the run has counted.
#[test]
fn every_change_of_a_day_is_captured() {
    let mut place = Place::new(&DOMAINS);
    place.set("thresholds=[]");
    place.set("load.warmup=500ms");
    for domain in DOMAINS {
        place.set(&format!("domains.{domain}.scale=0.0005"));
    }
    let day = ["--time-scale", "20"];
    place.must(&[&["seed", "@yelp-day"][..], &day].concat());
    let slot = |domain: &str| place.database(domain);
    let _slots = DOMAINS.map(|domain| {
        let name = slot(domain);
        Slot::make(place.server, &place.database(domain), (&name, "pgoutput"))
    });
    place.must(&[&["run", "@yelp-day", "--out", "run"][..], &day].concat());
    let summary = place.summary("run");
    place.assert_counted(&summary);
    let mut kinds = [0, 0, 0];
    for domain in DOMAINS {
        // The number of the relation is that of the table.
        let sql = "SELECT (get_byte(data, 1) * 16777216::bigint + get_byte(data, 2) * 65536 \
                           + get_byte(data, 3) * 256 + get_byte(data, 4))::oid::regclass::text, \
                          chr(get_byte(data, 0)), count(*) \
                   FROM pg_logical_slot_get_binary_changes('NAME', NULL, NULL, \
                       'proto_version', '1', 'publication_names', 'debezium') \
                   WHERE chr(get_byte(data, 0)) IN ('I', 'U', 'D') GROUP BY 1, 2";
        let mut seen: BTreeMap<(String, String), u64> = BTreeMap::new();
        for row in place.query(domain, &sql.replace("NAME", &slot(domain))) {
            seen.insert((row[0].clone(), row[1].clone()), row[2].parse().unwrap());
        }
        let tables = summary["tables"].as_array().unwrap().iter();
        for table in tables.filter(|table| table["database"] == place.database(domain)) {
            let name = table["table"].as_str().unwrap().trim_start_matches("public.");
            for (at, (kind, word)) in
                [("I", "inserted"), ("U", "updated"), ("D", "deleted")].into_iter().enumerate()
            {
                let came = seen.remove(&(name.to_owned(), kind.to_owned())).unwrap_or(0);
                assert_eq!(table[word], came, "{word}: {table}");
                kinds[at] += came;
            }
        }
        seen.retain(|(table, _), _| !table.starts_with("debezium"));
        assert!(seen.is_empty(), "{domain}: {seen:?}");
    }
    assert!(kinds.iter().all(|count| *count > 20), "{kinds:?}");
}

/// By our own reading of the hours, apart from what made the times.
fn check_ins_lie_in_opening_hours(place: &Place<'_>) {
    let minutes = |text: &str| {
        let (hour, minute) = text.split_once(':').unwrap();
        hour.parse::<u32>().unwrap() * 60 + minute.parse::<u32>().unwrap()
    };
    let mut hours: BTreeMap<(String, u32), (u32, u32)> = BTreeMap::new();
    let rows = place.query(
        "business",
        "SELECT b.id, array_position(array['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', \
         'Saturday', 'Sunday'], day.key), day.value FROM business b, json_each_text(b.hours) AS day",
    );
    for row in rows {
        let (open, close) = row[2].split_once('-').unwrap();
        let (open, close) = (minutes(open), minutes(close));
        let close = if close <= open { close + 1440 } else { close };
        hours.insert((row[0].clone(), row[1].parse().unwrap()), (open, close));
    }
    let known: Vec<String> = hours.keys().map(|(id, _)| id.clone()).collect();
    let visits = place.query(
        "checkin",
        "SELECT business_id, extract(isodow FROM checkin_date)::int, \
         (extract(hour FROM checkin_date) * 60 + extract(minute FROM checkin_date))::int FROM checkins",
    );
    assert!(visits.len() > 13_000, "{}", visits.len());
    for visit in visits.iter().filter(|visit| known.contains(&visit[0])) {
        let (day, minute): (u32, u32) = (visit[1].parse().unwrap(), visit[2].parse().unwrap());
        let is_open = |day: u32, minute: u32| {
            let hours = hours.get(&(visit[0].clone(), day));
            hours.is_some_and(|(open, close)| (*open..*close).contains(&minute))
        };
        let before = if day == 1 { 7 } else { day - 1 };
        assert!(is_open(day, minute) || is_open(before, minute + 1440), "{visit:?}");
    }
}
