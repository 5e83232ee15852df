//! Before events are sent: the client with its credentials, and the stream, which is looked for, made and
//! removed. Only what carries our mark is removed.

use std::error::Error;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_config::SdkConfig;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::config::Builder;
use aws_sdk_firehose::config::Credentials;
use aws_sdk_firehose::config::ProvideCredentials;
use aws_sdk_firehose::config::StalledStreamProtectionConfig;
use aws_sdk_firehose::config::retry::RetryConfig;
use aws_sdk_firehose::config::timeout::TimeoutConfig;
use aws_sdk_firehose::error::ProvideErrorMetadata;
use aws_sdk_firehose::error::SdkError;
use aws_sdk_firehose::types::BufferingHints;
use aws_sdk_firehose::types::CompressionFormat;
use aws_sdk_firehose::types::DeliveryStreamStatus;
use aws_sdk_firehose::types::DeliveryStreamType;
use aws_sdk_firehose::types::ExtendedS3DestinationConfiguration;
use aws_sdk_firehose::types::Tag;

use crate::scenario::FirehoseCreate;
use crate::sink::firehose::call::chain;

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a stream may take until it is active, and how often it is looked at.
const ACTIVE_WITHIN: Duration = Duration::from_mins(3);
const LOOK_PERIOD: Duration = Duration::from_millis(500);
/// The tag of what is ours.
const TAG: &str = "loadgen";
/// Where none is asked for.
const ANY_REGION: &str = "us-east-1";

/// Where a client goes, and by which right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FirehoseAddress {
    /// The endpoint; that of the region if there is none.
    pub(crate) url: Option<String>,
    /// The region; what the environment says if there is none.
    pub(crate) region: Option<String>,
    /// Whether it is on this machine, and so not the service: any region and credentials will do there.
    pub(crate) is_local: bool,
    /// Whether it is our own stand-in: nobody's credentials are looked for.
    pub(crate) is_embedded: bool,
    /// How long a call may take.
    pub(crate) timeout: Duration,
}

/// An endpoint, and how to reach it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(super) client: Client,
    /// Where it is, for people.
    pub(crate) place: String,
}

/// Why events cannot be sent, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("no AWS region is known: write `region` into the target, or set `AWS_REGION`")]
    NoRegion,
    #[error(
        "no AWS credentials are found ({0}): set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or \
         `AWS_PROFILE`, or run where a role is given; a stand-in takes any"
    )]
    NoCredentials(String),
    #[error("{place} does not answer: {cause}: is it running, and reached from this machine?")]
    Unreachable { place: String, cause: String },
    #[error(
        "the stream `{stream}` does not exist at {place}: make it, or let loadgen make it by \
         `create` in the target"
    )]
    NoStream { stream: String, place: String },
    #[error("the stream `{stream}` at {place} is {status}, not ACTIVE")]
    NotActive { stream: String, place: String, status: String },
    #[error("the stream `{stream}` at {place}: {code}: {message}")]
    Refused { stream: String, place: String, code: String, message: String },
    #[error("the stream `{stream}` at {place} is not one that loadgen has made")]
    NotOurs { stream: String, place: String },
}

