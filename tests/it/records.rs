//! Objects as a sink to S3 writes them, observed: records of changes, as lines, in Avro and in Parquet, in a folder that a sink of
//! the test's own fills. What is missing, doubled or not as it was is named, what it holds back is pending, and nothing else is said.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::avro::Codec;
use crate::support::bucket;
use crate::support::bucket::Bucket;
use crate::support::command::Place;
use crate::support::command::surface;
use crate::support::connector::Connector;
use crate::support::connector::Spoil;
use crate::support::server::TestServer;
use crate::support::sink::Form;
use crate::support::sink::Harm;
use crate::support::sink::Manner;
use crate::support::sink::Names;
use crate::support::sink::Sink;

const CLASSES: [&str; 6] = ["lost", "doubled", "reordered", "wrong", "phantom", "pending"];

/// A run of a few seconds whose changes a sink writes. Exit code, what was said, the summary, the keys of what it did
/// something to, and how many records it held back.
struct Done {
    code: i32,
    said: String,
    summary: Value,
    harmed: Vec<String>,
    left: usize,
}

impl Done {
    /// How many of each class there are at the objects, of those that there are.
    fn found(&self) -> Vec<(&'static str, u64)> {
        let objects = surface(&self.summary, "objects");
        let count = |class: &&'static str| (*class, objects[*class].as_u64().unwrap());
        CLASSES.iter().map(count).filter(|it| it.1 > 0).collect()
    }

    fn assert_as_at_the_slot(&self) {
        assert_eq!(self.code, 0, "{}", self.said);
        let [tap, objects] = ["tap", "objects"].map(|name| surface(&self.summary, name));
        assert!(objects["expected"].as_u64() > Some(700), "{objects}");
        for count in ["expected", "observed"] {
            assert_eq!(tap[count], objects[count], "{count}: {}", self.said);
        }
        assert_eq!(self.found(), [], "{}", self.said);
    }
}

fn run(seconds: u32, manner: Manner, settings: &str, spoil: &[Spoil]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let at = format!("at: \"file://{}\"{settings}", folder.path().display());
    run_at((folder.path(), &at), seconds, manner, spoil)
}

