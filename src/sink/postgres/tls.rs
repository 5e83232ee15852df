//! Encryption as libpq's `sslmode` asks for it, with rustls.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;

mod binding;
mod verify;

pub(super) use binding::end_point;
pub(super) use verify::explain;

use verify::Trust;
use verify::Verifier;

/// What libpq's `sslmode` asks for, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    pub(super) const NAMES: [(&'static str, Mode); 6] = [
        ("disable", Mode::Disable),
        ("allow", Mode::Allow),
        ("prefer", Mode::Prefer),
        ("require", Mode::Require),
        ("verify-ca", Mode::VerifyCa),
        ("verify-full", Mode::VerifyFull),
    ];
}

/// The TLS of an address; the files are read when they are first needed.
#[derive(Debug)]
pub(super) struct Tls {
    mode: Mode,
    /// Who may sign the server's certificate: a PEM file, or `system`.
    root: Option<PathBuf>,
    /// Our own certificate and its key.
    identity: Option<(PathBuf, PathBuf)>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) fn new(
        mode: Mode,
        root: Option<PathBuf>,
        identity: Option<(PathBuf, PathBuf)>,
    ) -> Tls {
        Tls { mode, root, identity, config: OnceLock::new() }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// What a handshake needs. The error says what is wrong with which file.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let built = Arc::new(self.build()?);
        Ok(Arc::clone(self.config.get_or_init(|| built)))
    }

    fn build(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(default_provider());
        let verifier = Verifier::new(self.trust()?, self.mode == Mode::VerifyFull, &provider);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let Some((certificate, key)) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(certificate, "sslcert")?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|_| {
            format!(
                "`sslkey` names `{}`, which is not an unencrypted private key in PEM format that \
                 can be read",
                key.display(),
            )
        })?;
        builder.with_client_auth_cert(chain, key).map_err(|_| {
            format!("the key in `sslkey` does not belong to `{}`", certificate.display())
        })
    }

    /// Who is trusted to sign; `None` if any certificate will do.
    fn trust(&self) -> Result<Option<Trust>, String> {
        let root = match (self.mode, &self.root) {
            (Mode::Disable | Mode::Allow | Mode::Prefer, _) | (Mode::Require, None) => {
                return Ok(None);
            }
            (_, Some(root)) => root,
            (_, None) => {
                return Err("nobody is named whose signature on the server's certificate counts; \
                            give `sslrootcert=FILE`, or `sslrootcert=system`"
                    .to_owned());
            }
        };
        let anchors = if root == Path::new("system") {
            rustls_native_certs::load_native_certs().certs
        } else {
            certificates(root, "sslrootcert")?
        };
        let mut roots = RootCertStore::empty();
        let (used, _) = roots.add_parsable_certificates(anchors.iter().cloned());
        if used == 0 {
            return Err(format!("`sslrootcert` `{}` holds no usable certificate", root.display()));
        }
        Ok(Some(Trust { roots, anchors }))
    }
}

fn certificates(path: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found: Vec<CertificateDer<'static>> = read.map_err(|_| {
        format!("`{key}` names `{}`, which cannot be read as PEM certificates", path.display())
    })?;
    if found.is_empty() {
        return Err(format!("`{key}` names `{}`, which has no certificate", path.display()));
    }
    Ok(found)
}

/// The name that the server's certificate must bear, and that the server is told (SNI).
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let name = host.strip_suffix('.').unwrap_or(host).to_owned();
    ServerName::try_from(name)
        .map_err(|_| "the host's name cannot stand in a certificate".to_owned())
}

/// A name for where none counts and none can be told.
pub(super) fn any_server_name() -> ServerName<'static> {
    ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
