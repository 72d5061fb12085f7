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

/// Tells whether a name is one of Kubernetes' own.
pub(crate) fn is_native(name: &str) -> bool {
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

/// Checks that an amount of huge pages is so many whole pages.
pub(crate) fn whole_pages(name: &str, amount: &Value, field: &str, faults: &mut Faults) {
    const UNIT: i128 = 1_000_000_000;
    let Some(page) = name.strip_prefix("hugepages-") else { return };
    let page = crate::quantity::nanos(page).filter(|size| *size > 0 && size % UNIT == 0);
    let nanos = amount.as_str().and_then(crate::quantity::nanos).unwrap_or(0);
    if page.is_none_or(|page| nanos % page != 0) {
        let shown = amount.as_str().unwrap_or_default();
        faults.invalid(field, amount, &format!("{shown} is not positive integer multiple of {name}"));
    }
}

/// Checks that an amount is not below zero, told as a number.
pub(crate) fn basic(amount: &Value, field: &str, faults: &mut Faults) {
    let nanos = amount.as_str().and_then(crate::quantity::nanos).unwrap_or(0);
    if nanos < 0 {
        let whole = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MIN);
        faults.invalid(field, &json!(whole), "must be a valid resource quantity");
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
