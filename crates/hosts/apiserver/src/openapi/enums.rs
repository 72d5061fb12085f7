//! Which values a field may have: told to readers of the documents, such as `kubectl explain`. Nothing is checked by it; what
//! is wrong about a value each kind says in its own words.

use serde_json::{Map, Value, json};

pub(super) const TABLE: &str = include_str!("enums.txt");

/// Adds the possible values to definitions.
pub(super) fn annotate(schemas: &mut Map<String, Value>) {
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let (Some(name), Some(field), Some(values)) = (words.next(), words.next(), words.next()) else { continue };
        let property =
            schemas.get_mut(&format!("io.k8s.api.{name}")).and_then(|schema| schema.pointer_mut(&format!("/properties/{field}")));
        let Some(property) = property else { continue };
        let values: Vec<&str> = values.split('|').collect();
        match property.get_mut("items") {
            Some(items) => items["enum"] = json!(values),
            None => property["enum"] = json!(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_names_a_field_that_is_there() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let definition = crate::builtin::DEFINITIONS.get(&format!("io.k8s.api.{}", words[0])).unwrap_or(&Value::Null);
            assert!(definition["properties"].get(words[1]).is_some(), "{line}");
            let inner = definition["properties"][words[1]].get("items").unwrap_or(&definition["properties"][words[1]]);
            assert_eq!(inner["type"], "string", "{line}");
        }
    }

    #[test]
    fn values_are_told() {
        let mut schemas = crate::builtin::closure(&["io.k8s.api.core.v1.PodSpec".to_owned()]);
        annotate(&mut schemas);
        let told = |name: &str, path: &str| schemas[&format!("io.k8s.api.core.v1.{name}")].pointer(path).cloned();
        assert_eq!(told("PodSpec", "/properties/restartPolicy/enum"), Some(json!(["Always", "Never", "OnFailure"])));
        assert_eq!(told("PersistentVolumeClaimSpec", "/properties/accessModes/items/enum/3"), Some(json!("ReadWriteOncePod")));
    }
}
