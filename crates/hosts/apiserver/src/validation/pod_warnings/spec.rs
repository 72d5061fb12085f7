//! What is said of a Pod or a template. Follows kubernetes `pkg/api/pod/warnings.go` `warningsForPodSpecAndMeta`, in its order.

use std::collections::HashSet;
use std::net::Ipv6Addr;

use serde_json::{Value, json};

use super::super::faults::{at, child, list, or_null, set, text};
use super::super::pod::{SECCOMP_CONTAINER, SECCOMP_POD, every_container};
use super::{Said, claim, fractional, labels, paths, ports};
use crate::app_armor;

/// Annotations that nobody looks at any more.
const ANNOTATIONS: &[(&str, &str)] = &[
    ("scheduler.alpha.kubernetes.io/critical-pod", "non-functional in v1.16+; use the \"priorityClassName\" field instead"),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    ("security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
];
/// Sorts of volumes that are old or gone: the field, how it is told, and what.
const VOLUMES: &[(&str, &str, &str)] = &[
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("ephemeral", "ephemeral", ""),
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
];
const BYTES: [&str; 2] = ["memory", "ephemeral-storage"];

/// Looks at a Pod, whose path is empty, or at a template.
pub(super) fn check(path: &str, pod: &Value, said: &mut Said) {
    let (spec, metadata) = (or_null(pod, &["spec"]), or_null(pod, &["metadata"]));
    let (here, marks) = (child(path, "spec"), child(path, "metadata.annotations"));
    let annotation = |key: &str| metadata.get("annotations").and_then(|all| all.get(key)).and_then(Value::as_str);
    labels::check(&here, spec, said);
    for (key, why) in ANNOTATIONS.iter().filter(|(key, _)| annotation(key).is_some()) {
        said.push(format!("{marks}[{key}]: {why}"));
    }
    volumes(&here, spec, said);
    paths::check(spec, said);
    repeated(&here, spec, said);
    BYTES.iter().for_each(|name| fractional(&format!("{here}.overhead"), or_null(spec, &["overhead"]), name, said));
    let seccomp = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
    let profile = |holder: &Value, field: &str| at(holder, &["securityContext", field]).is_some();
    if !profile(spec, "seccompProfile") && annotation(SECCOMP_POD).is_some() {
        said.push(format!("{marks}[{SECCOMP_POD}]: {seccomp}"));
    }
    for (one, place) in every_container(spec, &here) {
        let key = format!("{SECCOMP_CONTAINER}{}", text(one, "name"));
        if !profile(one, "seccompProfile") && annotation(&key).is_some() {
            said.push(format!("{marks}[{key}]: {seccomp}"));
        }
        let key = format!("{}{}", app_armor::ANNOTATION, text(one, "name"));
        if let Some(value) = annotation(&key).filter(|_| !path.is_empty() && !profile(one, "appArmorProfile")) {
            let same =
                at(spec, &["securityContext", "appArmorProfile"]).is_some_and(|of_pod| Some(of_pod) == app_armor::profile(value).as_ref());
            if !same {
                said.push(format!("{marks}[{key}]: deprecated since v1.30; use the \"appArmorProfile\" field instead"));
            }
        }
        container(&place, one, said);
    }
    ports::check(&here, spec, said);
    if set(spec, "terminationGracePeriodSeconds").and_then(Value::as_i64).is_some_and(|seconds| seconds < 0) {
        said.push(format!("{here}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"));
    }
    neighbours(&here, spec, said);
    addresses(&here, spec, said);
}

fn volumes(path: &str, spec: &Value, said: &mut Said) {
    for (index, volume) in list(spec, "volumes").iter().enumerate() {
        for (field, told, why) in VOLUMES {
            let Some(source) = set(volume, field) else { continue };
            let here = format!("{path}.volumes[{index}].{told}");
            match *field {
                "ephemeral" => claim(&format!("{here}.volumeClaimTemplate.spec"), or_null(source, &["volumeClaimTemplate", "spec"]), said),
                _ => said.push(format!("{here}: {why}")),
            }
        }
    }
}

/// What is said twice in a list, or not at all.
fn repeated(path: &str, spec: &Value, said: &mut Said) {
    for (field, part, what) in [("hostAliases", "ip", "ip"), ("imagePullSecrets", "name", "name")] {
        let mut seen = HashSet::new();
        for (index, one) in list(spec, field).iter().enumerate().filter(|(_, one)| !seen.insert(text(one, part))) {
            said.push(format!("{path}.{field}[{index}].{part}: duplicate {what} {}", json!(text(one, part))));
        }
    }
    for (index, _) in list(spec, "imagePullSecrets").iter().enumerate().filter(|(_, one)| text(one, "name").is_empty()) {
        said.push(format!("{path}.imagePullSecrets[{index}].name: invalid empty name \"\""));
    }
}

fn container(path: &str, container: &Value, said: &mut Said) {
    for name in BYTES {
        for kind in ["limits", "requests"] {
            fractional(&format!("{path}.resources.{kind}"), or_null(container, &["resources", kind]), name, said);
        }
    }
    let mut seen = HashSet::new();
    for (index, variable) in list(container, "env").iter().enumerate() {
        let (name, value) = (text(variable, "name"), text(variable, "value"));
        let reference = format!("$({name})");
        let hides = set(variable, "valueFrom").is_some() || value == reference || !value.contains(&reference);
        if !seen.insert(name) && hides {
            let name = json!(name);
            said.push(format!("{path}.env[{index}]: hides previous definition of {name}, which may be dropped when using apply"));
        }
    }
}

fn neighbours(path: &str, spec: &Value, said: &mut Said) {
    for kind in ["podAffinity", "podAntiAffinity"] {
        let affinity = or_null(spec, &["affinity", kind]);
        for (field, inner) in [
            ("requiredDuringSchedulingIgnoredDuringExecution", ""),
            ("preferredDuringSchedulingIgnoredDuringExecution", ".podAffinityTerm"),
        ] {
            for (index, term) in list(affinity, field).iter().enumerate() {
                let holder = if inner.is_empty() { term } else { or_null(term, &["podAffinityTerm"]) };
                labels::selector(&format!("{path}.affinity.{kind}.{field}[{index}]{inner}"), holder, said);
            }
        }
    }
}

fn addresses(path: &str, spec: &Value, said: &mut Said) {
    for (index, server) in list(or_null(spec, &["dnsConfig"]), "nameservers").iter().filter_map(Value::as_str).enumerate() {
        said.extend(address(&format!("{path}.dnsConfig.nameservers[{index}]"), server));
    }
    for (index, alias) in list(spec, "hostAliases").iter().enumerate() {
        said.extend(address(&format!("{path}.hostAliases[{index}].ip"), text(alias, "ip")));
    }
}

/// What is an address at all may be written in another way than the usual. Follows apimachinery `pkg/util/validation/ip.go`
/// `GetWarningsForIP`.
fn address(field: &str, value: &str) -> Option<String> {
    let usual = value.parse::<Ipv6Addr>().ok()?.to_string();
    (usual != value).then(|| format!("{field}: IPv6 address {} should be in RFC 5952 canonical format ({})", json!(value), json!(usual)))
}
