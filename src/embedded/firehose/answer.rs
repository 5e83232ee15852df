//! What goes back: results and errors in the shapes of the service.

use serde_json::Value;
use serde_json::json;

/// An error as the service tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: u16,
    /// The name of the exception.
    pub(super) code: &'static str,
    /// Its message.
    pub(super) message: String,
}

impl Refusal {
    /// The request cannot be meant so.
    pub(super) fn argument(message: impl Into<String>) -> Self {
        Self { status: 400, code: "InvalidArgumentException", message: message.into() }
    }

    /// A value breaks a constraint of the interface, such as a length.
    pub(super) fn constraint(member: &str, constraint: &str) -> Self {
        let message = format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}"
        );
        Self { status: 400, code: "ValidationException", message }
    }

    /// The stream is not there.
    pub(super) fn missing(stream: &str) -> Self {
        let message = format!("Firehose {stream} under account {ACCOUNT} not found.");
        Self { status: 400, code: "ResourceNotFoundException", message }
    }

    /// More came than the quota allows.
    pub(super) fn slow_down() -> Self {
        let message = SLOW_DOWN.to_owned();
        Self { status: 503, code: UNAVAILABLE, message }
    }

    /// The service itself has failed.
    pub(super) fn internal() -> Self {
        Self { status: 500, code: INTERNAL, message: String::new() }
    }

    /// The body that tells it.
    pub(super) fn body(&self) -> Value {
        match self.message.as_str() {
            "" => json!({ "__type": self.code }),
            message => json!({ "__type": self.code, "message": message }),
        }
    }
}

/// The account that all streams belong to.
pub(super) const ACCOUNT: &str = "000000000000";
/// What is said of calls and records beyond the quota.
pub(super) const UNAVAILABLE: &str = "ServiceUnavailableException";
/// What is said of calls and records that the service failed.
pub(super) const INTERNAL: &str = "InternalFailure";
/// The message beside [`UNAVAILABLE`].
pub(super) const SLOW_DOWN: &str = "Slow down.";
