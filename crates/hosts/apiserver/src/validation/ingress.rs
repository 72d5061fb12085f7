//! Ingress. Follows kubernetes `pkg/apis/networking/validation/validation.go`.

use serde_json::{Value, json};

use super::faults::{Faults, list, set, text};
use super::{Subject, address};
use crate::names::{self, Rule};
use crate::object::pairs;

const CLASS: &str = "kubernetes.io/ingress.class";
const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// What an old object had wrong, which may stay wrong.
#[derive(Clone, Copy, Default)]
struct Tolerated {
    secrets: bool,
    wildcards: bool,
}

impl Tolerated {
    fn of(old: &Value) -> Self {
        let spec = old.get("spec").unwrap_or(&Value::Null);
        let wrong = |secret: &str| !secret.is_empty() && !names::faults(Rule::Subdomain, secret).is_empty();
        let broken = |rule: &Value| {
            let mut found = Faults::default();
            paths_of(rule, "", &mut found);
            text(rule, "host").contains('*') && !found.0.is_empty()
        };
        Self {
            secrets: list(spec, "tls").iter().any(|tls| wrong(text(tls, "secretName"))),
            wildcards: list(spec, "rules").iter().any(broken),
        }
    }
}

/// Checks an Ingress.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let (spec, tolerated) = (subject.spec(), subject.old.map(Tolerated::of).unwrap_or_default());
    let default = set(spec, "defaultBackend");
    if list(spec, "rules").is_empty() && default.is_none() {
        let shown = spec.get("rules").unwrap_or(&Value::Null);
        faults.invalid("spec", shown, "either `defaultBackend` or `rules` must be specified");
    }
    if let Some(default) = default {
        backend(default, "spec.defaultBackend", faults);
    }
    for (index, one) in list(spec, "rules").iter().enumerate() {
        rule(one, tolerated, &format!("spec.rules[{index}]"), faults);
    }
    for (index, one) in list(spec, "tls").iter().enumerate() {
        tls(one, tolerated, &format!("spec.tls[{index}]"), faults);
    }
    let Some(class) = set(spec, "ingressClassName").and_then(Value::as_str) else { return };
    faults.name("spec.ingressClassName", Rule::Subdomain, class);
    let other = annotated(subject.object).filter(|other| *other != class && subject.old.is_none());
    if let Some(other) = other {
        faults.invalid("annotations.kubernetes.io/ingress.class", &json!(other), "must match `ingressClassName` when both are specified");
    }
}

/// Says what is unusual about a new Ingress.
pub(crate) fn warnings(subject: &Subject<'_>) -> Vec<String> {
    let old_way = subject.old.is_none() && annotated(subject.object).is_some() && set(subject.spec(), "ingressClassName").is_none();
    let told = || format!("annotation {CLASS:?} is deprecated, please use 'spec.ingressClassName' instead");
    old_way.then(told).into_iter().collect()
}

fn annotated(object: &Value) -> Option<&str> {
    pairs(object, "annotations").and_then(|all| all.get(CLASS)).and_then(Value::as_str)
}

fn rule(rule: &Value, tolerated: Tolerated, path: &str, faults: &mut Faults) {
    let name = text(rule, "host");
    if !name.is_empty() {
        let field = format!("{path}.host");
        if address::sloppy(name).is_some() {
            faults.invalid(&field, &json!(name), "must be a DNS name, not an IP address");
        }
        host(&field, name, faults);
    }
    if !(tolerated.wildcards && name.contains('*')) {
        paths_of(rule, path, faults);
    }
}

fn tls(tls: &Value, tolerated: Tolerated, path: &str, faults: &mut Faults) {
    for (at, one) in list(tls, "hosts").iter().enumerate() {
        host(&format!("{path}.hosts[{at}]"), one.as_str().unwrap_or_default(), faults);
    }
    let secret = text(tls, "secretName");
    if !secret.is_empty() && !tolerated.secrets {
        faults.name(&format!("{path}.secretName"), Rule::Subdomain, secret);
    }
}

fn host(field: &str, host: &str, faults: &mut Faults) {
    if !host.contains('*') {
        return faults.name(field, Rule::Subdomain, host);
    }
    if host.len() > 253 {
        faults.invalid(field, &json!(host), "must be no more than 253 characters");
    }
    // The length is a fault of its own.
    let form = |rest: &str| names::faults(Rule::Subdomain, rest).iter().all(|why| why != names::SUBDOMAIN);
    if !host.strip_prefix("*.").is_some_and(form) {
        faults.invalid(field, &json!(host), WILDCARD);
    }
}

fn paths_of(rule: &Value, path: &str, faults: &mut Faults) {
    let Some(http) = set(rule, "http") else { return };
    let field = format!("{path}.http.paths");
    let paths = list(http, "paths");
    if paths.is_empty() {
        faults.required(&field, "");
    }
    for (index, one) in paths.iter().enumerate() {
        path_of(one, &format!("{field}[{index}]"), faults);
    }
}

