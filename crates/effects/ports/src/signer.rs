//! Keyless signing: a short-lived certificate for an identity token, an entry in the log, and the signature beside what is signed.
//! Read first: [`Signer::sign`]. Follows sigstore/cosign `cmd/cosign/cli/sign`.

use bytes::Bytes;
use http::{Request, header};
use model::{Digest, Timestamp};
use oci::{Descriptor, Reference, media_type};
use serde_json::Value;
use sign::{Envelope, EphemeralKey, Legacy};

use crate::registry::{Registry, RegistryError};
use crate::{Web, WebError};

/// Why something was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// A service does not answer.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The registry refused.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A service refused.
    #[error("{service} refused: {message}")]
    Refused {
        /// Which service.
        service: &'static str,
        /// Its words.
        message: String,
    },
    /// An answer is not what it must be.
    #[error("{0}")]
    Malformed(String),
}

/// The services that keyless signing needs.
#[derive(Clone)]
pub struct Signer {
    /// Reaches them.
    pub web: Web,
    /// The certificate authority (Fulcio).
    pub fulcio: String,
    /// The transparency log (Rekor).
    pub rekor: String,
    /// The timestamp authority; empty for none.
    pub timestamps: String,
}

impl Signer {
    /// Signs a digest as whoever the identity token (audience `sigstore`) names: as a bundle that is attached to it, and in
    /// cosign's legacy form under its `.sig` tag, for verifiers that know only that. `randomness` gives the key that is used
    /// this once. Returns the digest of the bundle's manifest. Signing again adds to what is there.
    pub async fn sign(
        &self,
        registry: &Registry,
        place: &Reference,
        token: &str,
        randomness: [u8; 32],
        now: Timestamp,
    ) -> Result<Digest, SignerError> {
        let fetched = registry.manifest(place).await?;
        let (key, pem) = self.identity(token, &randomness).await?;
        self.attach_legacy(registry, place, &fetched.digest, &key, &pem).await?;
        let envelope = Envelope::sign(&key, sign::statement(&fetched.digest));
        let proof = self.witness(sign::dsse_entry(&envelope, &pem), &envelope.signature).await?;
        let (_, der) = sign::from_pem(&pem, &["CERTIFICATE"]).map_err(malformed)?;
        let bundle = sign::assemble(&der, &envelope, &proof.logged, proof.stamp.as_deref()).map_err(malformed)?;
        let subject = Descriptor::new(&fetched.media_type, fetched.digest.clone(), fetched.bytes.len() as u64);
        let (manifest, config) = sign::referrer(subject, &bundle, now);
        registry.put_blob(place, &config).await?;
        registry.put_blob(place, &bundle).await?;
        let digest = Digest::of(&manifest);
        registry.put_manifest(place, digest.as_str(), media_type::MANIFEST, &manifest).await?;
        Ok(digest)
    }

    /// Signs a digest in cosign's legacy form alone; see [`Self::sign`].
    pub async fn sign_legacy(&self, registry: &Registry, place: &Reference, token: &str, randomness: [u8; 32]) -> Result<(), SignerError> {
        let fetched = registry.manifest(place).await?;
        let (key, pem) = self.identity(token, &randomness).await?;
        self.attach_legacy(registry, place, &fetched.digest, &key, &pem).await
    }

    /// Returns a key and the certificate that says whose it is.
    async fn identity(&self, token: &str, randomness: &[u8; 32]) -> Result<(EphemeralKey, String), SignerError> {
        let key = EphemeralKey::from_randomness(randomness)
            .ok_or_else(|| SignerError::Malformed("the randomness is no key; take other".into()))?;
        let pem = self.certificate(&key, token).await?;
        Ok((key, pem))
    }

    /// Adds a signature to those under a digest's `.sig` tag.
    async fn attach_legacy(
        &self,
        registry: &Registry,
        place: &Reference,
        digest: &Digest,
        key: &EphemeralKey,
        pem: &str,
    ) -> Result<(), SignerError> {
        let (payload, signature) = Legacy::sign(key, &place.location(), digest);
        let proof = self.witness(sign::hashed_entry(&payload, &signature, pem), &signature).await?;
        let legacy = Legacy::assemble(payload, &signature, pem, &proof.logged, proof.stamp.as_deref()).map_err(malformed)?;
        let tag = sign::signature_tag(digest);
        let present = match registry.manifest(&place.with_tag(tag.parse().map_err(malformed)?)).await {
            Ok(fetched) => Some(serde_json::from_slice(&fetched.bytes).map_err(malformed)?),
            Err(RegistryError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let (manifest, config) = legacy.manifest(present);
        registry.put_blob(place, &config).await?;
        registry.put_blob(place, legacy.bytes()).await?;
        registry.put_manifest(place, &tag, media_type::MANIFEST, &manifest).await?;
        Ok(())
    }

    /// Has a signature logged, and stamped where there is an authority for it.
    async fn witness(&self, entry: Value, signature: &[u8]) -> Result<Proof, SignerError> {
        let url = format!("{}/api/v1/log/entries", self.rekor);
        let logged = self.post("the transparency log", &url, "application/json", None, entry.to_string().into()).await?;
        if self.timestamps.is_empty() {
            return Ok(Proof { logged, stamp: None });
        }
        let url = format!("{}/api/v1/timestamp", self.timestamps);
        let request = sign::timestamp_request(signature).into();
        let stamp = self.post("the timestamp authority", &url, "application/timestamp-query", None, request).await?;
        Ok(Proof { logged, stamp: Some(stamp) })
    }

    async fn certificate(&self, key: &EphemeralKey, token: &str) -> Result<String, SignerError> {
        let subject = subject_of(token).ok_or_else(|| SignerError::Malformed("the identity token has no subject".into()))?;
        let body = sign::certificate_request(key, &subject).to_string();
        let answer = self
            .post("the certificate authority", &format!("{}/api/v2/signingCert", self.fulcio), "application/json", Some(token), body.into())
            .await?;
        let value: Value = serde_json::from_slice(&answer).map_err(|error| SignerError::Malformed(error.to_string()))?;
        let leaf = value["signedCertificateEmbeddedSct"]["chain"]["certificates"][0].as_str();
        leaf.map(str::to_owned).ok_or_else(|| SignerError::Malformed("the certificate authority gave no certificate".into()))
    }

    async fn post(&self, service: &'static str, url: &str, kind: &str, token: Option<&str>, body: Bytes) -> Result<Bytes, SignerError> {
        let mut request = Request::post(url).header(header::CONTENT_TYPE, kind);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(body).map_err(|_| WebError::BadUrl(url.to_owned()))?;
        let answer = self.web.send(request, None).await?;
        if !answer.status().is_success() {
            let told: Option<Value> = serde_json::from_slice(answer.body()).ok();
            let message =
                told.and_then(|told| told["message"].as_str().map(str::to_owned)).unwrap_or_else(|| format!("HTTP {}", answer.status()));
            return Err(SignerError::Refused { service, message });
        }
        Ok(answer.into_body())
    }
}

/// What the log and the timestamp authority said of a signature.
struct Proof {
    logged: Bytes,
    stamp: Option<Bytes>,
}

fn malformed(error: impl std::fmt::Display) -> SignerError {
    SignerError::Malformed(error.to_string())
}

/// Reads the `sub` of a token; whether the token is good is for the certificate authority to say.
fn subject_of(token: &str) -> Option<String> {
    use base64::Engine as _;
    let body = token.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    claims["sub"].as_str().map(str::to_owned)
}
