use std::collections::BTreeMap;

use model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::artifact::seconds;
use crate::{Artifact, Descriptor, LayerSpec, Manifest, gzip, media_type, tar};

/// How a container of an image is started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageConfig {
    /// `NAME=value` lines.
    pub env: Vec<String>,
    /// The program and its fixed arguments.
    pub entrypoint: Vec<String>,
    /// Default arguments.
    pub cmd: Vec<String>,
    /// `user`, `uid`, `user:group` or `uid:gid`; empty for root.
    pub user: String,
    /// Working directory; empty for `/`.
    pub working_dir: String,
    /// Ports such as `8080/tcp`.
    pub exposed_ports: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `amd64`, …
    pub architecture: String,
    /// `linux`, …
    pub os: String,
    /// When the image was made.
    pub created: Option<Timestamp>,
}

/// An image's config as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// How a container is started.
    pub config: ImageConfig,
    /// Digests of the uncompressed layers, lowest first.
    pub diff_ids: Vec<Digest>,
}

/// A blob that is no image config.
#[derive(Debug, thiserror::Error)]
#[error("the image config is malformed")]
pub struct ImageError(#[from] serde_json::Error);

#[derive(Serialize, Deserialize, Default)]
struct Wire {
    #[serde(default)]
    architecture: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(default)]
    os: String,
    #[serde(default)]
    config: Option<WireConfig>,
    rootfs: WireRootfs,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct WireConfig {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exposed_ports: Option<BTreeMap<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    env: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entrypoint: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cmd: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    working_dir: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Serialize, Deserialize, Default)]
struct WireRootfs {
    r#type: String,
    #[serde(default)]
    diff_ids: Vec<Digest>,
}

/// Builds a container image from file lists. Equal input gives equal bytes.
pub fn image(layers: &[LayerSpec], config: &ImageConfig, annotations: &BTreeMap<String, String>) -> Artifact {
    let plain: Vec<Vec<u8>> = layers.iter().map(|layer| tar(layer, false)).collect();
    let packed: Vec<Vec<u8>> = plain.iter().map(|layer| gzip(layer)).collect();
    let config = write_config(config, plain.iter().map(|layer| Digest::of(layer)).collect());
    let descriptors = packed.iter().map(|layer| Descriptor::of(media_type::LAYER, layer)).collect();
    let mut manifest = Manifest::new(Descriptor::of(media_type::CONFIG, &config), descriptors);
    manifest.annotations.clone_from(annotations);
    let mut blobs = vec![config];
    blobs.extend(packed);
    Artifact::new(&manifest, blobs)
}

fn write_config(config: &ImageConfig, diff_ids: Vec<Digest>) -> Vec<u8> {
    let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let ports = config.exposed_ports.iter().map(|port| (port.clone(), Value::Object(serde_json::Map::new()))).collect();
    let wire = Wire {
        architecture: config.architecture.clone(),
        created: config.created.map(seconds),
        os: config.os.clone(),
        config: Some(WireConfig {
            user: config.user.clone(),
            exposed_ports: (!config.exposed_ports.is_empty()).then_some(ports),
            env: list(&config.env),
            entrypoint: list(&config.entrypoint),
            cmd: list(&config.cmd),
            working_dir: config.working_dir.clone(),
            labels: (!config.labels.is_empty()).then(|| config.labels.clone()),
        }),
        rootfs: WireRootfs { r#type: "layers".to_owned(), diff_ids },
    };
    serde_json::to_vec(&wire).expect("texts and lists always serialise")
}

/// Reads an image's config blob.
pub fn read_image(bytes: &[u8]) -> Result<Image, ImageError> {
    let wire: Wire = serde_json::from_slice(bytes)?;
    let config = wire.config.unwrap_or_default();
    let created = match wire.created.as_deref() {
        None | Some("") => None,
        Some(text) => Some(text.parse().map_err(|error| <serde_json::Error as serde::de::Error>::custom(format!("created: {error}")))?),
    };
    let config = ImageConfig {
        env: config.env.unwrap_or_default(),
        entrypoint: config.entrypoint.unwrap_or_default(),
        cmd: config.cmd.unwrap_or_default(),
        user: config.user,
        working_dir: config.working_dir,
        exposed_ports: config.exposed_ports.unwrap_or_default().into_keys().collect(),
        labels: config.labels.unwrap_or_default(),
        architecture: wire.architecture,
        os: wire.os,
        created,
    };
    Ok(Image { config, diff_ids: wire.rootfs.diff_ids })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Rootfs};

    #[test]
    fn an_image_comes_back_as_it_was_built() {
        let mut tree = model::Tree::default();
        tree.put("index.html", "hello");
        let config = ImageConfig {
            env: vec!["A=1".to_owned()],
            entrypoint: vec!["/bin/app".to_owned()],
            user: "1000:1000".to_owned(),
            exposed_ports: vec!["8080/tcp".to_owned()],
            labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            architecture: "amd64".to_owned(),
            os: "linux".to_owned(),
            created: Some(Timestamp::UNIX_EPOCH),
            ..ImageConfig::default()
        };
        let built = image(&[LayerSpec::of_tree(&tree, "srv")], &config, &BTreeMap::new());
        assert_eq!(built, image(&[LayerSpec::of_tree(&tree, "srv")], &config, &BTreeMap::new()));
        let read = read_image(&built.blobs[0].1).expect("reads");
        assert_eq!(read.config, config);
        let mut root = Rootfs::default();
        root.apply(&built.blobs[1].1, &Limits::image()).expect("applies");
        assert!(root.get("srv/index.html").is_some());
    }
}
