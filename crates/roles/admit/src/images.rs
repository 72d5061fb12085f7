//! The images of an object: of a Pod, or of anything that makes Pods from a template. Read first: [`images`].

use serde_json::Value;

/// Most images of one object.
const IMAGES: usize = 500;

/// An image where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// `spec.containers[0].image`, …
    pub path: String,
    /// As it is written; empty where there is none.
    pub text: String,
}

/// Returns where the Pod specification of a kind stands, and `None` for kinds that start no Pods.
pub(crate) fn pod_spec(group: &str, kind: &str) -> Option<&'static [&'static str]> {
    match (group, kind) {
        ("", "Pod") => Some(&["spec"]),
        ("", "ReplicationController" | "PodTemplate")
        | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")
        | ("batch", "Job") => Some(if kind == "PodTemplate" { &["template", "spec"] } else { &["spec", "template", "spec"] }),
        ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => None,
    }
}

/// Returns every image of a Pod specification: of containers of all three kinds, and of image volumes.
pub(crate) fn images(object: &Value, place: &[&str]) -> Result<Vec<Image>, String> {
    let spec = place.iter().fold(object, |value, key| &value[*key]);
    let root = place.join(".");
    let mut found = Vec::new();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for (at, container) in items(&spec[list], &format!("{root}.{list}"))?.iter().enumerate() {
            found.push(image(&container["image"], format!("{root}.{list}[{at}].image"))?);
        }
    }
    for (at, volume) in items(&spec["volumes"], &format!("{root}.volumes"))?.iter().enumerate() {
        // A volume without a reference gets it from nowhere: it mounts nothing.
        if !volume["image"]["reference"].is_null() {
            found.push(image(&volume["image"]["reference"], format!("{root}.volumes[{at}].image.reference"))?);
        }
    }
    if found.len() > IMAGES {
        return Err(format!("{root}: more than {IMAGES} images"));
    }
    Ok(found)
}

fn items<'a>(list: &'a Value, path: &str) -> Result<&'a [Value], String> {
    match list {
        Value::Null => Ok(&[]),
        Value::Array(items) => Ok(items),
        _ => Err(format!("{path}: must be a list")),
    }
}

fn image(value: &Value, path: String) -> Result<Image, String> {
    match value {
        Value::Null => Ok(Image { path, text: String::new() }),
        Value::String(text) => Ok(Image { path, text: text.clone() }),
        _ => Err(format!("{path}: must be a text")),
    }
}
