//! A Firehose endpoint as it is written in YAML.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::Spanned;

/// Amazon Data Firehose and how to use it.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct FirehoseFile {
    /// `embedded` for a stand-in in this process, `aws` for that of the region, or a URL.
    pub(in crate::scenario) endpoint: Spanned<String>,
    /// The region; what the environment or the profile says unless set.
    pub(in crate::scenario) region: Option<Spanned<String>>,
    /// The stream; `{event}` and `{domain}` stand for the names of the event and of its domain. The
    /// event's name unless set.
    pub(in crate::scenario) stream: Option<Spanned<String>>,
    /// Makes a stream that does not exist; one is always made at the stand-in.
    pub(in crate::scenario) create: Option<Spanned<CreateFile>>,
    /// What a stream takes in a second; as in most regions unless set.
    pub(in crate::scenario) quota: Option<Spanned<QuotaFile>>,
    /// How many calls may be under way for a stream; 8 unless set.
    pub(in crate::scenario) calls: Option<Spanned<u32>>,
    /// How many events share a record; 1 unless set.
    pub(in crate::scenario) events_per_record: Option<Spanned<u32>>,
    /// How long an event waits for others of its call; 100ms unless set.
    pub(in crate::scenario) linger: Option<Spanned<String>>,
    /// How long an event is tried again before it has failed; 1m unless set.
    pub(in crate::scenario) retry: Option<Spanned<String>>,
    /// How long a call may take; 30s unless set.
    pub(in crate::scenario) timeout: Option<Spanned<String>>,
    /// How many events may wait or be under way; 100k unless set. Beyond that the load waits.
    pub(in crate::scenario) queue: Option<Spanned<String>>,
    /// How the stand-in fails; not at all unless set.
    pub(in crate::scenario) fail: Option<Spanned<FailFile>>,
    /// Where the stand-in puts objects; `firehose` in the run's folder unless set.
    pub(in crate::scenario) folder: Option<Spanned<String>>,
}

/// What a stream is made with.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct CreateFile {
    /// The ARN of the bucket: `arn:aws:s3:::clicks`.
    pub(in crate::scenario) bucket: Spanned<String>,
    /// The ARN of the role that delivers: `arn:aws:iam::123456789012:role/delivery`.
    pub(in crate::scenario) role: Spanned<String>,
    /// What the names of objects begin with, before the date; nothing unless set.
    pub(in crate::scenario) prefix: Option<Spanned<String>>,
    /// Whether objects are compressed by gzip; `true` unless set.
    pub(in crate::scenario) gzip: Option<bool>,
    /// After how many MiB an object is delivered, 1 to 128; 5 unless set.
    pub(in crate::scenario) size: Option<Spanned<u32>>,
    /// After how long, up to 15m; 1m unless set.
    pub(in crate::scenario) interval: Option<Spanned<String>>,
}

/// What a stream takes in a second. What is left out is as in most regions; 0 is no limit.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct QuotaFile {
    /// Calls; 1k unless set.
    pub(in crate::scenario) requests: Option<Spanned<String>>,
    /// Records; 100k unless set.
    pub(in crate::scenario) records: Option<Spanned<String>>,
    /// Bytes; 1048576 unless set.
    pub(in crate::scenario) bytes: Option<Spanned<String>>,
}

/// How the stand-in fails: shares of the calls, from 0 to 1.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct FailFile {
    /// Calls of which some records are refused.
    pub(in crate::scenario) partial: Option<Spanned<f64>>,
    /// The share of records that is refused in such a call; 0.5 unless set.
    pub(in crate::scenario) partial_records: Option<Spanned<f64>>,
    /// Calls that are told to slow down.
    pub(in crate::scenario) throttled: Option<Spanned<f64>>,
    /// Calls that are answered by 500.
    pub(in crate::scenario) error: Option<Spanned<f64>>,
    /// Calls whose connection is closed without an answer; half of them have stored their records.
    pub(in crate::scenario) reset: Option<Spanned<f64>>,
    /// How long each call takes, at least.
    pub(in crate::scenario) delay: Option<Spanned<String>>,
    /// How long each call takes, at most; as `delay` unless set.
    pub(in crate::scenario) delay_max: Option<Spanned<String>>,
}
