//! Whether a server's certificate is good enough.

use std::sync::Arc;

use rustls::CertificateError;
use rustls::DigitallySignedStruct;
use rustls::Error;
use rustls::RootCertStore;
use rustls::SignatureScheme;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::verify_tls12_signature;
use rustls::crypto::verify_tls13_signature;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;
use rustls::server::ParsedCertificate;

/// Who may sign certificates.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) roots: RootCertStore,
    /// The same, as they are in the file.
    pub(super) anchors: Vec<CertificateDer<'static>>,
}

/// Checks the chain, the name, or neither; always that the server has the certificate's key.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Option<Trust>,
    names_count: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(
        trust: Option<Trust>,
        names_count: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Verifier {
        Verifier { trust, names_count, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(Trust { roots, anchors }) = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let chain = verify_server_cert_signed_by_trust_anchor(
            &certificate,
            roots,
            intermediates,
            now,
            self.algorithms.all,
        );
        match chain {
            // PostgreSQL's manual has people make a self-signed certificate and name it as its own
            // root. Webpki objects to that use alone, after it has looked at the dates.
            Err(error) if is_own_root(&error) && anchors.contains(end_entity) => {}
            other => other?,
        }
        if self.names_count {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_own_root(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// What a failed handshake means, with what to do about it.
pub(in super::super) fn explain(error: &Error) -> String {
    let Error::InvalidCertificate(reason) = error else { return error.to_string() };
    match reason {
        CertificateError::UnknownIssuer => {
            "its certificate is not signed by anybody in `sslrootcert`; see that the file is the \
             right one"
                .to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for other hosts (names must stand in `subjectAltName`); correct the \
             host, or use `sslmode=verify-ca`"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; see that both clocks are right".to_owned()
        }
        CertificateError::BadSignature => "its certificate's signature is wrong".to_owned(),
        CertificateError::Other(other) => format!("its certificate is unfit: {other}"),
        _ => error.to_string(),
    }
}
