//! Events that are wrong on purpose: what a consumer that is not ours finds in the topic is held against
//! what the summary counts and `faults.jsonl` names.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::broker::Arrived;
use crate::support::broker::Broker;
use crate::support::command::Done;
use crate::support::command::loadgen;
use crate::support::firehose::Stub;

/// More of each than the shipped scenario has, in less time.
const FAULTS: &str = "domains.web_events.faults={ late: { share: 3%, by: 1s }, out_of_order: 3%, \
     doubled: 2%, malformed: 2%, missing_field: 2%, wrong_type: 2%, unknown_type: 2% }";

/// What a run left.
struct Ran {
    done: Done,
    summary: Value,
    /// The lines of `faults.jsonl`.
    faults: Vec<Value>,
}

fn run(variable: (&str, &str), arguments: &[&str]) -> Ran {
    let folder = TempDir::with_prefix("loadgen-dirty-").unwrap();
    let mut command = loadgen(folder.path());
    // How fast a busy machine is, is not the subject.
    let fixed = ["--set", "validity=off", "--set", "thresholds=[]"];
    command.args(["run", "--out", "out"]).args(fixed).args(arguments);
    let done = Done::from(command.env(variable.0, variable.1).output().unwrap());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let read = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    let summary = serde_json::from_str(&read("summary.json")).unwrap();
    let faults = read("faults.jsonl").lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    Ran { done, summary, faults }
}

/// The shipped scenario, with more faults in a shorter time.
fn dirty(broker: &Broker, topic: &str, arguments: &[&str]) -> Ran {
    let profile = "load.streams.sessions.profile=[{ hold: 150/s, for: 8s }]";
    let topic = format!("targets.clicks.kafka.topic={topic}");
    let fixed = ["@dirty-events", "--set", profile, "--set", &topic, "--set", FAULTS];
    run(("LOADGEN_KAFKA", &broker.address()), &[&fixed, arguments].concat())
}

impl Ran {
    fn count(&self, name: &str) -> usize {
        usize::try_from(self.summary["events"][0][name].as_u64().unwrap()).unwrap()
    }

    /// How many of a class the summary counts.
    fn counted(&self, class: &str) -> usize {
        usize::try_from(self.summary["events"][0]["faults"][class].as_u64().unwrap()).unwrap()
    }

    fn of(&self, class: &str) -> impl Iterator<Item = &Value> {
        self.faults.iter().filter(move |it| it["class"] == class)
    }

    /// The numbers of the events of a class.
    fn ids(&self, class: &str) -> BTreeSet<&str> {
        self.of(class).map(|it| it["event_id"].as_str().unwrap()).collect()
    }
}

fn parsed(arrived: &Arrived) -> Option<Value> {
    serde_json::from_str(&arrived.payload).ok()
}

/// The number of an event, which it has unless its fault took it.
fn id(event: &Value) -> Option<&str> {
    event["event_id"].as_str()
}

/// Of which JSON type each key is in almost all events.
fn usual(events: &[Value]) -> BTreeMap<String, &'static str> {
    let mut seen: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for (key, value) in events.iter().flat_map(|event| event.as_object().unwrap()) {
        *seen.entry(key.clone()).or_default().entry(kind(value)).or_default() += 1;
    }
    let most = |kinds: BTreeMap<&'static str, usize>| {
        kinds.into_iter().max_by_key(|(_, count)| *count).unwrap().0
    };
    seen.into_iter().map(|(key, kinds)| (key, most(kinds))).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[test]
fn every_fault_is_sent_counted_and_named() {
    let broker = Broker::new(&["dirty"]);
    let ran = dirty(&broker, "dirty", &[]);
    let arrived = broker.read("dirty");
    assert!(arrived.len() > 1_200, "{}", arrived.len());
    for name in ["sent", "acknowledged"] {
        assert_eq!(ran.count(name), arrived.len(), "{name}");
    }
    for class in ["late", "doubled", "malformed", "missing_field", "wrong_type", "unknown_type"] {
        assert_eq!(ran.of(class).count(), ran.counted(class), "{class}");
        assert!(ran.counted(class) >= 5, "{class}: {}", ran.counted(class));
    }
    let out_of_order = ran.counted("out_of_order") + ran.counted("not_overtaken");
    assert_eq!(ran.of("out_of_order").count(), out_of_order);
    assert!(ran.counted("out_of_order") >= 5, "{}", ran.summary["events"]);
    assert!(ran.faults.iter().all(|it| it["outcome"] == "acknowledged"));
    let said = format!("{} late", ran.counted("late"));
    assert!(ran.done.out.contains("faults on purpose") && ran.done.out.contains(&said));
    let response = ran.summary["streams"][0]["response"]["count"].as_u64().unwrap();
    assert!(response >= 1_200, "those that are held back are measured, too: {response}");

    assert_content(&ran, &arrived);
    assert_order(&ran, &arrived);
}

