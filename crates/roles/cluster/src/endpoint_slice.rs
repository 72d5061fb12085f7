//! EndpointSlices: which Pods stand behind a Service, and at which ports. Read first: [`decide`]. Follows kubernetes/kubernetes
//! `staging/src/k8s.io/endpointslice/{reconciler,utils}.go` and `pkg/controller/endpointslice`.

use std::collections::BTreeMap;

use api::text;
use model::{ClusterName, Decision};
use serde_json::{Map, Value, json};

use crate::owned::{change, create, delete, is_leaving, is_ready, letters, owned_by, owner_reference};

/// Whose slices these are.
pub const MANAGED_BY: (&str, &str) = ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io");
/// Whose Pods a slice lists.
pub const SERVICE: &str = "kubernetes.io/service-name";
/// Tells that a Service has no address of its own.
const HEADLESS: &str = "service.kubernetes.io/headless";
/// Most endpoints of one slice.
const MOST: usize = 100;

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The Service.
    pub object: Value,
    /// The Pods that it selects; none when it selects nothing.
    pub pods: Vec<Value>,
    /// Its slices that are managed here.
    pub slices: Vec<Value>,
}

/// Writes a Service's selector as a query; `None` when somebody else says what stands behind it.
pub fn selector(service: &Value) -> Option<String> {
    let labels = service["spec"]["selector"].as_object().filter(|labels| !labels.is_empty())?;
    if service["spec"]["type"] == "ExternalName" {
        return None;
    }
    Some(labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect::<Vec<_>>().join(","))
}

/// Decides which slices a Service has.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let service = &seen.object;
    let mut decision = Decision::of(Value::Null);
    let is_external = service["spec"]["type"] == "ExternalName";
    if is_leaving(service) || (selector(service).is_none() && !is_external) {
        return decision;
    }
    let wanted = if is_external { Vec::new() } else { wanted(seen) };
    let mine = seen.slices.iter().filter(|slice| owned_by(slice, service) && !is_leaving(slice));
    let (kept, surplus): (Vec<&Value>, Vec<&Value>) = mine.partition(|slice| wanted.iter().any(|one| api::name(one) == api::name(slice)));
    for slice in wanted {
        match kept.iter().find(|kept| api::name(kept) == api::name(&slice)) {
            None => decision.actions.push(create(&seen.cluster, slice)),
            Some(kept) => {
                if let Some(patch) = difference(kept, &slice) {
                    decision.actions.push(change(&seen.cluster, kept, patch));
                }
            }
        }
    }
    decision.actions.extend(surplus.into_iter().map(|slice| delete(&seen.cluster, slice)));
    decision
}

/// What a slice lacks, as a patch.
fn difference(known: &Value, wanted: &Value) -> Option<Value> {
    let mut patch = json!({});
    for field in ["endpoints", "ports"] {
        // No list is an empty one.
        let known = known[field].as_array().cloned().unwrap_or_default();
        if Value::Array(known) != wanted[field] {
            patch[field] = wanted[field].clone();
        }
    }
    let labels = wanted["metadata"]["labels"].as_object()?;
    let gone = known["metadata"]["labels"].as_object().into_iter().flatten().filter(|(key, _)| !labels.contains_key(*key));
    let gone = gone.map(|(key, _)| (key.clone(), Value::Null));
    let fresh = labels
        .iter()
        .filter(|(key, value)| known["metadata"]["labels"].get(key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()));
    let labels: Map<String, Value> = gone.chain(fresh).collect();
    if !labels.is_empty() {
        patch["metadata"] = json!({"labels": labels});
    }
    patch.as_object().is_some_and(|fields| !fields.is_empty()).then_some(patch)
}

