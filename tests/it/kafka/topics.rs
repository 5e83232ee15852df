//! Topics at set-up, and what becomes of them.

use tempfile::TempDir;

use crate::support::cluster::Cluster;
use crate::support::cluster::FORBIDDEN;
use crate::support::cluster::Topic;
use crate::support::command::Done;
use crate::support::command::loadgen;

const MARK: (&str, &str) = ("flush.messages", "7813570962370424369");

/// A command on the shipped scenario, without idempotence: the cluster has no producers' numbers.
fn command(cluster: &Cluster, name: &str, arguments: &[&str]) -> Done {
    let folder = TempDir::with_prefix("loadgen-topics-").unwrap();
    let mut command = loadgen(folder.path());
    command.args([name, "@web-events-kafka", "--set", "targets.clicks.kafka.acks=leader"]);
    command.args(arguments).env("LOADGEN_KAFKA", cluster.address());
    Done::from(command.output().unwrap())
}

fn must(cluster: &Cluster, name: &str, arguments: &[&str]) -> Done {
    let done = command(cluster, name, arguments);
    assert_eq!(done.code, 0, "{name}: {}{}", done.out, done.err);
    done
}

#[test]
fn topics_are_made_as_the_scenario_says_with_a_mark() {
    let cluster = Cluster::start();
    must(&cluster, "setup", &[]);
    let topic = cluster.topic("web_events").unwrap();
    assert_eq!((topic.partitions, topic.replication), (6, -1));
    assert_eq!(topic.settings[MARK.0], MARK.1);
    // Kafka counts from the time of an event, and these are of the past.
    let day = 24 * 60 * 60 * 1000;
    assert!(topic.settings["retention.ms"].parse::<i64>().unwrap() > 8 * day, "{topic:?}");

    let arguments = [
        "--set",
        "start=now",
        "--set",
        "targets.clicks.kafka.topic=others",
        "--set",
        "targets.clicks.kafka.partitions=3",
        "--set",
        "targets.clicks.kafka.replication=1",
        "--set",
        "targets.clicks.kafka.retention=2d",
    ];
    must(&cluster, "setup", &arguments);
    let topic = cluster.topic("others").unwrap();
    assert_eq!((topic.partitions, topic.replication), (3, 1));
    let retention = topic.settings["retention.ms"].parse::<i64>().unwrap();
    assert!((2 * day..2 * day + day / 24).contains(&retention), "{retention}");

    let wide =
        ["--set", "targets.clicks.kafka.replication=2", "--set", "targets.clicks.kafka.topic=new"];
    let done = command(&cluster, "setup", &wide);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("has 1 of the 2 brokers"), "{}", done.err);
}

#[test]
fn what_loadgen_made_is_made_anew_and_removed() {
    let cluster = Cluster::start();
    must(&cluster, "setup", &[]);
    let fill = || cluster.topics.lock().unwrap().get_mut("web_events").unwrap().records = 7;
    fill();
    let done = must(&cluster, "setup", &[]);
    assert!(done.err.contains("holds 42 records of earlier runs; `--fresh`"), "{}", done.err);
    assert_eq!(cluster.topic("web_events").unwrap().records, 7);
    let done = must(&cluster, "setup", &["--fresh"]);
    assert!(!done.err.contains("holds"), "{}", done.err);
    assert_eq!(cluster.topic("web_events").unwrap().records, 0);

    let done = must(&cluster, "clean", &[]);
    assert!(done.out.contains("removed the topic `web_events` at `127.0.0.1:"), "{}", done.out);
    assert!(cluster.topic("web_events").is_none());
    assert!(must(&cluster, "clean", &[]).out.contains("nothing to clean"));
}

#[test]
fn what_others_made_is_used_and_kept() {
    let cluster = Cluster::start();
    let theirs = Topic { partitions: 2, records: 5, ..Topic::default() };
    cluster.topics.lock().unwrap().insert("web_events".to_owned(), theirs);
    let done = must(&cluster, "setup", &[]);
    assert!(done.err.contains("holds 10 records already, which stay"), "{}", done.err);
    let done = must(&cluster, "setup", &["--fresh"]);
    assert!(done.err.contains("is not one that loadgen has made, and is kept"), "{}", done.err);
    let done = command(&cluster, "clean", &[]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("kept the topic `web_events`"), "{}", done.err);
    // Where nothing is made there is nothing to clean.
    let done = must(&cluster, "clean", &["--set", "targets.clicks.kafka.create=false"]);
    assert!(done.out.contains("nothing to clean"), "{}", done.out);
    assert_eq!(cluster.topic("web_events").unwrap().records, 5);
}

#[test]
fn a_cluster_that_takes_no_mark_is_told_of() {
    let cluster = Cluster::start();
    let settings = [(MARK.0.to_owned(), String::new())].into();
    let forbids = Topic { settings, ..Topic::default() };
    cluster.topics.lock().unwrap().insert(FORBIDDEN.to_owned(), forbids);
    let done = must(&cluster, "setup", &[]);
    assert!(done.err.contains("was made without loadgen's mark"), "{}", done.err);
    assert!(!cluster.topic("web_events").unwrap().settings.contains_key(MARK.0));
}
