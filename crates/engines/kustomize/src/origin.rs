//! Where resources came from and what changed them, as annotations. Source: kustomize `api/resource/origin.go`.

use serde_json::Value;

use crate::list::List;
use crate::resource::Resource;
use crate::value::{set, text_at};

/// The annotation with a resource's origin.
pub(crate) const ORIGIN: &str = "config.kubernetes.io/origin";
/// The annotation with what changed it.
pub(crate) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// Who made or changed something.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub path: String,
    configured_in: String,
    api_version: String,
    kind: String,
    name: String,
    namespace: String,
}

impl Origin {
    /// A file or folder named by this one.
    pub(crate) fn below(&self, path: &str) -> Self {
        Self { path: joined(&self.path, path), ..Self::default() }
    }

    /// A transformer or generator of a field of the kustomization file.
    pub(crate) fn builtin(&self, file: &str, kind: &str) -> Self {
        Self { configured_in: joined(&self.path, file), api_version: "builtin".to_owned(), kind: kind.to_owned(), ..Self::default() }
    }

    /// A transformer or generator with a configuration of its own.
    pub(crate) fn of_plugin(plugin: &Resource) -> Option<Self> {
        let origin = text_at(&plugin.value, &["metadata", "annotations", ORIGIN]);
        let path = origin.lines().find_map(|line| line.strip_prefix("path: "))?.to_owned();
        Some(Self {
            path: String::new(),
            configured_in: path,
            api_version: plugin.gvk().api_version(),
            kind: plugin.kind(),
            name: plugin.name(),
            namespace: plugin.namespace(),
        })
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |indent: &str, key: &str, value: &str| {
            if !value.is_empty() {
                text.push_str(&format!("{indent}{key}: {value}\n"));
            }
        };
        line("", "path", &self.path);
        line("", "configuredIn", &self.configured_in);
        if !self.kind.is_empty() {
            line("", "configuredBy:", " ");
            line("  ", "apiVersion", &self.api_version);
            line("  ", "kind", &self.kind);
            line("  ", "name", &self.name);
            line("  ", "namespace", &self.namespace);
        }
        text.replace("configuredBy::  \n", "configuredBy:\n")
    }
}

/// Joins and cleans a path; one that leads upwards keeps its `..`.
fn joined(folder: &str, path: &str) -> String {
    let whole = format!("{folder}/{path}");
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Notes where a resource came from.
pub(crate) fn annotate(resource: &mut Resource, origin: &Origin) {
    set(&mut resource.value, &["metadata", "annotations", ORIGIN], Value::String(origin.text()));
}

/// Notes what changed the resources; what has no origin yet was made by it.
pub(crate) fn changed(list: &mut List, origin: &Origin) {
    for resource in &mut list.items {
        let mut annotations = resource.annotations();
        if annotations.contains_key(ORIGIN) {
            let indented: String =
                origin.text().lines().enumerate().map(|(at, line)| format!("{}{line}\n", if at == 0 { "- " } else { "  " })).collect();
            let so_far = annotations.get(TRANSFORMATIONS).and_then(Value::as_str).unwrap_or_default();
            let text = format!("{so_far}{indented}");
            annotations.insert(TRANSFORMATIONS.to_owned(), Value::String(text));
            resource.set_texts("annotations", annotations);
        } else {
            annotate(resource, origin);
        }
    }
}
