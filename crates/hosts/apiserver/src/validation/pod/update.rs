//! Pods, and what of one may change once it is there. Follows kubernetes `pkg/apis/core/validation/validation.go`
//! `ValidatePodCreate`, `ValidatePodUpdate`.

use serde_json::{Map, Value, json};

use super::super::Subject;
use super::super::faults::{Faults, list, or_null, set, text};
use super::{annotations, containers, scheduling, system};
use crate::typed::{self, Type};
use crate::validation::{difference, pod_resize};

const WHY: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Checks a Pod. That it is bound to a node changes nothing that is checked.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    if subject.subresource == "binding" {
        return;
    }
    let Subject { object, old, .. } = *subject;
    let (metadata, spec) = (or_null(object, &["metadata"]), subject.spec());
    subject.metadata_update(faults);
    subject.metadata(faults);
    annotations::check(metadata, spec, "metadata.annotations", faults);
    super::spec(spec, old.map(|old| or_null(old, &["spec"])), Some(metadata), "spec", faults);
    system::tokens(spec, faults);
    for kind in ["containers", "initContainers"] {
        for (index, one) in list(spec, kind).iter().enumerate() {
            containers::trimmed_image(one, &format!("spec.{kind}[{index}]"), faults);
        }
    }
    match old {
        None => created(metadata, spec, faults),
        Some(old) => {
            annotations::changed(metadata, or_null(old, &["metadata"]), faults);
            annotations::check(metadata, spec, "metadata.annotations", faults);
            match subject.subresource {
                "" => changed(spec, or_null(old, &["spec"]), faults),
                "resize" => pod_resize::check(subject, old, faults),
                _ => {}
            }
        }
    }
}

fn created(metadata: &Value, spec: &Value, faults: &mut Faults) {
    if !list(spec, "ephemeralContainers").is_empty() {
        faults.forbidden("spec.ephemeralContainers", "cannot be set on create");
    }
    if !text(spec, "nodeName").is_empty() && !list(spec, "schedulingGates").is_empty() {
        faults.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared");
    }
    annotations::agree(metadata, spec, "spec", faults);
}

fn changed(spec: &Value, old: &Value, faults: &mut Faults) {
    for kind in ["containers", "initContainers"] {
        let containers = list(spec, kind);
        if containers.len() != list(old, kind).len() {
            return faults.forbidden(&format!("spec.{kind}"), "pod updates may not add or remove containers");
        }
        for (index, one) in containers.iter().enumerate() {
            let here = format!("spec.{kind}[{index}]");
            if text(one, "image").is_empty() {
                faults.required(&format!("{here}.image"), "");
            }
            containers::trimmed_image(one, &here, faults);
        }
    }
    if !deadline(spec, old, faults) {
        return;
    }
    tolerations(spec, old, faults);
    gates(list(spec, "schedulingGates"), list(old, "schedulingGates"), faults);
    let now = if list(old, "schedulingGates").is_empty() { spec.clone() } else { placed_anew(spec, old, faults) };
    let now = munged(now, old);
    if now != *old {
        let changes = changes("core.v1.PodSpec", old, &now);
        faults.forbidden("spec", &format!("{WHY}\n{changes}"));
    }
}

fn changes(form: &'static str, old: &Value, now: &Value) -> String {
    let form = Type::Struct(form);
    difference::unified(&typed::in_lines(&form, old), &typed::in_lines(&form, now))
}

/// Returns in which lines a container differs that was added to a running Pod.
pub(crate) fn container_changes(old: &Value, now: &Value) -> String {
    changes("core.v1.EphemeralContainer", old, now)
}

/// A deadline may come nearer; tells whether anything else is looked at.
fn deadline(spec: &Value, old: &Value, faults: &mut Faults) -> bool {
    let field = "spec.activeDeadlineSeconds";
    let seconds = |spec: &Value| set(spec, "activeDeadlineSeconds").and_then(Value::as_i64);
    match (seconds(old), seconds(spec)) {
        (_, Some(now)) if !(0..=i64::from(i32::MAX)).contains(&now) => {
            faults.invalid(field, &json!(now), "must be between 0 and 2147483647, inclusive");
            return false;
        }
        (Some(before), Some(now)) if now > before => {
            faults.invalid(field, &json!(now), "must be less than or equal to previous value");
            return false;
        }
        (Some(_), None) => faults.invalid(field, &json!("null"), "must not update from a positive integer to nil value"),
        _ => {}
    }
    true
}

