//! AppArmor profiles that are still said in annotations. Follows kubernetes `pkg/registry/core/pod/strategy.go`
//! `applyAppArmorVersionSkew`, `pkg/api/pod/util.go` `ApparmorFieldForAnnotation`.

use serde_json::{Value, json};

use crate::catalog::Resource;
use crate::object;

/// Begin of the annotations: the name of the container follows.
pub(crate) const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Returns the profile for which an annotation stands.
pub(crate) fn profile(annotation: &str) -> Option<Value> {
    match annotation {
        "unconfined" => Some(json!({"type": "Unconfined"})),
        "runtime/default" => Some(json!({"type": "RuntimeDefault"})),
        _ => {
            let file = annotation.strip_prefix("localhost/").filter(|file| !file.is_empty())?;
            Some(json!({"type": "Localhost", "localhostProfile": file}))
        }
    }
}

/// Writes into the containers of a new Pod what its annotations say of them. Returns what is said of that.
pub(crate) fn carry_over(resource: &Resource, pod: &mut Value) -> Vec<String> {
    let windows = |pod: &Value| pod.pointer("/spec/os/name").is_some_and(|name| name == "windows");
    if resource.kind != "Pod" || resource.custom.is_some() || windows(pod) {
        return Vec::new();
    }
    let annotations = object::pairs(pod, "annotations").cloned().unwrap_or_default();
    let of_pod = pod.pointer("/spec/securityContext/appArmorProfile").cloned();
    let mut said = Vec::new();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let containers = pod.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter(|one| one.pointer("/securityContext/appArmorProfile").is_none()) {
            let key = format!("{ANNOTATION}{}", container["name"].as_str().unwrap_or_default());
            let Some(annotation) = annotations.get(&key).and_then(Value::as_str) else { continue };
            // A file with space around it is no profile.
            let profile = profile(annotation).filter(|_| annotation.trim() == annotation && !annotation.starts_with("localhost/ "));
            if profile.is_some() && profile == of_pod {
                continue;
            }
            said.push(format!("metadata.annotations[{key}]: deprecated since v1.30; use the \"appArmorProfile\" field instead"));
            if let Some(profile) = profile {
                container["securityContext"]["appArmorProfile"] = profile;
            }
        }
    }
    said
}
