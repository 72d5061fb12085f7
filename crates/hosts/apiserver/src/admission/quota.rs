//! ResourceQuota: how much the objects of a namespace may ask for together. Follows apiserver
//! `pkg/admission/plugin/resourcequota` and kubernetes/kubernetes `pkg/quota/v1/evaluator/core`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use store::{Batch, StoreError};

use super::Ask;
use super::amounts::{self, Amounts};
use crate::Server;
use crate::catalog::Resource;
use crate::object::{self, meta};
use crate::status::{ApiError, ApiResult};

const PREFIX: &str = "/registry/core/resourcequotas/";
/// Kinds that are counted by their bare name too.
const BARE: &[&str] = &["configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets", "services"];
/// What every container must say where it is counted.
const SAID: &[&str] = &["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];

/// A quota with a new count in it.
pub(crate) struct Reserved {
    pub key: String,
    /// The revision at which it was counted.
    pub revision: u64,
    pub value: Vec<u8>,
}

/// Refuses what is beyond a quota of its namespace.
pub(super) fn validate(server: &Server, ask: &Ask<'_>, object: &Value) -> ApiResult<()> {
    reserve(server, ask, object).map(drop)
}

/// Refuses what is beyond a quota of its namespace; returns the quotas that count it, to be written together with it: of two
/// that are created at once, one is counted first.
pub(crate) fn reserve(server: &Server, ask: &Ask<'_>, object: &Value) -> ApiResult<Vec<Reserved>> {
    let mut reserved = Vec::new();
    if ask.operation != "CREATE" || !ask.subresource.is_empty() || !ask.resource.namespaced {
        return Ok(reserved);
    }
    for (key, entry) in server.store.scan(&format!("{PREFIX}{}/", ask.namespace)).0 {
        let Ok(mut quota) = serde_json::from_slice::<Value>(&entry.value) else { continue };
        let (hard, name) = (amounts::read(quota.pointer("/spec/hard")), meta(&quota, "name").to_owned());
        if !covers(&quota, ask.resource, object) {
            continue;
        }
        let asked: Amounts = usage(ask.resource, object).into_iter().filter(|(name, _)| hard.contains_key(name)).collect();
        let refuse = |why: String| Err(ApiError::forbidden(ask.resource, ask.name, &why));
        if let Some(missing) = unsaid(ask.resource, object, &hard) {
            return refuse(format!("failed quota: {name}: must specify {missing}"));
        }
        if asked.values().all(|amount| amount.nanos() == 0) {
            continue;
        }
        let mut used = used(server, &quota, ask.namespace, &hard);
        let zero = amounts::whole(0);
        let over: Vec<&String> = asked
            .iter()
            .filter(|(name, amount)| {
                let sum = used.get(*name).unwrap_or(&zero).nanos().saturating_add(amount.nanos());
                amount.nanos() > 0 && hard.get(*name).is_some_and(|most| sum > most.nanos())
            })
            .map(|(name, _)| name)
            .collect();
        if !over.is_empty() {
            let told = |amounts: &Amounts| {
                over.iter().map(|name| format!("{name}={}", amounts.get(*name).unwrap_or(&zero))).collect::<Vec<_>>().join(",")
            };
            return refuse(format!("exceeded quota: {name}, requested: {}, used: {}, limited: {}", told(&asked), told(&used), told(&hard)));
        }
        for (name, amount) in asked {
            amounts::add(&mut used, &name, amount);
        }
        quota["status"] = json!({"hard": amounts::write(&hard), "used": amounts::write(&used)});
        reserved.push(Reserved { key, revision: entry.revision, value: object::encode(&quota, "v1") });
    }
    Ok(reserved)
}

/// Writes into the quotas of a namespace how much of them is used.
pub(crate) fn settle(server: &Server, namespace: &str) -> ApiResult<()> {
    if namespace.is_empty() {
        return Ok(());
    }
    for quota in quotas(server, namespace) {
        let key = format!("{PREFIX}{namespace}/{}", meta(&quota, "name"));
        loop {
            let Some(entry) = server.store.get(&key) else { break };
            let Ok(mut object) = serde_json::from_slice::<Value>(&entry.value) else { break };
            let hard = amounts::read(object.pointer("/spec/hard"));
            let used = used(server, &object, namespace, &hard);
            let status = json!({"hard": amounts::write(&hard), "used": amounts::write(&used)});
            if object.get("status") == Some(&status) || hard.is_empty() {
                break;
            }
            object["status"] = status;
            match server.store.commit(Batch::new().expect(&key, entry.revision).put(&key, object::encode(&object, "v1"))) {
                Ok(_) => break,
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn quotas(server: &Server, namespace: &str) -> Vec<Value> {
    let entries = server.store.scan(&format!("{PREFIX}{namespace}/")).0;
    entries.iter().filter_map(|(_, entry)| serde_json::from_slice(&entry.value).ok()).collect()
}

/// Adds up what the objects of a namespace take of a quota.
fn used(server: &Server, quota: &Value, namespace: &str, hard: &Amounts) -> Amounts {
    let mut total: Amounts = hard.keys().map(|name| (name.clone(), amounts::whole(0))).collect();
    let catalog = server.catalog();
    let counted = catalog.groups.iter().filter_map(|group| group.versions.first()).flat_map(|(_, kinds)| kinds);
    for resource in counted
        .filter(|resource| resource.namespaced && names(resource).iter().any(|name| hard.contains_key(name)) || counts(resource, hard))
    {
        for (_, entry) in server.store.scan(&resource.prefix(Some(namespace))).0 {
            let object = object::decode(&entry, resource);
            if !covers(quota, resource, &object) {
                continue;
            }
            for (name, amount) in usage(resource, &object) {
                if hard.contains_key(&name) {
                    amounts::add(&mut total, &name, amount);
                }
            }
        }
    }
    total
}

/// Tells whether objects of this kind take more of a quota than their number.
fn counts(resource: &Resource, hard: &Amounts) -> bool {
    let (native, rest) = (resource.custom.is_none() && resource.group.is_empty(), |names: &[&str]| {
        hard.keys().any(|name| names.iter().any(|begin| name.starts_with(begin)))
    });
    match resource.kind.as_str() {
        "Pod" => native && rest(&["cpu", "memory", "ephemeral-storage", "requests.", "limits.", "hugepages-"]),
        "Service" => native && rest(&["services."]),
        "PersistentVolumeClaim" => native && rest(&["requests.storage"]),
        _ => false,
    }
}

/// The names under which the number of objects of a kind is counted.
fn names(resource: &Resource) -> Vec<String> {
    let mut found = vec![format!("count/{}", resource.qualified())];
    if resource.custom.is_none() && resource.group.is_empty() && BARE.contains(&resource.plural.as_str()) {
        found.push(resource.plural.clone());
    }
    found
}

fn over(pod: &Value) -> bool {
    pod.pointer("/status/phase").is_some_and(|phase| phase == "Succeeded" || phase == "Failed")
}

/// What one object takes.
fn usage(resource: &Resource, object: &Value) -> Amounts {
    let mut found: Amounts = names(resource).into_iter().map(|name| (name, amounts::whole(1))).collect();
    if resource.custom.is_some() || !resource.group.is_empty() {
        return found;
    }
    match resource.kind.as_str() {
        "Pod" => {
            if over(object) {
                // What has ended takes nothing but its place in the store.
                found.remove("pods");
                return found;
            }
            for (part, begin) in [("requests", "requests."), ("limits", "limits.")] {
                for (name, amount) in amounts::of_pod(&object["spec"], part) {
                    if part == "requests" && matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
                        found.insert(name.clone(), amount);
                    }
                    found.insert(format!("{begin}{name}"), amount);
                }
            }
        }
        "Service" => {
            let kind = object.pointer("/spec/type").and_then(Value::as_str).unwrap_or_default();
            let ports = object.pointer("/spec/ports").and_then(Value::as_array).map_or(0, Vec::len);
            let opened = matches!(kind, "NodePort" | "LoadBalancer");
            found.insert("services.nodeports".to_owned(), amounts::whole(if opened { ports } else { 0 }));
            found.insert("services.loadbalancers".to_owned(), amounts::whole(usize::from(kind == "LoadBalancer")));
        }
        "PersistentVolumeClaim" => {
            let asked = amounts::read(object.pointer("/spec/resources/requests"));
            if let Some(storage) = asked.get("storage") {
                found.insert("requests.storage".to_owned(), *storage);
            }
        }
        _ => {}
    }
    found
}

/// Returns which containers do not say what the quota counts: `cpu for: a,b; memory for: a`.
fn unsaid(resource: &Resource, object: &Value, hard: &Amounts) -> Option<String> {
    if resource.kind != "Pod" || resource.custom.is_some() {
        return None;
    }
    let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let containers = ["containers", "initContainers"].into_iter().filter_map(|list| object["spec"].get(list).and_then(Value::as_array));
    for container in containers.flatten() {
        for name in SAID.iter().filter(|name| hard.contains_key(**name)) {
            let path = match name.split_once('.') {
                Some((part, rest)) => format!("/resources/{part}/{rest}"),
                None => format!("/resources/requests/{name}"),
            };
            if container.pointer(&path).is_none() {
                missing.entry(name).or_default().push(container["name"].as_str().unwrap_or_default());
            }
        }
    }
    let told: Vec<String> = missing
        .into_iter()
        .map(|(name, mut containers)| {
            containers.sort_unstable();
            format!("{name} for: {}", containers.join(","))
        })
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Tells whether an object is among those that a quota is about.
fn covers(quota: &Value, resource: &Resource, object: &Value) -> bool {
    let scopes = quota.pointer("/spec/scopes").and_then(Value::as_array).into_iter().flatten();
    let scopes = scopes.map(|scope| (scope.as_str().unwrap_or_default(), "Exists", Vec::new()));
    let selected = quota.pointer("/spec/scopeSelector/matchExpressions").and_then(Value::as_array).into_iter().flatten();
    let selected = selected.map(|one| {
        let values = one["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        (one["scopeName"].as_str().unwrap_or_default(), one["operator"].as_str().unwrap_or_default(), values)
    });
    let all: Vec<(&str, &str, Vec<&str>)> = scopes.chain(selected).collect();
    if all.is_empty() {
        return true;
    }
    // Only Pods are told apart.
    resource.kind == "Pod"
        && resource.custom.is_none()
        && all.iter().all(|(name, operator, values)| in_scope(object, name, operator, values))
}

fn in_scope(pod: &Value, scope: &str, operator: &str, values: &[&str]) -> bool {
    let spec = &pod["spec"];
    let ends = spec.get("activeDeadlineSeconds").is_some_and(|seconds| !seconds.is_null());
    let best_effort = amounts::of_pod(spec, "requests").is_empty() && amounts::of_pod(spec, "limits").is_empty();
    match scope {
        "Terminating" => ends,
        "NotTerminating" => !ends,
        "BestEffort" => best_effort,
        "NotBestEffort" => !best_effort,
        "PriorityClass" => {
            let class = spec.get("priorityClassName").and_then(Value::as_str).filter(|class| !class.is_empty());
            match operator {
                "Exists" => class.is_some(),
                "DoesNotExist" => class.is_none(),
                "In" => class.is_some_and(|class| values.contains(&class)),
                "NotIn" => !class.is_some_and(|class| values.contains(&class)),
                _ => false,
            }
        }
        _ => false,
    }
}
