//! The policies of a Job: which failures of its Pods count, what of it is enough, and when a Pod is replaced.
//! Follows kubernetes/kubernetes `pkg/apis/batch/validation/validation.go`, from `validatePodFailurePolicy` on.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::faults::{Faults, list, or_null, set, text};
use crate::names;
use crate::typed::Type;

/// So many rules a policy may have, and so many conditions one of its rules.
const MOST: usize = 20;
/// So many exit codes a rule may name: as many as there are but for 0.
const MOST_CODES: usize = 255;
/// So long the list of a rule's indexes may be.
const LONGEST_INDEXES: usize = 64 * 1024;

/// Checks the policies in the spec of a Job.
pub(crate) fn check(spec: &Value, path: &str, faults: &mut Faults) {
    if let Some(policy) = set(spec, "podFailurePolicy") {
        pod_failure(policy, spec, &format!("{path}.podFailurePolicy.rules"), faults);
    }
    if let Some(policy) = set(spec, "successPolicy") {
        let here = format!("{path}.successPolicy");
        if text(spec, "completionMode") == "Indexed" {
            success(policy, spec, &format!("{here}.rules"), faults);
        } else {
            faults.invalid_inner(&here, &Type::Struct("batch.v1.SuccessPolicy"), policy, "requires indexed completion mode");
        }
    }
    // Which failures count is known only of Pods that have ended.
    let replacements: &[&str] = if set(spec, "podFailurePolicy").is_some() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    if let Some(replacement) = set(spec, "podReplacementPolicy").filter(|one| !one.as_str().is_some_and(|one| replacements.contains(&one)))
    {
        faults.not_supported(&format!("{path}.podReplacementPolicy"), replacement, replacements);
    }
}

fn pod_failure(policy: &Value, spec: &Value, path: &str, faults: &mut Faults) {
    let rules = list(policy, "rules");
    faults.at_most(path, rules, MOST);
    let template = or_null(spec, &["template", "spec"]);
    let containers: HashSet<&str> =
        ["containers", "initContainers"].iter().flat_map(|kind| list(template, kind)).map(|container| text(container, "name")).collect();
    let by_index = set(spec, "backoffLimitPerIndex").is_some();
    for (index, rule) in rules.iter().enumerate() {
        pod_failure_rule(rule, by_index, &containers, &format!("{path}[{index}]"), faults);
    }
}

fn pod_failure_rule(rule: &Value, by_index: bool, containers: &HashSet<&str>, path: &str, faults: &mut Faults) {
    if text(rule, "action") != "FailIndex" {
        one_of(rule, path, "action", &["Count", "FailIndex", "FailJob", "Ignore"], faults);
    } else if !by_index {
        faults.invalid(&format!("{path}.action"), &json!("FailIndex"), "requires the backoffLimitPerIndex to be set");
    }
    let (codes, conditions) = (set(rule, "onExitCodes"), list(rule, "onPodConditions"));
    if let Some(codes) = codes {
        on_exit_codes(codes, containers, &format!("{path}.onExitCodes"), faults);
    }
    on_pod_conditions(conditions, &format!("{path}.onPodConditions"), faults);
    match (codes.is_some(), !conditions.is_empty()) {
        (true, true) => faults.wrong(path, "specifying both OnExitCodes and OnPodConditions is not supported"),
        (false, false) => faults.wrong(path, "specifying one of OnExitCodes and OnPodConditions is required"),
        (true, false) | (false, true) => {}
    }
}

fn on_pod_conditions(patterns: &[Value], path: &str, faults: &mut Faults) {
    faults.at_most(path, patterns, MOST);
    for (index, pattern) in patterns.iter().enumerate() {
        let (here, kind) = (format!("{path}[{index}]"), text(pattern, "type"));
        names::key_faults(kind).iter().for_each(|why| faults.invalid(&format!("{here}.type"), &json!(kind), why));
        one_of(pattern, &here, "status", &["False", "True", "Unknown"], faults);
    }
}

