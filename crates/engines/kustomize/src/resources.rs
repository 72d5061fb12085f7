//! Paths inside the Tree and the objects of a manifest file.

use std::collections::BTreeSet;

use model::Tree;
use serde_json::Value;

use crate::BuildError;

/// Resolves `.` and `..`; refuses what leads out of the Tree.
pub(crate) fn normal(path: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or("leads out of the tree")?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

pub(crate) fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

pub(crate) fn text(tree: &Tree, path: &str) -> Result<String, BuildError> {
    let bytes = tree.bytes(path).ok_or_else(|| BuildError::NotFound { path: path.to_owned() })?;
    String::from_utf8(bytes.to_vec()).map_err(|_| BuildError::Field { path: path.to_owned(), text: "the file is not UTF-8".to_owned() })
}

/// Reads the objects of a file; lists are unwrapped, their items going to the end.
pub(crate) fn read(tree: &Tree, path: &str) -> Result<Vec<Value>, BuildError> {
    let text = text(tree, path)?;
    let documents = yaml::read_all(&text, yaml::Dialect::Kyaml).map_err(|source| BuildError::Yaml { path: path.to_owned(), source })?;
    let (mut objects, mut listed) = (Vec::new(), Vec::new());
    for document in documents {
        match (document["kind"].as_str().is_some_and(|kind| kind.ends_with("List")), document["items"].as_array()) {
            (true, Some(items)) => listed.extend(items.iter().cloned()),
            _ => objects.push(document),
        }
    }
    objects.extend(listed);
    for object in &objects {
        for (field, value) in [("kind", &object["kind"]), ("metadata.name", &object["metadata"]["name"])] {
            if value.as_str().is_none_or(str::is_empty) {
                return Err(BuildError::Field { path: path.to_owned(), text: format!("missing {field} in object {}", shown(object)) });
            }
        }
    }
    Ok(objects)
}

fn shown(object: &Value) -> String {
    object.to_string().chars().take(120).collect()
}

/// Two objects of one kind, namespace and name cannot be told apart.
pub(crate) fn no_repeats(objects: &[Value], path: &str) -> Result<(), BuildError> {
    let mut seen = BTreeSet::new();
    for object in objects {
        let id = id(object);
        if !seen.insert(id.clone()) {
            let text = format!("may not add resource with an already registered id: {}", id.join("/"));
            return Err(BuildError::Field { path: path.to_owned(), text });
        }
    }
    Ok(())
}

fn id(object: &Value) -> [String; 4] {
    let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    [part(&object["apiVersion"]), part(&object["kind"]), part(&metadata["namespace"]), part(&metadata["name"])]
}
