//! ResourceQuota. Follows kubernetes `pkg/apis/core/validation/validation.go`.

use std::collections::BTreeSet;

use golang::Quantity;
use serde_json::{Value, json};

use super::faults::{Faults, list, set, text};
use super::{Subject, resource_names};
use crate::typed::Type;

const PAIRS: &[(&str, &str)] = &[("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")];
const COMPUTE: &[&str] = &["cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];

/// Checks the spec; the scopes stay what they were.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let spec = subject.spec();
    amounts(spec, "spec", "hard", faults);
    let hard = spec.get("hard").and_then(Value::as_object).into_iter().flatten();
    let bounded: Vec<&str> = hard.map(|(name, _)| name.as_str()).filter(|name| resource_names::is_of_quotas(name)).collect();
    scopes(spec, &bounded, faults);
    if let Some(selector) = set(spec, "scopeSelector") {
        self::selector(spec, selector, &bounded, faults);
    }
    let names = |object: &Value| -> BTreeSet<String> {
        let spec = object.get("spec").unwrap_or(&Value::Null);
        list(spec, "scopes").iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    if subject.old.is_some_and(|old| names(old) != names(subject.object)) {
        faults.invalid("spec.scopes", spec.get("scopes").unwrap_or(&Value::Null), "field is immutable");
    }
}

/// Checks what is counted.
pub(super) fn status(object: &Value, faults: &mut Faults) {
    let status = object.get("status").unwrap_or(&Value::Null);
    amounts(status, "status", "hard", faults);
    amounts(status, "status", "used", faults);
}

fn amounts(part: &Value, path: &str, field: &str, faults: &mut Faults) {
    for (name, value) in part.get(field).and_then(Value::as_object).into_iter().flatten() {
        let field = format!("{path}.{field}[{name}]");
        resource_names::of_quota(name, &field, faults);
        amount(name, value, &field, faults);
    }
}

fn amount(name: &str, amount: &Value, field: &str, faults: &mut Faults) {
    let Some(nanos) = amount.as_str().and_then(|text| Quantity::parse(text).ok()).map(|quantity| quantity.nanos()) else { return };
    if nanos < 0 {
        faults.invalid(field, amount, "must be greater than or equal to 0");
    }
    if resource_names::is_whole(name) && nanos % 1_000_000_000 != 0 {
        faults.invalid(field, amount, "must be an integer");
    }
}

fn is_scope(scope: &str) -> bool {
    PAIRS.iter().any(|(one, other)| scope == *one || scope == *other)
        || matches!(scope, "PriorityClass" | "VolumeAttributesClass" | "CrossNamespacePodAffinity")
}

/// Tells whether what a quota bounds can be told apart by this scope.
fn applies(scope: &str, resource: &str) -> bool {
    match scope {
        "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity" => {
            resource == "pods" || COMPUTE.contains(&resource)
        }
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    }
}

fn conflicts(scopes: &[&str]) -> usize {
    PAIRS.iter().filter(|(one, other)| scopes.contains(one) && scopes.contains(other)).count()
}

fn scopes(spec: &Value, bounded: &[&str], faults: &mut Faults) {
    const FIELD: &str = "spec.scopes";
    let Some(shown) = set(spec, "scopes") else { return };
    let scopes: Vec<&str> = list(spec, "scopes").iter().map(|scope| scope.as_str().unwrap_or_default()).collect();
    for scope in &scopes {
        if !is_scope(scope) {
            faults.invalid(FIELD, shown, "unsupported scope");
        }
        for _ in bounded.iter().filter(|resource| !applies(scope, resource)) {
            faults.invalid(FIELD, shown, "unsupported scope applied to resource");
        }
    }
    for _ in 0..conflicts(&scopes) {
        faults.invalid(FIELD, shown, "conflicting scopes");
    }
}

fn selector(spec: &Value, selector: &Value, bounded: &[&str], faults: &mut Faults) {
    const FIELD: &str = "spec.scopeSelector.matchExpressions";
    let all = list(selector, "matchExpressions");
    for one in all {
        let scope = text(one, "scopeName");
        if !is_scope(scope) {
            faults.invalid(&format!("{FIELD}.scopeName"), &json!(scope), "unsupported scope");
        }
        for _ in bounded.iter().filter(|resource| !applies(scope, resource)) {
            faults.invalid_inner(FIELD, &Type::Struct("core.v1.ScopeSelector"), selector, "unsupported scope applied to resource");
        }
        operator(one, FIELD, faults);
    }
    let scopes: Vec<&str> = all.iter().map(|one| text(one, "scopeName")).collect();
    for _ in 0..conflicts(&scopes) {
        faults.invalid(FIELD, spec.get("scopes").unwrap_or(&Value::Null), "conflicting scopes");
    }
}

fn operator(one: &Value, path: &str, faults: &mut Faults) {
    const ONLY: &str = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
    let (scope, operator) = (text(one, "scopeName"), text(one, "operator"));
    let field = format!("{path}.operator");
    let yes_or_no = is_scope(scope) && !matches!(scope, "PriorityClass" | "VolumeAttributesClass");
    if yes_or_no && operator != "Exists" {
        faults.invalid(&field, &json!(operator), ONLY);
    }
    let values = list(one, "values");
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            faults.required(&format!("{path}.values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
            faults.invalid(&format!("{path}.values"), &json!(values), why);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => faults.invalid(&field, &json!(other), "not a valid selector operator"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(spec: &Value) -> Vec<String> {
        let mut faults = Faults::default();
        let bounded: Vec<&str> = spec["hard"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        scopes(spec, &bounded, &mut faults);
        selector(spec, &spec["scopeSelector"], &bounded, &mut faults);
        faults.0.iter().map(schema::Violation::sentence).collect()
    }

    #[test]
    fn scopes_fit_together_and_to_what_is_bounded() {
        assert!(told(&json!({"hard": {"pods": "1"}, "scopes": ["BestEffort", "Terminating"]})).is_empty());
        for (scopes, wanted) in [
            (json!(["x"]), "unsupported scope"),
            (json!(["VolumeAttributesClass"]), "unsupported scope applied to resource"),
            (json!(["BestEffort", "NotBestEffort"]), "conflicting scopes"),
        ] {
            let wanted = [format!("spec.scopes: Invalid value: {scopes}: {wanted}")];
            assert_eq!(told(&json!({"hard": {"pods": "1"}, "scopes": scopes})), wanted);
        }
    }

    #[test]
    fn selectors_are_checked() {
        let of = |one: Value| told(&json!({"scopeSelector": {"matchExpressions": [one]}}));
        let field = "spec.scopeSelector.matchExpressions";
        assert!(of(json!({"scopeName": "PriorityClass", "operator": "In", "values": ["x"]})).is_empty());
        assert_eq!(
            of(json!({"scopeName": "x", "operator": "Exists"})),
            [format!("{field}.scopeName: Invalid value: \"x\": unsupported scope")]
        );
        assert_eq!(
            of(json!({"scopeName": "PriorityClass", "operator": "Exists", "values": ["x"]})),
            [format!(
                "{field}.values: Invalid value: [\"x\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            )]
        );
        assert_eq!(
            of(json!({"scopeName": "PriorityClass"})),
            [format!("{field}.operator: Invalid value: \"\": not a valid selector operator")]
        );
    }

    #[test]
    fn what_is_counted_is_whole() {
        let mut faults = Faults::default();
        for (name, value) in [("pods", "500m"), ("cpu", "500m"), ("cpu", "-1")] {
            amount(name, &json!(value), "f", &mut faults);
        }
        let told: Vec<String> = faults.0.iter().map(schema::Violation::sentence).collect();
        assert_eq!(
            told,
            ["f: Invalid value: \"500m\": must be an integer", "f: Invalid value: \"-1\": must be greater than or equal to 0"]
        );
    }
}
