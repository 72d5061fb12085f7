//! Packs: many objects in one stream. Written without deltas (manifests are small); read with all kinds of deltas, also
//! against objects that the pack does not hold.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use sha1::{Digest as _, Sha1};

use crate::{GitError, Kind, Object, ObjectId, Objects, delta};

/// How much a pack may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Objects.
    pub objects: u32,
    /// Bytes of one object.
    pub object: u64,
    /// Bytes of all objects together.
    pub total: u64,
}

impl Default for Limits {
    /// A million objects, 256 MiB each, 1 GiB together.
    fn default() -> Self {
        Self { objects: 1 << 20, object: 256 << 20, total: 1 << 30 }
    }
}

/// Writes a pack of these objects.
pub fn write<'a>(objects: impl ExactSizeIterator<Item = &'a Object>) -> Result<Vec<u8>, GitError> {
    let count =
        u32::try_from(objects.len()).map_err(|_| GitError::TooLarge { what: "the number of objects", limit: u64::from(u32::MAX) })?;
    let mut pack = Vec::from(*b"PACK\0\0\0\x02");
    pack.extend_from_slice(&count.to_be_bytes());
    for object in objects {
        let kind = match object.kind {
            Kind::Commit => 1u8,
            Kind::Tree => 2,
            Kind::Blob => 3,
            Kind::Tag => 4,
        };
        let mut size = object.data.len();
        let mut byte = (kind << 4) | (size & 0x0f) as u8;
        size >>= 4;
        while size > 0 {
            pack.push(byte | 0x80);
            byte = (size & 0x7f) as u8;
            size >>= 7;
        }
        pack.push(byte);
        let mut encoder = ZlibEncoder::new(pack, Compression::fast());
        pack = encoder.write_all(&object.data).and_then(|()| encoder.finish()).expect("writing to memory does not fail");
    }
    let hash = Sha1::digest(&pack);
    pack.extend_from_slice(&hash);
    Ok(pack)
}

enum Base {
    Offset(usize),
    Id(ObjectId),
}

enum Entry {
    Whole(Kind, Bytes),
    Delta(Base, Vec<u8>),
}

/// Reads a pack. Deltas may build on objects of the pack, in any order, and on those of `base` (a thin pack).
pub fn read(pack: &[u8], base: &dyn Objects, limits: Limits) -> Result<Vec<(ObjectId, Object)>, GitError> {
    let wrong = |text: &str| GitError::malformed("pack", text);
    if pack.len() < 32 || !pack.starts_with(b"PACK") {
        return Err(wrong("it has no header"));
    }
    let (body, hash) = pack.split_at(pack.len() - 20);
    if Sha1::digest(body)[..] != *hash {
        return Err(wrong("its checksum does not match"));
    }
    let word = |at: usize| u32::from_be_bytes(body[at..at + 4].try_into().expect("four bytes are four bytes"));
    if !matches!(word(4), 2 | 3) {
        return Err(GitError::Unsupported(format!("pack version {}", word(4))));
    }
    let count = word(8);
    if count > limits.objects {
        return Err(GitError::TooLarge { what: "the number of objects", limit: u64::from(limits.objects) });
    }
    let mut reader = Reader { body, at: 12, left: limits.total, limit: limits.object };
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(reader.entry()?);
    }
    if reader.at != body.len() {
        return Err(wrong("there is something behind its objects"));
    }
    resolve(entries, base, limits, reader.left)
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    left: u64,
    limit: u64,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, GitError> {
        let byte = *self.body.get(self.at).ok_or_else(|| GitError::malformed("pack", "it is cut off"))?;
        self.at += 1;
        Ok(byte)
    }

    fn entry(&mut self) -> Result<(usize, Entry), GitError> {
        let start = self.at;
        let mut byte = self.byte()?;
        let kind = (byte >> 4) & 7;
        let mut size = u64::from(byte & 0x0f);
        let mut shift = 4;
        while byte & 0x80 != 0 {
            byte = self.byte()?;
            if shift > 53 {
                return Err(GitError::malformed("pack", "a size is too long"));
            }
            size |= u64::from(byte & 0x7f) << shift;
            shift += 7;
        }
        let entry = match kind {
            1 => Entry::Whole(Kind::Commit, self.inflate(size)?.into()),
            2 => Entry::Whole(Kind::Tree, self.inflate(size)?.into()),
            3 => Entry::Whole(Kind::Blob, self.inflate(size)?.into()),
            4 => Entry::Whole(Kind::Tag, self.inflate(size)?.into()),
            6 => {
                let distance = self.distance()?;
                let base = start.checked_sub(distance).filter(|_| distance > 0);
                let base = base.ok_or_else(|| GitError::malformed("pack", "a delta points before the pack"))?;
                Entry::Delta(Base::Offset(base), self.inflate(size)?)
            }
            7 => {
                let id = self.body.get(self.at..self.at + 20).and_then(ObjectId::from_bytes);
                let id = id.ok_or_else(|| GitError::malformed("pack", "it is cut off"))?;
                self.at += 20;
                Entry::Delta(Base::Id(id), self.inflate(size)?)
            }
            _ => return Err(GitError::malformed("pack", "an object has an unknown kind")),
        };
        Ok((start, entry))
    }

    fn distance(&mut self) -> Result<usize, GitError> {
        let mut byte = self.byte()?;
        let mut value = usize::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = self.byte()?;
            value = (value + 1).checked_mul(128).ok_or_else(|| GitError::malformed("pack", "a distance is too long"))?
                | usize::from(byte & 0x7f);
        }
        Ok(value)
    }

    fn inflate(&mut self, size: u64) -> Result<Vec<u8>, GitError> {
        if size > self.limit {
            return Err(GitError::TooLarge { what: "an object", limit: self.limit });
        }
        self.left = self.left.checked_sub(size).ok_or(GitError::TooLarge { what: "a pack's content", limit: self.left })?;
        let mut decoder = ZlibDecoder::new(&self.body[self.at..]);
        let mut data = Vec::new();
        // One byte more than announced is enough to see that it lies.
        (&mut decoder).take(size + 1).read_to_end(&mut data).map_err(|error| GitError::malformed("pack", error.to_string()))?;
        if data.len() as u64 != size {
            return Err(GitError::malformed("pack", "an object has not the announced size"));
        }
        self.at += usize::try_from(decoder.total_in()).expect("what was read fits into memory");
        Ok(data)
    }
}

