//! Layer bytes to files. Everything here comes from strangers: bounded, and refused by the entry's name.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use model::{Tree, TreeFile};
use tar::{Archive, EntryType};

/// How much a layer may unpack to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Unpacked bytes in all, headers included.
    pub bytes: u64,
    /// Number of entries.
    pub entries: usize,
    /// How many times larger than the packed bytes the unpacked ones may be, counted from 16 MiB on.
    pub ratio: u64,
}

impl Default for Limits {
    /// 256 MiB, 100,000 entries, 250 times: far beyond any folder of manifests, far below what hurts.
    fn default() -> Self {
        Self { bytes: 256 << 20, entries: 100_000, ratio: 250 }
    }
}

impl Limits {
    /// Returns the limits for container image layers: 4 GiB and a million entries.
    pub fn image() -> Self {
        Self { bytes: 4 << 30, entries: 1_000_000, ratio: 1_000 }
    }
}

/// Below this size the ratio does not count: small folders of equal files compress very well.
const RATIO_FROM: u64 = 16 << 20;

/// Why a layer was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive does not follow its format.
    #[error("the layer is no readable archive")]
    Malformed(#[source] io::Error),
    /// The compression is not supported.
    #[error("the layer is compressed with {0}; only gzip and plain tar are supported")]
    Compression(&'static str),
    /// The layer unpacks to too much.
    #[error("the layer unpacks to more than {limit} {what}")]
    TooLarge {
        /// The limit.
        limit: u64,
        /// `bytes`, `entries` or `times its size`.
        what: &'static str,
    },
    /// One entry is not acceptable.
    #[error("entry {path:?} of the layer is refused: {why}")]
    Refused {
        /// The entry's name as it stands in the archive.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Unpacks a gzip-compressed or plain tar layer of files. Symbolic links that stay inside are skipped, as Flux does.
pub fn unpack_layer(bytes: &[u8], limits: &Limits) -> Result<Tree, UnpackError> {
    let mut tree = Tree::default();
    let mut folders = std::collections::BTreeSet::new();
    let mut names = Names::default();
    each_entry(bytes, limits, |entry, content| {
        if !names.add(&entry.path) {
            return Err(entry.refuse("it differs from another entry by upper and lower case only"));
        }
        if entry.mode & 0o6000 != 0 && entry.kind == EntryType::Regular {
            return Err(entry.refuse("it has a setuid or setgid bit"));
        }
        match entry.kind {
            EntryType::Directory if tree.get(&entry.path).is_some() => Err(entry.refuse("it is a file and a folder")),
            EntryType::Directory => {
                folders.insert(entry.path);
                Ok(())
            }
            EntryType::Symlink if stays_inside(&entry.path, &entry.link) => Ok(()),
            EntryType::Symlink => Err(entry.refuse("its link leads outside")),
            EntryType::Regular => {
                if entry.path.is_empty() || folders.contains(&entry.path) || tree.has_folder(&entry.path) {
                    return Err(entry.refuse("it is a file and a folder"));
                }
                if tree.get(&entry.path).is_some() {
                    return Err(entry.refuse("it occurs twice"));
                }
                if parents(&entry.path).any(|parent| tree.get(parent).is_some()) {
                    return Err(entry.refuse("its folder is a file"));
                }
                let executable = entry.mode & 0o111 != 0;
                tree.put_file(entry.path, TreeFile { bytes: content.into(), executable });
                Ok(())
            }
            _ => Err(entry.refuse("only files, folders and symbolic links may stand in an artifact")),
        }
    })?;
    Ok(tree)
}

/// Paths as a file system reads them that does not tell upper from lower case: what two machines would read differently is refused.
#[derive(Default)]
struct Names(std::collections::HashMap<String, String>);

impl Names {
    /// Adds a path with all its folders; tells whether no other spelling of one of them is there.
    fn add(&mut self, path: &str) -> bool {
        let all = parents(path).chain(std::iter::once(path)).filter(|path| !path.is_empty());
        all.into_iter().all(|path| self.0.entry(path.to_lowercase()).or_insert_with(|| path.to_owned()) == path)
    }
}

/// One entry, with its path made safe.
pub(crate) struct RawEntry {
    pub name: String,
    /// Relative, without `.`, `..` and empty parts; empty for the root itself.
    pub path: String,
    pub kind: EntryType,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub link: String,
}

impl RawEntry {
    pub(crate) fn refuse(&self, why: &'static str) -> UnpackError {
        UnpackError::Refused { path: self.name.clone(), why }
    }
}

/// Calls back for every entry, in order, with its content.
pub(crate) fn each_entry(
    bytes: &[u8],
    limits: &Limits,
    mut visit: impl FnMut(RawEntry, Vec<u8>) -> Result<(), UnpackError>,
) -> Result<(), UnpackError> {
    let budget = Budget::new(bytes.len() as u64, limits);
    let reader: Box<dyn Read + '_> = match bytes {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(bytes)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(UnpackError::Compression("zstd")),
        [b'B', b'Z', b'h', ..] => return Err(UnpackError::Compression("bzip2")),
        [0xfd, b'7', b'z', ..] => return Err(UnpackError::Compression("xz")),
        _ => Box::new(bytes),
    };
    let mut archive = Archive::new(Bounded { reader, budget });
    for (count, entry) in archive.entries().map_err(read_error)?.enumerate() {
        if count >= limits.entries {
            return Err(UnpackError::TooLarge { limit: limits.entries as u64, what: "entries" });
        }
        let mut entry = entry.map_err(read_error)?;
        let header = entry.header();
        let kind = match header.entry_type() {
            EntryType::Continuous => EntryType::Regular,
            kind => kind,
        };
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let number = |result: io::Result<u64>| result.map_err(read_error);
        let raw = RawEntry {
            path: clean(&entry.path_bytes()).map_err(|why| UnpackError::Refused { path: name.chars().take(300).collect(), why })?,
            kind,
            mode: header.mode().map_err(read_error)?,
            uid: number(header.uid())?,
            gid: number(header.gid())?,
            link: entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned()).unwrap_or_default(),
            name,
        };
        let mut content = Vec::new();
        if kind == EntryType::Regular {
            entry.read_to_end(&mut content).map_err(read_error)?;
            if content.len() as u64 != entry.size() {
                return Err(read_error(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        visit(raw, content)?;
    }
    Ok(())
}

/// Returns the path in plain parts, or why it is refused.
fn clean(path: &[u8]) -> Result<String, &'static str> {
    let path = std::str::from_utf8(path).map_err(|_| "its name is not UTF-8")?;
    if path.starts_with('/') {
        return Err("its path is absolute");
    }
    if path.contains(['\\', '\0']) {
        return Err("its path contains a backslash or a zero byte");
    }
    if path.len() > 4096 || path.is_empty() {
        return Err("its path is empty or longer than 4096 bytes");
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("its path contains .."),
            part if part.len() > 255 => return Err("a part of its path is longer than 255 bytes"),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Tells whether a link from this path leads to a place inside the root.
fn stays_inside(path: &str, target: &str) -> bool {
    if target.is_empty() || target.starts_with('/') || target.contains('\\') {
        return false;
    }
    let mut depth = path.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

/// Returns every folder above a path, outermost first.
pub(crate) fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Counts what comes out of the decompressor.
struct Bounded<R> {
    reader: R,
    budget: Budget,
}

struct Budget {
    left: u64,
    exceeded: Exceeded,
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("more than {limit} {what}")]
struct Exceeded {
    limit: u64,
    what: &'static str,
}

impl Budget {
    fn new(packed: u64, limits: &Limits) -> Self {
        let by_ratio = packed.saturating_mul(limits.ratio).max(RATIO_FROM);
        if by_ratio < limits.bytes {
            return Self { left: by_ratio, exceeded: Exceeded { limit: limits.ratio, what: "times its size" } };
        }
        Self { left: limits.bytes, exceeded: Exceeded { limit: limits.bytes, what: "bytes" } }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.budget.left = self.budget.left.checked_sub(count as u64).ok_or_else(|| io::Error::other(self.budget.exceeded))?;
        Ok(count)
    }
}

/// Finds the exceeded budget inside what the tar reader made of it.
fn read_error(error: io::Error) -> UnpackError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(each) = cause {
        if let Some(exceeded) = each.downcast_ref::<Exceeded>() {
            return UnpackError::TooLarge { limit: exceeded.limit, what: exceeded.what };
        }
        cause = match each.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
            None => each.source(),
        };
    }
    UnpackError::Malformed(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gzip;
    use tar::Header;

    fn archive(entries: &[(&str, EntryType, u32, &str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (path, kind, mode, link, bytes) in entries {
            let mut header = Header::new_gnu();
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            out.extend_from_slice(header.as_bytes());
            out.extend_from_slice(bytes);
            out.resize(out.len().next_multiple_of(512), 0);
        }
        out.resize(out.len() + 1024, 0);
        out
    }

    #[test]
    fn hostile_entries_are_refused_by_name() {
        let file = EntryType::Regular;
        let cases: [(&str, Vec<u8>); 10] = [
            ("..", archive(&[("a/../../x", file, 0o644, "", b"1")])),
            ("absolute", archive(&[("/etc/passwd", file, 0o644, "", b"1")])),
            ("backslash", archive(&[("a\\b", file, 0o644, "", b"1")])),
            ("link leads outside", archive(&[("a", EntryType::Symlink, 0o777, "../x", b"")])),
            ("link leads outside", archive(&[("a", EntryType::Symlink, 0o777, "/etc", b"")])),
            ("only files", archive(&[("a", EntryType::Link, 0o644, "b", b"")])),
            ("only files", archive(&[("a", EntryType::Char, 0o644, "", b"")])),
            ("setuid", archive(&[("a", file, 0o4755, "", b"1")])),
            ("twice", archive(&[("a", file, 0o644, "", b"1"), ("./a", file, 0o644, "", b"2")])),
            ("folder is a file", archive(&[("a", file, 0o644, "", b"1"), ("a/b", file, 0o644, "", b"2")])),
        ];
        for (wanted, bytes) in cases {
            let error = unpack_layer(&bytes, &Limits::default()).expect_err(wanted).to_string();
            assert!(error.contains(wanted), "{wanted}: {error}");
        }
        let kept = archive(&[("./a/b", file, 0o755, "", b"1"), ("a/c", EntryType::Symlink, 0o777, "../a/b", b"")]);
        let tree = unpack_layer(&gzip(&kept), &Limits::default()).expect("unpacks");
        assert!(tree.len() == 1 && tree.get("a/b").is_some_and(|file| file.executable));
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        let big = archive(&[("a", EntryType::Regular, 0o644, "", &vec![0; 40 << 20])]);
        let packed = gzip(&big);
        assert!(matches!(unpack_layer(&packed, &Limits::default()), Err(UnpackError::TooLarge { what: "times its size", .. })));
        let limits = Limits { bytes: 1 << 20, ..Limits::default() };
        assert!(matches!(unpack_layer(&big, &limits), Err(UnpackError::TooLarge { what: "bytes", .. })));
        let many: Vec<_> = (0..20).map(|_| ("d", EntryType::Directory, 0o755, "", &b""[..])).collect();
        let limits = Limits { entries: 10, ..Limits::default() };
        assert!(matches!(unpack_layer(&archive(&many), &limits), Err(UnpackError::TooLarge { what: "entries", .. })));
        assert!(matches!(unpack_layer(&[0x28, 0xb5, 0x2f, 0xfd, 0], &limits), Err(UnpackError::Compression("zstd"))));
        assert!(unpack_layer(&packed[..packed.len() / 2], &Limits::default()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2048)) {
            let _ = unpack_layer(&bytes, &Limits::default());
        }
    }
}
