//! Rows with a past: when they were made, how they grew in number, and that the load goes on with them.

use crate::support::command::Place;

/// Orders of a shop, seeded by these words, each of them a number.
fn asked(place: &Place<'_>, sql: &str) -> Vec<i64> {
    let row = &place.query("orders", sql)[0];
    row.iter().map(|cell| cell.parse().unwrap()).collect()
}

#[test]
fn seeded_rows_lie_in_their_past_and_the_load_goes_on_with_them() {
    let mut place = Place::new(&["orders"]);
    for set in [
        "start=2026-07-01T00:00:00Z",
        "domains.orders.rows={ products: 50, customers: 2k, orders: 10k }",
        "load.warmup=0s",
        "load.streams.shop.profile=[{ hold: 300/s, for: 2s }]",
        "thresholds=[]",
    ] {
        place.set(set);
    }
    place.must(&["run", "@orders-history", "--out", "run"]);
    place.assert_counted(&place.summary("run"));
    let begin = "timestamptz '2026-07-01Z' - interval '730 days'";
    let found = asked(
        &place,
        &format!(
            "SELECT count(*) FILTER (WHERE created_at < {begin} - interval '1 s'),
                    count(*) FILTER (WHERE created_at < {begin} + interval '73 days'),
                    count(*) FILTER (WHERE created_at BETWEEN timestamptz '2026-07-01Z' - interval '73 days'
                                                          AND timestamptz '2026-07-01Z' - interval '1 us'),
                    count(*) FILTER (WHERE created_at >= '2026-07-01Z') FROM orders"
        ),
    );
    let [before, first, last, live] = found[..] else { panic!("{found:?}") };
    assert_eq!(before, 0);
    // The tenth of the time at both ends: (8^0.1 - 1) / 7 and (8 - 8^0.9) / 7 of 10,000 rows.
    assert!((first - 330).abs() <= 2 && (last - 2_145).abs() <= 2, "{found:?}");
    assert!(live > 200, "{found:?}");

    let states = place.query(
        "orders",
        "SELECT status, count(*) FROM orders WHERE created_at < '2026-07-01Z' GROUP BY 1",
    );
    assert_eq!(states.len(), 4, "{states:?}");
    // What was changed since it was made was changed later, but not in the future; the rest was not.
    let found = asked(
        &place,
        "SELECT count(*) FILTER (WHERE updated_at < created_at),
                count(*) FILTER (WHERE status = 'placed' AND updated_at <> created_at),
                count(*) FILTER (WHERE status <> 'placed' AND updated_at > created_at),
                count(*) FILTER (WHERE status <> 'placed')
           FROM orders WHERE updated_at < '2026-07-01Z'",
    );
    let [earlier, untouched, later, further] = found[..] else { panic!("{found:?}") };
    assert_eq!((earlier, untouched), (0, 0), "{found:?}");
    assert!(later > further * 95 / 100 && further > 8_000, "{found:?}");
    // Orders of the past were paid for and shipped in the run.
    let found = asked(
        &place,
        "SELECT count(*) FROM orders WHERE created_at < '2026-07-01Z' AND updated_at >= '2026-07-01Z'",
    );
    assert!(found[0] > 50, "{found:?}");
}

/// A history is content: another is another run.
#[test]
fn a_history_is_part_of_the_content() {
    let place = Place::new(&[]);
    let fingerprint = |history: &str| {
        let set = format!("domains.orders.history={history}");
        place.must(&["fingerprint", "@orders-history", "--set", &set]).out
    };
    let all = ["2y", "{ over: 730d }", "{ over: 2y, growth: 2 }", "1y"].map(fingerprint);
    assert_eq!(all[0], all[1]);
    assert!(all[0] != all[2] && all[0] != all[3] && all[2] != all[3], "{all:?}");
}

/// What follows the time of another row has the same past: nothing is older, and it grows as fast.
#[test]
fn a_history_holds_for_what_comes_after_another_row() {
    let domains = ["user", "business", "checkin", "evaluations"];
    let mut place = Place::new(&domains);
    place.set("start=2026-07-01T00:00:00Z");
    for domain in domains {
        place.set(&format!("domains.{domain}.history={{ over: 2y, growth: 8 }}"));
    }
    place.must(&["seed", "@yelp-small"]);
    for (domain, table, column) in [
        ("user", "users", "yelping_since"),
        ("evaluations", "reviews", "review_date"),
        ("evaluations", "tips", "tips_date"),
        ("checkin", "checkins", "checkin_date"),
    ] {
        // Who came in the night before the start finds the first open hours behind it.
        let sql = "SELECT min(AT) >= '2024-06-30', max(AT) < '2026-07-02', \
                          100 * count(*) FILTER (WHERE AT >= '2026-04-19') / count(*) FROM TABLE";
        let row = &place.query(domain, &sql.replace("AT", column).replace("TABLE", table))[0];
        assert_eq!(row[..2], ["t", "t"], "{table}: {row:?}");
        // A fifth joined in the last tenth of the time; what they and all others do there is more.
        let last: u64 = row[2].parse().unwrap();
        let bound = if table == "users" { 20 } else { 30 };
        assert!((bound..65).contains(&last), "{table}: {row:?}");
    }
    let early = "SELECT count(*) FROM elite_members WHERE year < 2024";
    assert_eq!(place.number("user", early), 0);
}
