//! From a Tree and a folder in it to manifests, as `kustomize build` of v5.8.1 renders them.
//!
//! Nothing is read outside the Tree. Remote bases, Helm charts, programs and containers as plugins are refused by name.
//! Read first: [`build`], [`Options`], then [`target`]. Follows kubernetes-sigs/kustomize `api/krusty/kustomizer.go`.

mod affixes;
mod arguments;
mod config;
mod crds;
mod decode;
mod elements;
mod error;
mod fieldspec;
mod generators;
mod hash;
mod id;
mod images;
mod json_patch;
mod kustomization;
mod labels;
mod list;
mod loader;
mod merge;
mod name_references;
mod namespace;
mod order;
mod origin;
mod patches;
mod paths;
mod plugins;
mod read;
mod replacements;
mod replicas;
mod resource;
mod schema;
mod selector;
mod target;
mod value;
mod value_add;
mod vars;

pub use error::BuildError;
pub use loader::{Files, Restriction};
pub use order::Order;

use std::collections::BTreeSet;
use std::rc::Rc;

use model::Tree;
use serde_json::{Map, Value, json};

use loader::{Loader, join, normal};
use resource::Resource;
use schema::Schemas;
use target::{Accumulator, Target};
use value::{seen_at, settle};

/// Names a kustomization file may have.
pub const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The annotation of resources that are for the build only.
const LOCAL: &str = "config.kubernetes.io/local-config";
/// The label that says what made a manifest, and its value.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kustomize-v5.8.1");

/// What a caller decides about a build. The default is what Flux does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// In which order manifests come where the kustomization does not say it.
    pub order: Order,
    /// Which files a kustomization may name.
    pub restriction: Restriction,
}

/// What a build gives.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// The manifests, in order.
    pub objects: Vec<Value>,
    /// What upstream warns of on the error output.
    pub warnings: Vec<String>,
}

/// Renders the kustomization in a folder of a Tree. Objects come in the order in which they were read.
pub fn build(tree: &Tree, folder: &str) -> Result<Vec<Value>, BuildError> {
    build_with(tree, folder, Options::default()).map(|built| built.objects)
}

/// Renders the kustomization in a folder of anything that holds files.
pub fn build_with(files: &dyn Files, folder: &str, options: Options) -> Result<Built, BuildError> {
    let schemas = Rc::new(Schemas::default());
    let loader = Loader::new(files, folder, options.restriction).map_err(|error| match error {
        BuildError::NotFound { path } => BuildError::NoKustomization(path),
        other => other,
    })?;
    let mut target = Target::new(loader, &schemas)?;
    let wanted = |name: &str| target.file.build_metadata.iter().any(|wanted| wanted == name);
    let (origins, transformations, managed) = (wanted("originAnnotations"), wanted("transformerAnnotations"), wanted("managedByLabel"));
    target.origin = (!target.file.build_metadata.is_empty()).then(origin::Origin::default);
    let mut made = target.accumulate(Accumulator::default())?;
    hash::transform(&mut made.list)?;
    name_references::transform(&mut made.list, &made.config.name_reference)?;
    vars::resolve(&mut made.list, &made.vars, &made.config.var_reference)?;
    made.list.items.retain(|resource| !local(resource));
    if let Some(nameless) = made.list.items.iter().find(|resource| {
        !seen_at(&resource.value, &["kind"]).ends_with("List")
            && (resource.seen_name().is_empty() || seen_at(&resource.value, &["kind"]).is_empty())
    }) {
        return error::fail(format!("missing metadata.name in object {}", nameless.shown()));
    }
    order::sort(&mut made.list, target.file.sort.as_ref(), options.order)?;
    if managed {
        let pairs = Map::from_iter([(MANAGED_BY.0.to_owned(), json!(MANAGED_BY.1))]);
        let spec = config::FieldSpec { path: "metadata/labels".to_owned(), create: true, ..config::FieldSpec::default() };
        labels::add(&mut made.list, &pairs, &[spec])?;
    }
    let finished = |mut resource: Resource| {
        if value::at(&resource.value, &["metadata", "annotations"]).is_some() {
            let mut annotations = resource.annotations();
            for (name, kept) in [(origin::ORIGIN, origins), (origin::TRANSFORMATIONS, transformations)] {
                if !kept {
                    annotations.remove(name);
                }
            }
            resource.set_texts("annotations", annotations);
        }
        settle(&mut resource.value);
        resource.value
    };
    let objects: Vec<Value> = made.list.items.into_iter().map(finished).collect();
    if objects.iter().any(unprintable) {
        return error::fail("yaml: control characters are not allowed");
    }
    let warning = |(old, new): &(&str, &str)| {
        format!(
            "# Warning: '{old}' is deprecated. Please use '{new}' instead.{} Run 'kustomize edit fix' to update your Kustomization automatically.",
            if *old == "vars" { " [EXPERIMENTAL]" } else { "" }
        )
    };
    let warnings = made.deprecated.iter().map(warning).collect();
    Ok(Built { objects, warnings })
}

