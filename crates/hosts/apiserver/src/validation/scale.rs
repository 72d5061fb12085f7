//! What a custom resource has where its scale is kept. Follows apiextensions-apiserver
//! `pkg/registry/customresource/validator.go` and AM `pkg/apis/meta/v1/unstructured/helpers.go`.

use serde_json::{Value, json};

use super::faults::Faults;
use crate::catalog::Scale;

/// Checks the numbers of replicas and the selector; through the status only what is there.
pub(crate) fn check(scale: &Scale, subresource: &str, object: &Value, faults: &mut Faults) {
    if subresource != "status" {
        number(&scale.replicas, object, faults);
    }
    number(&scale.status, object, faults);
    if let Some(path) = &scale.selector {
        match found(path, object) {
            Ok(None | Some(Value::String(_))) => {}
            Ok(Some(other)) => faults.invalid(&shown(path), &json!(""), &accessor(path, other, "string")),
            Err(why) => faults.invalid(&shown(path), &json!(""), &why),
        }
    }
}

fn number(path: &[String], object: &Value, faults: &mut Faults) {
    let field = shown(path);
    match found(path, object) {
        Ok(None) => {}
        Ok(Some(Value::Number(number))) if number.is_i64() => {
            let number = number.as_i64().unwrap_or_default();
            if number < 0 {
                faults.invalid(&field, &json!(number), "should be a non-negative integer");
            } else if number > i64::from(i32::MAX) {
                faults.invalid(&field, &json!(number), &format!("should be less than or equal to {}", i32::MAX));
            }
        }
        Ok(Some(other)) => faults.invalid(&field, &json!(0), &accessor(path, other, "int64")),
        Err(why) => faults.invalid(&field, &json!(0), &why),
    }
}

fn shown(path: &[String]) -> String {
    format!(".{}", path.join("."))
}

fn accessor(path: &[String], value: &Value, wanted: &str) -> String {
    format!("{} accessor error: {} is of the type {}, expected {wanted}", shown(path), golang::printed(value), golang::type_of(value))
}

/// Goes along a path of fields; what is null on the way is not there.
fn found<'a>(path: &[String], object: &'a Value) -> Result<Option<&'a Value>, String> {
    let mut place = object;
    for (index, name) in path.iter().enumerate() {
        place = match place {
            Value::Null => return Ok(None),
            Value::Object(map) => match map.get(name) {
                Some(inner) => inner,
                None => return Ok(None),
            },
            other => return Err(accessor(&path[..=index], other, "map[string]interface{}")),
        };
    }
    Ok(Some(place))
}
