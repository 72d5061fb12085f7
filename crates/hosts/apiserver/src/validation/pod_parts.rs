//! The parts of a Pod's spec that say as whom, where and with which names it runs.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`validatePodSpecSecurityContext`, `ValidateSecurityContext`,
//! `validateAffinity`, `validatePodDNSConfig`, `ValidateHostAliases`, `validateObjectFieldSelector`).

use serde_json::{Value, json};

use super::faults::{Faults, at, list, set, text};
use crate::names::{self, Rule};

/// What the downward API gives of a Pod by itself.
const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// What is a field of a Pod, but nothing for an environment.
const OTHERS: &[&str] = &["metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase"];
const SERVERS: usize = 3;
const SEARCHES: usize = 32;

/// Checks what a Pod shares with its node, and as whom it runs.
pub(crate) fn security(spec: &Value, path: &str, faults: &mut Faults) {
    if spec.get("hostNetwork") == Some(&json!(true)) {
        // Templates may leave the port open: it is filled in when the Pod is made.
        let pod = path == "spec";
        for (index, container) in list(spec, "containers").iter().enumerate() {
            for (number, port) in list(container, "ports").iter().enumerate() {
                let of = |name: &str| port.get(name).and_then(Value::as_i64).unwrap_or_default();
                if (pod || of("hostPort") != 0) && of("hostPort") != of("containerPort") {
                    let field = format!("{path}.containers[{index}].ports[{number}].hostPort");
                    faults.invalid(&field, &json!(of("hostPort")), "must match `containerPort` when `hostNetwork` is true");
                }
            }
        }
    }
    let here = format!("{path}.securityContext");
    if let Some(context) = set(spec, "securityContext") {
        ids(context, &here, &["fsGroup", "runAsUser", "runAsGroup"], faults);
        for group in list(context, "supplementalGroups") {
            id(group, &format!("{here}.supplementalGroups"), faults);
        }
    }
    if spec.get("shareProcessNamespace") == Some(&json!(true)) && spec.get("hostPID") == Some(&json!(true)) {
        let field = format!("{path}.shareProcessNamespace");
        faults.invalid(&field, &json!(true), "ShareProcessNamespace and HostPID cannot both be enabled");
    }
    if let Some(context) = set(spec, "securityContext") {
        faults.one_of_if_set(context, &here, "fsGroupChangePolicy", &["OnRootMismatch", "Always"]);
    }
}

/// Checks as whom a container runs.
pub(crate) fn container_security(context: &Value, path: &str, faults: &mut Faults) {
    ids(context, path, &["runAsUser", "runAsGroup"], faults);
    if context.get("allowPrivilegeEscalation") == Some(&json!(false)) {
        if context.get("privileged") == Some(&json!(true)) {
            faults.invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
        }
        if at(context, &["capabilities", "add"]).and_then(Value::as_array).is_some_and(|added| added.contains(&json!("CAP_SYS_ADMIN"))) {
            faults.invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
        }
    }
}

fn ids(context: &Value, path: &str, fields: &[&str], faults: &mut Faults) {
    for field in fields {
        if let Some(value) = set(context, field) {
            id(value, &format!("{path}.{field}"), faults);
        }
    }
}

fn id(value: &Value, field: &str, faults: &mut Faults) {
    if !value.as_i64().is_some_and(|number| (0..=i64::from(i32::MAX)).contains(&number)) {
        faults.invalid(field, value, "must be between 0 and 2147483647, inclusive");
    }
}

/// Checks where a Pod may go.
pub(crate) fn affinity(spec: &Value, path: &str, faults: &mut Faults) {
    let chosen = ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
    if let Some(required) = at(spec, &chosen).filter(|value| value.is_object()) {
        let here = format!("{path}.{}.nodeSelectorTerms", chosen.join("."));
        if list(required, "nodeSelectorTerms").is_empty() {
            faults.required(&here, "must have at least one node selector term");
        }
        for (index, term) in list(required, "nodeSelectorTerms").iter().enumerate() {
            for (number, one) in list(term, "matchExpressions").iter().enumerate() {
                requirement(one, &format!("{here}[{index}].matchExpressions[{number}]"), faults);
            }
        }
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(terms) = at(spec, &["affinity", kind]) else { continue };
        let here = format!("{path}.affinity.{kind}");
        for (index, term) in list(terms, "requiredDuringSchedulingIgnoredDuringExecution").iter().enumerate() {
            topology(term, &format!("{here}.requiredDuringSchedulingIgnoredDuringExecution[{index}]"), faults);
        }
        for (index, term) in list(terms, "preferredDuringSchedulingIgnoredDuringExecution").iter().enumerate() {
            let here = format!("{here}.preferredDuringSchedulingIgnoredDuringExecution[{index}]");
            let weight = term.get("weight").and_then(Value::as_i64).unwrap_or_default();
            if !(1..=100).contains(&weight) {
                faults.invalid(&format!("{here}.weight"), &json!(weight), "must be in the range 1-100");
            }
            topology(term.get("podAffinityTerm").unwrap_or(&Value::Null), &format!("{here}.podAffinityTerm"), faults);
        }
    }
}

fn topology(term: &Value, path: &str, faults: &mut Faults) {
    faults.selector(&format!("{path}.labelSelector"), set(term, "labelSelector"));
    let key = text(term, "topologyKey");
    if key.is_empty() {
        faults.required(&format!("{path}.topologyKey"), "can not be empty");
    } else {
        names::key_faults(key).iter().for_each(|why| faults.invalid(&format!("{path}.topologyKey"), &json!(key), why));
    }
}

