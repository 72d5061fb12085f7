//! No tree makes a build panic or grow beyond its bounds. The bytes are the kustomization of an overlay, its patch, and the
//! kustomization and resources of its base, between lines of `====`.
#![no_main]

use kustomize::{Options, Order, Restriction, build_with};
use libfuzzer_sys::fuzz_target;
use model::Tree;

fuzz_target!(|text: &str| {
    let paths = ["o/kustomization.yaml", "o/p.yaml", "b/kustomization.yaml", "b/r.yaml"];
    let mut tree = Tree::default();
    for (path, part) in paths.iter().zip(text.splitn(paths.len(), "====\n")) {
        tree.put(*path, part);
    }
    for folder in ["o", "b"] {
        if let Ok(built) = build_with(&tree, folder, Options { order: Order::Legacy, restriction: Restriction::RootOnly }) {
            let _ = yaml::write_all(&built.objects);
        }
    }
});
