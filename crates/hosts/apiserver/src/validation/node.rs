//! Node. Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidateNode` and `ValidateNodeUpdate`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, child, list, set, text};
use super::{cidr, inner, resources};
use crate::names::{self, Rule};
use crate::typed::Type;

/// Checks a Node.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata(faults);
    taints(subject.spec(), faults);
    amounts(subject.object, faults);
    features(subject.object, faults);
    ranges(subject.spec(), faults);
    if let Some(old) = subject.old {
        subject.metadata_update(faults);
        changed(subject, old, faults);
    }
}

fn taints(spec: &Value, faults: &mut Faults) {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (index, taint) in list(spec, "taints").iter().enumerate() {
        // Upstream tells another place than where they are.
        let here = format!("metadata.taints[{index}]");
        let (key, value, effect) = (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
        names::key_faults(key).iter().for_each(|why| faults.invalid(&child(&here, "key"), &json!(key), why));
        let wrong = names::value_faults(value);
        if !wrong.is_empty() {
            faults.invalid(&child(&here, "value"), &json!(value), &wrong.join(";"));
        }
        faults.one_of(taint, &here, "effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
        if seen.contains(&(key, effect)) {
            let shown = inner::shown(&Type::Struct("core.v1.Taint"), taint);
            let text = format!("Duplicate value: {shown}: taints must be unique by key and effect pair");
            faults.0.push(schema::Violation { field: here, cause: schema::Cause::Duplicate, text });
        }
        seen.push((key, effect));
    }
}

fn amounts(node: &Value, faults: &mut Faults) {
    for part in ["capacity", "allocatable"] {
        let all = node.get("status").and_then(|status| status.get(part)).and_then(Value::as_object);
        for (name, amount) in all.into_iter().flatten() {
            resources::amount(name, amount, &format!("status.{part}.{name}"), faults);
        }
    }
}

fn features(node: &Value, faults: &mut Faults) {
    let all: Vec<&str> =
        node.get("status").map(|status| list(status, "declaredFeatures")).into_iter().flatten().filter_map(Value::as_str).collect();
    for (index, name) in all.iter().enumerate() {
        let field = format!("status.declaredFeatures[{index}]");
        if let Some(why) = feature_fault(name) {
            faults.invalid(&field, &json!(name), &why);
        }
        let Some(next) = all.get(index + 1) else { continue };
        let field = format!("status.declaredFeatures[{}]", index + 1);
        if name == next {
            faults.duplicate(&field, &json!(next));
        } else if name > next {
            faults.invalid(&field, &json!(next), "list must be sorted alphabetically");
        }
    }
}

fn feature_fault(name: &str) -> Option<String> {
    if name.len() > 253 {
        return Some(format!("invalid feature name {name:?}: must be no more than 253 characters"));
    }
    let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let fine = name.starts_with(|first: char| first.is_ascii_uppercase()) && name.split('/').all(word);
    (!fine).then(|| format!("invalid feature name {name:?}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"))
}

fn ranges(spec: &Value, faults: &mut Faults) {
    let all = list(spec, "podCIDRs");
    let families: Vec<Option<bool>> =
        all.iter().map(|one| cidr::parse(one.as_str().unwrap_or_default()).map(|(address, _)| address.is_ipv4())).collect();
    for (index, one) in all.iter().enumerate().filter(|(index, _)| families[*index].is_none()) {
        faults.invalid(&format!("spec.podCIDRs[{index}]"), one, cidr::FAULT);
    }
    let both = families.contains(&Some(true)) && families.contains(&Some(false)) && !families.contains(&None);
    if all.len() > 2 || (all.len() == 2 && !both) {
        faults.invalid("spec.podCIDRs", &json!(all), "may specify no more than one CIDR for each IP family");
    }
}

/// Checks a Node against what it was.
pub(crate) fn changed(subject: &Subject<'_>, old: &Value, faults: &mut Faults) {
    let spec = subject.spec();
    let was = old.get("spec").unwrap_or(&Value::Null);
    amounts(subject.object, faults);
    features(subject.object, faults);
    addresses(subject.object, faults);
    let (before, now) = (list(was, "podCIDRs"), list(spec, "podCIDRs"));
    let moved = if before.is_empty() {
        0
    } else if before.len() == now.len() {
        before.iter().zip(now).filter(|(before, now)| before != now).count()
    } else {
        1
    };
    (0..moved).for_each(|_| faults.forbidden("spec.podCIDRs", "node updates may not change podCIDR except from \"\" to valid"));
    if !text(was, "providerID").is_empty() && text(was, "providerID") != text(spec, "providerID") {
        faults.forbidden("spec.providerID", "node updates may not change providerID except from \"\" to valid");
    }
    if let Some(source) = set(spec, "configSource") {
        config_source(source, faults);
    }
    taints(spec, faults);
    if text(was, "externalID") != text(spec, "externalID") {
        faults.forbidden("spec.externalID", "may not be updated");
    }
}

fn addresses(node: &Value, faults: &mut Faults) {
    let all = node.get("status").map(|status| list(status, "addresses")).unwrap_or_default();
    for (index, one) in all.iter().enumerate().filter(|(index, one)| all[..*index].contains(one)) {
        let shown = format!("{{\"Type\":{},\"Address\":{}}}", json!(text(one, "type")), json!(text(one, "address")));
        let text = format!("Duplicate value: {shown}");
        faults.0.push(schema::Violation { field: format!("status.addresses[{index}]"), cause: schema::Cause::Duplicate, text });
    }
}

/// Where a kubelet once had its configuration from; only Nodes that had it before still have it.
fn config_source(source: &Value, faults: &mut Faults) {
    let path = "spec.configSource";
    let Some(map) = set(source, "configMap") else {
        let shown = inner::shown(&Type::Struct("core.v1.NodeConfigSource"), source);
        return faults.wrong(path, &format!("{shown}: exactly one reference subfield must be non-nil"));
    };
    let path = child(path, "configMap");
    for field in ["uid", "resourceVersion"] {
        if !text(map, field).is_empty() {
            faults.forbidden(&child(&path, field), &format!("{field} must not be set in spec"));
        }
    }
    for (field, rule) in [("namespace", Rule::Label), ("name", Rule::Subdomain)] {
        match text(map, field) {
            "" => faults.required(&child(&path, field), ""),
            name => faults.name(&child(&path, field), rule, name),
        }
    }
    let key = text(map, "kubeletConfigKey");
    if key.is_empty() {
        faults.required(&child(&path, "kubeletConfigKey"), "");
    } else if let Some(why) = names::config_key_fault(key) {
        faults.invalid(&child(&path, "kubeletConfigKey"), &json!(key), &why);
    }
}
