//! Folders on disk as Trees.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use model::{Tree, TreeFile};

/// Most bytes of a folder.
const BYTES: u64 = 512 << 20;
/// Most files of a folder.
const FILES: usize = 100_000;

/// Reads a folder, without `.git`. Links are refused: what they name may lie outside.
pub fn read(root: &Path) -> anyhow::Result<Tree> {
    let mut tree = Tree::default();
    let (mut bytes, mut files) = (0, 0);
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry.with_context(|| folder.display().to_string())?;
            let path = entry.path();
            let kind = entry.file_type().with_context(|| path.display().to_string())?;
            if kind.is_dir() {
                if entry.file_name() != ".git" {
                    open.push(path);
                }
                continue;
            }
            if !kind.is_file() {
                bail!("{}: only files and folders are supported", path.display());
            }
            let found = entry.metadata().with_context(|| path.display().to_string())?;
            bytes += found.len();
            files += 1;
            if bytes > BYTES || files > FILES {
                bail!("{} exceeds the limit of 512 MiB or 100,000 files", root.display());
            }
            let content = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let name = path
                .strip_prefix(root)
                .context("a path inside the folder")?
                .to_str()
                .with_context(|| format!("{} is not UTF-8", path.display()))?;
            let executable = found.permissions().mode() & 0o111 != 0;
            tree.put_file(name, TreeFile { bytes: Arc::new(content), executable });
        }
    }
    Ok(tree)
}
