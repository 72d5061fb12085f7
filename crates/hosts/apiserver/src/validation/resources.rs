//! Names and amounts of what containers and nodes have. Follows kubernetes `pkg/apis/core/validation/validation.go`
//! `validateContainerResourceName`, `ValidateResourceQuantityValue`, and `pkg/apis/core/helper/helpers.go`.

use serde_json::{Value, json};

use super::core;
use super::faults::Faults;
use crate::names;

/// What only whole numbers are there of, besides what is not Kubernetes' own.
const COUNTED: &[&str] = &[
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && names::key_faults(&format!("requests.{name}")).is_empty()
}

/// Checks the name of what a container may ask for.
pub(crate) fn container_name(name: &str, field: &str, faults: &mut Faults) {
    core::resource_name(name, field, faults);
    if !name.contains('/') {
        if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !name.starts_with("hugepages-") {
            faults.invalid(field, &json!(name), "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        faults.invalid(field, &json!(name), "doesn't follow extended resource name standard");
    }
}

/// Checks an amount: not below zero, and whole where it counts something.
pub(crate) fn amount(name: &str, amount: &Value, field: &str, faults: &mut Faults) {
    let Some(nanos) = amount.as_str().and_then(crate::quantity::nanos) else { return };
    if nanos < 0 {
        faults.invalid(field, amount, "must be greater than or equal to 0");
    }
    if (COUNTED.contains(&name) || is_extended(name)) && nanos % 1_000_000_000 != 0 {
        faults.invalid(field, amount, "must be an integer");
    }
}
