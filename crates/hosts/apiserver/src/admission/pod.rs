//! What admission writes into a new Pod: the account it runs as and its token, how important it is, how long it stays on a
//! node that fails. Follows kubernetes/kubernetes `plugin/pkg/admission/{serviceaccount,priority,defaulttolerationseconds}`.

use serde_json::{Value, json};

use super::Ask;
use crate::Server;
use crate::object::{self, meta};
use crate::status::{ApiError, ApiResult};

/// Where a container finds the token of its account.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Begin of the name of the volume with the token.
const TOKEN_VOLUME: &str = "kube-api-access-";
/// A Pod that stands for a file on a node; it has no account.
const MIRROR: &str = "/metadata/annotations/kubernetes.io~1config.mirror";
/// How long a token lives, in seconds.
const TOKEN_LIFE: u32 = 3607;
/// How long a Pod stays on a node that fails, in seconds.
const STAY: u32 = 300;

/// Fills in a Pod that is being created; one that changes only bears failing nodes for a while.
pub(super) fn fill(server: &Server, ask: &Ask<'_>, mut pod: Value) -> ApiResult<Value> {
    if ask.resource.kind != "Pod" || ask.resource.custom.is_some() || !ask.subresource.is_empty() {
        return Ok(pod);
    }
    if !pod.get("spec").is_some_and(Value::is_object) {
        return Ok(pod);
    }
    if ask.operation == "UPDATE" {
        tolerations(&mut pod);
    }
    if ask.operation != "CREATE" {
        return Ok(pod);
    }
    super::limits::fill(server, ask, &mut pod);
    account(server, ask, &mut pod)?;
    priority(server, ask, &mut pod)?;
    tolerations(&mut pod);
    super::runtime_class::fill(server, ask, &mut pod)?;
    Ok(pod)
}

fn list_mut<'a>(holder: &'a mut Value, field: &str) -> Option<&'a mut Vec<Value>> {
    let map = holder.as_object_mut()?;
    let list = map.entry(field).or_insert_with(|| json!([]));
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut()
}

fn account(server: &Server, ask: &Ask<'_>, pod: &mut Value) -> ApiResult<()> {
    let refuse = |why: &str| ApiError::forbidden(ask.resource, ask.name, why);
    if pod.pointer(MIRROR).is_some() {
        let named = pod.pointer("/spec/serviceAccountName").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
        return if named { Err(refuse("a mirror pod may not reference service accounts")) } else { Ok(()) };
    }
    let spec = &mut pod["spec"];
    let name = match spec.get("serviceAccountName").and_then(Value::as_str) {
        None | Some("") => "default".to_owned(),
        Some(name) => name.to_owned(),
    };
    spec["serviceAccountName"] = json!(name);
    spec["serviceAccount"] = json!(name);
    let namespace = ask.namespace;
    let Some(entry) = server.store.get(&format!("/registry/core/serviceaccounts/{namespace}/{name}")) else {
        return Err(refuse(&format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found")));
    };
    let account: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
    let wished = spec.get("automountServiceAccountToken").and_then(Value::as_bool);
    if wished.or_else(|| account.get("automountServiceAccountToken").and_then(Value::as_bool)).unwrap_or(true) {
        mount(spec);
    }
    let secrets = account.get("imagePullSecrets").and_then(Value::as_array).filter(|secrets| !secrets.is_empty());
    if let Some(secrets) = secrets
        && spec.get("imagePullSecrets").and_then(Value::as_array).is_none_or(Vec::is_empty)
    {
        spec["imagePullSecrets"] = json!(secrets);
    }
    Ok(())
}

fn mount(spec: &mut Value) {
    let known = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
    let present = known.filter_map(|volume| volume["name"].as_str()).find(|name| name.starts_with(TOKEN_VOLUME)).map(str::to_owned);
    let there = present.is_some();
    let name = present.unwrap_or_else(|| format!("{TOKEN_VOLUME}{}", object::suffix()));
    let mut used = false;
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(mounts) = list_mut(container, "volumeMounts") else { continue };
            if mounts.iter().all(|mount| mount["mountPath"] != TOKEN_PATH) {
                mounts.push(json!({"name": name, "readOnly": true, "mountPath": TOKEN_PATH}));
                used = true;
            }
        }
    }
    if used
        && !there
        && let Some(volumes) = list_mut(spec, "volumes")
    {
        let field = json!({"apiVersion": "v1", "fieldPath": "metadata.namespace"});
        volumes.push(json!({"name": name, "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": TOKEN_LIFE, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
        ]}}));
    }
}

fn priority(server: &Server, ask: &Ask<'_>, pod: &mut Value) -> ApiResult<()> {
    let name = pod.pointer("/spec/priorityClassName").and_then(Value::as_str).unwrap_or_default().to_owned();
    let catalog = server.catalog();
    let classes = catalog.find("scheduling.k8s.io", "v1", "priorityclasses").cloned();
    let read = |entry: &store::Entry| serde_json::from_slice::<Value>(&entry.value).unwrap_or_default();
    let class = match (&classes, name.as_str()) {
        (Some(classes), "") => {
            // Of several defaults the smallest counts.
            let all = server.store.scan(&classes.prefix(None)).0;
            let defaults = all.iter().map(|(_, entry)| read(entry)).filter(|class| class["globalDefault"] == true);
            defaults.min_by_key(|class| class["value"].as_i64().unwrap_or(0))
        }
        (Some(classes), name) => server.store.get(&classes.key("", name)).map(|entry| read(&entry)),
        (None, _) => None,
    };
    let spec = &mut pod["spec"];
    let (value, policy) = match &class {
        Some(class) => {
            if name.is_empty() {
                spec["priorityClassName"] = json!(meta(class, "name"));
            }
            (class["value"].as_i64().unwrap_or(0), class["preemptionPolicy"].as_str().unwrap_or("PreemptLowerPriority").to_owned())
        }
        None if name.is_empty() => (0, "PreemptLowerPriority".to_owned()),
        None => return Err(ApiError::forbidden(ask.resource, ask.name, &format!("no PriorityClass with name {name} was found"))),
    };
    if let Some(given) = spec.get("priority").and_then(Value::as_i64).filter(|given| *given != value) {
        let why = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name"
        );
        return Err(ApiError::forbidden(ask.resource, ask.name, &why));
    }
    if let Some(given) = spec.get("preemptionPolicy").and_then(Value::as_str).filter(|given| *given != policy) {
        let why = format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        );
        return Err(ApiError::forbidden(ask.resource, ask.name, &why));
    }
    spec["priority"] = json!(value);
    spec["preemptionPolicy"] = json!(policy);
    Ok(())
}

fn tolerations(pod: &mut Value) {
    let Some(list) = list_mut(&mut pod["spec"], "tolerations") else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerates = |one: &Value| {
            let text = |field: &str| one.get(field).and_then(Value::as_str).unwrap_or_default();
            (text("key").is_empty() || text("key") == key) && matches!(text("effect"), "" | "NoExecute")
        };
        if !list.iter().any(tolerates) {
            list.push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": STAY}));
        }
    }
}
