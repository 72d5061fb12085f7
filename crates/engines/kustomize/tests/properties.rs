//! Promises over random trees and raw bytes.

use std::borrow::Cow;
use std::collections::HashMap;

use kustomize::{Files, Options, Order, Restriction, build_or_generate, build_with};
use model::Tree;
use proptest::collection::{btree_map, hash_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const STRICT: Options = Options { order: Order::Legacy, restriction: Restriction::RootOnly };

/// Files without an order of their own.
struct Heap(HashMap<String, Vec<u8>>);

impl Files for Heap {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        self.0.get(path).map(|bytes| Cow::Borrowed(bytes.as_slice()))
    }

    fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.0.keys().any(|known| known.starts_with(&format!("{path}/")))
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![select(vec!["1", "yes", "a: b", "", "x\ny", "1.10", "# c", "it's"]).prop_map(str::to_owned), "[a-z ]{1,12}"]
}

/// A workload whose lists have items with keys of their own, without nulls: those mean deletion.
fn workload() -> impl Strategy<Value = Value> {
    let variables = btree_map("[A-C]", text(), 0..3);
    let ports = btree_map((select(vec![80, 443]), select(vec!["TCP", "UDP"])), select(vec!["http", "https"]), 0..3);
    let container = (variables, ports, vec(text(), 0..3), text());
    let containers = btree_map("[a-c]", container, 1..4);
    (containers, btree_map("[a-c]", text(), 0..3), vec("[a-c]", 0..3)).prop_map(|(containers, labels, tolerated)| {
        let containers: Vec<Value> = containers
            .into_iter()
            .map(|(name, (variables, ports, arguments, image))| {
                let env: Vec<Value> = variables.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
                let ports: Vec<Value> = ports
                    .iter()
                    .map(|((port, protocol), name)| json!({"containerPort": port, "protocol": protocol, "name": name}))
                    .collect();
                json!({"name": name, "image": image, "env": env, "ports": ports, "args": arguments})
            })
            .collect();
        let tolerations: Vec<Value> = tolerated.iter().map(|key| json!({"key": key, "operator": "Exists"})).collect();
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "labels": labels},
            "spec": {"template": {"spec": {"containers": containers, "tolerations": tolerations}}},
        })
    })
}

/// What kustomization files and resources are made of, in any order.
fn soup() -> impl Strategy<Value = String> {
    let parts = [
        "resources: [r.yaml]\n",
        "resources:\n- b\n",
        "components: [../k]\n",
        "patches:\n",
        "- path: r.yaml\n",
        "  target: {kind: Pod}\n",
        "- patch: |\n    - {op: copy, from: /spec, path: /spec/x}\n",
        "namePrefix: p-\n",
        "namespace: n\n",
        "images: [{name: '(', newTag: x}]\n",
        "vars: [{name: A, objref: {kind: Pod, name: p}}]\n",
        "replacements: [{source: {kind: Pod}, targets: [{select: {kind: Pod}, fieldPaths: [spec.*.x, 'a.[b=c].d', '-', '']}]}]\n",
        "configMapGenerator: [{name: p, literals: [a=b], files: [r.yaml]}]\n",
        "transformers: [r.yaml]\n",
        "openapi: {path: r.yaml}\n",
        "crds: [r.yaml]\n",
        "sortOptions: {order: fifo}\n",
        "buildMetadata: [originAnnotations]\n",
        "configurations: [r.yaml]\n",
        "labels: [{pairs: {a: b}, includeSelectors: true, fields: [{path: 'a[]/b', create: true}]}]\n",
        "apiVersion: v1\n",
        "kind: Pod\n",
        "kind: List\n",
        "items:\n- {kind: Pod, metadata: {name: p}}\n",
        "metadata: {name: p}\n",
        "spec: {containers: [{name: a}, null, 1]}\n",
        "$patch: delete\n",
        "---\n",
        "&a [*a]\n",
        "\0",
        "\"\\0?x\"",
        "  ",
        "- ",
        ": ",
        "{",
        "}",
        "\n",
    ];
    vec(select(parts.to_vec()), 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_strategic_merge_with_itself_is_identity(object in workload()) {
        let build = |kustomization: &str| {
            let mut tree = Tree::default();
            tree.put("kustomization.yaml", kustomization);
            tree.put("r.yaml", yaml::write(&object));
            build_with(&tree, "", STRICT).expect("builds").objects
        };
        prop_assert_eq!(build("resources: [r.yaml]\npatches: [{path: r.yaml}]"), build("resources: [r.yaml]"));
    }

    #[test]
    fn a_build_is_independent_of_the_order_of_files(objects in btree_map("[a-f]", workload(), 1..5), generate in any::<bool>()) {
        let mut files = HashMap::new();
        for (name, object) in &objects {
            let mut object = object.clone();
            object["metadata"]["name"] = json!(name);
            files.insert(format!("{name}.yaml"), yaml::write(&object).into_bytes());
        }
        let listed: Vec<String> = objects.keys().map(|name| format!("{name}.yaml")).collect();
        let mut backwards = Tree::default();
        listed.iter().rev().for_each(|path| backwards.put(path.as_str(), files[path].clone()));
        if generate {
            let mut forwards = Tree::default();
            listed.iter().for_each(|path| forwards.put(path.as_str(), files[path].clone()));
            prop_assert_eq!(build_or_generate(&backwards, "", None), build_or_generate(&forwards, "", None));
        }
        let kustomization = yaml::write(&json!({"resources": listed, "namePrefix": "p-"}));
        files.insert("kustomization.yaml".to_owned(), kustomization.clone().into_bytes());
        backwards.put("kustomization.yaml", kustomization);
        let of_heap = build_with(&Heap(files), "", STRICT).expect("builds").objects;
        prop_assert_eq!(of_heap, build_with(&backwards, "", STRICT).expect("builds").objects);
    }

    #[test]
    fn nothing_makes_a_build_panic(kustomization in soup(), resource in soup(), base in soup(), raw in hash_map(select(vec!["k/kustomization.yaml", "k/r.yaml"]), vec(any::<u8>(), 0..40), 0..2)) {
        let mut tree = Tree::default();
        tree.put("k/kustomization.yaml", kustomization);
        tree.put("k/r.yaml", resource);
        tree.put("k/b/kustomization.yaml", base);
        raw.into_iter().for_each(|(path, bytes)| tree.put(path, bytes));
        if let Ok(built) = build_with(&tree, "k", STRICT) {
            let _ = yaml::write_all(&built.objects);
        }
    }
}
