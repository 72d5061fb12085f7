//! Whether an OCIRepository's artifact is signed as its `spec.verify` asks. Asked by whoever stores the artifact and by whoever
//! applies it: a status that somebody has written by hand proves nothing.

use api::text;
use base64::Engine as _;
use deploy::source::{Failure, Stage, refusal};
use model::{ClusterName, Digest, ObjectRef, Timestamp};
use oci::Reference;
use ports::Ports;
use serde_json::Value;
use sign::TrustRoot;

use crate::signatures;

/// Returns what is said of the signature; `None` where none is asked for.
pub(super) async fn verified(
    ports: &Ports,
    cluster: &ClusterName,
    object: &Value,
    place: &Reference,
    digest: &Digest,
    now: Timestamp,
) -> Result<Option<String>, Failure> {
    let wanted = &object["spec"]["verify"];
    if !wanted.is_object() {
        return Ok(None);
    }
    let failed = |why: String, passing: bool| Failure {
        stage: Stage::Verify,
        reason: "VerificationError",
        message: format!("failed to verify the signature using provider 'cosign keyless': {why}"),
        stalled: false,
        passing,
    };
    // Other providers and keys are among what is not supported: nothing else is to be checked here than what the field means.
    if let Some(failure) = refusal(object) {
        return Err(failure);
    }
    let identities = signatures::identities(&wanted["matchOIDCIdentity"])
        .map_err(|why| Failure::of_spec(format!("spec.verify.matchOIDCIdentity.{why}")))?;
    let own = trust_root(ports, cluster, object).await.map_err(|why| failed(why, false))?;
    let signature = signatures::verified(ports, own.as_ref(), place, digest, identities, now).await;
    let signature = signature.map_err(|unsigned| failed(unsigned.why, unsigned.passing))?;
    Ok(Some(format!("verified signature of revision {digest} by {}", signature.subject)))
}

/// Reads the trust root that the object names itself.
async fn trust_root(ports: &Ports, cluster: &ClusterName, object: &Value) -> Result<Option<TrustRoot>, String> {
    let name = text(object, &["spec", "verify", "trustedRootSecretRef", "name"]);
    if name.is_empty() {
        return Ok(None);
    }
    let reference =
        ObjectRef { api_version: "v1".into(), kind: "Secret".into(), namespace: api::namespace(object).into(), name: name.into() };
    let client = ports.clusters.get(cluster).map_err(|error| error.to_string())?;
    let secret = client.get(&reference).await.map_err(|error| error.to_string())?.ok_or_else(|| format!("secret {name:?} not found"))?;
    let encoded = text(&secret, &["data", "trusted_root.json"]);
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).map_err(|error| format!("secret {name:?}: {error}"))?;
    TrustRoot::parse(&bytes).map(Some).map_err(|error| format!("secret {name:?}: {error}"))
}
