//! The records of a call: read, held against the limits, and answered for.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::embedded::firehose::answer::INTERNAL;
use crate::embedded::firehose::answer::Refusal;
use crate::embedded::firehose::answer::SLOW_DOWN;
use crate::embedded::firehose::answer::UNAVAILABLE;
use crate::embedded::firehose::stream::Record;

/// Records of a call, at most.
const RECORDS_MAX: usize = 500;
/// Bytes of all records of a call, before base64.
const CALL_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Bytes of a record, before base64.
const RECORD_BYTES_MAX: usize = 1_000 * 1_024;

/// The records of a call, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Records {
    data: Vec<u8>,
    ends: Vec<usize>,
}

/// `PutRecord`.
#[derive(Debug, Deserialize)]
struct One<'a> {
    #[serde(rename = "DeliveryStreamName", borrow, default)]
    stream: Option<Cow<'a, str>>,
    #[serde(rename = "Record", borrow, default)]
    record: Option<Entry<'a>>,
}

/// `PutRecordBatch`.
#[derive(Debug, Deserialize)]
struct Batch<'a> {
    #[serde(rename = "DeliveryStreamName", borrow, default)]
    stream: Option<Cow<'a, str>>,
    #[serde(rename = "Records", borrow, default)]
    records: Option<Vec<Entry<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Entry<'a> {
    #[serde(rename = "Data", borrow, default)]
    data: Option<Cow<'a, str>>,
}

impl Records {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Their bytes.
    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.data.len()).unwrap_or(u64::MAX)
    }

    /// Each, in its order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| self.data.get(begin..*end).unwrap_or_default())
    }

    fn of(entries: &[Entry<'_>], member: &str) -> Result<Self, Refusal> {
        let mut records = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            let member = || match entries.len() {
                1 => format!("{member}.data"),
                _ => format!("{member}.{}.member.data", index + 1),
            };
            let text = entry.data.as_ref();
            let text =
                text.ok_or_else(|| Refusal::constraint(&member(), "Member must not be null"))?;
            let begin = records.data.len();
            STANDARD.decode_vec(text.as_bytes(), &mut records.data).map_err(|_| malformed())?;
            if records.data.len() - begin > RECORD_BYTES_MAX {
                return Err(Refusal::constraint(
                    &member(),
                    &format!("Member must have length less than or equal to {RECORD_BYTES_MAX}"),
                ));
            }
            records.ends.push(records.data.len());
        }
        if records.data.len() > CALL_BYTES_MAX {
            return Err(Refusal::argument("Records size exceeds 4 MB limit"));
        }
        Ok(records)
    }
}

/// Reads a call of `PutRecord`: the stream, and its records.
pub(super) fn read_one(body: &[u8]) -> Result<(String, Result<Records, Refusal>), Refusal> {
    let One { stream, record } = serde_json::from_slice(body).map_err(|_| malformed())?;
    let record = record.ok_or_else(|| Refusal::constraint("record", "Member must not be null"));
    let records = record.and_then(|record| Records::of(&[record], "record"));
    Ok((name_of(stream)?, records))
}

/// Reads a call of `PutRecordBatch`: the stream, and its records.
pub(super) fn read_batch(body: &[u8]) -> Result<(String, Result<Records, Refusal>), Refusal> {
    let Batch { stream, records } = serde_json::from_slice(body).map_err(|_| malformed())?;
    let constraint = match records.as_ref().map(Vec::len) {
        None => Some("Member must not be null".to_owned()),
        Some(0) => Some("Member must have length greater than or equal to 1".to_owned()),
        Some(count) if count > RECORDS_MAX => {
            Some(format!("Member must have length less than or equal to {RECORDS_MAX}"))
        }
        Some(_) => None,
    };
    let records = match constraint {
        Some(constraint) => Err(Refusal::constraint("records", &constraint)),
        None => Records::of(&records.unwrap_or_default(), "records"),
    };
    Ok((name_of(stream)?, records))
}

fn name_of(stream: Option<Cow<'_, str>>) -> Result<String, Refusal> {
    let stream = stream.map(Cow::into_owned);
    stream.ok_or_else(|| Refusal::constraint("deliveryStreamName", "Member must not be null"))
}

/// The body is not what the interface says.
pub(super) fn malformed() -> Refusal {
    Refusal { status: 400, code: "SerializationException", message: String::new() }
}

/// The answer to `PutRecord`.
pub(super) fn answer_one(outcomes: &[Record]) -> Result<Value, Refusal> {
    match outcomes.first() {
        Some(Record::Stored(number)) => {
            Ok(json!({ "RecordId": record_id(*number), "Encrypted": false }))
        }
        Some(Record::SlowDown) => Err(Refusal::slow_down()),
        Some(Record::Internal) | None => Err(Refusal::internal()),
    }
}

/// The answer to `PutRecordBatch`.
pub(super) fn answer_batch(outcomes: &[Record]) -> Value {
    let failed = outcomes.iter().filter(|each| !matches!(each, Record::Stored(_))).count();
    let responses: Vec<Value> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Record::Stored(number) => json!({ "RecordId": record_id(*number) }),
            Record::SlowDown => json!({ "ErrorCode": UNAVAILABLE, "ErrorMessage": SLOW_DOWN }),
            Record::Internal => {
                json!({ "ErrorCode": INTERNAL, "ErrorMessage": "Internal failure." })
            }
        })
        .collect();
    json!({ "FailedPutCount": failed, "Encrypted": false, "RequestResponses": responses })
}

fn record_id(number: u64) -> String {
    format!("loadgen{number:025}")
}
