//! What a write must satisfy besides its own validity: its namespace, its account, and what its writer may grant.

use serde_json::{Value, json};

use crate::catalog::Resource;
use crate::object::meta;
use crate::status::{ApiError, ApiResult};
use crate::write::Call;
use crate::{Server, rbac};

/// Returns what must not change while something is created in a namespace: the namespace.
pub(crate) fn namespace_guard(server: &Server, resource: &Resource, namespace: &str) -> Option<(String, u64)> {
    if !resource.namespaced {
        return None;
    }
    let key = format!("/registry/core/namespaces/{namespace}");
    let entry = server.store.get(&key)?;
    Some((key, entry.revision))
}

/// Returns the namespace of a new object.
pub(crate) fn checked_namespace(call: &Call, object: &Value) -> ApiResult<String> {
    if !call.resource.namespaced {
        return Ok(String::new());
    }
    let (wanted, given) = (call.place.namespace.as_str(), meta(object, "namespace"));
    if wanted.is_empty() {
        return Err(ApiError::method_not_allowed());
    }
    if !given.is_empty() && given != wanted {
        return Err(ApiError::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
    }
    Ok(wanted.to_owned())
}

/// Nothing is created in a namespace that is not there or goes.
pub(crate) fn check_namespace_lives(server: &Server, resource: &Resource, object: &Value, namespace: &str) -> ApiResult<()> {
    if !resource.namespaced {
        return Ok(());
    }
    let Some(entry) = server.store.get(&format!("/registry/core/namespaces/{namespace}")) else {
        let message = format!("namespaces {namespace:?} not found");
        return Err(ApiError::new(404, "NotFound", message).with(json!({"name": namespace, "kind": "namespaces"})));
    };
    // Few namespaces have the word in them at all.
    if memchr::memmem::find(&entry.value, b"\"deletionTimestamp\"").is_none() {
        return Ok(());
    }
    let found: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
    if meta(&found, "deletionTimestamp").is_empty() {
        return Ok(());
    }
    let name = meta(object, "name");
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut error = ApiError::forbidden(resource, name, &why);
    if let Some(details) = &mut error.details {
        let message = format!("namespace {namespace} is being terminated");
        details["causes"] = json!([{"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}]);
    }
    Err(error)
}

/// Pods run as an account, which must be there.
pub(crate) fn check_account(server: &Server, resource: &Resource, object: &Value) -> ApiResult<()> {
    if resource.kind != "Pod" || resource.custom.is_some() {
        return Ok(());
    }
    let (namespace, account) =
        (meta(object, "namespace"), object.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or("default"));
    if server.store.get(&format!("/registry/core/serviceaccounts/{namespace}/{account}")).is_some() {
        return Ok(());
    }
    let why = format!("error looking up service account {namespace}/{account}: serviceaccount {account:?} not found");
    Err(ApiError::forbidden(resource, meta(object, "name"), &why))
}

/// Who creates by an apply or an update has to be allowed to create, besides. `apiserver/pkg/endpoints/handlers/create.go`
/// (withAuthorization).
pub(crate) fn check_create(call: &Call) -> ApiResult<()> {
    let (resource, place) = (&call.resource, &call.place);
    let attributes = rbac::Attributes {
        verb: "create".to_owned(),
        group: resource.group.clone(),
        resource: resource.plural.clone(),
        namespace: place.namespace.clone(),
        name: place.name.clone(),
        ..rbac::Attributes::default()
    };
    if call.server.rules().allows(&call.caller, &attributes) {
        return Ok(());
    }
    Err(ApiError::forbidden(resource, &place.name, ""))
}

/// Nobody grants what they have not got, unless they may `escalate` or `bind`.
pub(crate) fn check_grants(call: &Call, object: &Value) -> ApiResult<()> {
    let resource = &call.resource;
    if resource.group != "rbac.authorization.k8s.io" || rbac::is_master(&call.caller) {
        return Ok(());
    }
    let rules = call.server.rules();
    let namespace = meta(object, "namespace");
    let list = |object: &Value| -> Vec<rbac::Rule> {
        object.get("rules").and_then(Value::as_array).into_iter().flatten().map(rbac::Rule::read).collect()
    };
    let (granted, verb, kind, name) = if resource.kind.ends_with("Binding") {
        let text = |field: &str| object.pointer(&format!("/roleRef/{field}")).and_then(Value::as_str).unwrap_or_default();
        let cluster = text("kind") == "ClusterRole";
        let kind = if cluster { "clusterroles" } else { "roles" };
        (rules.of(cluster, namespace, text("name")).to_vec(), "bind", kind, text("name").to_owned())
    } else {
        (list(object), "escalate", resource.plural.as_str(), meta(object, "name").to_owned())
    };
    let attributes = rbac::Attributes {
        verb: verb.to_owned(),
        group: resource.group.clone(),
        resource: kind.to_owned(),
        namespace: namespace.to_owned(),
        name,
        ..rbac::Attributes::default()
    };
    if rules.allows(&call.caller, &attributes) {
        return Ok(());
    }
    let cluster = kind == "clusterroles";
    if verb == "bind" && !rules.knows(cluster, namespace, &attributes.name) {
        let message = format!("{kind}.{} {:?} not found", resource.group, attributes.name);
        let details = json!({"group": resource.group, "kind": kind, "name": attributes.name});
        return Err(ApiError::new(404, "NotFound", message).with(details));
    }
    let missing = rules.missing(&call.caller, namespace, &granted);
    let aggregates = object.get("aggregationRule").is_some_and(Value::is_object);
    let why = if !missing.is_empty() {
        format!(
            "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            call.caller.name,
            rbac::quoted(&call.caller.groups),
            missing.join("\n")
        )
    } else if aggregates && !everything().iter().all(|one| rules.allows(&call.caller, one)) {
        "must have cluster-admin privileges to use the aggregationRule".to_owned()
    } else {
        return Ok(());
    };
    Err(ApiError::forbidden(resource, meta(object, "name"), &why))
}

/// Requests for certificates are decided and signed only by those who may so for their signer, by its name or by its domain
/// (kubernetes `plugin/pkg/admission/certificates`).
pub(crate) fn check_signer(call: &Call, subresource: &str, old: &Value, new: &Value) -> ApiResult<()> {
    let resource = &call.resource;
    if resource.kind != "CertificateSigningRequest" || resource.custom.is_some() {
        return Ok(());
    }
    let (verb, touched) = match subresource {
        "approval" => ("approve", true),
        "status" => ("sign", ["certificate", "conditions"].iter().any(|name| old["status"].get(*name) != new["status"].get(*name))),
        _ => return Ok(()),
    };
    let signer = old.pointer("/spec/signerName").and_then(Value::as_str).unwrap_or_default();
    let domain = format!("{}/*", signer.split('/').next().unwrap_or_default());
    let rules = call.server.rules();
    let may = [signer, domain.as_str()].into_iter().any(|name| {
        let attributes = rbac::Attributes {
            verb: verb.to_owned(),
            group: resource.group.clone(),
            resource: "signers".to_owned(),
            name: name.to_owned(),
            ..rbac::Attributes::default()
        };
        rules.allows(&call.caller, &attributes)
    });
    if !touched || may {
        return Ok(());
    }
    Err(ApiError::forbidden(resource, meta(old, "name"), &format!("user not permitted to {verb} requests with signerName {signer:?}")))
}

/// What only those may who may do everything.
fn everything() -> [rbac::Attributes; 2] {
    let any = || "*".to_owned();
    [
        rbac::Attributes { verb: any(), group: any(), resource: any(), ..rbac::Attributes::default() },
        rbac::Attributes { verb: any(), path: Some(any()), ..rbac::Attributes::default() },
    ]
}
