//! What has come from registries before, kept on this disk: it stands in while a registry does not answer.
//!
//! Bytes are kept by digest and checked again when they are read. A tag is remembered only when it looks like a version: such
//! a tag never moves, while `latest` is whatever the registry says now. Evidence is kept as it came and verified anew by whoever
//! asks, so a shelf can withhold something and never forge it. Everything here may be deleted at any time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use model::Digest;
use oci::Reference;
use serde_json::{Value, json};

/// Longest thing that is kept, in bytes: deployment artifacts and evidence, not the layers of images.
const LONGEST: usize = 16 << 20;
/// Most bytes that are kept in all.
const ALL: u64 = 512 << 20;
/// How many things are put between two clearings.
const CLEARING: u32 = 256;

/// A folder with what came from registries. Cloning shares it.
#[derive(Clone)]
pub struct Shelf {
    folder: Arc<PathBuf>,
    put: Arc<AtomicU32>,
    clearing: Arc<Mutex<()>>,
    /// Whether it stands in at present.
    stands_in: Arc<AtomicBool>,
}

impl Shelf {
    /// Opens a folder, made when something is put there.
    pub fn open(folder: PathBuf) -> Self {
        Self { folder: Arc::new(folder), put: Arc::default(), clearing: Arc::default(), stands_in: Arc::default() }
    }

    /// Notes whether it stands in for a registry; the change is told once.
    pub(crate) fn stand_in(&self, error: Option<&dyn std::fmt::Display>) {
        let before = self.stands_in.swap(error.is_some(), Ordering::Relaxed);
        match error {
            Some(error) if !before => tracing::warn!(%error, "a registry does not answer: what it gave before stands in"),
            None if before => tracing::warn!("the registry answers again"),
            _ => {}
        }
    }

    /// Keeps bytes by their digest.
    pub(crate) fn put(&self, bytes: &[u8]) {
        let path = self.blob(&Digest::of(bytes));
        if bytes.len() <= LONGEST && !path.exists() {
            self.write(&path, bytes);
        }
    }

    /// Returns bytes, if they are here and still have their digest.
    pub(crate) fn get(&self, digest: &Digest) -> Option<Bytes> {
        let bytes = std::fs::read(self.blob(digest)).ok()?;
        (Digest::of(&bytes) == *digest).then(|| bytes.into())
    }

    /// Remembers which digest and media type a version has, and the media type of what is asked for by digest.
    pub(crate) fn remember(&self, place: &Reference, digest: &Digest, media_type: &str) {
        if !lasts(place) {
            return;
        }
        let told = json!({"digest": digest.to_string(), "mediaType": media_type}).to_string();
        let path = self.note("refs", place, &place.version());
        if std::fs::read(&path).is_ok_and(|known| known == told.as_bytes()) {
            return;
        }
        self.write(&path, told.as_bytes());
    }

    /// Returns digest and media type of a version as they were told last.
    pub(crate) fn recall(&self, place: &Reference) -> Option<(Digest, String)> {
        let known: Value = serde_json::from_slice(&std::fs::read(self.note("refs", place, &place.version())).ok()?).ok()?;
        Some((known["digest"].as_str()?.parse().ok()?, known["mediaType"].as_str()?.to_owned()))
    }

    /// Keeps the list of what refers to a digest.
    pub(crate) fn put_referrers(&self, place: &Reference, subject: &Digest, index: &[u8]) {
        let path = self.note("referrers", place, &subject.to_string());
        if std::fs::read(&path).is_ok_and(|known| known == index) || index.len() > LONGEST {
            return;
        }
        self.write(&path, index);
    }

    /// Returns the list of what refers to a digest as it was told last.
    pub(crate) fn referrers(&self, place: &Reference, subject: &Digest) -> Option<Bytes> {
        std::fs::read(self.note("referrers", place, &subject.to_string())).ok().map(Bytes::from)
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs").join(digest.hex())
    }

    fn note(&self, kind: &str, place: &Reference, version: &str) -> PathBuf {
        self.folder.join(kind).join(Digest::of(format!("{}\n{version}", place.location()).as_bytes()).hex())
    }

    /// Writes beside and moves it there whole. What cannot be kept is missing later, and nothing else happens.
    fn write(&self, path: &Path, bytes: &[u8]) {
        let number = self.put.fetch_add(1, Ordering::Relaxed);
        let part = path.with_extension(format!("{}-{number}.part", std::process::id()));
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&part, bytes));
        if let Err(error) = written.and_then(|()| std::fs::rename(&part, path)) {
            tracing::warn!(%error, path = %path.display(), "nothing was put on the shelf");
        }
        if number.is_multiple_of(CLEARING) {
            self.clear();
        }
    }

    /// Removes what was written longest ago, until the rest fits.
    fn clear(&self) {
        let Ok(_one_at_a_time) = self.clearing.try_lock() else { return };
        let mut all: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for kind in ["blobs", "refs", "referrers"] {
            let entries = std::fs::read_dir(self.folder.join(kind)).into_iter().flatten().flatten();
            all.extend(entries.filter_map(|entry| {
                let found = entry.metadata().ok()?;
                Some((found.modified().ok()?, found.len(), entry.path()))
            }));
        }
        all.sort();
        let mut bytes: u64 = all.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in all {
            if bytes <= ALL {
                break;
            }
            if std::fs::remove_file(&path).is_ok() {
                bytes -= length;
            }
        }
    }
}

/// Tells whether what a reference names stays the same: a digest, or three numbers and perhaps a suffix.
fn lasts(place: &Reference) -> bool {
    let Some(tag) = place.tag.as_ref().filter(|_| place.digest.is_none()) else { return place.digest.is_some() };
    let tag = tag.to_string();
    let numbers = tag.strip_prefix('v').unwrap_or(&tag).split(['-', '+', '_']).next().unwrap_or_default();
    let numbers: Vec<&str> = numbers.split('.').collect();
    numbers.len() == 3 && numbers.iter().all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Reference {
        text.parse().expect("a reference")
    }

    #[test]
    fn only_versions_are_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::open(folder.path().to_owned());
        let digest = Digest::of(b"x");
        for (tag, kept) in
            [("r.internal/a:1.4.2", true), ("r.internal/a:v1.4.2-rc.1", true), ("r.internal/a:latest", false), ("r.internal/a:1.4", false)]
        {
            shelf.remember(&place(tag), &digest, "m");
            assert_eq!(shelf.recall(&place(tag)).is_some(), kept, "{tag}");
        }
        let named = place("r.internal/a").with_digest(digest.clone());
        shelf.remember(&named, &digest, "m");
        assert_eq!(shelf.recall(&named), Some((digest, "m".to_owned())));
    }

    #[test]
    fn bytes_that_changed_are_not_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::open(folder.path().to_owned());
        shelf.put(b"good");
        let digest = Digest::of(b"good");
        assert_eq!(shelf.get(&digest).as_deref(), Some(b"good".as_slice()));
        std::fs::write(shelf.blob(&digest), b"evil").expect("written");
        assert_eq!(shelf.get(&digest), None);
    }
}
