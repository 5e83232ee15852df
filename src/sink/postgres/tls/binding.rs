//! `tls-server-end-point` (RFC 5929): a hash of the server's certificate, which a password exchange
//! includes to prove that both ends see the same TLS session.

use sha2::Digest;
use sha2::Sha224;
use sha2::Sha256;
use sha2::Sha384;
use sha2::Sha512;

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;

/// 1.2.840.113549.1.1, RSA's signatures.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// 1.2.840.10045.4.3, ECDSA's signatures with SHA-2.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
/// 1.2.840.10045.4.1, ECDSA with SHA-1.
const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
/// 2.16.840.1.101.3.4.2, the SHA-2 hashes.
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash of a certificate (DER) by the hash function of its own signature, MD5 and SHA-1 being
/// replaced by SHA-256. `None` where the signature has none (`Ed25519`) or is not known.
pub(in super::super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match hash(certificate)? {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

/// `Certificate ::= SEQUENCE { toBeSigned, algorithm SEQUENCE { id, parameters }, signature }`
fn hash(certificate: &[u8]) -> Option<Hash> {
    let (content, _) = element(certificate, SEQUENCE)?;
    let (_, after) = element(content, SEQUENCE)?;
    let (algorithm, _) = element(after, SEQUENCE)?;
    let (id, parameters) = element(algorithm, OBJECT_ID)?;
    if let Some(number) = id.strip_prefix(RSA) {
        return match number {
            [4 | 5 | 11] => Some(Hash::Sha256),
            [12] => Some(Hash::Sha384),
            [13] => Some(Hash::Sha512),
            [14] => Some(Hash::Sha224),
            // RSASSA-PSS says its hash in its parameters; silence means SHA-1.
            [10] => Some(pss(parameters)),
            _ => None,
        };
    }
    match id.strip_prefix(ECDSA) {
        Some([1]) => Some(Hash::Sha224),
        Some([2]) => Some(Hash::Sha256),
        Some([3]) => Some(Hash::Sha384),
        Some([4]) => Some(Hash::Sha512),
        _ => (id == ECDSA_SHA1).then_some(Hash::Sha256),
    }
}

/// The hash comes first among the parameters; that of the mask follows it.
fn pss(parameters: &[u8]) -> Hash {
    let found = parameters.windows(SHA2.len() + 1).find_map(|window| window.strip_prefix(SHA2));
    match found {
        Some([2]) => Hash::Sha384,
        Some([3]) => Hash::Sha512,
        Some([4]) => Hash::Sha224,
        _ => Hash::Sha256,
    }
}

/// The content of the DER element at the beginning, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (len, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        // The long form: so many bytes of length. Four tell more than any certificate has.
        let count = usize::from(first & 0x7f);
        let (len, rest) = rest.split_at_checked(count).filter(|_| (1..=4).contains(&count))?;
        (len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &len, content].concat()
    }

    fn certificate(id: &[u8], parameters: &[u8]) -> Vec<u8> {
        let algorithm = [wrap(OBJECT_ID, id), parameters.to_vec()].concat();
        let parts = [wrap(SEQUENCE, &[7; 300]), wrap(SEQUENCE, &algorithm), vec![3, 1, 0]];
        wrap(SEQUENCE, &parts.concat())
    }

    #[test]
    fn the_signature_tells_the_hash() {
        for (id, number, expected) in [
            (RSA, 4, Some(Hash::Sha256)),
            (RSA, 5, Some(Hash::Sha256)),
            (RSA, 11, Some(Hash::Sha256)),
            (RSA, 12, Some(Hash::Sha384)),
            (RSA, 13, Some(Hash::Sha512)),
            (RSA, 99, None),
            (ECDSA, 2, Some(Hash::Sha256)),
            (ECDSA, 4, Some(Hash::Sha512)),
            (&[0x2b, 0x65], 0x70, None),
        ] {
            let id = [id, &[number]].concat();
            assert_eq!(hash(&certificate(&id, &[5, 0])), expected, "{id:?}");
        }
        let pss = [RSA, &[10]].concat();
        let sha512 = wrap(OBJECT_ID, &[SHA2, &[3]].concat());
        assert_eq!(hash(&certificate(&pss, &sha512)), Some(Hash::Sha512));
        assert_eq!(hash(&certificate(&pss, &[])), Some(Hash::Sha256));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), tag in 0x2f..0x32_u8) {
            let _ = end_point(&bytes);
            let _ = end_point(&wrap(tag, &wrap(0x30, &bytes)));
        }
    }
}
