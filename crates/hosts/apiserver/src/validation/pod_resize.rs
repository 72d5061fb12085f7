//! What containers that run may be given more or less of. Follows kubernetes `pkg/apis/core/validation/validation.go`
//! `ValidatePodResize`; what else a changed Pod must satisfy is checked before.

use serde_json::{Map, Value, json};

use super::Subject;
use super::faults::{Faults, list, or_null, set, text};
use crate::strategy::quality;

const MUTABLE: &str = "only cpu and memory resources are mutable";

/// Checks a Pod whose resources change.
pub(super) fn check(subject: &Subject<'_>, old: &Value, faults: &mut Faults) {
    let (new, empty) = (subject.object, Map::new());
    if old["metadata"]["annotations"].get("kubernetes.io/config.mirror").is_some() {
        faults.0.clear();
        return faults.forbidden("", "static pods cannot be resized");
    }
    if old["spec"]["os"]["name"] == "windows" {
        faults.0.clear();
        return faults.forbidden("", "windows pods cannot be resized");
    }
    let before = old["status"]["qosClass"].as_str().filter(|class| !class.is_empty()).unwrap_or_else(|| quality(old));
    if before != quality(new) {
        faults.invalid("spec", &json!(new["status"]["qosClass"]), "Pod QOS Class may not change as a result of resizing");
    }
    let running = list(or_null(old, &["status"]), "containerStatuses").iter().find(|one| set(&one["state"], "running").is_some());
    if running.is_some_and(|one| set(one, "resources").is_none()) {
        faults.forbidden("spec", "Pod running on node without support for resize");
    }
    let (spec, known) = (or_null(new, &["spec"]), or_null(old, &["spec"]));
    whole(spec, known, faults);
    if !in_order(spec, known, faults) {
        return;
    }
    for field in ["initContainers", "containers"] {
        for (index, (now, was)) in list(spec, field).iter().zip(list(known, field)).enumerate() {
            for part in ["requests", "limits"] {
                if removed(now, was, part) {
                    let place = format!("spec.{field}[{index}].resources.{part}");
                    faults.forbidden(&place, &format!("resource {part} cannot be removed"));
                }
            }
        }
    }
    let bare = |of: &Value| {
        let mut bare = of.clone();
        let resources = bare.as_object_mut().and_then(|map| map.remove("resources")).unwrap_or_default();
        (bare, others(&resources))
    };
    let changed = |now: &Value, was: &Value| bare(now) != bare(was);
    for (now, was) in list(spec, "containers").iter().zip(list(known, "containers")) {
        if changed(now, was) {
            faults.forbidden("spec", MUTABLE);
        }
    }
    for (index, (now, was)) in list(spec, "initContainers").iter().zip(list(known, "initContainers")).enumerate() {
        let place = format!("spec.initContainers[{index}]");
        if changed(now, was) {
            faults.forbidden(&place, "only cpu and memory resources for init or sidecar containers are mutable");
        }
        let restarts = list(now, "resizePolicy").iter().filter(|policy| text(policy, "restartPolicy") == "RestartContainer");
        if now != was && text(now, "restartPolicy") != "Always" {
            let why = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
            restarts.for_each(|_| faults.forbidden(&place, why));
        }
    }
    let rest = |spec: &Value| -> Map<String, Value> {
        let fields = spec.as_object().unwrap_or(&empty).iter();
        fields
            .filter(|(name, _)| !matches!(name.as_str(), "containers" | "initContainers" | "resources"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    if faults.0.is_empty() && rest(spec) != rest(known) {
        faults.forbidden("spec", MUTABLE);
    }
}

/// What the Pod as a whole may use.
fn whole(spec: &Value, known: &Value, faults: &mut Faults) {
    let given =
        |spec: &Value| ["requests", "limits"].iter().any(|part| spec["resources"][*part].as_object().is_some_and(|map| !map.is_empty()));
    if !given(spec) && !given(known) {
        return;
    }
    if set(known, "resources").is_some() && set(spec, "resources").is_none() {
        return faults.forbidden("spec.resources", "pod-level resources cannot be removed");
    }
    for part in ["requests", "limits"] {
        if removed(spec, known, part) {
            faults.forbidden(&format!("spec.resources.{part}"), &format!("pod-level resource {part} cannot be removed"));
        }
    }
    if others(&spec["resources"]) != others(&known["resources"]) {
        faults.forbidden("spec", "only cpu and memory resources are mutable at pod-level");
    }
}

/// Resources but for processors and memory.
fn others(resources: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (part, value) in resources.as_object().into_iter().flatten() {
        match value {
            Value::Object(amounts) => {
                let rest = amounts.iter().filter(|(name, _)| !matches!(name.as_str(), "cpu" | "memory"));
                found.extend(rest.map(|(name, amount)| (format!("{part}/{name}"), amount.clone())));
            }
            other => found.push((part.clone(), other.clone())),
        }
    }
    found
}

fn removed(now: &Value, was: &Value, part: &str) -> bool {
    let known = was["resources"][part].as_object().into_iter().flat_map(|map| map.keys());
    known.into_iter().any(|name| now["resources"][part].get(name).is_none())
}

/// Tells whether the containers are still those that they were.
fn in_order(spec: &Value, known: &Value, faults: &mut Faults) -> bool {
    let before = faults.0.len();
    for field in ["containers", "initContainers"] {
        let (now, was) = (list(spec, field), list(known, field));
        if now.len() != was.len() {
            faults.forbidden(&format!("spec.{field}"), &format!("{field} may not be added or removed on resize"));
            continue;
        }
        for (index, (now, was)) in now.iter().zip(was).enumerate() {
            if text(now, "name") != text(was, "name") {
                let place = format!("spec.{field}[{index}].name");
                faults.forbidden(&place, &format!("{field} may not be renamed or reordered on resize"));
            }
        }
    }
    faults.0.len() == before
}
