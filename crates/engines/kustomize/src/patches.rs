//! `patches`: strategic merge or RFC 6902, told apart by their form. Source: kustomize
//! `api/internal/builtins/PatchTransformer.go`.

use regex::Regex;
use serde_json::{Map, Value};

use crate::file::Patch;
use crate::{BuildError, merge};

pub(crate) fn apply(objects: &mut Vec<Value>, patch: &Patch) -> Result<(), BuildError> {
    let refuse = |text: String| BuildError::Field { path: patch.place.clone(), text };
    let documents = yaml::read_all(&patch.text, yaml::Dialect::Kyaml).map_err(|source| BuildError::Yaml { path: patch.place.clone(), source })?;
    for document in documents {
        match (&document, &patch.target) {
            (Value::Array(_), None) => return Err(refuse("a JSON patch needs a target".to_owned())),
            (Value::Array(_), Some(target)) => {
                let operations: json_patch::Patch = serde_json::from_value(document.clone()).map_err(|error| refuse(format!("no JSON patch: {error}")))?;
                let selector = Selector::new(target, &refuse)?;
                for object in objects.iter_mut().filter(|object| selector.fits(object)) {
                    json_patch::patch(object, &operations).map_err(|error| refuse(error.to_string()))?;
                }
            }
            (Value::Object(_), Some(target)) => {
                let selector = Selector::new(target, &refuse)?;
                merge_into(objects, &document, |object| selector.fits(object));
            }
            (Value::Object(_), None) => {
                if !objects.iter().any(|object| same(object, &document)) {
                    let name = document["metadata"]["name"].as_str().unwrap_or_default();
                    let kind = document["kind"].as_str().unwrap_or_default();
                    return Err(refuse(format!("no resource matches strategic merge patch {kind:?}.{name:?}: no matches for Id")));
                }
                merge_into(objects, &document, |object| same(object, &document));
            }
            _ => return Err(refuse("the patch is neither a strategic merge patch nor a JSON patch".to_owned())),
        }
    }
    Ok(())
}

fn merge_into(objects: &mut Vec<Value>, patch: &Value, fits: impl Fn(&Value) -> bool) {
    objects.retain_mut(|object| {
        if !fits(object) {
            return true;
        }
        if patch["$patch"] == "delete" {
            return false;
        }
        let kept = (object["apiVersion"].clone(), object["kind"].clone(), object["metadata"]["name"].clone(), object["metadata"]["namespace"].clone());
        merge::strategic(object, patch);
        (object["apiVersion"], object["kind"], object["metadata"]["name"]) = (kept.0, kept.1, kept.2);
        if !kept.3.is_null() {
            object["metadata"]["namespace"] = kept.3;
        }
        true
    });
}

fn same(object: &Value, patch: &Value) -> bool {
    let group = |value: &Value| value["apiVersion"].as_str().unwrap_or_default().rsplit_once('/').map_or("", |(group, _)| group).to_owned();
    let namespace = |value: &Value| value["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
    group(object) == group(patch) && object["kind"] == patch["kind"] && object["metadata"]["name"] == patch["metadata"]["name"]
        && (patch["metadata"]["namespace"].is_null() || namespace(object) == namespace(patch))
}

struct Selector {
    parts: Vec<(&'static str, Regex)>,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
}

impl Selector {
    fn new(target: &Map<String, Value>, refuse: &dyn Fn(String) -> BuildError) -> Result<Self, BuildError> {
        let mut selector = Self { parts: Vec::new(), labels: Vec::new(), annotations: Vec::new() };
        for field in ["group", "version", "kind", "name", "namespace"] {
            let Some(pattern) = target.get(field).and_then(Value::as_str).filter(|pattern| !pattern.is_empty()) else { continue };
            let regex = golang::regexp(&format!("^(?:{pattern})$")).map_err(|error| refuse(format!("target.{field}: {error}")))?;
            selector.parts.push((field, regex));
        }
        selector.labels = pairs(target, "labelSelector", refuse)?;
        selector.annotations = pairs(target, "annotationSelector", refuse)?;
        Ok(selector)
    }

    fn fits(&self, object: &Value) -> bool {
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let has = |part: &str, pairs: &[(String, String)]| pairs.iter().all(|(key, value)| object["metadata"][part][key] == value.as_str());
        self.parts.iter().all(|(field, regex)| {
            regex.is_match(match *field {
                "group" => group,
                "version" => version,
                "kind" => object["kind"].as_str().unwrap_or_default(),
                "name" => object["metadata"]["name"].as_str().unwrap_or_default(),
                _ => object["metadata"]["namespace"].as_str().unwrap_or("default"),
            })
        }) && has("labels", &self.labels)
            && has("annotations", &self.annotations)
    }
}

fn pairs(target: &Map<String, Value>, field: &str, refuse: &dyn Fn(String) -> BuildError) -> Result<Vec<(String, String)>, BuildError> {
    let Some(text) = target.get(field).and_then(Value::as_str) else { return Ok(Vec::new()) };
    let one = |part: &str| match part.split_once('=') {
        Some((key, value)) if !key.ends_with('!') => Ok((key.trim().to_owned(), value.trim_start_matches('=').trim().to_owned())),
        _ => Err(refuse(format!("target.{field}: only key=value is supported, not {part:?}"))),
    };
    text.split(',').map(|part| one(part.trim())).collect()
}
