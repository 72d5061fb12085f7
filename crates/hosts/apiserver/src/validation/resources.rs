//! Names and amounts of what containers and nodes have. Follows kubernetes `pkg/apis/core/validation/validation.go`
//! `validateContainerResourceName`, `ValidateResourceQuantityValue`, and `pkg/apis/core/helper/helpers.go`.

use serde_json::{Value, json};

use super::faults::Faults;
use super::resource_names;

pub(crate) use super::resource_names::{is_native, of_containers as container_name};

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
    if resource_names::is_whole(name) && nanos % 1_000_000_000 != 0 {
        faults.invalid(field, amount, "must be an integer");
    }
}
