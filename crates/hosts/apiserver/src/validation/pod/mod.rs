//! What a Pod's spec must satisfy, wherever it stands: alone or as a template.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidatePodSpec`, in its order.
//!
//! Read first: [`template`] and [`spec`], then the file of the part.

mod affinity;
mod annotations;
mod containers;
mod environment;
mod handlers;
mod mounts;
mod network;
mod paths;
mod projected;
mod resources;
mod restart;
mod scheduling;
mod security;
mod sources;
mod system;
mod update;
mod volumes;
mod windows;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, or_null, set, text};
use crate::names::Rule;
pub(crate) use annotations::{SECCOMP_CONTAINER, SECCOMP_POD};
pub(crate) use update::{check, container_changes};
use volumes::Volumes;

/// What of a spec its containers look at.
struct Frame<'a> {
    volumes: Volumes<'a>,
    /// The names of the spec's resource claims.
    claims: BTreeSet<&'a str>,
    grace: Option<i64>,
    system: Option<&'a str>,
    restart_policy: &'a str,
    host_users: bool,
}

/// Checks a PodTemplate.
pub(crate) fn check_template(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata_update(faults);
    if subject.old.is_none() {
        subject.metadata(faults);
    }
    let old = subject.old.map(|old| or_null(old, &["template"]));
    template(or_null(subject.object, &["template"]), old, "template", faults);
}

/// Checks a template: its labels, its annotations and its spec, which may keep what the old one had.
pub(crate) fn template(template: &Value, old: Option<&Value>, path: &str, faults: &mut Faults) {
    let (metadata, spec) = (or_null(template, &["metadata"]), or_null(template, &["spec"]));
    let spec_path = format!("{path}.spec");
    template_metadata(template, path, faults);
    self::spec(spec, old.map(|old| or_null(old, &["spec"])), None, &spec_path, faults);
    annotations::agree(metadata, spec, &spec_path, faults);
    if !list(spec, "ephemeralContainers").is_empty() {
        faults.forbidden(&format!("{spec_path}.ephemeralContainers"), "ephemeral containers not allowed in pod template");
    }
}

/// Checks the labels and annotations of a template.
pub(crate) fn template_metadata(template: &Value, path: &str, faults: &mut Faults) {
    let (metadata, spec) = (or_null(template, &["metadata"]), or_null(template, &["spec"]));
    faults.labels(&format!("{path}.labels"), set(metadata, "labels"));
    faults.annotations(&format!("{path}.annotations"), set(metadata, "annotations"));
    annotations::check(metadata, spec, &format!("{path}.annotations"), faults);
}

/// Checks a spec; the metadata are those of the Pod whose it is, of none when it stands in a template.
fn spec(spec: &Value, old: Option<&Value>, metadata: Option<&Value>, path: &str, faults: &mut Faults) {
    let frame = Frame {
        volumes: volumes::check(spec, metadata, path, faults),
        claims: list(spec, "resourceClaims").iter().map(|claim| text(claim, "name")).filter(|name| !name.is_empty()).collect(),
        grace: set(spec, "terminationGracePeriodSeconds").and_then(Value::as_i64),
        system: set(spec, "os").map(|system| text(system, "name")),
        restart_policy: text(spec, "restartPolicy"),
        host_users: spec.get("hostUsers") != Some(&json!(false)),
    };
    resources::claims(spec, metadata, path, faults);
    containers::regular(spec, path, &frame, faults);
    containers::initial(spec, path, &frame, faults);
    containers::ephemeral(spec, path, &frame, faults);
    resources::of_pod(spec, &frame, path, faults);
    network::host_ports(spec, metadata.is_some(), path, faults);
    faults.one_of(spec, path, "restartPolicy", &["Always", "OnFailure", "Never"]);
    faults.one_of(spec, path, "dnsPolicy", &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]);
    faults.labels(&format!("{path}.nodeSelector"), set(spec, "nodeSelector"));
    security::of_pod(spec, old, path, faults);
    affinity::check(spec, path, faults);
    network::dns(spec, path, faults);
    scheduling::gates(spec, path, faults);
    scheduling::spread(spec, path, faults);
    windows::host_processes(spec, path, faults);
    security::host_users(spec, path, faults);
    network::hostname_override(spec, path, faults);
    names(spec, path, faults);
    system::check(spec, path, faults);
    environment::file_volumes(spec, path, faults);
}

/// What a Pod is called, where it runs and for whom, and the rest of the simple fields.
fn names(spec: &Value, path: &str, faults: &mut Faults) {
    for (field, rule) in [("serviceAccountName", Rule::Subdomain), ("nodeName", Rule::Subdomain)] {
        name(spec, field, rule, path, faults);
    }
    if let Some(seconds) =
        set(spec, "activeDeadlineSeconds").filter(|value| !value.as_i64().is_some_and(|n| (1..=i64::from(i32::MAX)).contains(&n)))
    {
        faults.invalid(&format!("{path}.activeDeadlineSeconds"), seconds, "must be between 1 and 2147483647, inclusive");
    }
    for field in ["hostname", "subdomain"] {
        name(spec, field, Rule::Label, path, faults);
    }
    scheduling::tolerations(spec, &format!("{path}.tolerations"), faults);
    network::aliases(spec, path, faults);
    name(spec, "priorityClassName", Rule::Subdomain, path, faults);
    if let Some(class) = set(spec, "runtimeClassName").and_then(Value::as_str) {
        faults.name(&format!("{path}.runtimeClassName"), Rule::Subdomain, class);
    }
    if set(spec, "preemptionPolicy").is_some() {
        faults.one_of(spec, path, "preemptionPolicy", &["PreemptLowerPriority", "Never"]);
    }
    if let Some(overhead) = set(spec, "overhead") {
        resources::overhead(overhead, &format!("{path}.overhead"), faults);
    }
}

/// A name that must follow a rule when it is there.
fn name(holder: &Value, field: &str, rule: Rule, path: &str, faults: &mut Faults) {
    let value = text(holder, field);
    if !value.is_empty() {
        faults.name(&format!("{path}.{field}"), rule, value);
    }
}

/// A name that must be there and follow a rule.
fn required_name(holder: &Value, field: &str, rule: Rule, path: &str, faults: &mut Faults) {
    if text(holder, field).is_empty() {
        faults.required(&format!("{path}.{field}"), "");
    }
    name(holder, field, rule, path, faults);
}

/// Texts that must be there.
fn required(holder: &Value, fields: &[&str], path: &str, faults: &mut Faults) {
    for field in fields.iter().filter(|field| text(holder, field).is_empty()) {
        faults.required(&format!("{path}.{field}"), "");
    }
}

/// Returns every container of a spec with its path, in the order in which Kubernetes visits them.
pub(crate) fn every_container<'a>(spec: &'a Value, path: &str) -> impl Iterator<Item = (&'a Value, String)> {
    let path = path.to_owned();
    ["initContainers", "containers", "ephemeralContainers"].into_iter().flat_map(move |kind| {
        let path = path.clone();
        list(spec, kind).iter().enumerate().map(move |(index, one)| (one, format!("{path}.{kind}[{index}]")))
    })
}

/// Tells whether a flag is there and true.
fn is_true(holder: &Value, field: &str) -> bool {
    holder.get(field) == Some(&json!(true))
}
