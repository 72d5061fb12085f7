//! Which nodes and which neighbours a Pod wants.
//! Follows kubernetes `pkg/apis/core/validation/validation.go`, `validateAffinity` and what it calls.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::super::faults::{Faults, at, list, set, text};
use super::super::node_selector;
use crate::names::{self, Rule};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Checks the affinity of a spec.
pub(super) fn check(spec: &Value, path: &str, faults: &mut Faults) {
    if let Some(nodes) = at(spec, &["affinity", "nodeAffinity"]) {
        self::nodes(nodes, &format!("{path}.affinity.nodeAffinity"), faults);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        if let Some(pods) = at(spec, &["affinity", kind]) {
            self::pods(pods, &format!("{path}.affinity.{kind}"), faults);
        }
    }
}

fn nodes(affinity: &Value, path: &str, faults: &mut Faults) {
    if let Some(required) = set(affinity, REQUIRED) {
        node_selector::check(required, &format!("{path}.{REQUIRED}"), false, faults);
    }
    for (index, term) in list(affinity, PREFERRED).iter().enumerate() {
        let here = format!("{path}.{PREFERRED}[{index}]");
        weight(term, &here, faults);
        // Values of a term that is only preferred may be anything.
        node_selector::term(term.get("preference").unwrap_or(&Value::Null), &format!("{here}.preference"), true, faults);
    }
}

fn weight(term: &Value, path: &str, faults: &mut Faults) {
    let weight = term.get("weight").and_then(Value::as_i64).unwrap_or_default();
    if !(1..=100).contains(&weight) {
        faults.invalid(&format!("{path}.weight"), &json!(weight), "must be in the range 1-100");
    }
}

fn key(key: &str, field: &str, faults: &mut Faults) {
    names::key_faults(key).iter().for_each(|why| faults.invalid(field, &json!(key), why));
}

fn pods(affinity: &Value, path: &str, faults: &mut Faults) {
    for (index, term) in list(affinity, REQUIRED).iter().enumerate() {
        neighbours(term, &format!("{path}.{REQUIRED}[{index}]"), faults);
    }
    for (index, term) in list(affinity, PREFERRED).iter().enumerate() {
        let here = format!("{path}.{PREFERRED}[{index}]");
        weight(term, &here, faults);
        neighbours(term.get("podAffinityTerm").unwrap_or(&Value::Null), &format!("{here}.podAffinityTerm"), faults);
    }
}

fn neighbours(term: &Value, path: &str, faults: &mut Faults) {
    for field in ["labelSelector", "namespaceSelector"] {
        faults.selector(&format!("{path}.{field}"), set(term, field));
    }
    for name in list(term, "namespaces").iter().filter_map(Value::as_str) {
        faults.name(&format!("{path}.namespace"), Rule::Label, name);
    }
    label_keys(term, path, faults);
    if text(term, "topologyKey").is_empty() {
        faults.required(&format!("{path}.topologyKey"), "can not be empty");
    }
    key(text(term, "topologyKey"), &format!("{path}.topologyKey"), faults);
}

/// Keys whose values are the Pod's own. Follows `ValidateMatchLabelKeysAndMismatchLabelKeys`.
pub(super) fn label_keys(term: &Value, path: &str, faults: &mut Faults) {
    let keys = |field: &str| list(term, field).iter().filter_map(Value::as_str).collect::<Vec<_>>();
    let (wanted, unwanted, selector) = (keys("matchLabelKeys"), keys("mismatchLabelKeys"), set(term, "labelSelector"));
    for (field, keys) in [("matchLabelKeys", &wanted), ("mismatchLabelKeys", &unwanted)] {
        let here = format!("{path}.{field}");
        if !keys.is_empty() && selector.is_none() {
            faults.forbidden(&here, "must not be specified when labelSelector is not set");
            continue;
        }
        keys.iter().enumerate().for_each(|(index, one)| key(one, &format!("{here}[{index}]"), faults));
    }
    if let Some(selector) = selector {
        let places: HashMap<&str, usize> = wanted.iter().enumerate().map(|(index, key)| (*key, index)).collect();
        let labels = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
        let mut selected: HashSet<&str> = labels.map(|(key, _)| key.as_str()).collect();
        for key in list(selector, "matchExpressions").iter().map(|one| text(one, "key")) {
            if let Some(index) = places.get(key).filter(|_| selected.contains(key)) {
                faults.invalid(&format!("{path}[{index}]"), &json!(key), "exists in both matchLabelKeys and labelSelector");
            }
            selected.insert(key);
        }
    }
    for (index, one) in wanted.iter().enumerate().filter(|(_, one)| unwanted.contains(one)) {
        faults.invalid(&format!("{path}.matchLabelKeys[{index}]"), &json!(one), "exists in both matchLabelKeys and mismatchLabelKeys");
    }
}
