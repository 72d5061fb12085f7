//! Roles and their bindings. Follows kubernetes `pkg/apis/rbac/validation/validation.go`.

use schema::{Cause, Violation};
use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, text};
use crate::names::{self, Rule};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let Subject { resource, object, old, .. } = *subject;
    subject.metadata(faults);
    if !resource.kind.ends_with("Binding") {
        for (index, rule) in list(object, "rules").iter().enumerate() {
            policy(rule, resource.namespaced, &format!("rules[{index}]"), faults);
        }
        subject.metadata_update(faults);
        return;
    }
    let role = object.get("roleRef").unwrap_or(&Value::Null);
    if text(role, "apiGroup") != GROUP {
        faults.not_supported("roleRef.apiGroup", &json!(text(role, "apiGroup")), &[GROUP]);
    }
    let kinds: &[&str] = if resource.namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(role, "kind")) {
        faults.not_supported("roleRef.kind", &json!(text(role, "kind")), kinds);
    }
    match text(role, "name") {
        "" => faults.required("roleRef.name", ""),
        name => faults.name("roleRef.name", Rule::Segment, name),
    }
    for (index, one) in list(object, "subjects").iter().enumerate() {
        bound(one, resource.namespaced, &format!("subjects[{index}]"), faults);
    }
    subject.metadata_update(faults);
    if let Some(old) = old
        && object.get("roleRef") != old.get("roleRef")
    {
        // The struct inside the server has no names of its own for JSON.
        let shown = format!(
            "{{\"APIGroup\":{},\"Kind\":{},\"Name\":{}}}",
            json!(text(role, "apiGroup")),
            json!(text(role, "kind")),
            json!(text(role, "name"))
        );
        let text = format!("Invalid value: {shown}: cannot change roleRef");
        faults.0.push(Violation { field: "roleRef".to_owned(), cause: Cause::Invalid, text });
    }
}

fn policy(rule: &Value, namespaced: bool, path: &str, faults: &mut Faults) {
    let filled = |name: &str| !list(rule, name).is_empty();
    if !filled("verbs") {
        faults.required(&format!("{path}.verbs"), "verbs must contain at least one value");
    }
    if filled("nonResourceURLs") {
        let field = format!("{path}.nonResourceURLs");
        if namespaced {
            faults.invalid(&field, &rule["nonResourceURLs"], "namespaced rules cannot apply to non-resource URLs");
        }
        if filled("apiGroups") || filled("resources") || filled("resourceNames") {
            faults.invalid(&field, &rule["nonResourceURLs"], "rules cannot apply to both regular resources and non-resource URLs");
        }
        return;
    }
    if !filled("apiGroups") {
        faults.required(&format!("{path}.apiGroups"), "resource rules must supply at least one api group");
    }
    if !filled("resources") {
        faults.required(&format!("{path}.resources"), "resource rules must supply at least one resource");
    }
    if filled("resourceNames") && list(rule, "resources").len() > 1 {
        faults.required(&format!("{path}.resourceNames"), "resource names cannot apply to multiple resources");
    }
}

fn bound(subject: &Value, namespaced: bool, path: &str, faults: &mut Faults) {
    let name = text(subject, "name");
    if name.is_empty() {
        faults.required(&format!("{path}.name"), "");
    }
    let group = text(subject, "apiGroup");
    match text(subject, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                names::faults(Rule::Subdomain, name).iter().for_each(|why| faults.invalid(&format!("{path}.name"), &json!(name), why));
            }
            if !group.is_empty() {
                faults.not_supported(&format!("{path}.apiGroup"), &json!(group), &[""]);
            }
            if !namespaced && text(subject, "namespace").is_empty() {
                faults.required(&format!("{path}.namespace"), "");
            }
        }
        kind @ ("User" | "Group") => {
            if name.is_empty() {
                faults.invalid(&format!("{path}.name"), &json!(name), &format!("{} name cannot be empty", kind.to_lowercase()));
            }
            if group != GROUP {
                faults.not_supported(&format!("{path}.apiGroup"), &json!(group), &[GROUP]);
            }
        }
        kind => faults.not_supported(&format!("{path}.kind"), &json!(kind), &["ServiceAccount", "User", "Group"]),
    }
}
