//! What the server gives a Service, what an update leaves as it was, and what a Service of another type has no use for.
//! Read first: [`allocate`], [`carry_over`]. Kubernetes `pkg/registry/core/service/{storage/alloc,strategy,storage/storage}.go`.

mod addresses;

use std::collections::HashSet;
use std::ops::RangeInclusive;

use rand::Rng as _;
use serde_json::{Map, Value, json};

type Spec = Map<String, Value>;

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

/// Gives a Service what it needs and has not got. Nothing routes to its address here; it is there because clients expect one.
pub(crate) fn allocate(old: Option<&Value>, service: &mut Value) {
    let old = old.and_then(|old| old.get("spec"));
    if let Some(value) = service.get_mut("spec") {
        addresses::allocate(old, value);
    }
    let Some(spec) = spec_of(service) else { return };
    let mut taken: HashSet<i64> = node_ports(spec).iter().chain(spec.get("healthCheckNodePort")).filter_map(Value::as_i64).collect();
    if is_given_node_ports(spec) {
        give_node_ports(old.is_none(), spec, &mut taken);
    }
    if has_health_check(spec) {
        spec.entry("healthCheckNodePort").or_insert_with(|| node_port(&mut taken));
    }
}

/// Finds a port of the nodes that this Service has not taken yet, and takes it; where it has them all, any.
fn node_port(taken: &mut HashSet<i64>) -> Value {
    const PORTS: RangeInclusive<i64> = 30_000..=32_767;
    let first = rand::rng().random_range(PORTS);
    let free = (first..=*PORTS.end()).chain(*PORTS.start()..first).find(|number| !taken.contains(number)).unwrap_or(first);
    taken.insert(free);
    json!(free)
}

/// Gives ports of nodes; at first protocols that share a port share that of the nodes.
fn give_node_ports(shared: bool, spec: &mut Spec, taken: &mut HashSet<i64>) {
    let key = |port: &Spec| port.get("port").filter(|_| shared).cloned();
    let asked = ports(spec).filter_map(|port| Some((key(port)?, port.get("nodePort").filter(|number| !is_zero(number))?.clone())));
    let mut given: Vec<(Value, Value)> = asked.collect();
    for port in ports(spec).filter(|port| port.get("nodePort").is_none_or(is_zero)) {
        let key = key(port);
        let of_other = given.iter().find(|(one, _)| Some(one) == key.as_ref()).map(|(_, number)| number.clone());
        let number = of_other.unwrap_or_else(|| node_port(taken));
        given.extend(key.map(|key| (key, number.clone())));
        port.insert("nodePort".to_owned(), number);
    }
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
    if no_longer(has_node_ports, now) && node_ports(now).iter().all(|number| known.contains(number)) {
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

fn node_ports(spec: &Spec) -> Vec<Value> {
    let ports = spec.get("ports").and_then(Value::as_array).into_iter().flatten();
    ports.filter_map(|port| port.get("nodePort")).filter(|number| !is_zero(number)).cloned().collect()
}

/// A port keeps its number by its name, unless another one has taken it.
fn keep_node_ports(before: &Spec, now: &mut Spec) {
    let (old, new) = (node_ports(before), node_ports(now));
    let taken: Vec<Value> = old.into_iter().filter(|number| new.contains(number)).collect();
    let known: Vec<&Value> = before.get("ports").and_then(Value::as_array).into_iter().flatten().collect();
    for port in ports(now).filter(|port| port.get("nodePort").is_none_or(is_zero)) {
        let same = |other: &&&Value| other.get("name") == port.get("name");
        let number = known.iter().rev().find(same).and_then(|other| other.get("nodePort")).cloned();
        if let Some(number) = number.filter(|number| !taken.contains(number)) {
            port.insert("nodePort".to_owned(), number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updated(old: &Value, spec: Value) -> Value {
        let mut new = json!({"spec": spec});
        carry_over(old, &mut new);
        allocate(Some(old), &mut new);
        drop_unused(old, &mut new);
        new["spec"].take()
    }

    fn service(spec: Value) -> Value {
        let mut service = json!({"spec": spec});
        allocate(None, &mut service);
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
        let given: HashSet<i64> = node_ports(spec).iter().chain(spec.get("healthCheckNodePort")).filter_map(Value::as_i64).collect();
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
