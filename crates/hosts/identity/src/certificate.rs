//! The certificates of the authorities and of signers. Follows sigstore/fulcio `docs/certificate-specification.md`.
//! Read first: [`signer`].

use model::Timestamp;
use sha2::{Digest as _, Sha256};
use x509_cert::der::{Decode as _, Encode as _};

use crate::der;
use crate::keys::Key;

/// How long an authority is good.
const TEN_YEARS: i64 = 3650 * 24 * 3600;
/// How long a signer's certificate is good.
pub(crate) const TEN_MINUTES: i64 = 600;

const KEY_USAGE: &str = "2.5.29.15";
const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const SUBJECT_KEY_ID: &str = "2.5.29.14";
const AUTHORITY_KEY_ID: &str = "2.5.29.35";
const SUBJECT_ALTERNATIVE_NAME: &str = "2.5.29.17";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";
/// The arc of Fulcio's extensions.
const FULCIO: &str = "1.3.6.1.4.1.57264.1";

const AUTHORITY_NAME: &str = "certificate authority";
const TIMESTAMP_ROOT_NAME: &str = "timestamp root";
const TIMESTAMP_NAME: &str = "timestamp authority";

struct Certificate {
    issuer: Vec<u8>,
    subject: Vec<u8>,
    from: Timestamp,
    seconds: i64,
    spki: Vec<u8>,
    extensions: Vec<Vec<u8>>,
    serial: [u8; 20],
}

/// Returns the certificate authority's own certificate.
pub(crate) fn authority(key: &Key, host: &str, now: Timestamp) -> Vec<u8> {
    root(key, &name(host, AUTHORITY_NAME), now)
}

/// Returns the certificate that stands above the timestamp authority.
pub(crate) fn timestamp_root(key: &Key, host: &str, now: Timestamp) -> Vec<u8> {
    root(key, &name(host, TIMESTAMP_ROOT_NAME), now)
}

fn root(key: &Key, name: &[u8], now: Timestamp) -> Vec<u8> {
    let extensions = vec![
        // May issue certificates, but no authorities.
        extension(BASIC_CONSTRAINTS, true, &der::sequence(&[der::boolean_true(), der::integer(&[0])])),
        // keyCertSign and cRLSign.
        extension(KEY_USAGE, true, &[0x03, 0x02, 0x01, 0x06]),
        extension(SUBJECT_KEY_ID, false, &der::octets(&key_id(key.point()))),
    ];
    let certificate = Certificate {
        issuer: name.to_vec(),
        subject: name.to_vec(),
        from: now,
        seconds: TEN_YEARS,
        spki: key.spki.clone(),
        extensions,
        serial: serial(),
    };
    signed(&certificate.body(), key)
}

/// Returns the timestamp authority's certificate.
pub(crate) fn timestamp(key: &Key, root: &Key, host: &str, now: Timestamp) -> Vec<u8> {
    let extensions = vec![
        extension(KEY_USAGE, true, &[0x03, 0x02, 0x07, 0x80]),
        // Critical and alone, as RFC 3161 demands.
        extension(EXTENDED_KEY_USAGE, true, &der::sequence(&[der::oid(TIME_STAMPING)])),
        extension(SUBJECT_KEY_ID, false, &der::octets(&key_id(key.point()))),
        authority_key_id(root),
    ];
    let certificate = Certificate {
        issuer: name(host, TIMESTAMP_ROOT_NAME),
        subject: name(host, TIMESTAMP_NAME),
        from: now,
        seconds: TEN_YEARS,
        spki: key.spki.clone(),
        extensions,
        serial: serial(),
    };
    signed(&certificate.body(), root)
}

/// Who a signer's certificate is for.
pub(crate) struct Signer<'a> {
    /// SubjectPublicKeyInfo in DER.
    pub spki: &'a [u8],
    /// The key's bits alone.
    pub key_bits: &'a [u8],
    /// The subject alternative name.
    pub uri: &'a str,
    /// The OIDC issuer.
    pub issuer: &'a str,
    /// Fulcio's other extensions by number; up to 6 they are raw, from 7 on DER strings.
    pub claims: &'a [(u8, String)],
}

/// The keys and the issuer's name that sign for a signer.
pub(crate) struct Issuing<'a> {
    pub authority: &'a Key,
    /// The authority's name in DER.
    pub authority_name: &'a [u8],
    pub certificate_log: &'a Key,
}

