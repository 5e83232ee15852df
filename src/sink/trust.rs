//! Whom HTTP services are trusted by.

use std::fs;

use ureq::tls::Certificate;
use ureq::tls::PemItem;
use ureq::tls::RootCerts;
use ureq::tls::parse_pem;

/// The certificates of a file, or those of the machine for a service that is spoken to by TLS. The error says what is
/// wrong with the file; `what` is what it is for: ``the `ca` of `connect` ``.
pub(crate) fn roots(url: &str, ca: Option<&str>, what: &str) -> Result<RootCerts, String> {
    let Some(path) = ca else {
        if !url.starts_with("https:") {
            return Ok(RootCerts::new_with_certs(&[]));
        }
        let found = rustls_native_certs::load_native_certs();
        let roots = found.certs.iter().map(|root| Certificate::from_der(root).to_owned());
        return Ok(RootCerts::new_with_certs(&roots.collect::<Vec<_>>()));
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