/// Tells whether a text holds what upstream's last YAML reader refuses.
fn unprintable(value: &Value) -> bool {
    // Most texts are ASCII, which a look at the bytes tells.
    let bad = |text: &String| {
        (!text.is_ascii() || text.as_bytes().contains(&0x7f))
            && text.contains(|c| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'))
    };
    match value {
        Value::String(text) => bad(text),
        Value::Array(items) => items.iter().any(unprintable),
        Value::Object(map) => map.iter().any(|(key, value)| bad(key) || unprintable(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Tells whether a resource is for the build only.
fn local(resource: &Resource) -> bool {
    value::at(&resource.value, &["metadata", "annotations", LOCAL]).is_some_and(|mark| value::text(mark) != "false")
}

/// Renders a folder as Flux does: where it has no kustomization file, every manifest below it is a resource.
/// Source: fluxcd/pkg `kustomize/kustomize_generator.go`.
pub fn build_or_generate(tree: &Tree, folder: &str, overlay: Option<&Value>) -> Result<Vec<Value>, BuildError> {
    let folder = normal(folder)?;
    let mut tree = tree.clone();
    if FILES.iter().all(|name| tree.get(&join(&folder, name)).is_none()) {
        let listed = generate(&tree, &folder)?;
        let text = yaml::write(
            &serde_json::json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": listed}),
        );
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        tree.put(join(&folder, FILES[0]), text);
    }
    let Some(overlay) = overlay.filter(|overlay| overlay.as_object().is_some_and(|fields| !fields.is_empty())) else {
        return build(&tree, &folder);
    };
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
            let text = format!(
                "failed to decode Kubernetes YAML: a document has no kind: {}",
                bad.to_string().chars().take(80).collect::<String>()
            );
            return Err(BuildError::Field { path: path.to_owned(), text });
        }
        if !documents.is_empty() {
            listed.insert(path.to_owned());
        }
    }
    listed.extend(bases);
    Ok(listed.into_iter().collect())
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
    fn flux_generates_what_is_missing() {
        let tree = tree(&[
            (
                "clusters/dev/myapp.yaml",
                "kind: A\napiVersion: v1\nmetadata: {name: a}\n---\nkind: B\napiVersion: v1\nmetadata: {name: b}\n",
            ),
            ("clusters/dev/sub/kustomization.yaml", "resources: [c.yaml]"),
            ("clusters/dev/sub/c.yaml", "kind: C\napiVersion: v1\nmetadata: {name: c}\n"),
        ]);
        let overlay = serde_json::json!({"namespace": "n"});
        let objects = build_or_generate(&tree, "./clusters/dev", Some(&overlay)).expect("builds");
        let shown: Vec<String> = objects
            .iter()
            .map(|object| format!("{}/{}", object["metadata"]["namespace"].as_str().unwrap_or("-"), object["kind"].as_str().unwrap_or("-")))
            .collect();
        assert_eq!(shown, ["n/A", "n/B", "n/C"]);
    }
}
