//! NetworkPolicy, Ingress, IngressClass. Follows kubernetes `pkg/apis/networking/validation/validation.go`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, set, text};
use crate::names::{self, Rule};
use crate::object::pairs;

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata_update(faults);
    match subject.resource.kind.as_str() {
        "NetworkPolicy" => {
            if subject.old.is_none() {
                subject.metadata(faults);
            }
            policy(subject.spec(), faults);
        }
        "Ingress" => {
            subject.metadata(faults);
            ingress(subject, faults);
        }
        "IngressClass" => {
            if subject.old.is_none() {
                subject.metadata(faults);
            }
            class(subject, faults);
        }
        _ => subject.metadata(faults),
    }
}

fn policy(spec: &Value, faults: &mut Faults) {
    faults.selector("spec.podSelector", set(spec, "podSelector"));
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(spec, rules).iter().enumerate() {
            for (at, port) in list(rule, "ports").iter().enumerate() {
                policy_port(port, &format!("spec.{rules}[{index}].ports[{at}]"), faults);
            }
            for (at, peer) in list(rule, peers).iter().enumerate() {
                policy_peer(peer, &format!("spec.{rules}[{index}].{peers}[{at}]"), faults);
            }
        }
    }
    let types = list(spec, "policyTypes");
    if types.len() > 2 {
        return faults.invalid("spec.policyTypes", &json!(types), "may not specify more than two policyTypes");
    }
    for (index, kind) in types.iter().enumerate() {
        if !matches!(kind.as_str(), Some("Ingress" | "Egress")) {
            faults.not_supported(&format!("spec.policyTypes[{index}]"), kind, &["Ingress", "Egress"]);
        }
    }
}

fn policy_port(port: &Value, path: &str, faults: &mut Faults) {
    faults.one_of_if_set(port, path, "protocol", &["TCP", "UDP", "SCTP"]);
    let end = set(port, "endPort");
    let field = format!("{path}.endPort");
    match set(port, "port") {
        Some(Value::String(name)) => {
            if let Some(end) = end {
                faults.invalid(&field, end, "may not be specified when `port` is non-numeric");
            }
            faults.port_name(&format!("{path}.port"), name);
        }
        Some(number) => {
            faults.port_number(&format!("{path}.port"), number);
            if let Some(end) = end {
                if end.as_i64() < number.as_i64() {
                    faults.invalid(&field, end, "must be greater than or equal to `port`");
                }
                faults.port_number(&field, end);
            }
        }
        None => {
            if let Some(end) = end {
                faults.invalid(&field, end, "may not be specified when `port` is not specified");
            }
        }
    }
}

fn policy_peer(peer: &Value, path: &str, faults: &mut Faults) {
    let mut count = 0;
    for selector in ["podSelector", "namespaceSelector"] {
        if let Some(value) = set(peer, selector) {
            count += 1;
            faults.selector(&format!("{path}.{selector}"), Some(value));
        }
    }
    let block = set(peer, "ipBlock");
    if let Some(block) = block {
        count += 1;
        let range = text(block, "cidr");
        if range.is_empty() {
            faults.required(&format!("{path}.ipBlock.cidr"), "");
        } else if !is_range(range) {
            faults.invalid(&format!("{path}.ipBlock.cidr"), &json!(range), RANGE);
        }
        for (index, one) in list(block, "except").iter().enumerate() {
            if !one.as_str().is_some_and(is_range) {
                faults.invalid(&format!("{path}.ipBlock.except[{index}]"), one, RANGE);
            }
        }
    }
    if count == 0 {
        faults.required(path, "must specify a peer");
    } else if count > 1 && block.is_some() {
        faults.forbidden(path, "may not specify both ipBlock and another peer");
    }
}

const RANGE: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

fn is_range(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(bits) = bits.parse::<u8>() else { return false };
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => bits <= 32,
        Ok(std::net::IpAddr::V6(_)) => bits <= 128,
        Err(_) => false,
    }
}

fn ingress(subject: &Subject<'_>, faults: &mut Faults) {
    let spec = subject.spec();
    let rules = list(spec, "rules");
    let backend = set(spec, "defaultBackend");
    if rules.is_empty() && backend.is_none() {
        let shown = spec.get("rules").unwrap_or(&Value::Null);
        faults.invalid("spec", shown, "either `defaultBackend` or `rules` must be specified");
    }
    if let Some(backend) = backend {
        self::backend(backend, "spec.defaultBackend", faults);
    }
    for (index, rule) in rules.iter().enumerate() {
        let here = format!("spec.rules[{index}]");
        let host = text(rule, "host");
        if !host.is_empty() {
            self::host(&format!("{here}.host"), host, faults);
            if host.parse::<std::net::IpAddr>().is_ok() {
                faults.invalid(&format!("{here}.host"), &json!(host), "must be a DNS name, not an IP address");
            }
        }
        if let Some(http) = set(rule, "http") {
            paths(http, &format!("{here}.http"), faults);
        }
    }
    for (index, tls) in list(spec, "tls").iter().enumerate() {
        for (at, host) in list(tls, "hosts").iter().enumerate() {
            self::host(&format!("spec.tls[{index}].hosts[{at}]"), host.as_str().unwrap_or_default(), faults);
        }
        let secret = text(tls, "secretName");
        if !secret.is_empty() {
            faults.name(&format!("spec.tls[{index}].secretName"), Rule::Subdomain, secret);
        }
    }
    if let Some(class) = set(spec, "ingressClassName").and_then(Value::as_str) {
        faults.name("spec.ingressClassName", Rule::Subdomain, class);
        let other = pairs(subject.object, "annotations").and_then(|all| all.get("kubernetes.io/ingress.class")).and_then(Value::as_str);
        if let Some(other) = other.filter(|other| *other != class && subject.old.is_none()) {
            let why = "must match `ingressClassName` when both are specified";
            faults.invalid("annotations.kubernetes.io/ingress.class", &json!(other), why);
        }
    }
}

