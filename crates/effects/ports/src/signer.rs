//! Keyless signing: a short-lived certificate for an identity token, an entry in the log, and the bundle beside what is signed.
//! Read first: [`Signer::sign`]. Follows sigstore/cosign `cmd/cosign/cli/sign`.

use bytes::Bytes;
use http::{Request, header};
use model::{Digest, Timestamp};
use oci::{Descriptor, Reference, media_type};
use serde_json::Value;
use sign::{Envelope, EphemeralKey};

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
    /// Signs a digest as whoever the identity token (audience `sigstore`) names, and attaches the bundle to it. `randomness`
    /// gives the key that is used this once.
    pub async fn sign(
        &self,
        registry: &Registry,
        place: &Reference,
        token: &str,
        randomness: [u8; 32],
        now: Timestamp,
    ) -> Result<Digest, SignerError> {
        let fetched = registry.manifest(place).await?;
        let key = EphemeralKey::from_randomness(&randomness)
            .ok_or_else(|| SignerError::Malformed("the randomness is no key; take other".into()))?;
        let pem = self.certificate(&key, token).await?;
        let envelope = Envelope::sign(&key, sign::statement(&fetched.digest));
        let entry = sign::dsse_entry(&envelope, &pem).to_string();
        let logged = self
            .post("the transparency log", &format!("{}/api/v1/log/entries", self.rekor), "application/json", None, entry.into())
            .await?;
        let stamp = match self.timestamps.as_str() {
            "" => None,
            url => Some(
                self.post(
                    "the timestamp authority",
                    &format!("{url}/api/v1/timestamp"),
                    "application/timestamp-query",
                    None,
                    sign::timestamp_request(&envelope.signature).into(),
                )
                .await?,
            ),
        };
        let (_, der) = sign::from_pem(&pem, &["CERTIFICATE"]).map_err(|error| SignerError::Malformed(error.to_string()))?;
        let bundle =
            sign::assemble(&der, &envelope, &logged, stamp.as_deref()).map_err(|error| SignerError::Malformed(error.to_string()))?;
        let subject = Descriptor::new(&fetched.media_type, fetched.digest.clone(), fetched.bytes.len() as u64);
        let (manifest, config) = sign::referrer(subject, &bundle, now);
        registry.put_blob(place, &config).await?;
        registry.put_blob(place, &bundle).await?;
        let digest = Digest::of(&manifest);
        registry.put_manifest(place, digest.as_str(), media_type::MANIFEST, &manifest).await?;
        Ok(digest)
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

/// Reads the `sub` of a token; whether the token is good is for the certificate authority to say.
fn subject_of(token: &str) -> Option<String> {
    use base64::Engine as _;
    let body = token.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    claims["sub"].as_str().map(str::to_owned)
}
