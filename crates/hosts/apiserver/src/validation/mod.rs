//! What makes an object wrong, beyond its form: each kind says so in Kubernetes' words and order.
//!
//! Read first: [`check`], then the file of the kind.

pub(crate) mod address;
mod autoscaling;
mod certificates;
pub(crate) mod cidr;
mod claim;
mod config_map;
mod coordination;
mod core;
mod cron_job;
mod csi;
mod csr_conditions;
mod daemon_set;
mod difference;
mod discovery;
mod embedded;
mod endpoints;
mod event;
mod faults;
mod ingress;
mod ingress_class;
pub(crate) mod inner;
mod ip_address;
mod job;
mod job_policies;
mod job_status;
mod limit_range;
mod load_balancer;
mod metadata;
mod metrics;
mod network_policy;
mod networking;
mod node;
mod node_selector;
mod pod;
mod pod_resize;
mod pod_status;
mod pod_warnings;
mod policy;
mod quota;
mod rbac;
mod resource_names;
mod resources;
mod runtime_class;
mod scale;
mod scheduling;
mod secret;
mod service;
pub(crate) mod service_addresses;
mod service_cidr;
mod service_ports;
mod service_warnings;
mod stateful_set;
mod statuses;
mod storage;
mod volume;
mod volume_sources;
mod warnings;
mod workload_statuses;
mod workloads;

use schema::{Cause, Violation, validate, validate_rules, validate_status};
use serde_json::Value;

use crate::catalog::{Custom, Resource};
use crate::names::Rule;
use crate::{admission, crd};
pub(crate) use faults::Faults;
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
        metadata::domains(self.resource, self.object, faults);
    }

    /// Checks the metadata against what they were, if there was something.
    fn metadata_update(&self, faults: &mut Faults) {
        if let Some(old) = self.old {
            metadata::update(self.object, old, faults);
            metadata::domains(self.resource, self.object, faults);
        }
    }
}

/// Returns everything that is wrong with a new or changed object; warnings say what is let pass.
pub(crate) fn check(
    resource: &Resource,
    subresource: &str,
    object: &Value,
    old: Option<&Value>,
    let_pass: &mut Vec<String>,
) -> Vec<Violation> {
    let subject = Subject { resource, subresource, object, old };
    let mut faults = Faults(Vec::new(), resource.form);
    if let Some(old) = old {
        metadata::create(resource, object, Rule::Segment, &mut faults);
        metadata::update(object, old, &mut faults);
    }
    if subresource == "status" {
        subject.metadata_update(&mut faults);
        if let Some(definition) = &resource.custom {
            custom(&subject, definition, &mut faults, let_pass);
        } else {
            statuses::check(&subject, &mut faults);
            if faults.0.is_empty() && matches!(resource.kind.as_str(), "Service" | "Ingress") {
                let_pass.extend(load_balancer::warnings(object));
            }
        }
        return faults.0;
    }
    if let Some(definition) = &resource.custom {
        subject.metadata(&mut faults);
        custom(&subject, definition, &mut faults, let_pass);
        return faults.0;
    }
    if resource.kind == "CustomResourceDefinition" {
        let before = old.map(crd::warnings).unwrap_or_default();
        let_pass.extend(crd::warnings(object).into_iter().filter(|warning| !before.contains(warning)));
    }
    native(&subject, &mut faults);
    if faults.0.is_empty() {
        let_pass.extend(unusual(&subject));
    }
    if faults.0.is_empty() && old.is_none() {
        // Kinds that do not look at their metadata themselves (AS `pkg/registry/rest/create.go` `BeforeCreate`).
        metadata::create(resource, object, Rule::Segment, &mut faults);
    }
    if faults.0.is_empty() {
        let_pass.extend(pod_warnings::of(&subject));
        let_pass.extend(warnings::of(&subject));
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
    let mut wrong = match subject.subresource {
        "status" => validate_status(&resource.schema, object, old),
        _ => validate(&resource.schema, object, old),
    };
    let mut inside = Faults::default();
    if let Some(scale) = &resource.subresources.scale {
        scale::check(scale, subject.subresource, object, &mut inside);
    }
    embedded::check(&resource.schema, object, "", &mut inside);
    wrong.extend(inside.0);
    warnings.extend(validate_rules(&resource.schema, object, old, &mut wrong));
    faults.0.extend(wrong);
}

/// Says what is unusual about an object that is let pass.
fn unusual(subject: &Subject<'_>) -> Vec<String> {
    match (subject.resource.group.as_str(), subject.resource.kind.as_str()) {
        ("", "Service") => service_warnings::of(subject.object),
        ("", "Endpoints") => endpoints::warnings(subject.object),
        ("", "Secret") => secret::warnings(subject.object),
        ("discovery.k8s.io", "EndpointSlice") => discovery::warnings(subject),
        ("networking.k8s.io", "Ingress") => ingress::warnings(subject),
        ("networking.k8s.io", "NetworkPolicy") => network_policy::warnings(subject.spec()),
        _ => Vec::new(),
    }
}

fn rule(resource: &Resource) -> Rule {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Namespace" | "Service") | ("apps", "StatefulSet") => Rule::Label,
        ("networking.k8s.io", "IPAddress") => Rule::Address,
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
        ("scheduling.k8s.io", _) => scheduling::check(subject, faults),
        ("node.k8s.io", _) => runtime_class::check(subject, faults),
        ("certificates.k8s.io", _) => certificates::check(subject, faults),
        ("rbac.authorization.k8s.io", _) => rbac::check(subject, faults),
        _ => by_schema(subject, faults),
    }
}

/// Definitions and admission: what their schemas require, and what their own files say.
fn by_schema(subject: &Subject<'_>, faults: &mut Faults) {
    let Subject { resource, object, old, .. } = *subject;
    if resource.group != "admissionregistration.k8s.io" {
        subject.metadata_update(faults);
    }
    if resource.group != "apiextensions.k8s.io" || old.is_none() {
        subject.metadata(faults);
    }
    let own = matches!(resource.group.as_str(), "admissionregistration.k8s.io" | "apiextensions.k8s.io");
    for part in ["spec"].iter().filter(|_| !own) {
        let (Some(schema), Some(value)) = (resource.schema.properties.get(*part), object.get(*part).filter(|value| !value.is_null()))
        else {
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
