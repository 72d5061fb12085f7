//! Which requests a webhook or policy is about. Kubernetes `apiserver/pkg/admission/plugin/webhook/predicates`,
//! `plugin/policy/matching/matching.go`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Ask;
use crate::Server;
use crate::catalog::Resource;
use crate::converter;
use crate::object::pairs;
use crate::selector::label_selector_matches;
use crate::status::{ApiError, ApiResult};

fn listed(rule: &Value, field: &str, wanted: &str) -> bool {
    rule.get(field).and_then(Value::as_array).is_some_and(|list| list.iter().any(|one| one == "*" || one == wanted))
}

/// Tells whether a rule is about a request, were it to this version of the kind.
fn rule_matches(rule: &Value, ask: &Ask<'_>, version: &str) -> bool {
    let resource = ask.resource;
    // A Namespace counts as what it is, not as what lies in it.
    let scope = match rule.get("scope").and_then(Value::as_str) {
        Some("Namespaced") => resource.namespaced,
        Some("Cluster") => !resource.namespaced,
        _ => true,
    };
    let named = rule.get("resourceNames").and_then(Value::as_array).filter(|list| !list.is_empty());
    scope
        && listed(rule, "operations", ask.operation)
        && listed(rule, "apiGroups", &resource.group)
        && listed(rule, "apiVersions", version)
        && named.is_none_or(|list| list.iter().any(|one| *one == ask.name))
        && rule.get("resources").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).any(|one| {
            let (plural, subresource) = one.split_once('/').unwrap_or((one, ""));
            (plural == "*" || plural == resource.plural) && (subresource == "*" || subresource == ask.subresource)
        })
}

/// Returns the kind in the version that the rules want; `None` when they are not about the request. `exact` is for rules
/// that do not mean the kind's other versions too.
pub(crate) fn matched(server: &Server, rules: &[Value], exact: bool, ask: &Ask<'_>) -> Option<Arc<Resource>> {
    if rules.iter().any(|rule| rule_matches(rule, ask, &ask.resource.version)) {
        return Some(ask.resource.clone());
    }
    if exact {
        return None;
    }
    let catalog = server.catalog();
    let group = catalog.groups.iter().find(|group| group.name == ask.resource.group)?;
    let others = group.versions.iter().flat_map(|(_, kinds)| kinds).filter(|kind| kind.plural == ask.resource.plural);
    others.into_iter().find(|kind| rules.iter().any(|rule| rule_matches(rule, ask, &kind.version))).cloned()
}

/// Tells whether selectors are about the objects of a request and its namespace.
pub(crate) fn selected(
    server: &Server,
    namespaces: &Value,
    objects: &Value,
    ask: &Ask<'_>,
    object: Option<&Value>,
    old: Option<&Value>,
) -> bool {
    let labels = |object: &Value| label_selector_matches(objects, pairs(object, "labels"));
    // What has no object has no labels, which the empty selector takes.
    let nothing = object.is_none() && old.is_none() && label_selector_matches(objects, None);
    if !nothing && !object.is_some_and(labels) && !old.is_some_and(labels) {
        return false;
    }
    if ask.is_namespace() {
        return object.or(old).is_some_and(|object| label_selector_matches(namespaces, pairs(object, "labels")));
    }
    if !ask.resource.namespaced {
        return true;
    }
    label_selector_matches(namespaces, pairs(&namespace_of(server, ask).unwrap_or_default(), "labels"))
}

/// Returns the namespace that a request is to.
pub(crate) fn namespace_of(server: &Server, ask: &Ask<'_>) -> Option<Value> {
    if ask.namespace.is_empty() || ask.is_namespace() {
        return None;
    }
    let entry = server.store.get(&format!("/registry/core/namespaces/{}", ask.namespace))?;
    let mut found: Value = serde_json::from_slice(&entry.value).ok()?;
    found["metadata"]["resourceVersion"] = json!(entry.revision.to_string());
    Some(found)
}

/// Returns an object in another version of its kind.
pub(crate) async fn in_version(server: &Server, resource: &Resource, object: Option<&Value>) -> ApiResult<Option<Value>> {
    let Some(object) = object else { return Ok(None) };
    if resource.converter().is_some() && object.get("kind").and_then(Value::as_str) == Some(resource.kind.as_str()) {
        let made = converter::object(server, resource, object, &resource.api_version).await;
        return made.map(Some).map_err(|error| ApiError::internal(error.message));
    }
    let mut object = object.clone();
    if object.get("apiVersion").and_then(Value::as_str).is_some_and(|version| version != resource.api_version)
        && object.get("kind").and_then(Value::as_str) == Some(resource.kind.as_str())
    {
        object["apiVersion"] = json!(resource.api_version);
    }
    Ok(Some(object))
}
