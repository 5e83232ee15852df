//! One call of `PutRecordBatch`, and what its answer says of each record.

use std::error::Error;
use std::fmt::Write;

use aws_sdk_firehose::Client;
use aws_sdk_firehose::error::ProvideErrorMetadata;
use aws_sdk_firehose::error::SdkError;
use aws_sdk_firehose::operation::put_record_batch::PutRecordBatchError;
use bytes::Bytes;

use crate::measure::ErrorClass;
use crate::sink::Failure;

/// What people are told of a failure is cut to so many characters.
const MESSAGE_MAX: usize = 300;

/// What became of a call.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was answered: what became of each record, in their order.
    Records(Vec<Result<(), Refusal>>),
    /// All of it failed.
    Failed(Refusal),
}

/// Why a record, or a call, was not taken.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    /// To tell people.
    pub(super) failure: Failure,
    /// Whether to try again.
    pub(super) kind: Kind,
}

impl Refusal {
    /// Whether the service said it.
    pub(super) fn is_answer(&self) -> bool {
        !self.failure.code.is_empty()
    }
}

/// What to make of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// There were too many: try again, and send less.
    Throttled,
    /// It was not stored: try again.
    Passing,
    /// It may have been stored: try again, and it may be there twice.
    Unknown,
    /// It will be refused for ever.
    Lasting,
}

/// Sends a body that has so many records to a stream. The SDK signs it and sees to the rest; what it would write
/// itself is exchanged for the body before.
pub(super) async fn put(client: &Client, stream: &str, body: Bytes, count: usize) -> Answer {
    let call = client.put_record_batch().delivery_stream_name(stream).set_records(Some(Vec::new()));
    let call = call.customize().mutate_request(move |request| {
        request.headers_mut().insert("Content-Length", body.len().to_string());
        *request.body_mut() = body.clone().into();
    });
    match call.send().await {
        Err(error) => Answer::Failed(refusal_of(&error)),
        Ok(output) => {
            let entries = output.request_responses();
            if entries.len() != count {
                let message = format!("{} answers to {count} records", entries.len());
                return Answer::Failed(unknown(ErrorClass::Other, &message));
            }
            Answer::Records(
                entries
                    .iter()
                    .map(|entry| match (entry.error_code(), entry.record_id()) {
                        (None, Some(_)) => Ok(()),
                        (None, None) => {
                            Err(unknown(ErrorClass::Other, "a record without a number"))
                        }
                        (Some(code), _) => {
                            Err(of_code(code, entry.error_message().unwrap_or_default(), None))
                        }
                    })
                    .collect(),
            )
        }
    }
}

/// What an error of the SDK means.
fn refusal_of(error: &SdkError<PutRecordBatchError>) -> Refusal {
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or_default();
            of_code(code, answer.err().message().unwrap_or_default(), Some(status))
        }
        SdkError::TimeoutError(_) => unknown(ErrorClass::Timeout, "no answer in time"),
        SdkError::ConstructionFailure(_) => lasting(error),
        _ => {
            let said = chain(error);
            let is_sent = !NOT_SENT.iter().any(|text| said.contains(text));
            let refusal = unknown(ErrorClass::Connection, &said);
            if is_sent { refusal } else { Refusal { kind: Kind::Passing, ..refusal } }
        }
    }
}

/// What is said where no connection could be made: nothing can have been stored then.
const NOT_SENT: [&str; 3] = ["tcp connect error", "dns error", "HTTP connect timeout"];

/// What the service means by a code. Records that are refused one by one have no status.
fn of_code(code: &str, message: &str, status: Option<u16>) -> Refusal {
    let kind = match code {
        "ServiceUnavailableException"
        | "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown" => Kind::Throttled,
        "InternalFailure" if status.is_none() => Kind::Passing,
        _ if status.is_none_or(|status| status >= 500) => Kind::Unknown,
        "RequestExpired" | "RequestTimeTooSkewed" | "RequestTimeout" | "KMSThrottlingException" => {
            Kind::Passing
        }
        _ => Kind::Lasting,
    };
    let class = match code {
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "ExpiredTokenException"
        | "MissingAuthenticationTokenException"
        | "InvalidKMSResourceException" => ErrorClass::Privilege,
        "ValidationException" | "InvalidArgumentException" | "SerializationException" => {
            ErrorClass::Data
        }
        "ResourceNotFoundException" => ErrorClass::Statement,
        _ => ErrorClass::Other,
    };
    let message = if message.is_empty() { code } else { message };
    Refusal { failure: failure(class, code, message), kind }
}

fn lasting(error: &dyn Error) -> Refusal {
    Refusal { failure: failure(ErrorClass::Other, "", &chain(error)), kind: Kind::Lasting }
}

fn unknown(class: ErrorClass, message: &str) -> Refusal {
    Refusal { failure: failure(class, "", message), kind: Kind::Unknown }
}

/// A failure, its message cut.
pub(super) fn failure(class: ErrorClass, code: &str, message: &str) -> Failure {
    let message = message.chars().take(MESSAGE_MAX).collect();
    Failure { class, code: code.to_owned(), message, is_doubtful: false }
}

/// An error and what led to it: the SDK says little by itself.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            let _ = write!(text, ": {said}");
        }
        source = cause.source();
    }
    text
}
