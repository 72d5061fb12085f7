//! Which lists merge by which keys, and which kinds have no namespace.
//!
//! The built-in table is that of Kubernetes 1.21.2, as upstream's is to this day; `openapi` replaces it by a schema of the
//! user's. Read first: [`Schemas`], [`Place`]. Source: kustomize `kyaml/openapi/openapi.go`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::error::{Result, fail};

/// The schema version that is built in.
const VERSION: &str = "v1.21.2";

/// How a value is built.
#[derive(Debug, Clone, Default)]
pub(crate) enum Shape {
    #[default]
    Unknown,
    Type(String),
    List(Box<Shape>),
    Map(Box<Shape>),
}

#[derive(Debug, Clone, Default)]
struct Field {
    shape: Shape,
    merge: bool,
    keys: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    kinds: HashMap<(String, String), String>,
    types: HashMap<String, HashMap<String, Field>>,
    /// Whether kinds have a namespace, by the paths of the schema.
    namespaced: HashMap<(String, String), bool>,
}

static BUILTIN: LazyLock<Arc<Table>> = LazyLock::new(|| Arc::new(read(include_str!("schema.txt"))));
/// Whether well-known kinds have a namespace.
static SCOPES: LazyLock<HashMap<(&str, &str), bool>> = LazyLock::new(|| {
    let row = |line: &'static str| match line.split(' ').collect::<Vec<_>>()[..] {
        [api_version, kind, scope] => Some(((api_version, kind), scope == "namespaced")),
        _ => None,
    };
    include_str!("scopes.txt").lines().filter_map(row).collect()
});

/// A value's place in the schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    shape: Shape,
    pub merge: bool,
    pub keys: Vec<String>,
}

impl Table {
    pub(crate) fn kind(&self, api_version: &str, kind: &str) -> Option<Place> {
        let name = self.kinds.get(&(api_version.to_owned(), kind.to_owned()))?;
        Some(Place { shape: Shape::Type(name.clone()), ..Place::default() })
    }

    pub(crate) fn field(&self, place: &Place, name: &str) -> Option<Place> {
        match &place.shape {
            Shape::Type(of) => {
                let field = self.types.get(of)?.get(name)?;
                Some(Place { shape: field.shape.clone(), merge: field.merge, keys: field.keys.clone() })
            }
            Shape::Map(inner) => Some(Place { shape: (**inner).clone(), ..Place::default() }),
            Shape::List(_) | Shape::Unknown => None,
        }
    }

    pub(crate) fn items(place: &Place) -> Option<Place> {
        match &place.shape {
            Shape::List(inner) => Some(Place { shape: (**inner).clone(), ..Place::default() }),
            Shape::Type(_) | Shape::Map(_) | Shape::Unknown => None,
        }
    }
}

fn read(text: &str) -> Table {
    let mut table = Table::default();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["type", name] => current = name.to_owned(),
            ["kind", api_version, kind] => {
                table.kinds.insert((api_version.to_owned(), kind.to_owned()), current.clone());
            }
            [name, shape, keys] => {
                let merge = keys != "-";
                let keys = if merge && keys != "merge" { keys.split(',').map(str::to_owned).collect() } else { Vec::new() };
                table.types.entry(current.clone()).or_default().insert(name.to_owned(), Field { shape: shape_of(shape), merge, keys });
            }
            _ => {}
        }
    }
    table
}

fn shape_of(text: &str) -> Shape {
    match text.as_bytes().first() {
        Some(b'[') => Shape::List(Box::new(shape_of(&text[1..]))),
        Some(b'{') => Shape::Map(Box::new(shape_of(&text[1..]))),
        Some(b'-') | None => Shape::Unknown,
        Some(_) => Shape::Type(text.to_owned()),
    }
}

/// The schema that holds now. The first kustomization that names one decides for all that is read after it.
///
/// Upstream reads its own schema late: what it had to look up in it by then stays known beside the user's.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    /// The user's; without one, the built-in one holds, which is read when it is asked for something.
    own: RefCell<Option<Arc<Table>>>,
    decided: Cell<bool>,
    /// Whether something was merged by the built-in schema.
    used: Cell<bool>,
    /// Whether the scope of a kind was asked for that is not well known.
    asked: Cell<bool>,
}

impl Schemas {
    pub(crate) fn table(&self) -> Arc<Table> {
        self.used.set(true);
        self.own.borrow().as_ref().unwrap_or(&BUILTIN).clone()
    }

