//! HTTP services: how they are reached, whom they are trusted by, and what is written as they want it.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use ureq::Agent;
use ureq::tls::Certificate;
use ureq::tls::PemItem;
use ureq::tls::RootCerts;
use ureq::tls::TlsConfig;
use ureq::tls::parse_pem;

/// How long a service may take to be reached.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Who asks a service that `roots` vouch for, and waits for an answer so long. An answer that refuses is an answer.
pub(crate) fn agent(roots: RootCerts, answer_within: Duration) -> Agent {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider);
    Agent::config_builder()
        .tls_config(tls.build())
        .timeout_connect(Some(CONNECT_WITHIN))
        .timeout_global(Some(answer_within))
        .http_status_as_error(false)
        .user_agent(concat!("loadgen/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// The header by which a user logs in (RFC 7617).
pub(crate) fn basic(user: &str, password: Option<&SecretString>) -> String {
    let password = password.map_or("", |password| password.expose_secret());
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A text as a part of an address (RFC 3986): all but its unreserved letters, and those of `also`, stand as `%XX`.
pub(crate) fn escaped(text: &str, also: &[u8]) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// The certificates of a file, or those of the machine for a service that is spoken to by TLS. The error says what is
/// wrong with the file; `what` is what it is for: ``the `ca` of `connect` ``.
pub(crate) fn roots(url: &str, ca: Option<&str>, what: &str) -> Result<RootCerts, String> {
    let Some(path) = ca else {
        let none = || RootCerts::new_with_certs(&[]);
        return Ok(if url.starts_with("https:") { of_machine() } else { none() });
    };
    let bad = |error: &dyn std::fmt::Display| format!("`{path}`, {what}, cannot be used: {error}");
    let bytes = fs::read(path).map_err(|error| bad(&error))?;
    let mut roots = Vec::new();
    for item in parse_pem(&bytes) {
        if let PemItem::Certificate(root) = item.map_err(|error| bad(&error))? {
            roots.push(root);
        }
    }
    if roots.is_empty() {
        return Err(bad(&"it holds no certificate"));
    }
    Ok(RootCerts::new_with_certs(&roots))
}

/// Those whom this machine trusts.
pub(crate) fn of_machine() -> RootCerts {
    let found = rustls_native_certs::load_native_certs();
    let roots = found.certs.iter().map(|root| Certificate::from_der(root).to_owned());
    RootCerts::new_with_certs(&roots.collect::<Vec<_>>())
}