/// What is wrong with what an event says.
fn assert_content(ran: &Ran, arrived: &[Arrived]) {
    let events: Vec<Value> = arrived.iter().filter_map(parsed).collect();
    assert_eq!(arrived.len() - events.len(), ran.counted("malformed"));
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    events.iter().filter_map(id).for_each(|id| *times.entry(id).or_default() += 1);
    let doubled: BTreeSet<&str> =
        times.iter().filter(|(_, times)| **times == 2).map(|(id, _)| *id).collect();
    assert!(times.values().all(|times| *times <= 2));
    assert_eq!(doubled, ran.ids("doubled"));

    let usual = usual(&events);
    assert_eq!(usual.len(), 30);
    let mut found: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for event in &events {
        let missing = usual.keys().find(|key| event.get(key).is_none());
        let wrong =
            usual.iter().find(|(key, is)| event.get(key).is_some_and(|it| kind(it) != **is));
        if let Some(key) = missing {
            *found.entry(("missing_field", key.clone())).or_default() += 1;
        }
        if let Some((key, _)) = wrong {
            *found.entry(("wrong_type", key.clone())).or_default() += 1;
        }
        if event["event_type"] == "unknown_event" {
            *found.entry(("unknown_type", "event_type".to_owned())).or_default() += 1;
        }
        assert!(event.as_object().unwrap().len() >= 29, "{event}");
    }
    let mut named: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for class in ["missing_field", "wrong_type", "unknown_type"] {
        for fault in ran.of(class) {
            let field = fault["field"].as_str().unwrap().to_owned();
            *named.entry((class, field)).or_default() += 1;
        }
    }
    assert_eq!(found, named);
}

/// What is wrong with when an event comes.
fn assert_order(ran: &Ran, arrived: &[Arrived]) {
    let [late, overtaken] = ["late", "out_of_order"].map(|class| ran.of(class));
    let late: BTreeMap<&str, u64> = late
        .map(|it| (it["event_id"].as_str().unwrap(), it["held_ms"].as_u64().unwrap()))
        .collect();
    let overtaken = overtaken.filter(|it| it["overtaken"] == true);
    let overtaken: BTreeSet<&str> = overtaken.map(|it| it["event_id"].as_str().unwrap()).collect();
    assert_eq!(overtaken.len(), ran.counted("out_of_order"));

    // By key: who stands right before; by partition: how far it has got; by session: its last page.
    let mut before: BTreeMap<&str, i64> = BTreeMap::new();
    let mut reached: BTreeMap<i32, i64> = BTreeMap::new();
    let mut pages: BTreeMap<u64, u64> = BTreeMap::new();
    let mut checked = 0;
    for it in arrived {
        let event = parsed(it);
        let id = event.as_ref().and_then(id).unwrap_or_default();
        let previous = before.insert(&it.key, it.at_ms);
        if overtaken.contains(id) {
            assert!(previous > Some(it.at_ms), "{id} stands behind one that happened later");
            checked += 1;
        }
        let most = reached.entry(it.partition).or_insert(i64::MIN);
        if late.get(id).is_some_and(|held| *held >= 1_000) {
            assert!(*most > it.at_ms + 500, "{id} comes when others have been for long");
            checked += 1;
        }
        *most = it.at_ms.max(*most);
        // The event's own time stays.
        let said = event.as_ref().and_then(|event| event["event_timestamp"].as_str());
        if let Some(at) = said.and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok()) {
            assert_eq!(at.timestamp_millis(), it.at_ms);
        }
        let action = it.headers["loadgen.action"].rsplit_once('/').unwrap().1;
        let (slot, hop) = action.split_once('.').unwrap_or((action, "0"));
        let (slot, hop): (u64, u64) = (slot.parse().unwrap(), hop.parse().unwrap());
        let last = pages.insert(slot, hop).unwrap_or(0);
        let is_meant = overtaken.contains(id) || late.contains_key(id);
        assert!(hop >= last || is_meant, "nothing else is out of order: {action} behind {last}");
    }
    assert!(checked >= 10, "{checked}");
}

