//! What librdkafka says, in our words.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::measure::ErrorClass;
use crate::sink::Failure;

/// Why a record failed.
pub(super) fn failure(error: &KafkaError) -> Failure {
    let code = error.rdkafka_error_code();
    let class = code.map_or(ErrorClass::Other, class);
    let code = code.map(|code| format!("{code:?}")).unwrap_or_default();
    let is_doubtful = error.rdkafka_error_code().is_some_and(may_be_stored);
    Failure { class, code, message: message(error), is_doubtful }
}

/// What it means, and what may be done.
fn message(error: &KafkaError) -> String {
    let Some(code) = error.rdkafka_error_code() else { return error.to_string() };
    let advice = match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => {
            "see `max.message.bytes` of the topic, and `properties: { message.max.bytes: … }`"
        }
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            "the topic was there and is gone"
        }
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            "the user needs the right to write there"
        }
        Code::InvalidTimestamp => {
            "the topic takes no event whose time is so far from now: see the scenario's `start`"
        }
        Code::MessageTimedOut => "`timeout` says how long an event is tried",
        _ => return words(code),
    };
    format!("{}: {advice}", words(code))
}

/// librdkafka's words for a code, without the name that stands before them.
fn words(code: Code) -> String {
    let said = code.to_string();
    let inner = said.split_once('(').and_then(|(_, behind)| behind.strip_suffix(')'));
    inner.unwrap_or(&said).to_owned()
}

/// Whether a record that ended so may be stored all the same: whether it had left when it was given up,
/// librdkafka does not tell.
fn may_be_stored(code: Code) -> bool {
    matches!(
        code,
        Code::MessageTimedOut
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::BrokerTransportFailure
            | Code::NetworkException
            | Code::NotEnoughReplicasAfterAppend
            | Code::PurgeInflight
    )
}

fn class(code: Code) -> ErrorClass {
    match code {
        Code::MessageTimedOut
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::TimedOutQueue => ErrorClass::Timeout,
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => ErrorClass::TooLarge,
        Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::Resolve
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::NetworkException => ErrorClass::Connection,
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::Authentication
        | Code::SaslAuthenticationFailed => ErrorClass::Privilege,
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            ErrorClass::Statement
        }
        Code::InvalidTimestamp => ErrorClass::Data,
        Code::ThrottlingQuotaExceeded => ErrorClass::Throttled,
        _ => ErrorClass::Other,
    }
}
