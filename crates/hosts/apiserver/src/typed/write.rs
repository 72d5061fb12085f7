//! Writing an object as Go writes it: fields that are empty are left out where the tag says so and filled in where it does not.

use serde_json::{Map, Value, json};

use super::table::{Field, Struct, Type};
use super::{by_kind, by_name};

/// Brings an object into the form in which Go writes it. Fields that the struct does not have are kept.
pub(crate) fn write(form: &'static Struct, value: &mut Value) {
    let Value::Object(map) = value else { return };
    for field in form.members() {
        let stays = match map.get_mut(field.name) {
            Some(value) if !value.is_null() || matches!(field.form.base(), Type::Anything) => {
                inside(&field.form, value);
                !((field.omit_empty && is_empty(&field.form, value)) || (field.omit_zero && *value == zero(&field.form)))
            }
            Some(value) if is_written(field) => {
                *value = zero(&field.form);
                true
            }
            Some(_) => false,
            None if is_written(field) => {
                map.insert(field.name.to_owned(), zero(&field.form));
                true
            }
            None => true,
        };
        if !stays {
            map.remove(field.name);
        }
    }
}

/// Tells whether a field is written that has no value. A struct is never empty to Go, only zero.
fn is_written(field: &Field) -> bool {
    let whole = matches!(&field.form, Type::Struct(_)) && !field.omit_zero;
    !field.omit_empty && !field.omit_zero || whole || is_time(field) && !field.omit_zero
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
                // Bytes that are nothing are stored as none.
                *one = if matches!(inner.base(), Type::Bytes) { json!("") } else { zero(inner) };
            }
            inside(inner, one);
        }),
        _ => {}
    }
}

/// Brings an object into the form in which the store gives it back: a list or map without entries is nothing there.
pub(crate) fn stored(form: &'static Struct, value: &mut Value) {
    let Value::Object(map) = value else { return };
    for field in form.members() {
        let Some(value) = map.get_mut(field.name) else { continue };
        let empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
        if empty && matches!(field.form.base(), Type::List(_) | Type::Map(_)) {
            *value = Value::Null;
        } else {
            stored_inside(&field.form, value);
        }
    }
}

fn stored_inside(form: &Type, value: &mut Value) {
    match (form.base(), value) {
        (Type::Struct(name), value) => {
            if let Some(inner) = by_name(name) {
                stored(inner, value);
            }
        }
        (Type::List(inner), Value::Array(list)) => list.iter_mut().for_each(|one| stored_inside(inner, one)),
        (Type::Map(inner), Value::Object(map)) => map.values_mut().for_each(|one| stored_inside(inner, one)),
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
    let mut out = Vec::new();
    put(form, value, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Returns an object as Go's encoder writes it: fields in the order of their struct, and a line's end. What is none of
/// Kubernetes' own kinds has its fields by name, as Go writes maps.
pub(crate) fn encoded(object: &Value) -> Vec<u8> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let meta = matches!(kind, "Status" | "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList");
    let form = if meta { by_name(&format!("meta.v1.{kind}")) } else { by_kind(api_version, kind) };
    let mut out = Vec::with_capacity(1_024);
    match (form, object) {
        (Some(form), Value::Object(map)) => put_struct(form, map, &mut out),
        _ => put_any(object, &mut out),
    }
    out.push(b'\n');
    out
}

/// Writes the fields of a struct in Go's order, those it does not have after them.
pub(crate) fn put_struct(form: &'static Struct, map: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut count = 0;
    let mut field = |name: &str, form: Option<&Type>, out: &mut Vec<u8>| {
        let Some(value) = map.get(name) else { return count };
        out.push(if count == 0 { b'{' } else { b',' });
        count += 1;
        put_text(name, out);
        out.push(b':');
        match form {
            Some(form) => put(form, value, out),
            None => put_any(value, out),
        }
        count
    };
    let mut written = 0;
    if form.kind {
        field("kind", None, out);
        written = field("apiVersion", None, out);
    }
    for member in form.members() {
        written = field(member.name, Some(&member.form), out);
    }
    if written == map.len() {
        out.extend_from_slice(if written == 0 { b"{}" } else { b"}" });
        return;
    }
    let own = |name: &str| form.field(name).is_some() || (form.kind && matches!(name, "kind" | "apiVersion"));
    for name in map.keys().filter(|name| !own(name)) {
        field(name, None, out);
    }
    out.push(b'}');
}

fn put(form: &Type, value: &Value, out: &mut Vec<u8>) {
    match (form.base(), value) {
        (Type::Struct(name), Value::Object(map)) => match by_name(name) {
            Some(one) => put_struct(one, map, out),
            None => put_any(value, out),
        },
        (Type::List(inner), Value::Array(list)) => put_list(inner, list, out),
        (Type::Map(inner), Value::Object(map)) => put_map(inner, map, out),
        // An object inside of another, as in the rows of a Table.
        (Type::Raw, Value::Object(_)) => {
            out.extend(encoded(value));
            out.pop();
        }
        _ => put_any(value, out),
    }
}

fn put_any(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => put_text(text, out),
        Value::Array(list) => put_list(&Type::Anything, list, out),
        Value::Object(map) => put_map(&Type::Anything, map, out),
        other => serde_json::to_writer(out, other).expect("a vector takes everything"),
    }
}

fn put_list(form: &Type, list: &[Value], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, one) in list.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(form, one, out);
    }
    out.push(b']');
}