fn on_exit_codes(codes: &Value, containers: &HashSet<&str>, path: &str, faults: &mut Faults) {
    one_of(codes, path, "operator", &["In", "NotIn"], faults);
    if let Some(name) = set(codes, "containerName").filter(|name| !name.as_str().is_some_and(|name| containers.contains(name))) {
        let why = "must be one of the container or initContainer names in the pod template";
        faults.invalid(&format!("{path}.containerName"), name, why);
    }
    let (field, values) = (format!("{path}.values"), list(codes, "values"));
    if values.is_empty() {
        faults.invalid(&field, or_null(codes, &["values"]), "at least one value is required");
    }
    faults.at_most(&field, values, MOST_CODES);
    let mut seen = HashSet::new();
    for (index, value) in values.iter().enumerate() {
        let here = format!("{field}[{index}]");
        if *value == json!(0) && text(codes, "operator") == "In" {
            faults.invalid(&here, value, "must not be 0 for the In operator");
        }
        if !seen.insert(value.as_i64()) {
            faults.duplicate(&here, value);
        }
    }
    if !values.is_sorted_by_key(Value::as_i64) {
        faults.invalid(&field, or_null(codes, &["values"]), "must be ordered");
    }
}

fn success(policy: &Value, spec: &Value, path: &str, faults: &mut Faults) {
    let rules = list(policy, "rules");
    if rules.is_empty() {
        faults.required(path, "at least one rules must be specified when the successPolicy is specified");
    }
    faults.at_most(path, rules, MOST);
    // That they are missing is told already.
    let Some(completions) = spec.get("completions").and_then(Value::as_i64) else { return };
    for (index, rule) in rules.iter().enumerate() {
        success_rule(rule, completions, &format!("{path}[{index}]"), faults);
    }
}

fn success_rule(rule: &Value, completions: i64, path: &str, faults: &mut Faults) {
    let (listed, count) = (set(rule, "succeededIndexes").and_then(Value::as_str), set(rule, "succeededCount"));
    if listed.is_none() && count.is_none() {
        faults.required(path, "at least one of succeededCount or succeededIndexes must be specified");
    }
    let total = listed.map(|listed| {
        let field = format!("{path}.succeededIndexes");
        if listed.len() > LONGEST_INDEXES {
            faults.too_long(&field, LONGEST_INDEXES as u64);
        }
        indexes(listed, completions).unwrap_or_else(|why| {
            faults.invalid(&field, &json!(listed), &format!("error parsing succeededIndexes: {why}"));
            0
        })
    });
    let Some((count, number)) = count.and_then(|count| Some((count, count.as_i64()?))) else { return };
    faults.not_negative(rule, path, "succeededCount");
    for (most, what) in [
        (Some(completions), "the number of specified completions"),
        (total, "the number of indexes in the specified succeededIndexes field"),
    ] {
        if let Some(most) = most.filter(|most| number > *most) {
            faults.invalid(&format!("{path}.succeededCount"), count, &format!("must be less than or equal to {most} ({what})"));
        }
    }
}

/// Counts the indexes in a list such as `0,2-4`, which must be in order. Follows `validateIndexesFormat`.
fn indexes(listed: &str, completions: i64) -> Result<i64, String> {
    let mut last: Option<i64> = None;
    let mut total = 0;
    for interval in listed.split(',').filter(|_| !listed.is_empty()) {
        let (first, end) = self::interval(interval, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

/// Reads `3` or `2-4`.
fn interval(text: &str, completions: i64) -> Result<(i64, i64), String> {
    let parts: Vec<&str> = text.split('-').collect();
    if parts.len() > 2 {
        return Err(format!(
            "the fragment {text:?} violates the requirement that an index interval can have at most two parts separated by '-'"
        ));
    }
    let number = |part: &str| {
        let number: i64 = part.parse().map_err(|_| format!("cannot convert string to integer for index: {part:?}"))?;
        if number >= completions { Err(format!("too large index: {part:?}")) } else { Ok(number) }
    };
    let first = number(parts[0])?;
    let Some(end) = parts.get(1).map(|part| number(part)).transpose()? else { return Ok((first, first)) };
    if first >= end {
        return Err(format!("non-increasing order, previous: {first}, current: {end}"));
    }
    Ok((first, end))
}

/// A text that must be one of these, and there; what is missing is told with all of them.
fn one_of(object: &Value, path: &str, name: &str, allowed: &[&str], faults: &mut Faults) {
    let (field, value) = (format!("{path}.{name}"), text(object, name));
    if value.is_empty() {
        let allowed: Vec<String> = allowed.iter().map(|one| format!("{one:?}")).collect();
        faults.required(&field, &format!("valid values: [{}]", allowed.join(" ")));
    } else if !allowed.contains(&value) {
        faults.not_supported(&field, &json!(value), allowed);
    }
}
