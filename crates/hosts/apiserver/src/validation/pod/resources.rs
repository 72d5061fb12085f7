//! How much containers and Pods get, and which claims they share.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `validateResourceRequirements`, `validatePodResources`,
//! `validatePodResourceClaims`.

use std::collections::{BTreeSet, HashSet};

use schema::{Cause, Violation};
use serde_json::{Map, Value, json};

use super::super::faults::{Faults, list, or_null, set, text};
use super::super::resource_names;
use super::{Frame, required_name};
use crate::names::Rule;
use crate::pod_resources::{aggregate, amount};
use crate::quantity::nanos;
use crate::typed::Type;

const HUGE: &str = "hugepages-";
const MILLI: i128 = 1_000_000;
const NANO: i128 = 1_000_000_000;

type NameCheck = fn(&str, &str, &mut Faults);

/// Checks what a container asks for and may have at most, and the claims that it uses.
pub(super) fn of_container(resources: &Value, claims: &BTreeSet<&str>, path: &str, faults: &mut Faults) {
    requirements(resources, resource_names::of_containers, path, faults);
    claim_names(list(resources, "claims"), claims, &format!("{path}.claims"), faults);
}

/// Checks what a Pod costs beside its containers.
pub(super) fn overhead(overhead: &Value, path: &str, faults: &mut Faults) {
    requirements(&json!({"limits": overhead}), resource_names::of_containers, path, faults);
}

/// Checks what all containers of a Pod share.
pub(super) fn of_pod(spec: &Value, frame: &Frame<'_>, path: &str, faults: &mut Faults) {
    let Some(resources) = set(spec, "resources") else { return };
    let path = format!("{path}.resources");
    if frame.system == Some("windows") {
        return faults.forbidden(&path, "may not be set for a windows pod");
    }
    if set(resources, "claims").is_some() {
        faults.forbidden(&format!("{path}.claims"), "claims may not be set for Resources at pod-level");
    }
    requirements(resources, pod_name, &path, faults);
    claim_names(list(resources, "claims"), &frame.claims, &format!("{path}.claims"), faults);
    consistent(spec, resources, &path, faults);
}

/// What the containers have together must fit into what the Pod has.
fn consistent(spec: &Value, resources: &Value, path: &str, faults: &mut Faults) {
    let of_pod = |kind: &str, name: &str| resources.get(kind).and_then(|all| all.get(name));
    for (kind, what) in [("requests", "requests"), ("limits", "limits")] {
        for (name, sum) in aggregate(spec, kind) {
            let Some(most) = of_pod(kind, &name).filter(|_| kind == "requests" || name.starts_with(HUGE)) else { continue };
            if most.as_str().and_then(nanos).is_some_and(|most| sum.nanos > most) {
                let why = format!("must be greater than or equal to aggregate container {what} of {}", amount(&sum));
                faults.invalid(&format!("{path}.{kind}[{name}]"), most, &why);
            }
        }
    }
    for (index, container) in list(spec, "containers").iter().enumerate() {
        for (name, limit) in amounts(or_null(container, &["resources"]), "limits") {
            let Some(most) = of_pod("limits", name).and_then(Value::as_str) else { continue };
            if limit.as_str().and_then(nanos) > nanos(most) {
                let field = format!("{path}.containers[{index}][{name}].limits");
                faults.invalid(&field, limit, &format!("must be less than or equal to pod limits of {most}"));
            }
        }
    }
}

fn amounts<'a>(resources: &'a Value, kind: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    resources.get(kind).and_then(Value::as_object).into_iter().flatten()
}

fn requirements(resources: &Value, name_check: NameCheck, path: &str, faults: &mut Faults) {
    let empty = Map::new();
    let limits = resources.get("limits").and_then(Value::as_object).unwrap_or(&empty);
    for (name, limit) in amounts(resources, "limits") {
        let field = format!("{path}.limits[{name}]");
        name_check(name, &field, faults);
        value(name, limit, &field, faults);
        huge_pages(name, limit, &field, faults);
    }
    for (name, request) in amounts(resources, "requests") {
        let field = format!("{path}.requests[{name}]");
        name_check(name, &field, faults);
        value(name, request, &field, faults);
        match limits.get(name) {
            Some(limit) => within(name, request, limit, &format!("{path}.requests"), faults),
            None if !resource_names::may_be_promised_twice(name) => {
                faults.required(&format!("{path}.limits"), "Limit must be set for non overcommitable resources")
            }
            None => {}
        }
        huge_pages(name, request, &field, faults);
    }
    let any = |wanted: fn(&str) -> bool| amounts(resources, "limits").chain(amounts(resources, "requests")).any(|(name, _)| wanted(name));
    if any(|name| name.starts_with(HUGE)) && !any(|name| matches!(name, "cpu" | "memory")) {
        faults.forbidden(path, "HugePages require cpu or memory");
    }
}

