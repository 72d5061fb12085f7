//! The folder as a Tree. Read first: [`read`].

use std::path::Path;

use anyhow::{Context as _, bail};
use model::Tree;

/// Most bytes of a repository.
const BYTES: u64 = 512 << 20;
/// Most files of a repository.
const FILES: usize = 20_000;
/// Ends of the names of files whose content is looked at. Of others it counts only that they are there.
const TEXTS: [&str; 8] = [".yaml", ".yml", ".json", ".md", ".txt", ".sh", "CODEOWNERS", ".renovaterc"];

/// Reads a folder, without `.git`. Links are left out: what they name may lie outside.
pub(super) fn read(root: &Path) -> anyhow::Result<Tree> {
    let mut tree = Tree::default();
    let (mut bytes, mut files) = (0, 0);
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry.with_context(|| folder.display().to_string())?;
            let path = entry.path();
            let kind = entry.file_type().with_context(|| path.display().to_string())?;
            if entry.file_name() == ".git" || !(kind.is_dir() || kind.is_file()) {
                continue;
            }
            if kind.is_dir() {
                open.push(path);
                continue;
            }
            files += 1;
            let name = path
                .strip_prefix(root)
                .context("a path inside the folder")?
                .to_str()
                .with_context(|| format!("{} is not UTF-8", path.display()))?;
            let looked_at = TEXTS.iter().any(|end| name.ends_with(end));
            if looked_at {
                bytes += entry.metadata().with_context(|| path.display().to_string())?.len();
            }
            if bytes > BYTES || files > FILES {
                bail!("{} exceeds the limit of 512 MiB or 20,000 files", root.display());
            }
            let content = if looked_at { std::fs::read(&path).with_context(|| path.display().to_string())? } else { Vec::new() };
            tree.put(name, content);
        }
    }
    Ok(tree)
}
