//! Events into Kafka: the real command line, a broker in this process, and a consumer that is not ours.

mod avro;
mod topics;
mod transactions;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;

use rdkafka::types::RDKafkaApiKey;
use rdkafka::types::RDKafkaRespErr;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::broker::Arrived;
use crate::support::broker::Broker;
use crate::support::broker::PARTITIONS;
use crate::support::command::Done;
use crate::support::command::loadgen;

/// Runs a scenario against a broker; with what it printed, its summary.
fn run(brokers: &str, scenario: &str, arguments: &[&str]) -> (Done, Value) {
    let folder = TempDir::with_prefix("loadgen-kafka-").unwrap();
    let mut command = loadgen(folder.path());
    command.args(["run", scenario, "--out", "out", "--set", "validity=off"]).args(arguments);
    let done = Done::from(command.env("LOADGEN_KAFKA", brokers).output().unwrap());
    let summary = fs::read_to_string(folder.path().join("out/summary.json")).unwrap_or_default();
    (done, serde_json::from_str(&summary).unwrap_or_default())
}

/// The shipped scenario, so fast and for so long.
fn sessions(brokers: &str, topic: &str, arguments: &[&str]) -> (Done, Value) {
    let profile = "load.streams.sessions.profile=[{ hold: 150/s, for: 8s }]";
    let topic = format!("targets.clicks.kafka.topic={topic}");
    // How long a busy machine takes is not the subject.
    let fixed = ["--set", profile, "--set", &topic, "--set", "thresholds=[]"];
    run(brokers, "@web-events-kafka", &[&fixed, arguments].concat())
}

fn count(summary: &Value, name: &str) -> usize {
    usize::try_from(summary["events"][0][name].as_u64().unwrap()).unwrap()
}

fn events(arrived: &[Arrived]) -> Vec<Value> {
    arrived.iter().map(|it| serde_json::from_str(&it.payload).unwrap()).collect()
}

/// As Java's client does it.
fn java_partition(key: &[u8]) -> i32 {
    let mix = |k: i32| {
        let k = k.wrapping_mul(0x5bd1_e995);
        (k ^ (k.cast_unsigned() >> 24).cast_signed()).wrapping_mul(0x5bd1_e995)
    };
    let length = i32::try_from(key.len()).unwrap();
    let mut hash = 0x9747_b28c_u32.cast_signed() ^ length;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_mul(0x5bd1_e995) ^ mix(i32::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= i32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(0x5bd1_e995);
    }
    hash = (hash ^ (hash.cast_unsigned() >> 13).cast_signed()).wrapping_mul(0x5bd1_e995);
    hash ^= (hash.cast_unsigned() >> 15).cast_signed();
    (hash & 0x7fff_ffff) % PARTITIONS
}

/// The slot of the session that an event is of, and its place in it.
fn place_in_session(arrived: &Arrived) -> (u64, u64) {
    let action = arrived.headers["loadgen.action"].rsplit_once('/').unwrap().1;
    let (slot, hop) = action.split_once('.').unwrap_or((action, "0"));
    (slot.parse().unwrap(), hop.parse().unwrap())
}

