//! What is unusual about a Service. Follows kubernetes `pkg/api/service/warnings.go`.

use serde_json::{Value, json};

use super::address;
use super::faults::{list, text};
use crate::object::pairs;

const HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const MODE: &str = "service.kubernetes.io/topology-mode";

/// Says what is unusual about a Service.
pub(crate) fn of(object: &Value) -> Vec<String> {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let mut found = Vec::new();
    if pairs(object, "annotations").is_some_and(|all| all.contains_key(HINTS)) {
        found.push(format!("annotation {HINTS} is deprecated, please use {MODE} instead"));
    }
    if !matches!(text(spec, "clusterIP"), "" | "None") {
        found.extend(unusual(spec, "clusterIPs"));
    }
    let headless = text(spec, "type") == "ClusterIP" && text(spec, "clusterIP") == "None";
    let balancer = text(spec, "loadBalancerIP");
    if headless {
        let ignored = [
            ("loadBalancerIP", !balancer.is_empty()),
            ("externalIPs", !list(spec, "externalIPs").is_empty()),
            ("SessionAffinity", text(spec, "sessionAffinity") != "None"),
        ];
        let ignored = ignored.into_iter().filter(|(_, there)| *there);
        found.extend(ignored.map(|(field, _)| format!("spec.{field} is ignored for headless services")));
    }
    found.extend(unusual(spec, "externalIPs"));
    let outside = text(spec, "type") == "ExternalName";
    if !list(spec, "externalIPs").is_empty() && !headless && !outside {
        found.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".to_owned());
    }
    found.extend(address::warn("spec.loadBalancerIP", balancer));
    for (index, range) in list(spec, "loadBalancerSourceRanges").iter().enumerate() {
        found.extend(address::warn_range(&format!("spec.loadBalancerSourceRanges[{index}]"), range.as_str().unwrap_or_default()));
    }
    if outside && !list(spec, "externalIPs").is_empty() {
        found.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_owned());
    }
    if !outside && !text(spec, "externalName").is_empty() {
        found.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    }
    if spec.get("trafficDistribution") == Some(&json!("PreferClose")) {
        found.push("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".to_owned());
    }
    found
}

fn unusual(spec: &Value, name: &str) -> Vec<String> {
    let all = list(spec, name).iter().enumerate();
    all.filter_map(|(index, one)| address::warn(&format!("spec.{name}[{index}]"), one.as_str().unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_or_old_is_said() {
        for (spec, wanted) in [
            (json!({"type": "ClusterIP", "clusterIP": "10.96.0.5", "clusterIPs": ["10.96.0.5"], "sessionAffinity": "None"}), vec![]),
            (
                json!({"type": "ClusterIP", "externalIPs": ["1.2.3.4"], "externalName": "a.b"}),
                vec![
                    "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
                    "spec.externalName is ignored when spec.type is not \"ExternalName\"",
                ],
            ),
            (
                json!({"type": "ClusterIP", "clusterIP": "None", "sessionAffinity": "ClientIP", "trafficDistribution": "PreferClose"}),
                vec![
                    "spec.SessionAffinity is ignored for headless services",
                    "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"",
                ],
            ),
        ] {
            assert_eq!(of(&json!({"spec": spec})), wanted);
        }
    }
}