/// The same where the sink's folder is seen by its address, with settings.
fn run_at((folder, at): (&Path, &str), seconds: u32, manner: Manner, spoil: &[Spoil]) -> Done {
    let mut place = Place::on(TestServer::shared(), &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
    place.set("load.warmup=1s");
    place.set("thresholds=[]");
    place.set(&format!("load.streams.shop.profile=[ {{ hold: 200/s, for: {seconds}s }} ]"));
    let format = if manner.flat { "flattened" } else { "debezium" };
    place.set(&format!(
        "observe={{ tap: {{ slot: {{ on: operational }} }}, objects: {{ lake: {{ {at}, layout: objects, format: {format}, \
         every: 200ms, within: 4s }} }} }}"
    ));
    place.must(&["seed", "@cdc-lag"]);
    let sink = Sink::start(folder, manner);
    let connector = Connector::into(place.server, &place.database("orders"), spoil, sink.out());
    let (code, said, summary) = connector.run(&place);
    if code != 6 {
        let judged = place.run(&["verify", "run", "--format", "json"]);
        let judged: Value = serde_json::from_str(&judged.out).unwrap();
        assert_eq!(judged["surfaces"], summary["surfaces"], "{said}");
    }
    Done { code, said, summary, harmed: sink.harmed(), left: sink.left() }
}

#[test]
fn all_that_a_sink_writes_is_held_against_what_was_acknowledged() {
    let done = run(4, Manner::default(), "", &[]);
    done.assert_as_at_the_slot();
    assert!(!done.said.contains("could not compare"), "{}", done.said);
    assert!(done.said.contains("`objects` looked for objects every 200ms"), "{}", done.said);
    let lags = done.summary["lag"].as_array().unwrap().iter();
    let mut deletes =
        lags.filter(|lag| lag["surface"] == "objects" && lag["operation"] == "delete");
    // The sink writes three times a second.
    assert!(deletes.any(|lag| lag["high"]["p99"].as_u64() > Some(200_000_000)), "{}", done.said);
}

/// As Aiven's sink writes JSON.
#[test]
fn arrays_of_records_are_read() {
    let manner = Manner { names: Names::Aiven, form: Form::Array, ..Manner::default() };
    run(4, manner, "", &[]).assert_as_at_the_slot();
    let done = run(5, Manner { form: Form::Array, ..Manner::default() }, "", &[Spoil::Alter]);
    assert_eq!((done.code, done.found()), (99, vec![("wrong", 1)]), "{}", done.said);
}

/// Packed and flattened, with keys beside records, of several partitions, under other names.
#[test]
fn rows_are_read_in_whatever_they_are_wrapped() {
    for form in [Form::Gzip, Form::Avro(Codec::Zstandard)] {
        let manner = Manner {
            names: Names::Aiven,
            form,
            flat: true,
            partitions: 3,
            flush: 20,
            ..Manner::default()
        };
        run(4, manner, "", &[]).assert_as_at_the_slot();
    }
}

#[test]
fn files_of_avro_and_parquet_are_read_as_lines_are() {
    let (avro, parquet) = (Form::Avro(Codec::Deflate), Form::Parquet);
    for (form, flat) in [(avro, false), (parquet, false), (parquet, true)] {
        let done = run(4, Manner { form, flat, flush: 50, ..Manner::default() }, "", &[]);
        done.assert_as_at_the_slot();
        // The test's files of Parquet leave out columns without any value.
        let is_all = form == parquet || !done.said.contains("could not compare");
        assert!(is_all, "{form:?}: {}", done.said);
    }
}

/// All that may happen to a change, to one of each.
fn spoil_all(form: Form) {
    let spoil = Spoil::ALL.map(|it| it.0);
    let done = run(8, Manner { form, ..Manner::default() }, "", &spoil);
    assert_eq!(done.code, 99, "{}", done.said);
    let mut classes = Spoil::ALL.map(|it| (it.1, 1));
    classes.sort_unstable();
    let mut found = done.found();
    found.sort_unstable();
    assert_eq!(found, classes, "{} {}", done.said, done.summary["verification"]["examples"]);
    let tap = surface(&done.summary, "tap");
    assert!(CLASSES.iter().all(|class| tap[*class] == 0), "{tap}");
}

#[test]
fn what_is_spoilt_on_its_way_to_objects_is_named() {
    spoil_all(Form::Gzip);
}

/// A value that does not come, or comes as what no text is.
#[test]
fn values_that_are_lost_on_their_way_to_objects_are_wrong() {
    let spoil = [Spoil::Omit, Spoil::Halve, Spoil::Hide, Spoil::Unsend, Spoil::Keep];
    for form in [Form::Lines, Form::Array] {
        let spoil = if form == Form::Lines { &spoil[..] } else { &spoil[2..] };
        let done = run(8, Manner { form, ..Manner::default() }, "", spoil);
        let wrong = spoil.len() as u64 - 1;
        assert_eq!((done.code, done.found()), (99, vec![("wrong", wrong)]), "{}", done.said);
    }
}

#[test]
fn what_is_spoilt_on_its_way_to_files_of_avro_is_named() {
    spoil_all(Form::Avro(Codec::Snappy));
}

#[test]
fn what_is_spoilt_on_its_way_to_files_of_parquet_is_named() {
    spoil_all(Form::Parquet);
}

/// What is read again among the changes is no change, and must be a version that its row has had.
#[test]
fn rows_of_snapshots_in_objects_are_held_against_the_versions_of_their_rows() {
    for form in [Form::Gzip, Form::Parquet] {
        let done = run(6, Manner { form, ..Manner::default() }, "", &[Spoil::Read; 40]);
        done.assert_as_at_the_slot();
        let judged = done.said.split(" rows of snapshots were held").next().unwrap();
        let judged: u64 = judged.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((30..=40).contains(&judged), "{}", done.said);
    }
    // In files nobody can tell what came first, so none is stale.
    let spoil =
        [Spoil::ReadStale, Spoil::Read, Spoil::ReadAltered, Spoil::Read, Spoil::ReadInvented];
    let done = run(6, Manner::default(), "", &spoil);
    assert_eq!(done.code, 99, "{}", done.said);
    let mut found = done.found();
    found.sort_unstable();
    assert_eq!(found, [("phantom", 1), ("wrong", 1)], "{}", done.said);
}

/// What a bucket of an S3 server has, behind lists of several parts, and though it is too busy now and then.
fn run_in_bucket(seconds: u32, busy: usize, manner: Manner, spoil: &[Spoil]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::start(folder.path());
    let (url, name) = (bucket.url(), bucket::NAME);
    let at = format!("at: \"s3://{name}/topics\", endpoint: \"{url}\", region: us-east-1");
    bucket.be_busy(busy);
    let done = run_at((folder.path(), &at), seconds, manner, spoil);
    bucket.assert_was_asked_well();
    assert!(bucket.refused() > 0, "{}", bucket.refused());
    done
}

#[test]
fn a_bucket_that_is_busy_now_and_then_loses_nothing() {
    let form = Form::Avro(Codec::Null);
    // No list of three parts comes to its end but by asking again for the one that was refused.
    run_in_bucket(4, 3, Manner { form, ..Manner::default() }, &[]).assert_as_at_the_slot();
}

#[test]
fn what_is_spoilt_on_its_way_to_a_bucket_is_named() {
    let harm = Harm::RemoveLater;
    let done = run_in_bucket(8, 29, Manner { harm, ..Manner::default() }, &[Spoil::Alter]);
    assert_eq!(done.code, 99, "{}", done.said);
    let harmed = done.harmed.len() as u64;
    assert_eq!(done.found(), [("lost", harmed), ("wrong", 1)], "{}", done.said);
    let named = format!("1 object with {harmed} records: not there any more");
    assert!(done.said.contains(&named), "{}", done.said);
    assert!(
        done.said.contains("s3://archive/topics/domain_orders.public.orders/"),
        "{}",
        done.said
    );
}

/// Where nobody tells in which order objects were filled, what came first is not judged; what is missing is.
#[test]
fn objects_in_no_order_make_nothing_reordered() {
    let manner = Manner { names: Names::Firehose, flush: 30, ..Manner::default() };
    let done = run(8, manner, "", &[Spoil::Exchange, Spoil::Lose]);
    assert_eq!(done.code, 99, "{}", done.said);
    assert_eq!(done.found(), [("lost", 1)], "{}", done.said);
}

#[test]
fn the_records_of_an_object_that_is_gone_are_lost_and_no_others() {
    for harm in [Harm::Remove, Harm::RemoveLater] {
        let done = run(5, Manner { harm, ..Manner::default() }, "", &[]);
        assert_eq!(done.code, 99, "{harm:?}: {}", done.said);
        let harmed = done.harmed.len() as u64;
        assert!(harmed > 10, "{:?}", done.harmed);
        assert_eq!(done.found(), [("lost", harmed)], "{harm:?}: {}", done.said);
        let is_named =
            done.said.contains(&format!("1 object with {harmed} records: not there any more"));
        assert_eq!(is_named, harm == Harm::RemoveLater, "{}", done.said);
        let id = |key: &String| {
            serde_json::from_str::<Value>(key).unwrap()["id"].as_str().unwrap().to_owned()
        };
        let keys: BTreeSet<String> = done.harmed.iter().map(id).collect();
        for example in done.summary["verification"]["examples"].as_array().unwrap() {
            assert_eq!(
                (&example["class"], &example["surface"]),
                (&"lost".into(), &"objects".into())
            );
            assert!(keys.contains(example["key"].as_str().unwrap()), "{example} is in {keys:?}");
        }
    }
}

/// A sink that writes when it has so many records keeps the last ones for itself: nobody knows yet what becomes of them.
/// What is missing before something newer is lost all the same.
#[test]
fn what_a_sink_holds_back_is_pending_and_a_hole_is_not() {
    let held = Manner { flush: 60, rotates: false, partitions: 2, ..Manner::default() };
    let done = run(6, held, ", flush: 60", &[]);
    assert_eq!(done.code, 0, "{}", done.said);
    assert!(done.left > 20, "{}", done.left);
    assert_eq!(done.found(), [("pending", done.left as u64)], "{}", done.said);

    let done = run(6, Manner { harm: Harm::Remove, ..held }, ", flush: 60", &[]);
    assert_eq!(done.code, 99, "{}", done.said);
    let expected = [("lost", 60), ("pending", done.left as u64)];
    assert_eq!(done.found(), expected, "{}", done.said);

    // Nobody has said that so many are written together, so they should have been there.
    let done = run(3, held, "", &[]);
    assert_eq!(done.code, 99, "{}", done.said);
    assert_eq!(done.found(), [("lost", done.left as u64)], "{}", done.said);
}

#[test]
fn an_object_that_is_there_twice_is_doubled() {
    let done = run(5, Manner { harm: Harm::Twice, ..Manner::default() }, "", &[]);
    assert_eq!(done.code, 99, "{}", done.said);
    assert_eq!(done.found(), [("doubled", done.harmed.len() as u64)], "{}", done.said);
}

/// A sink that begins again may write an object anew, with more in it.
#[test]
fn an_object_that_was_not_whole_is_read_again() {
    for form in [Form::Gzip, Form::Avro(Codec::Null)] {
        let done = run(5, Manner { harm: Harm::Grow, form, ..Manner::default() }, "", &[]);
        assert!(done.harmed.len() > 10, "{:?}", done.harmed);
        done.assert_as_at_the_slot();
    }
}

/// One that begins again by the clock may cut what it had written in another place.
#[test]
fn records_that_move_to_another_object_are_neither_lost_nor_doubled() {
    for form in [Form::Lines, Form::Avro(Codec::Deflate)] {
        let done = run(5, Manner { harm: Harm::Split, form, ..Manner::default() }, "", &[]);
        assert!(done.harmed.len() > 10, "{:?}", done.harmed);
        done.assert_as_at_the_slot();
    }
}

/// One that is careful writes them elsewhere first, and then cuts what it had.
#[test]
fn records_that_are_in_two_objects_for_a_while_are_neither_lost_nor_doubled() {
    for harm in [Harm::Move, Harm::MoveLater, Harm::Copy] {
        let done = run(5, Manner { harm, ..Manner::default() }, "", &[]);
        assert!(done.harmed.len() > 10, "{harm:?}: {:?}", done.harmed);
        done.assert_as_at_the_slot();
        let examples = done.summary["verification"]["examples"].as_array().map_or(0, Vec::len);
        assert_eq!(examples, 0, "{harm:?}: {}", done.summary["verification"]);
    }
}

/// Whoever else writes below the prefix, and however often, neither puts the end off nor is held against the run.
#[test]
fn what_others_write_again_and_again_puts_no_end_off() {
    let took = |meddled: bool| {
        let begun = Instant::now();
        run(3, Manner { meddled, ..Manner::default() }, "", &[]).assert_as_at_the_slot();
        begun.elapsed()
    };
    let (clean, meddled) = (took(false), took(true));
    // Otherwise it would wait until nothing had come for four seconds, which is never.
    assert!(meddled < clean + Duration::from_secs(30), "{clean:?} and {meddled:?}");
}

#[test]
fn records_that_an_object_has_no_more_are_lost() {
    let done = run(5, Manner { harm: Harm::Shrink, ..Manner::default() }, "", &[]);
    assert_eq!(done.code, 99, "{}", done.said);
    assert!(done.harmed.len() > 5, "{:?}", done.harmed);
    assert_eq!(done.found(), [("lost", done.harmed.len() as u64)], "{}", done.said);
}

#[test]
fn an_object_that_cannot_be_read_makes_the_run_invalid() {
    for (form, why) in [
        (Form::Lines, " is no record of JSON: "),
        (Form::Gzip, ".json.gz` cannot be read: "),
        (Form::Avro(Codec::Snappy), ".avro` cannot be read: it ends too early"),
        (Form::Parquet, ".parquet` cannot be read: "),
    ] {
        let done = run(3, Manner { harm: Harm::Cut, form, ..Manner::default() }, "", &[]);
        assert_eq!(done.code, 6, "{}", done.said);
        let reasons = done.summary["invalid_because"].to_string();
        assert!(reasons.contains("what is there could not be read: `"), "{reasons}");
        assert!(reasons.contains(why), "{reasons}");
    }
}
