//! What the server gives a Service, what an update leaves as it was, and what a Service of another type has no use for.
//! Read first: [`complete`], [`claim`], [`carry_over`]. Kubernetes `pkg/registry/core/service/{storage/alloc,strategy,storage/storage}.go`.

mod addresses;
mod pool;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};
use store::{Batch, Store};

pub(crate) use self::pool::{Claims, restore, user};
use crate::catalog::Resource;
use crate::object::meta;
use crate::status::{ApiError, ApiResult};
use crate::validation;

type Spec = Map<String, Value>;

pub(crate) fn is_service(resource: &Resource) -> bool {
    resource.kind == "Service" && resource.custom.is_none()
}

fn kind(spec: &Spec) -> &str {
    spec.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn has_address(spec: &Spec) -> bool {
    kind(spec) != "ExternalName"
}

fn has_node_ports(spec: &Spec) -> bool {
    matches!(kind(spec), "NodePort" | "LoadBalancer")
}

/// Tells whether ports of nodes are given that nobody asked for.
fn is_given_node_ports(spec: &Spec) -> bool {
    kind(spec) == "NodePort" || (kind(spec) == "LoadBalancer" && spec.get("allocateLoadBalancerNodePorts") != Some(&json!(false)))
}

/// Who balances asks at this port whether the node has a Pod of the Service.
fn has_health_check(spec: &Spec) -> bool {
    kind(spec) == "LoadBalancer" && spec.get("externalTrafficPolicy") == Some(&json!("Local"))
}

fn is_reached_from_outside(spec: &Spec) -> bool {
    let addresses = spec.get("externalIPs").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    has_node_ports(spec) || (kind(spec) == "ClusterIP" && addresses)
}

fn spec_of(service: &mut Value) -> Option<&mut Spec> {
    service.get_mut("spec").and_then(Value::as_object_mut)
}

fn ports(spec: &mut Spec) -> impl Iterator<Item = &mut Spec> {
    spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Brings what a Service says of its addresses together, and gives it families.
pub(crate) fn complete(old: Option<&Value>, service: &mut Value) {
    if let Some(spec) = service.get_mut("spec") {
        addresses::complete(old.and_then(|old| old.get("spec")), spec);
    }
}

/// Takes the addresses and ports that a Service asks for and has not got, and gives it those that it needs. Nothing routes to them
/// here; they are there because clients expect them. What is wrong with it otherwise is left to validation.
pub(crate) fn claim<'a>(store: &'a Store, old: Option<&Value>, service: &mut Value, now: &'a str) -> ApiResult<Claims<'a>> {
    let mut claims = Claims::of(store, service, now);
    let name = meta(service, "name").to_owned();
    let old_spec = old.and_then(|old| old.get("spec"));
    if !service.get("spec").is_some_and(|spec| validation::service_addresses::can_be_given(spec, old_spec)) {
        return Ok(claims);
    }
    let refuse =
        |field: &str, value: &Value, why: &str| ApiError::invalid("", "Service", &name, &[schema::Violation::invalid(field, value, why)]);
    let none = Spec::new();
    let before = old_spec.and_then(Value::as_object).unwrap_or(&none);
    let Some(spec) = spec_of(service) else { return Ok(claims) };
    // An address that is set does not change; where it is, validation says so.
    if has_address(spec) && (old.is_none() || !has_address(before)) {
        addresses::claim(spec, &mut claims, &refuse)?;
    }
    if has_node_ports(spec) && old.is_none() {
        claim_node_ports(spec, &mut claims, &refuse)?;
    } else if has_node_ports(spec) {
        claim_other_node_ports(before, spec, &mut claims, &refuse)?;
    }
    if has_health_check(spec) && !has_health_check(before) {
        match spec.get("healthCheckNodePort").and_then(Value::as_i64).filter(|number| *number != 0) {
            // Upstream says 500, though the Service is wrong.
            Some(number) => claims.take_port(number).map_err(|why| refuse("spec.healthCheckNodePort", &json!(number), why))?,
            None => {
                let number = claims.give_port().ok_or_else(|| full("HealthCheck NodePort"))?;
                spec.insert("healthCheckNodePort".to_owned(), json!(number));
            }
        }
    }
    if let Some(old) = old {
        claims.give_back(old, service);
    }
    Ok(claims)
}

/// Gives back what a Service has that is deleted with this batch; other kinds have nothing.
pub(crate) fn release(store: &Store, resource: &Resource, object: &Value, batch: Batch) -> Batch {
    if !is_service(resource) {
        return batch;
    }
    let mut claims = Claims::of(store, object, "");
    claims.give_back(object, &Value::Null);
    claims.write(batch)
}

fn full(what: &str) -> ApiError {
    ApiError::internal(format!("failed to allocate a {what}: {}", pool::FULL))
}

/// Takes the ports of nodes that a new Service asks for, and gives it others. Protocols that share a port share that of the nodes.
fn claim_node_ports(spec: &mut Spec, claims: &mut Claims<'_>, refuse: &impl Fn(&str, &Value, &str) -> ApiError) -> ApiResult<()> {
    let is_given = is_given_node_ports(spec);
    let mut asked: HashMap<i64, i64> = HashMap::new();
    for (key, number) in ports(spec).map(|port| (number(port, "port"), number(port, "nodePort"))).filter(|(_, number)| *number != 0) {
        asked.entry(key).or_insert(number);
    }
    let mut shared: HashMap<i64, i64> = HashMap::new();
    for (index, port) in ports(spec).enumerate() {
        let (key, own) = (number(port, "port"), number(port, "nodePort"));
        if own == 0 && !is_given {
            continue;
        }
        let mut take =
            |number: i64| claims.take_port(number).map_err(|why| refuse(&format!("spec.ports[{index}].nodePort"), &json!(number), why));
        let number = match (shared.get(&key), asked.get(&key)) {
            (Some(number), _) if own == 0 || own == *number => *number,
            (Some(_), _) => {
                take(own)?;
                continue;
            }
            (None, Some(asked)) => take(*asked).map(|()| *asked)?,
            (None, None) => claims.give_port().ok_or_else(|| full("nodePort"))?,
        };
        shared.insert(key, number);
        port.insert("nodePort".to_owned(), json!(number));
    }
    Ok(())
}

/// Takes the ports of nodes that an update asks for and the Service has not got, and gives it others.
fn claim_other_node_ports(
    before: &Spec,
    spec: &mut Spec,
    claims: &mut Claims<'_>,
    refuse: &impl Fn(&str, &Value, &str) -> ApiError,
) -> ApiResult<()> {
    let is_given = is_given_node_ports(spec);
    let mut held = if has_node_ports(before) { node_ports(before) } else { HashSet::new() };
    for (index, port) in ports(spec).enumerate() {
        match number(port, "nodePort") {
            0 if is_given => {
                let number = claims.give_port().ok_or_else(|| full("nodePort"))?;
                port.insert("nodePort".to_owned(), json!(number));
            }
            0 => {}
            number => {
                if held.insert(number) {
                    claims.take_port(number).map_err(|why| refuse(&format!("spec.ports[{index}].nodePort"), &json!(number), why))?;
                }
            }
        }
    }
    Ok(())
}

/// In Go no number is told apart from zero.
fn number(port: &Spec, name: &str) -> i64 {
    port.get(name).and_then(Value::as_i64).unwrap_or(0)
}

/// Completes an update: what was given before stays, where the update says nothing of it.
pub(crate) fn carry_over(old: &Value, new: &mut Value) {
    let (Some(before), Some(now)) = (old.get("spec").and_then(Value::as_object), spec_of(new)) else { return };
    let both = |has: fn(&Spec) -> bool, now: &Spec| has(before) && has(now);
    if both(has_address, now) {
        keep(before, now, &["clusterIP", "clusterIPs"]);
    }
    if both(is_given_node_ports, now) {
        keep_node_ports(before, now);
    }
    if both(has_health_check, now) {
        keep(before, now, &["healthCheckNodePort"]);
    }
}

/// Takes away what only a Service of the old type has, where the update leaves it as it was.
pub(crate) fn drop_unused(old: &Value, new: &mut Value) {
    let (Some(before), Some(now)) = (old.get("spec").and_then(Value::as_object), spec_of(new)) else { return };
    let no_longer = |has: fn(&Spec) -> bool, now: &Spec| has(before) && !has(now);
    if no_longer(has_address, now) {
        if before.get("clusterIP") == now.get("clusterIP") {
            drop_same(before, now, &["clusterIPs", "clusterIP"]);
        }
        drop_same(before, now, &["ipFamilies", "ipFamilyPolicy"]);
    }
    let known = node_ports(before);
    if no_longer(has_node_ports, now) && node_ports(now).is_subset(&known) {
        ports(now).for_each(|port| drop(port.remove("nodePort")));
    }
    if no_longer(has_health_check, now) {
        drop_same(before, now, &["healthCheckNodePort"]);
    }
    if no_longer(|spec| kind(spec) == "LoadBalancer", now) {
        drop_same(before, now, &["allocateLoadBalancerNodePorts", "loadBalancerClass"]);
    }
    if no_longer(is_reached_from_outside, now) {
        drop_same(before, now, &["externalTrafficPolicy"]);
    }
    if kind(now) != "LoadBalancer"
        && let Some(status) = new.get_mut("status").and_then(Value::as_object_mut)
    {
        status.insert("loadBalancer".to_owned(), json!({}));
    }
}

/// In Go nothing is told apart from zero.
fn is_zero(value: &Value) -> bool {
    value.is_null() || *value == json!("") || *value == json!(0) || *value == json!([])
}

fn keep(before: &Spec, now: &mut Spec, names: &[&str]) {
    for name in names {
        if let Some(value) = before.get(*name).filter(|_| now.get(*name).is_none_or(is_zero)) {
            now.insert((*name).to_owned(), value.clone());
        }
    }
}

fn drop_same(before: &Spec, now: &mut Spec, names: &[&str]) {
    for name in names {
        if before.get(*name) == now.get(*name) {
            now.remove(*name);
        }
    }
}

fn node_ports(spec: &Spec) -> HashSet<i64> {
    let ports = spec.get("ports").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    ports.map(|port| number(port, "nodePort")).filter(|number| *number != 0).collect()
}

/// A port keeps its number by its name, unless another one has taken it.
fn keep_node_ports(before: &Spec, now: &mut Spec) {
    let (old, new) = (node_ports(before), node_ports(now));
    let name = |port: &Spec| port.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let known = before.get("ports").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    // Of those that have the same name it is the last.
    let known: HashMap<String, i64> = known.map(|port| (name(port), number(port, "nodePort"))).collect();
    for port in ports(now).filter(|port| number(port, "nodePort") == 0) {
        let kept = known.get(&name(port)).copied().filter(|number| *number != 0 && !(old.contains(number) && new.contains(number)));
        if let Some(number) = kept {
            port.insert("nodePort".to_owned(), json!(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn cluster() -> Store {
        let store = Store::memory();
        let range = json!({"spec": {"cidrs": ["10.96.0.0/16"]}}).to_string();
        store.commit(Batch::new().put("/registry/networking.k8s.io/servicecidrs/kubernetes", range)).expect("commits");
        store
    }

    fn updated(old: &Value, spec: Value) -> Value {
        let mut new = json!({"spec": spec});
        carry_over(old, &mut new);
        complete(Some(old), &mut new);
        drop_unused(old, &mut new);
        drop(claim(&cluster(), Some(old), &mut new, NOW).expect("is free"));
        new["spec"].take()
    }

    fn service(spec: Value) -> Value {
        let mut service = json!({"spec": spec});
        complete(None, &mut service);
        drop(claim(&cluster(), None, &mut service, NOW).expect("is free"));
        service
    }

    #[test]
    fn an_address_stays_until_the_type_has_none() {
        let ports = json!([{"port": 80, "protocol": "TCP"}]);
        let old = service(json!({"type": "ClusterIP", "ports": ports, "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}));
        let exposed = updated(&old, json!({"type": "NodePort", "ports": ports}));
        assert_eq!(exposed["clusterIP"], old["spec"]["clusterIP"]);
        assert!(exposed["ports"][0]["nodePort"].is_i64());
        let mut outside = old["spec"].clone();
        outside["type"] = json!("ExternalName");
        assert_eq!(updated(&old, outside), json!({"type": "ExternalName", "ports": ports}));
        let back = updated(&json!({"spec": {"type": "ExternalName"}}), json!({"type": "ClusterIP"}));
        assert_eq!(back["clusterIPs"], json!([back["clusterIP"]]));
    }

    #[test]
    fn a_service_is_never_given_the_same_port_of_the_nodes_twice() {
        let ports: Vec<Value> = (1..=2_000).map(|port| json!({"name": format!("p{port}"), "port": port})).collect();
        let service = service(json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": ports}));
        let spec = service["spec"].as_object().expect("a spec");
        let mut given = node_ports(spec);
        given.extend(spec.get("healthCheckNodePort").and_then(Value::as_i64));
        assert_eq!(given.len(), 2_001);
    }

    #[test]
    fn ports_of_nodes_stay_and_go() {
        let old = service(json!({
            "type": "LoadBalancer", "externalTrafficPolicy": "Local", "allocateLoadBalancerNodePorts": true,
            "ports": [{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "UDP"}],
        }));
        let number = old["spec"]["ports"][1]["nodePort"].clone();
        let fewer = updated(
            &old,
            json!({
                "type": "LoadBalancer", "externalTrafficPolicy": "Local", "allocateLoadBalancerNodePorts": true, "ports": [{"port": 80, "protocol": "UDP"}],
            }),
        );
        assert_eq!((&fewer["ports"][0]["nodePort"], &fewer["healthCheckNodePort"]), (&number, &old["spec"]["healthCheckNodePort"]));
        let mut inside = old["spec"].clone();
        inside["type"] = json!("ClusterIP");
        let inside = updated(&old, inside);
        let names: Vec<&String> = inside.as_object().expect("a spec").keys().collect();
        assert_eq!(names, ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "ports", "type"]);
        assert_eq!(inside["ports"][0], json!({"port": 80, "protocol": "TCP"}));
        // What the update changes is what its user wants, right or wrong.
        let mut wrong = old["spec"].clone();
        wrong["type"] = json!("ClusterIP");
        wrong["ports"][0]["nodePort"] = json!(30001);
        assert_eq!(updated(&old, wrong)["ports"][0]["nodePort"], 30001);
    }
}