/// Counted, with their keys, in the order of each session, and nothing twice.
#[test]
fn what_is_counted_has_arrived() {
    let broker = Broker::new(&["pages"]);
    let (done, summary) = sessions(&broker.address(), "pages", &[]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let arrived = broker.read("pages");
    assert!(arrived.len() > 1_200, "{}", arrived.len());
    for name in ["sent", "acknowledged"] {
        assert_eq!(count(&summary, name), arrived.len(), "{name}");
    }
    let payloads: usize = arrived.iter().map(|it| it.payload.len() + it.key.len()).sum();
    assert_eq!(count(&summary, "bytes"), payloads);
    let streams = summary["streams"].as_array().unwrap();
    let acknowledged = streams.iter().map(|it| it["acknowledged"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(usize::try_from(acknowledged).unwrap(), arrived.len());
    assert_eq!(summary["tables"].as_array().unwrap().len(), 0, "nobody stores tables");

    let all = events(&arrived);
    let ids: BTreeSet<_> = all.iter().map(|it| it["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), arrived.len(), "each event once");
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    let mut trace_of: BTreeMap<u64, String> = BTreeMap::new();
    for (it, event) in arrived.iter().zip(&all) {
        assert_eq!(event.as_object().unwrap().len(), 30, "{event}");
        assert_eq!(event["user_domain_id"].as_str().unwrap(), it.key);
        assert_eq!(it.partition, java_partition(it.key.as_bytes()));
        let at = chrono::DateTime::parse_from_rfc3339(event["event_timestamp"].as_str().unwrap());
        assert_eq!(at.unwrap().timestamp_millis(), it.at_ms);
        let (session, page) = place_in_session(it);
        let before = last.insert(session, page);
        assert_eq!(page, before.map_or(0, |before| before + 1), "the pages of a session in order");
        let parts: Vec<_> = it.headers["traceparent"].split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
        let trace = trace_of.entry(session).or_insert_with(|| parts[1].to_owned());
        assert_eq!(trace, parts[1], "a session is one trace");
    }
    assert_eq!(last.len(), 1_200, "as many sessions as slots");
    assert_agree(&all);
}

/// What is said of a visitor is the same in all events and agrees with itself.
fn assert_agree(events: &[Value]) {
    let mut known: BTreeMap<&str, &Value> = BTreeMap::new();
    let same =
        ["click_id", "geo_country", "geo_latitude", "ip_address", "os", "browser_user_agent"];
    for event in events {
        let first = *known.entry(event["user_domain_id"].as_str().unwrap()).or_insert(event);
        for name in same {
            assert_eq!(event[name], first[name], "{name}");
        }
        let agent = event["browser_user_agent"].as_str().unwrap();
        assert!(agent.contains(event["os"].as_str().unwrap()), "{agent}");
        let is_mobile = ["iOS", "Android"].contains(&event["os_name"].as_str().unwrap());
        assert_eq!(event["device_is_mobile"], is_mobile);
        assert_eq!(event["geo_timezone"] == "Europe/Berlin", event["geo_country"] == "DE");
        assert_eq!(event["geo_timezone"], event["os_timezone"]);
        assert!(event["geo_latitude"].is_f64() && event["referer_url_port"] == 80, "{event}");
    }
}

#[test]
fn any_number_of_workers_sends_the_same_events() {
    let broker = Broker::new(&["one", "four"]);
    let payloads = |topic: &str, workers: &str| {
        let (done, _) = sessions(&broker.address(), topic, &["--workers", workers]);
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
        let mut all: Vec<_> =
            broker.read(topic).into_iter().map(|it| (it.key, it.payload)).collect();
        all.sort();
        all
    };
    let one = payloads("one", "1");
    assert!(one.len() > 1_200);
    assert_eq!(one, payloads("four", "4"));
}

/// Errors of the broker that pass are tried again, and nothing is lost or doubled.
#[test]
fn what_the_broker_refuses_for_a_moment_is_sent_again() {
    let broker = Broker::new(&["pages"]);
    let errors = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
    ];
    broker.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let (done, summary) = sessions(&broker.address(), "pages", &["--set", "start=now"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let arrived = broker.read("pages");
    assert_eq!(count(&summary, "acknowledged"), arrived.len());
    assert_eq!(count(&summary, "repeated"), 0);
    let ids: BTreeSet<_> = arrived.iter().map(|it| &it.payload).collect();
    assert_eq!(ids.len(), arrived.len(), "each event once");
}

/// Without idempotence, or where it does not last, what was sent again may be there twice, and is told.
#[test]
fn what_may_be_there_twice_is_counted() {
    let broker = Broker::new(&["pages"]);
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT; 3];
    let careless = ["--set", "targets.clicks.kafka.idempotence=false", "--set", "start=now"];
    // A broker forgets a producer by the times of its records: those of a fixed start are old. This one does not
    // look at sequences as a real one does, and stores a request behind one that it refused, by which librdkafka
    // takes the other for stored (`rd_kafka_dr_implicit_ack`): so there is one at a time.
    let in_turn = "targets.clicks.kafka.properties={ max.in.flight.requests.per.connection: 1 }";
    for settings in [&careless[..], &["--set", in_turn]] {
        broker.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
        let before = broker.read("pages").len();
        let (done, summary) = sessions(&broker.address(), "pages", settings);
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
        let arrived = broker.read("pages").len() - before;
        let events = &summary["events"];
        assert_eq!(count(&summary, "acknowledged"), arrived, "{settings:?} {before} {events}");
        let repeated = count(&summary, "repeated");
        assert!((3..arrived).contains(&repeated), "{repeated}");
        assert!(done.out.contains("repeated"), "{}", done.out);
    }
}

/// Of what was tried for as long as it may be without an answer, nobody knows whether it is there.
#[test]
fn what_is_given_up_without_an_answer_is_unknown() {
    let broker = Broker::new(&["pages"]);
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT; 2_000];
    broker.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let short = ["--set", "targets.clicks.kafka.timeout=1s"];
    let (done, summary) = sessions(&broker.address(), "pages", &short);
    let arrived = broker.read("pages").len();
    assert!(count(&summary, "unknown") > 0, "{}", summary["events"]);
    assert_eq!(count(&summary, "failed"), 0, "{}", summary["events"]);
    assert_eq!(
        count(&summary, "sent"),
        count(&summary, "acknowledged") + count(&summary, "unknown")
    );
    assert!(
        (count(&summary, "acknowledged")..=count(&summary, "sent")).contains(&arrived),
        "{arrived}"
    );
    assert!(done.err.contains("may be there, and count as unknown"), "{}", done.err);
}

/// A queue that is too short holds the load up, and loses nothing.
#[test]
fn a_full_queue_is_waited_for() {
    let broker = Broker::new(&["pages"]);
    let (done, summary) = sessions(
        &broker.address(),
        "pages",
        &[
            "--set",
            "targets.clicks.kafka.queue=\"50\"",
            "--set",
            "load.streams.sessions.profile=[{ hold: 3000/s, for: 1s }]",
        ],
    );
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let arrived = broker.read("pages");
    assert!(arrived.len() >= 3_000, "{}", arrived.len());
    assert_eq!(count(&summary, "acknowledged"), arrived.len());
}

/// An event that is too large has failed, by its class; the others arrive.
#[test]
fn an_event_that_is_too_large_is_counted_as_failed() {
    let broker = Broker::new(&["pages"]);
    let properties = "targets.clicks.kafka.properties={ message.max.bytes: 1120 }";
    let wide = "targets.clicks.kafka.headers=false";
    let arguments = ["--set", properties, "--set", wide];
    let (done, summary) = sessions(&broker.address(), "pages", &arguments);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let arrived = broker.read("pages");
    assert_eq!(count(&summary, "acknowledged"), arrived.len());
    assert!(count(&summary, "failed") > 0 && !arrived.is_empty(), "{}", summary["events"]);
    assert!(
        done.out.contains("too_large") && done.out.contains("max.message.bytes"),
        "{}",
        done.out
    );
}

/// What keeps a run from beginning: exit code 4, and a line that says what to do.
#[test]
fn set_up_says_what_is_wrong_with_a_cluster() {
    let (done, _) = sessions("127.0.0.1:1", "pages", &[]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("no Kafka broker answers at `127.0.0.1:1`"), "{}", done.err);

    let broker = Broker::new(&["pages"]);
    let create = ["--set", "targets.clicks.kafka.create=false"];
    let (done, _) = sessions(&broker.address(), "others", &create);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("has no topic `others`"), "{}", done.err);
}

/// A page follows another as often as the weights say, and a session in nine or so converts.
#[test]
fn sessions_walk_as_the_weights_say() {
    let folder = TempDir::with_prefix("loadgen-kafka-").unwrap();
    // Behind the many, time enough for them to come to their end.
    let scenario =
        "load.streams.sessions.profile=[{ hold: 3000/s, for: 10s }, { hold: 1/min, for: 5m }]";
    let mut command = loadgen(folder.path());
    command.args(["sample", "@web-events-kafka", "-n", "200000", "--set", scenario]);
    let done = Done::from(command.output().unwrap());
    assert_eq!(done.code, 0, "{}", done.err);
    let mut pages: BTreeMap<String, f64> = BTreeMap::new();
    let (mut sessions, mut all) = (0.0, 0.0);
    for line in done.out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["event"], "page_view");
        assert_eq!(line["key"], line["value"]["user_domain_id"]);
        let page = line["value"]["page_url_path"].as_str().unwrap().to_owned();
        *pages.entry(page).or_default() += 1.0;
        sessions += f64::from(u8::from(line["action"] == "web_events.visit"));
        all += 1.0;
    }
    // The stationary means of the declared weights: landing pages, and what follows them.
    for (page, each) in expected() {
        let found = pages[page] / sessions;
        assert!((found - each).abs() < 0.05, "{page}: {found} a session, not {each}");
    }
    assert!((all / sessions - 2.43_f64).abs() < 0.1, "{}", all / sessions);
}

/// Visits of each page in a session, by solving the chain: v = begin + vP.
fn expected() -> [(&'static str, f64); 6] {
    let next = [
        [0.0, 17.0 / 55.0, 12.0 / 55.0, 0.0, 0.0, 0.0],
        [0.36, 0.0, 0.0, 0.24, 0.0, 0.0],
        [22.0 / 60.0, 0.0, 0.0, 14.0 / 60.0, 0.0, 0.0],
        [0.2, 0.0, 0.0, 0.0, 50.0 / 75.0, 0.0],
        [0.0, 0.0, 0.0, 10.0 / 55.0, 0.0, 40.0 / 55.0],
        [0.0; 6],
    ];
    let begin = [0.6, 0.25, 0.15, 0.0, 0.0, 0.0];
    let mut visits = begin;
    for _ in 0..200 {
        let mut sum = begin;
        for (from, row) in next.iter().enumerate() {
            (0..6).for_each(|to| sum[to] += visits[from] * row[to]);
        }
        visits = sum;
    }
    let names = ["/home", "/product_a", "/product_b", "/cart", "/payment", "/confirmation"];
    std::array::from_fn(|at| (names[at], visits[at]))
}
