//! Everything that is known about what an environment runs, as plain data: what was read from clusters, registry and Git, with
//! the bytes that prove it. The same data, written to a file, is an export. Read first: [`Facts`].

use std::collections::BTreeMap;

use git::{Kind, MemoryObjects, ObjectId, Objects as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an export says it is.
pub(super) const FORMAT: &str = "supercargo.dev/evidence/v1";

/// What is known.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Facts {
    /// [`FORMAT`].
    pub format: String,
    /// When it was read.
    pub at: Timestamp,
    /// The Stage.
    pub stage: Value,
    /// The project's Namespace and its ProjectConfigs: who holds what.
    pub project: Option<Value>,
    pub configs: Vec<Value>,
    /// All Freight of the project.
    pub freight: Vec<Value>,
    /// The Promotions and AnalysisRuns of the project that concern what runs.
    pub promotions: Vec<Value>,
    pub runs: Vec<Value>,
    /// In the environment's cluster: what the pointer is, what applies it, what that applied, and what of it runs.
    pub cluster: String,
    pub source: Option<Value>,
    pub kustomization: Option<Value>,
    pub workloads: Vec<Value>,
    pub pods: Vec<Value>,
    /// The image policies and namespaces that admission goes by.
    pub policies: Vec<Value>,
    pub namespaces: Vec<Value>,
    /// What registries have, by `host/name@digest`.
    pub registry: BTreeMap<String, Stored>,
    /// Git objects by id.
    pub git: BTreeMap<String, Raw>,
    /// The commit and file that point the environment at its artifact.
    pub pointer: Option<Place>,
    /// The commit that the artifact was built from.
    pub built_from: Option<Place>,
    /// Whose signatures count: keys of commits by name, and a `trusted_root.json`.
    pub signers: BTreeMap<String, String>,
    pub trusted_root: Value,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

/// A manifest with what vouches for it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Stored {
    #[serde(with = "text")]
    pub manifest: Vec<u8>,
    /// The layer with the files, of artifacts only.
    #[serde(with = "text", default, skip_serializing_if = "Vec::is_empty")]
    pub layer: Vec<u8>,
    /// Bundles and legacy signatures, unchecked.
    #[serde(default)]
    pub signatures: Vec<sign::Evidence>,
}

/// A Git object.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub kind: String,
    #[serde(with = "text")]
    pub data: Vec<u8>,
}

/// A file at a commit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub repository: String,
    pub commit: String,
    #[serde(default)]
    pub path: String,
}

impl Facts {
    /// Returns the Git objects, each under the name that its bytes have.
    pub(super) fn objects(&self) -> Result<MemoryObjects, String> {
        let objects = MemoryObjects::default();
        for (id, raw) in &self.git {
            let kind = match raw.kind.as_str() {
                "commit" => Kind::Commit,
                "tree" => Kind::Tree,
                "blob" => Kind::Blob,
                other => return Err(format!("git.{id}: a {other:?} is not supported")),
            };
            let named = objects.put(kind, &raw.data).map_err(|error| format!("git.{id}: {error}"))?;
            if named.to_string() != *id {
                return Err(format!("git.{id}: its bytes are those of {named}"));
            }
        }
        Ok(objects)
    }

    /// Keeps a Git object.
    pub(super) fn keep(&mut self, objects: &dyn git::Objects, id: &ObjectId) {
        if let Ok(Some(object)) = objects.get(id) {
            let kind = match object.kind {
                Kind::Commit => "commit",
                Kind::Tree => "tree",
                Kind::Blob => "blob",
                Kind::Tag => return,
            };
            self.git.insert(id.to_string(), Raw { kind: kind.to_owned(), data: object.data.to_vec() });
        }
    }
}

/// Bytes as base64.
mod text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
