use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use model::Digest;
use sha2::{Digest as _, Sha256};

use crate::StoreError;

/// Immutable bytes by SHA-256, in a folder or in memory. Cloning shares them.
#[derive(Clone)]
pub struct Blobs(Place);

#[derive(Clone)]
enum Place {
    Folder(PathBuf),
    Memory(Arc<Mutex<HashMap<Digest, Bytes>>>),
}

/// A blob that is being received: nobody sees it before [`BlobWriter::finish`].
pub struct BlobWriter {
    blobs: Blobs,
    hash: Sha256,
    length: u64,
    part: Part,
}

enum Part {
    File(tempfile::NamedTempFile),
    Memory(Vec<u8>),
}

impl Blobs {
    /// Opens the folder, or makes it, and removes what interrupted uploads left behind.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let uploads = folder.join("uploads");
        let _ = std::fs::remove_dir_all(&uploads);
        for each in [folder.join("sha256"), uploads] {
            std::fs::create_dir_all(&each).map_err(|source| file_error(&each, source))?;
        }
        Ok(Self(Place::Folder(folder.to_owned())))
    }

    /// Makes a place that lives as long as somebody holds it.
    pub fn memory() -> Self {
        Self(Place::Memory(Arc::default()))
    }

    /// Returns a place in memory with what is in this one, or `None` for a folder: that is copied as a folder. From then on the
    /// two are separate.
    pub fn copy(&self) -> Option<Self> {
        match &self.0 {
            Place::Memory(all) => Some(Self(Place::Memory(Arc::new(Mutex::new(all.lock().expect("no holder panics").clone()))))),
            Place::Folder(_) => None,
        }
    }

    /// Stores bytes and returns their digest. What is returned is durable. Storing twice is the same as once.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if self.size(&digest)?.is_none() {
            let mut writer = self.writer()?;
            writer.write(bytes)?;
            writer.finish(Some(&digest))?;
        }
        Ok(digest)
    }

    /// Returns the bytes of this digest.
    pub fn get(&self, digest: &Digest) -> Result<Option<Bytes>, StoreError> {
        match &self.0 {
            Place::Memory(all) => Ok(all.lock().expect("no holder panics").get(digest).cloned()),
            Place::Folder(_) => {
                let path = self.path(digest).expect("a folder has paths");
                match std::fs::read(&path) {
                    Ok(bytes) => Ok(Some(bytes.into())),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(source) => Err(file_error(&path, source)),
                }
            }
        }
    }

    /// Returns how many bytes this digest has.
    pub fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        match &self.0 {
            Place::Memory(all) => Ok(all.lock().expect("no holder panics").get(digest).map(|bytes| bytes.len() as u64)),
            Place::Folder(_) => {
                let path = self.path(digest).expect("a folder has paths");
                match std::fs::metadata(&path) {
                    Ok(found) => Ok(Some(found.len())),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(source) => Err(file_error(&path, source)),
                }
            }
        }
    }

    /// Returns the file that holds this digest, for streaming; `None` in memory. The file need not exist.
    pub fn path(&self, digest: &Digest) -> Option<PathBuf> {
        match &self.0 {
            Place::Memory(_) => None,
            Place::Folder(folder) => Some(folder.join("sha256").join(&digest.hex()[..2]).join(digest.hex())),
        }
    }

    /// Removes a blob; that it is gone counts as done.
    pub fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        match &self.0 {
            Place::Memory(all) => {
                all.lock().expect("no holder panics").remove(digest);
                Ok(())
            }
            Place::Folder(_) => {
                let path = self.path(digest).expect("a folder has paths");
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error(&path, error)),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Starts to receive a blob.
    pub fn writer(&self) -> Result<BlobWriter, StoreError> {
        let part = match &self.0 {
            Place::Memory(_) => Part::Memory(Vec::new()),
            Place::Folder(folder) => {
                let uploads = folder.join("uploads");
                Part::File(tempfile::NamedTempFile::new_in(&uploads).map_err(|source| file_error(&uploads, source))?)
            }
        };
        Ok(BlobWriter { blobs: self.clone(), hash: Sha256::new(), length: 0, part })
    }
}

impl BlobWriter {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        match &mut self.part {
            Part::Memory(all) => all.extend_from_slice(bytes),
            Part::File(file) => {
                let path = file.path().to_owned();
                file.write_all(bytes).map_err(|source| file_error(&path, source))?;
            }
        }
        Ok(())
    }

    /// Returns how many bytes came so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Makes the blob visible and durable under its digest; refuses it when another digest was announced.
    pub fn finish(self, expected: Option<&Digest>) -> Result<Digest, StoreError> {
        let digest: Digest = format!("sha256:{}", hex::encode(self.hash.finalize())).parse().expect("a hash is a digest");
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            return Err(StoreError::WrongDigest { expected: expected.to_string(), found: digest.to_string() });
        }
        match (&self.blobs.0, self.part) {
            (Place::Memory(all), Part::Memory(bytes)) => {
                all.lock().expect("no holder panics").insert(digest.clone(), bytes.into());
            }
            (Place::Folder(_), Part::File(file)) => {
                let target = self.blobs.path(&digest).expect("a folder has paths");
                let parent = target.parent().expect("blobs lie in folders");
                std::fs::create_dir_all(parent).map_err(|source| file_error(parent, source))?;
                file.as_file().sync_all().map_err(|source| file_error(&target, source))?;
                file.persist(&target).map_err(|error| file_error(&target, error.error))?;
                File::open(parent).and_then(|folder| folder.sync_all()).map_err(|source| file_error(parent, source))?;
            }
            _ => unreachable!("a writer is made by its own place"),
        }
        Ok(digest)
    }
}

fn file_error(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::File { path: path.display().to_string(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_seen_only_whole_and_only_under_its_digest() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for blobs in [Blobs::memory(), Blobs::open(folder.path()).expect("opens")] {
            let mut writer = blobs.writer().expect("starts");
            writer.write(b"hel").expect("writes");
            writer.write(b"lo").expect("writes");
            assert_eq!(blobs.size(&Digest::of(b"hello")).expect("answers"), None);
            writer.finish(Some(&Digest::of(b"hello"))).expect("finishes");
            assert_eq!(blobs.get(&Digest::of(b"hello")).expect("answers").as_deref(), Some(&b"hello"[..]));
            let mut wrong = blobs.writer().expect("starts");
            wrong.write(b"x").expect("writes");
            assert!(matches!(wrong.finish(Some(&Digest::of(b"y"))), Err(StoreError::WrongDigest { .. })));
            blobs.remove(&Digest::of(b"hello")).expect("removes");
            assert_eq!(blobs.get(&Digest::of(b"hello")).expect("answers"), None);
        }
    }
}
