//! A folder as a Flux artifact. Follows fluxcd/pkg `oci/push.go` and `tar/tar.go`; file modes are normalised here.

use std::collections::BTreeMap;

use model::{Digest, Timestamp, Tree};
use serde_json::json;

use crate::{Descriptor, LayerSpec, Manifest, gzip, media_type, tar};

/// A manifest with everything it names, ready to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The manifest's media type.
    pub media_type: String,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// The manifest's digest.
    pub digest: Digest,
    /// The blobs, config first.
    pub blobs: Vec<(Digest, Vec<u8>)>,
}

impl Artifact {
    /// Puts a manifest together with the blobs it names.
    pub fn new(manifest: &Manifest, blobs: Vec<Vec<u8>>) -> Self {
        let bytes = manifest.to_bytes();
        let blobs = blobs.into_iter().map(|blob| (Digest::of(&blob), blob)).collect();
        Self { media_type: media_type::MANIFEST.to_owned(), digest: Digest::of(&bytes), manifest: bytes, blobs }
    }

    /// Describes the manifest, as an index or a subject names it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(&self.media_type, self.digest.clone(), self.manifest.len() as u64)
    }
}

/// Returns what `flux push artifact` would upload for this folder. Equal input gives equal bytes.
///
/// `source` and `revision` become the annotations of the same names; `extra` wins over all three standard annotations.
pub fn flux_artifact(tree: &Tree, created: Timestamp, source: &str, revision: &str, extra: &BTreeMap<String, String>) -> Artifact {
    let mut kept = Tree::default();
    for (path, file) in tree.iter().filter(|(path, _)| !flux_ignores(path)) {
        kept.put_file(path, file.clone());
    }
    let plain = tar(&LayerSpec::of_tree(&kept, ""), true);
    let layer = gzip(&plain);
    let created = seconds(created);
    let config = json!({
        "architecture": "",
        "created": created,
        "history": [{ "created": "0001-01-01T00:00:00Z" }],
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&plain)] },
        "config": {},
    })
    .to_string()
    .into_bytes();
    let mut manifest =
        Manifest::new(Descriptor::of(media_type::FLUX_CONFIG, &config), vec![Descriptor::of(media_type::FLUX_LAYER, &layer)]);
    manifest.annotations = BTreeMap::from([
        ("org.opencontainers.image.created".to_owned(), created),
        ("org.opencontainers.image.revision".to_owned(), revision.to_owned()),
        ("org.opencontainers.image.source".to_owned(), source.to_owned()),
    ]);
    manifest.annotations.extend(extra.clone());
    Artifact::new(&manifest, vec![config, layer])
}

/// RFC 3339 in whole seconds, as Go writes it.
pub(crate) fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).expect("whole seconds of a time are a time").to_string()
}

/// Tells whether `flux push artifact` leaves a file out by default (`--ignore-paths`).
pub fn flux_ignores(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let folders = path.split('/').rev().skip(1);
    let endings = [".jpg", ".jpeg", ".gif", ".png", ".wmv", ".flv", ".tar.gz", ".zip"];
    let excluded =
        |part: &str| [".gitignore", ".gitmodules", ".gitattributes"].contains(&part) || endings.iter().any(|ending| part.ends_with(ending));
    excluded(name) || folders.into_iter().any(|part| part == ".git" || excluded(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, unpack_layer};

    fn sample() -> Tree {
        let mut tree = Tree::default();
        tree.put("b/deployment.yaml", "kind: Deployment\n");
        tree.put(format!("a/{}/x.yaml", "long".repeat(40)), "x");
        tree.put_file("run.sh", model::TreeFile { bytes: b"#!/bin/sh\n".to_vec().into(), executable: true });
        tree
    }

    #[test]
    fn equal_folders_give_equal_bytes_and_come_back() {
        let at: Timestamp = "2026-01-02T03:04:05.678Z".parse().expect("a time");
        let extra = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let first = flux_artifact(&sample(), at, "https://git/x", "main@sha1:abc", &extra);
        let mut with_junk = sample();
        with_junk.put(".git/HEAD", "ref");
        with_junk.put("docs/a.png", "png");
        with_junk.put(".gitignore", "x");
        assert_eq!(first, flux_artifact(&with_junk, at, "https://git/x", "main@sha1:abc", &extra));
        let manifest: Manifest = serde_json::from_slice(&first.manifest).expect("parses");
        assert_eq!(manifest.annotations["org.opencontainers.image.created"], "2026-01-02T03:04:05Z");
        assert_eq!(manifest.layers[0].media_type, media_type::FLUX_LAYER);
        assert_eq!(unpack_layer(&first.blobs[1].1, &Limits::default()).expect("unpacks"), sample());
    }

    #[test]
    fn the_bytes_are_pinned() {
        let mut tree = Tree::default();
        tree.put("a/b.yaml", "a: 1\n");
        let artifact = flux_artifact(&tree, Timestamp::UNIX_EPOCH, "s", "r", &BTreeMap::new());
        let plain = tar(&LayerSpec::of_tree(&tree, ""), true);
        assert_eq!(plain.len(), 512 * (3 + 1 + 2));
        assert_eq!(artifact, flux_artifact(&tree, Timestamp::UNIX_EPOCH, "s", "r", &BTreeMap::new()));
        let mut names = Vec::new();
        for entry in ::tar::Archive::new(plain.as_slice()).entries().expect("reads") {
            let entry = entry.expect("reads");
            names.push(format!("{} {:o}", String::from_utf8_lossy(&entry.path_bytes()), entry.header().mode().expect("a mode")));
        }
        assert_eq!(names, [". 755", "a 755", "a/b.yaml 644"]);
    }
}