    pub(crate) fn cluster_scoped(&self, api_version: &str, kind: &str) -> bool {
        if let Some(namespaced) = SCOPES.get(&(api_version, kind)) {
            return !namespaced;
        }
        self.asked.set(true);
        // The built-in one says nothing of it.
        let own = self.own.borrow();
        own.as_ref().is_some_and(|own| own.namespaced.get(&(api_version.to_owned(), kind.to_owned())) == Some(&false))
    }

    /// Takes over what a kustomization's `openapi` field says.
    pub(crate) fn decide(&self, version: Option<&str>, custom: Option<&str>) -> Result<()> {
        if self.decided.get() {
            return Ok(());
        }
        match (custom, version) {
            (Some(_), Some(_)) => return fail("builtin version and custom schema provided, cannot use both"),
            (Some(text), None) => {
                let custom = custom_table(text)?;
                let table = match (self.used.get(), self.asked.get()) {
                    (true, _) => laid_over(&BUILTIN, &custom),
                    (false, true) => laid_over(&custom, &BUILTIN),
                    (false, false) => custom,
                };
                *self.own.borrow_mut() = Some(Arc::new(table));
            }
            (None, None | Some("")) => return Ok(()),
            (None, Some(VERSION)) => {}
            (None, Some(_)) => return fail("the specified OpenAPI version is not built in"),
        }
        self.decided.set(true);
        Ok(())
    }
}

fn laid_over(below: &Table, above: &Table) -> Table {
    let mut table = below.clone();
    table.kinds.extend(above.kinds.clone());
    table.types.extend(above.types.clone());
    table.namespaced.extend(above.namespaced.clone());
    table
}

fn custom_table(text: &str) -> Result<Table> {
    let value = match crate::read::settings(text) {
        Ok(value) => value,
        Err(error) => return fail(format!("invalid schema file: {error}")),
    };
    let mut table = Table::default();
    for (name, definition) in value["definitions"].as_object().into_iter().flatten() {
        for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            table.kinds.insert(named(kind), short(name).to_owned());
        }
        add_type(&mut table, short(name), definition, 0);
    }
    for (path, methods) in value["paths"].as_object().into_iter().flatten() {
        let namespaced = path.contains("namespaces/{namespace}");
        let kind = &methods["get"]["x-kubernetes-group-version-kind"];
        if kind.is_object() {
            *table.namespaced.entry(named(kind)).or_insert(namespaced) |= namespaced;
        }
    }
    Ok(table)
}

/// The name of a definition, as the built-in table has it.
fn short(name: &str) -> &str {
    let api = name.strip_prefix("io.k8s.api.");
    api.or_else(|| name.strip_prefix("io.k8s.apimachinery.pkg.apis.")).unwrap_or(name)
}

fn named(kind: &Value) -> (String, String) {
    let part = |field: &str| kind[field].as_str().unwrap_or_default();
    let (group, version) = (part("group"), part("version"));
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (api_version, part("kind").to_owned())
}

fn add_type(table: &mut Table, name: &str, schema: &Value, depth: usize) {
    let mut fields = HashMap::new();
    for (field, inner) in schema["properties"].as_object().into_iter().flatten() {
        let shape = custom_shape(table, &format!("{name}/{field}"), inner, depth);
        let merge = inner["x-kubernetes-patch-strategy"].as_str().is_some_and(|strategy| strategy.split(',').any(|part| part == "merge"));
        let keys = match (&inner["x-kubernetes-list-map-keys"], &inner["x-kubernetes-patch-merge-key"]) {
            (Value::Array(keys), _) => keys.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            (_, Value::String(key)) => vec![key.clone()],
            _ => Vec::new(),
        };
        fields.insert(field.clone(), Field { shape, merge, keys });
    }
    table.types.insert(name.to_owned(), fields);
}

fn custom_shape(table: &mut Table, name: &str, schema: &Value, depth: usize) -> Shape {
    if depth > 100 {
        return Shape::Unknown;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return Shape::Type(short(reference.trim_start_matches("#/definitions/")).to_owned());
    }
    if schema["type"] == "array" {
        return Shape::List(Box::new(custom_shape(table, name, &schema["items"], depth + 1)));
    }
    if schema["properties"].is_object() {
        add_type(table, name, schema, depth + 1);
        return Shape::Type(name.to_owned());
    }
    if schema["additionalProperties"].is_object() {
        return Shape::Map(Box::new(custom_shape(table, name, &schema["additionalProperties"], depth + 1)));
    }
    Shape::Unknown
}
