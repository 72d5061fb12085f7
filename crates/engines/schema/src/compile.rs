use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::rules::{self, Rule};
use crate::{DEPTH, Limits, ListType, Schema, Type};

/// Why a schema is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A part has the wrong form.
    #[error("{path}: {why}")]
    Malformed {
        /// Where in the schema.
        path: String,
        /// What is wrong there.
        why: String,
    },
    /// A node names no type.
    #[error("{path}.type: Required value: must not be empty for specified object fields")]
    NoType {
        /// Where in the schema.
        path: String,
    },
    /// A keyword that this server does not carry out, so that it must not be ignored either.
    #[error("{path}: Forbidden: this server does not carry out {keyword}; remove it")]
    Unsupported {
        /// Where in the schema.
        path: String,
        /// Which keyword.
        keyword: String,
    },
}

/// Keywords that say nothing about which objects are valid.
const SILENT: &[&str] = &[
    "description",
    "title",
    "example",
    "externalDocs",
    "id",
    "x-kubernetes-group-version-kind",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-unions",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-selectable",
];

struct Context<'a> {
    resolve: &'a dyn Fn(&str) -> Option<Arc<Schema>>,
    /// Whether nodes without a type are refused, as they are in a CustomResourceDefinition.
    structural: bool,
}

impl Schema {
    /// Compiles the `openAPIV3Schema` of a CustomResourceDefinition; `path` leads the messages.
    pub fn compile(schema: &Value, path: &str) -> Result<Self, SchemaError> {
        node(schema, path, 0, Place::Node, &Context { resolve: &|_| None, structural: true })
    }

    /// Compiles a definition that refers to others by `$ref`.
    pub fn compile_with(schema: &Value, path: &str, resolve: &dyn Fn(&str) -> Option<Arc<Schema>>) -> Result<Self, SchemaError> {
        node(schema, path, 0, Place::Node, &Context { resolve, structural: false })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A node that describes a field.
    Node,
    /// Inside `allOf`, `anyOf`, `oneOf` or `not`, where only values are bounded.
    Junctor,
}

fn malformed(path: &str, why: &str) -> SchemaError {
    SchemaError::Malformed { path: path.to_owned(), why: why.to_owned() }
}

fn node(value: &Value, path: &str, depth: usize, place: Place, context: &Context) -> Result<Schema, SchemaError> {
    let Value::Object(map) = value else { return Err(malformed(path, "a schema must be an object")) };
    if depth > DEPTH {
        return Err(malformed(path, "the schema nests too deeply"));
    }
    let mut schema = Schema::default();
    let mut rules = Vec::new();
    if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
        let found = (context.resolve)(reference).ok_or_else(|| malformed(path, "$ref cannot be followed"))?;
        schema = found.as_ref().clone();
    }
    for (key, value) in map {
        let here = || format!("{path}.{key}");
        match key.as_str() {
            "$ref" => {}
            "type" => {
                schema.kind =
                    Some(kind(value).ok_or_else(|| malformed(&here(), "must be one of array, boolean, integer, number, object, string"))?)
            }
            "properties" => fields(&mut schema, value, path, depth, place, context)?,
            "additionalProperties" => additional(&mut schema, value, &here(), depth, place, context)?,
            "items" => schema.items = Some(Arc::new(node(value, &here(), depth + 1, place, context)?)),
            "required" => schema.required = texts(value).ok_or_else(|| malformed(&here(), "must be a list of texts"))?,
            "default" => schema.default = Some(value.clone()),
            "nullable" => schema.nullable = flag(value, &here())?,
            "x-kubernetes-int-or-string" => schema.int_or_string = flag(value, &here())?,
            "x-kubernetes-preserve-unknown-fields" => schema.preserve_unknown = flag(value, &here())?,
            "x-kubernetes-embedded-resource" => schema.embedded = flag(value, &here())?,
            "x-kubernetes-list-type" => schema.list = list_type(map, value, &here())?,
            "x-kubernetes-map-type" => schema.atomic = map_type(value, &here())?,
            "format" => schema.format = Some(text(value, &here())?),
            "uniqueItems" => {
                if flag(value, &here())? {
                    return Err(malformed(
                        &here(),
                        "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
                    ));
                }
            }
            "x-kubernetes-validations" => rules = Rule::list(value),
            key if SILENT.contains(&key) => {}
            _ => bound(&mut schema.limits, key, value, path, depth, context)?,
        }
    }
    if context.structural && place == Place::Node && schema.kind.is_none() && !schema.int_or_string && !schema.preserve_unknown {
        return Err(SchemaError::NoType { path: path.to_owned() });
    }
    let children = schema.properties.values().chain(&schema.additional).chain(&schema.items);
    schema.has_rules = !rules.is_empty() || children.into_iter().any(|inner| inner.has_rules);
    if context.structural && place == Place::Node && !rules.is_empty() {
        schema.rules = Arc::new(rules::compile(&schema, rules, depth == 0 || schema.embedded));
    }
    Ok(schema)
}