impl Endpoint {
    /// Finds region and credentials, as all tools of AWS do. Connects to nothing yet, unless a role must
    /// be asked for.
    pub(crate) async fn find(address: &FirehoseAddress) -> Result<Self, SetupError> {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        if let Some(region) = &address.region {
            loader = loader.region(Region::new(region.clone()));
        } else if address.is_embedded {
            loader = loader.region(Region::new(ANY_REGION));
        }
        if address.is_embedded {
            loader = loader.credentials_provider(any_credentials());
        }
        let config = Box::pin(loader.load()).await;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_WITHIN)
            .operation_attempt_timeout(address.timeout)
            .build();
        let mut builder = Builder::from(&config)
            .timeout_config(timeouts)
            // Each record is tried again by itself, and counted.
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(error) = missing_credentials(&config).await {
            if !address.is_local {
                return Err(SetupError::NoCredentials(error));
            }
            builder = builder.credentials_provider(any_credentials());
        }
        let region = match config.region().filter(|region| !region.as_ref().is_empty()) {
            Some(region) => region.clone(),
            None if address.is_local => Region::new(ANY_REGION),
            None => return Err(SetupError::NoRegion),
        };
        let place = match &address.url {
            Some(url) => format!("`{url}`"),
            None => format!("Firehose in {region}"),
        };
        builder = builder.region(region);
        if let Some(url) = &address.url {
            builder = builder.endpoint_url(url);
        }
        Ok(Self { client: Client::from_conf(builder.build()), place })
    }

    /// The streams must be there. Those that are not are made, if there is something to make them with,
    /// or only looked for.
    pub(crate) async fn set_up(
        &self,
        streams: &[String],
        create: Option<&FirehoseCreate>,
        is_to_make: bool,
    ) -> Result<(), SetupError> {
        for stream in streams {
            if self.has(stream).await? {
                continue;
            }
            match create {
                None => return Err(self.missing(stream)),
                Some(create) if is_to_make => self.make(stream, create).await?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Whether a stream is there; one that is being made is waited for.
    pub(super) async fn has(&self, stream: &str) -> Result<bool, SetupError> {
        let begun = tokio::time::Instant::now();
        loop {
            let status = match self.status(stream).await? {
                None => return Ok(false),
                Some(DeliveryStreamStatus::Active) => return Ok(true),
                Some(status) => status,
            };
            let passes = status == DeliveryStreamStatus::Creating;
            if !passes || begun.elapsed() > ACTIVE_WITHIN {
                let (stream, place) = (stream.to_owned(), self.place.clone());
                let status = status.as_str().to_owned();
                return Err(SetupError::NotActive { stream, place, status });
            }
            tokio::time::sleep(LOOK_PERIOD).await;
        }
    }

    fn missing(&self, stream: &str) -> SetupError {
        SetupError::NoStream { stream: stream.to_owned(), place: self.place.clone() }
    }

    /// Makes a stream with our mark, and waits until it takes records.
    async fn make(&self, stream: &str, create: &FirehoseCreate) -> Result<(), SetupError> {
        let hints = BufferingHints::builder()
            .size_in_mbs(i32::try_from(create.size).unwrap_or(i32::MAX))
            .interval_in_seconds(i32::try_from(create.interval.as_secs()).unwrap_or(i32::MAX))
            .build();
        let format =
            if create.is_gzip { CompressionFormat::Gzip } else { CompressionFormat::Uncompressed };
        let destination = ExtendedS3DestinationConfiguration::builder()
            .role_arn(&create.role)
            .bucket_arn(&create.bucket)
            .prefix(&create.prefix)
            .buffering_hints(hints)
            .compression_format(format)
            .build();
        let tag = Tag::builder().key(TAG).value("1").build();
        let call = self
            .client
            .create_delivery_stream()
            .delivery_stream_name(stream)
            .delivery_stream_type(DeliveryStreamType::DirectPut)
            .set_extended_s3_destination_configuration(destination.ok())
            .set_tags(tag.ok().map(|tag| vec![tag]));
        Box::pin(call.send()).await.map_err(|error| self.error(stream, &error))?;
        if self.has(stream).await? { Ok(()) } else { Err(self.missing(stream)) }
    }

    /// Removes the streams that carry our mark. Returns what was removed, and what was kept and why.
    pub(crate) async fn clean(
        &self,
        streams: &[String],
    ) -> Result<(Vec<String>, Vec<String>), SetupError> {
        let (mut removed, mut kept) = (Vec::new(), Vec::new());
        for stream in streams {
            match self.remove(stream).await {
                Ok(true) => removed.push(format!("the stream `{stream}` at {}", self.place)),
                Ok(false) => {}
                Err(error @ SetupError::NotOurs { .. }) => kept.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok((removed, kept))
    }

    /// Removes a stream that carries our mark. Returns whether it was there.
    pub(super) async fn remove(&self, stream: &str) -> Result<bool, SetupError> {
        if self.status(stream).await?.is_none() {
            return Ok(false);
        }
        let tags = self.client.list_tags_for_delivery_stream().delivery_stream_name(stream);
        let tags = tags.send().await.map_err(|error| self.error(stream, &error))?;
        if !tags.tags().iter().any(|tag| tag.key() == TAG) {
            let (stream, place) = (stream.to_owned(), self.place.clone());
            return Err(SetupError::NotOurs { stream, place });
        }
        let call = self.client.delete_delivery_stream().delivery_stream_name(stream);
        call.send().await.map_err(|error| self.error(stream, &error))?;
        Ok(true)
    }

    async fn status(&self, stream: &str) -> Result<Option<DeliveryStreamStatus>, SetupError> {
        let call = self.client.describe_delivery_stream().delivery_stream_name(stream);
        match call.send().await {
            Ok(output) => Ok(output
                .delivery_stream_description()
                .map(|description| description.delivery_stream_status().clone())),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => match status_in(&error) {
                Some(status) => Ok(Some(status)),
                None => Err(self.error(stream, &error)),
            },
        }
    }

    fn error<E>(&self, stream: &str, error: &SdkError<E>) -> SetupError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let place = self.place.clone();
        match error {
            SdkError::ServiceError(answer) => SetupError::Refused {
                stream: stream.to_owned(),
                place,
                code: answer.err().code().unwrap_or("no code").to_owned(),
                message: answer.err().message().unwrap_or("no reason given").to_owned(),
            },
            other => SetupError::Unreachable { place, cause: cause(other) },
        }
    }
}

/// The status in a description of which the SDK makes nothing, because it wants all that the service tells:
/// stand-ins leave out what a stream was made without.
fn status_in<E>(error: &SdkError<E>) -> Option<DeliveryStreamStatus> {
    let SdkError::ResponseError(answer) = error else { return None };
    let answer: serde_json::Value = serde_json::from_slice(answer.raw().body().bytes()?).ok()?;
    let status = answer.get("DeliveryStreamDescription")?.get("DeliveryStreamStatus")?.as_str()?;
    Some(DeliveryStreamStatus::from(status))
}

/// What was met, without the layers of the SDK around it.
fn cause(error: &dyn Error) -> String {
    let said = chain(error);
    let behind = said.split_once("client error (").and_then(|(_, behind)| behind.split_once("): "));
    behind.map_or(said.as_str(), |(_, behind)| behind).to_owned()
}

/// Why there are no credentials, if there are none.
async fn missing_credentials(config: &SdkConfig) -> Option<String> {
    let Some(provider) = config.credentials_provider() else {
        return Some("no provider".to_owned());
    };
    let error = Box::pin(provider.provide_credentials()).await.err()?;
    // Behind the first line stands where it was looked, place by place.
    let said = chain(&error);
    let first = said.lines().next().unwrap_or_default();
    Some(first.trim_end_matches(". Attempted:").to_owned())
}

/// What an endpoint takes that looks at none.
fn any_credentials() -> Credentials {
    Credentials::new("loadgen", "loadgen", None, None, "loadgen")
}
