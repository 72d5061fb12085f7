//! Service. Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidateServiceCreate` and `ValidateServiceUpdate`.

use serde_json::{Value, json};

use super::faults::{Faults, list, set, text};
use super::{Subject, address, service_addresses, service_ports};
use crate::names::Rule;
use crate::object::pairs;

const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";
const HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const MODE: &str = "service.kubernetes.io/topology-mode";
const SOURCES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

/// Checks a Service. What it cannot be given is told alone: upstream asks for it first.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let spec = subject.spec();
    let old = subject.old.map(|old| old.get("spec").unwrap_or(&Value::Null));
    let mut ungiven = Faults::default();
    service_addresses::unavailable(spec, old, &mut ungiven);
    if !ungiven.0.is_empty() {
        faults.0 = ungiven.0;
        return;
    }
    match old {
        None => subject.metadata(faults),
        Some(old) => {
            subject.metadata_update(faults);
            service_addresses::changed(spec, old, faults);
            changed(spec, old, faults);
        }
    }
    topology(subject.object, faults);
    self::spec(subject, old.unwrap_or(&Value::Null), faults);
}

/// Tells whether it has no address on purpose.
pub(super) fn is_headless(spec: &Value) -> bool {
    list(spec, "clusterIPs") == [json!("None")]
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    pairs(object, "annotations")?.get(name)?.as_str()
}

fn is_balanced(spec: &Value) -> bool {
    text(spec, "type") == "LoadBalancer"
}

fn needs_health_check(spec: &Value) -> bool {
    is_balanced(spec) && text(spec, "externalTrafficPolicy") == "Local"
}

fn changed(spec: &Value, old: &Value, faults: &mut Faults) {
    if is_balanced(old) && is_balanced(spec) && set(old, "loadBalancerClass") != set(spec, "loadBalancerClass") {
        let shown = set(spec, "loadBalancerClass").unwrap_or(&Value::Null);
        faults.invalid("spec.loadBalancerClass", shown, "may not change once set");
    }
    class(spec, faults);
    if needs_health_check(old) && needs_health_check(spec) && old.get("healthCheckNodePort") != spec.get("healthCheckNodePort") {
        faults.forbidden("spec.healthCheckNodePort", "field is immutable");
    }
}

fn topology(object: &Value, faults: &mut Faults) {
    if let (Some(mode), Some(hints)) = (annotation(object, MODE), annotation(object, HINTS))
        && mode != hints
    {
        let why = format!("must match annotations[{HINTS}] when both are specified");
        faults.invalid(&format!("metadata.annotations[{MODE}]"), &json!(mode), &why);
    }
}