fn requirement(one: &Value, path: &str, faults: &mut Faults) {
    let values = list(one, "values");
    let field = format!("{path}.values");
    match text(one, "operator") {
        "In" | "NotIn" if values.is_empty() => faults.required(&field, "must be specified when `operator` is 'In' or 'NotIn'"),
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            faults.forbidden(&field, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Gt" | "Lt" if values.len() != 1 => faults.required(&field, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => faults.invalid(&format!("{path}.operator"), &json!(other), "not a valid selector operator"),
    }
    let key = text(one, "key");
    names::key_faults(key).iter().for_each(|why| faults.invalid(&format!("{path}.key"), &json!(key), why));
}

/// Checks how a Pod finds names.
pub(crate) fn dns(spec: &Value, path: &str, faults: &mut Faults) {
    let here = format!("{path}.dnsConfig");
    let config = set(spec, "dnsConfig");
    if text(spec, "dnsPolicy") == "None" {
        let Some(config) = config else {
            return faults.required(&here, "must provide `dnsConfig` when `dnsPolicy` is None");
        };
        if list(config, "nameservers").is_empty() {
            let why = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            return faults.required(&format!("{here}.nameservers"), why);
        }
    }
    let Some(config) = config else { return };
    let servers = list(config, "nameservers");
    if servers.len() > SERVERS {
        faults.invalid(&format!("{here}.nameservers"), &json!(servers), "must not have more than 3 nameservers");
    }
    for (index, server) in servers.iter().enumerate() {
        address(server, &format!("{here}.nameservers[{index}]"), faults);
    }
    if list(config, "searches").len() > SEARCHES {
        faults.invalid(&format!("{here}.searches"), &config["searches"], "must not have more than 32 search paths");
    }
    for (index, option) in list(config, "options").iter().enumerate() {
        if text(option, "name").is_empty() {
            faults.required(&format!("{here}.options[{index}]"), "must not be empty");
        }
    }
}

fn address(value: &Value, field: &str, faults: &mut Faults) {
    if value.as_str().is_none_or(|text| text.parse::<std::net::IpAddr>().is_err()) {
        faults.invalid(field, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    }
}

/// Checks the names that a Pod gives to addresses.
pub(crate) fn aliases(spec: &Value, path: &str, faults: &mut Faults) {
    for (index, alias) in list(spec, "hostAliases").iter().enumerate() {
        let here = format!("{path}.hostAliases[{index}]");
        address(&json!(text(alias, "ip")), &format!("{here}.ip"), faults);
        for name in list(alias, "hostnames").iter().filter_map(Value::as_str) {
            faults.name(&format!("{here}.hostnames"), Rule::Subdomain, name);
        }
    }
}

/// Checks what must happen before a Pod is placed or is ready.
pub(crate) fn gates(spec: &Value, path: &str, faults: &mut Faults) {
    for (index, gate) in list(spec, "readinessGates").iter().enumerate() {
        let kind = text(gate, "conditionType");
        let field = format!("{path}.readinessGates[{index}].conditionType");
        names::key_faults(kind).iter().for_each(|why| faults.invalid(&field, &json!(kind), why));
    }
    let mut seen: Vec<&str> = Vec::new();
    for (index, gate) in list(spec, "schedulingGates").iter().enumerate() {
        let (name, field) = (text(gate, "name"), format!("{path}.schedulingGates[{index}]"));
        names::key_faults(name).iter().for_each(|why| faults.invalid(&field, &json!(name), why));
        if seen.contains(&name) {
            faults.duplicate(&field, &json!(name));
        }
        seen.push(name);
    }
}

/// Checks for which system a Pod is made.
pub(crate) fn system(spec: &Value, path: &str, faults: &mut Faults) {
    let Some(system) = set(spec, "os") else { return };
    match text(system, "name") {
        "" => faults.required(&format!("{path}.os.name"), "cannot be empty"),
        "linux" | "windows" => {}
        other => faults.not_supported(&format!("{path}.os"), &json!(other), &["linux", "windows"]),
    }
}

/// Checks a field that an environment takes from its Pod.
pub(crate) fn downward(from: &Value, path: &str, faults: &mut Faults) {
    let (version, field) = (text(from, "apiVersion"), text(from, "fieldPath"));
    if version.is_empty() {
        return faults.required(&format!("{path}.apiVersion"), "");
    }
    let here = format!("{path}.fieldPath");
    if field.is_empty() {
        return faults.required(&here, "");
    }
    let wrong = |why: String, faults: &mut Faults| faults.invalid(&here, &json!(field), &format!("error converting fieldPath: {why}"));
    if version != "v1" {
        return wrong(format!("unsupported pod version: {version}"), faults);
    }
    if let Some((whole, key)) = field.strip_suffix("']").and_then(|rest| rest.split_once("['")) {
        if !matches!(whole, "metadata.labels" | "metadata.annotations") {
            return wrong(format!("field label does not support subscript: {field}"), faults);
        }
        let key = if whole == "metadata.annotations" { key.to_lowercase() } else { key.to_owned() };
        return names::key_faults(&key).iter().for_each(|why| faults.invalid(&here, &json!(key), why));
    }
    let field = if field == "spec.host" { "spec.nodeName" } else { field };
    if OTHERS.contains(&field) {
        faults.not_supported(&here, &json!(field), FIELDS);
    } else if !FIELDS.contains(&field) {
        wrong(format!("field label not supported: {field}"), faults);
    }
}
