//! What the OpenAPI documents of a server say, a line for each definition and each path. What the original's say is in
//! `documents.txt`: `cargo xtask record kubernetes` writes it anew. Descriptions do not count.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Where the documents are listed.
pub const INDEX: &str = "/openapi/v3";

/// Returns the places of the documents that an index lists, in order.
pub fn places(index: &Value) -> Vec<String> {
    index["paths"].as_object().into_iter().flatten().map(|(name, _)| format!("{INDEX}/{name}")).collect()
}

/// Returns what stands in a document: what it is, and a digest of what it says.
pub fn lines(document: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (word, place) in [("definition", "/components/schemas"), ("path", "/paths")] {
        for (name, value) in document.pointer(place).and_then(Value::as_object).into_iter().flatten() {
            found.push((format!("{word} {name}"), digest(value)));
        }
    }
    found
}

fn digest(value: &Value) -> String {
    let mut bare = value.clone();
    strip(&mut bare, false);
    Sha256::digest(bare.to_string()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Takes descriptions away, but no property of that name. The order of parameters is no matter.
fn strip(value: &mut Value, properties: bool) {
    match value {
        Value::Object(map) => {
            if !properties {
                map.remove("description");
            }
            map.iter_mut().for_each(|(name, inner)| strip(inner, name == "properties" && !properties));
        }
        Value::Array(list) => {
            list.iter_mut().for_each(|inner| strip(inner, false));
            if list.iter().all(|one| one.get("in").is_some()) {
                list.sort_by_key(|one| one.to_string());
            }
        }
        _ => {}
    }
}