fn put_map(form: &Type, map: &Map<String, Value>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, one)) in map.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put_text(name, out);
        out.push(b':');
        put(form, one, out);
    }
    out.push(b'}');
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    let plain = |byte: &u8| !matches!(byte, 0..=0x1f | b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2);
    if text.as_bytes().iter().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        return out.push(b'"');
    }
    let start = out.len();
    serde_json::to_writer(&mut *out, text).expect("a vector takes everything");
    escape(out, start);
}

/// Go writes what a web page could take for markup, and two line separators, as numbers. All of it stands in texts only.
fn escape(out: &mut Vec<u8>, start: usize) {
    let odd = |bytes: &[u8]| match bytes {
        [b'<', ..] => Some(("\\u003c", 1)),
        [b'>', ..] => Some(("\\u003e", 1)),
        [b'&', ..] => Some(("\\u0026", 1)),
        [0xe2, 0x80, 0xa8, ..] => Some(("\\u2028", 3)),
        [0xe2, 0x80, 0xa9, ..] => Some(("\\u2029", 3)),
        _ => None,
    };
    let Some(first) = out[start..].iter().position(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2)) else { return };
    let rest = out.split_off(start + first);
    let mut at = 0;
    while at < rest.len() {
        match odd(&rest[at..]) {
            Some((escaped, length)) => {
                out.extend_from_slice(escaped.as_bytes());
                at += length;
            }
            None => {
                out.push(rest[at]);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn objects_are_written_as_gos_encoder_writes_them() {
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"b": "<a&b>\u{2028}", "a": ""}, "later": 1,
            "metadata": {"annotations": {"x": "y"}, "uid": "u", "name": "n", "creationTimestamp": "t", "resourceVersion": "1"},
        });
        let text = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"n","uid":"u","resourceVersion":"1","creationTimestamp":"t","annotations":{"x":"y"}},"data":{"a":"","b":"\u003ca\u0026b\u003e\u2028"},"later":1}"#;
        assert_eq!(String::from_utf8(encoded(&map)).expect("text"), format!("{text}\n"));
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), map);
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": 404, "status": "Failure", "reason": "NotFound", "message": "m"});
        let text = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"m","reason":"NotFound","code":404}"#;
        assert_eq!(String::from_utf8(encoded(&status)).expect("text"), format!("{text}\n"));
        assert_eq!(
            encoded(&json!({"kind": "Widget", "apiVersion": "example.com/v1"})),
            b"{\"apiVersion\":\"example.com/v1\",\"kind\":\"Widget\"}\n"
        );
    }

    #[test]
    fn what_is_stored_without_entries_is_nothing() {
        let mut value = json!({"rules": [{"verbs": [], "apiGroups": [""]}], "aggregationRule": {"clusterRoleSelectors": []}});
        stored(by_kind("rbac.authorization.k8s.io/v1", "ClusterRole").expect("a kind"), &mut value);
        assert_eq!(value, json!({"rules": [{"verbs": null, "apiGroups": [""]}], "aggregationRule": {"clusterRoleSelectors": null}}));
    }

    #[test]
    fn objects_are_quoted_in_gos_order() {
        let owners = json!([{"uid": "u", "name": "n", "kind": "K", "apiVersion": "v1", "controller": true}]);
        let form = &by_name("meta.v1.ObjectMeta").and_then(|meta| meta.field("ownerReferences")).expect("a field").form;
        assert_eq!(in_go_order(form, &owners), r#"[{"apiVersion":"v1","kind":"K","name":"n","uid":"u","controller":true}]"#);
    }
}
