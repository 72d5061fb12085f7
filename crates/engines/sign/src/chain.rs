//! The way from a certificate up to its authority, checked whole at one moment.
//!
//! `sigstore-verify` takes every certificate of an authority for an anchor and so never asks whether the issuer itself had
//! expired, may issue at all, or how deep. Read first: [`issued`].

use sigstore_types::{DerPublicKey, HashAlgorithm, SignatureBytes, TimeRange};
use sigstore_verify::crypto::{KeyAlgorithm, VerificationKey};
use x509_cert::Certificate;
use x509_cert::der::Encode as _;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use model::Timestamp;

/// No real chain is deeper.
const DEEPEST: usize = 8;

/// Certificates of one authority, in any order, and when they count.
pub(crate) struct Authority {
    pub window: Option<TimeRange>,
    pub certificates: Vec<Certificate>,
}

/// Checks that one authority has issued the certificate, every certificate above it being valid at this time and allowed to
/// issue what is below.
pub(crate) fn issued(leaf: &Certificate, authorities: &[Authority], time: Timestamp) -> Result<(), String> {
    let mut why = format!("no authority counts at {time}");
    for authority in authorities.iter().filter(|each| each.window.is_none_or(|window| window.contains(time))) {
        match climb(leaf, authority, time) {
            Ok(()) => return Ok(()),
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

fn climb(leaf: &Certificate, authority: &Authority, time: Timestamp) -> Result<(), String> {
    let mut below = leaf;
    for depth in 0..DEEPEST {
        let Some(issuer) = authority.certificates.iter().find(|each| has_signed(each, below)) else {
            // Whatever stands at the top is trusted because it is listed, but something must stand there.
            return if depth == 0 { Err("the issuer is not listed".to_owned()) } else { Ok(()) };
        };
        may_issue(issuer, depth, time)?;
        if issuer.tbs_certificate.subject == issuer.tbs_certificate.issuer {
            return Ok(());
        }
        below = issuer;
    }
    Err("the chain is too deep".to_owned())
}

fn may_issue(issuer: &Certificate, depth: usize, time: Timestamp) -> Result<(), String> {
    let name = issuer.tbs_certificate.subject.to_string();
    let validity = &issuer.tbs_certificate.validity;
    let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    let now = time.as_second();
    if now < seconds(validity.not_before) || now > seconds(validity.not_after) {
        return Err(format!("the authority {name} was not valid at {time}"));
    }
    let Ok(Some((_, constraints))) = issuer.tbs_certificate.get::<BasicConstraints>() else {
        return Err(format!("{name} is no authority"));
    };
    if !constraints.ca {
        return Err(format!("{name} is no authority"));
    }
    if constraints.path_len_constraint.is_some_and(|longest| depth > usize::from(longest)) {
        return Err(format!("{name} may not stand so high above a certificate"));
    }
    match issuer.tbs_certificate.get::<KeyUsage>() {
        Ok(Some((_, usage))) if !usage.key_cert_sign() => Err(format!("{name} may not sign certificates")),
        Err(_) => Err(format!("{name} has a malformed key usage")),
        Ok(_) => Ok(()),
    }
}

fn has_signed(issuer: &Certificate, below: &Certificate) -> bool {
    let named = issuer.tbs_certificate.subject == below.tbs_certificate.issuer;
    named && check(issuer, below).is_some()
}

fn check(issuer: &Certificate, below: &Certificate) -> Option<()> {
    let spki = DerPublicKey::new(issuer.tbs_certificate.subject_public_key_info.to_der().ok()?);
    let hash = hash_of(below.signature_algorithm.oid)?;
    let kind = KeyAlgorithm::from_spki(&spki).ok()?;
    let scheme = match hash {
        Some(hash) => kind.resolve_signing_scheme(hash).ok()?,
        None => kind.default_signing_scheme(),
    };
    let key = VerificationKey::from_spki_with_scheme(&spki, scheme).ok()?;
    let message = below.tbs_certificate.to_der().ok()?;
    key.verify(message, &SignatureBytes::from_bytes(below.signature.raw_bytes())).ok()
}

/// The hash of a signature algorithm; `Some(None)` where the key's kind says it.
fn hash_of(algorithm: ObjectIdentifier) -> Option<Option<HashAlgorithm>> {
    match algorithm.to_string().as_str() {
        "1.2.840.10045.4.3.2" | "1.2.840.113549.1.1.11" => Some(Some(HashAlgorithm::Sha2256)),
        "1.2.840.10045.4.3.3" | "1.2.840.113549.1.1.12" => Some(Some(HashAlgorithm::Sha2384)),
        "1.2.840.10045.4.3.4" | "1.2.840.113549.1.1.13" => Some(Some(HashAlgorithm::Sha2512)),
        "1.3.101.112" => Some(None),
        _ => None,
    }
}
