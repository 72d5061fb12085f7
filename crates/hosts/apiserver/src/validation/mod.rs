//! What makes an object wrong, beyond its form: each kind says so in Kubernetes' words and order.
//!
//! Read first: [`check`], then the file of the kind.

mod autoscaling;
mod claim_spec;
mod coordination;
mod core;
mod cron_job;
mod daemon_set;
mod discovery;
mod event;
mod faults;
mod job;
mod job_policies;
mod metadata;
mod networking;
mod node;
mod pod;
mod pod_warnings;
mod policy;
mod rbac;
mod scheduling;
mod service;
mod stateful_set;
mod storage;
mod workloads;

use schema::{Cause, Violation, validate, validate_all};
use serde_json::Value;

use crate::catalog::{Custom, Resource};
use crate::names::Rule;
use crate::{admission, crd};
use faults::Faults;
pub(crate) use pod::container_changes;

/// What a kind's own rules look at.
pub(crate) struct Subject<'a> {
    pub resource: &'a Resource,
    pub subresource: &'a str,
    pub object: &'a Value,
    pub old: Option<&'a Value>,
}

impl Subject<'_> {
    /// Returns the spec, null when there is none.
    pub fn spec(&self) -> &Value {
        self.object.get("spec").unwrap_or(&Value::Null)
    }

    /// Checks the metadata by the kind's own rule of names.
    fn metadata(&self, faults: &mut Faults) {
        metadata::create(self.resource, self.object, rule(self.resource), faults);
    }

    /// Checks the metadata against what they were, if there was something.
    fn metadata_update(&self, faults: &mut Faults) {
        if let Some(old) = self.old {
            metadata::update(self.object, old, faults);
        }
    }
}

/// Returns everything that is wrong with a new or changed object; warnings say what is let pass.
pub(crate) fn check(
    resource: &Resource,
    subresource: &str,
    object: &Value,
    old: Option<&Value>,
    warnings: &mut Vec<String>,
) -> Vec<Violation> {
    let subject = Subject { resource, subresource, object, old };
    let mut faults = Faults::default();
    if old.is_some() {
        metadata::create(resource, object, Rule::Segment, &mut faults);
        subject.metadata_update(&mut faults);
    }
    if subresource == "status" {
        subject.metadata_update(&mut faults);
        if let Some(definition) = &resource.custom {
            custom(&subject, definition, &mut faults, warnings);
        }
        return faults.0;
    }
    if let Some(definition) = &resource.custom {
        subject.metadata(&mut faults);
        custom(&subject, definition, &mut faults, warnings);
        return faults.0;
    }
    if resource.kind == "CustomResourceDefinition" {
        let before = old.map(crd::warnings).unwrap_or_default();
        warnings.extend(crd::warnings(object).into_iter().filter(|warning| !before.contains(warning)));
    }
    native(&subject, &mut faults);
    if faults.0.is_empty() && old.is_none() {
        // Kinds that do not look at their metadata themselves (AS `pkg/registry/rest/create.go` `BeforeCreate`).
        metadata::create(resource, object, Rule::Segment, &mut faults);
    }
    if faults.0.is_empty() {
        warnings.extend(pod_warnings::of(&subject));
    }
    faults.0
}

/// Checks the labels or annotations of an object that a conversion webhook has made. Upstream's path of annotations lacks a letter.
pub(crate) fn check_marks(field: &str, marks: &Value) -> Vec<Violation> {
    let mut faults = Faults::default();
    match field {
        "labels" => faults.labels("metadata.labels", Some(marks)),
        _ => faults.annotations("metadata.annotation", Some(marks)),
    }
    faults.0
}

/// What the definition of a custom resource asks for: bounds on its names, its schema, its rules.
fn custom(subject: &Subject<'_>, definition: &Custom, faults: &mut Faults, warnings: &mut Vec<String>) {
    let Subject { resource, object, old, .. } = *subject;
    for field in ["name", "generateName"] {
        let bounds = definition.metadata.as_ref().and_then(|metadata| metadata.properties.get(field));
        if let (Some(bounds), Some(value)) = (bounds, object.get("metadata").and_then(|metadata| metadata.get(field))) {
            let path = format!("metadata.{field}");
            let wrong = validate(bounds, value, None).into_iter();
            faults.0.extend(wrong.map(|one| Violation {
                text: one.text.replace(":  in body", &format!(": {path} in body")),
                field: path.clone(),
                ..one
            }));
        }
    }
    let (wrong, let_pass) = validate_all(&resource.schema, object, old);
    faults.0.extend(wrong);
    warnings.extend(let_pass);
}

fn rule(resource: &Resource) -> Rule {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Namespace") | ("apps", "StatefulSet") => Rule::Label,
        ("", "Service") => Rule::Label1035,
        ("rbac.authorization.k8s.io", _) => Rule::Segment,
        _ => Rule::Subdomain,
    }
}

fn native(subject: &Subject<'_>, faults: &mut Faults) {
    match (subject.resource.group.as_str(), subject.resource.kind.as_str()) {
        ("", "Event") | ("events.k8s.io", _) => event::check(subject, faults),
        ("", "Pod") => pod::check(subject, faults),
        ("", "PodTemplate") => pod::check_template(subject, faults),
        ("", "Service") => service::check(subject, faults),
        ("", "Node") => node::check(subject, faults),
        ("", "ReplicationController") | ("apps", _) => workloads::check(subject, faults),
        ("", "PersistentVolume" | "PersistentVolumeClaim") | ("storage.k8s.io", _) => storage::check(subject, faults),
        ("", _) => core::check(subject, faults),
        ("batch", "CronJob") => cron_job::check(subject, faults),
        ("batch", _) => job::check(subject, faults),
        ("autoscaling", _) => autoscaling::check(subject, faults),
        ("policy", _) => policy::check(subject, faults),
        ("networking.k8s.io", _) => networking::check(subject, faults),
        ("discovery.k8s.io", _) => discovery::check(subject, faults),
        ("coordination.k8s.io", _) => coordination::check(subject, faults),
        ("scheduling.k8s.io" | "node.k8s.io", _) => scheduling::check(subject, faults),
        ("rbac.authorization.k8s.io", _) => rbac::check(subject, faults),
        _ => by_schema(subject, faults),
    }
}

/// Definitions and admission: what their schemas require, and what their own files say.
fn by_schema(subject: &Subject<'_>, faults: &mut Faults) {
    let Subject { resource, object, old, .. } = *subject;
    subject.metadata_update(faults);
    subject.metadata(faults);
    for part in ["spec", "webhooks"] {
        let (Some(schema), Some(value)) = (resource.schema.properties.get(part), object.get(part).filter(|value| !value.is_null())) else {
            continue;
        };
        let before = old.and_then(|old| old.get(part));
        // Upstream reads its own kinds into Go lists, where an entry may come twice.
        let violations = validate(schema, value, before).into_iter().filter(|violation| violation.cause != Cause::Duplicate);
        faults.0.extend(violations.map(|violation| Violation {
            field: if violation.field.starts_with('[') {
                format!("{part}{}", violation.field)
            } else {
                format!("{part}.{}", violation.field)
            },
            ..violation
        }));
    }
    match resource.group.as_str() {
        "apiextensions.k8s.io" => faults.0.extend(crd::check(object, old)),
        "admissionregistration.k8s.io" => faults.0.extend(admission::check(&resource.kind, object, old)),
        _ => {}
    }
}
