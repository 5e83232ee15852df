//! Why a cluster cannot be reached, and which word of the scenario to look at: librdkafka only tells what it met.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::sink::kafka::Cluster;
use crate::sink::kafka::topics::ClusterError;

/// What was heard of a cluster while it was asked, or the error that this ended with.
pub(super) fn unreachable(
    cluster: &Cluster,
    heard: Option<(Option<Code>, String)>,
    error: &KafkaError,
) -> ClusterError {
    let brokers = &cluster.brokers;
    let Some((code, said)) = heard else {
        return ClusterError(format!(
            "no Kafka broker answers at `{brokers}`: {}; is it the port of a broker, and does that want \
             `tls` or `sasl`?",
            silence(error)
        ));
    };
    let reason = bare(&said);
    ClusterError(match (code, Trouble::of(&said)) {
        (_, Some(trouble)) => {
            format!("{} `{brokers}`: {reason}; {}", trouble.what(), trouble.help())
        }
        (Some(Code::Authentication | Code::SaslAuthenticationFailed), None) => format!(
            "`{brokers}` refused the login: {reason}; look at `sasl`: its user, password and mechanism"
        ),
        (Some(Code::SSL), None) => {
            format!("no secure connection to `{brokers}`: {reason}; look at `tls`")
        }
        (Some(Code::Resolve), None) => {
            format!("`{brokers}` has no address: {reason}; look at `brokers`")
        }
        _ => format!(
            "no Kafka broker answers at `{brokers}`: {reason}; is it running, and is the address right? \
             `scripts/pipeline up` starts one to try with"
        ),
    })
}

/// What was met without a word about it.
fn silence(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut) => {
            "connections are made and end without an answer".to_owned()
        }
        _ => error.to_string(),
    }
}

/// What is told by words alone, as librdkafka and OpenSSL put it.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Distrust,
    OtherName,
    NoCertificate,
    NoTls,
    NoLogin,
}

impl Trouble {
    fn of(said: &str) -> Option<Self> {
        let signs = [
            ("certificate verify failed", Self::Distrust),
            ("hostname mismatch", Self::OtherName),
            ("alert bad certificate", Self::NoCertificate),
            ("alert certificate required", Self::NoCertificate),
            ("alert handshake failure", Self::NoCertificate),
            ("in state SSL_HANDSHAKE", Self::NoTls),
            ("wrong version number", Self::NoTls),
            ("mechanism handshake failed", Self::NoLogin),
        ];
        let said = said.to_ascii_lowercase();
        signs
            .into_iter()
            .find(|(sign, _)| said.contains(&sign.to_ascii_lowercase()))
            .map(|(_, it)| it)
    }

    fn what(self) -> &'static str {
        match self {
            Self::Distrust | Self::OtherName | Self::NoTls => "no secure connection to",
            Self::NoCertificate => "no client without a certificate is let in at",
            Self::NoLogin => "no such login is known at",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Distrust => "look at `tls`: `ca` names the certificates that are trusted",
            Self::OtherName => {
                "write the name that its certificate is for into `brokers`, or `verify: false` into `tls`"
            }
            Self::NoCertificate => "look at `tls`: `certificate` and `key` are ours",
            Self::NoTls => "is it a port for TLS? if not, leave `tls` out",
            Self::NoLogin => {
                "look at `sasl`: does this port know its mechanism? if it knows none, leave `sasl` out"
            }
        }
    }
}

/// What was met, without where that was in librdkafka.
fn bare(said: &str) -> &str {
    let said = said.split_once("/bootstrap: ").map_or(said, |(_, behind)| behind);
    said.rsplit_once(" (after ")
        .map_or(said, |(before, _)| before)
        .trim_end_matches([':', ' ', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_librdkafka_says_is_cut_to_what_it_met() {
        let said = "sasl_ssl://127.0.0.1:9094/bootstrap: SASL authentication error: Authentication failed \
                    (after 309ms in state AUTH_REQ, 1 identical error(s) suppressed)";
        assert_eq!(bare(said), "SASL authentication error: Authentication failed");
        let said = "b:9092/bootstrap: SASL PLAIN mechanism handshake failed: Broker: Request not valid in \
                    current SASL state: broker's supported mechanisms:  (after 0ms in state AUTH_HANDSHAKE)";
        assert!(bare(said).ends_with("supported mechanisms"), "{}", bare(said));
    }

    #[test]
    fn what_is_told_by_words_alone_is_understood() {
        let trouble = |said| Trouble::of(said).map(Trouble::help).unwrap_or_default();
        let said = "error:0A000086:SSL routines::certificate verify failed (after 13ms in state SSL_HANDSHAKE)";
        assert!(trouble(said).contains("`ca`"));
        let said =
            "error:0A000412:SSL routines::ssl/tls alert bad certificate: SSL alert number 42";
        assert!(trouble(said).contains("`certificate`"));
        let said = "Disconnected: SSL connection closed by peer (after 7ms in state SSL_HANDSHAKE)";
        assert!(trouble(said).contains("leave `tls` out"));
        assert_eq!(trouble("Connect to ipv4#127.0.0.1:9 failed: Connection refused"), "");
    }
}
