//! Writes of several managers to one object after the other, and who owns what then. What becomes of it on the original is in
//! `owners.txt`, a line each with a digest: `cargo xtask record kubernetes` writes it anew.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::questions::Subject;

const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const WHOLE: &str = "application/json";

/// One write.
pub struct Write {
    /// What it is, in a few words.
    pub told: String,
    pub method: &'static str,
    /// What follows the object's path: a part of it, and the query.
    pub at: &'static str,
    pub media: &'static str,
    /// What is sent; of a write of the whole object, what is changed of it.
    pub body: Value,
}

/// Tells whether writes to an object are compared: those to which something inside of a server answers with writes of its own
/// are not.
pub fn is_compared(subject: &Subject) -> bool {
    !matches!(subject.object["kind"].as_str(), Some("CustomResourceDefinition" | "ValidatingAdmissionPolicy" | "ClusterRole"))
}

/// Returns the writes to an object, in their order.
pub fn writes(subject: &Subject) -> Vec<Write> {
    let object = &subject.object;
    let identity = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": {"name": object["metadata"]["name"]}});
    let mut place = 0;
    let mut half = some(object, &mut place);
    merge(&mut half, &identity);
    let mut other = half.clone();
    grow(&mut other);
    merge(&mut other, &identity);
    let labels = json!({"metadata": {"annotations": {"x": "y"}, "labels": null}});
    let mut all = vec![
        ("applied by the first", "PATCH", "?fieldManager=first&force=true", APPLY, object.clone()),
        ("half of it by the second", "PATCH", "?fieldManager=second", APPLY, half.clone()),
        ("other numbers by the third", "PATCH", "?fieldManager=third", APPLY, other.clone()),
        ("the same by force", "PATCH", "?fieldManager=third&force=true", APPLY, other),
        ("merged by the fourth", "PATCH", "?fieldManager=fourth", MERGE, labels),
        ("merged by its kind", "PATCH", "?fieldManager=fourth", STRATEGIC, json!({"metadata": {"labels": {"l": "m"}}})),
        ("nothing by the second", "PATCH", "?fieldManager=second", APPLY, identity.clone()),
        ("half of it again", "PATCH", "?fieldManager=second&force=true", APPLY, half),
    ];
    if let Some(status) = &subject.status {
        let mut said = identity.clone();
        said["metadata"]["labels"] = json!({"s": "t"});
        said["status"] = status.clone();
        all.push(("told by the fifth", "PATCH", "/status?fieldManager=fifth&force=true", APPLY, said.clone()));
        all.push(("told otherwise by the sixth", "PATCH", "/status?fieldManager=sixth", MERGE, json!({"status": status, "spec": null})));
        let mut less = some(&said, &mut place);
        merge(&mut less, &identity);
        all.push(("less told by the fifth", "PATCH", "/status?fieldManager=fifth", APPLY, less));
    }
    all.push(("written as a whole", "PUT", "?fieldManager=seventh", WHOLE, json!({"metadata": {"annotations": {"z": "1"}}})));
    all.push(("nobody's any more", "PUT", "?fieldManager=seventh", WHOLE, json!({"metadata": {"managedFields": []}})));
    all.push(("applied to what is nobody's", "PATCH", "?fieldManager=first&force=true", APPLY, object.clone()));
    let kind = object["kind"].as_str().unwrap_or_default();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let write = |(told, method, at, media, body)| Write { told: format!("{kind} {name}: {told}"), method, at, media, body };
    all.into_iter().map(write).collect()
}

/// Every second of the fields and items that are not taken apart.
fn some(value: &Value, place: &mut usize) -> Value {
    match value {
        Value::Object(map) => {
            let mut left = Map::new();
            for (name, inner) in map {
                let key = matches!(name.as_str(), "name" | "key" | "type" | "ip" | "containerPort" | "port" | "protocol" | "mountPath");
                if matches!(inner, Value::Object(_)) {
                    left.insert(name.clone(), some(inner, place));
                    continue;
                }
                *place += 1;
                if key || place.is_multiple_of(2) {
                    left.insert(name.clone(), inner.clone());
                }
            }
            Value::Object(left)
        }
        other => other.clone(),
    }
}

/// Makes some numbers larger.
fn grow(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(grow),
        Value::Array(list) => list.iter_mut().for_each(grow),
        Value::Number(number) => {
            if let Some(number) = number.as_i64() {
                *value = json!(number + 1);
            }
        }
        _ => {}
    }
}

/// Lays a change over an object.
pub fn merge(object: &mut Value, change: &Value) {
    match (object, change) {
        (Value::Object(map), Value::Object(change)) => {
            for (name, value) in change {
                merge(map.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (place, change) => *place = change.clone(),
    }
}

/// Brings an answer into the form that is compared: what was decided and said, and who owns what.
pub fn kept(status: u16, mut body: Value) -> Value {
    if status >= 300 {
        let mut causes = body["details"]["causes"].take();
        if let Value::Array(list) = &mut causes {
            // The original has no order of owners; each owner's fields have one.
            list.sort_by_key(|cause| cause["message"].to_string());
            for cause in list {
                cause["message"] = json!(steady(cause["message"].as_str().unwrap_or_default()));
            }
        }
        return json!({"status": status, "message": steady(body["message"].as_str().unwrap_or_default()), "causes": causes});
    }
    let mut owners = body["metadata"]["managedFields"].take();
    for owner in owners.as_array_mut().into_iter().flatten() {
        if let Some(time) = owner.get_mut("time") {
            *time = json!("then");
        }
    }
    if let Value::Array(list) = &mut owners {
        // Their order follows from their times.
        list.sort_by_key(Value::to_string);
    }
    json!({"status": status, "owners": owners, "generation": body["metadata"]["generation"]})
}

/// What is told of a change of a Pod shows names that are made up.
fn steady(message: &str) -> &str {
    message.split("\n@@").next().unwrap_or_default()
}

/// Returns the line that is kept of an answer.
pub fn line(write: &Write, answer: &Value) -> String {
    let mut text = answer.to_string();
    const MADE_UP: &str = "kube-api-access-";
    let mut from = 0;
    while let Some(at) = text[from..].find(MADE_UP).map(|at| from + at + MADE_UP.len()) {
        text.replace_range(at..(at + 5).min(text.len()), "NAME");
        from = at;
    }
    let digest: String = Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{} {} {digest}", write.told, answer["status"])
}
