//! What may be said of a Pod. Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidatePodStatusUpdate`.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::faults::{Faults, list, or_null, set, text};
use super::{Subject, address};
use crate::names::{self, Rule};

const NOT_NEGATIVE: &str = "must be a non-negative integer";

/// Checks the status of a Pod.
pub(super) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let Some(old) = subject.old else { return };
    let (status, before) = (or_null(subject.object, &["status"]), or_null(old, &["status"]));
    conditions(status, faults);
    let nominated = text(status, "nominatedNodeName");
    if !nominated.is_empty() && nominated != text(before, "nominatedNodeName") {
        let place = "status.nominatedNodeName";
        names::faults(Rule::Subdomain, nominated).iter().for_each(|why| faults.invalid(place, &json!(nominated), why));
        if !text(or_null(old, &["spec"]), "nodeName").is_empty() {
            faults.forbidden(place, "may not be set on pods that are already bound to a node");
        }
    }
    negative(status, "status", faults);
    if text(status, "qosClass") != text(before, "qosClass") {
        faults.invalid("status.qosClass", &json!(text(status, "qosClass")), "field is immutable");
    }
    let spec = or_null(old, &["spec"]);
    for (field, containers) in
        [("containerStatuses", "containers"), ("initContainerStatuses", "initContainers"), ("ephemeralContainerStatuses", "")]
    {
        endings(list(status, field), list(before, field), spec, containers, &format!("status.{field}"), faults);
    }
    addresses(status, before, "podIPs", faults);
    if let Some(first) = list(status, "hostIPs").first().filter(|first| text(first, "ip") != text(status, "hostIP")) {
        faults.invalid("status.hostIPs[0].ip", &json!(text(first, "ip")), "must be equal to `hostIP`");
    }
    addresses(status, before, "hostIPs", faults);
}

fn negative(of: &Value, place: &str, faults: &mut Faults) {
    if let Some(number) = set(of, "observedGeneration").filter(|number| number.as_i64().is_some_and(|number| number < 0)) {
        faults.invalid(&format!("{place}.observedGeneration"), number, NOT_NEGATIVE);
    }
}

fn conditions(status: &Value, faults: &mut Faults) {
    for (index, one) in list(status, "conditions").iter().enumerate() {
        let (place, kind) = (format!("status.conditions[{index}]"), text(one, "type"));
        negative(one, &place, faults);
        if !matches!(kind, "PodScheduled" | "Ready" | "Initialized") {
            names::key_faults(kind).iter().for_each(|why| faults.invalid(&format!("{place}.Type"), &json!(kind), why));
        }
    }
}

/// A container that has ended and is not to start again stays so.
fn endings(now: &[Value], before: &[Value], spec: &Value, containers: &str, place: &str, faults: &mut Faults) {
    let all = ["initContainers", "containers"].into_iter().flat_map(|field| list(spec, field));
    let restarts_all = all.flat_map(|one| list(one, "restartPolicyRules")).any(|rule| text(rule, "action") == "RestartAllContainers");
    if restarts_all && !containers.is_empty() {
        return;
    }
    let over = |one: &Value| one.pointer("/state/terminated").is_some_and(|ended| !ended.is_null());
    let running: HashSet<&str> = now.iter().filter(|one| !over(one)).map(|one| text(one, "name")).collect();
    let containers: HashMap<&str, &Value> = list(spec, containers).iter().map(|one| (text(one, "name"), one)).collect();
    for (index, old) in before.iter().enumerate().filter(|(_, old)| over(old)) {
        let name = text(old, "name");
        let code = old.pointer("/state/terminated/exitCode").and_then(Value::as_i64).unwrap_or(0);
        let may = containers.get(name).is_some_and(|container| starts_again(container, spec, code));
        if running.contains(name) && !may {
            faults.forbidden(&format!("{place}[{index}].state"), "may not be transitioned to non-terminated state");
        }
    }
}

/// Tells whether a container that ended with this code starts again (kubernetes `pkg/api/v1/pod/util.go`
/// `ContainerShouldRestart`).
fn starts_again(container: &Value, spec: &Value, code: i64) -> bool {
    let own = text(container, "restartPolicy");
    if !own.is_empty() {
        let fits = |rule: &&Value| {
            let codes = or_null(rule, &["exitCodes"]);
            let listed = list(codes, "values").iter().any(|value| value.as_i64() == Some(code));
            match text(codes, "operator") {
                "In" => listed,
                "NotIn" => !listed,
                _ => false,
            }
        };
        let rule = list(container, "restartPolicyRules").iter().find(fits);
        if rule.is_some_and(|rule| matches!(text(rule, "action"), "Restart" | "RestartAllContainers")) {
            return true;
        }
    }
    let policy = if own.is_empty() { text(spec, "restartPolicy") } else { own };
    match policy {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => true,
    }
}

/// Addresses that were not there before are well formed, and there is one of each family at most.
fn addresses(status: &Value, before: &Value, field: &str, faults: &mut Faults) {
    let texts = |status: &'_ Value| -> Vec<String> { list(status, field).iter().map(|one| text(one, "ip").to_owned()).collect() };
    let (now, known) = (texts(status), texts(before));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for (index, one) in now.iter().enumerate() {
        address::check(&format!("status.{field}[{index}]"), one, &known, faults);
    }
    if now.len() > 1 {
        let families: Vec<bool> = now.iter().filter_map(|one| address::sloppy(one)).map(|address| address.is_ipv4()).collect();
        if !families.contains(&true) || !families.contains(&false) || now.len() > 2 {
            let place = format!("status.{field}");
            faults.invalid_list(&place, or_null(status, &[field]), "may specify no more than one IP for each IP family");
        }
    }
}
