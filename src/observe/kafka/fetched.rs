//! How far the client is with each partition.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Mutex;
use std::sync::PoisonError;

use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::consumer::ConsumerContext;

/// What librdkafka has said of itself since it was asked last. It says so often, and is asked at the end only.
#[derive(Default)]
pub(super) struct Fetched {
    said: Mutex<Vec<u8>>,
}

impl ClientContext for Fetched {
    fn stats_raw(&self, statistics: &[u8]) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clear();
        said.extend_from_slice(statistics);
    }
}

impl Fetched {
    /// By topic and partition: the next place to be fetched, once all before it was handed to us; nothing until more was
    /// said. The error says why that cannot be read.
    pub(super) fn next(&self) -> Result<BTreeMap<(String, i32), i64>, String> {
        let said = mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner));
        if said.is_empty() {
            return Ok(BTreeMap::new());
        }
        let statistics: Statistics = serde_json::from_slice(&said)
            .map_err(|error| format!("what librdkafka says of itself cannot be read: {error}"))?;
        let topics = statistics.topics.into_iter();
        let all = topics.flat_map(|(name, topic)| {
            topic.partitions.into_iter().map(move |(number, it)| ((name.clone(), number), it))
        });
        // What is fetched and waits for a poll is not passed.
        Ok(all.filter(|it| it.1.fetchq_cnt == 0).map(|(key, it)| (key, it.next_offset)).collect())
    }
}

impl ConsumerContext for Fetched {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_poll_is_not_passed() {
        let fetched = Fetched::default();
        assert!(fetched.next().unwrap().is_empty());
        for (waiting, next, expected) in [(3, 9, None), (0, 9, Some(9)), (2, 12, None)] {
            let mut statistics = Statistics::default();
            let mut topic = rdkafka::statistics::Topic::default();
            let mut partition = rdkafka::statistics::Partition::default();
            (partition.fetchq_cnt, partition.next_offset) = (waiting, next);
            topic.partitions.insert(0, partition);
            statistics.topics.insert("t".to_owned(), topic);
            fetched.stats_raw(&serde_json::to_vec(&statistics).unwrap());
            let known = fetched.next().unwrap().get(&("t".to_owned(), 0)).copied();
            assert_eq!(known, expected, "{waiting} {next}");
            assert!(fetched.next().unwrap().is_empty(), "that was said before");
        }
        fetched.stats_raw(b"{");
        assert!(fetched.next().unwrap_err().contains("cannot be read"));
    }
}
