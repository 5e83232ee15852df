//! Before events are sent: the client with its credentials, and the stream, which is looked for, made and
//! removed. Only what carries our mark is removed.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::config::Builder;
use aws_sdk_firehose::config::Credentials;
use aws_sdk_firehose::config::ProvideCredentials;
use aws_sdk_firehose::error::ProvideErrorMetadata;
use aws_sdk_firehose::error::SdkError;
use aws_sdk_firehose::types::BufferingHints;
use aws_sdk_firehose::types::CompressionFormat;
use aws_sdk_firehose::types::DeliveryStreamStatus;
use aws_sdk_firehose::types::DeliveryStreamType;
use aws_sdk_firehose::types::ExtendedS3DestinationConfiguration;
use aws_sdk_firehose::types::Tag;

use crate::sink::firehose::call::chain;

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a stream may take until it is active, and how often it is looked at.
const ACTIVE_WITHIN: Duration = Duration::from_mins(3);
const LOOK_PERIOD: Duration = Duration::from_millis(500);
/// The tag of what is ours.
const TAG: &str = "loadgen";

/// Where a client goes, and by which right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Address {
    /// The endpoint; that of the region if there is none.
    pub(crate) url: Option<String>,
    /// The region; what the environment says if there is none.
    pub(crate) region: Option<String>,
    /// Whether it is our own stand-in, which takes any credentials.
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

/// What a stream is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Making {
    /// The bucket that it delivers to, as an ARN.
    pub(crate) bucket: String,
    /// The role that delivers, as an ARN.
    pub(crate) role: String,
    /// What the names of its objects begin with.
    pub(crate) prefix: String,
    /// Whether objects are compressed.
    pub(crate) is_gzip: bool,
    /// MiB and seconds after which an object is delivered.
    pub(crate) buffer: (i32, i32),
}

/// Why events cannot be sent, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
        "the stream `{stream}` does not exist at {place}: make it, or write `create` with a bucket and a \
         role into the target"
    )]
    NoStream { stream: String, place: String },
    #[error("the stream `{stream}` at {place} is {status}, not ACTIVE")]
    NotActive { stream: String, place: String, status: String },
    #[error("the stream `{stream}` at {place}: {code}: {message}")]
    Refused { stream: String, place: String, code: String, message: String },
    #[error("the stream `{stream}` at {place} is not marked as made by loadgen: it is left alone")]
    NotOurs { stream: String, place: String },
}

impl Endpoint {
    /// Finds region and credentials, as all tools of AWS do. Connects to nothing yet, unless a role must
    /// be asked for.
    pub(crate) async fn find(address: &Address) -> Result<Self, SetupError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_WITHIN)
            .operation_attempt_timeout(address.timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        if let Some(region) = &address.region {
            loader = loader.region(Region::new(region.clone()));
        } else if address.is_embedded {
            loader = loader.region(Region::new("us-east-1"));
        }
        if address.is_embedded {
            let any = Credentials::new("loadgen", "loadgen", None, None, "embedded");
            loader = loader.credentials_provider(any);
        }
        let config = loader.load().await;
        let region = config.region().ok_or(SetupError::NoRegion)?.to_string();
        let provider = config
            .credentials_provider()
            .ok_or_else(|| SetupError::NoCredentials("no provider".to_owned()))?;
        provider
            .provide_credentials()
            .await
            .map_err(|error| SetupError::NoCredentials(chain(&error)))?;
        let mut builder = Builder::from(&config)
            .timeout_config(timeouts)
            // Each record is tried again by itself, and counted.
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(url) = &address.url {
            builder = builder.endpoint_url(url);
        }
        let place = match &address.url {
            Some(url) => format!("`{url}`"),
            None => format!("Firehose in {region}"),
        };
        Ok(Self { client: Client::from_conf(builder.build()), place })
    }

    /// Whether a stream is there; one that is being made is waited for.
    pub(crate) async fn has(&self, stream: &str) -> Result<bool, SetupError> {
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

    /// The stream must be there.
    pub(crate) fn missing(&self, stream: &str) -> SetupError {
        SetupError::NoStream { stream: stream.to_owned(), place: self.place.clone() }
    }

    /// Makes a stream with our mark, and waits until it takes records.
    pub(crate) async fn make(&self, stream: &str, making: &Making) -> Result<(), SetupError> {
        let hints = BufferingHints::builder()
            .size_in_mbs(making.buffer.0)
            .interval_in_seconds(making.buffer.1)
            .build();
        let format = match making.is_gzip {
            true => CompressionFormat::Gzip,
            false => CompressionFormat::Uncompressed,
        };
        let destination = ExtendedS3DestinationConfiguration::builder()
            .role_arn(&making.role)
            .bucket_arn(&making.bucket)
            .prefix(&making.prefix)
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
        call.send().await.map_err(|error| self.error(stream, &error))?;
        if self.has(stream).await? { Ok(()) } else { Err(self.missing(stream)) }
    }

    /// Removes a stream that carries our mark. Returns whether it was there.
    pub(crate) async fn remove(&self, stream: &str) -> Result<bool, SetupError> {
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
            Err(error) => Err(self.error(stream, &error)),
        }
    }

    fn error<E>(&self, stream: &str, error: &SdkError<E>) -> SetupError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let place = self.place.clone();
        match error {
            SdkError::ServiceError(answer) => SetupError::Refused {
                stream: stream.to_owned(),
                place,
                code: answer.err().code().unwrap_or("no code").to_owned(),
                message: answer.err().message().unwrap_or("no reason given").to_owned(),
            },
            other => SetupError::Unreachable { place, cause: chain(other) },
        }
    }
}