fn host(field: &str, host: &str, faults: &mut Faults) {
    const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    if !host.contains('*') {
        return faults.name(field, Rule::Subdomain, host);
    }
    if !host.strip_prefix("*.").is_some_and(names::is_subdomain) {
        faults.invalid(field, &json!(host), WILDCARD);
    }
}

fn paths(http: &Value, path: &str, faults: &mut Faults) {
    let paths = list(http, "paths");
    if paths.is_empty() {
        faults.required(&format!("{path}.paths"), "");
    }
    for (index, one) in paths.iter().enumerate() {
        let here = format!("{path}.paths[{index}]");
        let place = text(one, "path");
        match text(one, "pathType") {
            "" => faults.required(&format!("{here}.pathType"), "pathType must be specified"),
            "Exact" | "Prefix" => {
                if !place.starts_with('/') {
                    faults.invalid(&format!("{here}.path"), &json!(place), "must be an absolute path");
                }
                for bad in ["//", "/./", "/../", "%2f", "%2F"].iter().filter(|bad| place.contains(**bad)) {
                    faults.invalid(&format!("{here}.path"), &json!(place), &format!("must not contain '{bad}'"));
                }
                for bad in ["/..", "/."].iter().filter(|bad| place.ends_with(**bad)) {
                    faults.invalid(&format!("{here}.path"), &json!(place), &format!("cannot end with '{bad}'"));
                }
            }
            "ImplementationSpecific" => {
                if !place.is_empty() && !place.starts_with('/') {
                    faults.invalid(&format!("{here}.path"), &json!(place), "must be an absolute path");
                }
            }
            other => faults.not_supported(&format!("{here}.pathType"), &json!(other), &["Exact", "ImplementationSpecific", "Prefix"]),
        }
        backend(one.get("backend").unwrap_or(&Value::Null), &format!("{here}.backend"), faults);
    }
}

fn backend(backend: &Value, path: &str, faults: &mut Faults) {
    let (service, resource) = (set(backend, "service"), set(backend, "resource"));
    match (service, resource) {
        (Some(_), Some(_)) => faults.invalid(path, &json!(""), "cannot set both resource and service backends"),
        (None, None) => faults.required(path, "resource or service backend is required"),
        (None, Some(_)) => {}
        (Some(service), None) => {
            let name = text(service, "name");
            if name.is_empty() {
                faults.required(&format!("{path}.service.name"), "");
            } else {
                faults.name(&format!("{path}.service.name"), Rule::Label1035, name);
            }
            let port = service.get("port").unwrap_or(&Value::Null);
            let number = set(port, "number").filter(|number| **number != json!(0));
            match (text(port, "name"), number) {
                ("", None) => faults.required(path, "port name or number is required"),
                ("", Some(number)) => faults.port_number(&format!("{path}.service.port.number"), number),
                (name, None) => faults.port_name(&format!("{path}.service.port.name"), name),
                (_, Some(_)) => faults.invalid(path, &json!(""), "cannot set both port name & port number"),
            }
        }
    }
}

fn class(subject: &Subject<'_>, faults: &mut Faults) {
    let spec = subject.spec();
    let controller = text(spec, "controller");
    if controller.is_empty() {
        faults.required("spec.controller", "");
    } else {
        if controller.len() > 250 {
            faults.0.push(schema::Violation::too_long("spec.controller", 250));
        }
        domain_path("spec.controller", controller, faults);
    }
    if let Some(reference) = set(spec, "parameters") {
        for field in ["kind", "name"] {
            if text(reference, field).is_empty() {
                faults.required(&format!("spec.parameters.{field}"), "");
            }
        }
        match text(reference, "scope") {
            "" => faults.required("spec.parameters.scope", ""),
            "Namespace" if text(reference, "namespace").is_empty() => {
                faults.required("spec.parameters.namespace", "`parameters.scope` is set to 'Namespace'");
            }
            "Cluster" if !text(reference, "namespace").is_empty() => {
                faults.forbidden("spec.parameters.namespace", "`parameters.scope` is set to 'Cluster'");
            }
            "Namespace" | "Cluster" => {}
            other => faults.not_supported("spec.parameters.scope", &json!(other), &["Cluster", "Namespace"]),
        }
    }
    if let Some(old) = subject.old {
        faults.immutable(subject.object, old, &["spec", "controller"]);
    }
}

/// A domain with a path behind it (`IsDomainPrefixedPath`).
fn domain_path(field: &str, value: &str, faults: &mut Faults) {
    let shown = json!(value);
    let Some((host, path)) = value.split_once('/') else {
        return faults.invalid(field, &shown, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    };
    if host.is_empty() || path.is_empty() {
        return faults.invalid(field, &shown, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    }
    faults.name(field, Rule::Subdomain, host);
}