/// Tolerations may be added, and bear for another time, but not be taken away.
fn tolerations(spec: &Value, old: &Value, faults: &mut Faults) {
    let but_for_time = |one: &Value| {
        let mut map = one.as_object().cloned().unwrap_or_default();
        map.remove("tolerationSeconds");
        map
    };
    let now: Vec<Map<String, Value>> = list(spec, "tolerations").iter().map(but_for_time).collect();
    if list(old, "tolerations").iter().any(|one| !now.contains(&but_for_time(one))) {
        return faults.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds");
    }
    scheduling::tolerations(spec, "spec.tolerations", faults);
}

/// Of a gate that is new twice only the last is told.
fn gates(now: &[Value], before: &[Value], faults: &mut Faults) {
    for (index, gate) in now.iter().enumerate() {
        let name = text(gate, "name");
        if !before.contains(gate) && !now[index + 1..].contains(gate) {
            let why = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            faults.forbidden(&format!("spec.schedulingGates[{index}].name"), &why);
        }
    }
}

/// While a Pod waits for a gate, where it may go can be narrowed; returns the spec without what may be said of nodes.
fn placed_anew(spec: &Value, old: &Value, faults: &mut Faults) -> Value {
    let labels = |spec: &Value| spec.get("nodeSelector").and_then(Value::as_object).cloned().unwrap_or_default();
    let (now, before) = (labels(spec), labels(old));
    if before.iter().any(|(key, value)| now.get(key) != Some(value)) {
        let shown = or_null(spec, &["nodeSelector"]);
        faults.invalid("spec.nodeSelector", shown, "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
    }
    let (now, before) = (or_null(spec, &["affinity", "nodeAffinity"]), or_null(old, &["affinity", "nodeAffinity"]));
    if now != before {
        narrowed(now, before, faults);
    }
    let mut munged = spec.clone();
    put(&mut munged, "nodeSelector", old.get("nodeSelector"));
    let mut affinity = spec.get("affinity").cloned().unwrap_or_else(|| json!({}));
    put(&mut affinity, "nodeAffinity", Some(before).filter(|before| !before.is_null()));
    let kept = affinity != json!({}) || old.get("affinity").is_some();
    put(&mut munged, "affinity", Some(&affinity).filter(|_| kept));
    munged
}

fn put(map: &mut Value, field: &str, value: Option<&Value>) {
    let Value::Object(map) = map else { return };
    match value {
        Some(value) => map.insert(field.to_owned(), value.clone()),
        None => map.remove(field),
    };
}

/// Terms may get more requirements. Follows `validateNodeAffinityMutation`.
fn narrowed(now: &Value, before: &Value, faults: &mut Faults) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    let path = format!("spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms");
    let terms = |affinity: &Value| list(or_null(affinity, &[REQUIRED]), "nodeSelectorTerms").to_vec();
    let (now, before) = (terms(now), terms(before));
    if before.is_empty() {
        return;
    }
    if before.len() != now.len() {
        let why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        let form = Type::List(&Type::Struct("core.v1.NodeSelectorTerm"));
        return faults.invalid_inner(&path, &form, &json!(now), why);
    }
    let begins = |now: &Value, before: &Value, field: &str| list(now, field).starts_with(list(before, field));
    let empty = |term: &Value| list(term, "matchExpressions").is_empty() && list(term, "matchFields").is_empty();
    for (index, (now, before)) in now.iter().zip(&before).enumerate() {
        let only_more = begins(now, before, "matchExpressions") && begins(now, before, "matchFields");
        if !only_more || empty(before) && !empty(now) {
            let form = Type::Struct("core.v1.NodeSelectorTerm");
            faults.invalid_inner(&format!("{path}[{index}]"), &form, now, "only additions are allowed (no mutations or deletions)");
        }
    }
}

/// Takes from the old spec what may change.
fn munged(mut spec: Value, old: &Value) -> Value {
    let grace = |spec: &Value| set(spec, "terminationGracePeriodSeconds").and_then(Value::as_i64);
    let mended = grace(old).is_some_and(|before| before < 0) && grace(&spec) == Some(1);
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        put(&mut spec, field, old.get(field));
    }
    if mended {
        put(&mut spec, "terminationGracePeriodSeconds", old.get("terminationGracePeriodSeconds"));
    }
    for kind in ["containers", "initContainers"] {
        let containers = spec.get_mut(kind).and_then(Value::as_array_mut).into_iter().flatten();
        containers.zip(list(old, kind)).for_each(|(container, before)| put(container, "image", before.get("image")));
    }
    spec
}
