//! What each `sslmode` demands, and what binding to the channel adds.

use loadgen::sink::postgres::address::Address;
use loadgen::sink::postgres::control::control;
use loadgen::sink::postgres::error::ConnectError;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::IsCa;
use rcgen::KeyPair;
use rcgen::PKCS_ECDSA_P384_SHA384;
use rcgen::PKCS_ED25519;
use rcgen::SignatureAlgorithm;

use super::NAME;
use super::Secure;
use super::block_on;
use super::connect;
use super::parse;
use super::refusal;
use crate::support::server::Options;
use crate::support::server::TestServer;

/// Whether a connection came about, and how.
#[derive(Debug, PartialEq)]
enum Way {
    Plain,
    Encrypted,
    NoTls,
    Denied,
}

fn way(address: &Address) -> Way {
    match connect(address) {
        Ok(session) if session.stream.is_encrypted() => Way::Encrypted,
        Ok(_) => Way::Plain,
        Err(ConnectError::Tls { .. }) => Way::NoTls,
        Err(ConnectError::Denied { .. }) => Way::Denied,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn each_mode_demands_what_it_says() {
    let secure = Secure::shared();
    let (ca, stranger) = (&secure.ca, &secure.stranger);
    for (mode, root, expected) in [
        ("disable", None, Way::Plain),
        ("allow", None, Way::Plain),
        ("prefer", None, Way::Encrypted),
        ("prefer", Some(stranger), Way::Encrypted),
        ("require", None, Way::Encrypted),
        ("require", Some(ca), Way::Encrypted),
        ("require", Some(stranger), Way::NoTls),
        ("verify-ca", Some(ca), Way::Encrypted),
        ("verify-ca", Some(stranger), Way::NoTls),
        ("verify-ca", None, Way::NoTls),
        ("verify-full", Some(ca), Way::Encrypted),
        ("verify-full", Some(stranger), Way::NoTls),
        ("verify-full", None, Way::NoTls),
    ] {
        let root = root.map(|path| format!(" sslrootcert={path}")).unwrap_or_default();
        let address = secure.address("trusted", &format!("sslmode={mode}{root}"));
        assert_eq!(way(&address), expected, "{mode}{root}");
    }
    let address = secure.address("trusted", "sslrootcert=system");
    assert_eq!(way(&address), Way::NoTls, "the system does not know our authority");
}

#[test]
fn only_verify_full_looks_at_the_name() {
    let secure = Secure::shared();
    let port = secure.server.port();
    for host in ["127.0.0.1", "localhost"] {
        let address = |mode: &str| {
            let root = &secure.ca;
            let place = format!("host={host} port={port} user=trusted dbname=postgres");
            parse(&format!("{place} sslmode={mode} sslrootcert={root}"))
        };
        assert_eq!(way(&address("verify-ca")), Way::Encrypted);
        let error = refusal(&address("verify-full"));
        assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains("for other hosts"), "{error}");
    }
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_a_must() {
    let server = TestServer::shared();
    for (mode, expected) in [
        ("disable", Way::Plain),
        ("allow", Way::Plain),
        ("prefer", Way::Plain),
        ("require", Way::NoTls),
    ] {
        assert_eq!(way(&parse(&format!("{}?sslmode={mode}", server.url()))), expected, "{mode}");
    }
    let error = refusal(&parse(&format!("{}?sslmode=require", server.url())));
    assert!(error.to_string().contains("does not offer it"), "{error}");
    assert!(!error.is_transient());
}

#[test]
fn allow_and_prefer_try_the_other_way_when_the_first_is_forbidden() {
    let secure = Secure::shared();
    for (user, mode, expected) in [
        ("ssl_only", "disable", Way::Denied),
        ("ssl_only", "allow", Way::Encrypted),
        ("ssl_only", "prefer", Way::Encrypted),
        ("plain_only", "require", Way::Denied),
        ("plain_only", "prefer", Way::Plain),
        ("plain_only", "allow", Way::Plain),
    ] {
        assert_eq!(
            way(&secure.address(user, &format!("sslmode={mode}"))),
            expected,
            "{user} {mode}"
        );
    }
}

#[test]
fn control_sessions_are_encrypted_alike() {
    let secure = Secure::shared();
    let more = format!("sslmode=verify-full sslrootcert={} channel_binding=require", secure.ca);
    let address = secure.address_with_password("scram_user", &more);
    block_on(async {
        let client = control(&address, "x").await.unwrap();
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert!(client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0));
    });
}

#[test]
fn channel_binding_is_had_or_refused() {
    let secure = Secure::shared();
    for (user, more, expected) in [
        ("scram_user", "sslmode=require channel_binding=require", Way::Encrypted),
        ("scram_user", "sslmode=require channel_binding=prefer", Way::Encrypted),
        ("scram_user", "sslmode=require channel_binding=disable", Way::Encrypted),
        ("scram_user", "sslmode=disable channel_binding=require", Way::Denied),
        ("trusted", "sslmode=require channel_binding=require", Way::Denied),
        ("md5_user", "sslmode=require channel_binding=require", Way::Denied),
        ("clear_user", "sslmode=require channel_binding=require", Way::Denied),
    ] {
        let address = secure.address_with_password(user, more);
        assert_eq!(way(&address), expected, "{user} {more}");
    }
}

#[test]
fn a_client_certificate_is_shown() {
    let secure = Secure::shared();
    let (certificate, key) = &secure.client;
    let shown = format!("sslmode=require sslcert={certificate} sslkey={key}");
    assert_eq!(way(&secure.address("cert_user", &shown)), Way::Encrypted);
    assert_eq!(way(&secure.address("cert_user", "sslmode=require")), Way::Denied);
    for wrong in [
        format!("sslmode=require sslcert={certificate} sslkey=/nonexistent"),
        format!("sslmode=require sslcert=/nonexistent sslkey={key}"),
        format!("sslmode=require sslcert={} sslkey={key}", secure.ca),
    ] {
        let error = refusal(&secure.address("cert_user", &wrong));
        assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains("`ssl"), "{error}");
    }
}

