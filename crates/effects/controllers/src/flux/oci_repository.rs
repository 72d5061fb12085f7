//! OCIRepository: observe the artifact and its signature, let [`deploy::source`] decide.

use api::text;
use deploy::source::{Failure, Fetched, Observed, Stage, decide, refusal};
use futures::future::BoxFuture;
use model::{ClusterName, Digest, Timestamp};
use oci::Reference;
use ports::Ports;
use ports::registry::RegistryError;
use serde_json::Value;

use super::{ARCHIVES, SOURCE, signed, trees};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

const NAME: &str = "OCIRepository";

/// Looks after OCIRepositories.
pub struct OciRepository {
    ports: Ports,
}

impl OciRepository {
    /// Makes the controller.
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    async fn fetch(&self, cluster: &ClusterName, object: &Value, now: Timestamp) -> Result<Fetched, Failure> {
        let spec = &object["spec"];
        if let Some(failure) = refusal(object) {
            return Err(failure);
        }
        let place =
            Reference::from_oci_url(text(spec, &["url"])).map_err(|error| Failure::of_spec(format!("URL validation failed: {error}")))?;
        let (version, digest) = self.resolve(&place, &spec["ref"]).await?;
        let place = place.with_digest(digest.clone());
        // The signature is checked before a byte of the content is looked at.
        let verified = signed::verified(&self.ports, cluster, object, &place, &digest, now).await?;
        let failed = |error: RegistryError| pull_failed(&error);
        let fetched = self.ports.registry.manifest(&place).await.map_err(failed)?;
        let malformed = |message: String| Failure {
            stage: Stage::Fetch,
            reason: "OCIArtifactLayerOperationFailed",
            message,
            stalled: false,
            passing: false,
        };
        let layer = trees::layer_of(&fetched.bytes).map_err(malformed)?;
        let bytes = self.ports.registry.blob(&place, &layer).await.map_err(failed)?;
        let unpacked = trees::of_artifact(&self.ports, text(spec, &["url"]), &digest).await;
        unpacked.map_err(|error| Failure { passing: error.passing, ..malformed(error.text) })?;
        let manifest: Value = serde_json::from_slice(&fetched.bytes).map_err(|error| malformed(error.to_string()))?;
        let annotations = manifest["annotations"].as_object().into_iter().flatten();
        let origin = |word: &str, key: &str| {
            manifest["annotations"][key].as_str().map(|value| format!(", origin {word} '{value}'")).unwrap_or_default()
        };
        let revision = if version.is_empty() { digest.to_string() } else { format!("{version}@{digest}") };
        let news = format!(
            "stored artifact with revision '{revision}' from '{}'{}{}",
            text(spec, &["url"]),
            origin("source", "org.opencontainers.image.source"),
            origin("revision", "org.opencontainers.image.revision")
        );
        let path = format!("ocirepository/{}/{}/{}.tar.gz", api::namespace(object), api::name(object), digest);
        Ok(Fetched {
            revision,
            digest: layer.to_string(),
            size: bytes.len() as u64,
            url: format!("{ARCHIVES}{path}"),
            path,
            metadata: annotations.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
            verified,
            news,
        })
    }

    /// Finds the digest that the object points at. A digest wins over a tag, and the tag must then have that digest.
    async fn resolve(&self, place: &Reference, wanted: &Value) -> Result<(String, Digest), Failure> {
        let (tag, digest) = (text(wanted, &["tag"]), text(wanted, &["digest"]));
        if !digest.is_empty() {
            let digest = digest.parse().map_err(|error: model::DigestError| Failure::of_spec(format!("spec.ref.digest: {error}")))?;
            return Ok((tag.to_owned(), digest));
        }
        let tag = if tag.is_empty() { "latest" } else { tag };
        let named = tag.parse().map_err(|error: oci::ReferenceError| Failure::of_spec(format!("spec.ref.tag: {error}")))?;
        let found = self.ports.registry.resolve(&place.with_tag(named)).await.map_err(|error| pull_failed(&error))?;
        let digest = found.ok_or_else(|| pull_failed(&RegistryError::NotFound(format!("{}:{tag}", place.location()))))?;
        Ok((tag.to_owned(), digest))
    }
}

fn pull_failed(error: &RegistryError) -> Failure {
    let message = format!("failed to determine artifact digest: {}", model::chain(error));
    Failure { stage: Stage::Fetch, reason: "OCIArtifactPullFailed", message, stalled: false, passing: error.is_passing() }
}

impl Controller for OciRepository {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        "source-controller"
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn watches(&self) -> Vec<Watched> {
        vec![Watched { api_version: SOURCE, kind: NAME }]
    }

    fn serves(&self, _cluster: &ClusterName) -> bool {
        true
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        match event {
            Event::Object { cluster, object, .. } if object["kind"] == NAME => vec![Wake::One(Key::of(NAME, cluster, object))],
            // A push by digest may be the signature that was awaited.
            Event::Tagged { .. } => vec![Wake::All(None)],
            _ => Vec::new(),
        }
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let Some(object) = self.ports.clusters.get(&key.cluster)?.get(&super::reference(SOURCE, NAME, key)).await? else {
                return Ok(None);
            };
            let suspended = object["spec"]["suspend"] == true;
            let fetched =
                if suspended { Err(Failure::of_spec("suspended".into())) } else { self.fetch(&key.cluster, &object, seen.now).await };
            let decision = decide(&Observed { cluster: key.cluster.clone(), object: object.clone(), now: seen.now, fetched });
            Ok(Some(Pass { subject: Some(object), decision }))
        })
    }
}
