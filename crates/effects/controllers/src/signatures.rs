//! Whether somebody whose signature counts has signed an artifact: looks the evidence up, and lets [`sign`] decide.

use api::text;
use model::{Digest, Timestamp};
use oci::Reference;
use ports::Ports;
use ports::registry::RegistryError;
use serde_json::Value;
use sign::{IdentityMatch, MAX_BUNDLES, Match, Policy, TrustRoot, Verified};

/// Reads a list of `matchOIDCIdentity`: patterns of issuer and subject, of which any one entry is enough.
pub(crate) fn identities(list: &Value) -> Result<Vec<IdentityMatch>, String> {
    let read = |entry: &Value| {
        let pattern = |field: &str| Match::regexp(text(entry, &[field])).map_err(|error| format!("{field}: {error}"));
        Ok(IdentityMatch { issuer: pattern("issuer")?, subject: pattern("subject")? })
    };
    list.as_array().into_iter().flatten().map(read).collect()
}

/// Why no signature counts.
pub(crate) struct Unsigned {
    pub why: String,
    /// Whether that is not known, because the registry did not answer.
    pub passing: bool,
}

impl From<&str> for Unsigned {
    fn from(why: &str) -> Self {
        Self { why: why.to_owned(), passing: false }
    }
}

/// Returns the signature that counts, or why none does. `root` is the object's own; without one that of the world stands.
pub(crate) async fn verified(
    ports: &Ports,
    root: Option<&TrustRoot>,
    place: &Reference,
    digest: &Digest,
    identities: Vec<IdentityMatch>,
    now: Timestamp,
) -> Result<Verified, Unsigned> {
    let root = root.or(ports.trust.as_deref()).ok_or("there is no trust root")?;
    let unread = |error: RegistryError| Unsigned { why: crate::driver::chain(&error), passing: error.is_passing() };
    let bundles = ports.registry.bundles(place, digest, MAX_BUNDLES + 1).await.map_err(unread)?;
    let refused = |refusal: sign::Refusal| Unsigned { why: refusal.to_string(), passing: false };
    sign::choose(root, bundles, digest, &Policy { identities, now }).map_err(refused)
}
