//! Pod Security: a namespace's labels say which of the standards its Pods must keep. Follows
//! kubernetes/pod-security-admission `admission/admission.go`.

use std::collections::BTreeMap;

use schema::Violation;
use serde_json::{Map, Value, json};

use super::Ask;
use super::pod_standards::{Breach, LATEST, Level, breaches};
use crate::Server;
use crate::object::{self, meta};
use crate::status::{ApiError, ApiResult};

const PREFIX: &str = "pod-security.kubernetes.io/";
/// Subresources that change nothing of what is checked.
const IGNORED: &[&str] = &["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"];
/// So many Pods are looked at when a namespace becomes stricter.
const PODS: usize = 3_000;

/// A level as of a release; `None` is the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standard {
    level: Level,
    version: Option<u32>,
}

impl std::fmt::Display for Standard {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let level = match self.level {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        };
        match self.version {
            Some(minor) => write!(out, "{level}:v1.{minor}"),
            None => write!(out, "{level}:latest"),
        }
    }
}

impl Standard {
    fn breaches(&self, metadata: &Value, spec: &Value) -> Vec<Breach> {
        breaches(self.level, self.version.unwrap_or(LATEST), metadata, spec)
    }
}

/// What a namespace asks of its Pods.
struct Policy {
    enforce: Standard,
    warn: Standard,
}

fn read_level(text: &str) -> Option<Level> {
    match text {
        "privileged" => Some(Level::Privileged),
        "baseline" => Some(Level::Baseline),
        "restricted" => Some(Level::Restricted),
        _ => None,
    }
}

fn read_version(text: &str) -> Result<Option<u32>, ()> {
    if text == "latest" {
        return Ok(None);
    }
    let digits = text.strip_prefix("v1.").ok_or(())?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().map(Some).map_err(|_| ()) } else { Err(()) }
}

impl Policy {
    /// Reads the labels of a namespace; what cannot be read counts as the strictest, and is told.
    fn read(labels: Option<&Map<String, Value>>) -> (Self, Vec<Violation>) {
        let open = Standard { level: Level::Privileged, version: None };
        let mut policy = Self { enforce: open, warn: open };
        let mut found = Vec::new();
        let label = |name: &str| labels.and_then(|labels| labels.get(&format!("{PREFIX}{name}"))).and_then(Value::as_str);
        let mut told = |name: &str, value: &str, why: &str| {
            found.push(Violation::invalid(&format!("metadata.labels[{PREFIX}{name}]"), &json!(value), why));
        };
        let mut read = |mode: &str, standard: &mut Standard, unread: Level| -> (bool, bool) {
            let level = label(mode).map(|text| {
                let level = read_level(text);
                if level.is_none() {
                    told(mode, text, "must be one of privileged, baseline, restricted");
                }
                level
            });
            if let Some(level) = level {
                standard.level = level.unwrap_or(unread);
            }
            let name = format!("{mode}-version");
            let version = label(&name);
            if let Some(text) = version {
                standard.version = read_version(text).unwrap_or_else(|()| {
                    told(&name, text, "must be \"latest\" or \"v1.x\"");
                    None
                });
            }
            (level.flatten().is_some(), level.is_some() || version.is_some())
        };
        let (enforced, _) = read("enforce", &mut policy.enforce, Level::Restricted);
        // What is only written down is checked all the same, so that a wrong label is told.
        let _ = read("audit", &mut open.clone(), Level::Privileged);
        read("warn", &mut policy.warn, Level::Privileged);
        if label("warn").is_none() && enforced && policy.enforce.level > policy.warn.level {
            policy.warn.level = policy.enforce.level;
            if label("warn-version").is_none() {
                policy.warn.version = policy.enforce.version;
            }
        }
        (policy, found)
    }
}

fn told(breaches: &[Breach]) -> String {
    breaches.iter().map(|one| format!("{} ({})", one.reason, one.detail)).collect::<Vec<_>>().join(", ")
}

