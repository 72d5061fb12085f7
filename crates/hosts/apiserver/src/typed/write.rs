//! Writing an object as Go writes it: fields that are empty are left out where the tag says so and filled in where it does not.

use serde_json::{Map, Value, json};

use super::by_name;
use super::table::{Field, Struct, Type};

/// Brings an object into the form in which Go writes it. Fields that the struct does not have are kept.
pub(crate) fn write(form: &Struct, value: &mut Value) {
    let Value::Object(map) = value else { return };
    for field in form.members() {
        let here = map.remove(field.name);
        if let Some(value) = written(field, here) {
            map.insert(field.name.to_owned(), value);
        }
    }
}

fn written(field: &Field, value: Option<Value>) -> Option<Value> {
    let present = value.filter(|value| !value.is_null() || matches!(field.form.base(), Type::Anything));
    let Some(mut value) = present else {
        // A struct is never empty to Go, only zero.
        let whole = matches!(&field.form, Type::Struct(_)) && !field.omit_zero;
        return (!field.omit_empty && !field.omit_zero || whole || is_time(field) && !field.omit_zero).then(|| zero(&field.form));
    };
    inside(&field.form, &mut value);
    let drop = (field.omit_empty && is_empty(&field.form, &value)) || (field.omit_zero && value == zero(&field.form));
    (!drop).then_some(value)
}

/// Times that are no pointers are structs: `omitempty` never leaves them out.
fn is_time(field: &Field) -> bool {
    matches!(&field.form, Type::Time | Type::MicroTime)
}

fn inside(form: &Type, value: &mut Value) {
    match (form.base(), value) {
        (Type::Struct(name), value) => {
            if let Some(inner) = by_name(name) {
                write(inner, value);
            }
        }
        (Type::List(inner), Value::Array(list)) => {
            for one in list {
                if one.is_null() {
                    *one = zero(inner);
                }
                inside(inner, one);
            }
        }
        (Type::Map(inner), Value::Object(map)) => map.values_mut().for_each(|one| {
            if one.is_null() {
                *one = zero(inner);
            }
            inside(inner, one);
        }),
        _ => {}
    }
}

fn is_empty(form: &Type, value: &Value) -> bool {
    match (form, value) {
        (Type::Named(_, inner), value) => is_empty(inner, value),
        (Type::Text | Type::Bytes, Value::String(text)) => text.is_empty(),
        (Type::Flag, Value::Bool(flag)) => !flag,
        (Type::Whole(_) | Type::Float, Value::Number(number)) => number.as_f64() == Some(0.0),
        (Type::List(_), Value::Array(list)) => list.is_empty(),
        (Type::Map(_), Value::Object(map)) => map.is_empty(),
        _ => false,
    }
}

/// Returns what Go writes for the zero value of a type.
pub(crate) fn zero(form: &Type) -> Value {
    match form {
        Type::Text => json!(""),
        Type::Flag => json!(false),
        Type::Whole(_) | Type::Float | Type::IntOrString => json!(0),
        Type::Quantity => json!("0"),
        Type::Duration => json!("0s"),
        Type::Named(_, inner) => zero(inner),
        Type::Struct(name) => {
            let mut value = json!({});
            if let Some(inner) = by_name(name) {
                write(inner, &mut value);
            }
            value
        }
        Type::Bytes
        | Type::Time
        | Type::MicroTime
        | Type::Raw
        | Type::Fields
        | Type::Anything
        | Type::OrSchema
        | Type::Pointer(_)
        | Type::List(_)
        | Type::Map(_) => Value::Null,
    }
}

/// Returns a value as JSON text with the fields in Go's order, as Kubernetes quotes objects in its errors.
pub(crate) fn in_go_order(form: &Type, value: &Value) -> String {
    match (form.base(), value) {
        (Type::Struct(name), Value::Object(map)) => match by_name(name) {
            Some(one) => ordered(one, map),
            None => value.to_string(),
        },
        (Type::List(inner), Value::Array(list)) => {
            format!("[{}]", list.iter().map(|one| in_go_order(inner, one)).collect::<Vec<_>>().join(","))
        }
        (Type::Map(inner), Value::Object(map)) => {
            let fields: Vec<String> = map.iter().map(|(name, one)| format!("{}:{}", json!(name), in_go_order(inner, one))).collect();
            format!("{{{}}}", fields.join(","))
        }
        _ => value.to_string(),
    }
}

fn ordered(form: &Struct, map: &Map<String, Value>) -> String {
    let own = ["kind", "apiVersion"].into_iter().filter(|_| form.kind).filter_map(|name| Some(format!("{:?}:{}", name, map.get(name)?)));
    let fields = form.members().into_iter().filter_map(|field| {
        let value = map.get(field.name)?;
        Some(format!("{}:{}", json!(field.name), in_go_order(&field.form, value)))
    });
    format!("{{{}}}", own.chain(fields).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typed::by_kind;

    fn check(api_version: &str, kind: &str, value: Value, wanted: Value) {
        let mut value = value;
        write(by_kind(api_version, kind).expect("a kind"), &mut value);
        assert_eq!(value, wanted);
    }

    #[test]
    fn empty_fields_are_written_as_go_does() {
        check(
            "v1",
            "Event",
            json!({"message": "", "count": 0}),
            json!({
                "metadata": {}, "involvedObject": {}, "source": {}, "firstTimestamp": null, "lastTimestamp": null, "eventTime": null,
                "reportingComponent": "", "reportingInstance": "",
            }),
        );
        check("rbac.authorization.k8s.io/v1", "Role", json!({"metadata": {"labels": {}}}), json!({"metadata": {}, "rules": null}));
        check(
            "apps/v1",
            "ReplicaSet",
            json!({"spec": {"replicas": 0, "minReadySeconds": 0, "selector": null}}),
            json!({"metadata": {}, "spec": {"replicas": 0, "selector": null, "template": {"metadata": {}, "spec": {"containers": null}}}, "status": {"replicas": 0}}),
        );
    }

    #[test]
    fn objects_are_quoted_in_gos_order() {
        let owners = json!([{"uid": "u", "name": "n", "kind": "K", "apiVersion": "v1", "controller": true}]);
        let form = &by_name("meta.v1.ObjectMeta").and_then(|meta| meta.field("ownerReferences")).expect("a field").form;
        assert_eq!(in_go_order(form, &owners), r#"[{"apiVersion":"v1","kind":"K","name":"n","uid":"u","controller":true}]"#);
    }
}
