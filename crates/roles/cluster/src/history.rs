//! ControllerRevisions: the pod templates that a StatefulSet or DaemonSet has had. Follows kubernetes/kubernetes
//! `pkg/controller/history/controller_history.go`, to the letter of the names, so that `kubectl rollout undo` finds its way.

use model::{Action, ClusterName};
use serde_json::{Map, Value, json};

use crate::owned::{LETTERS, change, count, create, delete, owner_reference};

/// Label of the hash of a StatefulSet's revisions.
pub(crate) const HASH: &str = "controller.kubernetes.io/hash";
/// Longest begin of a revision's name.
const PREFIX: usize = 223;

/// The revisions of an object, and what is to be done with them.
pub(crate) struct History<'a> {
    /// Oldest first.
    pub(crate) all: Vec<&'a Value>,
    /// The name of the revision of the present template.
    pub(crate) update: String,
    /// Its hash.
    pub(crate) hash: String,
    /// Makes it or makes it the newest.
    pub(crate) actions: Vec<Action>,
    /// How often a name was taken already.
    pub(crate) collisions: i64,
}

impl<'a> History<'a> {
    /// Finds the revision of the present template, or makes one; its hash stands under this label.
    pub(crate) fn of(cluster: &ClusterName, object: &Value, revisions: &'a [Value], label: &str) -> Self {
        let mut all: Vec<&Value> = revisions.iter().collect();
        all.sort_by_key(|one| (number(one), api::text(one, &["metadata", "creationTimestamp"]), api::name(one)));
        let data = data(&object["spec"]["template"]);
        let mut collisions = count(&object["status"]["collisionCount"], 0);
        let next = all.last().map_or(0, |last| number(last)) + 1;
        if let Some(same) = all.iter().rev().copied().find(|one| alike(&one["data"], &data)) {
            let renumber = (number(same) + 1 != next).then(|| change(cluster, same, json!({"revision": next})));
            let hash = api::label(same, label).unwrap_or_default().to_owned();
            return Self { all, update: api::name(same).to_owned(), hash, actions: renumber.into_iter().collect(), collisions };
        }
        let named = |collisions: i64| {
            let hash = hash(&data, collisions);
            let prefix: String = api::name(object).chars().take(PREFIX).collect();
            (format!("{prefix}-{hash}"), hash)
        };
        let (mut name, mut found) = named(collisions);
        while all.iter().any(|one| api::name(one) == name) {
            collisions += 1;
            (name, found) = named(collisions);
        }
        let mut labels = object["spec"]["template"]["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        labels.insert(label.to_owned(), json!(found));
        let mut revision = json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision",
            "metadata": {
                "name": name, "namespace": api::namespace(object), "labels": labels, "ownerReferences": owner_reference(object),
            },
            "data": data, "revision": next,
        });
        if object["metadata"]["annotations"].is_object() {
            revision["metadata"]["annotations"] = object["metadata"]["annotations"].clone();
        }
        Self { all, update: name, hash: found, actions: vec![create(cluster, revision)], collisions }
    }

    /// Returns the pod template of a revision.
    pub(crate) fn template(&self, name: &str) -> Option<Value> {
        let revision = self.all.iter().find(|one| api::name(one) == name)?;
        let mut template = revision["data"]["spec"]["template"].clone();
        template.as_object_mut()?.remove("$patch");
        Some(template)
    }

    /// Deletes the oldest revisions beyond the limit that nothing has any more.
    pub(crate) fn surplus(&self, cluster: &ClusterName, object: &Value, is_live: impl Fn(&Value) -> bool) -> Vec<Action> {
        let limit = usize::try_from(count(&object["spec"]["revisionHistoryLimit"], 10)).unwrap_or(0);
        let old: Vec<&&Value> = self.all.iter().filter(|one| api::name(one) != self.update && !is_live(one)).collect();
        let many = old.len().saturating_sub(limit);
        old.into_iter().take(many).map(|one| delete(cluster, one)).collect()
    }
}

fn number(revision: &Value) -> i64 {
    count(&revision["revision"], 0)
}

/// What is kept of an object: a patch that puts its pod template back.
fn data(template: &Value) -> Value {
    let mut template = pruned(template);
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

/// Leaves out what is null: it means nothing, and older versions wrote it.
fn pruned(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), pruned(value)));
            Value::Object(kept.collect::<Map<String, Value>>())
        }
        Value::Array(all) => Value::Array(all.iter().map(pruned).collect()),
        other => other.clone(),
    }
}

fn alike(one: &Value, other: &Value) -> bool {
    pruned(one) == *other
}

/// FNV over the patch as Go writes it, and over the number of collisions, in letters that make no words.
fn hash(data: &Value, collisions: i64) -> String {
    let mut text = String::new();
    write(data, &mut text);
    text.push_str(&collisions.to_string());
    let sum = text.bytes().fold(0x811c_9dc5u32, |sum, byte| sum.wrapping_mul(0x0100_0193) ^ u32::from(byte));
    sum.to_string().bytes().map(|digit| char::from(LETTERS[usize::from(digit) % LETTERS.len()])).collect()
}

/// Writes JSON as Go's `encoding/json` does: keys in order, and no characters that mean something in HTML.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for (at, key) in keys.into_iter().enumerate() {
                out.push(if at == 0 { '{' } else { ',' });
                write(&Value::from(key.as_str()), out);
                out.push(':');
                write(&map[key], out);
            }
            out.push_str(if map.is_empty() { "{}" } else { "}" });
        }
        Value::Array(all) => {
            for (at, one) in all.iter().enumerate() {
                out.push(if at == 0 { '[' } else { ',' });
                write(one, out);
            }
            out.push_str(if all.is_empty() { "[]" } else { "]" });
        }
        Value::String(text) => {
            for character in Value::from(text.as_str()).to_string().chars() {
                match character {
                    '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
                    other => out.push(other),
                }
            }
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name that kube-controller-manager 1.34 gave, kubernetes/kubernetes
    /// `pkg/controller/statefulset/testdata/compatibility_revision_1.34.0.json`.
    #[test]
    fn revisions_are_named_as_upstream_names_them() {
        let template = json!({
            "metadata": {"annotations": {"test": "value"}, "labels": {"app": "foo"}, "creationTimestamp": null},
            "spec": {
                "containers": [{"image": "test", "imagePullPolicy": "Always", "name": "test", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
                "terminationGracePeriodSeconds": 30,
            },
        });
        assert_eq!(hash(&data(&template), 0), "776999688b");
        assert_ne!(hash(&data(&template), 1), "776999688b");
    }
}
