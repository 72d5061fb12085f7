//! `spec.postBuild`: variables in the rendered objects, each object's YAML text being taken for a template.
//! Follows fluxcd/pkg `kustomize/kustomize_varsub.go`; what can be done to a variable is [`golang::envsubst`].

use std::collections::BTreeMap;

use api::text;
use golang::{EnvsubstError, envsubst};
use serde_json::Value;
use yaml::{Dialect, read, write};

/// Label or annotation of an object that stays as it is.
const MARK: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// Replaces the variables of rendered objects by a `spec.postBuild`, null for none; the error is the whole message of the
/// build failure. `substituteFrom` is not read: [`api::unsupported`] tells it.
pub fn substitute(objects: Vec<Value>, post_build: &Value) -> Result<Vec<Value>, String> {
    if post_build.is_null() {
        return Ok(objects);
    }
    let given = post_build["substitute"].as_object().into_iter().flatten();
    // Several lines in one value would change the YAML around it.
    let variables: BTreeMap<&str, String> =
        given.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().replace('\n', ""))).collect();
    if variables.is_empty() && text(post_build, &["substituteStrategy"]) != "Always" {
        return Ok(objects);
    }
    objects.into_iter().map(|object| one(object, &variables)).collect()
}

fn one(object: Value, variables: &BTreeMap<&str, String>) -> Result<Value, String> {
    let marked = |part: &str| object["metadata"][part][MARK] == "disabled";
    if marked("labels") || marked("annotations") {
        return Ok(object);
    }
    replaced(&object, variables).map_err(|why| format!("post build failed for '{}': envsubst error: {why}", id(&object)))
}

fn replaced(object: &Value, variables: &BTreeMap<&str, String>) -> Result<Value, String> {
    if let Some(name) = variables.keys().find(|name| !is_name(name)) {
        return Err(format!("'{name}' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'"));
    }
    let value = |name: &str| variables.get(name).cloned();
    let filled = envsubst(&write(object), &value, true).map_err(|error: EnvsubstError| format!("variable substitution failed: {error}"))?;
    match read(&filled, Dialect::Sigs) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err("the object is no map any more".to_owned()),
        Err(error) => Err(format!("the object is no YAML any more: {error}")),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic()) && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// Names an object as kustomize does.
fn id(object: &Value) -> String {
    let api_version = text(object, &["apiVersion"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("[noGrp]", api_version));
    format!("{}.{version}.{group}/{}", text(object, &["kind"]), text(object, &["metadata", "name"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(value: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "alpha"}, "data": {"a": value}})
    }

    #[test]
    fn variables_are_filled_in_where_they_stand() {
        let post_build = json!({"substitute": {"n": "1", "name": "web", "lines": "a\nb", "empty": ""}});
        for (value, wanted) in [
            ("${name}-x", json!("web-x")),
            ("${name:-d} ${none:=d} ${empty:-e}", json!("web d e")),
            // Quotes around a number are gone when the text is read again.
            ("${n}", json!(1)),
            ("${lines}", json!("ab")),
            ("$${name} $name", json!("${name} $name")),
        ] {
            let objects = substitute(vec![config(value)], &post_build).expect(value);
            assert_eq!(objects[0]["data"]["a"], wanted, "{value}");
        }
        let marked = json!({"kind": "ConfigMap", "metadata": {"name": "a", "labels": {MARK: "disabled"}}, "data": {"a": "${x"}});
        assert_eq!(substitute(vec![marked.clone()], &post_build), Ok(vec![marked]));
        // Without variables nothing is read for any, unless that is wanted.
        assert_eq!(substitute(vec![config("${x")], &json!({"substitute": {}})), Ok(vec![config("${x")]));
        assert!(substitute(vec![config("${x")], &json!({"substituteStrategy": "Always"})).is_err());
    }

    #[test]
    fn what_cannot_be_filled_in_says_why() {
        for (value, post_build, why) in [
            ("${x", json!({"substitute": {"x": "1"}}), "variable substitution failed: missing closing brace"),
            ("${x}", json!({"substitute": {"y": "1"}}), "variable substitution failed: variable not set (strict mode): \"x\""),
            ("x", json!({"substitute": {"a.b": "1"}}), "'a.b' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'"),
        ] {
            let message = format!("post build failed for 'ConfigMap.v1.[noGrp]/alpha': envsubst error: {why}");
            assert_eq!(substitute(vec![config(value)], &post_build), Err(message));
        }
    }
}
