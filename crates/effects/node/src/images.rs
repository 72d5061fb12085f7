//! Images on this machine: pulled by digest, unpacked once, kept by digest.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Digest;
use oci::{Image, Limits, Manifest, Reference, RootKind, Rootfs, media_type};
use ports::Registry;
use ports::registry::RegistryError;
use tokio::sync::Mutex;

/// An image that is here.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The manifest's digest.
    pub digest: Digest,
    /// Its config.
    pub image: Image,
    /// Where its files are.
    pub root: PathBuf,
}

/// Why an image is not here.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The registry does not have it, or did not answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It is no image that runs here.
    #[error("{0}")]
    Unusable(String),
    /// Its files cannot be written.
    #[error("the image cannot be unpacked at {path}")]
    File {
        /// Where.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// All images on this machine. Cloning shares them.
#[derive(Clone)]
pub struct Images {
    folder: PathBuf,
    registry: Registry,
    one: Arc<Mutex<()>>,
}

impl Images {
    /// Keeps images in a folder.
    pub fn new(folder: PathBuf, registry: Registry) -> Self {
        Self { folder, registry, one: Arc::default() }
    }

    /// Reads an image's config without its files.
    pub async fn inspect(&self, place: &Reference) -> Result<(Digest, Image), ImageError> {
        let (digest, manifest) = self.manifest(place).await?;
        Ok((digest, self.config(place, &manifest).await?))
    }

    /// Makes an image's files available. One at a time: two pods of the same image share the work.
    pub async fn pull(&self, place: &Reference) -> Result<Pulled, ImageError> {
        let (digest, manifest) = self.manifest(place).await?;
        let image = self.config(place, &manifest).await?;
        let root = self.folder.join(digest.hex());
        let _one_at_a_time = self.one.lock().await;
        if !root.exists() {
            self.unpack(place, &manifest, &root).await?;
        }
        Ok(Pulled { digest, image, root })
    }

    async fn manifest(&self, place: &Reference) -> Result<(Digest, Manifest), ImageError> {
        let mut fetched = self.registry.manifest(place).await?;
        if fetched.media_type == media_type::INDEX || fetched.media_type == media_type::DOCKER_LIST {
            let index: oci::Index =
                serde_json::from_slice(&fetched.bytes).map_err(|error| ImageError::Unusable(format!("the index is malformed: {error}")))?;
            let own = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
            let chosen = index
                .for_platform("linux", own)
                .ok_or_else(|| ImageError::Unusable(format!("the image has no variant for linux/{own}")))?;
            fetched = self.registry.manifest(&place.with_digest(chosen.digest.clone())).await?;
        }
        let manifest =
            serde_json::from_slice(&fetched.bytes).map_err(|error| ImageError::Unusable(format!("the manifest is malformed: {error}")))?;
        Ok((fetched.digest, manifest))
    }

    async fn config(&self, place: &Reference, manifest: &Manifest) -> Result<Image, ImageError> {
        let bytes = self.registry.blob(place, &manifest.config.digest).await?;
        oci::read_image(&bytes).map_err(|error| ImageError::Unusable(error.to_string()))
    }

    /// Unpacks beside the final place and moves it there whole: what a crash leaves behind is never taken for an image.
    async fn unpack(&self, place: &Reference, manifest: &Manifest, root: &Path) -> Result<(), ImageError> {
        let mut files = Rootfs::default();
        for layer in &manifest.layers {
            let bytes = self.registry.blob(place, &layer.digest).await?;
            files.apply(&bytes, &Limits::image()).map_err(|error| ImageError::Unusable(format!("a layer cannot be unpacked: {error}")))?;
        }
        let parts = root.with_extension("part");
        let _ = std::fs::remove_dir_all(&parts);
        write_files(&files, &parts).map_err(|(path, source)| ImageError::File { path: path.display().to_string(), source })?;
        std::fs::rename(&parts, root).map_err(|source| ImageError::File { path: root.display().to_string(), source })
    }
}

fn write_files(files: &Rootfs, root: &Path) -> Result<(), (PathBuf, std::io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    std::fs::create_dir_all(root).map_err(at(root))?;
    std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).map_err(at(root))?;
    let privileged = nix::unistd::geteuid().is_root();
    for (path, entry) in files.iter() {
        let target = root.join(path);
        match &entry.kind {
            RootKind::Folder => std::fs::create_dir_all(&target).map_err(at(&target))?,
            RootKind::File(bytes) => std::fs::write(&target, bytes.as_slice()).map_err(at(&target))?,
            RootKind::Symlink(link) => std::os::unix::fs::symlink(link, &target).map_err(at(&target))?,
        }
        if matches!(entry.kind, RootKind::Symlink(_)) {
            continue;
        }
        if privileged {
            let id = |id: u64| u32::try_from(id).ok();
            std::os::unix::fs::chown(&target, id(entry.uid), id(entry.gid)).map_err(at(&target))?;
        }
        // A file that would run as its owner has no place on this machine.
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(entry.mode & 0o777)).map_err(at(&target))?;
    }
    // The sandbox puts these there; the image's root is read-only by then.
    for folder in ["proc", "dev", "tmp", "sys"] {
        let folder = root.join(folder);
        std::fs::create_dir_all(&folder).map_err(at(&folder))?;
    }
    Ok(())
}
