//! A body or a result becomes an object of its kind: read by its schema, completed, in the form in which it is stored.

use serde_json::{Value, json};

use crate::catalog::Resource;
use crate::decode::{Document, Nulls};
use crate::object::meta_mut;
use crate::request::FieldValidation;
use crate::status::ApiResult;
use crate::typed::json::Node;
use crate::{decode, defaults, typed};

/// Fits a decoded body into its kind and fills in what it leaves out. Returns warnings.
pub(crate) fn fit(resource: &Resource, document: &Document, validation: FieldValidation) -> ApiResult<(Value, Vec<String>)> {
    let (mut object, mut warnings) = decode::coerce(resource, document, validation)?;
    // An empty list says that nobody owns anything, which is not the same as no list.
    let disowned = object.pointer("/metadata/managedFields").and_then(Value::as_array).is_some_and(Vec::is_empty);
    let chosen = defaults::chosen_none(resource, &object);
    in_go_form(resource, &mut object);
    if resource.custom.is_none() {
        defaults::native(resource, &mut object);
        defaults::clear(&chosen, &mut object);
        in_go_form(resource, &mut object);
    }
    if disowned {
        meta_mut(&mut object).insert("managedFields".to_owned(), json!([{}]));
    }
    warnings.extend(unique_owners(&mut object));
    Ok((object, warnings))
}

/// Fits an object that this server made from others.
pub(crate) fn refit(resource: &Resource, object: &Value, validation: FieldValidation) -> ApiResult<(Value, Vec<String>)> {
    fit(resource, &Document { node: Node::from(object), repeated: Vec::new(), nulls: Nulls::Dropped, start: String::new() }, validation)
}

/// Fits what an apply made: its nulls are values.
pub(crate) fn refit_applied(resource: &Resource, object: &Value) -> ApiResult<(Value, Vec<String>)> {
    fit(
        resource,
        &Document { node: Node::from(object), repeated: Vec::new(), nulls: Nulls::Kept, start: String::new() },
        FieldValidation::Ignore,
    )
}

/// Leaves out and fills in what Go does when it writes one of Kubernetes' own kinds.
pub(crate) fn in_go_form(resource: &Resource, object: &mut Value) {
    if let Some(form) = resource.form {
        typed::write(form, object);
    }
}

/// Brings an object into the form in which upstream's store gives it back. Definitions are stored as JSON, which keeps more.
pub(crate) fn in_stored_form(resource: &Resource, object: &mut Value) {
    if let Some(form) = resource.form.filter(|_| resource.group != "apiextensions.k8s.io") {
        typed::stored(form, object);
    }
}

fn unique_owners(object: &mut Value) -> Option<String> {
    let list = object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut)?;
    let (mut kept, mut twice) = (std::collections::HashSet::new(), Vec::new());
    list.retain(|owner| {
        let first = kept.insert(owner.to_string());
        if !first {
            twice.push(owner.get("uid").and_then(Value::as_str).unwrap_or_default().to_owned());
        }
        first
    });
    (!twice.is_empty()).then(|| {
        format!(".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}", twice.join(", "))
    })
}
