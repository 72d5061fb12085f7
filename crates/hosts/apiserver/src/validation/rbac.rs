//! Roles and their bindings. Follows kubernetes `pkg/apis/rbac/validation/validation.go`.

use schema::{Cause, Violation};
use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, set, text};
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
        if let Some(rule) = set(object, "aggregationRule") {
            aggregation(rule, faults);
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
}

/// Whose rules a ClusterRole gathers.
fn aggregation(rule: &Value, faults: &mut Faults) {
    const FIELD: &str = "aggregationRule.clusterRoleSelectors";
    let selectors = list(rule, "clusterRoleSelectors");
    if selectors.is_empty() {
        faults.required(FIELD, "at least one clusterRoleSelector required if aggregationRule is non-nil");
    }
    for (index, selector) in selectors.iter().enumerate() {
        let (field, before) = (format!("{FIELD}[{index}]"), faults.0.len());
        faults.selector(&field, Some(selector));
        if faults.0.len() > before {
            faults.invalid(&field, &Value::Null, "invalid label selector.");
        }
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
        "User" | "Group" => {
            if group != GROUP {
                faults.not_supported(&format!("{path}.apiGroup"), &json!(group), &[GROUP]);
            }
        }
        kind => faults.not_supported(&format!("{path}.kind"), &json!(kind), &["ServiceAccount", "User", "Group"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(check: impl FnOnce(&mut Faults)) -> Vec<String> {
        let mut faults = Faults::default();
        check(&mut faults);
        faults.0.iter().map(Violation::sentence).collect()
    }

    #[test]
    fn rules_name_what_they_allow() {
        let several = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "pods/log"], "resourceNames": ["x"]});
        assert!(told(|faults| policy(&several, true, "r", faults)).is_empty());
        assert_eq!(
            told(|faults| policy(&json!({}), true, "r", faults)),
            [
                "r.verbs: Required value: verbs must contain at least one value",
                "r.apiGroups: Required value: resource rules must supply at least one api group",
                "r.resources: Required value: resource rules must supply at least one resource",
            ]
        );
    }

    #[test]
    fn gathered_roles_are_selected() {
        assert!(told(|faults| aggregation(&json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}), faults)).is_empty());
        let field = "aggregationRule.clusterRoleSelectors";
        let none = told(|faults| aggregation(&json!({}), faults));
        assert_eq!(none, [format!("{field}: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil")]);
        let wrong = json!({"clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "b"}]}]});
        assert_eq!(
            told(|faults| aggregation(&wrong, faults)),
            [
                format!("{field}[0].matchExpressions[0].operator: Invalid value: \"b\": not a valid selector operator"),
                format!("{field}[0]: Invalid value: null: invalid label selector."),
            ]
        );
    }

    #[test]
    fn subjects_have_names() {
        assert_eq!(told(|faults| bound(&json!({"kind": "User", "apiGroup": GROUP}), true, "s", faults)), ["s.name: Required value"]);
        let account = json!({"kind": "ServiceAccount", "name": "a"});
        assert!(told(|faults| bound(&account, true, "s", faults)).is_empty());
        assert_eq!(told(|faults| bound(&account, false, "s", faults)), ["s.namespace: Required value"]);
    }
}
