//! Which nodes: node selectors and terms of topology. Follows kubernetes `pkg/apis/core/validation/validation.go`
//! `ValidateNodeSelector`, `ValidateTopologySelectorTerm`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::faults::{Faults, list, text};
use crate::names::{self, Rule};

/// Upstream tells of a topology as often as it stood before, of all together in the square of their number; so often will do.
const MOST_TOLD: usize = 1_000;

/// Checks a node selector; label values that an older server took are let pass.
pub(crate) fn check(selector: &Value, path: &str, any_value: bool, faults: &mut Faults) {
    let terms = list(selector, "nodeSelectorTerms");
    if terms.is_empty() {
        faults.required(&format!("{path}.nodeSelectorTerms"), "must have at least one node selector term");
    }
    for (index, term) in terms.iter().enumerate() {
        self::term(term, &format!("{path}.nodeSelectorTerms[{index}]"), any_value, faults);
    }
}

/// Checks one term.
pub(crate) fn term(term: &Value, path: &str, any_value: bool, faults: &mut Faults) {
    for (at, one) in list(term, "matchExpressions").iter().enumerate() {
        expression(one, &format!("{path}.matchExpressions[{at}]"), any_value, faults);
    }
    for (at, one) in list(term, "matchFields").iter().enumerate() {
        field(one, &format!("{path}.matchFields[{at}]"), faults);
    }
}

fn expression(one: &Value, path: &str, any_value: bool, faults: &mut Faults) {
    let values = list(one, "values");
    let field = format!("{path}.values");
    match text(one, "operator") {
        "In" | "NotIn" if values.is_empty() => faults.required(&field, "must be specified when `operator` is 'In' or 'NotIn'"),
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            faults.forbidden(&field, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Gt" | "Lt" if values.len() != 1 => faults.required(&field, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => faults.invalid(&format!("{path}.operator"), &json!(other), "not a valid selector operator"),
    }
    key(one, path, faults);
    for (index, value) in values.iter().enumerate().filter(|_| !any_value) {
        let wrong = names::value_faults(value.as_str().unwrap_or_default());
        wrong.iter().for_each(|why| faults.invalid(&format!("{field}[{index}]"), value, why));
    }
}

fn key(one: &Value, path: &str, faults: &mut Faults) {
    let key = text(one, "key");
    names::key_faults(key).iter().for_each(|why| faults.invalid(&format!("{path}.key"), &json!(key), why));
}

fn field(one: &Value, path: &str, faults: &mut Faults) {
    let values = list(one, "values");
    match text(one, "operator") {
        "In" | "NotIn" if values.len() == 1 => {}
        "In" | "NotIn" => {
            faults.required(&format!("{path}.values"), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
        }
        other => faults.invalid(&format!("{path}.operator"), &json!(other), "not a valid selector operator"),
    }
    match text(one, "key") {
        "metadata.name" => {
            for (index, value) in values.iter().enumerate() {
                faults.name(&format!("{path}.values[{index}]"), Rule::Subdomain, value.as_str().unwrap_or_default());
            }
        }
        other => faults.invalid(&format!("{path}.key"), &json!(other), "not a valid field selector key"),
    }
}

/// Tells whether a node selector has label values that are none.
pub(crate) fn has_wrong_value(selector: &Value) -> bool {
    let expressions = list(selector, "nodeSelectorTerms").iter().flat_map(|term| list(term, "matchExpressions"));
    let mut values = expressions.flat_map(|one| list(one, "values"));
    values.any(|value| !names::value_faults(value.as_str().unwrap_or_default()).is_empty())
}

/// Checks topologies that are allowed, of which none may stand twice.
pub(crate) fn topologies(terms: &[Value], path: &str, faults: &mut Faults) {
    let mut seen: HashMap<BTreeMap<&str, BTreeSet<&str>>, usize> = HashMap::new();
    let mut left = MOST_TOLD;
    for (index, term) in terms.iter().enumerate() {
        let here = format!("{path}[{index}].matchLabelExpressions");
        let whole = topology(term, &here, faults);
        // Upstream compares with as many empty ones besides as there are terms.
        let empty = if whole.is_empty() { terms.len() } else { 0 };
        let before = seen.entry(whole).or_default();
        let often = (empty + *before).min(left);
        (0..often).for_each(|_| faults.duplicate(&here, &json!("")));
        left -= often;
        *before += 1;
    }
}

fn topology<'a>(term: &'a Value, path: &str, faults: &mut Faults) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut whole = BTreeMap::new();
    for (index, one) in list(term, "matchLabelExpressions").iter().enumerate() {
        let here = format!("{path}[{index}]");
        if list(one, "values").is_empty() {
            faults.required(&format!("{here}.values"), "");
        }
        let mut values = BTreeSet::new();
        for (at, value) in list(one, "values").iter().enumerate() {
            if !values.insert(value.as_str().unwrap_or_default()) {
                faults.duplicate(&format!("{here}.values[{at}]"), value);
            }
        }
        key(one, &here, faults);
        let name = text(one, "key");
        if whole.insert(name, values).is_some() {
            faults.duplicate(&format!("{here}.key"), &json!(name));
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topology_that_stands_often_is_told_of_so_often() {
        let term = json!({"matchLabelExpressions": [{"key": "zone", "values": ["a"]}]});
        let told = |count: usize| {
            let mut faults = Faults::default();
            topologies(&vec![term.clone(); count], "f", &mut faults);
            faults.0.len()
        };
        assert_eq!((told(1), told(2), told(4)), (0, 1, 6));
        assert_eq!(told(20_000), MOST_TOLD);
    }
}