/// Faults are a part of the content: who sends the events does not matter.
#[test]
fn any_number_of_workers_sends_the_same_faults() {
    let broker = Broker::new(&["one", "four"]);
    let sent = |topic: &str, workers: &str| {
        let ran = dirty(&broker, topic, &["--workers", workers]);
        let mut all: Vec<_> =
            broker.read(topic).into_iter().map(|it| (it.key, it.payload)).collect();
        let named = ran
            .faults
            .iter()
            .map(|it| ["class", "action", "event_id", "field"].map(|word| it[word].to_string()));
        let mut named: Vec<_> = named.collect();
        all.sort();
        named.sort();
        (all, named)
    };
    let one = sent("one", "1");
    assert!(one.0.len() > 1_200 && one.1.len() > 100);
    assert_eq!(one, sent("four", "4"));
}

/// What is held back for longer than the run takes goes out at its end; nobody waits for it, not even
/// a session that waits for all that it sends.
#[test]
fn what_is_still_held_back_at_the_end_is_sent_then() {
    let broker = Broker::new(&["open", "closed"]);
    let faults = "domains.web_events.faults={ late: { share: 50%, by: [10m, 1h] } }";
    // Neither does the end of the warm-up.
    let open = dirty(&broker, "open", &["--set", faults, "--set", "load.warmup=1s"]);
    let closed = "load.streams.sessions={ model: closed, mix: { web_events.visit: 1 }, think: 20ms, \
         sessions: [ { hold: 8, for: 4s } ] }";
    let closed = dirty(&broker, "closed", &["--set", faults, "--set", closed]);
    for (topic, ran) in [("open", open), ("closed", closed)] {
        let arrived = broker.read(topic).len();
        assert_eq!(ran.count("acknowledged"), arrived, "{topic}");
        let late = ran.counted("late");
        assert!(late > 200 && late.abs_diff(arrived / 2) < arrived / 10, "{late} of {arrived}");
        let longest = ran.faults.iter().map(|it| it["held_ms"].as_u64().unwrap()).max().unwrap();
        assert!((1_000..600_000).contains(&longest), "{topic}: {longest}");
        // Half of all waited, most of them for long, and no time of theirs counts it.
        let response = ran.summary["streams"][0]["response"]["p90"].as_u64().unwrap();
        assert!(response < longest * 500_000, "{topic}: {response} ns, {longest} ms");
    }
}

/// Firehose has no keys, and keeps the order of those that an event declares all the same.
#[test]
fn firehose_gets_the_same_faults() {
    let stub = Stub::start(&["--stream", "web_events"]);
    let profile = "load.streams.sessions.profile=[{ hold: 100/s, for: 5s }]";
    let arguments = ["@web-events-firehose", "--set", FAULTS, "--set", profile];
    let ran = run(("LOADGEN_FIREHOSE", &stub.url), &arguments);
    let (delivered, _) = stub.stop();
    assert_eq!(ran.count("acknowledged"), delivered.len());
    let events: Vec<Value> =
        delivered.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(delivered.len() - events.len(), ran.counted("malformed"));
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    events.iter().filter_map(id).for_each(|id| *times.entry(id).or_default() += 1);
    let doubled = times.iter().filter(|(_, times)| **times == 2).map(|(id, _)| *id);
    assert_eq!(doubled.collect::<BTreeSet<_>>(), ran.ids("doubled"));
    assert!(ran.counted("out_of_order") > 0 && ran.counted("late") > 0);
    let named: BTreeSet<&str> =
        ran.faults.iter().map(|it| it["destination"].as_str().unwrap()).collect();
    assert_eq!(named, BTreeSet::from(["web_events"]));
}

/// The shipped scenario as it is, in a broker of its own.
#[test]
fn the_shipped_scenario_has_them_all() {
    let profile = "load.streams.sessions.profile=[{ hold: 150/s, for: 12s }]";
    let ran = run(("LOADGEN_UNUSED", ""), &["@dirty-events", "--set", profile]);
    let faults = ran.summary["events"][0]["faults"].as_object().unwrap();
    // All may have been overtaken.
    let none = faults.iter().filter(|(name, count)| **count == 0 && *name != "not_overtaken");
    let none: Vec<_> = none.map(|(name, _)| name).collect();
    assert!(none.is_empty(), "{none:?}: {faults:?}");
}

