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
        ("[ { ramp: { from: 0/s, to: 2k/s, curve: smooth }, for: 1s } ]", 1000),
        // (2000 − 500) / ln 4
        ("[ { ramp: { from: 500/s, to: 2k/s, curve: exp }, for: 1s } ]", 1083),
        (
            "[ { sine: { mean: 500/s, amplitude: 500/s, period: 250ms, start: peak }, for: 1s } ]",
            500,
        ),
        ("[ { bump: { total: 777, for: 1s } } ]", 777),
        (
            "[ { day: { weights: [1,1,1,1,1,1,1,1,1,1,1,1,9,9,9,9,9,9,9,9,9,9,9,9], mean: 600/s, day: 500ms }, for: 1s } ]",
            600,
        ),
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
fn arrivals_change_when_and_not_how_many() {
    for (arrival, slots) in [
        ("poisson", 1500),
        ("{ poisson: { count: exact } }", 1500),
        ("{ burst: { size: 64 } }", 1500),
        ("{ poisson: { count: drawn } }", 0),
    ] {
        let mut place = Place::new(&["orders"]);
        place.set("load.warmup=200ms");
        place.set("load.streams.shop.profile=[ { hold: 1k/s, for: 1500ms } ]");
        place.set(&format!("load.streams.shop.arrival={arrival}"));
        place.set("thresholds=[]");
        place.must(&["run", "@quickstart", "--discard", "--out", "run"]);
        let stream = &place.summary("run")["streams"][0];
        if slots > 0 {
            assert_eq!(of(stream, "scheduled"), slots, "{arrival}");
        } else {
            // Seven standard deviations.
            assert!(of(stream, "scheduled").abs_diff(1500) < 271, "{stream}");
        }
        assert_sound(stream);
    }
}

#[test]
fn a_repeated_profile_is_played_so_often() {
    let mut place = Place::new(&["orders"]);
    place.set("load.warmup=0s");
    place.set("load.streams.shop.profile=[ { ramp: { to: 1k/s }, for: 200ms }, { idle: 50ms } ]");
    place.set("load.streams.shop.repeat=4");
    place.set("thresholds=[]");
    place.must(&["run", "@quickstart", "--discard", "--out", "run"]);
    assert_eq!(of(&place.summary("run")["streams"][0], "scheduled"), 400);
}

#[test]
fn scaled_runs_are_shorter_and_smaller_and_say_so() {
    let mut place = Place::new(&["orders"]);
    place.set("thresholds=[]");
    let scaled = ["--time-scale", "20", "--scale-rate", "0.5"];
    let run = ["run", "@quickstart", "--discard", "--out", "run"];
    place.must(&[&run[..], &scaled[..]].concat());
    // 2,000 + 9,000 + 22,000 slots, half of them in a twentieth of the time.
    assert_eq!(of(&place.summary("run")["streams"][0], "scheduled"), 33_000 / 40);
    let manifest = std::fs::read_to_string(place.folder.path().join("run/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!((&manifest["scale_rate"], &manifest["time_scale"]), (&0.5.into(), &20.0.into()));
    for wrong in ["0", "-1", "x", "inf", "1e9"] {
        for flag in ["--time-scale", "--scale-rate"] {
            let done = place.run(&["run", "@quickstart", &format!("{flag}={wrong}")]);
            assert_eq!(done.code, 2, "{flag}={wrong}: {}", done.err);
        }
    }
}

/// Waiting awake takes a processor for each worker, and leaves none for anything else.
#[test]
fn precision_is_chosen_and_refused_where_it_cannot_be() {
    let mut place = Place::new(&["orders"]);
    place.set("load.warmup=0s");
    place.set("load.streams.shop.profile=[ { hold: 200/s, for: 500ms } ]");
    place.set("thresholds=[]");
    let run = ["run", "@quickstart", "--discard", "--out"];
    for precision in ["eco", "normal", "precise"] {
        let set = format!("load.precision={precision}");
        let done = place.run(&[&run[..], &[precision, "--set", &set]].concat());
        let has_spare = std::thread::available_parallelism().unwrap().get() > 1;
        if precision == "precise" && !has_spare {
            assert_eq!(done.code, 4, "{}", done.err);
            continue;
        }
        assert_eq!(done.code, 0, "{precision}: {}", done.err);
        assert_eq!(of(&place.summary(precision)["streams"][0], "scheduled"), 100);
    }
    let set = ["--set", "load.precision=precise", "--workers", "1024"];
    let done = place.run(&[&run[..], &["no"], &set[..]].concat());
    assert_eq!(done.code, 4, "{}", done.err);
    assert!(done.err.contains("needs more processors than worker threads"), "{}", done.err);
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
