//! From a Tree and a folder in it to manifests, as `kustomize build` renders them.
//!
//! Knows `resources`, `namespace`, `labels`, `commonLabels`, `commonAnnotations`, `images`, `replicas` and `patches`
//! (strategic merge and RFC 6902). Every other field is refused by name. Nothing is read outside the Tree.
//! Read first: [`build`]. Follows kubernetes-sigs/kustomize `api/internal/target/kusttarget.go`.

mod file;
mod labels;
mod merge;
mod patches;
mod resources;
mod transform;

use std::collections::BTreeSet;

use model::Tree;
use serde_json::Value;

/// Most objects one build may give.
const OBJECTS: usize = 20_000;
/// Deepest chain of bases.
const DEPTH: usize = 50;

/// Names a kustomization file may have.
pub const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Why there are no manifests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A file is missing.
    #[error("{path}: no such file or directory")]
    NotFound {
        /// Where it was looked for.
        path: String,
    },
    /// A folder has no kustomization file, or several.
    #[error("unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{0}'")]
    NoKustomization(String),
    /// Several kustomization files in one folder.
    #[error("found multiple kustomization files under: {0}")]
    ManyKustomizations(String),
    /// A file is no YAML.
    #[error("{path}: {source}")]
    Yaml {
        /// Which file.
        path: String,
        /// Where in it and why.
        source: yaml::YamlError,
    },
    /// A field is not supported, or its value is not of the right kind.
    #[error("{path}: {text}")]
    Field {
        /// Which file.
        path: String,
        /// Which field, and what is wrong with it.
        text: String,
    },
    /// A path leads out of the Tree, or a base contains itself.
    #[error("{path}: {text}")]
    Path {
        /// Which path.
        path: String,
        /// What is wrong.
        text: String,
    },
    /// The build is larger than is reasonable.
    #[error("the build exceeds the limit of {0}")]
    Limit(&'static str),
}

/// Renders the kustomization in a folder of a Tree. Objects come in the order in which they were read.
pub fn build(tree: &Tree, folder: &str) -> Result<Vec<Value>, BuildError> {
    let mut builder = Builder { tree, open: Vec::new() };
    builder.folder(&resources::normal(folder).map_err(|text| BuildError::Path { path: folder.to_owned(), text })?)
}

/// Renders a folder as Flux does: where it has no kustomization file, every manifest below it is a resource.
/// Source: fluxcd/pkg `kustomize/kustomize_generator.go`.
pub fn build_or_generate(tree: &Tree, folder: &str, overlay: Option<&Value>) -> Result<Vec<Value>, BuildError> {
    let folder = resources::normal(folder).map_err(|text| BuildError::Path { path: folder.to_owned(), text })?;
    let mut tree = tree.clone();
    if FILES.iter().all(|name| tree.get(&resources::join(&folder, name)).is_none()) {
        let listed = generate(&tree, &folder)?;
        let text = yaml::write(&serde_json::json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": listed}));
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        tree.put(resources::join(&folder, FILES[0]), text);
    }
    let Some(overlay) = overlay.filter(|overlay| overlay.as_object().is_some_and(|fields| !fields.is_empty())) else { return build(&tree, &folder) };
    // The overlay is a kustomization of its own around the folder.
    let place = "supercargo-overlay";
    let mut file = overlay.clone();
    file["resources"] = serde_json::json!([format!("../{folder}").trim_end_matches('/')]);
    tree.put(format!("{place}/{}", FILES[0]), yaml::write(&file));
    build(&tree, place)
}

fn generate(tree: &Tree, folder: &str) -> Result<Vec<String>, BuildError> {
    let part = tree.sub(folder);
    let mut listed = BTreeSet::new();
    let mut bases: BTreeSet<String> = BTreeSet::new();
    for (path, _) in part.iter() {
        if let Some((base, name)) = path.rsplit_once('/')
            && FILES.contains(&name)
            && !bases.iter().any(|outer| base.starts_with(&format!("{outer}/")))
        {
            bases.insert(base.to_owned());
        }
    }
    for (path, file) in part.iter() {
        if bases.iter().any(|base| path.starts_with(&format!("{base}/"))) || !(path.ends_with(".yaml") || path.ends_with(".yml")) {
            continue;
        }
        let text = String::from_utf8_lossy(&file.bytes);
        let documents = yaml::read_all(&text, yaml::Dialect::Kyaml).map_err(|source| BuildError::Yaml { path: path.to_owned(), source })?;
        if let Some(bad) = documents.iter().find(|document| document["kind"].as_str().is_none_or(str::is_empty)) {
            let text = format!("failed to decode Kubernetes YAML: a document has no kind: {}", bad.to_string().chars().take(80).collect::<String>());
            return Err(BuildError::Field { path: path.to_owned(), text });
        }
        if !documents.is_empty() {
            listed.insert(path.to_owned());
        }
    }
    listed.extend(bases);
    Ok(listed.into_iter().collect())
}

struct Builder<'a> {
    tree: &'a Tree,
    open: Vec<String>,
}

