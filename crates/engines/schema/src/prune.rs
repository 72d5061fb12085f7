use serde_json::Value;

use crate::Schema;

/// Fields that every object carries without its schema naming them.
const ROOT: &[&str] = &["apiVersion", "kind", "metadata"];

/// Removes the fields that the schema does not know and returns their paths, in the order of the document.
///
/// At the root, and in embedded resources, `apiVersion`, `kind` and `metadata` are always known.
pub fn prune(schema: &Schema, value: &mut Value, root: bool) -> Vec<String> {
    let mut gone = Vec::new();
    walk(schema, value, root, "", &mut gone);
    gone
}

fn walk(schema: &Schema, value: &mut Value, root: bool, path: &str, gone: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let root = root || schema.embedded;
            let mut unknown = Vec::new();
            for (name, inner) in map.iter_mut() {
                let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if root
                    && ROOT.contains(&name.as_str())
                    && !(name == "metadata" && schema.properties.contains_key(name) && !schema.embedded)
                {
                    continue;
                }
                match schema.field(name) {
                    Some(field) => walk(field, inner, false, &here, gone),
                    None if schema.preserve_unknown => {}
                    None => {
                        gone.push(here);
                        unknown.push(name.clone());
                    }
                }
            }
            for name in unknown {
                map.remove(&name);
            }
        }
        Value::Array(list) => match &schema.items {
            Some(items) => {
                for (index, inner) in list.iter_mut().enumerate() {
                    walk(items, inner, false, &format!("{path}[{index}]"), gone);
                }
            }
            None if schema.preserve_unknown || schema.kind.is_none() => {}
            None => list
                .iter_mut()
                .enumerate()
                .for_each(|(index, inner)| walk(&Schema::default(), inner, false, &format!("{path}[{index}]"), gone)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
