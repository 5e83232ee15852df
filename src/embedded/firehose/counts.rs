//! What came in and what became of it: in all, and second by second.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use serde::Serialize;

/// So many seconds are kept, the newest; an hour.
const SECONDS_MAX: usize = 3_600;

/// What came in at an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Calls of every kind, also those that nobody understood.
    pub calls: u64,
    /// By stream, also those that are deleted.
    pub streams: BTreeMap<String, StreamCounts>,
}

/// What came in for one stream: calls of `PutRecord` and `PutRecordBatch`, and their records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StreamCounts {
    /// Calls.
    pub requests: u64,
    /// Records in them; those of refused calls, too.
    pub records: u64,
    /// Their bytes, before base64.
    pub bytes: u64,
    /// Calls that were told to slow down: by a fault, or beyond the quota.
    pub throttled: u64,
    /// Calls that broke a rule of the interface.
    pub refused: u64,
    /// Calls that were answered by 500.
    pub errors: u64,
    /// Calls whose connection was closed before anything was stored.
    pub lost_before: u64,
    /// Calls whose connection was closed when their records were stored.
    pub lost_after: u64,
    /// Calls and records that came beyond the quota.
    pub over_quota: u64,
    /// Records that were refused one by one.
    pub records_refused: u64,
    /// Records that were stored; those of lost calls, too.
    pub records_stored: u64,
    /// Their bytes.
    pub bytes_stored: u64,
    /// Objects that were delivered.
    pub objects: u64,
    /// Why objects could not be written; the last reason.
    pub failure: Option<String>,
    /// The most that came in a second: calls, records and bytes each by itself.
    pub peak: Amount,
    /// The newest 3,600 seconds in which something came.
    pub seconds: VecDeque<Second>,
}

/// What came in within one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Second {
    /// Which, since 1970.
    pub second: i64,
    /// How much.
    #[serde(flatten)]
    pub amount: Amount,
}

/// How much came in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Calls.
    pub requests: u64,
    /// Records in them.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl StreamCounts {
    /// A call came in.
    pub(super) fn take(&mut self, second: i64, records: u64, bytes: u64) {
        self.requests += 1;
        self.records += records;
        self.bytes += bytes;
        if self.seconds.back().is_none_or(|last| last.second < second) {
            self.seconds.push_back(Second { second, ..Second::default() });
            if self.seconds.len() > SECONDS_MAX {
                self.seconds.pop_front();
            }
        }
        // A clock that was set back adds to the newest second.
        if let Some(last) = self.seconds.back_mut() {
            let amount = &mut last.amount;
            amount.requests += 1;
            amount.records += records;
            amount.bytes += bytes;
            self.peak.requests = self.peak.requests.max(amount.requests);
            self.peak.records = self.peak.records.max(amount.records);
            self.peak.bytes = self.peak.bytes.max(amount.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StreamCounts;

    #[test]
    fn seconds_add_up_and_are_limited() {
        let mut counts = StreamCounts::default();
        for call in 0..10_000 {
            counts.take(call / 2, 3, 100);
        }
        assert_eq!((counts.requests, counts.records, counts.bytes), (10_000, 30_000, 1_000_000));
        assert_eq!(counts.seconds.len(), 3_600);
        assert!(
            counts.seconds.iter().all(|each| (each.amount.requests, each.amount.records) == (2, 6))
        );
        assert_eq!((counts.peak.requests, counts.peak.bytes), (2, 200));
    }
}
