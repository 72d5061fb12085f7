//! RuntimeClass. Follows kubernetes `pkg/apis/node/validation/validation.go`, and `pkg/apis/core/validation/validation.go`
//! `ValidateTolerations`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, child, list, set, text};
use super::{inner, resources};
use crate::names::{self, Rule};
use crate::typed::Type;

/// Checks a RuntimeClass.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let object = subject.object;
    subject.metadata(faults);
    match text(object, "handler") {
        "" => faults.required("handler", ""),
        handler => faults.name("handler", Rule::Label, handler),
    }
    if let Some(overhead) = set(object, "overhead") {
        pod_fixed(overhead, faults);
    }
    if let Some(scheduling) = set(object, "scheduling") {
        faults.labels("scheduling.nodeSelector", set(scheduling, "nodeSelector"));
        tolerations(list(scheduling, "tolerations"), "scheduling.tolerations", faults);
    }
    if let Some(old) = subject.old {
        subject.metadata_update(faults);
        if text(old, "handler") != text(object, "handler") {
            faults.invalid("handler", &json!(text(object, "handler")), "field is immutable");
        }
    }
}

fn pod_fixed(overhead: &Value, faults: &mut Faults) {
    let amounts = overhead.get("podFixed").and_then(Value::as_object);
    for (name, amount) in amounts.into_iter().flatten() {
        let field = format!("overhead.limits[{name}]");
        resources::container_name(name, &field, faults);
        resources::amount(name, amount, &field, faults);
        resources::whole_pages(name, amount, &field, faults);
    }
    let has = |wanted: fn(&str) -> bool| amounts.is_some_and(|map| map.keys().any(|name| wanted(name)));
    if has(|name| name.starts_with("hugepages-")) && !has(|name| matches!(name, "cpu" | "memory")) {
        faults.forbidden("overhead", "HugePages require cpu or memory");
    }
}

fn tolerations(all: &[Value], path: &str, faults: &mut Faults) {
    for (index, one) in all.iter().enumerate() {
        toleration(one, &format!("{path}[{index}]"), faults);
    }
    let mut seen = BTreeSet::new();
    for (index, one) in all.iter().enumerate() {
        if !seen.insert(["key", "operator", "value", "effect"].map(|field| text(one, field))) {
            let shown = inner::shown(&Type::Struct("core.v1.Toleration"), one);
            let text = format!("Duplicate value: {shown}");
            faults.0.push(schema::Violation { field: format!("{path}[{index}]"), cause: schema::Cause::Duplicate, text });
        }
    }
}

fn toleration(one: &Value, path: &str, faults: &mut Faults) {
    let (key, operator, value, effect) = (text(one, "key"), text(one, "operator"), text(one, "value"), text(one, "effect"));
    let field = child(path, "operator");
    if !key.is_empty() {
        names::key_faults(key).iter().for_each(|why| faults.invalid(&child(path, "key"), &json!(key), why));
    }
    if key.is_empty() && operator != "Exists" {
        let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        faults.invalid(&field, &json!(operator), why);
    }
    if set(one, "tolerationSeconds").is_some() && effect != "NoExecute" {
        faults.invalid(&child(path, "effect"), &json!(effect), "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    match operator {
        "" | "Equal" => {
            let wrong = names::value_faults(value);
            if !wrong.is_empty() {
                faults.invalid(&field, &json!(value), &wrong.join(";"));
            }
        }
        "Exists" if !value.is_empty() => faults.invalid(&field, &json!(value), "value must be empty when `operator` is 'Exists'"),
        "Exists" => {}
        "Lt" | "Gt" => faults.not_supported(&field, &json!(operator), &["Equal", "Exists", "Lt", "Gt"]),
        other => faults.not_supported(&field, &json!(other), &["Equal", "Exists"]),
    }
    faults.one_of_if_set(one, path, "effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
}
