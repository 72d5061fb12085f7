//! StatefulSet. Follows kubernetes `pkg/apis/apps/validation/validation.go` `ValidateStatefulSetSpec`, `ValidateStatefulSetUpdate`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::faults::{Faults, list, or_null, set, text};
use super::policy::{most_100, number_or_percent};
use super::{claim, pod, workloads};
use crate::names::Rule;
use crate::object::meta;
use crate::typed::Type;

/// What of a spec may change.
const FREE: &[&str] = &[
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// Checks a spec, and against what it was.
pub(super) fn check(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    // A template that was wrong before is let be, so that the rest can change.
    let template_too = old.is_none_or(|old| {
        let mut before = Faults::default();
        self::spec(old, Some(old), true, &mut before);
        before.0.is_empty()
    });
    self::spec(spec, old, template_too, faults);
    let fixed = |spec: &Value| -> Map<String, Value> {
        let all = spec.as_object().cloned().unwrap_or_default().into_iter();
        all.filter(|(name, _)| !FREE.contains(&name.as_str())).collect()
    };
    if old.is_some_and(|old| fixed(old) != fixed(spec)) {
        let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        faults.forbidden("spec", why);
    }
}

/// What never changes is checked only when it is new.
fn spec(spec: &Value, old: Option<&Value>, template_too: bool, faults: &mut Faults) {
    let is_new = old.is_none();
    match text(spec, "podManagementPolicy") {
        "" => faults.required("spec.podManagementPolicy", ""),
        "OrderedReady" | "Parallel" => {}
        other => faults.invalid("spec.podManagementPolicy", &json!(other), "must be 'OrderedReady' or 'Parallel'"),
    }
    strategy(or_null(spec, &["updateStrategy"]), "spec.updateStrategy", faults);
    if let Some(policy) = set(spec, "persistentVolumeClaimRetentionPolicy") {
        for field in ["whenDeleted", "whenScaled"] {
            let value = text(policy, field);
            if !matches!(value, "Retain" | "Delete") {
                faults.not_supported(&format!("spec.persistentVolumeClaimRetentionPolicy.{field}"), &json!(value), &["Retain", "Delete"]);
            }
        }
    }
    for (index, claim) in list(spec, "volumeClaimTemplates").iter().enumerate().filter(|_| is_new) {
        claim::spec(or_null(claim, &["spec"]), &format!("spec.volumeClaimTemplates[{index}].spec"), false, faults);
    }
    faults.not_negative(spec, "spec", "replicas");
    faults.not_negative(spec, "spec", "minReadySeconds");
    faults.not_negative(or_null(spec, &["ordinals"]), "spec.ordinals", "start");
    let service = text(spec, "serviceName");
    if is_new && !service.is_empty() {
        faults.name("spec.serviceName", Rule::Label, service);
    }
    workloads::selector(spec, "statefulset", faults);
    if !workloads::unusable(spec, "", faults) {
        workloads::matching(spec, faults);
        template(spec, old, template_too, faults);
    }
    workloads::always(spec, "StatefulSet", faults);
}

fn strategy(strategy: &Value, path: &str, faults: &mut Faults) {
    let here = format!("{path}.rollingUpdate");
    match (text(strategy, "type"), set(strategy, "rollingUpdate")) {
        ("", _) => faults.required(path, ""),
        ("OnDelete", Some(rolling)) => {
            let form = Type::Struct("apps.v1.RollingUpdateStatefulSetStrategy");
            faults.invalid_inner(&here, &form, rolling, "only allowed for updateStrategy 'RollingUpdate'");
        }
        ("RollingUpdate", Some(rolling)) => {
            faults.not_negative(rolling, &here, "partition");
            let Some(value) = set(rolling, "maxUnavailable") else { return };
            let field = format!("{here}.maxUnavailable");
            number_or_percent(&field, value, faults);
            if workloads::is_zero(value) {
                faults.invalid(&field, value, "cannot be 0");
            }
            most_100(&field, value, faults);
        }
        ("OnDelete" | "RollingUpdate", None) => {}
        _ => {
            let form = Type::Struct("apps.v1.StatefulSetUpdateStrategy");
            faults.invalid_inner(path, &form, strategy, "must be 'RollingUpdate' or 'OnDelete'");
        }
    }
}

/// The template with the volumes that come from claims, and without the names that the controller gives.
fn template(spec: &Value, old: Option<&Value>, template_too: bool, faults: &mut Faults) {
    let mut template = or_null(spec, &["template"]).clone();
    let claims: BTreeSet<&str> = list(spec, "volumeClaimTemplates").iter().map(|claim| meta(claim, "name")).collect();
    if let Some(Value::Object(pod)) = template.get_mut("spec") {
        pod.remove("subdomain");
        pod.remove("hostname");
        if !claims.is_empty() {
            let mut volumes: Vec<Value> =
                claims.iter().map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}})).collect();
            let others = pod.get("volumes").and_then(Value::as_array).into_iter().flatten();
            volumes.extend(others.filter(|volume| !claims.contains(text(volume, "name"))).cloned());
            pod.insert("volumes".to_owned(), json!(volumes));
        }
    }
    if template_too {
        pod::template(&template, old.map(|old| or_null(old, &["template"])), "spec.template", faults);
    }
    // Upstream looks at these once more.
    pod::template_metadata(&template, "spec.template", faults);
}
