//! Every secret of an embedded world: made once, kept in one file that only its owner reads.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// The clusters of an embedded world. The first is where Kargo lives.
pub const CLUSTERS: [&str; 4] = ["management", "dev", "staging", "prod"];
/// Who signs commits: people and roles.
pub const SIGNERS: [&str; 5] = ["maintainer", "developer", "operator", "renovate", "kargo"];

/// All secrets.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// The forge's tokens by login; `forge-admin` and `forge-runner` among them.
    pub forge: BTreeMap<String, String>,
    /// Password of the registry's account `admin`.
    pub registry: String,
    /// Bearer tokens of `system:masters`, by cluster.
    pub clusters: BTreeMap<String, String>,
    /// Bearer tokens that may only read, by cluster: for the tests.
    pub readers: BTreeMap<String, String>,
    /// Seeds of the keys that sign commits, in hex, by name.
    pub signing: BTreeMap<String, String>,
}

impl Credentials {
    /// Makes all of them anew from a source of randomness.
    pub fn make(mut random: impl FnMut() -> [u8; 32]) -> Self {
        let mut token = || hex::encode(&random()[..20]);
        let forge = ["forge-admin", "forge-runner", "flux"].iter().chain(&SIGNERS).map(|login| ((*login).to_owned(), token())).collect();
        let clusters = CLUSTERS.iter().map(|name| ((*name).to_owned(), token())).collect();
        let readers = CLUSTERS.iter().map(|name| ((*name).to_owned(), token())).collect();
        let registry = token();
        let signing = SIGNERS.iter().map(|name| ((*name).to_owned(), hex::encode(random()))).collect();
        Self { forge, registry, clusters, readers, signing }
    }

    /// Gives everybody who has no secret yet one of their own; tells whether anything was missing.
    fn complete(&mut self) -> bool {
        let made = Self::make(rand::random);
        let before = self.forge.len() + self.signing.len() + self.clusters.len() + self.readers.len();
        for (own, fresh) in [
            (&mut self.forge, made.forge),
            (&mut self.signing, made.signing),
            (&mut self.clusters, made.clusters),
            (&mut self.readers, made.readers),
        ] {
            for (name, secret) in fresh {
                own.entry(name).or_insert(secret);
            }
        }
        before != self.forge.len() + self.signing.len() + self.clusters.len() + self.readers.len()
    }

    /// Reads the file, or makes it; the flag tells whether it is new. A file from before somebody was there is completed.
    pub fn open(path: &Path) -> anyhow::Result<(Self, bool)> {
        match std::fs::read(path) {
            Ok(bytes) => {
                let mut known: Self = serde_json::from_slice(&bytes).with_context(|| format!("{} is malformed", path.display()))?;
                if known.complete() {
                    write_private(path, &serde_json::to_vec_pretty(&known)?)?;
                }
                Ok((known, false))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let made = Self::make(rand::random);
                write_private(path, &serde_json::to_vec_pretty(&made)?)?;
                Ok((made, true))
            }
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Returns the key that signs the commits of a name.
    pub fn signing_key(&self, name: &str) -> anyhow::Result<git::SigningKey> {
        let seed = self.signing.get(name).with_context(|| format!("there is no signing key of {name}"))?;
        let bytes: [u8; 32] = hex::decode(seed)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .with_context(|| format!("the signing key of {name} is malformed"))?;
        Ok(git::SigningKey::from_seed(&bytes, name)?)
    }
}

/// Writes a file that only its owner reads; whole, or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let _ = std::fs::remove_file(&part);
    let mut file =
        std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&part).with_context(|| part.display().to_string())?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(|| part.display().to_string())?;
    std::fs::rename(&part, path).with_context(|| path.display().to_string())
}
