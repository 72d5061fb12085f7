//! Mended files back to disk. Read first: [`write`].

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use model::Tree;

/// Writes the files that differ. Each is written beside its place and moved there, so nobody ever sees half of one; a file that
/// somebody else has changed since it was read stops everything before the first move.
pub(super) fn write(root: &Path, before: &Tree, after: &Tree) -> anyhow::Result<()> {
    let mut ready: Vec<(PathBuf, PathBuf)> = Vec::new();
    let result = prepare(root, before, after, &mut ready).and_then(|()| {
        ready.iter().try_for_each(|(from, to)| fs::rename(from, to).with_context(|| format!("{} cannot be put in place", to.display())))
    });
    if result.is_err() {
        for (from, _) in &ready {
            let _ = fs::remove_file(from);
        }
    }
    result
}

fn prepare(root: &Path, before: &Tree, after: &Tree, ready: &mut Vec<(PathBuf, PathBuf)>) -> anyhow::Result<()> {
    for (path, file) in after.iter().filter(|(path, file)| before.get(path) != Some(file)) {
        let place = root.join(path);
        let current = match fs::read(&place) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| place.display().to_string()),
        };
        if current.as_deref() != before.bytes(path) {
            bail!("{} was changed by somebody else meanwhile; nothing was written", place.display());
        }
        let folder = place.parent().context("a file has a folder")?;
        let name = place.file_name().context("a file has a name")?.to_string_lossy();
        let beside = folder.join(format!(".{name}.{}.supercargo", std::process::id()));
        // Never into a file that is there already, and never through a link.
        let mut written = File::options().write(true).create_new(true).open(&beside).with_context(|| beside.display().to_string())?;
        ready.push((beside.clone(), place.clone()));
        written.write_all(&file.bytes).and_then(|()| written.sync_all()).with_context(|| beside.display().to_string())?;
        if let Ok(metadata) = fs::symlink_metadata(&place) {
            fs::set_permissions(&beside, metadata.permissions()).with_context(|| beside.display().to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_meanwhile_stops_everything() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut before, mut after) = (Tree::default(), Tree::default());
        for name in ["a", "b"] {
            before.put(name, "old");
            after.put(name, "new");
            fs::write(folder.path().join(name), "old").expect("writes");
        }
        fs::write(folder.path().join("b"), "foreign").expect("writes");
        assert!(write(folder.path(), &before, &after).is_err());
        assert_eq!(fs::read_to_string(folder.path().join("a")).expect("reads"), "old");
        assert_eq!(fs::read_dir(folder.path()).expect("reads").count(), 2);
        fs::write(folder.path().join("b"), "old").expect("writes");
        write(folder.path(), &before, &after).expect("writes");
        assert_eq!(fs::read_to_string(folder.path().join("b")).expect("reads"), "new");
    }
}
