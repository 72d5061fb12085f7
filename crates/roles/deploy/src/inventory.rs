//! What a Kustomization has applied, as Flux writes it down. Source: fluxcd/cli-utils `pkg/object/objmetadata.go`.

use api::{name, namespace, text};
use model::ObjectRef;
use serde_json::{Value, json};

/// One inventory entry: `<namespace>_<name>_<group>_<kind>` and the version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The id; colons of RBAC names are written `__`.
    pub id: String,
    /// The API version without its group.
    pub version: String,
}

impl Entry {
    /// Returns the entry of an object.
    pub fn of(object: &Value) -> Self {
        let (group, version) = group_version(text(object, &["apiVersion"]));
        let kind = text(object, &["kind"]);
        let id = format!("{}_{}_{group}_{kind}", namespace(object), name(object).replace(':', "__"));
        Self { id, version: version.to_owned() }
    }

    /// Reads the entries of a Kustomization's status.
    pub fn all(status: &Value) -> Vec<Self> {
        let entries = status["inventory"]["entries"].as_array();
        let read = |entry: &Value| Some(Self { id: entry["id"].as_str()?.to_owned(), version: entry["v"].as_str()?.to_owned() });
        entries.into_iter().flatten().filter_map(read).collect()
    }

    /// Returns which object this is; `None` for an id that is malformed.
    pub fn object(&self) -> Option<ObjectRef> {
        let (namespace, rest) = self.id.split_once('_')?;
        let (rest, kind) = rest.rsplit_once('_')?;
        let (name, group) = rest.rsplit_once('_')?;
        let api_version = if group.is_empty() { self.version.clone() } else { format!("{group}/{}", self.version) };
        Some(ObjectRef { api_version, kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.replace("__", ":") })
    }

    /// Writes entries for a status.
    pub fn write(entries: &[Self]) -> Value {
        json!({"entries": entries.iter().map(|entry| json!({"id": entry.id, "v": entry.version})).collect::<Vec<_>>()})
    }
}

fn group_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fluxs() {
        for (object, id) in [
            (json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns1"}}), "_ns1__Namespace"),
            (json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "n"}}), "n_a_apps_Deployment"),
            (
                json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "s:x"}}),
                "_s__x_rbac.authorization.k8s.io_ClusterRole",
            ),
        ] {
            let entry = Entry::of(&object);
            assert_eq!(entry.id, id);
            assert_eq!(entry.object(), Some(api::reference(&object)));
        }
    }
}
