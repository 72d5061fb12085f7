//! Objects as rows, the way `kubectl get` wants them. What stands in the rows of Kubernetes' own kinds is in `printers`.

use http::HeaderMap;
use model::Timestamp;
use serde_json::{Value, json};

use crate::accept::{Form, form};
use crate::catalog::Resource;
use crate::jsonpath::Path;
use crate::object::parse_time;
use crate::printers::{self, Cell};
use crate::request::Query;
use crate::status::{ApiError, ApiResult};
use crate::typed;

const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
const AGE: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// Whether the columns are described; a watch does that once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Columns {
    Shown,
    Known,
}

/// Writes one object in the form that the client wants.
pub(crate) fn in_form(headers: &HeaderMap, resource: &Resource, object: &Value, query: &Query, now: Timestamp) -> ApiResult<Vec<u8>> {
    let value = match form(headers, resource.encodings())? {
        Form::Object => return Ok(typed::encoded(object)),
        Form::Metadata => partial(object),
        Form::Table => {
            let metadata = json!({"resourceVersion": crate::object::meta(object, "resourceVersion")});
            table(resource, std::slice::from_ref(object), metadata, query, now, Columns::Shown)?
        }
    };
    Ok(typed::encoded(&value))
}

/// Returns only the metadata of an object.
pub(crate) fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object.get("metadata").cloned().unwrap_or_default()})
}

/// Returns objects as rows.
pub(crate) fn table(
    resource: &Resource,
    objects: &[Value],
    metadata: Value,
    query: &Query,
    now: Timestamp,
    columns: Columns,
) -> ApiResult<Value> {
    let include = query.get("includeObject").filter(|text| !text.is_empty()).unwrap_or("Metadata");
    if !matches!(include, "None" | "Metadata" | "Object") {
        return Err(ApiError::bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: {include:?}: must be 'Metadata', 'Object', 'None', or empty"
        )));
    }
    let bookmark = |object: &&Value| object.pointer("/metadata/name").is_some();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let cells: Vec<Value> = match Some(object).filter(bookmark) {
                Some(object) => cells(resource, object, now).into_iter().map(|cell| cell.value).collect(),
                // A bookmark tells nothing but how far the watch is.
                None => cells(resource, object, now).into_iter().map(|_| Value::Null).collect(),
            };
            let whole = match include {
                "None" => Value::Null,
                "Object" => object.clone(),
                _ => partial(object),
            };
            let mut row = json!({"cells": cells, "object": whole});
            if let Some(conditions) = printers::conditions(resource, object) {
                row["conditions"] = conditions;
            }
            row
        })
        .collect();
    // Where upstream has no columns of its own for a kind, no rows are no list.
    let plain = resource.custom.is_none() && cells(resource, &Value::Null, now).iter().any(|cell| cell.name == "Created At");
    let rows = if rows.is_empty() && plain { Value::Null } else { Value::Array(rows) };
    let definitions: Vec<Value> = match columns {
        Columns::Shown => cells(resource, &Value::Null, now).into_iter().map(|cell| definition(&cell)).collect(),
        Columns::Known => Vec::new(),
    };
    Ok(json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": definitions, "rows": rows}))
}

fn definition(cell: &Cell) -> Value {
    let description = match cell.name.as_str() {
        "Name" => NAME,
        "Age" | "Created At" if cell.description.is_empty() => AGE,
        _ => &cell.description,
    };
    json!({"name": cell.name, "type": cell.kind, "format": cell.format, "description": description, "priority": cell.priority})
}

fn cells(resource: &Resource, object: &Value, now: Timestamp) -> Vec<Cell> {
    match &resource.custom {
        Some(custom) => custom_cells(&custom.columns, object, now),
        None => printers::cells(resource, object, now),
    }
}

fn custom_cells(columns: &[Value], object: &Value, now: Timestamp) -> Vec<Cell> {
    let mut found = vec![Cell::name(object)];
    if columns.is_empty() {
        let mut age = Cell::age(object, now);
        age.kind = "date".to_owned();
        found.push(age);
        return found;
    }
    for column in columns {
        let text = |name: &str| column.get(name).and_then(Value::as_str).unwrap_or_default();
        let path = text("jsonPath");
        let value = Path::parse(path).and_then(|path| path.find(object).first().map(|value| custom_value(text("type"), value, now)));
        let description = match text("description") {
            "" => format!("Custom resource definition column (in JSONPath format): {path}"),
            described => described.to_owned(),
        };
        found.push(Cell {
            name: text("name").to_owned(),
            kind: text("type").to_owned(),
            format: text("format").to_owned(),
            description,
            priority: column.get("priority").and_then(Value::as_i64).unwrap_or(0),
            value: value.unwrap_or_default(),
        });
    }
    found
}

fn custom_value(kind: &str, value: &Value, now: Timestamp) -> Value {
    match kind {
        "integer" => value.as_i64().or_else(|| value.as_f64().map(|number| number as i64)).map_or(Value::Null, |number| json!(number)),
        "number" => value.as_f64().map_or(Value::Null, |_| value.clone()),
        "boolean" => value.as_bool().map_or(Value::Null, |flag| json!(flag)),
        "date" => match value.as_str() {
            None => Value::Null,
            Some(text) => json!(
                parse_time(text).map_or_else(|| "<invalid>".to_owned(), |time| printers::duration(now.as_second() - time.as_second()))
            ),
        },
        _ => match value {
            Value::String(_) => value.clone(),
            Value::Null => json!("<nil>"),
            other => json!(other.to_string()),
        },
    }
}
