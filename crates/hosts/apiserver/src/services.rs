//! What the server gives a Service, what an update leaves as it was, and what a Service of another type has no use for.
//! Read first: [`allocate`], [`carry_over`]. Kubernetes `pkg/registry/core/service/{storage/alloc,strategy,storage/storage}.go`.

use rand::Rng as _;
use serde_json::{Map, Value, json};

type Spec = Map<String, Value>;

fn kind(spec: &Spec) -> &str {
    spec.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn has_address(spec: &Spec) -> bool {
    matches!(kind(spec), "ClusterIP" | "NodePort" | "LoadBalancer")
}

fn has_node_ports(spec: &Spec) -> bool {
    kind(spec) == "NodePort" || (kind(spec) == "LoadBalancer" && spec.get("allocateLoadBalancerNodePorts") != Some(&json!(false)))
}

/// Who balances asks at this port whether the node has a Pod of the Service.
fn has_health_check(spec: &Spec) -> bool {
    kind(spec) == "LoadBalancer" && spec.get("externalTrafficPolicy") == Some(&json!("Local"))
}

fn is_reached_from_outside(spec: &Spec) -> bool {
    let addresses = spec.get("externalIPs").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    matches!(kind(spec), "NodePort" | "LoadBalancer") || (kind(spec) == "ClusterIP" && addresses)
}

fn spec_of(service: &mut Value) -> Option<&mut Spec> {
    service.get_mut("spec").and_then(Value::as_object_mut)
}

fn ports(spec: &mut Spec) -> impl Iterator<Item = &mut Spec> {
    spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Gives a Service what it needs and has not got. Nothing routes to its address here; it is there because clients expect one.
pub(crate) fn allocate(service: &mut Value) {
    let Some(spec) = spec_of(service).filter(|spec| has_address(spec)) else { return };
    let node_port = || json!(rand::rng().random_range(30000..=32767));
    let address = match spec.get("clusterIP").and_then(Value::as_str).filter(|address| !address.is_empty()) {
        Some(address) => address.to_owned(),
        None => {
            let mut random = rand::rng();
            format!("10.96.{}.{}", random.random_range(0..=255), random.random_range(2..=254))
        }
    };
    spec.insert("clusterIPs".to_owned(), json!([address]));
    spec.insert("clusterIP".to_owned(), json!(address));
    if has_health_check(spec) {
        spec.entry("healthCheckNodePort").or_insert_with(node_port);
    }
    if has_node_ports(spec) {
        for port in ports(spec).filter(|port| port.get("nodePort").is_none_or(is_zero)) {
            port.insert("nodePort".to_owned(), node_port());
        }
    }
}

/// Completes an update: what was given before stays, where the update says nothing of it; what only another type has goes, where the
/// update leaves it as it was.
pub(crate) fn carry_over(old: &Value, new: &mut Value) {
    let (Some(before), Some(now)) = (old.get("spec").and_then(Value::as_object), spec_of(new)) else { return };
    let either = |has: fn(&Spec) -> bool, now: &Spec| (has(before), has(now));
    match either(has_address, now) {
        (true, true) => keep(before, now, &["clusterIP", "clusterIPs"]),
        (true, false) => drop_same(before, now, &["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]),
        _ => {}
    }
    match either(has_node_ports, now) {
        (true, true) => keep_node_ports(before, now),
        (true, false) if node_ports(before) == node_ports(now) => ports(now).for_each(|port| drop(port.remove("nodePort"))),
        _ => {}
    }
    match either(has_health_check, now) {
        (true, true) => keep(before, now, &["healthCheckNodePort"]),
        (true, false) => drop_same(before, now, &["healthCheckNodePort"]),
        _ => {}
    }
    if either(|spec| kind(spec) == "LoadBalancer", now) == (true, false) {
        drop_same(before, now, &["allocateLoadBalancerNodePorts", "loadBalancerClass"]);
    }
    if either(is_reached_from_outside, now) == (true, false) {
        drop_same(before, now, &["externalTrafficPolicy"]);
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

fn node_ports(spec: &Spec) -> Vec<Option<&Value>> {
    spec.get("ports").and_then(Value::as_array).into_iter().flatten().map(|port| port.get("nodePort")).collect()
}

fn keep_node_ports(before: &Spec, now: &mut Spec) {
    let known: Vec<&Value> = before.get("ports").and_then(Value::as_array).into_iter().flatten().collect();
    for port in ports(now) {
        let same = |other: &&&Value| other.get("port") == port.get("port") && other.get("protocol") == port.get("protocol");
        let number = known.iter().find(same).and_then(|other| other.get("nodePort"));
        if let Some(number) = number.filter(|_| port.get("nodePort").is_none_or(is_zero)) {
            port.insert("nodePort".to_owned(), number.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updated(old: &Value, spec: Value) -> Value {
        let mut new = json!({"spec": spec});
        carry_over(old, &mut new);
        allocate(&mut new);
        new["spec"].take()
    }

    fn service(spec: Value) -> Value {
        let mut service = json!({"spec": spec});
        allocate(&mut service);
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
        assert_eq!(names, ["clusterIP", "clusterIPs", "ports", "type"]);
        assert_eq!(inside["ports"][0], json!({"port": 80, "protocol": "TCP"}));
        // What the update changes is what its user wants, right or wrong.
        let mut wrong = old["spec"].clone();
        wrong["type"] = json!("ClusterIP");
        wrong["ports"][0]["nodePort"] = json!(30001);
        assert_eq!(updated(&old, wrong)["ports"][0]["nodePort"], 30001);
    }
}
