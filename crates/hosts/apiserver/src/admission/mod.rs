//! Admission: who is asked about a change, what they are told, and what their answer does. First the mutating webhooks; then,
//! when the object is valid, the policies and the validating webhooks.
//!
//! Read first: [`mutate`], [`validate`], [`Ask`]. What deletes in consequence of another deletion is not sent to anybody.

mod amounts;
mod check;
pub(crate) mod expression;
mod hook;
mod limits;
mod matching;
mod pod;
mod pod_security;
mod pod_standards;
mod policy;
pub(crate) mod quota;
mod runtime_class;
pub(crate) mod typecheck;

use std::sync::Arc;

use model::Caller;
use serde_json::{Value, json};
use store::Store;

use crate::Server;
use crate::call::Notes;
use crate::catalog::Resource;
use crate::object::meta;
use crate::request::WriteOptions;
use crate::status::ApiResult;
use crate::write::Call;

pub(crate) use check::check;
use hook::Webhook;
use policy::Policy;

const GROUP: &str = "admissionregistration.k8s.io";

/// The webhooks and policies of a moment, in the order in which they are asked.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    mutating: Vec<Webhook>,
    validating: Vec<Webhook>,
    policies: Vec<Policy>,
}

impl Webhooks {
    /// Reads all configurations from the store.
    pub fn read(store: &Store) -> Self {
        let all = |plural: &str| -> Vec<Webhook> {
            let entries = store.scan(&format!("/registry/{GROUP}/{plural}/")).0;
            let configurations = entries.iter().filter_map(|(_, entry)| serde_json::from_slice::<Value>(&entry.value).ok());
            configurations
                .flat_map(|one| one.get("webhooks").and_then(Value::as_array).cloned().unwrap_or_default())
                .map(|hook| Webhook::read(&hook))
                .collect()
        };
        Self {
            mutating: all("mutatingwebhookconfigurations"),
            validating: all("validatingwebhookconfigurations"),
            policies: policy::read(store),
        }
    }
}

/// What webhooks and policies are asked about.
pub(crate) struct Ask<'a> {
    pub resource: &'a Arc<Resource>,
    pub subresource: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    pub operation: &'static str,
    pub caller: &'a Caller,
    pub dry_run: bool,
    pub options: Value,
    /// What is noted in the audit log.
    pub notes: &'a Notes,
    /// What the request is an object of, when it is none of the resource: `PodExecOptions` for `pods/exec`.
    pub kind: Option<(&'static str, &'static str, &'static str)>,
}

impl<'a> Ask<'a> {
    /// Asks about a create or update.
    pub fn of(call: &'a Call, operation: &'static str, options: &WriteOptions, name: &'a str) -> Self {
        let kind = match operation {
            "CREATE" => "CreateOptions",
            _ => "UpdateOptions",
        };
        let mut sent = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
        // What the client did not say is not told.
        if call.query.get("fieldManager").is_some() {
            sent["fieldManager"] = json!(options.manager);
        }
        if options.dry_run {
            sent["dryRun"] = json!(["All"]);
        }
        if let Some(validation) = call.query.get("fieldValidation") {
            sent["fieldValidation"] = json!(validation);
        }
        Self { operation, options: sent, name, ..Self::deletion(call, &Value::Null, options.dry_run) }
    }

    /// Asks about a deletion.
    pub fn deletion(call: &'a Call, options: &Value, dry_run: bool) -> Self {
        let mut options = options.clone();
        if let Value::Object(map) = &mut options {
            map.insert("kind".to_owned(), json!("DeleteOptions"));
            map.insert("apiVersion".to_owned(), json!("meta.k8s.io/v1"));
        }
        Self {
            resource: &call.resource,
            subresource: &call.place.subresource,
            namespace: &call.place.namespace,
            name: &call.place.name,
            operation: "DELETE",
            caller: &call.caller,
            dry_run,
            options,
            notes: &call.notes,
            kind: None,
        }
    }

