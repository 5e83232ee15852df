//! What follows an action: on the same row, at its own time, counted apart.

use serde_json::Value;

use crate::running::of;
use crate::support::command::Place;
use crate::support::command::scenario;

fn series<'s>(summary: &'s Value, name: &str) -> &'s Value {
    let all = summary["streams"].as_array().unwrap();
    all.iter().find(|each| each["name"] == name).unwrap_or_else(|| panic!("no {name}: {summary}"))
}

fn count(place: &Place<'_>, what: &str) -> u64 {
    place.number("life", &format!("SELECT count(*) FROM parcels WHERE {what}"))
}

#[test]
fn a_life_goes_on_at_its_time_and_on_its_row() {
    let mut place = Place::new(&["life"]);
    place.set("load.warmup=0s");
    place.set("thresholds=[ { metric: failed, stream: post/ship, expr: '== 0' } ]");
    let done = place.must(&["run", &scenario("life.yaml"), "--out", "run"]);
    let summary = place.summary("run");
    place.assert_counted(&summary);
    let names: Vec<_> =
        summary["streams"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["post", "post/pay", "post/note", "post/ship", "post/deliver"]);
    for stream in summary["streams"].as_array().unwrap() {
        assert_eq!(of(stream, "scheduled"), of(stream, "sent") + of(stream, "skipped"), "{stream}");
        assert_eq!(of(stream, "sent"), of(stream, "acknowledged"), "{stream}");
        for distribution in ["sched", "queue", "service", "response"] {
            let timed = of(stream, &format!("{distribution}.count"));
            assert_eq!(timed, of(stream, "acknowledged"), "{stream}");
        }
        assert!(done.out.contains(stream["name"].as_str().unwrap()), "{}", done.out);
    }
    assert_eq!(of(series(&summary, "post"), "scheduled"), 900);
    let seconds = std::fs::read_to_string(place.folder.path().join("run/series.csv")).unwrap();
    let log = std::fs::read_to_string(place.folder.path().join("run/latency.hlog")).unwrap();
    for name in ["post", "post/pay", "post/note", "post/ship", "post/deliver"] {
        assert!(seconds.lines().any(|row| row.split(',').any(|cell| cell == name)), "{name}");
        assert!(log.contains(&format!("Tag={name}.response,")), "{name}");
    }
    // Each step left its time in the row, and each was counted once.
    for (name, column) in [("pay", "paid_at"), ("ship", "shipped_at"), ("deliver", "delivered_at")]
    {
        let stream = series(&summary, &format!("post/{name}"));
        assert_eq!(of(stream, "acknowledged"), count(&place, &format!("{column} IS NOT NULL")));
        assert!(of(stream, "acknowledged") > 50, "{stream}");
        // What was due after the end was not begun.
        assert!(of(stream, "after_end") > 0, "{stream}");
    }
    let notes = place.number("life", "SELECT count(*) FROM notes");
    assert_eq!(of(series(&summary, "post/note"), "acknowledged"), notes);
    // Parcels that were cancelled meanwhile are not paid for.
    assert!(of(series(&summary, "post/pay"), "skipped") > 0);
    // The times are those that were drawn, but for the microseconds that tell actions of a lane apart.
    for (column, before, least, most) in [
        ("paid_at", "placed_at", 200, 400),
        ("shipped_at", "paid_at", 500, 1000),
        ("delivered_at", "shipped_at", 250, 250),
    ] {
        let wrong = format!(
            "{column} NOT BETWEEN {before} + '{least} ms'::interval - '1 ms'::interval \
             AND {before} + '{most} ms'::interval + '1 ms'::interval"
        );
        assert_eq!(count(&place, &wrong), 0, "{column}");
    }
    let strangers = "SELECT count(*) FROM notes n JOIN parcels p ON p.id = n.parcel_id \
                     WHERE n.made_at NOT BETWEEN p.placed_at + '299 ms'::interval \
                                             AND p.placed_at + '301 ms'::interval";
    assert_eq!(place.number("life", strangers), 0);
    // Nine of ten parcels are paid for, but for those that are too late or gone.
    let paid = series(&summary, "post/pay");
    let placed = count(&place, "id > 64");
    let drawn = of(paid, "scheduled") + of(paid, "after_end");
    assert!((placed * 85..placed * 95).contains(&(drawn * 100)), "{drawn} of {placed}");
}

#[test]
fn follow_ups_are_the_same_with_one_worker_and_four() {
    let mut contents = Vec::new();
    for (workers, connections) in [("1", 4), ("4", 3)] {
        let mut place = Place::new(&["life"]);
        place.set(&format!("targets.operational.postgres.connections={connections}"));
        place.set("load.streams.post.mix={ life.place: 10, life.cancel: 1, life.drop: 1 }");
        // Notes of parcels that are dropped go with them.
        place.must(&["run", &scenario("life.yaml"), "--workers", workers, "--out", "run"]);
        let summary = place.summary("run");
        place.assert_counted(&summary);
        let counts: Vec<_> = summary["streams"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| ["scheduled", "skipped", "after_end", "acknowledged"].map(|key| of(it, key)))
            .collect();
        contents.push((counts, place.content("life")));
    }
    assert_eq!(contents[0], contents[1]);
    // The warm-up's parcels go on living in the measured part.
    let [pay, ..] = contents[0].0[1];
    assert!(pay > 600, "{contents:?}");
}

#[test]
fn what_follows_is_part_of_the_fingerprint() {
    let place = Place::new(&["life"]);
    let print = |arguments: &[&str]| place.must(&[&["fingerprint"], arguments].concat()).out;
    let file = scenario("life.yaml");
    let one = print(&[&file]);
    assert_eq!(print(&[&file, "--workers", "4"]), one);
    let text = std::fs::read_to_string(&file).unwrap();
    let schema = std::fs::read_to_string(scenario("schemas/life.yaml")).unwrap();
    std::fs::create_dir(place.folder.path().join("schemas")).unwrap();
    std::fs::write(place.folder.path().join("life.yaml"), text).unwrap();
    for (old, new) in [("share: 0.9", "share: 0.8"), ("[200ms, 400ms]", "[200ms, 500ms]")] {
        let changed = schema.replace(old, new);
        assert_ne!(changed, schema);
        std::fs::write(place.folder.path().join("schemas/life.yaml"), changed).unwrap();
        assert_ne!(print(&["life.yaml"]), one, "{new}");
    }
}
