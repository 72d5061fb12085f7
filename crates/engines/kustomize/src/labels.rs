//! Labels and annotations, and where selectors and templates repeat them.
//! Source: kustomize `api/internal/konfig/builtinpluginconsts/commonlabels.go`.

use serde_json::{Map, Value};

use crate::file::Labels;

const TEMPLATED: [&str; 6] = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job"];

pub(crate) fn add(object: &mut Value, labels: &Labels) {
    put(object, &["metadata", "labels"], &labels.pairs, true);
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let templated = TEMPLATED.contains(&kind.as_str());
    if labels.templates {
        if templated {
            put(object, &["spec", "template", "metadata", "labels"], &labels.pairs, true);
        }
        if kind == "CronJob" {
            put(object, &["spec", "jobTemplate", "metadata", "labels"], &labels.pairs, true);
            put(object, &["spec", "jobTemplate", "spec", "template", "metadata", "labels"], &labels.pairs, true);
        }
    }
    if !labels.selectors {
        return;
    }
    match kind.as_str() {
        "Service" | "ReplicationController" => put(object, &["spec", "selector"], &labels.pairs, kind == "Service" && object["spec"]["selector"].is_object()),
        "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet" => put(object, &["spec", "selector", "matchLabels"], &labels.pairs, true),
        "Job" => put(object, &["spec", "selector", "matchLabels"], &labels.pairs, false),
        "NetworkPolicy" => put(object, &["spec", "podSelector", "matchLabels"], &labels.pairs, false),
        "PodDisruptionBudget" => put(object, &["spec", "selector", "matchLabels"], &labels.pairs, false),
        _ => {}
    }
}

pub(crate) fn annotate(object: &mut Value, annotations: &Map<String, Value>) {
    put(object, &["metadata", "annotations"], annotations, true);
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    if TEMPLATED.contains(&kind.as_str()) {
        put(object, &["spec", "template", "metadata", "annotations"], annotations, true);
    }
    if kind == "CronJob" {
        put(object, &["spec", "jobTemplate", "metadata", "annotations"], annotations, true);
        put(object, &["spec", "jobTemplate", "spec", "template", "metadata", "annotations"], annotations, true);
    }
}

fn put(object: &mut Value, path: &[&str], pairs: &Map<String, Value>, create: bool) {
    let mut at = object;
    for key in path {
        if at.get(*key).is_none_or(Value::is_null) {
            if !create {
                return;
            }
            at[*key] = Value::Object(Map::new());
        }
        at = &mut at[*key];
    }
    if let Some(map) = at.as_object_mut() {
        map.extend(pairs.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}
