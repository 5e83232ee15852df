//! Where a stream delivers: a bucket, which is a folder here, and how it buffers before it does.

use std::time::Duration;

use chrono::DateTime;
use chrono::Utc;
use serde_json::Value;
use serde_json::json;

use crate::embedded::firehose::answer::ACCOUNT;
use crate::embedded::firehose::answer::Refusal;

const MEBIBYTE: u64 = 1_024 * 1_024;

/// An S3 destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) is_gzip: bool,
    /// MiB of records after which an object is delivered.
    size_max: u64,
    /// Seconds after which it is.
    age_max: u64,
    role: String,
}

impl Destination {
    /// That of the streams which are there from the beginning: gzip, after 5 MiB or a second.
    pub(super) fn own() -> Self {
        Self {
            bucket: "loadgen".to_owned(),
            prefix: String::new(),
            is_gzip: true,
            size_max: 5,
            age_max: 1,
            role: format!("arn:aws:iam::{ACCOUNT}:role/loadgen"),
        }
    }

    /// What `CreateDeliveryStream` asks for.
    pub(super) fn of(input: &Value) -> Result<Self, Refusal> {
        let extended = input.get("ExtendedS3DestinationConfiguration");
        let plain = input.get("S3DestinationConfiguration");
        let other = input.as_object().into_iter().flatten().find(|(name, _)| {
            name.ends_with("DestinationConfiguration") && !name.contains("S3Destination")
        });
        if let Some((name, _)) = other {
            return Err(Refusal::argument(format!(
                "this stand-in delivers to S3 only: it has no {name}"
            )));
        }
        let (written, member) = match (extended, plain) {
            (Some(written), None) => (written, "extendedS3DestinationConfiguration"),
            (None, Some(written)) => (written, "s3DestinationConfiguration"),
            _ => {
                return Err(Refusal::argument(
                    "Exactly one destination configuration is supported for a Firehose",
                ));
            }
        };
        for name in [
            "ProcessingConfiguration",
            "DataFormatConversionConfiguration",
            "DynamicPartitioningConfiguration",
        ] {
            if written[name]["Enabled"] == true {
                return Err(Refusal::argument(format!("this stand-in has no {name}")));
            }
        }
        let hints = &written["BufferingHints"];
        let prefix = written["Prefix"].as_str().unwrap_or_default().to_owned();
        check_prefix(&prefix)?;
        Ok(Self {
            bucket: bucket_of(&written["BucketARN"], member)?,
            prefix,
            is_gzip: is_gzip(&written["CompressionFormat"])?,
            size_max: within(&hints["SizeInMBs"], (1, 128, 5), member)?,
            age_max: within(&hints["IntervalInSeconds"], (0, 900, 300), member)?,
            role: text(&written["RoleARN"], &format!("{member}.roleARN"))?,
        })
    }

    /// Bytes of records after which an object is delivered.
    pub(super) fn bytes_max(&self) -> u64 {
        self.size_max * MEBIBYTE
    }

    /// How long an object waits for more.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.age_max)
    }

    /// The folder of an object that begins now, below the folder of all buckets.
    pub(super) fn folder(&self, now: DateTime<Utc>) -> String {
        format!("{}/{}{}", self.bucket, self.prefix, now.format("%Y/%m/%d/%H/"))
    }

    /// As `DescribeDeliveryStream` tells it.
    pub(super) fn description(&self) -> Value {
        let s3 = json!({
            "RoleARN": self.role,
            "BucketARN": format!("arn:aws:s3:::{}", self.bucket),
            "Prefix": self.prefix,
            "BufferingHints": { "SizeInMBs": self.size_max, "IntervalInSeconds": self.age_max },
            "CompressionFormat": if self.is_gzip { "GZIP" } else { "UNCOMPRESSED" },
            "EncryptionConfiguration": { "NoEncryptionConfig": "NoEncryption" },
        });
        json!({
            "DestinationId": "destinationId-000000000001",
            "S3DestinationDescription": s3,
            "ExtendedS3DestinationDescription": s3,
        })
    }
}

