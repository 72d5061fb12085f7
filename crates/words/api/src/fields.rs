use model::ObjectRef;
use serde_json::Value;

/// Returns the text at a path of keys, empty when there is none.
pub fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    path.iter().fold(value, |value, key| &value[*key]).as_str().unwrap_or_default()
}

/// Returns the texts of a list.
pub fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// Returns an object's name.
pub fn name(object: &Value) -> &str {
    text(object, &["metadata", "name"])
}

/// Returns an object's namespace, empty for a cluster-scoped one.
pub fn namespace(object: &Value) -> &str {
    text(object, &["metadata", "namespace"])
}

/// Returns an object's uid.
pub fn uid(object: &Value) -> &str {
    text(object, &["metadata", "uid"])
}

/// Returns an object's generation, 0 when it has none.
pub fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or_default()
}

/// Returns a label's value.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["labels"][key].as_str()
}

/// Returns an annotation's value.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

/// Returns the name of an object for an action.
pub fn reference(object: &Value) -> ObjectRef {
    ObjectRef {
        api_version: text(object, &["apiVersion"]).to_owned(),
        kind: text(object, &["kind"]).to_owned(),
        namespace: namespace(object).to_owned(),
        name: name(object).to_owned(),
    }
}
