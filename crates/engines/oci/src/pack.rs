//! Files to layer bytes: the same input gives the same bytes always, on any machine.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use flate2::{Compression, GzBuilder};
use model::Tree;
use tar::{EntryType, Header};

/// The files of one layer. Later entries of one path replace earlier ones; folders that are not named are added with mode 0755.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerSpec {
    /// The files.
    pub files: Vec<LayerFile>,
}

/// One entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFile {
    /// Path relative to the root, with `/`.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Owning group.
    pub gid: u64,
    /// What it is.
    pub content: LayerContent,
}

/// What an entry of a layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerContent {
    /// A file with this content.
    File(Arc<Vec<u8>>),
    /// A folder.
    Folder,
    /// A symbolic link to this target.
    Symlink(String),
}

impl LayerSpec {
    /// Returns the layer that holds a tree below a folder, owned by root, with modes 0644 and 0755.
    pub fn of_tree(tree: &Tree, folder: &str) -> Self {
        let folder = folder.trim_matches('/');
        let place = |path: &str| if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") };
        let files = tree
            .iter()
            .map(|(path, file)| LayerFile {
                path: place(path),
                mode: if file.executable { 0o755 } else { 0o644 },
                uid: 0,
                gid: 0,
                content: LayerContent::File(Arc::clone(&file.bytes)),
            })
            .collect();
        Self { files }
    }
}

/// Returns a tar archive: entries sorted, folders before their content, all times 0. With `with_root` the first entry is `.`.
pub fn tar(layer: &LayerSpec, with_root: bool) -> Vec<u8> {
    let mut entries: BTreeMap<String, Option<&LayerFile>> = BTreeMap::new();
    for file in &layer.files {
        let path = file.path.trim_matches('/');
        for (at, _) in path.match_indices('/') {
            entries.entry(path[..at].to_owned()).or_insert(None);
        }
        entries.insert(path.to_owned(), Some(file));
    }
    let mut out = Vec::new();
    if with_root {
        append(&mut out, ".", None);
    }
    for (path, file) in entries {
        append(&mut out, &path, file);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn append(out: &mut Vec<u8>, path: &str, file: Option<&LayerFile>) {
    let (mode, uid, gid) = file.map_or((0o755, 0, 0), |file| (file.mode & 0o7777, file.uid, file.gid));
    let content = file.map_or(&LayerContent::Folder, |file| &file.content);
    let (kind, bytes, target): (_, &[u8], _) = match content {
        LayerContent::File(bytes) => (EntryType::Regular, bytes.as_slice(), ""),
        LayerContent::Folder => (EntryType::Directory, &[], ""),
        LayerContent::Symlink(target) => (EntryType::Symlink, &[], target.as_str()),
    };
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(uid);
    header.set_gid(gid);
    header.set_mtime(0);
    let fields = header.as_old_mut();
    set_text(out, &mut fields.linkname, target, EntryType::GNULongLink);
    set_text(out, &mut fields.name, path, EntryType::GNULongName);
    append_block(out, header, bytes);
}

/// A text that does not fit into its 100 bytes goes into an entry of its own before, as GNU tar does it and everybody reads it.
fn set_text(out: &mut Vec<u8>, field: &mut [u8; 100], text: &str, long: EntryType) {
    let fitting = text.len().min(100);
    field[..fitting].copy_from_slice(&text.as_bytes()[..fitting]);
    if text.len() <= 100 {
        return;
    }
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..13].copy_from_slice(b"././@LongLink");
    header.set_entry_type(long);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    append_block(out, header, &bytes);
}

fn append_block(out: &mut Vec<u8>, mut header: Header, bytes: &[u8]) {
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(512), 0);
}

/// Compresses with gzip, without name and time.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes every write");
    encoder.finish().expect("memory takes every write")
}
