//! Keyless signatures as values: the statement, its envelope, the log entry and the bundle around a [`Signer`], and the check
//! of a bundle against a trust root and a policy. Every refusal says why.
//!
//! Written and read are two formats: the sigstore bundle 0.3 with an in-toto statement, as an OCI referrer, and cosign's legacy
//! one under a `.sig` tag. Signatures by a plain key are refused.
//! Read first: [`verify_bundle`], [`Policy`], [`Refusal`], [`assemble`]. Pure: no network, no file; time and randomness are
//! arguments. The one exception is inside `sigstore-verify`, which also refuses times ahead of the machine's own clock.

mod assemble;
mod chain;
mod evidence;
mod keys;
mod legacy;
mod policy;
mod refusal;
mod request;
mod root;
mod shape;
mod signer;
mod statement;
mod verify;

pub use assemble::{AssembleError, assemble, referrer};
pub use evidence::Evidence;
pub use keys::{KeyError, check_prehashed, check_signature, from_pem, to_pem};
pub use legacy::{Legacy, signature_tag};
pub use policy::{IdentityMatch, Match, Policy};
pub use refusal::Refusal;
pub use request::{certificate_request, dsse_entry, hashed_entry, timestamp_request};
pub use root::{TrustRoot, TrustRootError};
pub use signer::{EphemeralKey, Signer};
pub use statement::{Envelope, PAYLOAD_TYPE, PREDICATE_TYPE, pae, statement};
pub use verify::{MAX_BUNDLES, Verified, choose, verify_bundle};
