//! Image layers stacked to one file list, with whiteouts. What comes out is safe to write in order: no path leads through a link.

use std::collections::BTreeMap;
use std::sync::Arc;

use tar::EntryType;

use crate::unpack::{RawEntry, each_entry, parents};
use crate::{Limits, UnpackError};

/// The files of an image after all layers.
#[derive(Debug, Clone, Default)]
pub struct Rootfs {
    entries: BTreeMap<String, RootEntry>,
}

/// One file of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootEntry {
    /// What it is.
    pub kind: RootKind,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Owning group.
    pub gid: u64,
}

/// What a file of an image is. Hard links are resolved: both names share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootKind {
    /// A file with this content.
    File(Arc<Vec<u8>>),
    /// A folder.
    Folder,
    /// A symbolic link; the target is as written and means a place inside the root.
    Symlink(String),
}

/// More links in one path than any real image has.
const MOST_LINKS: usize = 40;

impl Rootfs {
    /// Stacks a layer on top: adds and replaces files, and removes what its whiteouts name.
    pub fn apply(&mut self, layer: &[u8], limits: &Limits) -> Result<(), UnpackError> {
        // An opaque folder hides what lower layers put there, never what this layer does.
        let mut fresh = std::collections::BTreeSet::new();
        each_entry(layer, limits, |entry, content| self.put(entry, content, &mut fresh))
    }

    /// Returns all files, by path; folders come before their content.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RootEntry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// Returns the file at this path.
    pub fn get(&self, path: &str) -> Option<&RootEntry> {
        self.entries.get(path)
    }

    fn put(&mut self, entry: RawEntry, content: Vec<u8>, fresh: &mut std::collections::BTreeSet<String>) -> Result<(), UnpackError> {
        if entry.path.is_empty() {
            return Ok(());
        }
        let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
        let folder = self.resolve(folder).ok_or_else(|| entry.refuse("its path goes round in links"))?;
        let place = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if name == ".wh..wh..opq" {
            self.entries.retain(|path, _| !below(path, &folder) || fresh.contains(path));
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(".wh.") {
            self.remove(&place(hidden));
            return Ok(());
        }
        let path = place(name);
        let kind = match entry.kind {
            EntryType::Regular => RootKind::File(Arc::new(content)),
            EntryType::Directory => RootKind::Folder,
            EntryType::Symlink => RootKind::Symlink(entry.link.clone()),
            EntryType::Link => self.linked(&entry)?,
            _ => return Err(entry.refuse("devices and pipes may not stand in an image layer")),
        };
        self.add_folders(&path, fresh);
        if kind != RootKind::Folder || !self.entries.get(&path).is_some_and(|old| old.kind == RootKind::Folder) {
            self.remove(&path);
        }
        fresh.insert(path.clone());
        self.entries.insert(path, RootEntry { kind, mode: entry.mode & 0o7777, uid: entry.uid, gid: entry.gid });
        Ok(())
    }

    fn linked(&self, entry: &RawEntry) -> Result<RootKind, UnpackError> {
        let target = entry.link.trim_start_matches("./").trim_matches('/');
        let (folder, name) = target.rsplit_once('/').unwrap_or(("", target));
        let folder = self.resolve(folder).ok_or_else(|| entry.refuse("its link goes round in links"))?;
        let target = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        match self.entries.get(&target).map(|found| &found.kind) {
            Some(kind @ (RootKind::File(_) | RootKind::Symlink(_))) => Ok(kind.clone()),
            _ => Err(entry.refuse("it links to a file that is not there")),
        }
    }

    /// Follows links inside the root; `None` when they go round.
    fn resolve(&self, folder: &str) -> Option<String> {
        let mut waiting: Vec<String> = folder.split('/').rev().map(str::to_owned).collect();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = waiting.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    done.pop();
                    continue;
                }
                _ => done.push(part),
            }
            if let Some(RootEntry { kind: RootKind::Symlink(target), .. }) = self.entries.get(&done.join("/")) {
                links += 1;
                if links > MOST_LINKS || waiting.len() > 4096 {
                    return None;
                }
                done.pop();
                if target.starts_with('/') {
                    done.clear();
                }
                waiting.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        Some(done.join("/"))
    }

    fn add_folders(&mut self, path: &str, fresh: &mut std::collections::BTreeSet<String>) {
        for parent in parents(path) {
            if self.entries.get(parent).is_none_or(|entry| entry.kind != RootKind::Folder) {
                fresh.insert(parent.to_owned());
                self.entries.insert(parent.to_owned(), RootEntry { kind: RootKind::Folder, mode: 0o755, uid: 0, gid: 0 });
            }
        }
    }

    fn remove(&mut self, path: &str) {
        let start = format!("{path}/");
        let inside: Vec<String> =
            self.entries.range(start.clone()..).map(|(key, _)| key).take_while(|key| key.starts_with(&start)).cloned().collect();
        for each in inside {
            self.entries.remove(&each);
        }
        self.entries.remove(path);
    }
}

fn below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LayerContent, LayerFile, LayerSpec, gzip, tar};

    /// Without entries for the folders, so that a folder that is a link below stays one.
    fn layer(files: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (path, text) in files {
            let content = match text.strip_prefix("-> ") {
                Some(target) => LayerContent::Symlink(target.to_owned()),
                None => LayerContent::File(Arc::new(text.as_bytes().to_vec())),
            };
            let file = LayerFile { path: (*path).to_owned(), mode: 0o644, uid: 5, gid: 6, content };
            let whole = tar(&LayerSpec { files: vec![file] }, false);
            out.extend_from_slice(&whole[512 * path.matches('/').count()..whole.len() - 1024]);
        }
        out.resize(out.len() + 1024, 0);
        gzip(&out)
    }

    fn names(layers: &[Vec<u8>]) -> Vec<String> {
        let mut root = Rootfs::default();
        for each in layers {
            root.apply(each, &Limits::image()).expect("applies");
        }
        root.iter().filter(|(_, entry)| entry.kind != RootKind::Folder).map(|(path, _)| path.to_owned()).collect()
    }

    #[test]
    fn whiteouts_remove_and_links_are_followed_inside() {
        let base = layer(&[("lib", "-> usr/lib"), ("usr/lib/a", "1"), ("etc/x/y", "1"), ("etc/z", "1"), ("up", "-> ../../..")]);
        assert_eq!(names(&[base.clone(), layer(&[("lib/b", "2"), ("etc/.wh.x", "")])]), ["etc/z", "lib", "up", "usr/lib/a", "usr/lib/b"]);
        assert_eq!(names(&[base.clone(), layer(&[("etc/.wh..wh..opq", ""), ("etc/new", "1")])]), ["etc/new", "lib", "up", "usr/lib/a"]);
        assert_eq!(names(&[base, layer(&[("up/escaped", "1")])]), ["escaped", "etc/x/y", "etc/z", "lib", "up", "usr/lib/a"]);
        let mut root = Rootfs::default();
        let round = layer(&[("a", "-> b"), ("b", "-> a")]);
        root.apply(&round, &Limits::image()).expect("applies");
        assert!(root.apply(&layer(&[("a/x", "1")]), &Limits::image()).is_err());
    }
}