/// Returns a signer's certificate of ten minutes with the certificate log's promise embedded.
pub(crate) fn signer(signer: &Signer<'_>, issuing: &Issuing<'_>, now: Timestamp) -> Vec<u8> {
    let mut extensions = vec![
        extension(KEY_USAGE, true, &[0x03, 0x02, 0x07, 0x80]),
        extension(EXTENDED_KEY_USAGE, false, &der::sequence(&[der::oid(CODE_SIGNING)])),
        extension(SUBJECT_KEY_ID, false, &der::octets(&key_id(signer.key_bits))),
        authority_key_id(issuing.authority),
        // Critical because the subject is empty.
        extension(SUBJECT_ALTERNATIVE_NAME, true, &der::sequence(&[der::value(0x86, signer.uri.as_bytes())])),
        extension(&format!("{FULCIO}.1"), false, signer.issuer.as_bytes()),
        extension(&format!("{FULCIO}.8"), false, &der::utf8(signer.issuer)),
    ];
    for (number, text) in signer.claims {
        let value = if *number < 7 { text.as_bytes().to_vec() } else { der::utf8(text) };
        extensions.push(extension(&format!("{FULCIO}.{number}"), false, &value));
    }
    let mut certificate = Certificate {
        issuer: issuing.authority_name.to_vec(),
        subject: der::sequence(&[]),
        from: Timestamp::from_second(now.as_second()).unwrap_or(now),
        seconds: TEN_MINUTES,
        spki: signer.spki.to_vec(),
        extensions,
        serial: serial(),
    };
    // The log signs the body without its promise, the authority the body with it.
    let list = sct_list(&certificate.body(), issuing, now);
    certificate.extensions.push(extension(SCT_LIST, false, &der::octets(&list)));
    signed(&certificate.body(), issuing.authority)
}

/// RFC 6962, 3.2 and 3.3.
fn sct_list(body: &[u8], issuing: &Issuing<'_>, now: Timestamp) -> Vec<u8> {
    let milliseconds = now.as_millisecond().max(0).to_be_bytes();
    let length = body.len().to_be_bytes();
    // Version 1, certificate timestamp, time, precertificate entry, issuer, body, no extensions.
    let mut message = vec![0, 0];
    message.extend_from_slice(&milliseconds);
    message.extend_from_slice(&[0, 1]);
    message.extend_from_slice(&issuing.authority.id);
    message.extend_from_slice(&length[5..]);
    message.extend_from_slice(body);
    message.extend_from_slice(&[0, 0]);
    let signature = issuing.certificate_log.sign(&message);
    let mut sct = vec![0];
    sct.extend_from_slice(&issuing.certificate_log.id);
    sct.extend_from_slice(&milliseconds);
    // No extensions; SHA-256 with ECDSA.
    sct.extend_from_slice(&[0, 0, 4, 3]);
    sct.extend_from_slice(&with_length(&signature));
    with_length(&with_length(&sct))
}

/// Two bytes of length before the content, which is always far shorter than they can say.
fn with_length(content: &[u8]) -> Vec<u8> {
    [&content.len().to_be_bytes()[6..], content].concat()
}

impl Certificate {
    /// The part that is signed.
    fn body(&self) -> Vec<u8> {
        let until = Timestamp::from_second(self.from.as_second().saturating_add(self.seconds)).unwrap_or(Timestamp::MAX);
        der::sequence(&[
            der::explicit(0, &der::integer(&[2])),
            der::integer(&self.serial),
            der::ecdsa_sha256(),
            self.issuer.clone(),
            der::sequence(&[der::time(self.from), der::time(until)]),
            self.subject.clone(),
            self.spki.clone(),
            der::explicit(3, &der::sequence(&self.extensions)),
        ])
    }
}

fn signed(body: &[u8], key: &Key) -> Vec<u8> {
    der::sequence(&[body.to_vec(), der::ecdsa_sha256(), der::bits(&key.sign(body))])
}

fn extension(oid: &str, critical: bool, content: &[u8]) -> Vec<u8> {
    let mut parts = vec![der::oid(oid)];
    if critical {
        parts.push(der::boolean_true());
    }
    parts.push(der::octets(content));
    der::sequence(&parts)
}

fn authority_key_id(authority: &Key) -> Vec<u8> {
    extension(AUTHORITY_KEY_ID, false, &der::sequence(&[der::value(0x80, &key_id(authority.point()))]))
}

/// RFC 7093, method 1.
fn key_id(bits: &[u8]) -> Vec<u8> {
    Sha256::digest(bits)[..20].to_vec()
}

fn name(organisation: &str, common: &str) -> Vec<u8> {
    let part = |oid: &str, text: &str| der::set(vec![der::sequence(&[der::oid(oid), der::utf8(text)])]);
    der::sequence(&[part("2.5.4.10", organisation), part("2.5.4.3", common)])
}

/// What others have to write about a certificate of ours: its subject, and its issuer with its serial number.
pub(crate) fn names_of(certificate: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let body = x509_cert::Certificate::from_der(certificate).ok()?.tbs_certificate;
    let issuer_and_serial = der::sequence(&[body.issuer.to_der().ok()?, body.serial_number.to_der().ok()?]);
    Some((body.subject.to_der().ok()?, issuer_and_serial))
}

/// 20 random bytes, positive and of full length.
fn serial() -> [u8; 20] {
    let mut serial: [u8; 20] = rand::random();
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}
