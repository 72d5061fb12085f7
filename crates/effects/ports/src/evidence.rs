//! Whether somebody whose signature counts has signed what lies in a registry: looks the evidence up, and lets [`sign`] decide.
//! Read first: [`verified`].

use model::Digest;
use oci::{Descriptor, Index, Manifest, Reference, media_type};
use sign::{Evidence, Legacy, MAX_BUNDLES, Policy, Refusal, TrustRoot, Verified};

use crate::registry::{Registry, RegistryError};

/// Most images that an index may list, with the indexes below it.
const IMAGES: usize = 50;
/// Longest bundle that is fetched, in bytes.
const BUNDLE: u64 = 4 << 20;

/// Why no signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// What is missing.
    pub why: String,
    /// Whether that is not known, because the registry did not answer.
    pub passing: bool,
}

impl Unsigned {
    fn below(self, child: &Reference) -> Self {
        let why = format!("the index is signed, but it lists {child}, and there {} (`cosign sign --recursive` signs both)", self.why);
        Self { why, ..self }
    }
}

impl From<String> for Unsigned {
    fn from(why: String) -> Self {
        Self { why, passing: false }
    }
}

impl From<&str> for Unsigned {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

impl From<RegistryError> for Unsigned {
    fn from(error: RegistryError) -> Self {
        Self { why: model::chain(&error), passing: error.is_passing() }
    }
}

impl From<Refusal> for Unsigned {
    fn from(refusal: Refusal) -> Self {
        refusal.to_string().into()
    }
}

/// Returns the signature that counts of the manifest that `place` names by digest, or why none does.
///
/// Of an index every image that it lists has to be signed too, for one of them is what runs: `cosign sign --recursive` makes
/// all those signatures.
pub async fn verified(registry: &Registry, root: &TrustRoot, place: &Reference, policy: &Policy) -> Result<Verified, Unsigned> {
    let found = signed(registry, root, place, policy).await?;
    for image in registry.images_of(place).await? {
        signed(registry, root, &image, policy).await.map_err(|unsigned| unsigned.below(&image))?;
    }
    Ok(found)
}

/// Bundles come first; only where none of them is good it matters what lies under the `.sig` tag.
async fn signed(registry: &Registry, root: &TrustRoot, place: &Reference, policy: &Policy) -> Result<Verified, Unsigned> {
    let digest = place.digest.as_ref().ok_or_else(|| format!("{place} names no digest"))?;
    let mut evidence = registry.bundles(place, digest).await?;
    if let Ok(found) = sign::choose(root, &evidence, digest, policy) {
        return Ok(found);
    }
    // So that many useless ones of the one form do not hide a good one of the other.
    let legacy = registry.legacy_signatures(place, digest).await?;
    if let Ok(found) = sign::choose(root, &legacy, digest, policy) {
        return Ok(found);
    }
    evidence.extend(legacy);
    Ok(sign::choose(root, &evidence, digest, policy)?)
}

impl Registry {
    /// Returns the sigstore bundles that refer to a digest, one more than are looked at. What is no bundle is left out.
    pub async fn bundles(&self, place: &Reference, subject: &Digest) -> Result<Vec<Evidence>, RegistryError> {
        let mut bundles = Vec::new();
        for referrer in self.referrers(place, subject).await?.into_iter().take(MAX_BUNDLES + 1) {
            let fetched = self.manifest(&place.with_digest(referrer.digest)).await?;
            let Ok(manifest) = serde_json::from_slice::<Manifest>(&fetched.bytes) else { continue };
            let [layer] = manifest.layers.as_slice() else { continue };
            if layer.media_type == media_type::BUNDLE && layer.size <= BUNDLE {
                bundles.push(Evidence::Bundle(self.blob(place, &layer.digest).await?.to_vec()));
            }
        }
        Ok(bundles)
    }

    /// Returns the signatures under a digest's `.sig` tag, one more than are looked at. What is no signature is left out.
    pub async fn legacy_signatures(&self, place: &Reference, subject: &Digest) -> Result<Vec<Evidence>, RegistryError> {
        let Ok(tag) = sign::signature_tag(subject).parse() else { return Ok(Vec::new()) };
        let fetched = match self.manifest(&place.with_tag(tag)).await {
            Err(RegistryError::NotFound(_)) => return Ok(Vec::new()),
            other => other?,
        };
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&fetched.bytes) else { return Ok(Vec::new()) };
        let mut signatures = Vec::new();
        for layer in manifest.layers.into_iter().filter(Legacy::is_one).take(MAX_BUNDLES + 1) {
            let payload = self.blob(place, &layer.digest).await?.to_vec();
            signatures.push(Evidence::Legacy(Legacy::new(payload, layer.annotations)));
        }
        Ok(signatures)
    }

    /// Returns what the index at `place` lists, at any depth, that somebody could run; of anything else nothing. Lists of
    /// attestations, which never run, are left out.
    pub async fn images_of(&self, place: &Reference) -> Result<Vec<Reference>, RegistryError> {
        let mut found = Vec::new();
        let mut waiting = self.listed(place).await?;
        while let Some(image) = waiting.pop() {
            waiting.extend(self.listed(&image).await?);
            found.push(image);
            if found.len() + waiting.len() > IMAGES {
                let text = format!("it lists more than {IMAGES} images");
                return Err(RegistryError::Malformed { what: place.to_string(), text });
            }
        }
        Ok(found)
    }

    async fn listed(&self, place: &Reference) -> Result<Vec<Reference>, RegistryError> {
        let fetched = self.manifest(place).await?;
        if ![media_type::INDEX, media_type::DOCKER_LIST].contains(&fetched.media_type.as_str()) {
            return Ok(Vec::new());
        }
        let index: Index = serde_json::from_slice(&fetched.bytes)
            .map_err(|error| RegistryError::Malformed { what: place.to_string(), text: error.to_string() })?;
        Ok(index.manifests.into_iter().filter(runs).map(|child| place.with_digest(child.digest)).collect())
    }
}

/// BuildKit lists what it knows of an image's making beside the image, for no machine.
fn runs(child: &Descriptor) -> bool {
    let attests = child.annotations.get("vnd.docker.reference.type").is_some_and(|kind| kind == "attestation-manifest");
    let nowhere = child.platform.as_ref().is_some_and(|on| on.os == "unknown" && on.architecture == "unknown");
    !(attests && nowhere)
}
