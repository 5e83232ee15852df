//! One stream: its quota, its counts, and the object that it fills.

use std::path::Path;
use std::time::Instant;

use chrono::DateTime;
use chrono::Utc;
use serde_json::Value;
use serde_json::json;

use crate::embedded::firehose::answer::ACCOUNT;
use crate::embedded::firehose::answer::Refusal;
use crate::embedded::firehose::counts::StreamCounts;
use crate::embedded::firehose::destination::Destination;
use crate::embedded::firehose::faults::Draws;
use crate::embedded::firehose::faults::Fate;
use crate::embedded::firehose::object::Object;
use crate::embedded::firehose::put::Records;
use crate::embedded::firehose::quota::Buckets;
use crate::embedded::firehose::quota::Quota;

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    name: String,
    destination: Destination,
    created: DateTime<Utc>,
    buckets: Buckets,
    object: Option<Object>,
    /// As they were given.
    pub(super) tags: Vec<Value>,
    /// What came in.
    pub(super) counts: StreamCounts,
}

/// What became of the records of a call, in their order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// The answer goes out.
    Answered(Vec<Record>),
    /// It does not.
    Lost,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// It is stored, as the n-th of its stream.
    Stored(u64),
    /// There were too many.
    SlowDown,
    /// The service failed.
    Internal,
}

impl Stream {
    /// A new stream, with the counts of one of its name that was deleted.
    pub(super) fn new(
        name: &str,
        destination: Destination,
        quota: Quota,
        counts: StreamCounts,
    ) -> Self {
        Self {
            name: name.to_owned(),
            destination,
            created: Utc::now(),
            buckets: Buckets::new(quota, Instant::now()),
            object: None,
            tags: Vec::new(),
            counts,
        }
    }

    /// Takes a call: what the quota and its fate allow of it is stored.
    pub(super) fn put(
        &mut self,
        records: &Records,
        draws: Draws<'_>,
        root: &Path,
    ) -> Result<Put, Refusal> {
        let now = Instant::now();
        let count = records.len();
        self.counts.take(Utc::now().timestamp(), number(count), records.bytes());
        let fate = draws.fate();
        let is_over = !self.buckets.take_request(now);
        self.counts.over_quota += u64::from(is_over);
        match fate {
            _ if is_over => {
                self.counts.throttled += 1;
                return Err(Refusal::slow_down());
            }
            Fate::Throttled => {
                self.counts.throttled += 1;
                return Err(Refusal::slow_down());
            }
            Fate::Error => {
                self.counts.errors += 1;
                return Err(Refusal::internal());
            }
            Fate::LostBefore => {
                self.counts.lost_before += 1;
                return Ok(Put::Lost);
            }
            Fate::Served | Fate::Partial | Fate::LostAfter => {}
        }
        let mut outcomes = Vec::with_capacity(count);
        for (index, record) in records.iter().enumerate() {
            let is_refused = fate == Fate::Partial && draws.refuses(index, count);
            let outcome = if is_refused {
                if draws.is_internal(index) { Record::Internal } else { Record::SlowDown }
            } else {
                self.take(record, now, root)
            };
            self.counts.records_refused += u64::from(!matches!(outcome, Record::Stored(_)));
            outcomes.push(outcome);
        }
        if fate == Fate::LostAfter {
            self.counts.lost_after += 1;
            return Ok(Put::Lost);
        }
        Ok(Put::Answered(outcomes))
    }

    /// Stores a record, if the quota has room for it.
    fn take(&mut self, record: &[u8], now: Instant, root: &Path) -> Record {
        let bytes = number(record.len());
        if !self.buckets.take_record(bytes, now) {
            self.counts.over_quota += 1;
            return Record::SlowDown;
        }
        match self.store(record, root) {
            Ok(()) => {
                self.counts.records_stored += 1;
                self.counts.bytes_stored += bytes;
                Record::Stored(self.counts.records_stored)
            }
            Err(error) => {
                self.counts.failure = Some(error.to_string());
                Record::Internal
            }
        }
    }

    fn store(&mut self, record: &[u8], root: &Path) -> std::io::Result<()> {
        let object = match self.object.take() {
            Some(object) => object,
            None => Object::begin(root, &self.name, &self.destination)?,
        };
        let object = self.object.insert(object);
        object.add(record)?;
        if object.bytes >= self.destination.bytes_max() {
            self.deliver();
        }
        Ok(())
    }

    /// Delivers what has waited long enough.
    pub(super) fn deliver_old(&mut self) {
        let patience = self.destination.patience();
        if self.object.as_ref().is_some_and(|object| object.begun.elapsed() >= patience) {
            self.deliver();
        }
    }

    /// Delivers what is buffered.
    pub(super) fn deliver(&mut self) {
        match self.object.take().map(Object::deliver) {
            None => {}
            Some(Ok(())) => self.counts.objects += 1,
            Some(Err(error)) => self.counts.failure = Some(error.to_string()),
        }
    }

    /// As `DescribeDeliveryStream` tells it.
    pub(super) fn description(&self) -> Value {
        let created = self.created.timestamp();
        json!({ "DeliveryStreamDescription": {
            "DeliveryStreamName": self.name,
            "DeliveryStreamARN": arn(&self.name),
            "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamEncryptionConfiguration": { "Status": "DISABLED" },
            "DeliveryStreamType": "DirectPut",
            "VersionId": "1",
            "CreateTimestamp": created,
            "LastUpdateTimestamp": created,
            "Destinations": [self.destination.description()],
            "HasMoreDestinations": false,
        } })
    }
}

/// The name of a stream among all things of the cloud.
pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/{name}")
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
