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
    Failure { class, code, message: error.to_string() }
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
        Code::ThrottlingQuotaExceeded => ErrorClass::Throttled,
        _ => ErrorClass::Other,
    }
}