fn wanted(seen: &Observed) -> Vec<Value> {
    let service = &seen.object;
    let families = api::texts(&service["spec"]["ipFamilies"]);
    let families = if families.is_empty() { vec!["IPv4".to_owned()] } else { families };
    let mut slices = Vec::new();
    for family in families {
        // Pods of which a named port is another number stand in other slices.
        let mut by_ports: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
        for pod in seen.pods.iter().filter(|pod| !matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed")) {
            let Some(address) = address(pod, &family) else { continue };
            let ports = ports(service, pod);
            by_ports.entry(ports.to_string()).or_insert_with(|| (ports, Vec::new())).1.push(endpoint(service, pod, &address));
        }
        if by_ports.is_empty() {
            by_ports.insert(String::new(), (json!([]), Vec::new()));
        }
        for (at, (ports, mut endpoints)) in by_ports.into_values().enumerate() {
            endpoints.sort_by_key(|endpoint| text(endpoint, &["targetRef", "name"]).to_owned());
            let chunks: Vec<&[Value]> = if endpoints.is_empty() { vec![&[]] } else { endpoints.chunks(MOST).collect() };
            slices.extend(
                chunks.into_iter().enumerate().map(|(number, chunk)| slice(service, &family, &format!("{at}/{number}"), &ports, chunk)),
            );
        }
    }
    slices
}

fn slice(service: &Value, family: &str, place: &str, ports: &Value, endpoints: &[Value]) -> Value {
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.remove(HEADLESS);
    labels.insert(SERVICE.to_owned(), json!(api::name(service)));
    labels.insert(MANAGED_BY.0.to_owned(), json!(MANAGED_BY.1));
    if service["spec"]["clusterIP"] == "None" {
        labels.insert(HEADLESS.to_owned(), json!(""));
    }
    let name = format!("{}-{}", api::name(service), letters(&format!("{}/{family}/{place}", api::uid(service)), 5));
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": name, "generateName": format!("{}-", api::name(service)), "namespace": api::namespace(service), "labels": labels,
            "ownerReferences": owner_reference(service),
        },
        "addressType": family, "endpoints": endpoints, "ports": ports,
    })
}

fn address(pod: &Value, family: &str) -> Option<String> {
    let listed = pod["status"]["podIPs"].as_array().into_iter().flatten().filter_map(|one| one["ip"].as_str());
    let mut all = listed.chain(pod["status"]["podIP"].as_str());
    all.find(|ip| !ip.is_empty() && ip.contains(':') == (family == "IPv6")).map(str::to_owned)
}

fn endpoint(service: &Value, pod: &Value, address: &str) -> Value {
    let (serving, terminating) = (is_ready(pod), is_leaving(pod));
    let ready = service["spec"]["publishNotReadyAddresses"] == true || (serving && !terminating);
    let mut endpoint = json!({
        "addresses": [address], "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": {"kind": "Pod", "namespace": api::namespace(pod), "name": api::name(pod), "uid": api::uid(pod)},
    });
    let (node, hostname) = (text(pod, &["spec", "nodeName"]), text(pod, &["spec", "hostname"]));
    if !node.is_empty() {
        endpoint["nodeName"] = json!(node);
    }
    if !hostname.is_empty() && pod["spec"]["subdomain"] == api::name(service) {
        endpoint["hostname"] = json!(hostname);
    }
    endpoint
}

/// The ports of a Service, as they are at one Pod; a name that the Pod does not have is left out.
fn ports(service: &Value, pod: &Value) -> Value {
    let all = service["spec"]["ports"].as_array().into_iter().flatten().filter_map(|port| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let number = match &port["targetPort"] {
            Value::String(name) => named(pod, name, protocol)?,
            Value::Number(number) if number.as_i64() != Some(0) => number.as_i64()?,
            _ => port["port"].as_i64()?,
        };
        let mut found = json!({"name": port["name"].as_str().unwrap_or_default(), "port": number, "protocol": protocol});
        if port["appProtocol"].is_string() {
            found["appProtocol"] = port["appProtocol"].clone();
        }
        Some(found)
    });
    Value::Array(all.collect())
}

