//! The trust root: which authorities and logs count, and when. Read first: [`TrustRoot::parse`].

use model::Timestamp;
use serde_json::Value;
use sigstore_trust_root::TrustedRoot;
use sigstore_types::{LogId, TimeRange};
use sigstore_verify::Verifier;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::BasicConstraints;

use crate::chain::Authority;
use crate::shape;

/// Public Sigstore's is 7 kB.
const LONGEST: usize = 1 << 20;
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

/// Which authorities and logs count, and when.
pub struct TrustRoot {
    pub(crate) verifier: Verifier,
    pub(crate) authorities: Vec<Authority>,
    logs: Vec<(LogId, Option<TimeRange>)>,
}

/// Why a `trusted_root.json` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the trust root cannot be used: {0}")]
pub struct TrustRootError(String);

impl TrustRoot {
    /// Reads a `trusted_root.json` of version 0.1.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustRootError> {
        let refuse = |error: &dyn std::fmt::Display| TrustRootError(error.to_string());
        if bytes.len() > LONGEST {
            return Err(TrustRootError(format!("it is longer than {LONGEST} bytes")));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| refuse(&error))?;
        let document: Value = serde_json::from_str(text).map_err(|error| refuse(&error))?;
        if document["mediaType"] != MEDIA_TYPE {
            return Err(TrustRootError(format!("mediaType is not {MEDIA_TYPE}")));
        }
        shape::check(&document, shape::TRUST_ROOT).map_err(TrustRootError)?;
        let root = TrustedRoot::from_json(text).map_err(|error| refuse(&error))?;
        let verifier = Verifier::new(&root).map_err(|error| refuse(&error))?;
        let read =
            |bytes: &[u8]| Certificate::from_der(bytes).map_err(|error| TrustRootError(format!("a certificate is malformed: {error}")));
        let mut authorities = Vec::new();
        for authority in &root.certificate_authorities {
            let certificates =
                authority.cert_chain.certificates.iter().map(|each| read(each.raw_bytes.as_bytes())).collect::<Result<_, _>>()?;
            authorities.push(Authority { window: authority.valid_for, certificates });
        }
        for each in root.timestamp_authorities.iter().flat_map(|authority| &authority.cert_chain.certificates) {
            check_timestamp_certificate(&read(each.raw_bytes.as_bytes())?)?;
        }
        let logs = root.tlogs.iter().map(|log| (log.log_id.clone(), log.public_key.valid_for)).collect();
        Ok(Self { verifier, authorities, logs })
    }

    /// Checks that the log's key counted at this time.
    pub(crate) fn log_counts(&self, id: &LogId, time: Timestamp) -> bool {
        self.logs.iter().any(|(each, window)| each == id && window.is_none_or(|window| window.contains(time)))
    }
}

/// RFC 3161 demands that whoever stamps may do nothing else, critically; the library does not ask.
fn check_timestamp_certificate(certificate: &Certificate) -> Result<(), TrustRootError> {
    let authority = matches!(certificate.tbs_certificate.get::<BasicConstraints>(), Ok(Some((_, constraints))) if constraints.ca);
    let extensions = certificate.tbs_certificate.extensions.iter().flatten();
    let critical = extensions.filter(|each| each.extn_id.to_string() == EXTENDED_KEY_USAGE).any(|each| each.critical);
    if authority || critical {
        return Ok(());
    }
    Err(TrustRootError("a timestamp authority's certificate has no critical extended key usage".to_owned()))
}

impl std::fmt::Debug for TrustRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TrustRoot({} authorities, {} logs)", self.authorities.len(), self.logs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigstore_trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, SIGSTORE_STAGING_TRUSTED_ROOT};

    #[test]
    fn it_is_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<TrustRoot>();
    }

    #[test]
    fn the_public_roots_are_read_and_changed_ones_are_not() {
        assert!(TrustRoot::parse(SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes()).is_ok());
        assert!(TrustRoot::parse(SIGSTORE_STAGING_TRUSTED_ROOT.as_bytes()).is_ok());
        for (from, to, why) in [
            ("version=0.1", "version=0.9", "mediaType"),
            ("\"tlogs\"", "\"tlog\"", "the field .tlog is not known"),
            ("\"certChain\"", "\"x\": 1, \"certChain\"", "the field .certificateAuthorities.x is not known"),
        ] {
            let error = TrustRoot::parse(SIGSTORE_PRODUCTION_TRUSTED_ROOT.replacen(from, to, 1).as_bytes()).expect_err(from);
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
