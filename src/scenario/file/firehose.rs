//! A Firehose endpoint as it is written in YAML.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::BareWords;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// Amazon Data Firehose and how to use it; or its endpoint alone.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct FirehoseFile {
    /// `embedded` for a stand-in in this process, `aws` for the service in the region, or a URL.
    pub(in crate::scenario) endpoint: Spanned<String>,
    /// The region; what the environment or the profile says unless set.
    pub(in crate::scenario) region: Option<Spanned<String>>,
    /// The stream; `{event}` and `{domain}` stand for the names of the event and of its domain. The
    /// event's name unless set.
    pub(in crate::scenario) stream: Option<Spanned<String>>,
    /// Makes a stream that does not exist, with a bucket and a role; `true` has none, which is enough for
    /// endpoints that are not the service. `false` unless set; the stand-in makes streams always.
    pub(in crate::scenario) create: Option<Spanned<ScalarOr<CreateFile>>>,
    /// What is sent to a stream in a second, at most; as the service takes in most regions unless set.
    pub(in crate::scenario) limits: Option<LimitsFile>,
    /// How many calls may be under way for a stream; 8 unless set.
    pub(in crate::scenario) in_flight: Option<Spanned<u32>>,
    /// How many events share a record, at most; 1 unless set.
    pub(in crate::scenario) pack: Option<Spanned<u32>>,
    /// How long an event waits for others of its call; 100ms unless set.
    pub(in crate::scenario) linger: Option<Spanned<String>>,
    /// For how long an event that is refused is sent again before it has failed; 1m unless set.
    pub(in crate::scenario) retry: Option<Spanned<String>>,
    /// How long a call may take; 30s unless set.
    pub(in crate::scenario) timeout: Option<Spanned<String>>,
    /// How many events may wait or be under way; 100k unless set. Beyond that the load waits.
    pub(in crate::scenario) queue: Option<Spanned<String>>,
    /// What the stand-in takes, and how it fails; for `endpoint: embedded` alone.
    pub(in crate::scenario) stand_in: Option<Spanned<StandInFile>>,
}

impl FirehoseFile {
    /// Of an endpoint alone.
    pub(in crate::scenario) fn at(endpoint: Spanned<String>) -> Self {
        Self {
            endpoint,
            region: None,
            stream: None,
            create: None,
            limits: None,
            in_flight: None,
            pack: None,
            linger: None,
            retry: None,
            timeout: None,
            queue: None,
            stand_in: None,
        }
    }
}

impl BareWords for FirehoseFile {
    fn words() -> Vec<(&'static str, &'static str)> {
        vec![
            ("embedded", "A stand-in in this process."),
            ("aws", "The service, in the region that the environment or the profile names."),
        ]
    }
}

/// What a stream is made with: delivery into a bucket of S3.
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
    /// After how long it is delivered, up to 15m; 1m unless set.
    pub(in crate::scenario) interval: Option<Spanned<String>>,
}

impl BareWords for CreateFile {
    fn words() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

/// What a stream is sent in a second, at most; `0` for no limit.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct LimitsFile {
    /// Calls; 1k unless set.
    pub(in crate::scenario) requests: Option<Spanned<String>>,
    /// Records; 100k unless set.
    pub(in crate::scenario) records: Option<Spanned<String>>,
    /// Bytes of records; 1048576 unless set.
    pub(in crate::scenario) bytes: Option<Spanned<String>>,
}

/// What the stand-in takes, and how it fails: shares of the calls, from 0 to 1, together 1 at most.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct StandInFile {
    /// Where it puts objects; `firehose` in the run's folder unless set.
    pub(in crate::scenario) folder: Option<Spanned<String>>,
    /// What a stream takes in a second before it is throttled; as `limits` unless set.
    pub(in crate::scenario) takes: Option<LimitsFile>,
    /// Calls of which some records are refused.
    pub(in crate::scenario) partial: Option<Spanned<f64>>,
    /// The share of records that is refused in such a call; 0.5 unless set.
    pub(in crate::scenario) partial_records: Option<Spanned<f64>>,
    /// Calls that are told to slow down, whatever the stream takes.
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