impl Builder<'_> {
    fn folder(&mut self, folder: &str) -> Result<Vec<Value>, BuildError> {
        if self.open.iter().any(|open| open == folder) || self.open.len() > DEPTH {
            let text = format!("cycle detected: the chain of bases is {}", self.open.join(" -> "));
            return Err(BuildError::Path { path: folder.to_owned(), text });
        }
        self.open.push(folder.to_owned());
        let file = file::read(self.tree, folder)?;
        let mut objects = Vec::new();
        for resource in &file.resources {
            objects.extend(self.resource(folder, resource, &file.path)?);
            if objects.len() > OBJECTS {
                return Err(BuildError::Limit("20,000 objects"));
            }
        }
        resources::no_repeats(&objects, &file.path)?;
        transform::all(&mut objects, &file, self.tree, folder)?;
        self.open.pop();
        Ok(objects)
    }

    fn resource(&mut self, folder: &str, resource: &str, from: &str) -> Result<Vec<Value>, BuildError> {
        if resource.contains("://") || resource.starts_with("git@") || resource.starts_with("github.com/") {
            return Err(BuildError::Field { path: from.to_owned(), text: format!("resources: {resource} is remote, which is not supported") });
        }
        let path = resources::normal(&resources::join(folder, resource)).map_err(|text| BuildError::Path { path: resource.to_owned(), text })?;
        if self.tree.get(&path).is_some() {
            return resources::read(self.tree, &path);
        }
        if self.tree.has_folder(&path) {
            return self.folder(&path);
        }
        Err(BuildError::NotFound { path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        files.iter().for_each(|(path, text)| tree.put(*path, *text));
        tree
    }

    fn check(files: &[(&str, &str)], folder: &str, expected: &Expect) {
        let shown = match build(&tree(files), folder) {
            Ok(objects) => yaml::write_all(&objects),
            Err(error) => format!("{error}\n"),
        };
        expected.assert_eq(&shown);
    }

    const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: myapp\nspec:\n  replicas: 1\n  selector:\n    matchLabels: {app: myapp}\n  template:\n    metadata:\n      labels: {app: myapp}\n    spec:\n      containers:\n      - name: app\n        image: registry.internal/myapp:1.4.2\n        env:\n        - {name: A, value: '1'}\n";

    #[test]
    fn an_overlay_changes_its_base() {
        let overlay = "resources: [../base]\nnamespace: prod\nlabels:\n- pairs: {env: prod}\nreplicas:\n- {name: myapp, count: 3}\nimages:\n- {name: registry.internal/myapp, newTag: 1.4.3}\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: myapp}\n    spec: {template: {spec: {containers: [{name: app, env: [{name: B, value: x}]}]}}}\n- target: {kind: Deployment}\n  patch: |\n    - {op: add, path: /metadata/annotations, value: {a: b}}\n";
        check(
            &[("base/kustomization.yaml", "resources: [d.yaml]\n"), ("base/d.yaml", DEPLOYMENT), ("o/kustomization.yaml", overlay)],
            "./o",
            &expect![[r#"
                apiVersion: apps/v1
                kind: Deployment
                metadata:
                  annotations:
                    a: b
                  labels:
                    env: prod
                  name: myapp
                  namespace: prod
                spec:
                  replicas: 3
                  selector:
                    matchLabels:
                      app: myapp
                  template:
                    metadata:
                      labels:
                        app: myapp
                    spec:
                      containers:
                      - env:
                        - name: B
                          value: x
                        - name: A
                          value: "1"
                        image: registry.internal/myapp:1.4.3
                        name: app
            "#]],
        );
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        check(&[("a/kustomization.yaml", "resources: []\nhelmCharts: []\n")], "a", &expect![[r#"
            a/kustomization.yaml: field "helmCharts" is not supported
        "#]]);
        check(&[("a/kustomization.yaml", "resources: [b.yaml]\n")], "a", &expect![[r#"
            a/b.yaml: no such file or directory
        "#]]);
        check(&[("a/kustomization.yaml", "resources: [../../x]\n")], "a", &expect![[r#"
            ../../x: leads out of the tree
        "#]]);
        check(&[("a/kustomization.yaml", "resources: [../b]\n"), ("b/kustomization.yaml", "resources: [../a]\n")], "a", &expect![[r#"
            a: cycle detected: the chain of bases is a -> b
        "#]]);
        check(&[("a/kustomization.yaml", "resources: ['https://x/y']\n")], "a", &expect![[r#"
            a/kustomization.yaml: resources: https://x/y is remote, which is not supported
        "#]]);
        check(&[("a/x.yaml", "")], "a", &expect![[r#"
            unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory 'a'
        "#]]);
        check(&[("a/kustomization.yaml", "replicas: [{name: x, count: 1}]\n")], "a", &expect![[r#"
            a/kustomization.yaml: replicas: resource with name x does not match a config with the following GVK [Deployment, ReplicationController, ReplicaSet, StatefulSet]
        "#]]);
    }

    #[test]
    fn flux_generates_what_is_missing() {
        let tree = tree(&[("clusters/dev/myapp.yaml", "kind: A\napiVersion: v1\nmetadata: {name: a}\n---\nkind: B\napiVersion: v1\nmetadata: {name: b}\n"), ("clusters/dev/sub/kustomization.yaml", "resources: [c.yaml]"), ("clusters/dev/sub/c.yaml", "kind: C\napiVersion: v1\nmetadata: {name: c}\n")]);
        let overlay = serde_json::json!({"namespace": "n"});
        let objects = build_or_generate(&tree, "./clusters/dev", Some(&overlay)).expect("builds");
        let shown: Vec<String> = objects.iter().map(|object| format!("{}/{}", object["metadata"]["namespace"].as_str().unwrap_or("-"), object["kind"].as_str().unwrap_or("-"))).collect();
        assert_eq!(shown, ["n/A", "n/B", "n/C"]);
    }
}
