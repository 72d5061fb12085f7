//! The example's test image: this very program with the libraries it is loaded with, packed and signed at start. A new
//! binary is a new tag; `latest` names the newest.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use model::{Caller, Digest};
use oci::{ImageConfig, LayerContent, LayerFile, LayerSpec, Reference};
use ports::{Login, Registry, Signer};
use serde_json::json;

use super::hosts::PACKER;
use super::{REGISTRY, World, identity_url};

/// The repository of the example's tests.
const TESTS: &str = "tests/integration";
/// The name by which test suites call the program.
const SUITE: &str = "run-tests.sh";
/// Where the program lies in the image.
const PROGRAM: &str = "usr/bin/check";
/// Where its libraries lie.
const LIBRARIES: &str = "usr/lib/supercargo";

impl World {
    /// Packs, pushes and signs the test image, unless that was done for this very file; returns its digest.
    pub async fn test_image(&self, program: &Path, note: &Path) -> anyhow::Result<Digest> {
        let found = std::fs::metadata(program).with_context(|| program.display().to_string())?;
        let stamp = format!("{}:{}:{}.{}:{}", program.display(), found.len(), found.mtime(), found.mtime_nsec(), found.ino());
        let known = std::fs::read_to_string(note).unwrap_or_default();
        if let Some((digest, _)) = known.split_once('\n').filter(|(_, known)| *known == stamp) {
            return Ok(digest.parse()?);
        }
        let artifact = pack(program)?;
        self.publish_tests(&artifact).await?;
        std::fs::write(note, format!("{}\n{stamp}", artifact.digest)).with_context(|| note.display().to_string())?;
        Ok(artifact.digest)
    }

    /// Pushes and signs an image as the newest of the example's tests.
    pub async fn publish_tests(&self, artifact: &oci::Artifact) -> anyhow::Result<()> {
        let registry = Registry::new(self.web.clone(), Login::Caller(Caller::new(PACKER)));
        let place: Reference = format!("{REGISTRY}/{TESTS}").parse()?;
        let tag = format!("b-{}", &artifact.digest.hex()[..12]);
        registry.push(&place, &tag, artifact).await?;
        let place = place.with_digest(artifact.digest.clone());
        if registry.referrers(&place, &artifact.digest).await?.is_empty() {
            let claims = json!({"sub": "supercargo:tests"});
            let token = self.hosts.identity.issue_token(claims, "sigstore").map_err(anyhow::Error::msg)?;
            let services = identity_url();
            let signer = Signer { web: self.web.clone(), fulcio: services.clone(), rekor: services.clone(), timestamps: services };
            signer.sign(&registry, &place, &token, rand::random(), self.ports.clock.now()).await?;
        }
        Ok(registry.put_manifest(&place, "latest", &artifact.media_type, &artifact.manifest).await.map(drop)?)
    }
}

fn pack(program: &Path) -> anyhow::Result<oci::Artifact> {
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let bytes = read(program)?;
    let file =
        |path: String, bytes: Vec<u8>, mode: u32| LayerFile { path, mode, uid: 0, gid: 0, content: LayerContent::File(Arc::new(bytes)) };
    let mut files = Vec::new();
    if let Some(loader) = interpreter(&bytes) {
        files.push(file(loader.trim_start_matches('/').to_owned(), read(Path::new(&loader))?, 0o755));
    }
    for library in libraries()? {
        let name = library.file_name().context("a library has a name")?.to_string_lossy().into_owned();
        files.push(file(format!("{LIBRARIES}/{name}"), read(&library)?, 0o755));
    }
    files.push(file(PROGRAM.to_owned(), bytes, 0o755));
    let link = LayerContent::Symlink(PROGRAM.to_owned());
    files.push(LayerFile { path: SUITE.to_owned(), mode: 0o777, uid: 0, gid: 0, content: link });
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let config = ImageConfig {
        env: vec![format!("LD_LIBRARY_PATH=/{LIBRARIES}")],
        entrypoint: vec![format!("/{PROGRAM}")],
        user: "65532:65532".to_owned(),
        architecture: if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }.to_owned(),
        os: "linux".to_owned(),
        ..ImageConfig::default()
    };
    Ok(oci::image(&[LayerSpec { files }], &config, &std::collections::BTreeMap::new()))
}

/// Reads which loader an ELF file names; `None` for a static one.
fn interpreter(elf: &[u8]) -> Option<String> {
    let number = |at: usize, size: usize| {
        elf.get(at..at + size).map(|bytes| bytes.iter().rev().fold(0u64, |all, byte| (all << 8) | u64::from(*byte)))
    };
    if elf.get(..5)? != b"\x7fELF\x02" {
        return None;
    }
    let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        let header = usize::try_from(start + index * size).ok()?;
        // PT_INTERP
        if number(header, 4)? == 3 {
            let (from, length) = (usize::try_from(number(header + 8, 8)?).ok()?, usize::try_from(number(header + 32, 8)?).ok()?);
            let text = elf.get(from..from + length)?;
            return Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned());
        }
    }
    None
}

/// The libraries that this process is loaded with, by their real files.
fn libraries() -> anyhow::Result<BTreeSet<PathBuf>> {
    let maps = std::fs::read_to_string("/proc/self/maps").context("/proc/self/maps")?;
    let paths = maps.lines().filter_map(|line| line.split_whitespace().nth(5)).filter(|path| path.starts_with('/') && path.contains(".so"));
    Ok(paths.map(PathBuf::from).filter(|path| !path.to_string_lossy().contains("/ld-")).collect())
}
