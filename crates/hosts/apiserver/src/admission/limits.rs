//! LimitRange: what containers get that ask for nothing, and between what they may ask. Follows kubernetes/kubernetes
//! `plugin/pkg/admission/limitranger/admission.go`.

use golang::Quantity;
use serde_json::{Value, json};

use super::Ask;
use super::amounts::{self, Amounts};
use crate::Server;
use crate::object::meta_mut;
use crate::status::{ApiError, ApiResult};

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

fn ranges(server: &Server, ask: &Ask<'_>) -> Vec<Value> {
    let pod = ask.resource.kind == "Pod" && ask.operation == "CREATE";
    let claim = ask.resource.kind == "PersistentVolumeClaim" && matches!(ask.operation, "CREATE" | "UPDATE");
    if !(pod || claim) || ask.resource.custom.is_some() || !ask.subresource.is_empty() {
        return Vec::new();
    }
    let entries = server.store.scan(&format!("/registry/core/limitranges/{}/", ask.namespace)).0;
    entries.iter().filter_map(|(_, entry)| serde_json::from_slice(&entry.value).ok()).collect()
}

fn limits(range: &Value) -> impl Iterator<Item = &Value> {
    range.pointer("/spec/limits").and_then(Value::as_array).into_iter().flatten()
}

/// Gives containers what the ranges of their namespace give those that say nothing.
pub(super) fn fill(server: &Server, ask: &Ask<'_>, pod: &mut Value) {
    for range in ranges(server, ask) {
        let (mut most, mut asked) = (Amounts::new(), Amounts::new());
        for limit in limits(&range).filter(|limit| limit["type"] == "Container") {
            most.extend(amounts::read(limit.get("default")));
            asked.extend(amounts::read(limit.get("defaultRequest")));
        }
        let mut told = Vec::new();
        for (list, what) in [("containers", "container"), ("initContainers", "init container")] {
            for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                let name = container["name"].as_str().unwrap_or_default().to_owned();
                for (part, given, word) in [("requests", &asked, "request"), ("limits", &most, "limit")] {
                    let mut set = Vec::new();
                    for (resource, amount) in given {
                        let place = &mut container["resources"][part];
                        if place.get(resource).is_none() {
                            place[resource] = json!(amount.to_string());
                            set.push(resource.clone());
                        }
                    }
                    if !set.is_empty() {
                        told.push(format!("{} {word} for {what} {name}", set.join(", ")));
                    }
                }
            }
        }
        if !told.is_empty() {
            let annotations = meta_mut(pod).entry("annotations").or_insert_with(|| json!({}));
            annotations[ANNOTATION] = json!(format!("LimitRanger plugin set: {}", told.join("; ")));
        }
    }
}

/// Refuses what is beyond the ranges of its namespace.
pub(super) fn validate(server: &Server, ask: &Ask<'_>, object: &Value) -> ApiResult<()> {
    for range in ranges(server, ask) {
        let mut faults = Vec::new();
        for limit in limits(&range) {
            let kind = limit["type"].as_str().unwrap_or_default();
            let subjects: Vec<(Amounts, Amounts)> = match (kind, ask.resource.kind.as_str()) {
                ("Container", "Pod") => ["containers", "initContainers"]
                    .into_iter()
                    .filter_map(|list| object["spec"].get(list).and_then(Value::as_array))
                    .flatten()
                    .map(|one| (amounts::read(one.pointer("/resources/requests")), amounts::read(one.pointer("/resources/limits"))))
                    .collect(),
                ("Pod", "Pod") => vec![(amounts::of_pod(&object["spec"], "requests"), amounts::of_pod(&object["spec"], "limits"))],
                ("PersistentVolumeClaim", "PersistentVolumeClaim") => {
                    vec![(amounts::read(object.pointer("/spec/resources/requests")), Amounts::new())]
                }
                _ => continue,
            };
            let claim = kind == "PersistentVolumeClaim";
            for (requests, most) in &subjects {
                let read = |field: &str| amounts::read(limit.get(field));
                for (name, least) in read("min") {
                    faults.extend(too_little(kind, &name, least, requests.get(&name), most.get(&name)));
                }
                for (name, bound) in read("max") {
                    // A claim has no limits; what it asks for counts as one.
                    let limit = if claim { requests.get(&name) } else { most.get(&name) };
                    faults.extend(too_much(kind, &name, bound, requests.get(&name).filter(|_| !claim), limit, claim));
                }
                for (name, ratio) in read("maxLimitRequestRatio") {
                    faults.extend(too_uneven(kind, &name, ratio, requests.get(&name), most.get(&name)));
                }
            }
        }
        if let Some(first) = faults.first() {
            let why = if faults.len() == 1 { first.clone() } else { format!("[{}]", faults.join(", ")) };
            return Err(ApiError::forbidden(ask.resource, ask.name, &why));
        }
    }
    Ok(())
}

fn too_little(kind: &str, name: &str, least: Quantity, asked: Option<&Quantity>, most: Option<&Quantity>) -> Option<String> {
    let begin = format!("minimum {name} usage per {kind} is {least}");
    match (asked, most) {
        (None, _) => Some(format!("{begin}.  No request is specified")),
        (Some(asked), _) if asked.nanos() < least.nanos() => Some(format!("{begin}, but request is {asked}")),
        (_, Some(most)) if most.nanos() < least.nanos() => Some(format!("{begin}, but limit is {most}")),
        _ => None,
    }
}

fn too_much(kind: &str, name: &str, bound: Quantity, asked: Option<&Quantity>, most: Option<&Quantity>, claim: bool) -> Option<String> {
    let begin = format!("maximum {name} usage per {kind} is {bound}");
    let word = if claim { "request" } else { "limit" };
    match (most, asked) {
        (None, _) => Some(format!("{begin}.  No {word} is specified")),
        (Some(most), _) if most.nanos() > bound.nanos() => Some(format!("{begin}, but {word} is {most}")),
        (_, Some(asked)) if asked.nanos() > bound.nanos() => Some(format!("{begin}, but request is {asked}")),
        _ => None,
    }
}

fn too_uneven(kind: &str, name: &str, ratio: Quantity, asked: Option<&Quantity>, most: Option<&Quantity>) -> Option<String> {
    let begin = format!("{name} max limit to request ratio per {kind} is {ratio}, but");
    let Some(asked) = asked.filter(|asked| asked.nanos() != 0) else {
        return Some(format!("{begin} no request is specified or request is 0"));
    };
    let Some(most) = most.filter(|most| most.nanos() != 0) else {
        return Some(format!("{begin} no limit is specified or limit is 0"));
    };
    let found = most.nanos() as f64 / asked.nanos() as f64;
    (found * 1e9 > ratio.nanos() as f64).then(|| format!("{begin} provided ratio is {found:.6}"))
}
