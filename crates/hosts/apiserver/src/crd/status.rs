//! What the server says of a definition: which names it has been given, whether it is served. apiextensions-apiserver
//! `pkg/controller/{status/naming_controller,establish/establishing_controller,apiapproval/apiapproval_controller}.go`.

use serde_json::{Value, json};

use super::check::{Approval, approval_of};
use super::{text, versions};
use crate::object::{at, meta};

/// Writes the status that a definition begins with: nothing decided, its storage version stored.
pub(crate) fn begin(definition: &mut Value) {
    definition["status"] = json!({"acceptedNames": {"kind": "", "plural": ""}, "conditions": null, "storedVersions": []});
    store(definition);
    if definition.pointer("/status/storedVersions").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        definition["status"]["storedVersions"] = Value::Null;
    }
}

/// Remembers the storage version among the stored ones.
pub(crate) fn store(definition: &mut Value) {
    let storage = versions(definition).into_iter().find(|version| version.get("storage") == Some(&json!(true)));
    let Some(name) = storage.map(|version| text(version, "name").to_owned()) else { return };
    let mut stored = definition.pointer("/status/storedVersions").and_then(Value::as_array).cloned().unwrap_or_default();
    if !stored.contains(&json!(name)) {
        stored.push(json!(name));
    }
    definition["status"]["storedVersions"] = json!(stored);
}

struct Conditions<'a> {
    list: Vec<Value>,
    now: &'a str,
}

impl Conditions<'_> {
    fn find(&self, kind: &str) -> Option<&Value> {
        self.list.iter().find(|one| text(one, "type") == kind)
    }

    fn is_true(&self, kind: &str) -> bool {
        self.find(kind).is_some_and(|one| text(one, "status") == "True")
    }

    fn set(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let mut condition = json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": self.now});
        match self.list.iter_mut().find(|one| text(one, "type") == kind) {
            Some(before) => {
                if text(before, "status") == status {
                    condition["lastTransitionTime"] = before["lastTransitionTime"].clone();
                }
                *before = condition;
            }
            None => self.list.push(condition),
        }
    }
}

/// Returns a definition with its names decided; `others` are all definitions.
pub(crate) fn settle(definition: &Value, others: &[Value], now: &str) -> Value {
    let mut settled = definition.clone();
    let empty = json!({});
    let wanted = at(definition, &["spec", "names"]).unwrap_or(&empty);
    let mut accepted = at(definition, &["status", "acceptedNames"]).cloned().unwrap_or_else(|| json!({"kind": "", "plural": ""}));
    let list = definition.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut conditions = Conditions { list, now };
    let (resources, kinds) = taken(definition, others);
    let mut conflict: Option<(&str, String)> = None;
    for (field, reason, used) in [
        ("plural", "PluralConflict", &resources),
        ("singular", "SingularConflict", &resources),
        ("shortNames", "ShortNamesConflict", &resources),
        ("kind", "KindConflict", &kinds),
        ("listKind", "ListKindConflict", &kinds),
    ] {
        let clashes: Vec<String> = words(wanted.get(field))
            .into_iter()
            .filter(|name| !words(accepted.get(field)).contains(name) && used.contains(name))
            .map(|name| format!("{} is already in use", json!(name)))
            .collect();
        if clashes.is_empty() {
            match wanted.get(field) {
                Some(names) => accepted[field] = names.clone(),
                None => drop(accepted.as_object_mut().map(|map| map.remove(field))),
            }
        } else {
            conflict = Some((reason, if clashes.len() > 1 { format!("[{}]", clashes.join(", ")) } else { clashes.concat() }));
        }
    }
    match wanted.get("categories") {
        Some(names) => accepted["categories"] = names.clone(),
        None => drop(accepted.as_object_mut().map(|map| map.remove("categories"))),
    }
    match &conflict {
        Some((reason, message)) => conditions.set("NamesAccepted", "False", reason, message),
        None => conditions.set("NamesAccepted", "True", "NoConflicts", "no conflicts found"),
    }
    if !conditions.is_true("Established") {
        if conflict.is_some() {
            conditions.set("Established", "False", "NotAccepted", "not all names are accepted");
        } else {
            conditions.set("Established", "True", "InitialNamesAccepted", "the initial names have been accepted");
        }
    }
    approve(definition, &mut conditions);
    if !meta(definition, "deletionTimestamp").is_empty() {
        conditions.set("Terminating", "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress");
    }
    if !settled["status"].is_object() {
        settled["status"] = json!({});
    }
    settled["status"]["acceptedNames"] = accepted;
    settled["status"]["conditions"] = json!(conditions.list);
    settled
}

fn approve(definition: &Value, conditions: &mut Conditions<'_>) {
    const KIND: &str = "KubernetesAPIApprovalPolicyConformant";
    let value = definition.pointer("/metadata/annotations/api-approved.kubernetes.io").and_then(Value::as_str).unwrap_or_default();
    match approval_of(definition) {
        Approval::Unprotected => {}
        Approval::Approved => conditions.set(KIND, "True", "ApprovedAnnotation", &format!("approved in {value}")),
        Approval::Bypassed => conditions.set(KIND, "False", "UnapprovedAnnotation", &format!("not approved: {}", json!(value))),
        Approval::Invalid => conditions.set(KIND, "False", "InvalidAnnotation", "the approval annotation is neither a URL nor a reason"),
        Approval::Missing => {
            let message = "protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111";
            conditions.set(KIND, "False", "MissingAnnotation", message);
        }
    }
}

fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) if !one.is_empty() => vec![one.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// Returns the names that other definitions of the group have been given: those of resources and those of kinds.
fn taken(definition: &Value, others: &[Value]) -> (Vec<String>, Vec<String>) {
    let group = at(definition, &["spec", "group"]);
    let (mut resources, mut kinds) = (Vec::new(), Vec::new());
    for other in others {
        if at(other, &["spec", "group"]) != group || meta(other, "name") == meta(definition, "name") {
            continue;
        }
        let Some(names) = at(other, &["status", "acceptedNames"]) else { continue };
        for field in ["plural", "singular", "shortNames"] {
            resources.extend(words(names.get(field)));
        }
        for field in ["kind", "listKind"] {
            kinds.extend(words(names.get(field)));
        }
    }
    (resources, kinds)
}
