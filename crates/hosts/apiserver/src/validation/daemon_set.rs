//! DaemonSet. Follows kubernetes `pkg/apis/apps/validation/validation.go` `ValidateDaemonSetSpec`, `ValidateDaemonSetUpdate`.

use serde_json::Value;

use super::faults::{Faults, or_null, set, text};
use super::policy::{most_100, number_or_percent};
use super::workloads;
use crate::typed::Type;

/// Checks a spec, and against what it was.
pub(super) fn check(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    if let Some(old) = old {
        workloads::selector_stays(spec, old, faults);
    }
    let (selector, before) = (set(spec, "selector"), faults.0.len());
    faults.selector("spec.selector", selector);
    if faults.0.len() == before {
        workloads::matching(spec, faults);
    }
    if let Some(selector) = selector.filter(|selector| workloads::is_empty(selector)) {
        faults.invalid_struct("spec.selector", &Type::Struct("meta.v1.LabelSelector"), selector, "empty selector is invalid for daemonset");
    }
    workloads::template(spec, old, "DaemonSet", faults);
    faults.not_negative(spec, "spec", "minReadySeconds");
    strategy(or_null(spec, &["updateStrategy"]), faults);
    faults.not_negative(spec, "spec", "revisionHistoryLimit");
}

fn strategy(strategy: &Value, faults: &mut Faults) {
    let path = "spec.updateStrategy.rollingUpdate";
    match (text(strategy, "type"), set(strategy, "rollingUpdate")) {
        ("OnDelete", _) => {}
        ("RollingUpdate", None) => faults.required(path, ""),
        ("RollingUpdate", Some(rolling)) => self::rolling(rolling, path, faults),
        _ => {
            let (field, form) = ("spec.updateStrategy", "apps.v1.DaemonSetUpdateStrategy");
            workloads::not_supported(field, form, strategy, &["RollingUpdate", "OnDelete"], faults);
        }
    }
}

fn rolling(rolling: &Value, path: &str, faults: &mut Faults) {
    for check in [number_or_percent, most_100] {
        for field in ["maxUnavailable", "maxSurge"] {
            if let Some(value) = set(rolling, field) {
                check(&format!("{path}.{field}"), value, faults);
            }
        }
    }
    let zero = |field: &str| set(rolling, field).is_none_or(workloads::is_zero);
    match (zero("maxUnavailable"), zero("maxSurge")) {
        (false, false) => {
            faults.invalid(&format!("{path}.maxSurge"), or_null(rolling, &["maxSurge"]), "may not be set when maxUnavailable is non-zero");
        }
        (true, true) => faults.required(&format!("{path}.maxUnavailable"), "cannot be 0 when maxSurge is 0"),
        _ => {}
    }
}
