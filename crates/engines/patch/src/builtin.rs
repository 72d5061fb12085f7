//! How the lists and maps of Kubernetes' own kinds merge: one table, `builtin.txt`.
//!
//! A line `kind APIVERSION KIND TYPE` names a kind's type. A line `type NAME [atomic]` starts a type, the lines under it are
//! its fields: `NAME FORM STRATEGIC TYPE`. FORM is how server-side apply merges it (`-` the usual way, `atomic`, `set`,
//! `map:KEYS`), STRATEGIC how a strategic merge patch does (`key:KEY`, `merge` for texts, `retain`, `replace`), TYPE what is
//! inside.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

/// A kind, as a patch names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TypeRef {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
}

impl TypeRef {
    /// Names a kind.
    pub fn new(api_version: &str, kind: &str) -> Self {
        Self { api_version: api_version.to_owned(), kind: kind.to_owned() }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Type {
    atomic: bool,
    fields: HashMap<&'static str, Field>,
}

#[derive(Debug)]
pub(crate) struct Field {
    form: Form,
    /// The merge key of a strategic merge.
    pub key: Option<&'static str>,
    /// Whether a list of texts is merged by a strategic merge.
    pub merge: bool,
    retain: bool,
    /// Whether a map is taken as a whole by a strategic merge.
    pub replace: bool,
    inner: Option<&'static str>,
}

#[derive(Debug)]
enum Form {
    Usual,
    Atomic,
    Set,
    Map(Vec<(&'static str, Option<&'static str>)>),
}

struct Table {
    kinds: HashMap<(&'static str, &'static str), &'static str>,
    types: HashMap<&'static str, Type>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| read(include_str!("builtin.txt")));

fn read(text: &'static str) -> Table {
    let mut table = Table { kinds: HashMap::new(), types: HashMap::new() };
    let mut current = "";
    for line in text.lines() {
        let words: Vec<&'static str> = line.split_whitespace().collect();
        match words[..] {
            ["kind", api_version, kind, name] => {
                table.kinds.insert((api_version, kind), name);
            }
            ["type", name, ref rest @ ..] => {
                current = name;
                table.types.insert(name, Type { atomic: rest == ["atomic"], fields: HashMap::new() });
            }
            [name, form, strategic, inner] => {
                let field = field(form, strategic, inner);
                table.types.entry(current).or_default().fields.insert(name, field);
            }
            _ => {}
        }
    }
    table
}

fn field(form: &'static str, strategic: &'static str, inner: &'static str) -> Field {
    let form = match form {
        "atomic" => Form::Atomic,
        "set" => Form::Set,
        _ => match form.strip_prefix("map:") {
            Some(keys) => {
                Form::Map(keys.split(',').map(|key| key.split_once('=').map_or((key, None), |(key, value)| (key, Some(value)))).collect())
            }
            None => Form::Usual,
        },
    };
    let mut found = Field { form, key: None, merge: false, retain: false, replace: false, inner: (inner != "-").then_some(inner) };
    for part in strategic.split('+') {
        match part {
            "merge" => found.merge = true,
            "retain" => found.retain = true,
            "replace" => found.replace = true,
            _ => found.key = part.strip_prefix("key:").or(found.key),
        }
    }
    found
}

/// Returns the type of a kind's objects; `None` for kinds that are not Kubernetes' own.
pub(crate) fn of(kind: &TypeRef) -> Option<&'static Type> {
    let name = TABLE.kinds.get(&(kind.api_version.as_str(), kind.kind.as_str()))?;
    TABLE.types.get(name)
}

impl Type {
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name)
    }
}

impl Field {
    pub(crate) fn inner(&self) -> Option<&'static Type> {
        self.inner.and_then(|name| TABLE.types.get(name))
    }
}

/// Tells whether a strategic merge patch knows this kind.
pub fn knows(kind: &TypeRef) -> bool {
    of(kind).is_some()
}

/// Adds the `x-kubernetes-*` keywords about merging to an OpenAPI definition such as `io.k8s.api.core.v1.Container`.
pub fn annotate(definition: &str, schema: &mut Value) {
    let short = match definition.strip_prefix("io.k8s.apimachinery.pkg.apis.meta.v1.") {
        Some(name) => format!("meta.v1.{name}"),
        None => definition.strip_prefix("io.k8s.api.").unwrap_or(definition).to_owned(),
    };
    let Some(known) = TABLE.types.get(short.as_str()) else { return };
    if known.atomic {
        schema["x-kubernetes-map-type"] = json!("atomic");
    }
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (name, field) in &known.fields {
        let Some(property) = properties.get_mut(*name) else { continue };
        let list = property.get("type") == Some(&json!("array"));
        match &field.form {
            Form::Usual => {}
            Form::Atomic if list => property["x-kubernetes-list-type"] = json!("atomic"),
            Form::Atomic => property["x-kubernetes-map-type"] = json!("atomic"),
            Form::Set => property["x-kubernetes-list-type"] = json!("set"),
            Form::Map(keys) => {
                property["x-kubernetes-list-type"] = json!("map");
                property["x-kubernetes-list-map-keys"] = keys.iter().map(|(key, _)| json!(key)).collect();
            }
        }
        let mut strategy = Vec::new();
        if let Some(key) = field.key {
            property["x-kubernetes-patch-merge-key"] = json!(key);
        }
        if field.key.is_some() || field.merge {
            strategy.push("merge");
        }
        if field.retain {
            strategy.push("retainKeys");
        }
        if field.replace {
            strategy.push("replace");
        }
        if !strategy.is_empty() {
            property["x-kubernetes-patch-strategy"] = json!(strategy.join(","));
        }
    }
}
