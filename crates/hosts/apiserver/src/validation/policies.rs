//! ValidatingAdmissionPolicy and its binding: what of them must be there.
//! Follows kubernetes `pkg/apis/admissionregistration/validation/validation.go`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, set, text};
use crate::names::Rule;

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata_update(faults);
    subject.metadata(faults);
    if subject.resource.kind.ends_with("Binding") { binding(subject.spec(), faults) } else { policy(subject.spec(), faults) }
}

fn policy(spec: &Value, faults: &mut Faults) {
    faults.one_of(spec, "spec", "failurePolicy", &["Fail", "Ignore"]);
    if let Some(kind) = set(spec, "paramKind") {
        for field in ["apiVersion", "kind"] {
            if text(kind, field).is_empty() {
                faults.required(&format!("spec.paramKind.{field}"), "");
            }
        }
    }
    match set(spec, "matchConstraints") {
        None => faults.required("spec.matchConstraints", ""),
        Some(constraints) => {
            matched(constraints, "spec.matchConstraints", faults);
            if list(constraints, "resourceRules").is_empty() {
                faults.required("spec.matchConstraints.resourceRules", "");
            }
        }
    }
    let (validations, notes) = (list(spec, "validations"), list(spec, "auditAnnotations"));
    if validations.is_empty() && notes.is_empty() {
        for field in ["validations", "auditAnnotations"] {
            faults.required(&format!("spec.{field}"), "validations or auditAnnotations must contain at least one item");
        }
    }
    for (index, one) in validations.iter().enumerate() {
        if text(one, "expression").trim().is_empty() {
            faults.required(&format!("spec.validations[{index}].expression"), "expression is not specified");
        }
    }
}

fn matched(constraints: &Value, path: &str, faults: &mut Faults) {
    let policy = text(constraints, "matchPolicy");
    if policy.is_empty() {
        faults.required(&format!("{path}.matchPolicy"), "");
    } else if !matches!(policy, "Equivalent" | "Exact") {
        faults.not_supported(&format!("{path}.matchPolicy"), &json!(policy), &["Equivalent", "Exact"]);
    }
    for selector in ["namespaceSelector", "objectSelector"] {
        match set(constraints, selector) {
            None => faults.required(&format!("{path}.{selector}"), ""),
            found => faults.selector(&format!("{path}.{selector}"), found),
        }
    }
    for rules in ["resourceRules", "excludeResourceRules"] {
        for (index, rule) in list(constraints, rules).iter().enumerate() {
            let here = format!("{path}.{rules}[{index}]");
            for field in ["apiGroups", "apiVersions", "resources", "operations"] {
                if list(rule, field).is_empty() {
                    faults.required(&format!("{here}.{field}"), "");
                }
            }
        }
    }
}

fn binding(spec: &Value, faults: &mut Faults) {
    const ACTIONS: &[&str] = &["Audit", "Deny", "Warn"];
    match text(spec, "policyName") {
        "" => faults.required("spec.policyName", ""),
        name => faults.name("spec.policyName", Rule::Subdomain, name),
    }
    if let Some(constraints) = set(spec, "matchResources") {
        matched(constraints, "spec.matchResources", faults);
    }
    let actions = list(spec, "validationActions");
    let mut seen: Vec<&Value> = Vec::new();
    for (index, action) in actions.iter().enumerate() {
        let field = format!("spec.validationActions[{index}]");
        if !ACTIONS.contains(&action.as_str().unwrap_or_default()) {
            faults.not_supported(&field, action, ACTIONS);
        }
        if seen.contains(&action) {
            faults.duplicate(&field, action);
        }
        seen.push(action);
    }
    if seen.contains(&&json!("Deny")) && seen.contains(&&json!("Warn")) {
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
        faults.invalid("spec.validationActions", &json!(actions), why);
    }
    if actions.is_empty() {
        faults.required("spec.validationActions", "at least one validation action is required");
    }
}
