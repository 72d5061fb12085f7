use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::Digest;

/// An immutable folder of files as a value. Paths are relative, with `/`, without `.` or `..`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<String, TreeFile>,
}

/// One file of a [`Tree`]. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// The content.
    pub bytes: Arc<Vec<u8>>,
    /// Whether the file may be executed.
    pub executable: bool,
}

impl Tree {
    /// Returns the file at this path.
    pub fn get(&self, path: &str) -> Option<&TreeFile> {
        self.files.get(path)
    }

    /// Returns the content of the file at this path.
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(|file| file.bytes.as_slice())
    }

    /// Puts a plain file at this path, in place of what was there.
    pub fn put(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), TreeFile { bytes: Arc::new(bytes.into()), executable: false });
    }

    /// Puts a file at this path, in place of what was there.
    pub fn put_file(&mut self, path: impl Into<String>, file: TreeFile) {
        self.files.insert(path.into(), file);
    }

    /// Removes the file at this path and tells whether there was one.
    pub fn remove(&mut self, path: &str) -> bool {
        self.files.remove(path).is_some()
    }

    /// Returns all files, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TreeFile)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// Tells whether a folder of this name holds any file. The empty path is the whole tree.
    pub fn has_folder(&self, folder: &str) -> bool {
        let prefix = folder_prefix(folder);
        self.files.range(prefix.clone()..).next().is_some_and(|(path, _)| path.starts_with(&prefix))
    }

    /// Returns the part below a folder, with paths relative to it.
    #[must_use]
    pub fn sub(&self, folder: &str) -> Self {
        let prefix = folder_prefix(folder);
        let files = self.files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        Self { files: files.map(|(path, file)| (path[prefix.len()..].to_owned(), file.clone())).collect() }
    }

    /// Returns how many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Tells whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns the name of this content: equal trees have equal digests, on any machine.
    pub fn digest(&self) -> Digest {
        let mut listing = String::new();
        for (path, file) in &self.files {
            let mode = if file.executable { 'x' } else { '-' };
            listing.push_str(&format!("{mode} {} {path:?}\n", hex::encode(Sha256::digest(file.bytes.as_slice()))));
        }
        Digest::of(listing.as_bytes())
    }
}

fn folder_prefix(folder: &str) -> String {
    let folder = folder.trim_start_matches("./").trim_matches('/');
    if folder.is_empty() || folder == "." { String::new() } else { format!("{folder}/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_found_by_whole_name() {
        let mut tree = Tree::default();
        tree.put("a/b/c.yaml", "1");
        tree.put("ab/d.yaml", "2");
        assert!(tree.has_folder("./a/b/") && !tree.has_folder("a/b/c"));
        assert_eq!(tree.sub("a").iter().map(|(path, _)| path).collect::<Vec<_>>(), ["b/c.yaml"]);
        let before = tree.digest();
        tree.put("ab/d.yaml", "3");
        assert_ne!(before, tree.digest());
    }
}
