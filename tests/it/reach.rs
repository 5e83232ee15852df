//! Reaching servers: every way of logging in, every `sslmode`, and every kind of failure.

mod failures;
mod login;
mod tls;

use std::fs;
use std::future::Future;
use std::sync::OnceLock;

use loadgen::sink::postgres::address::Address;
use loadgen::sink::postgres::error::ConnectError;
use loadgen::sink::postgres::startup::Session;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;

use crate::support::server::Options;
use crate::support::server::TestServer;

/// A password with everything that a URL, a key-value string and a password file must escape.
const PASSWORD: &str = "s3cret@:/ '\"?&%\\#";
/// The same as it stands in a URL.
const ENCODED: &str = "s3cret%40%3A%2F%20%27%22%3F%26%25%5C%23";
/// What no message may contain.
const MARK: &str = "s3cret";
/// The name that the server's certificate is for.
const NAME: &str = "db.test";

/// Each role's kind of line in `pg_hba.conf`, its name, and how it must log in.
const ROLES: [(&str, &str, &str); 9] = [
    ("hostssl", "ssl_only", "trust"),
    ("hostnossl", "plain_only", "trust"),
    ("host", "trusted", "trust"),
    ("host", "crowded", "trust"),
    ("host", "reader", "trust"),
    ("host", "clear_user", "password"),
    ("host", "md5_user", "md5"),
    ("host", "scram_user", "scram-sha-256"),
    ("hostssl", "cert_user", "cert"),
];

/// A server with TLS, a certificate authority, and a role for each way of logging in.
struct Secure {
    server: TestServer,
    /// Who signed the server's certificate, as a file.
    ca: String,
    /// Somebody else, as a file.
    stranger: String,
    /// A client's certificate for `cert_user`, and its key, as files.
    client: (String, String),
}

impl Secure {
    /// One for all tests of this file.
    fn shared() -> &'static Secure {
        static SHARED: OnceLock<Secure> = OnceLock::new();
        SHARED.get_or_init(Secure::start)
    }

    fn start() -> Secure {
        let (ca, stranger) = (Authority::new(), Authority::new());
        let line = |(kind, user, method)| format!("{kind} all {user} 127.0.0.1/32 {method}");
        let mut hba: Vec<String> = ROLES.into_iter().map(line).collect();
        hba.push("local all all scram-sha-256".to_owned());
        let server = TestServer::with(&Options {
            hba,
            ssl: Some(ca.sign(NAME)),
            ssl_ca: Some(ca.pem.clone()),
            settings: Vec::new(),
            ..Options::default()
        });
        let password = PASSWORD.replace('\'', "''");
        for (_, user, method) in ROLES {
            let encryption = if method == "md5" { "md5" } else { "scram-sha-256" };
            let role = format!(
                "SET password_encryption = '{encryption}'; \
                 CREATE ROLE {user} LOGIN PASSWORD '{password}'"
            );
            server.query("postgres", &role);
        }
        server.query("postgres", "ALTER ROLE crowded CONNECTION LIMIT 1");
        server.query("postgres", "ALTER ROLE reader SET default_transaction_read_only = on");
        let file = |name: &str, text: &str| {
            let path = server.folder().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (certificate, key) = ca.sign("cert_user");
        let client = (file("client.crt", &certificate), file("client.key", &key));
        let (ca, stranger) = (file("root.crt", &ca.pem), file("stranger.crt", &stranger.pem));
        Secure { server, ca, stranger, client }
    }

    /// An address of this server, by its right name, with further keys.
    fn address(&self, user: &str, more: &str) -> Address {
        let port = self.server.port();
        let place = format!("host={NAME} hostaddr=127.0.0.1 port={port} dbname=postgres");
        parse(&format!("{place} user={user} {more}"))
    }

    /// The same with the password.
    fn address_with_password(&self, user: &str, more: &str) -> Address {
        let password = PASSWORD.replace('\\', r"\\").replace('\'', r"\'");
        self.address(user, &format!("password='{password}' {more}"))
    }
}

/// Somebody who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key for a host or a role.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Parses an address with an environment that has nothing but a home without files.
fn parse(text: &str) -> Address {
    Address::parse(text, &bare).unwrap()
}

fn bare(name: &str) -> Option<String> {
    (name == "HOME").then(|| "/nonexistent".to_owned())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

fn connect(address: &Address) -> Result<Session, ConnectError> {
    block_on(address.connect(&[]))
}

/// Why an address cannot be reached; nothing that is shown of either has the password.
fn refusal(address: &Address) -> ConnectError {
    let error = connect(address).expect_err("connected");
    for shown in
        [format!("{error} {error:?} {error:#?}"), format!("{address} {address:?} {address:#?}")]
    {
        assert!(!shown.contains(MARK), "{shown}");
    }
    let server = address.to_string();
    assert!(error.to_string().contains(&server), "{error} does not name {server}");
    error
}
