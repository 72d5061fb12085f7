//! The namespace transformer. Source: kustomize `api/internal/builtins/NamespaceTransformer.go`, `api/filters/namespace`.

use std::collections::HashSet;

use serde_json::Value;

use crate::config::FieldSpec;
use crate::error::{Result, Wrap as _, fail};
use crate::fieldspec::{Create, apply, set_scalar};
use crate::list::List;
use crate::resource::Resource;
use crate::value::{at, is_empty, is_null, text, text_at};

/// Whose namespace changes in role bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Subjects {
    #[default]
    NamedDefault,
    ServiceAccounts,
    None,
}

/// What the transformer is told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Namespace {
    pub namespace: String,
    pub specs: Vec<FieldSpec>,
    pub unset_only: bool,
    pub subjects: Subjects,
}

impl Subjects {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text {
            "" | "defaultOnly" => Ok(Self::NamedDefault),
            "allServiceAccounts" => Ok(Self::ServiceAccounts),
            "none" => Ok(Self::None),
            other => {
                let known = "must be one of \"defaultOnly\", \"none\" or \"allServiceAccounts\"";
                fail(format!("invalid value {other:?} for setRoleBindingSubjects: {known}"))
            }
        }
    }
}

pub(crate) fn transform(list: &mut List, told: &Namespace) -> Result<()> {
    if told.namespace.is_empty() {
        return Ok(());
    }
    for resource in &mut list.items {
        resource.remember_id();
        change(resource, told).wrap(|| "namespace transformation failed".to_owned())?;
    }
    let mut seen = HashSet::new();
    for resource in &list.items {
        if !seen.insert(resource.key()) {
            let id = resource.id();
            let matches: Vec<String> = list.items.iter().filter(|other| other.id().same(&id)).map(Resource::shown).collect();
            return fail(format!("namespace transformation produces ID conflict: [{}]", matches.join(" ")));
        }
    }
    Ok(())
}

/// Gives one object the namespace.
pub(crate) fn change(resource: &mut Resource, told: &Namespace) -> Result<()> {
    let id = resource.id();
    let api_version = id.gvk.api_version();
    let mut set = |place: &mut Value| {
        if told.unset_only && !is_empty(place) && !text(place).is_empty() {
            return Ok(());
        }
        set_scalar(place, Value::String(told.namespace.clone()))
    };
    if !id.cluster {
        let spec = FieldSpec { path: "metadata/namespace".to_owned(), create: true, ..FieldSpec::default() };
        apply(&mut resource.value, &spec, Create::Scalar, &mut set)?;
    }
    let binding = matches!(id.gvk.kind.as_str(), "RoleBinding" | "ClusterRoleBinding");
    if binding && at(&resource.value, &["subjects"]).is_some_and(|subjects| !is_null(subjects)) {
        subjects(&mut resource.value, told.subjects, &mut set)?;
    }
    for spec in &told.specs {
        let meta = spec.path == "metadata/namespace" || (spec.path == "metadata/name" && api_version != "v1");
        let subject =
            binding && spec.path == "subjects/namespace" && matches!(spec.gvk.kind.as_str(), "RoleBinding" | "ClusterRoleBinding");
        if !meta && !subject {
            apply(&mut resource.value, spec, Create::Scalar, &mut set)?;
        }
    }
    Ok(())
}

fn subjects(object: &mut Value, whose: Subjects, set: &mut dyn FnMut(&mut Value) -> Result<()>) -> Result<()> {
    let wanted = |subject: &Value| match whose {
        Subjects::None => false,
        Subjects::NamedDefault => text_at(subject, &["name"]) == "default",
        Subjects::ServiceAccounts => text_at(subject, &["kind"]) == "ServiceAccount",
    };
    if whose == Subjects::None {
        return Ok(());
    }
    let Some(subjects) = object.get_mut("subjects").and_then(Value::as_array_mut) else {
        return fail("setting namespace on (cluster)role binding subjects: wrong node kind: expected SequenceNode");
    };
    if let Some(other) = subjects.iter().find(|subject| !subject.is_object() && !is_null(subject)) {
        let found = if other.is_array() { "SequenceNode" } else { "ScalarNode" };
        let doing = "setting namespace on (cluster)role binding subjects: looking up name on (cluster)role binding subject";
        return fail(format!("{doing}: wrong node kind: expected MappingNode but got {found}"));
    }
    for subject in subjects.iter_mut().filter(|subject| wanted(subject)) {
        if let Some(map) = subject.as_object_mut() {
            set(map.entry("namespace").or_insert_with(|| Value::String(String::new())))?;
        }
    }
    Ok(())
}
