//! What a Pod bears, how Pods are spread, and what must happen before one is placed or is ready.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidateTolerations`, `validateTopologySpreadConstraints`,
//! `validateReadinessGates`, `validateSchedulingGates`.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::super::faults::{Faults, list, set, text};
use super::affinity;
use crate::names;

/// Checks tolerations.
pub(super) fn tolerations(spec: &Value, path: &str, faults: &mut Faults) {
    for (index, one) in list(spec, "tolerations").iter().enumerate() {
        toleration(one, &format!("{path}[{index}]"), faults);
    }
}

fn toleration(one: &Value, path: &str, faults: &mut Faults) {
    let (key, operator, value) = (text(one, "key"), text(one, "operator"), text(one, "value"));
    let field = format!("{path}.operator");
    if !key.is_empty() {
        names::key_faults(key).iter().for_each(|why| faults.invalid(&format!("{path}.key"), &json!(key), why));
    }
    if key.is_empty() && operator != "Exists" {
        let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        faults.invalid(&field, &json!(operator), why);
    }
    if set(one, "tolerationSeconds").is_some() && text(one, "effect") != "NoExecute" {
        let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        faults.invalid(&format!("{path}.effect"), &json!(text(one, "effect")), why);
    }
    match operator {
        "" | "Equal" => {
            let why = names::value_faults(value);
            if !why.is_empty() {
                faults.invalid(&field, &json!(value), &why.join(";"));
            }
        }
        "Exists" if !value.is_empty() => faults.invalid(&field, &json!(value), "value must be empty when `operator` is 'Exists'"),
        "Exists" => {}
        "Lt" | "Gt" => faults.not_supported(&field, &json!(operator), &["Equal", "Exists", "Lt", "Gt"]),
        other => faults.not_supported(&field, &json!(other), &["Equal", "Exists"]),
    }
    faults.one_of_if_set(one, path, "effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
}

/// Checks how Pods are spread.
pub(super) fn spread(spec: &Value, path: &str, faults: &mut Faults) {
    let constraints = list(spec, "topologySpreadConstraints");
    let pair = |one: &Value| (text(one, "topologyKey").to_owned(), text(one, "whenUnsatisfiable").to_owned());
    let last: HashMap<(String, String), usize> = constraints.iter().enumerate().map(|(index, one)| (pair(one), index)).collect();
    for (index, constraint) in constraints.iter().enumerate() {
        let here = format!("{path}.topologySpreadConstraints[{index}]");
        let again = last.get(&pair(constraint)).is_some_and(|last| *last > index);
        self::constraint(constraint, again, &here, faults);
    }
}

/// `again`: the same key and action stand further down, too.
fn constraint(one: &Value, again: bool, path: &str, faults: &mut Faults) {
    let (key, action) = (text(one, "topologyKey"), text(one, "whenUnsatisfiable"));
    positive(one, "maxSkew", path, faults);
    if key.is_empty() {
        faults.required(&format!("{path}.topologyKey"), "can not be empty");
    }
    if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
        faults.not_supported(&format!("{path}.whenUnsatisfiable"), &json!(action), &["DoNotSchedule", "ScheduleAnyway"]);
    }
    if again {
        faults.duplicate(&format!("{path}.{{topologyKey, whenUnsatisfiable}}"), &json!(format!("{{{key}, {action}}}")));
    }
    if let Some(domains) = set(one, "minDomains") {
        positive(one, "minDomains", path, faults);
        if action != "DoNotSchedule" {
            let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
            faults.invalid(&format!("{path}.minDomains"), domains, &why);
        }
    }
    for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        if let Some(policy) = set(one, field).filter(|policy| !matches!(policy.as_str(), Some("Honor" | "Ignore"))) {
            faults.not_supported(&format!("{path}.{field}"), policy, &["Honor", "Ignore"]);
        }
    }
    affinity::label_keys(one, path, faults);
    faults.selector(&format!("{path}.labelSelector"), set(one, "labelSelector"));
}

fn positive(holder: &Value, field: &str, path: &str, faults: &mut Faults) {
    let number = set(holder, field).and_then(Value::as_i64).unwrap_or_default();
    if number <= 0 {
        faults.invalid(&format!("{path}.{field}"), &json!(number), "must be greater than zero");
    }
}

/// Checks what must happen before a Pod is ready, and before it is placed.
pub(super) fn gates(spec: &Value, path: &str, faults: &mut Faults) {
    for (index, gate) in list(spec, "readinessGates").iter().enumerate() {
        let kind = text(gate, "conditionType");
        let field = format!("{path}.readinessGates[{index}].conditionType");
        names::key_faults(kind).iter().for_each(|why| faults.invalid(&field, &json!(kind), why));
    }
    let mut seen = HashSet::new();
    for (index, gate) in list(spec, "schedulingGates").iter().enumerate() {
        let (name, field) = (text(gate, "name"), format!("{path}.schedulingGates[{index}]"));
        names::key_faults(name).iter().for_each(|why| faults.invalid(&field, &json!(name), why));
        if !seen.insert(name) {
            faults.duplicate(&field, &json!(name));
        }
    }
}
