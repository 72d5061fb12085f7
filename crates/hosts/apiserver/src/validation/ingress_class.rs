//! IngressClass. Follows kubernetes `pkg/apis/networking/validation/validation.go`.

use serde_json::{Value, json};

use super::faults::{Faults, set, text};
use super::{Subject, ingress};
use crate::names::Rule;

/// Checks an IngressClass.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let spec = subject.spec();
    let controller = text(spec, "controller");
    if let Some(old) = subject.old {
        let before = old.get("spec").map(|spec| text(spec, "controller")).unwrap_or_default();
        if before != controller {
            faults.invalid("spec.controller", &json!(controller), "field is immutable");
        }
        subject.metadata(faults);
    }
    if controller.len() > 250 {
        faults.too_long("spec.controller", 250);
    }
    domain_path("spec.controller", controller, faults);
    if let Some(reference) = set(spec, "parameters") {
        parameters(reference, faults);
    }
}

fn parameters(reference: &Value, faults: &mut Faults) {
    ingress::reference(reference, "spec.parameters", faults);
    let namespace = set(reference, "namespace").and_then(Value::as_str);
    let field = "spec.parameters.namespace";
    match (set(reference, "scope").and_then(Value::as_str), namespace) {
        (None, _) => faults.required("spec.parameters.scope", ""),
        (Some("Namespace"), None) => faults.required(field, "`parameters.scope` is set to 'Namespace'"),
        (Some("Namespace"), Some(name)) => faults.name(field, Rule::Label, name),
        (Some("Cluster"), Some(_)) => faults.forbidden(field, "`parameters.scope` is set to 'Cluster'"),
        (Some("Cluster"), None) => {}
        (Some(other), _) => faults.not_supported("spec.parameters.scope", &json!(other), &["Cluster", "Namespace"]),
    }
}

/// A domain with a path behind it. Follows AM `pkg/util/validation/validation.go` `IsDomainPrefixedPath`.
fn domain_path(field: &str, value: &str, faults: &mut Faults) {
    const FORM: &str = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
    if value.is_empty() {
        return faults.required(field, "");
    }
    let Some((host, path)) = value.split_once('/').filter(|(host, path)| !host.is_empty() && !path.is_empty()) else {
        return faults.invalid(field, &json!(value), "must be a domain-prefixed path (such as \"acme.io/foo\")");
    };
    faults.name(field, Rule::Subdomain, host);
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte)) {
        faults.invalid(field, &json!(path), FORM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_a_domain_with_a_path() {
        for (value, wanted) in [
            ("a.b/c", None),
            ("", Some("f: Required value")),
            ("100Mi", Some("f: Invalid value: \"100Mi\": must be a domain-prefixed path (such as \"acme.io/foo\")")),
            ("a.b/c d", Some("f: Invalid value: \"c d\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')")),
        ] {
            let mut faults = Faults::default();
            domain_path("f", value, &mut faults);
            assert_eq!(faults.0.iter().map(schema::Violation::sentence).next().as_deref(), wanted);
        }
    }

    #[test]
    fn parameters_are_of_the_cluster_or_of_a_namespace() {
        for (parameters, wanted) in [
            (json!({"kind": "K", "name": "n", "scope": "Cluster"}), None),
            (json!({"kind": "K", "name": "n", "scope": "Namespace", "namespace": "x"}), None),
            (
                json!({"kind": "K", "name": "n", "scope": "Cluster", "namespace": ""}),
                Some("namespace: Forbidden: `parameters.scope` is set to 'Cluster'"),
            ),
            (
                json!({"kind": "K", "name": "n", "scope": "Namespace"}),
                Some("namespace: Required value: `parameters.scope` is set to 'Namespace'"),
            ),
            (
                json!({"kind": "K", "name": "n", "scope": "Namespace", "namespace": "a.b"}),
                Some("namespace: Invalid value: \"a.b\": must not contain dots"),
            ),
            (
                json!({"kind": "K", "name": "n", "scope": "x"}),
                Some("scope: Unsupported value: \"x\": supported values: \"Cluster\", \"Namespace\""),
            ),
        ] {
            let mut faults = Faults::default();
            super::parameters(&parameters, &mut faults);
            let wanted = wanted.map(|wanted| format!("spec.parameters.{wanted}"));
            assert_eq!(faults.0.iter().map(schema::Violation::sentence).next(), wanted);
        }
    }
}
