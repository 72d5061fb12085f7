//! Labels of nodes that have another name today. Follows kubernetes `pkg/api/node/util.go`.

use serde_json::Value;

use super::super::faults::{at, list, or_null, set, text};
use super::Said;
use crate::names;

/// Returns what is said of a label.
fn deprecated(key: &str) -> Option<&'static str> {
    Some(match key {
        "beta.kubernetes.io/arch" => "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os" => "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "failure-domain.beta.kubernetes.io/region" => "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
        "failure-domain.beta.kubernetes.io/zone" => "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
        "beta.kubernetes.io/instance-type" => "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
        "app.kubernetes.io/created-by" => "deprecated since v1.9",
        "scheduler.alpha.kubernetes.io/preferAvoidPods" => "deprecated since v1.22; use Taints and Tolerations instead",
        "node-role.kubernetes.io/master" => "use \"node-role.kubernetes.io/control-plane\" instead",
        _ => return None,
    })
}

/// Looks at the labels by which a spec chooses nodes.
pub(super) fn check(path: &str, spec: &Value, said: &mut Said) {
    for key in spec.get("nodeSelector").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key) {
        if let Some(why) = deprecated(key) {
            said.push(format!("{path}.nodeSelector[{key}]: {why}"));
        }
    }
    if let Some(nodes) = at(spec, &["affinity", "nodeAffinity"]) {
        let here = format!("{path}.affinity.nodeAffinity");
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        for (index, one) in list(or_null(nodes, &[required]), "nodeSelectorTerms").iter().enumerate() {
            term(&format!("{here}.{required}.nodeSelectorTerms[{index}]"), one, false, said);
        }
        let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
        for (index, one) in list(nodes, preferred).iter().enumerate() {
            term(&format!("{here}.{preferred}[{index}].preference"), or_null(one, &["preference"]), true, said);
        }
    }
    for (index, one) in list(spec, "topologySpreadConstraints").iter().enumerate() {
        let (here, key) = (format!("{path}.topologySpreadConstraints[{index}]"), text(one, "topologyKey"));
        if let Some(why) = deprecated(key) {
            said.push(format!("{here}.topologyKey: {key} is {why}"));
        }
        selector(&here, one, said);
    }
}

/// Values are looked at where they are not checked.
fn term(path: &str, term: &Value, values_too: bool, said: &mut Said) {
    for (index, one) in list(term, "matchExpressions").iter().enumerate() {
        let (here, key) = (format!("{path}.matchExpressions[{index}]"), text(one, "key"));
        if let Some(why) = deprecated(key) {
            said.push(format!("{here}.key: {key} is {why}"));
        }
        for (number, value) in list(one, "values").iter().filter_map(Value::as_str).enumerate().filter(|_| values_too) {
            said.extend(names::value_faults(value).iter().map(|why| format!("{here}.values[{number}]: {value} is invalid, {why}")));
        }
    }
}

/// A selector that is not there selects nothing.
pub(super) fn selector(path: &str, holder: &Value, said: &mut Said) {
    if set(holder, "labelSelector").is_none() {
        said.push(format!("{path}.labelSelector: a null labelSelector results in matching no pod"));
    }
}