fn text(value: &Value, member: &str) -> Result<String, Refusal> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Refusal::constraint(member, "Member must not be null"))
}

fn within(
    value: &Value,
    (from, to, otherwise): (u64, u64, u64),
    member: &str,
) -> Result<u64, Refusal> {
    if value.is_null() {
        return Ok(otherwise);
    }
    let number = value.as_u64().filter(|number| (from..=to).contains(number));
    number.ok_or_else(|| {
        let constraint = format!("Member must have value between {from} and {to}");
        Refusal::constraint(&format!("{member}.bufferingHints"), &constraint)
    })
}

fn is_gzip(value: &Value) -> Result<bool, Refusal> {
    match value.as_str() {
        None | Some("UNCOMPRESSED") => Ok(false),
        Some("GZIP") => Ok(true),
        Some(other) => Err(Refusal::argument(format!(
            "this stand-in has no {other}: it writes GZIP or UNCOMPRESSED"
        ))),
    }
}

/// The bucket, which must be the name of one folder.
fn bucket_of(value: &Value, member: &str) -> Result<String, Refusal> {
    let member = format!("{member}.bucketARN");
    let arn = text(value, &member)?;
    let is_name = |name: &&str| {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        (1..=255).contains(&name.len()) && name.chars().all(is_fit) && *name != "." && *name != ".."
    };
    let name = arn.split_once(":s3:::").map(|(_, name)| name).filter(is_name);
    name.map(str::to_owned).ok_or_else(|| {
        let constraint =
            r"Member must satisfy regular expression pattern: arn:.*:s3:::[\w\.\-]{1,255}";
        Refusal::constraint(&member, constraint)
    })
}

/// A prefix may lead into folders of the bucket, never out of it.
fn check_prefix(prefix: &str) -> Result<(), Refusal> {
    if prefix.contains("!{") {
        return Err(Refusal::argument("this stand-in evaluates no !{…} in prefixes"));
    }
    let leads_out = prefix.split('/').any(|part| part == "." || part == "..");
    if leads_out || prefix.starts_with('/') || prefix.contains('\0') || prefix.len() > 1_024 {
        return Err(Refusal::argument("Prefix is no path below the bucket"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::Destination;

    fn asked(changes: &Value) -> Value {
        let mut written = json!({ "RoleARN": "arn:aws:iam::000000000000:role/r",
                                  "BucketARN": "arn:aws:s3:::clicks" });
        for (name, value) in changes.as_object().unwrap() {
            written[name] = value.clone();
        }
        json!({ "ExtendedS3DestinationConfiguration": written })
    }

    #[test]
    fn what_is_left_out_is_as_in_the_service() {
        let made = Destination::of(&asked(&json!({}))).unwrap();
        assert_eq!((made.bytes_max(), made.patience().as_secs()), (5 << 20, 300));
        assert!(!made.is_gzip);
        let now = "2026-02-03T04:05:06Z".parse().unwrap();
        assert_eq!(made.folder(now), "clicks/2026/02/03/04/");
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        for changes in [
            json!({ "BucketARN": "arn:aws:s3:::.." }),
            json!({ "BucketARN": "arn:aws:s3:::a/b" }),
            json!({ "Prefix": "../x/" }),
            json!({ "Prefix": "/x/" }),
            json!({ "Prefix": "a/../../x/" }),
        ] {
            assert!(Destination::of(&asked(&changes)).is_err(), "{changes}");
        }
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        for changes in [
            json!({ "CompressionFormat": "Snappy" }),
            json!({ "ProcessingConfiguration": { "Enabled": true } }),
            json!({ "BufferingHints": { "SizeInMBs": 129 } }),
            json!({ "Prefix": "!{timestamp:yyyy}/" }),
        ] {
            assert!(Destination::of(&asked(&changes)).is_err(), "{changes}");
        }
        assert!(Destination::of(&json!({ "SplunkDestinationConfiguration": {} })).is_err());
        assert!(Destination::of(&json!({})).is_err());
    }
}
