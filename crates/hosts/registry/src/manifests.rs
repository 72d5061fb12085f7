use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use model::Digest;
use oci::{AnyDigest, Descriptor, Index, Manifest, Name, Tag, media_type};
use store::Batch;

use crate::answer::{Answer, Refusal, Reply};
use crate::blobs::not_modified;
use crate::immutable::ImmutableTags;
use crate::route::{Ask, digest_of};
use crate::token::Session;
use crate::{Inner, access, events, keys};

/// The distribution specification's own limit.
const LARGEST_MANIFEST: usize = 4 << 20;
/// How many tags one push may set by `?tag=`.
const MOST_TAGS: usize = 100;

/// What a manifest says that the registry must know.
struct Meaning {
    /// Blobs, with the sizes they must have; foreign ones are not here.
    blobs: Vec<(AnyDigest, u64)>,
    /// Manifests that an index lists.
    children: Vec<(AnyDigest, u64)>,
    subject: Option<AnyDigest>,
    kind: Option<String>,
    annotations: BTreeMap<String, String>,
}

impl Inner {
    pub(crate) fn get_manifest(&self, ask: &Ask, name: &Name, reference: &str) -> Answer {
        let digest = self.resolve(name, reference)?;
        let (kind, bytes) = self.manifest(name, &digest).ok_or_else(|| unknown(name, reference))?;
        let reply =
            Reply::new(StatusCode::OK).header("docker-content-digest", digest.as_str()).header(header::ETAG, format!("\"{digest}\""));
        if not_modified(ask, &digest) {
            let reply = Reply::new(StatusCode::NOT_MODIFIED).header("docker-content-digest", digest.as_str());
            return Ok(reply.header(header::ETAG, format!("\"{digest}\"")).body(Body::empty()));
        }
        Ok(reply.header(header::CONTENT_TYPE, kind).bytes(ask.is_head(), bytes))
    }

    fn resolve(&self, name: &Name, reference: &str) -> Result<AnyDigest, Refusal> {
        if reference.contains(':') {
            return digest_of(reference);
        }
        let tag: Tag = reference.parse().map_err(|error: oci::ReferenceError| Refusal::bad("MANIFEST_INVALID", error.to_string()))?;
        self.tagged(name, tag.as_str()).ok_or_else(|| unknown(name, reference))
    }

    fn tagged(&self, name: &Name, tag: &str) -> Option<AnyDigest> {
        let entry = self.options.store.get(&keys::tag(name, tag))?;
        std::str::from_utf8(&entry.value).ok()?.parse().ok()
    }

    /// Returns media type and bytes.
    fn manifest(&self, name: &Name, digest: &AnyDigest) -> Option<(String, Bytes)> {
        let value = self.options.store.get(&keys::manifest(name, digest))?.value;
        let at = value.iter().position(|byte| *byte == b'\n')?;
        Some((String::from_utf8_lossy(&value[..at]).into_owned(), value.slice(at + 1..)))
    }

