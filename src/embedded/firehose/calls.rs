//! The account with its streams, and what each call does to them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use crate::embedded::firehose::answer::ACCOUNT;
use crate::embedded::firehose::answer::Refusal;
use crate::embedded::firehose::counts::Counts;
use crate::embedded::firehose::counts::StreamCounts;
use crate::embedded::firehose::destination::Destination;
use crate::embedded::firehose::put;
use crate::embedded::firehose::quota::Quota;
use crate::embedded::firehose::stream;
use crate::embedded::firehose::stream::Put;
use crate::embedded::firehose::stream::Stream;
use crate::scenario::FirehoseFaults as Faults;

/// Streams at most; each may have a file open. As many deleted ones keep their counts.
const STREAMS_MAX: usize = 50;

/// Tags of a stream, and bytes of the key of one.
const TAGS_MAX: usize = 50;
const TAG_BYTES_MAX: usize = 128;

/// The operations that it knows, each as the header `X-Amz-Target` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Describe,
    Delete,
    List,
    ListTags,
    PutRecord,
    PutRecordBatch,
}

impl Operation {
    /// The operation of this target.
    pub(super) fn of(target: &str) -> Option<Self> {
        Some(match target.strip_prefix("Firehose_20150804.")? {
            "CreateDeliveryStream" => Self::Create,
            "DescribeDeliveryStream" => Self::Describe,
            "DeleteDeliveryStream" => Self::Delete,
            "ListDeliveryStreams" => Self::List,
            "ListTagsForDeliveryStream" => Self::ListTags,
            "PutRecord" => Self::PutRecord,
            "PutRecordBatch" => Self::PutRecordBatch,
            _ => return None,
        })
    }
}

/// Everything that the endpoint knows.
#[derive(Debug)]
pub(super) struct Account {
    root: PathBuf,
    quota: Quota,
    faults: Faults,
    streams: BTreeMap<String, Stream>,
    deleted: BTreeMap<String, StreamCounts>,
    calls: u64,
    puts: u64,
}

impl Account {
    /// One without streams.
    pub(super) fn new(root: PathBuf, quota: Quota, faults: Faults) -> Self {
        let (streams, deleted) = (BTreeMap::new(), BTreeMap::new());
        Self { root, quota, faults, streams, deleted, calls: 0, puts: 0 }
    }

    /// Makes a stream that delivers as the stand-in does by itself.
    pub(super) fn furnish(&mut self, name: &str) -> Result<(), Refusal> {
        self.add(name, Destination::own())
    }

    /// What came in so far.
    pub(super) fn counts(&self) -> Counts {
        let mut streams = self.deleted.clone();
        streams.extend(self.streams.iter().map(|(name, each)| (name.clone(), each.counts.clone())));
        Counts { calls: self.calls, streams }
    }

    /// Counts a call; of one that puts records, its number among these and the faults that meet it.
    pub(super) fn begin(&mut self, operation: Option<Operation>) -> (u64, Faults) {
        self.calls += 1;
        if matches!(operation, Some(Operation::PutRecord | Operation::PutRecordBatch)) {
            self.puts += 1;
        }
        (self.puts, self.faults)
    }

    /// Does what a call asks for. No answer: the connection is to be closed.
    pub(super) fn call(
        &mut self,
        operation: Operation,
        body: &[u8],
        (number, faults): (u64, Faults),
    ) -> Option<Result<Value, Refusal>> {
        let read = match operation {
            Operation::PutRecord => put::read_one(body),
            Operation::PutRecordBatch => put::read_batch(body),
            _ => return Some(self.control(operation, body)),
        };
        let outcome = read.and_then(|(name, records)| {
            let Some(stream) = self.streams.get_mut(&name) else {
                return Err(Refusal::missing(&name));
            };
            match records {
                Ok(records) => stream.put(&records, faults.of_call(number), &self.root),
                Err(refusal) => {
                    stream.counts.requests += 1;
                    stream.counts.refused += 1;
                    Err(refusal)
                }
            }
        });
        Some(match outcome {
            Err(refusal) => Err(refusal),
            Ok(Put::Lost) => return None,
            Ok(Put::Answered(records)) => match operation {
                Operation::PutRecord => put::answer_one(&records),
                _ => Ok(put::answer_batch(&records)),
            },
        })
    }

    /// Delivers what has waited long enough.
    pub(super) fn deliver_old(&mut self) {
        self.streams.values_mut().for_each(Stream::deliver_old);
    }

    /// Delivers everything.
    pub(super) fn deliver(&mut self) {
        self.streams.values_mut().for_each(Stream::deliver);
    }