fn resolve(entries: Vec<(usize, Entry)>, base: &dyn Objects, limits: Limits, mut left: u64) -> Result<Vec<(ObjectId, Object)>, GitError> {
    let mut done: Vec<(ObjectId, Object)> = Vec::with_capacity(entries.len());
    let mut ready: Vec<usize> = Vec::new();
    let mut by_offset: HashMap<usize, Vec<(usize, Vec<u8>)>> = HashMap::new();
    let mut by_id: HashMap<ObjectId, Vec<(usize, Vec<u8>)>> = HashMap::new();
    let mut offsets: Vec<usize> = Vec::with_capacity(entries.len());
    for (offset, entry) in entries {
        match entry {
            Entry::Whole(kind, data) => {
                ready.push(done.len());
                done.push((ObjectId::of(kind, &data), Object { kind, data }));
                offsets.push(offset);
            }
            Entry::Delta(Base::Offset(at), delta) => by_offset.entry(at).or_default().push((offset, delta)),
            Entry::Delta(Base::Id(id), delta) => by_id.entry(id).or_default().push((offset, delta)),
        }
    }
    loop {
        while let Some(index) = ready.pop() {
            let (id, object) = done[index].clone();
            let mut waiting = by_offset.remove(&offsets[index]).unwrap_or_default();
            waiting.extend(by_id.remove(&id).unwrap_or_default());
            for (offset, delta) in waiting {
                let data = delta::apply(&object.data, &delta, limits.object.min(left))?;
                left -= data.len() as u64;
                ready.push(done.len());
                done.push((ObjectId::of(object.kind, &data), Object { kind: object.kind, data: data.into() }));
                offsets.push(offset);
            }
        }
        // What still waits builds on objects outside the pack. They are not part of the result.
        let Some(id) = by_id.keys().next().copied() else { break };
        let outside = base.get(&id)?.ok_or(GitError::Missing(id))?;
        for (offset, delta) in by_id.remove(&id).unwrap_or_default() {
            let data = delta::apply(&outside.data, &delta, limits.object.min(left))?;
            left -= data.len() as u64;
            ready.push(done.len());
            done.push((ObjectId::of(outside.kind, &data), Object { kind: outside.kind, data: data.into() }));
            offsets.push(offset);
        }
    }
    if !by_offset.is_empty() {
        return Err(GitError::malformed("pack", "a delta builds on something that is no object"));
    }
    Ok(done)
}