/// An act sends its events to two targets: they are wrong in the same way in both, and an order is one.
#[test]
fn both_targets_of_an_act_get_the_same_faults() {
    let faults = "domains.shop.faults={ late: { share: 10%, by: 1s }, doubled: 10%, malformed: 10%, \
         missing_field: 10% }";
    let profile = "load.streams.sessions.profile=[{ hold: 60/s, for: 5s }]";
    let arguments = ["@shop", "--set", faults, "--set", profile];
    let ran = run(("LOADGEN_UNUSED", ""), &arguments);
    let events = ran.summary["events"].as_array().unwrap();
    let [clicks, archive] = ["clicks", "archive"]
        .map(|target| events.iter().find(|it| it["target"] == target).unwrap());
    for name in ["sent", "acknowledged", "faults"] {
        assert_eq!(clicks[name], archive[name], "{name}");
    }
    for class in ["late", "doubled", "malformed", "missing_field"] {
        assert!(clicks["faults"][class].as_u64() > Some(10), "{class}: {clicks}");
    }
    let of = |target: &str| {
        let all = ran.faults.iter().filter(|it| it["target"] == target);
        let told = all.map(|it| ["class", "event_id", "field"].map(|word| it[word].to_string()));
        told.collect::<BTreeSet<_>>()
    };
    assert_eq!(of("clicks"), of("archive"));
}

#[test]
fn a_plan_says_how_many_are_wrong() {
    let folder = TempDir::with_prefix("loadgen-dirty-").unwrap();
    let plan = |arguments: &[&str]| {
        let mut command = loadgen(folder.path());
        let done = Done::from(command.args(["plan"]).args(arguments).output().unwrap());
        assert_eq!(done.code, 0, "{}", done.err);
        done.out
    };
    let told: Value = serde_json::from_str(&plan(&["@dirty-events", "--format", "json"])).unwrap();
    let [sent, faulty] = ["sent", "faulty"].map(|name| told["events"][0][name].as_u64().unwrap());
    assert!(faulty.abs_diff(sent / 20) < sent / 500, "{faulty} of {sent}");
    assert!(plan(&["@dirty-events"]).contains("with a fault"));
    assert!(!plan(&["@web-events-kafka"]).contains("with a fault"));
}

/// `sample` shows events as they are sent, and says what is wrong with them.
#[test]
fn a_sample_shows_what_is_wrong() {
    let folder = TempDir::with_prefix("loadgen-dirty-").unwrap();
    let sample = |arguments: &[&str]| {
        let mut command = loadgen(folder.path());
        command.args(["sample", "@dirty-events", "-n", "2000", "--set", FAULTS]).args(arguments);
        let done = Done::from(command.output().unwrap());
        assert_eq!(done.code, 0, "{}", done.err);
        done.out
    };
    let lines: Vec<Value> =
        sample(&[]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for class in
        ["late", "out_of_order", "malformed", "missing_field", "wrong_type", "unknown_type"]
    {
        let count = lines.iter().filter(|line| line["fault"] == class).count();
        assert!((15..150).contains(&count), "{class}: {count}");
    }
    for (at, line) in lines.iter().enumerate() {
        let value = &line["value"];
        match line["fault"].as_str() {
            Some("doubled") => assert_eq!(*value, lines[at - 1]["value"]),
            Some("malformed") => {
                assert!(serde_json::from_str::<Value>(value.as_str().unwrap()).is_err());
            }
            Some("missing_field") => assert_eq!(value.as_object().unwrap().len(), 29),
            Some("unknown_type") => assert_eq!(value["event_type"], "unknown_event"),
            Some("late") => assert_eq!(line["late_ns"], 1_000_000_000),
            _ => assert_eq!(value.as_object().unwrap().len(), 30),
        }
    }
    let clean = sample(&["--set", "domains.web_events.faults={ doubled: 0% }"]);
    assert!(!clean.contains("\"fault\""));
}

/// They are content: other shares are another run.
#[test]
fn faults_are_part_of_the_fingerprint() {
    let folder = TempDir::with_prefix("loadgen-dirty-").unwrap();
    let fingerprint = |faults: &str| {
        let mut command = loadgen(folder.path());
        let faults = format!("domains.web_events.faults={faults}");
        command.args(["fingerprint", "@dirty-events", "-n", "5000", "--set", &faults]);
        let done = Done::from(command.output().unwrap());
        assert_eq!(done.code, 0, "{}", done.err);
        done.out
    };
    let all = ["{ malformed: 1% }", "{ malformed: 2% }", "{ doubled: 1% }", "{ doubled: 0% }"];
    let all: BTreeSet<_> = all.into_iter().map(fingerprint).collect();
    assert_eq!(all.len(), 4);
    assert_eq!(fingerprint("{ malformed: 1% }"), fingerprint("{ malformed: 0.01 }"));
}