/// As PostgreSQL's manual makes one: signed by itself, and free to sign others.
fn self_signed(algorithm: &'static SignatureAlgorithm) -> (String, String) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, if key.is_compatible(&PKCS_ED25519) { ed25519_pem(&key) } else { key.serialize_pem() })
}

/// Without the public key, which OpenSSL's reader does not take.
fn ed25519_pem(key: &KeyPair) -> String {
    let prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let der = [&prefix, &key.serialize_der()[16..48]].concat();
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let base64 = der.chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(digits[bits >> shift & 63]))
    });
    let base64: String = base64.collect();
    format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")
}

fn self_signed_server(algorithm: &'static SignatureAlgorithm) -> (TestServer, Address) {
    let hba = vec!["host all someone 127.0.0.1/32 scram-sha-256".to_owned()];
    let ssl = Some(self_signed(algorithm));
    let server = TestServer::with(&Options { hba, ssl, ..Options::default() });
    server.query("postgres", "CREATE ROLE someone LOGIN PASSWORD 'x'");
    let root = server.folder().join("server.crt");
    let place = format!("host={NAME} hostaddr=127.0.0.1 port={}", server.port());
    let login = "dbname=postgres user=someone password=x";
    let address = format!("{place} {login} sslmode=verify-full sslrootcert={}", root.display());
    (server, parse(&address))
}

#[test]
fn a_self_signed_certificate_may_be_its_own_root() {
    let (server, address) = self_signed_server(&PKCS_ECDSA_P384_SHA384);
    assert_eq!(way(&address), Way::Encrypted);
    let text = "sslmode=require channel_binding=require user=someone password=x dbname=postgres";
    let address = parse(&format!("host=127.0.0.1 port={} {text}", server.port()));
    assert_eq!(way(&address), Way::Encrypted, "its hash is SHA-384");
}

#[test]
fn a_certificate_without_a_hash_function_does_without_binding() {
    let (server, address) = self_signed_server(&PKCS_ED25519);
    assert_eq!(way(&address), Way::Encrypted);
    let text = "sslmode=require channel_binding=require user=someone password=x dbname=postgres";
    let error = refusal(&parse(&format!("host=127.0.0.1 port={} {text}", server.port())));
    assert!(error.to_string().contains("certificate does not allow it"), "{error}");
}
