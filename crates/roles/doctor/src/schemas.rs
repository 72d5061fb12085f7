//! What the fields of custom resources must be: the definitions of [`api::definitions`], compiled once; and what of them nobody
//! acts on yet. Read first: [`faults`], [`unsupported`].

use std::collections::HashMap;
use std::sync::LazyLock;

use schema::Schema;
use serde_json::Value;
use yaml::Dialect;

use crate::Audience;
use crate::look::Look as _;
use crate::repository::{Document, Repository, normal};

/// What does not fit its definition.
pub(crate) struct Fault {
    /// Where in its file.
    pub at: usize,
    /// The field's path.
    pub field: String,
    /// What is wrong, without the field; `None` where the field is not known at all.
    pub why: Option<String>,
}

/// By `apiVersion` and `kind`.
static SCHEMAS: LazyLock<HashMap<(String, String), Schema>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for crd in api::definitions() {
        let (group, kind) = (api::text(crd, &["spec", "group"]), api::text(crd, &["spec", "names", "kind"]));
        for version in crd["spec"]["versions"].as_array().into_iter().flatten() {
            let compiled = Schema::compile(&version["schema"]["openAPIV3Schema"], "").expect("the definitions are structural");
            all.insert((format!("{group}/{}", api::text(version, &["name"])), kind.to_owned()), compiled);
        }
    }
    all
});

/// Finds what does not fit in a document; of a kind without definition, and of a patch, nothing.
pub(crate) fn faults(repository: &Repository<'_>, document: &Document) -> Vec<Fault> {
    let key = (document.root.text_at("apiVersion").to_owned(), document.kind.clone());
    let Some(schema) = SCHEMAS.get(&key).filter(|_| !is_patch(repository, document)) else { return Vec::new() };
    let Ok(mut value) = yaml::value_of(&document.root, Dialect::Kyaml) else { return Vec::new() };
    if let Some(map) = value.as_object_mut() {
        // The one is the same for every kind, the other is not for people to write.
        map.remove("metadata");
        map.remove("status");
    }
    let unknown = schema::prune(schema, &mut value, true).into_iter().map(|field| (field, None));
    let mut found: Vec<(String, Option<String>)> = unknown.collect();
    schema::drop_nulls(schema, &mut value);
    schema::default(schema, &mut value);
    // A Promotion gets its steps when it is made, here as there.
    let comes = |field: &str| document.kind == "Promotion" && field == "spec.steps";
    let wrong = schema::validate(schema, &value, None).into_iter();
    let wrong = wrong.filter(|violation| !is_variable(&value, &violation.field) && !comes(&violation.field));
    found.extend(wrong.map(|violation| (violation.field, Some(violation.text))));
    let place = |field: &str| place(document, field);
    found.into_iter().map(|(field, why)| Fault { at: place(&field), field, why }).collect()
}

/// Finds what a document asks for that Supercargo does not carry out. Only where it has every role: the originals know all of it.
pub(crate) fn unsupported(repository: &Repository<'_>, document: &Document) -> Vec<Fault> {
    if repository.audience != Audience::Supercargo || is_patch(repository, document) {
        return Vec::new();
    }
    let Ok(value) = yaml::value_of(&document.root, Dialect::Kyaml) else { return Vec::new() };
    let told = api::unsupported(&value).into_iter().filter(|found| !is_variable(&value, &found.field));
    // What is missing may be there under a misspelt name, which is told already.
    let misspelt = !faults(repository, document).is_empty();
    let told = told.filter(|found| !misspelt || at(&value, &found.field).is_some());
    told.map(|found| Fault { at: place(document, &found.field), field: found.field, why: Some(found.message) }).collect()
}

/// A patch need not be whole.
fn is_patch(repository: &Repository<'_>, document: &Document) -> bool {
    let folders = document.path.match_indices('/').map(|(at, _)| &document.path[..at]).chain([""]);
    folders.into_iter().any(|folder| {
        let kustomizations = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
        let inside = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        kustomizations.iter().any(|name| {
            repository.of_file(&inside(name)).any(|kustomization| {
                let listed = kustomization.root.items_at("patches").iter().map(|patch| patch.text_at("path"));
                let merged = kustomization.root.items_at("patchesStrategicMerge").iter().filter_map(|patch| patch.text());
                listed.chain(merged).any(|path| !path.is_empty() && normal(&inside(path)) == document.path)
            })
        })
    })
}

/// A variable's value comes only when the object is applied.
fn is_variable(root: &Value, field: &str) -> bool {
    at(root, field).is_some_and(|value| value.as_str().is_some_and(|text| text.contains("${")))
}

fn at<'a>(root: &'a Value, field: &str) -> Option<&'a Value> {
    steps(field).try_fold(root, |value, step| value.get(step).or_else(|| value.get(step.parse::<usize>().ok()?)))
}

/// The deepest part of the path that is written.
fn place(document: &Document, field: &str) -> usize {
    let mut node = &document.root;
    let mut at = node.start();
    for step in steps(field) {
        match node.pair(step) {
            Some((key, value)) => (node, at) = (value, key.start()),
            None => match step.parse::<usize>().ok().and_then(|index| node.items().get(index)) {
                Some(item) => (node, at) = (item, item.start()),
                None => break,
            },
        }
    }
    at
}

fn steps(field: &str) -> impl Iterator<Item = &str> {
    field.split(['.', '[', ']']).filter(|step| !step.is_empty())
}
