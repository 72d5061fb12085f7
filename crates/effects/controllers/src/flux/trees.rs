//! The content of a source's revision, from the cache or fetched anew by its digest.

use std::sync::Arc;

use api::text;
use model::{Digest, Tree};
use oci::{Limits, Manifest, Reference, unpack_layer};
use ports::Ports;
use ports::registry::RegistryError;
use serde_json::Value;

/// Most bytes that an artifact may unpack to.
const ARTIFACT: u64 = 256 << 20;

/// Why there is no content.
pub(super) struct Unfetched {
    pub text: String,
    /// Whether asking again soon may help.
    pub passing: bool,
}

impl From<String> for Unfetched {
    fn from(text: String) -> Self {
        Self { text, passing: false }
    }
}

fn of_registry(error: RegistryError) -> Unfetched {
    Unfetched { text: model::chain(&error), passing: error.is_passing() }
}

/// Returns the content of the artifact that a source tells; the revision names the bytes.
pub(super) async fn of_source(ports: &Ports, source: &Value) -> Result<Arc<Tree>, Unfetched> {
    let revision = text(source, &["status", "artifact", "revision"]);
    let url = text(source, &["spec", "url"]);
    match text(source, &["kind"]) {
        "OCIRepository" => {
            let digest = revision.rsplit_once('@').map_or(revision, |(_, digest)| digest);
            let digest: Digest = digest.parse().map_err(|error| format!("revision {revision:?}: {error}"))?;
            of_artifact(ports, url, &digest).await
        }
        "GitRepository" => {
            let commit =
                revision.rsplit_once("@sha1:").map(|(_, commit)| commit).ok_or_else(|| format!("revision {revision:?} names no commit"))?;
            of_commit(ports, url, commit).await
        }
        kind => Err(format!("sources of kind {kind} are not supported").into()),
    }
}

/// Returns the content of a commit.
pub(super) async fn of_commit(ports: &Ports, url: &str, commit: &str) -> Result<Arc<Tree>, Unfetched> {
    let name = format!("git:{commit}");
    if let Some(tree) = ports.trees.get(&name) {
        return Ok(tree);
    }
    let id = commit.parse().map_err(|_| format!("{commit:?} is no commit id"))?;
    let tree = ports.git.tree(url, &id).await.map_err(|error| Unfetched { text: model::chain(&error), passing: error.is_passing() })?;
    Ok(ports.trees.keep(&name, tree))
}

/// Returns the content of an artifact.
pub(super) async fn of_artifact(ports: &Ports, url: &str, digest: &Digest) -> Result<Arc<Tree>, Unfetched> {
    let name = format!("oci:{digest}");
    if let Some(tree) = ports.trees.get(&name) {
        return Ok(tree);
    }
    let place = Reference::from_oci_url(url).map_err(|error| error.to_string())?.with_digest(digest.clone());
    let fetched = ports.registry.manifest(&place).await.map_err(of_registry)?;
    let layer = layer_of(&fetched.bytes)?;
    let bytes = ports.registry.blob(&place, &layer).await.map_err(of_registry)?;
    let limits = Limits { bytes: ARTIFACT, ..Limits::default() };
    let tree = unpack_layer(&bytes, &limits).map_err(|error| format!("the artifact cannot be unpacked: {error}"))?;
    Ok(ports.trees.keep(&name, tree))
}

/// Returns the layer that holds the files: the first one, as Flux without `layerSelector`.
pub(super) fn layer_of(manifest: &[u8]) -> Result<Digest, String> {
    let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| format!("the manifest is malformed: {error}"))?;
    let layer = manifest.layers.first().ok_or("no layers found in artifact")?;
    Ok(layer.digest.clone())
}
