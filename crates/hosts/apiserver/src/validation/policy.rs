//! PodDisruptionBudget. Follows kubernetes `pkg/apis/policy/validation/validation.go`.

use serde_json::Value;

use super::Subject;
use super::faults::{Faults, set};
use super::inner;
use crate::typed::Type;

/// Checks a PodDisruptionBudget.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let spec = subject.spec();
    if set(spec, "minAvailable").is_some() && set(spec, "maxUnavailable").is_some() {
        let shown = inner::shown(&Type::Struct("policy.v1.PodDisruptionBudgetSpec"), spec);
        faults.wrong("spec", &format!("{shown}: minAvailable and maxUnavailable cannot be both set"));
    }
    for field in ["minAvailable", "maxUnavailable"] {
        if let Some(value) = set(spec, field) {
            number_or_percent(&format!("spec.{field}"), value, faults);
            most_100(&format!("spec.{field}"), value, faults);
        }
    }
    faults.selector("spec.selector", set(spec, "selector"));
    if let Some(policy) = set(spec, "unhealthyPodEvictionPolicy")
        && !matches!(policy.as_str(), Some("IfHealthyBudget" | "AlwaysAllow"))
    {
        faults.not_supported("spec.unhealthyPodEvictionPolicy", policy, &["AlwaysAllow", "IfHealthyBudget"]);
    }
}

/// A number that is not negative, or a percentage. Follows kubernetes `pkg/apis/apps/validation/validation.go`.
pub(crate) fn number_or_percent(field: &str, value: &Value, faults: &mut Faults) {
    match value {
        Value::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or_default();
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let why = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
                faults.invalid(field, value, why);
            }
        }
        number if number.as_i64().is_some_and(|number| number < 0) => faults.invalid(field, number, "must be greater than or equal to 0"),
        _ => {}
    }
}

/// A percentage that is not above 100%.
pub(crate) fn most_100(field: &str, value: &Value, faults: &mut Faults) {
    let percent = value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|digits| digits.parse::<u64>().ok());
    if percent.is_some_and(|percent| percent > 100) {
        faults.invalid(field, value, "must not be greater than 100%");
    }
}
