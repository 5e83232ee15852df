//! Every shape of load, against no server at all: the number of slots is what the shape says.

use crate::running::assert_sound;
use crate::running::of;
use crate::support::command::Place;

#[test]
fn each_shape_schedules_what_it_says() {
    for (profile, slots) in [
        ("[ { hold: 1k/s, for: 1s } ]", 1000),
        ("[ { hold: 90/min, for: 2s } ]", 3),
        ("[ { ramp: { from: 0/s, to: 2k/s }, for: 1s } ]", 1000),
        ("[ { hold: 100/s, for: 500ms }, { ramp: { to: 900/s }, for: 1s } ]", 550),
        ("[ { steps: { from: 100/s, by: 200/s, count: 3, each: 400ms } } ]", 360),
        (
            "[ { spike: { base: 200/s, peak: 1k/s, rise: 100ms, hold: 200ms, fall: 100ms, every: 1s }, for: 2s } ]",
            880,
        ),
        ("[ { hold: 100/s, for: 300ms }, { idle: 400ms }, { hold: 1k/s, for: 300ms } ]", 330),
    ] {
        let mut place = Place::new(&["orders"]);
        place.set("load.warmup=200ms");
        place.set(&format!("load.streams.shop.profile={profile}"));
        place.set("thresholds=[]");
        place.must(&["run", "@quickstart", "--discard", "--out", "run"]);
        let summary = place.summary("run");
        let stream = &summary["streams"][0];
        assert_eq!(of(stream, "scheduled"), slots, "{profile}");
        assert_sound(stream);
        assert_eq!(summary["verdict"], "passed", "{profile}: {summary}");
    }
}

#[test]
fn a_limit_that_is_reached_early_ends_the_time_too() {
    let mut place = Place::new(&["orders"]);
    place.set("load.warmup=0s");
    place.set("load.streams.shop.profile=[ { unlimited: 1h } ]");
    place.set("load.streams.shop.limit={ ops: 5000 }");
    place.set("thresholds=[]");
    place.must(&["run", "@quickstart", "--discard", "--out", "run"]);
    let stream = &place.summary("run")["streams"][0];
    assert_eq!(of(stream, "acknowledged"), 5000);
    assert!(stream["achieved_rate"].as_f64().unwrap() > 5000.0 / 600.0, "{stream}");
}

#[test]
fn nothing_is_sent_anywhere_and_the_tables_add_up_all_the_same() {
    let mut place = Place::new(&["orders"]);
    place.url = "postgres://nobody@127.0.0.1:1/nothing".to_owned();
    // Almost only deletes: items of seeded orders go, so these must have been counted.
    place.set("load.streams.shop.mix={ orders.delete_order: 9, orders.close_customer: 1 }");
    place.set("load.streams.shop.profile=[ { unlimited: true } ]");
    place.set("load.streams.shop.limit={ ops: 40k }");
    place.set("load.warmup=0s");
    place.set("thresholds=[]");
    place.must(&["run", "@quickstart", "--discard", "--out", "run"]);
    let summary = place.summary("run");
    assert_eq!(of(&summary["streams"][0], "scheduled"), 40_000);
    let items = &summary["tables"][3];
    assert!(of(items, "seeded") > 100_000, "{items}");
    let alive = of(items, "seeded") + of(items, "inserted") - of(items, "deleted");
    assert_eq!(of(items, "alive"), alive);
}

/// What `--discard` counts is what a server would hold.
#[test]
fn discarding_counts_what_a_server_counts() {
    let mut place = Place::new(&["orders"]);
    place.set("domains.orders.rows={ products: 20, customers: 100, orders: 500 }");
    place.set("load.warmup=0s");
    place.set("load.streams.shop.profile=[ { unlimited: true } ]");
    place.set("load.streams.shop.limit={ ops: 3000 }");
    place.set("start=2026-01-01T00:00:00Z");
    place.set("thresholds=[]");
    place.must(&["run", "@quickstart", "--discard", "--out", "discarded", "--workers", "2"]);
    place.must(&["run", "@quickstart", "--out", "sent", "--workers", "1"]);
    let (discarded, sent) = (place.summary("discarded"), place.summary("sent"));
    assert_eq!(discarded["tables"], sent["tables"]);
    assert_eq!(discarded["fingerprint"], sent["fingerprint"]);
    place.assert_counted(&sent);
}