    pub(crate) async fn put_manifest(self: &Arc<Self>, ask: &Ask, session: &Session, name: Name, reference: &str, body: Body) -> Answer {
        let too_large = || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID", "a manifest has at most 4 MiB");
        let announced = ask.header(header::CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
        if announced.is_some_and(|length| length > LARGEST_MANIFEST) {
            return Err(too_large());
        }
        let bytes = Limited::new(body, LARGEST_MANIFEST).collect().await.map_err(|_| too_large())?.to_bytes();
        let kind = media_type_of(ask)?;
        let meaning = read(&kind, &bytes)?;
        let (digest, tags) = names(ask, reference, &bytes)?;
        let pushed = Pushed { name, kind, bytes, digest, tags };
        self.write_manifest(session, &pushed, &meaning)?;
        let reply = Reply::new(StatusCode::CREATED)
            .header(header::LOCATION, format!("/v2/{}/manifests/{}", pushed.name, pushed.digest))
            .header("docker-content-digest", pushed.digest.as_str());
        let reply = meaning.subject.iter().fold(reply, |reply, subject| reply.header("oci-subject", subject.as_str()));
        let reply = ask.all("tag").fold(reply, |reply, tag| reply.header("oci-tag", tag));
        Ok(reply.empty())
    }

    /// Checks everything a manifest needs and writes it, its tags and its notifications in one transaction.
    fn write_manifest(self: &Arc<Self>, session: &Session, pushed: &Pushed, meaning: &Meaning) -> Result<(), Refusal> {
        let _references = self.references.lock().unwrap_or_else(PoisonError::into_inner);
        let Pushed { name, kind, bytes, digest, tags } = pushed;
        self.check_parts(name, meaning)?;
        let mut batch = Batch::new();
        let mut changed = Vec::new();
        for tag in tags {
            batch = self.seal(batch, name, tag, digest)?;
            if self.tagged(name, tag.as_str()).as_ref() != Some(digest) {
                batch = batch.put(keys::tag(name, tag.as_str()), digest.as_str().to_owned());
                changed.push(Some(tag.as_str()));
            }
        }
        if self.options.store.get(&keys::manifest(name, digest)).is_none() {
            let mut value = format!("{kind}\n").into_bytes();
            value.extend_from_slice(bytes);
            batch = batch.put(keys::manifest(name, digest), value).put(keys::repository(name), "");
            for (needed, _) in meaning.blobs.iter().chain(&meaning.children) {
                batch = batch.put(keys::uses(name, needed, digest), "");
            }
            if let Some(subject) = &meaning.subject {
                batch = batch.put(keys::referrer(name, subject, digest), referrer(kind, digest, bytes.len(), meaning));
            }
            if tags.is_empty() {
                changed.push(None);
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        let news = changed.into_iter().map(|tag| events::News {
            name,
            kind,
            digest,
            tag,
            size: bytes.len(),
            by: session.identity.name.as_deref(),
        });
        let batch = events::queue(self, batch, news);
        self.options.store.commit(batch)?;
        events::wake(self);
        Ok(())
    }

    /// What a manifest names must be here first: nobody can ever pull half an image.
    fn check_parts(&self, name: &Name, meaning: &Meaning) -> Result<(), Refusal> {
        let missing = |digest: &AnyDigest| Refusal::bad("MANIFEST_BLOB_UNKNOWN", format!("{name} has no {digest}; push it first"));
        let sized = |digest: &AnyDigest, told: u64, found: u64| {
            let message = format!("the manifest says {digest} has {told} bytes, but it has {found}");
            if told == found { Ok(()) } else { Err(Refusal::bad("MANIFEST_INVALID", message)) }
        };
        for (digest, size) in &meaning.blobs {
            sized(digest, *size, self.held(name, digest).ok_or_else(|| missing(digest))?.size)?;
        }
        for (digest, size) in &meaning.children {
            sized(digest, *size, self.manifest(name, digest).ok_or_else(|| missing(digest))?.1.len() as u64)?;
        }
        Ok(())
    }

    /// Lets an immutable tag be given only the digest it had first, even after it was deleted.
    fn seal(&self, batch: Batch, name: &Name, tag: &Tag, digest: &AnyDigest) -> Result<Batch, Refusal> {
        let rule = self.options.immutable_tags.iter().find(|(pattern, _)| access::matches(pattern, name.as_str()));
        if !rule.map_or(ImmutableTags::Versions, |(_, rule)| *rule).covers(tag.as_str()) {
            return Ok(batch);
        }
        let key = keys::sealed(name, tag.as_str());
        let first = self.options.store.get(&key).map(|entry| entry.value);
        let first = first.or_else(|| self.options.store.get(&keys::tag(name, tag.as_str())).map(|entry| entry.value));
        match first {
            None => Ok(batch.put(key, digest.as_str().to_owned())),
            Some(first) if first == digest.as_str() => Ok(batch),
            Some(first) => {
                let first = String::from_utf8_lossy(&first).into_owned();
                let message = format!("the tag {tag} of {name} is immutable and stays at {first}; push {digest} under a new version");
                Err(Refusal::new(StatusCode::CONFLICT, "DENIED", message))
            }
        }
    }

    pub(crate) fn delete_manifest(&self, name: &Name, reference: &str) -> Answer {
        let _references = self.references.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = self.resolve(name, reference)?;
        let (kind, bytes) = self.manifest(name, &digest).ok_or_else(|| unknown(name, reference))?;
        if !reference.contains(':') {
            self.options.store.commit(Batch::new().delete(keys::tag(name, reference)))?;
            return Ok(Reply::new(StatusCode::ACCEPTED).empty());
        }
        self.refuse_while_used(name, &digest)?;
        let mut batch = Batch::new().delete(keys::manifest(name, &digest));
        let (tags, _) = self.options.store.scan(&keys::tags(name));
        for (key, _) in tags.into_iter().filter(|(_, entry)| entry.value == digest.as_str()) {
            batch = batch.delete(key);
        }
        if let Ok(meaning) = read(&kind, &bytes) {
            for (needed, _) in meaning.blobs.iter().chain(&meaning.children) {
                batch = batch.delete(keys::uses(name, needed, &digest));
            }
            if let Some(subject) = &meaning.subject {
                batch = batch.delete(keys::referrer(name, subject, &digest));
            }
        }
        self.options.store.commit(batch)?;
        Ok(Reply::new(StatusCode::ACCEPTED).empty())
    }
}

struct Pushed {
    name: Name,
    kind: String,
    bytes: Bytes,
    digest: AnyDigest,
    tags: BTreeSet<Tag>,
}

fn unknown(name: &Name, reference: &str) -> Refusal {
    let shown: String = reference.chars().take(150).collect();
    Refusal::missing("MANIFEST_UNKNOWN", format!("{name} has no manifest {shown}"))
}

fn media_type_of(ask: &Ask) -> Result<String, Refusal> {
    let unsupported = |what: &str| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "MANIFEST_INVALID", what);
    let text = ask.header(header::CONTENT_TYPE).ok_or_else(|| unsupported("the manifest's Content-Type is missing"))?;
    let kind = text.split(';').next().unwrap_or_default().trim();
    let known = [media_type::MANIFEST, media_type::INDEX, media_type::DOCKER_MANIFEST, media_type::DOCKER_LIST];
    if known.contains(&kind) {
        Ok(kind.to_owned())
    } else {
        Err(unsupported("the Content-Type is neither an OCI nor a Docker schema 2 manifest or index"))
    }
}

/// Returns the digest that the manifest is stored under and the tags that will point at it.
fn names(ask: &Ask, reference: &str, bytes: &[u8]) -> Result<(AnyDigest, BTreeSet<Tag>), Refusal> {
    let tag = |text: &str| text.parse::<Tag>().map_err(|error| Refusal::bad("TAG_INVALID", error.to_string()));
    let mut tags = ask.all("tag").take(MOST_TAGS).map(tag).collect::<Result<BTreeSet<_>, _>>()?;
    let asked = match (reference.contains(':'), ask.first("digest")) {
        (true, _) => Some(digest_of(reference)?),
        (false, told) => {
            tags.insert(tag(reference)?);
            told.map(digest_of).transpose()?
        }
    };
    let digest = asked.unwrap_or_else(|| Digest::of(bytes).into());
    if !digest.matches(bytes) {
        return Err(Refusal::bad("DIGEST_INVALID", format!("the manifest does not have the digest {digest}, but {}", Digest::of(bytes))));
    }
    Ok((digest, tags))
}

fn read(kind: &str, bytes: &[u8]) -> Result<Meaning, Refusal> {
    let invalid = |why: String| Refusal::bad("MANIFEST_INVALID", why);
    let parse_error = |error: serde_json::Error| invalid(format!("the manifest is malformed: {error}"));
    let is_index = [media_type::INDEX, media_type::DOCKER_LIST].contains(&kind);
    let (version, own_type, meaning) = if is_index {
        let index: Index<AnyDigest> = serde_json::from_slice(bytes).map_err(parse_error)?;
        if index.extra.contains_key("config") || index.extra.contains_key("layers") {
            return Err(invalid("an index has no config and no layers".to_owned()));
        }
        let children = index.manifests.into_iter().map(|child| (child.digest, child.size)).collect();
        let subject = index.subject.map(|subject| subject.digest);
        (
            index.schema_version,
            index.media_type,
            Meaning { blobs: Vec::new(), children, subject, kind: index.artifact_type, annotations: index.annotations },
        )
    } else {
        let manifest: Manifest<AnyDigest> = serde_json::from_slice(bytes).map_err(parse_error)?;
        if manifest.extra.contains_key("manifests") {
            return Err(invalid("a manifest lists no manifests".to_owned()));
        }
        let kind = Some(manifest.kind().to_owned());
        let mut blobs = vec![(manifest.config.digest, manifest.config.size)];
        blobs.extend(manifest.layers.into_iter().filter(|layer| !is_foreign(layer)).map(|layer| (layer.digest, layer.size)));
        let subject = manifest.subject.map(|subject| subject.digest);
        (
            manifest.schema_version,
            manifest.media_type,
            Meaning { blobs, children: Vec::new(), subject, kind, annotations: manifest.annotations },
        )
    };
    if version != 2 {
        return Err(invalid(format!("schemaVersion is {version}, only 2 is supported")));
    }
    if own_type.as_deref().is_some_and(|own| own != kind) {
        return Err(invalid(format!("mediaType is {:?}, but the Content-Type is {kind}", own_type.unwrap_or_default())));
    }
    Ok(meaning)
}

/// Layers that registries must not have to hold.
fn is_foreign(layer: &Descriptor<AnyDigest>) -> bool {
    layer.media_type.contains("nondistributable") || layer.media_type.contains(".foreign.")
}

fn referrer(kind: &str, digest: &AnyDigest, size: usize, meaning: &Meaning) -> Vec<u8> {
    let mut descriptor = Descriptor::new(kind, digest.clone(), size as u64);
    descriptor.artifact_type = meaning.kind.clone().filter(|kind| !kind.is_empty());
    descriptor.annotations.clone_from(&meaning.annotations);
    serde_json::to_vec(&descriptor).expect("texts and numbers serialise")
}