/// Checks a Pod, what makes Pods, or the labels of a namespace.
pub(super) fn validate(
    server: &Server,
    ask: &Ask<'_>,
    object: Option<&Value>,
    old: Option<&Value>,
    warnings: &mut Vec<String>,
) -> ApiResult<()> {
    let Some(object) = object.filter(|_| matches!(ask.operation, "CREATE" | "UPDATE") && ask.resource.custom.is_none()) else {
        return Ok(());
    };
    if ask.is_namespace() {
        return if ask.subresource.is_empty() { namespace(server, ask, object, old, warnings) } else { Ok(()) };
    }
    let enforced = ask.resource.kind == "Pod" && ask.resource.group.is_empty();
    let path = match (ask.resource.group.as_str(), ask.resource.kind.as_str()) {
        ("", "Pod") => "",
        ("", "PodTemplate") => "/template",
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet") | ("batch", "Job") | ("", "ReplicationController") => {
            "/spec/template"
        }
        ("batch", "CronJob") => "/spec/jobTemplate/spec/template",
        _ => return Ok(()),
    };
    if if enforced { IGNORED.contains(&ask.subresource) } else { !ask.subresource.is_empty() } {
        return Ok(());
    }
    let Some(entry) = server.store.get(&format!("/registry/core/namespaces/{}", ask.namespace)) else { return Ok(()) };
    let namespace: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
    let (policy, _) = Policy::read(object::pairs(&namespace, "labels"));
    let pod = object.pointer(path).unwrap_or(&Value::Null);
    if enforced && old.is_some_and(|old| !differs(pod, old)) {
        return Ok(());
    }
    let (nothing, Some(spec)) = (Value::Null, pod.get("spec")) else { return Ok(()) };
    let metadata = pod.get("metadata").unwrap_or(&nothing);
    if enforced {
        let found = policy.enforce.breaches(metadata, spec);
        if !found.is_empty() {
            let why = format!("violates PodSecurity \"{}\": {}", policy.enforce, told(&found));
            return Err(ApiError::forbidden(ask.resource, ask.name, &why));
        }
    }
    let found = policy.warn.breaches(metadata, spec);
    if !found.is_empty() {
        warnings.push(format!("would violate PodSecurity \"{}\": {}", policy.warn, told(&found)));
    }
    Ok(())
}

/// Tells whether an update of a Pod changes anything that is checked: what may change is the image, and containers are added.
fn differs(new: &Value, old: &Value) -> bool {
    let images = |pod: &Value| -> Vec<Vec<Value>> {
        let lists = ["containers", "initContainers"].into_iter().map(|list| {
            let list = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array).into_iter().flatten();
            list.map(|one| one["image"].clone()).collect()
        });
        lists.collect()
    };
    let added = |pod: &Value| pod.pointer("/spec/ephemeralContainers").cloned();
    let profiles = |pod: &Value| -> Vec<(String, Value)> {
        let all = object::pairs(pod, "annotations").into_iter().flatten();
        all.filter(|(key, _)| {
            key.contains("apparmor.security.beta.kubernetes.io/") || key.contains("seccomp.security.alpha.kubernetes.io/")
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
    };
    images(new) != images(old) || added(new) != added(old) || profiles(new) != profiles(old)
}

fn namespace(server: &Server, ask: &Ask<'_>, new: &Value, old: Option<&Value>, warnings: &mut Vec<String>) -> ApiResult<()> {
    let (policy, wrong) = Policy::read(object::pairs(new, "labels"));
    let Some(old) = old else {
        return if wrong.is_empty() { Ok(()) } else { Err(ApiError::invalid("", "Namespace", ask.name, &wrong)) };
    };
    let (before, wrong_before) = Policy::read(object::pairs(old, "labels"));
    if !wrong.is_empty() && wrong != wrong_before {
        return Err(ApiError::invalid("", "Namespace", ask.name, &wrong));
    }
    let relaxed = policy.enforce.version == before.enforce.version && policy.enforce.level <= before.enforce.level;
    if policy.enforce == before.enforce || policy.enforce.level == Level::Privileged || relaxed {
        return Ok(());
    }
    let mut counts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let pods = server.store.scan(&format!("/registry/core/pods/{}/", ask.name)).0;
    for (_, entry) in pods.iter().take(PODS) {
        let pod: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
        let found = policy.enforce.breaches(&pod["metadata"], &pod["spec"]);
        if !found.is_empty() {
            let reasons: Vec<String> = found.into_iter().map(|one| one.reason).collect();
            counts.entry(reasons.join(", ")).or_default().push(meta(&pod, "name").to_owned());
        }
    }
    if pods.len() > PODS {
        let (checked, total) = (PODS, pods.len());
        warnings.push(format!("new PodSecurity enforce level only checked against the first {checked} of {total} existing pods"));
    }
    if counts.is_empty() {
        return Ok(());
    }
    let (name, level) = (ask.name, policy.enforce);
    warnings.push(format!("existing pods in namespace {name:?} violate the new PodSecurity enforce level \"{level}\""));
    let mut lines: Vec<String> = counts
        .into_iter()
        .map(|(reasons, mut names)| {
            names.sort();
            match names.len() {
                1 => format!("{}: {reasons}", names[0]),
                2 => format!("{} (and 1 other pod): {reasons}", names[0]),
                count => format!("{} (and {} other pods): {reasons}", names[0], count - 1),
            }
        })
        .collect();
    lines.sort();
    warnings.extend(lines);
    Ok(())
}
