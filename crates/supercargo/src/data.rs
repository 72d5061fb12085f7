//! The data folder: what lies where, and who uses it.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nix::fcntl::{Flock, FlockArg};

/// A data folder in use by this process.
pub struct Data {
    root: PathBuf,
    _lock: Flock<File>,
}

impl Data {
    /// Opens the folder, or makes it, and takes it: a second process is refused.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root).with_context(|| root.display().to_string())?;
        let root = root.canonicalize().with_context(|| root.display().to_string())?;
        let path = root.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).with_context(|| path.display().to_string())?;
        let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else {
            bail!("{} is in use by another supercargo", root.display());
        };
        for folder in ["clusters", "forge", "registry", "identity", "images", "logs", "tmp"] {
            let folder = root.join(folder);
            std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        Ok(Self { root, _lock: lock })
    }

    /// Tells whether a process uses the folder: the lock goes with its holder, however that ends.
    pub fn is_in_use(root: &Path) -> anyhow::Result<bool> {
        let path = root.join("lock");
        let file = File::open(&path).with_context(|| path.display().to_string())?;
        Ok(Flock::lock(file, FlockArg::LockSharedNonblock).is_err())
    }

    /// Returns a path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_in_use_by_one_process_until_that_ends() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let data = Data::open(folder.path())?;
        assert!(Data::is_in_use(folder.path())?);
        let second = Data::open(folder.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(second.ends_with("is in use by another supercargo"), "{second}");
        drop(data);
        assert!(!Data::is_in_use(folder.path())?);
        Data::open(folder.path())?;
        Ok(())
    }
}
