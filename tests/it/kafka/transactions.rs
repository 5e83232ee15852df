//! Records that are committed together. The broker in the test keeps what was aborted, and shows it: which
//! records those are their headers say.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use rdkafka::types::RDKafkaApiKey;
use rdkafka::types::RDKafkaRespErr;

use super::count;
use super::sessions;
use crate::support::broker::Arrived;
use crate::support::broker::Broker;

const QUICK: &str = "targets.clicks.kafka.transactions={ every: 50ms, events: 100 }";
const SOME: &str = "targets.clicks.kafka.transactions={ every: 50ms, abort: 10% }";

fn parts(arrived: Vec<Arrived>) -> (Vec<Arrived>, Vec<Arrived>) {
    arrived.into_iter().partition(|it| !it.headers.contains_key("loadgen.aborted"))
}

fn payloads(arrived: &[Arrived]) -> BTreeSet<&str> {
    arrived.iter().map(|it| it.payload.as_str()).collect()
}

#[test]
fn what_is_acknowledged_was_committed_and_in_its_order() {
    let broker = Broker::new(&["pages"]);
    let (done, summary) = sessions(&broker.address(), "pages", &["--set", QUICK]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let arrived = broker.read("pages");
    assert!(arrived.len() > 1_200, "{}", arrived.len());
    assert_eq!(count(&summary, "acknowledged"), arrived.len());
    assert_eq!(count(&summary, "aborted"), 0);
    assert_eq!(payloads(&arrived).len(), arrived.len(), "each event once");
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    for each in &arrived {
        let (session, page) = super::place_in_session(each);
        let before = last.insert(session, page);
        assert_eq!(page, before.map_or(0, |before| before + 1), "the pages of a session in order");
    }
}

/// The same events for any number of workers; and each of them is committed, too.
#[test]
fn events_that_are_to_be_aborted_follow_from_the_seed() {
    let broker = Broker::new(&["one", "four"]);
    let aborted = |topic: &str, workers: &str| {
        let (done, summary) =
            sessions(&broker.address(), topic, &["--set", SOME, "--workers", workers]);
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
        let (committed, aborted) = parts(broker.read(topic));
        assert_eq!(count(&summary, "acknowledged"), committed.len());
        assert_eq!(count(&summary, "aborted"), aborted.len());
        assert!(done.out.contains("aborted"), "{}", done.out);
        let share = aborted.len() * 100 / committed.len();
        assert!((6..=14).contains(&share), "{share} %");
        assert_eq!(payloads(&committed).len(), committed.len(), "each event once");
        assert!(payloads(&aborted).is_subset(&payloads(&committed)));
        let mut all: Vec<_> = aborted.into_iter().map(|it| (it.key, it.payload)).collect();
        all.sort();
        all
    };
    assert_eq!(aborted("one", "1"), aborted("four", "4"));
}

/// An error that makes a transaction void costs no event: all of it is sent again, in another one.
#[test]
fn a_transaction_that_fails_is_sent_again() {
    let broker = Broker::new(&["pages"]);
    // The records of these requests are refused for good, and so is their transaction.
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD; 2];
    broker.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let coordinator = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
    ];
    broker.cluster.request_errors(RDKafkaApiKey::EndTxn, &coordinator);
    let (done, summary) =
        sessions(&broker.address(), "pages", &["--set", QUICK, "--set", "thresholds=[]"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let arrived = broker.read("pages");
    assert_eq!(count(&summary, "failed"), 0, "{}", summary["events"]);
    assert_eq!(count(&summary, "acknowledged"), count(&summary, "sent"));
    // What had arrived of the transaction that was aborted is there twice in this broker, which hides
    // nothing.
    assert_eq!(count(&summary, "acknowledged"), payloads(&arrived).len());
}

/// A full queue is waited for, and what is too large has failed alone.
#[test]
fn transactions_have_limits_as_all_else() {
    let broker = Broker::new(&["pages"]);
    let arguments = [
        "--set",
        "targets.clicks.kafka.transactions={ every: 20ms, events: 30 }",
        "--set",
        "targets.clicks.kafka.queue=\"50\"",
        "--set",
        "targets.clicks.kafka.properties={ message.max.bytes: 1120 }",
        "--set",
        "targets.clicks.kafka.headers=false",
        "--set",
        "thresholds=[]",
    ];
    let (done, summary) = sessions(&broker.address(), "pages", &arguments);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let arrived = broker.read("pages");
    assert!(count(&summary, "failed") > 0 && !arrived.is_empty(), "{}", summary["events"]);
    assert_eq!(count(&summary, "acknowledged"), arrived.len());
    assert!(done.out.contains("too_large"), "{}", done.out);
}

/// A cluster that begins no transaction: exit code 4, and a line that says what to do.
#[test]
fn set_up_says_that_there_are_no_transactions() {
    let broker = Broker::new(&["pages"]);
    // Also producers without transactions ask for a number: those that look whether the cluster is there.
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED; 50];
    broker.cluster.request_errors(RDKafkaApiKey::InitProducerId, &errors);
    let (done, _) = sessions(&broker.address(), "pages", &["--set", QUICK]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("begins no transaction"), "{}", done.err);
    assert!(done.err.contains("right to write the transactional id"), "{}", done.err);
}
