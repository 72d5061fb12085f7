//! When a container is started again, and whether it must be when it gets more.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `validateContainerRestartPolicy`, `validateResizePolicy`.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::faults::{Faults, list, or_null, set, text};

/// So many rules a container may have.
const MOST_RULES: usize = 20;
/// So many exit codes a rule may name.
const MOST_CODES: usize = 255;
const NO_POLICY: &str = "must specify restartPolicy when restart rules are used";

/// Checks the policy of a container that runs before the others: without one nothing is asked of its rules.
pub(super) fn initial_policy(container: &Value, path: &str, faults: &mut Faults) {
    if set(container, "restartPolicy").is_some() {
        policy(container, path, faults);
    } else if !list(container, "restartPolicyRules").is_empty() {
        faults.required(&format!("{path}.restartPolicy"), NO_POLICY);
    }
}

/// Checks the policy of one container, and its rules.
pub(super) fn policy(container: &Value, path: &str, faults: &mut Faults) {
    const POLICIES: &[&str] = &["Always", "Never", "OnFailure"];
    let rules = list(container, "restartPolicyRules");
    let field = format!("{path}.restartPolicy");
    match set(container, "restartPolicy") {
        None if rules.is_empty() => return,
        None => faults.required(&field, NO_POLICY),
        Some(policy) if !POLICIES.contains(&policy.as_str().unwrap_or_default()) => faults.not_supported(&field, policy, POLICIES),
        Some(_) => {}
    }
    let path = format!("{path}.restartPolicyRules");
    faults.at_most(&path, rules, MOST_RULES);
    for (index, rule) in rules.iter().enumerate() {
        self::rule(rule, &format!("{path}[{index}]"), faults);
    }
}

fn rule(rule: &Value, path: &str, faults: &mut Faults) {
    let action = text(rule, "action");
    if !matches!(action, "Restart" | "RestartAllContainers") {
        faults.not_supported(&format!("{path}.action"), &json!(action), &["Restart", "RestartAllContainers"]);
    }
    let here = format!("{path}.exitCodes");
    let Some(codes) = set(rule, "exitCodes") else { return faults.required(&here, "must be specified") };
    let operator = text(codes, "operator");
    if !matches!(operator, "In" | "NotIn") {
        faults.not_supported(&format!("{here}.operator"), &json!(operator), &["In", "NotIn"]);
    }
    faults.at_most(&format!("{here}.values"), list(codes, "values"), MOST_CODES);
}

/// Checks what happens to a container when its resources change.
pub(super) fn resize(container: &Value, pod_policy: &str, path: &str, faults: &mut Faults) {
    let path = format!("{path}.resizePolicy");
    let mut seen = HashSet::new();
    for (index, one) in list(container, "resizePolicy").iter().enumerate() {
        let (resource, policy) = (text(one, "resourceName"), text(one, "restartPolicy"));
        if !seen.insert(resource) {
            faults.duplicate(&format!("{path}[{index}]"), &json!(resource));
        }
        match resource {
            "cpu" | "memory" => {}
            "" => faults.required(&path, ""),
            other => faults.not_supported(&path, &json!(other), &["cpu", "memory"]),
        }
        match policy {
            "NotRequired" | "RestartContainer" => {}
            "" => faults.required(&path, ""),
            other => faults.not_supported(&path, &json!(other), &["NotRequired", "RestartContainer"]),
        }
        if pod_policy == "Never" && policy != "NotRequired" {
            faults.invalid(&path, &json!(policy), "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
        }
    }
}

/// A container that has ended before the others begin is not started again for more resources.
pub(super) fn initial_resize(container: &Value, path: &str, faults: &mut Faults) {
    for (index, one) in list(container, "resizePolicy").iter().enumerate() {
        let policy = or_null(one, &["restartPolicy"]);
        if policy == "RestartContainer" {
            let why = "must not be set to 'RestartContainer' for non-sidecar initContainers";
            faults.invalid(&format!("{path}.resizePolicy[{index}].restartPolicy"), policy, why);
        }
    }
}