fn within(name: &str, request: &Value, limit: &Value, field: &str, faults: &mut Faults) {
    let shown = limit.as_str().unwrap_or_default();
    let (Some(wanted), Some(most)) = (request.as_str().and_then(nanos), nanos(shown)) else { return };
    if wanted != most && !resource_names::may_be_promised_twice(name) {
        faults.invalid(field, request, &format!("must be equal to {name} limit of {shown}"));
    } else if wanted > most {
        faults.invalid(field, request, &format!("must be less than or equal to {name} limit of {shown}"));
    }
}

fn value(name: &str, amount: &Value, field: &str, faults: &mut Faults) {
    let Some(nanos) = amount.as_str().and_then(nanos) else { return };
    if nanos < 0 {
        faults.invalid(field, amount, "must be greater than or equal to 0");
    }
    if resource_names::is_whole(name) && (nanos.unsigned_abs().div_ceil(MILLI.unsigned_abs())) % 1000 != 0 {
        faults.invalid(field, amount, "must be an integer");
    }
}

fn huge_pages(name: &str, amount: &Value, field: &str, faults: &mut Faults) {
    let Some(size) = name.strip_prefix(HUGE) else { return };
    let shown = amount.as_str().unwrap_or_default();
    let bytes = |nanos: i128| nanos / NANO + i128::from(nanos % NANO > 0);
    let page = nanos(size).filter(|size| *size > 0 && size % NANO == 0);
    if page.is_none_or(|page| nanos(shown).is_none_or(|nanos| bytes(nanos) % bytes(page) != 0)) {
        faults.invalid(field, amount, &format!("{shown} is not positive integer multiple of {name}"));
    }
}

fn pod_name(name: &str, field: &str, faults: &mut Faults) {
    if resource_names::standard(name, field, faults) && !matches!(name, "cpu" | "memory") && !name.starts_with(HUGE) {
        faults.not_supported(field, &json!(name), &["cpu", HUGE, "memory"]);
    }
}

/// The claims that a container uses are the Pod's. Follows `validateResourceClaimNames`.
fn claim_names(claims: &[Value], known: &BTreeSet<&str>, path: &str, faults: &mut Faults) {
    let mut seen: HashSet<String> = HashSet::new();
    for (index, claim) in claims.iter().enumerate() {
        let (here, name, request) = (format!("{path}[{index}]"), text(claim, "name"), text(claim, "request"));
        if name.is_empty() {
            faults.required(&here, "");
            continue;
        }
        if seen.contains(name) {
            faults.duplicate(&here, &json!(name));
        } else {
            let key = if request.is_empty() { name.to_owned() } else { format!("{name}/{request}") };
            if !request.is_empty() {
                faults.name(&format!("{here}.request"), Rule::Label, request);
            }
            if seen.contains(&key) {
                faults.duplicate(&here, &json!(key));
            } else if request.is_empty() {
                let overlapping = seen.iter().filter(|key| key.split_once('/').is_some_and(|(start, _)| start == name));
                overlapping.for_each(|_| faults.duplicate(&here, &json!(name)));
            }
            seen.insert(key);
        }
        if !known.contains(name) {
            unknown_claim(name, known, &here, faults);
        }
    }
}

fn unknown_claim(name: &str, known: &BTreeSet<&str>, field: &str, faults: &mut Faults) {
    let which =
        if known.is_empty() { " which is empty".to_owned() } else { format!(": {}", known.iter().copied().collect::<Vec<_>>().join(", ")) };
    let text = format!("Not found: {}: must be one of the names in pod.spec.resourceClaims{which}", json!(name));
    faults.0.push(Violation { field: field.to_owned(), cause: Cause::NotFound, text });
}

/// Checks the claims of a spec.
pub(super) fn claims(spec: &Value, metadata: Option<&Value>, path: &str, faults: &mut Faults) {
    const MIRROR: &str = "kubernetes.io/config.mirror";
    let mirror = metadata.and_then(|metadata| metadata.get("annotations")).is_some_and(|all| all.get(MIRROR).is_some());
    let mut seen = HashSet::new();
    for (index, claim) in list(spec, "resourceClaims").iter().enumerate() {
        if mirror {
            faults.forbidden("", "static pods do not support resource claims");
            continue;
        }
        let (here, name) = (format!("{path}.resourceClaims[{index}]"), text(claim, "name"));
        if seen.contains(name) {
            faults.duplicate(&format!("{here}.name"), &json!(name));
        } else {
            required_name(claim, "name", Rule::Label, &here, faults);
            if !name.is_empty() {
                seen.insert(name);
            }
        }
        let fields = ["resourceClaimName", "resourceClaimTemplateName"];
        let form = Type::Struct("core.v1.PodResourceClaim");
        match fields.iter().filter(|field| set(claim, field).is_some()).count() {
            0 => faults.invalid_inner(&here, &form, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
            1 => {}
            _ => {
                let why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
                faults.invalid_inner(&here, &form, claim, why);
            }
        }
        for field in fields {
            if let Some(name) = set(claim, field).and_then(Value::as_str) {
                faults.name(&format!("{here}.{field}"), Rule::Subdomain, name);
            }
        }
    }
}
