//! Whether somebody whose signature counts has signed an artifact: with the patterns that Flux's and Kargo's fields hold.

use api::text;
use model::{Digest, Timestamp};
use oci::Reference;
use ports::{Ports, Unsigned};
use serde_json::Value;
use sign::{IdentityMatch, Match, Policy, TrustRoot, Verified};

/// Reads a list of `matchOIDCIdentity`: patterns of issuer and subject, of which any one entry is enough.
pub(crate) fn identities(list: &Value) -> Result<Vec<IdentityMatch>, String> {
    let read = |entry: &Value| {
        let pattern = |field: &str| Match::regexp(text(entry, &[field])).map_err(|error| format!("{field}: {error}"));
        Ok(IdentityMatch { issuer: pattern("issuer")?, subject: pattern("subject")? })
    };
    list.as_array().into_iter().flatten().map(read).collect()
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
    ports::verified(&ports.registry, root, &place.with_digest(digest.clone()), &Policy { identities, now }).await
}
