//! Rows that everybody wants at once: who changes one waits for those before him, sums stay exact, and
//! long texts beside the counters are left alone.

use std::time::Duration;

use crate::support::loadgen::Loadgen;
use crate::support::replay::assert_exact;
use crate::support::server::TestServer;

const FILE: &str = "hot-rows.yaml";
/// Longer than this run may take.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn votes_wait_for_each_other_and_do_not_touch_the_texts() {
    // A commit takes as long as on a disk, and whoever waits for a lock for longer is noted in the log.
    let server = TestServer::set(&[
        ("fsync", "on"),
        ("commit_delay", "4000"),
        ("commit_siblings", "0"),
        ("deadlock_timeout", "2ms"),
        ("log_lock_waits", "on"),
    ]);
    let set = ["load.streams.crowd.profile=[{ hold: 400/s, for: 4s }]"];
    let seeded = Loadgen::start("seed", FILE, &server.url(), &set).finish(PATIENCE);
    assert_eq!(seeded.code, Some(0), "{}", seeded.said);
    let slot = "SELECT slot_name FROM pg_create_logical_replication_slot('seen', 'pgoutput')";
    server.query("hot_reviews", slot);
    let ended = Loadgen::start("run", FILE, &server.url(), &set).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_exact(&server, FILE, &set, &ended);

    let log = server.log();
    let waits = log.lines().filter(|line| line.contains("still waiting for")).count();
    assert!(waits >= 20, "{waits} waits only:\n{log}");
    let sums = ended.summary["shared"].as_array().unwrap();
    assert_eq!(sums.len(), 3, "{sums:?}");
    assert!(sums.iter().all(|sum| sum["exact"] == true), "{sums:?}");
    let first = "SELECT (max(count) * 100 / sum(count))::int \
                 FROM (SELECT count(*) FROM votes GROUP BY review_id) AS each";
    let share: u32 = server.query("hot_reviews", first)[0][0].parse().unwrap();
    assert!((20..40).contains(&share), "the hottest review has {share} % of the votes");

    let apart =
        "SELECT count(*) FILTER (WHERE pg_column_size(content) > 2000), count(*) FROM reviews";
    assert_eq!(server.query("hot_reviews", apart), [["40", "40"]]);
    // Behind the key (22 characters) an update says of the text: unchanged.
    let kinds = "SELECT chr(get_byte(data, 35)), count(*) \
                 FROM pg_logical_slot_get_binary_changes('seen', NULL, NULL, \
                     'proto_version', '1', 'publication_names', 'debezium') \
                 WHERE get_byte(data, 0) = ascii('U') GROUP BY 1";
    let tables = ended.summary["tables"].as_array().unwrap();
    let reviews = tables.iter().find(|table| table["table"] == "public.reviews").unwrap();
    assert_eq!(server.query("hot_reviews", kinds), [["u", &reviews["updated"].to_string()]]);
    assert_eq!(reviews["updated"], 1600, "{reviews}");
}
