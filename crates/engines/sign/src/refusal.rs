//! Why a signature is not accepted. Read first: [`Refusal`].

use model::{Code, Digest, Verdict};
use sigstore_verify::{CertificateError, Error, TransparencyLogError};

/// Why a signature is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing to check.
    #[error("there is no signature: no sigstore bundle refers to {0}, and it has no .sig tag")]
    NoSignature(Digest),
    /// The policy names nobody, so nobody can satisfy it.
    #[error("the policy names no identity, so no signature can satisfy it")]
    NoPolicy,
    /// It is no signature, or its parts contradict each other.
    #[error("the signature is malformed: {0}")]
    Malformed(String),
    /// It is of a kind that is not read.
    #[error("the signature is not supported: {0}")]
    Unsupported(String),
    /// It was made by somebody else.
    #[error("the signature is by {subject} from {issuer}, wanted is {wanted}")]
    WrongIdentity {
        /// Who vouches for the signer.
        issuer: String,
        /// Who signed.
        subject: String,
        /// What the policy asks for.
        wanted: String,
    },
    /// The certificate names two different issuers.
    #[error("the certificate names two issuers, {first} and {second}")]
    TwoIssuers {
        /// The one of the old extension.
        first: String,
        /// The one of the present extension.
        second: String,
    },
    /// The statement is about other digests.
    #[error("the statement is about {found}, not about {wanted}")]
    WrongDigest {
        /// What is to be verified.
        wanted: Digest,
        /// What the statement names.
        found: String,
    },
    /// The statement is another attestation than a signature.
    #[error("the statement is {found}, not a signature ({wanted})", wanted = crate::PREDICATE_TYPE)]
    WrongPredicate {
        /// What kind it is.
        found: String,
    },
    /// Nothing proves that a log of the trust root holds the signature.
    #[error("the signature is not logged: {0}")]
    NotLogged(String),
    /// The log entry is about another signature.
    #[error("the log entry does not belong to this signature: {0}")]
    ForeignEntry(String),
    /// Nothing proves when it was made.
    #[error("nothing proves when the signature was made: {0}")]
    NoTime(String),
    /// A certificate or key was not valid when it was made.
    #[error("the signature was made outside the time it may be made in: {0}")]
    Expired(String),
    /// Its time is ahead of now.
    #[error("the signature claims to be made in the future: {0}")]
    Future(String),
    /// No authority of the trust root has issued the certificate.
    #[error("the certificate is not issued by an authority of the trust root: {0}")]
    UntrustedCertificate(String),
    /// The signature is not over this statement.
    #[error("the signature does not verify: {0}")]
    BadSignature(String),
    /// Several signatures, none of them good.
    #[error("none of {count} signatures is good: {}", texts(.reasons))]
    NoneGood {
        /// How many there are.
        count: usize,
        /// Why the first few are refused.
        reasons: Vec<Refusal>,
    },
    /// More signatures than are looked at.
    #[error("none of the first {limit} signatures is good, and more are not looked at")]
    TooMany {
        /// How many are looked at.
        limit: usize,
    },
}

fn texts(reasons: &[Refusal]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Refusal {
    /// Returns what a gate answers.
    pub fn verdict(&self) -> Verdict {
        let (code, remedy) = match self {
            Self::NoPolicy => (Code::Malformed, "name the issuer and subject whose signatures count"),
            Self::Malformed(_) => (Code::Malformed, "sign the digest again"),
            Self::Unsupported(_) => (Code::Unsupported, "sign the digest with a sigstore bundle 0.3, as cosign 3 does"),
            Self::NoSignature(_) | Self::NoneGood { .. } => (Code::Unsigned, "sign the digest with an identity that the policy names"),
            Self::WrongIdentity { .. } => (Code::Unsigned, "sign with an identity that the policy names, or change the policy"),
            Self::WrongDigest { .. } | Self::WrongPredicate { .. } => (Code::Unsigned, "sign this very digest"),
            Self::TwoIssuers { .. } | Self::UntrustedCertificate(_) => {
                (Code::Unsigned, "sign with a certificate of an authority in the trust root, or renew the trust root")
            }
            Self::NotLogged(_) | Self::ForeignEntry(_) | Self::NoTime(_) => {
                (Code::Unsigned, "sign again with a log of the trust root, or renew the trust root")
            }
            Self::Expired(_) | Self::Future(_) => (Code::Unsigned, "sign again, and compare the clocks of signer, log and verifier"),
            Self::BadSignature(_) => (Code::Unsigned, "sign the digest again; somebody may have tampered with the bundle"),
            Self::TooMany { .. } => (Code::Unsigned, "remove referrers that are no signatures of this digest"),
        };
        Verdict::Refuse { code, why: self.to_string(), remedy: remedy.to_owned() }
    }

    /// Says in our words what the library found.
    pub(crate) fn of(error: Error, wanted: &Digest, found: &str) -> Self {
        match error {
            Error::ArtifactMismatch(_) => Self::WrongDigest { wanted: wanted.clone(), found: found.to_owned() },
            Error::SignatureInvalid(why) => Self::BadSignature(why),
            Error::Certificate(error @ (CertificateError::Expired { .. } | CertificateError::NotYetValid { .. })) => {
                Self::Expired(error.to_string())
            }
            Error::Certificate(error) => Self::UntrustedCertificate(error.to_string()),
            Error::TransparencyLog(error) => Self::of_log(error),
            Error::Timestamp(error) => Self::NoTime(error.to_string()),
            Error::UnsupportedBundle(why) => Self::Unsupported(why),
            // The rest are ways of being malformed; the enum may grow.
            other => Self::Malformed(other.to_string()),
        }
    }

    fn of_log(error: TransparencyLogError) -> Self {
        match error {
            TransparencyLogError::EntryMismatch(why) | TransparencyLogError::MalformedEntry(why) => Self::ForeignEntry(why),
            TransparencyLogError::IntegratedTime(why) if why.contains("in the future") => Self::Future(why),
            TransparencyLogError::IntegratedTime(why) => Self::Expired(why),
            // Unknown log, proof, checkpoint, promise; the enum may grow.
            other => Self::NotLogged(other.to_string()),
        }
    }
}
