//! The four domains of the review platform: each in a database of its own, and what they say of each
//! other is true.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::command::Place;

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

    let long = "SELECT count(*) FROM reviews WHERE length(content) > 2000";
    assert!(place.number("evaluations", long) > 100, "texts that are stored apart");
    let middle = "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY array_length(regexp_split_to_array(content, '\\s+'), 1)) FROM reviews";
    assert!((80..=105).contains(&place.number("evaluations", middle)), "the median of words");
    let torn = "SELECT count(*) FROM reviews WHERE stars = 5 AND content ~ 'Never again|filthy' \
                OR stars = 1 AND content ~ 'favourite|Five stars'";
    assert_eq!(place.number("evaluations", torn), 0, "words fit the stars");
    let hot = "SELECT max(count) / avg(count) FROM (SELECT count(*) FROM reviews GROUP BY business_id) AS each";
    let hot: f64 = place.query("evaluations", hot)[0][0].parse().unwrap();
    assert!(hot > 4.0, "some places have many reviews: {hot} times the mean");
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
    for domain in DOMAINS {
        let sql = "SELECT slot_name FROM pg_create_logical_replication_slot('NAME', 'pgoutput')";
        place.query(domain, &sql.replace("NAME", &slot(domain)));
    }
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
        let drop = format!("SELECT pg_drop_replication_slot('{}')", slot(domain));
        place.query(domain, &drop);
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