fn spec(subject: &Subject<'_>, old: &Value, faults: &mut Faults) {
    let spec = subject.spec();
    let kind = text(spec, "type");
    if list(spec, "ports").is_empty() && !is_headless(spec) && kind != "ExternalName" {
        faults.required("spec.ports", "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if is_headless(spec) => {
            faults.invalid("spec.clusterIPs[0]", &json!("None"), &format!("may not be set to 'None' for {kind} services"));
        }
        "ExternalName" => external_name(spec, faults),
        _ => {}
    }
    service_ports::check(spec, faults);
    faults.labels("spec.selector", set(spec, "selector"));
    faults.one_of(spec, "spec", "sessionAffinity", &["ClientIP", "None"]);
    affinity(spec, faults);
    service_addresses::related(spec, old, faults);
    external_addresses(spec, old, faults);
    faults.one_of(spec, "spec", "type", &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    service_ports::compare(spec, faults);
    sources(subject, old, faults);
    match (is_balanced(spec), set(spec, "allocateLoadBalancerNodePorts")) {
        (false, Some(_)) => faults.forbidden("spec.allocateLoadBalancerNodePorts", ONLY_BALANCED),
        (true, None) => faults.required("allocateLoadBalancerNodePorts", ""),
        _ => {}
    }
    class(spec, faults);
    external_policy(spec, faults);
    internal_policy(spec, faults);
}

fn external_name(spec: &Value, faults: &mut Faults) {
    const WHY: &str = "may not be set for ExternalName services";
    for field in ["clusterIPs", "ipFamilies"] {
        if !list(spec, field).is_empty() {
            faults.forbidden(&format!("spec.{field}"), WHY);
        }
    }
    if set(spec, "ipFamilyPolicy").is_some() {
        faults.forbidden("spec.ipFamilyPolicy", WHY);
    }
    let name = text(spec, "externalName");
    match name.strip_suffix('.').unwrap_or(name) {
        "" => faults.required("spec.externalName", ""),
        name => faults.name("spec.externalName", Rule::Subdomain, name),
    }
}

fn affinity(spec: &Value, faults: &mut Faults) {
    const FIELD: &str = "spec.sessionAffinityConfig";
    const MISSING: &str = "when session affinity type is ClientIP";
    const DAY: i64 = 86_400;
    let config = set(spec, "sessionAffinityConfig");
    match (text(spec, "sessionAffinity"), config) {
        ("None", Some(_)) => faults.forbidden(FIELD, "must not be set when session affinity is None"),
        ("ClientIP", None) => faults.required(FIELD, MISSING),
        ("ClientIP", Some(config)) => {
            let client = set(config, "clientIP");
            match (client, client.and_then(|client| set(client, "timeoutSeconds"))) {
                (None, _) => faults.required(&format!("{FIELD}.clientIP"), MISSING),
                (Some(_), None) => faults.required(&format!("{FIELD}.clientIP.timeoutSeconds"), MISSING),
                (Some(_), Some(time)) if time.as_i64().is_some_and(|time| (1..=DAY).contains(&time)) => {}
                (Some(_), Some(time)) => {
                    let why = format!("must be greater than 0 and less than {DAY}");
                    faults.invalid(&format!("{FIELD}.clientIP.timeoutSeconds"), time, &why);
                }
            }
        }
        _ => {}
    }
}

fn external_addresses(spec: &Value, old: &Value, faults: &mut Faults) {
    let known: Vec<&str> = list(old, "externalIPs").iter().filter_map(Value::as_str).collect();
    for (index, one) in list(spec, "externalIPs").iter().enumerate() {
        let (field, value) = (format!("spec.externalIPs[{index}]"), one.as_str().unwrap_or_default());
        if address::check(&field, value, &known, faults) {
            address::check_endpoint(&field, value, faults);
        }
    }
}

/// From where a load balancer takes connections; an annotation was once the place for it.
fn sources(subject: &Subject<'_>, old: &Value, faults: &mut Faults) {
    let spec = subject.spec();
    let ranges = list(spec, "loadBalancerSourceRanges");
    if !ranges.is_empty() {
        // Upstream writes the field like this.
        const FIELD: &str = "spec.LoadBalancerSourceRanges";
        if !is_balanced(spec) {
            faults.forbidden(FIELD, ONLY_BALANCED);
        }
        let known: Vec<&str> = list(old, "loadBalancerSourceRanges").iter().filter_map(Value::as_str).map(str::trim).collect();
        for (index, one) in ranges.iter().enumerate() {
            address::check_range(&format!("{FIELD}[{index}]"), one.as_str().unwrap_or_default().trim(), &known, faults);
        }
        return;
    }
    let Some(value) = annotation(subject.object, SOURCES) else { return };
    let field = format!("metadata.annotations[{SOURCES}]");
    if !is_balanced(spec) {
        faults.forbidden(&field, ONLY_BALANCED);
    }
    let unchanged = subject.old.is_some_and(|old| annotation(old, SOURCES) == Some(value));
    if !unchanged && !value.trim().is_empty() {
        value.split(',').for_each(|one| address::check_range(&field, one.trim(), &[], faults));
    }
}

fn class(spec: &Value, faults: &mut Faults) {
    const FIELD: &str = "spec.loadBalancerClass";
    let class = set(spec, "loadBalancerClass");
    if is_balanced(spec) {
        faults.qualified(FIELD, class);
    } else if class.is_some() {
        faults.forbidden(FIELD, ONLY_BALANCED);
    }
}

fn external_policy(spec: &Value, faults: &mut Faults) {
    let policy = text(spec, "externalTrafficPolicy");
    let outside = matches!(text(spec, "type"), "NodePort" | "LoadBalancer")
        || (text(spec, "type") == "ClusterIP" && !list(spec, "externalIPs").is_empty());
    if outside {
        faults.one_of(spec, "spec", "externalTrafficPolicy", &["Cluster", "Local"]);
    } else if !policy.is_empty() {
        faults.invalid("spec.externalTrafficPolicy", &json!(policy), "may only be set for externally-accessible services");
    }
    let port = set(spec, "healthCheckNodePort").filter(|port| **port != json!(0));
    match (needs_health_check(spec), port) {
        (true, None) => faults.required("spec.healthCheckNodePort", ""),
        (true, Some(port)) => faults.port_number("spec.healthCheckNodePort", port),
        (false, Some(port)) => {
            let why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            faults.invalid("spec.healthCheckNodePort", port, why);
        }
        (false, None) => {}
    }
}

fn internal_policy(spec: &Value, faults: &mut Faults) {
    // In upstream's order, which is none.
    const DISTRIBUTIONS: &[&str] = &["PreferClose", "PreferSameZone", "PreferSameNode"];
    match set(spec, "internalTrafficPolicy") {
        None if matches!(text(spec, "type"), "NodePort" | "LoadBalancer" | "ClusterIP") => {
            faults.required("spec.internalTrafficPolicy", "");
        }
        Some(policy) if !matches!(policy.as_str(), Some("Cluster" | "Local")) => {
            faults.not_supported("spec.internalTrafficPolicy", policy, &["Cluster", "Local"]);
        }
        _ => {}
    }
    let distribution = set(spec, "trafficDistribution");
    if let Some(other) = distribution.filter(|one| !DISTRIBUTIONS.contains(&one.as_str().unwrap_or_default())) {
        faults.not_supported("spec.trafficDistribution", other, DISTRIBUTIONS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(check: impl FnOnce(&Value, &mut Faults), spec: Value) -> Vec<String> {
        let mut faults = Faults::default();
        check(&spec, &mut faults);
        faults.0.iter().map(schema::Violation::sentence).collect()
    }

    #[test]
    fn what_only_some_types_have_is_refused_elsewhere() {
        assert!(told(class, json!({"type": "LoadBalancer", "loadBalancerClass": "a.b/c"})).is_empty());
        assert!(
            told(external_policy, json!({"type": "ClusterIP", "externalIPs": ["1.2.3.4"], "externalTrafficPolicy": "Local"})).is_empty()
        );
        assert_eq!(
            told(class, json!({"type": "ClusterIP", "loadBalancerClass": ""})),
            ["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"]
        );
        assert_eq!(
            told(external_policy, json!({"type": "ExternalName", "externalTrafficPolicy": "Local"})),
            ["spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services"]
        );
        assert_eq!(
            told(external_name, json!({"ipFamilyPolicy": "SingleStack", "externalName": "."})),
            ["spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services", "spec.externalName: Required value"]
        );
        assert_eq!(
            told(internal_policy, json!({"type": "ClusterIP", "internalTrafficPolicy": "Local", "trafficDistribution": "x"})),
            [
                "spec.trafficDistribution: Unsupported value: \"x\": supported values: \"PreferClose\", \"PreferSameZone\", \"PreferSameNode\""
            ]
        );
    }

    #[test]
    fn clients_are_remembered_for_a_day_at_most() {
        let of = |time: i64| {
            told(affinity, json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": time}}}))
        };
        assert!(of(86_400).is_empty());
        assert_eq!(
            of(0),
            ["spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400"]
        );
    }
}