    fn control(&mut self, operation: Operation, body: &[u8]) -> Result<Value, Refusal> {
        let input: Value = serde_json::from_slice(body).map_err(|_| put::malformed())?;
        if operation == Operation::List {
            return self.list(&input);
        }
        let name = input["DeliveryStreamName"]
            .as_str()
            .ok_or_else(|| Refusal::constraint("deliveryStreamName", "Member must not be null"))?;
        if operation == Operation::Create {
            return self.create(name, &input);
        }
        if operation == Operation::Delete {
            let mut stream = self.streams.remove(name).ok_or_else(|| Refusal::missing(name))?;
            stream.deliver();
            self.deleted.insert(name.to_owned(), stream.counts);
            while self.deleted.len() > STREAMS_MAX {
                self.deleted.pop_first();
            }
            return Ok(json!({}));
        }
        let stream = self.streams.get(name).ok_or_else(|| Refusal::missing(name))?;
        Ok(match operation {
            Operation::ListTags => json!({ "Tags": stream.tags, "HasMoreTags": false }),
            _ => stream.description(),
        })
    }

    fn create(&mut self, name: &str, input: &Value) -> Result<Value, Refusal> {
        match input["DeliveryStreamType"].as_str() {
            None | Some("DirectPut") => {}
            Some(other) => {
                return Err(Refusal::argument(format!("this stand-in has no {other}")));
            }
        }
        let tags = tags_of(&input["Tags"])?;
        self.add(name, Destination::of(input)?)?;
        if let Some(stream) = self.streams.get_mut(name) {
            stream.tags = tags;
        }
        Ok(json!({ "DeliveryStreamARN": stream::arn(name) }))
    }

    fn add(&mut self, name: &str, destination: Destination) -> Result<(), Refusal> {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if !(1..=64).contains(&name.len()) || !name.chars().all(is_fit) {
            let pattern = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]{1,64}";
            return Err(Refusal::constraint("deliveryStreamName", pattern));
        }
        if self.streams.contains_key(name) {
            let message = format!("Firehose {name} under accountId {ACCOUNT} already exists");
            return Err(Refusal { status: 400, code: "ResourceInUseException", message });
        }
        if self.streams.len() >= STREAMS_MAX {
            let message = format!("this stand-in has {STREAMS_MAX} streams at most");
            return Err(Refusal { status: 400, code: "LimitExceededException", message });
        }
        let counts = self.deleted.remove(name).unwrap_or_default();
        self.streams.insert(name.to_owned(), Stream::new(name, destination, self.quota, counts));
        Ok(())
    }

    fn list(&self, input: &Value) -> Result<Value, Refusal> {
        let limit = match &input["Limit"] {
            Value::Null => 10,
            written => {
                written.as_u64().filter(|limit| (1..=10_000).contains(limit)).ok_or_else(|| {
                    Refusal::constraint("limit", "Member must have value between 1 and 10000")
                })?
            }
        };
        let after = input["ExclusiveStartDeliveryStreamName"].as_str().unwrap_or_default();
        let is_ours = matches!(input["DeliveryStreamType"].as_str(), None | Some("DirectPut"));
        let names = self.streams.keys().filter(|name| is_ours && name.as_str() > after);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut names: Vec<&String> = names.take(limit.saturating_add(1)).collect();
        let has_more = names.len() > limit;
        names.truncate(limit);
        Ok(json!({ "DeliveryStreamNames": names, "HasMoreDeliveryStreams": has_more }))
    }
}

/// The tags of a new stream, as they are told again.
fn tags_of(written: &Value) -> Result<Vec<Value>, Refusal> {
    let tags = match written {
        Value::Null => return Ok(Vec::new()),
        Value::Array(tags) => tags,
        _ => return Err(put::malformed()),
    };
    if tags.len() > TAGS_MAX {
        let constraint = format!("Member must have length less than or equal to {TAGS_MAX}");
        return Err(Refusal::constraint("tags", &constraint));
    }
    let is_tag = |tag: &&Value| tag["Key"].as_str().is_some_and(|key| key.len() <= TAG_BYTES_MAX);
    if !tags.iter().all(|tag| is_tag(&tag)) {
        return Err(Refusal::constraint("tags.key", "Member must have length between 1 and 128"));
    }
    let value = |tag: &Value| tag["Value"].as_str().unwrap_or_default().chars().take(256).collect();
    let told = |tag: &Value| json!({ "Key": tag["Key"], "Value": Value::String(value(tag)) });
    Ok(tags.iter().map(told).collect())
}