fn path_of(one: &Value, path: &str, faults: &mut Faults) {
    let (place, field) = (text(one, "path"), format!("{path}.path"));
    let shown = json!(place);
    let Some(kind) = set(one, "pathType").and_then(Value::as_str) else {
        return faults.required(&format!("{path}.pathType"), "pathType must be specified");
    };
    match kind {
        "Exact" | "Prefix" => {
            if !place.starts_with('/') {
                faults.invalid(&field, &shown, "must be an absolute path");
            }
            for bad in ["//", "/./", "/../", "%2f", "%2F"].iter().filter(|bad| place.contains(**bad)) {
                faults.invalid(&field, &shown, &format!("must not contain '{bad}'"));
            }
            for bad in ["/..", "/."].iter().filter(|bad| place.ends_with(**bad)) {
                faults.invalid(&field, &shown, &format!("cannot end with '{bad}'"));
            }
        }
        "ImplementationSpecific" if !place.is_empty() && !place.starts_with('/') => {
            faults.invalid(&field, &shown, "must be an absolute path");
        }
        "ImplementationSpecific" => {}
        other => faults.not_supported(&format!("{path}.pathType"), &json!(other), &["Exact", "ImplementationSpecific", "Prefix"]),
    }
    backend(one.get("backend").unwrap_or(&Value::Null), &format!("{path}.backend"), faults);
}

fn backend(backend: &Value, path: &str, faults: &mut Faults) {
    match (set(backend, "service"), set(backend, "resource")) {
        (Some(_), Some(_)) => faults.invalid(path, &json!(""), "cannot set both resource and service backends"),
        (None, None) => faults.invalid(path, &json!(""), "resource or service backend is required"),
        (None, Some(resource)) => reference(resource, &format!("{path}.resource"), faults),
        (Some(service), None) => self::service(service, path, faults),
    }
}

fn service(service: &Value, path: &str, faults: &mut Faults) {
    match text(service, "name") {
        "" => faults.required(&format!("{path}.service.name"), ""),
        name => faults.name(&format!("{path}.service.name"), Rule::Label, name),
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

/// A reference to an object of some group, by its kind and name.
pub(super) fn reference(reference: &Value, path: &str, faults: &mut Faults) {
    if let Some(group) = set(reference, "apiGroup").and_then(Value::as_str) {
        faults.name(&format!("{path}.apiGroup"), Rule::Subdomain, group);
    }
    for part in ["kind", "name"] {
        let field = format!("{path}.{part}");
        match text(reference, part) {
            "" => faults.required(&field, ""),
            value => faults.name(&field, Rule::Segment, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_services_or_references() {
        for (backend, wanted) in [
            (json!({"service": {"name": "1", "port": {"number": 80}}}), None),
            (json!({"resource": {"kind": "K", "name": "n"}}), None),
            (json!({}), Some("b: Invalid value: \"\": resource or service backend is required")),
            (json!({"service": {"name": "s"}}), Some("b: Required value: port name or number is required")),
            (json!({"resource": {"kind": "a/b", "name": "n"}}), Some("b.resource.kind: Invalid value: \"a/b\": may not contain '/'")),
            (json!({"resource": {"kind": "K"}}), Some("b.resource.name: Required value")),
            (json!({"service": {}, "resource": {}}), Some("b: Invalid value: \"\": cannot set both resource and service backends")),
        ] {
            let mut faults = Faults::default();
            super::backend(&backend, "b", &mut faults);
            assert_eq!(faults.0.iter().map(schema::Violation::sentence).next().as_deref(), wanted);
        }
    }

    #[test]
    fn a_path_without_type_is_not_looked_at_further() {
        let mut faults = Faults::default();
        path_of(&json!({"path": "x"}), "p", &mut faults);
        path_of(&json!({"pathType": "", "backend": {"service": {"name": "s", "port": {"name": "p"}}}}), "q", &mut faults);
        let told: Vec<String> = faults.0.iter().map(schema::Violation::sentence).collect();
        let unsupported = "q.pathType: Unsupported value: \"\": supported values: \"Exact\", \"ImplementationSpecific\", \"Prefix\"";
        assert_eq!(told, ["p.pathType: Required value: pathType must be specified", unsupported]);
    }

    #[test]
    fn hosts_are_names_with_or_without_a_wildcard() {
        for (host, wanted) in [("a.b", 0), ("*.a.b", 0), ("*.", 1), ("a.*", 1), ("*", 1), ("A", 1)] {
            let mut faults = Faults::default();
            super::host("h", host, &mut faults);
            assert_eq!(faults.0.len(), wanted, "{host}");
        }
    }
}