fn named(pod: &Value, name: &str, protocol: &str) -> Option<i64> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    ports.find(|port| port["name"] == name && port["protocol"].as_str().unwrap_or("TCP") == protocol)?["containerPort"].as_i64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Simulation;

    fn world(spec: Value) -> Simulation {
        let mut service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "n", "labels": {"team": "a"}},
            "spec": {"selector": {"app": "s"}, "ports": [{"name": "web", "port": 80, "targetPort": "http", "protocol": "TCP"}]},
        });
        for (key, value) in spec.as_object().expect("fields") {
            service["spec"][key] = value.clone();
        }
        Simulation::of(service)
    }

    fn pod(simulation: &mut Simulation, name: &str, ready: &str, port: i64) {
        simulation.add(json!({
            "kind": "Pod", "metadata": {"name": name, "namespace": "n"},
            "spec": {"nodeName": "node", "containers": [{"ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}]}]},
            "status": {"podIP": format!("10.0.0.{}", name.len()), "conditions": [{"type": "Ready", "status": ready}]},
        }));
    }

    fn look(simulation: &Simulation) -> Decision<Value> {
        decide(&Observed {
            cluster: simulation.cluster.clone(),
            object: simulation.objects[0].clone(),
            pods: simulation.all("Pod"),
            slices: simulation.all("EndpointSlice"),
        })
    }

    /// What stands in the slices.
    fn shown(simulation: &mut Simulation) -> Vec<String> {
        simulation.settle(look, std::time::Duration::ZERO);
        assert!(look(simulation).actions.is_empty(), "the same again changes nothing");
        let one = |slice: &Value| {
            let mut line = slice["ports"].as_array().into_iter().flatten().map(|port| format!(":{}", port["port"])).collect::<String>();
            for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
                let conditions = endpoint["conditions"].as_object().into_iter().flatten();
                let true_ones = conditions.filter(|(_, value)| **value == true).map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(",");
                line.push_str(&format!(" {} {true_ones}", text(endpoint, &["targetRef", "name"])));
            }
            line
        };
        let mut all: Vec<String> = simulation.all("EndpointSlice").iter().map(one).collect();
        all.sort();
        all
    }

    #[test]
    fn slices_follow_the_pods() {
        let mut simulation = world(json!({}));
        assert_eq!(shown(&mut simulation), [""], "a Service without Pods has an empty slice");
        pod(&mut simulation, "a", "True", 8080);
        pod(&mut simulation, "bb", "False", 8080);
        assert_eq!(shown(&mut simulation), [":8080 a ready,serving bb "]);
        let slice = &simulation.all("EndpointSlice")[0];
        assert_eq!((api::label(slice, SERVICE), api::label(slice, "team"), &slice["addressType"]), (Some("s"), Some("a"), &json!("IPv4")));
        simulation.delete("Pod", "a");
        pod(&mut simulation, "ccc", "True", 9090);
        assert_eq!(shown(&mut simulation), [":8080 bb ", ":9090 ccc ready,serving"], "the one that left is gone");
        simulation.subject()["metadata"]["labels"] = json!({"team": "b"});
        simulation.subject()["spec"]["publishNotReadyAddresses"] = json!(true);
        assert_eq!(shown(&mut simulation), [":8080 bb ready", ":9090 ccc ready,serving"]);
        assert!(simulation.all("EndpointSlice").iter().all(|slice| api::label(slice, "team") == Some("b")));
        simulation.subject()["spec"]["type"] = json!("ExternalName");
        assert_eq!(shown(&mut simulation), Vec::<String>::new());
    }

    #[test]
    fn many_pods_need_many_slices_and_some_services_have_none() {
        let mut simulation = world(json!({"clusterIP": "None"}));
        for number in 0..101 {
            pod(&mut simulation, &format!("p{number:03}"), "True", 1);
        }
        assert_eq!(shown(&mut simulation).len(), 2);
        assert_eq!(api::label(&simulation.all("EndpointSlice")[0], HEADLESS), Some(""));
        let mut simulation = world(json!({"selector": null}));
        assert_eq!(shown(&mut simulation), Vec::<String>::new());
    }
}