fn fields(schema: &mut Schema, value: &Value, path: &str, depth: usize, place: Place, context: &Context) -> Result<(), SchemaError> {
    let Value::Object(map) = value else { return Err(malformed(&format!("{path}.properties"), "must be an object")) };
    for (name, value) in map {
        let here = format!("{path}.properties[{name}]");
        schema.properties.insert(name.clone(), Arc::new(node(value, &here, depth + 1, place, context)?));
    }
    Ok(())
}

fn additional(schema: &mut Schema, value: &Value, path: &str, depth: usize, place: Place, context: &Context) -> Result<(), SchemaError> {
    match value {
        Value::Bool(true) => schema.additional = Some(Arc::new(Schema::anything())),
        Value::Bool(false) => {}
        Value::Object(map) if map.is_empty() => schema.additional = Some(Arc::new(Schema::anything())),
        _ => schema.additional = Some(Arc::new(node(value, path, depth + 1, place, context)?)),
    }
    Ok(())
}

fn bound(limits: &mut Limits, key: &str, value: &Value, path: &str, depth: usize, context: &Context) -> Result<(), SchemaError> {
    let here = format!("{path}.{key}");
    let count = || value.as_u64().ok_or_else(|| malformed(&here, "must be a whole number that is not negative"));
    let branch = |value: &Value, here: &str| node(value, here, depth + 1, Place::Junctor, context);
    match key {
        "enum" => limits.one_of_values = Some(value.as_array().cloned().ok_or_else(|| malformed(&here, "must be a list"))?),
        "pattern" => {
            let text = text(value, &here)?;
            let regex = golang::regexp(&text).map_err(|_| malformed(&here, "must be a valid regular expression"))?;
            limits.pattern = Some((text, regex));
        }
        "minimum" => limits.minimum = Some(number(value, &here)?),
        "maximum" => limits.maximum = Some(number(value, &here)?),
        "exclusiveMinimum" => limits.exclusive_minimum = flag(value, &here)?,
        "exclusiveMaximum" => limits.exclusive_maximum = flag(value, &here)?,
        "multipleOf" => limits.multiple_of = Some(number(value, &here)?),
        "minLength" => limits.min_length = Some(count()?),
        "maxLength" => limits.max_length = Some(count()?),
        "minItems" => limits.min_items = Some(count()?),
        "maxItems" => limits.max_items = Some(count()?),
        "minProperties" => limits.min_properties = Some(count()?),
        "maxProperties" => limits.max_properties = Some(count()?),
        "not" => limits.not = Some(Box::new(branch(value, &here)?)),
        "allOf" | "anyOf" | "oneOf" => {
            let list = value.as_array().ok_or_else(|| malformed(&here, "must be a list"))?;
            let mut branches = Vec::with_capacity(list.len());
            for (index, one) in list.iter().enumerate() {
                branches.push(branch(one, &format!("{here}[{index}]"))?);
            }
            match key {
                "allOf" => limits.all_of = branches,
                "anyOf" => limits.any_of = branches,
                _ => limits.one_of = branches,
            }
        }
        _ => return Err(SchemaError::Unsupported { path: path.to_owned(), keyword: key.to_owned() }),
    }
    Ok(())
}

fn kind(value: &Value) -> Option<Type> {
    Some(match value.as_str()? {
        "object" => Type::Object,
        "array" => Type::Array,
        "string" => Type::String,
        "integer" => Type::Integer,
        "number" => Type::Number,
        "boolean" => Type::Boolean,
        _ => return None,
    })
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
}

fn text(value: &Value, path: &str) -> Result<String, SchemaError> {
    value.as_str().map(str::to_owned).ok_or_else(|| malformed(path, "must be a text"))
}

fn flag(value: &Value, path: &str) -> Result<bool, SchemaError> {
    value.as_bool().ok_or_else(|| malformed(path, "must be true or false"))
}

fn number(value: &Value, path: &str) -> Result<Number, SchemaError> {
    value.as_number().cloned().ok_or_else(|| malformed(path, "must be a number"))
}

fn list_type(map: &Map<String, Value>, value: &Value, path: &str) -> Result<ListType, SchemaError> {
    match value.as_str() {
        Some("atomic") => Ok(ListType::Atomic),
        Some("set") => Ok(ListType::Set),
        Some("map") => {
            let keys = map.get("x-kubernetes-list-map-keys").and_then(texts).unwrap_or_default();
            if keys.is_empty() {
                return Err(malformed(path, "Required value: must not be empty if x-kubernetes-list-type is map"));
            }
            Ok(ListType::Map(keys))
        }
        _ => Err(malformed(path, "must be one of atomic, set, map")),
    }
}

fn map_type(value: &Value, path: &str) -> Result<bool, SchemaError> {
    match value.as_str() {
        Some("atomic") => Ok(true),
        Some("granular") => Ok(false),
        _ => Err(malformed(path, "must be one of atomic, granular")),
    }
}