    /// Notes something in the audit log; what several say under one name stands side by side.
    fn note(&self, key: String, value: &str) {
        let mut notes = self.notes.lock().expect("no holder of the notes' lock panics");
        match notes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, before)) => {
                before.push_str(", ");
                before.push_str(value);
            }
            None => notes.push((key.into(), value.to_owned())),
        }
    }

    /// Tells whether the request is about a namespace itself.
    pub fn is_namespace(&self) -> bool {
        self.resource.kind == "Namespace" && self.resource.group.is_empty()
    }

    /// Returns the name for messages.
    pub fn object_name<'b>(&'b self, object: Option<&'b Value>) -> &'b str {
        if self.name.is_empty() { object.map_or("", |object| meta(object, "name")) } else { self.name }
    }

    /// Returns the request as it is told, in this version of the kind; without objects and uid.
    fn request(&self, resource: &Resource) -> Value {
        let kind_of = |resource: &Resource| match self.kind {
            Some((group, version, kind)) => json!({"group": group, "version": version, "kind": kind}),
            None => json!({"group": resource.group, "version": resource.version, "kind": resource.kind}),
        };
        let place_of = |resource: &Resource| json!({"group": resource.group, "version": resource.version, "resource": resource.plural});
        let mut user = json!({"username": self.caller.name});
        if !self.caller.uid.is_empty() {
            user["uid"] = json!(self.caller.uid);
        }
        if !self.caller.groups.is_empty() {
            user["groups"] = json!(self.caller.groups);
        }
        let mut request = json!({
            "kind": kind_of(resource), "resource": place_of(resource),
            "requestKind": kind_of(self.resource), "requestResource": place_of(self.resource),
            "operation": self.operation, "userInfo": user, "dryRun": self.dry_run, "options": self.options,
        });
        // A namespace is told as being in itself.
        let namespace = if self.is_namespace() { self.name } else { self.namespace };
        let texts =
            [("name", self.name), ("namespace", namespace), ("subResource", self.subresource), ("requestSubResource", self.subresource)];
        for (field, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
            request[field] = json!(value);
        }
        request
    }
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// Nobody is asked about the configurations themselves, or nobody could mend them.
fn exempt(ask: &Ask<'_>) -> bool {
    ask.resource.group == GROUP
}

/// Tells whether [`mutate`] could change anything at all.
pub(crate) fn may_change(server: &Server, ask: &Ask<'_>) -> bool {
    (ask.resource.kind == "Pod" && ask.resource.custom.is_none()) || !(exempt(ask) || server.webhooks().mutating.is_empty())
}

/// Asks the mutating webhooks one after the other; each sees what those before it made.
pub(crate) async fn mutate(
    server: &Server,
    ask: &Ask<'_>,
    object: Value,
    old: Option<&Value>,
    warnings: &mut Vec<String>,
) -> ApiResult<Value> {
    let object = pod::fill(server, ask, object)?;
    let webhooks = server.webhooks();
    if exempt(ask) || webhooks.mutating.is_empty() {
        return Ok(object);
    }
    let mut object = object;
    // Those that want it are asked once more when somebody changed what they had seen.
    let mut seen: Vec<Option<Value>> = vec![None; webhooks.mutating.len()];
    for round in 0..2 {
        for (index, hook) in webhooks.mutating.iter().enumerate() {
            let due = round == 0 || (hook.again && seen[index].as_ref().is_some_and(|seen| *seen != object));
            if !due {
                continue;
            }
            let Some(resource) = hook.wants(server, ask, Some(&object), old).await? else { continue };
            if let Some(response) = hook.call(server, ask, &resource, Some(&object), old, warnings, true).await? {
                object = hook.patched(server, &resource, &object, &response).await?;
            }
            seen[index] = Some(object.clone());
        }
    }
    Ok(object)
}

/// Asks the mutating webhooks about a deletion, of which there is nothing to change.
pub(crate) async fn mutate_deletion(server: &Server, ask: &Ask<'_>, old: &Value, warnings: &mut Vec<String>) -> ApiResult<()> {
    ask_all(server, ask, &server.webhooks().mutating, None, Some(old), warnings, true).await
}

/// Asks the policies and the validating webhooks.
pub(crate) async fn validate(
    server: &Server,
    ask: &Ask<'_>,
    object: Option<&Value>,
    old: Option<&Value>,
    warnings: &mut Vec<String>,
) -> ApiResult<()> {
    let webhooks = server.webhooks();
    if exempt(ask) {
        return Ok(());
    }
    object.map_or(Ok(()), |object| limits::validate(server, ask, object))?;
    object.map_or(Ok(()), |object| runtime_class::validate(server, ask, object))?;
    pod_security::validate(server, ask, object, old, warnings)?;
    policy::validate(server, &webhooks.policies, ask, object, old, warnings).await?;
    ask_all(server, ask, &webhooks.validating, object, old, warnings, false).await?;
    // Last, so that nothing is counted that somebody else refuses.
    object.map_or(Ok(()), |object| quota::validate(server, ask, object))
}

async fn ask_all(
    server: &Server,
    ask: &Ask<'_>,
    hooks: &[Webhook],
    object: Option<&Value>,
    old: Option<&Value>,
    warnings: &mut Vec<String>,
    mutating: bool,
) -> ApiResult<()> {
    if exempt(ask) {
        return Ok(());
    }
    for hook in hooks {
        if let Some(resource) = hook.wants(server, ask, object, old).await? {
            hook.call(server, ask, &resource, object, old, warnings, mutating).await?;
        }
    }
    Ok(())
}
