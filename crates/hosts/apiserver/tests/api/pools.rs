//! Addresses and ports of Services: each is had once, and free again when nobody has it.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use store::{Batch, Store};

use super::{World, ok, refused};

const SERVICES: &str = "/api/v1/namespaces/default/services";
const ADDRESSES: &str = "/apis/networking.k8s.io/v1/ipaddresses";
const TAKEN: &str = "provided IP is already allocated";
const TAKEN_PORT: &str = "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated";

fn at(name: &str, address: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"clusterIP": address, "ports": [{"port": 80}]}})
}

fn exposed(name: &str, number: i64) -> Value {
    json!({"metadata": {"name": name}, "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": number}]}})
}

async fn names(world: &World) -> Vec<String> {
    let list = ok(world.get(ADDRESSES).await);
    let items = list["items"].as_array().expect("a list");
    items.iter().filter_map(|one| one["metadata"]["name"].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_server_has_a_service_itself() {
    let world = World::new();
    let service = ok(world.get(&format!("{SERVICES}/kubernetes")).await);
    assert_eq!((&service["spec"]["clusterIP"], &service["spec"]["ports"][0]["port"]), (&json!("10.96.0.1"), &json!(443)));
    let address = ok(world.get(&format!("{ADDRESSES}/10.96.0.1")).await);
    assert_eq!(address["spec"]["parentRef"], json!({"namespace": "default", "name": "kubernetes", "resource": "services"}));
    let range = ok(world.get("/apis/networking.k8s.io/v1/servicecidrs/kubernetes").await);
    assert_eq!(range["spec"]["cidrs"], json!(["10.96.0.0/12"]));
    assert_eq!(names(&world).await, ["10.96.0.1"]);
}

#[tokio::test]
async fn an_address_is_had_once() {
    let world = World::new();
    ok(world.post(SERVICES, at("a", "10.96.0.10")).await);
    let told = format!("spec.clusterIPs: Invalid value: [\"10.96.0.10\"]: failed to allocate IP 10.96.0.10: {TAKEN}");
    refused(world.post(SERVICES, at("b", "10.96.0.10")).await, 422, &told);
    refused(world.post(&format!("{SERVICES}?dryRun=All"), at("b", "10.96.0.10")).await, 422, TAKEN);
    assert_eq!(names(&world).await, ["10.96.0.1", "10.96.0.10"]);
    for address in ["10.0.0.10", "10.96.0.0", "10.111.255.255"] {
        let why = "the provided network does not match the current range";
        refused(world.post(SERVICES, at("b", address)).await, 422, &format!("failed to allocate IP {address}: {why}"));
    }
    let other = json!({"spec": {"type": "ExternalName", "externalName": "a.b", "clusterIP": "10.96.0.11", "clusterIPs": null}});
    let told = "spec.clusterIPs: Forbidden: may not be set for ExternalName services";
    refused(world.merge(&format!("{SERVICES}/a"), other).await, 422, told);
    // It is free when it has no use, and when its Service has gone.
    let outside = json!({"spec": {"type": "ExternalName", "externalName": "a.b", "clusterIP": null, "clusterIPs": null}});
    ok(world.merge(&format!("{SERVICES}/a"), outside).await);
    assert_eq!(names(&world).await, ["10.96.0.1"]);
    ok(world.post(SERVICES, at("b", "10.96.0.10")).await);
    let back = json!({"spec": {"type": "ClusterIP", "clusterIP": "10.96.0.10", "externalName": null, "ports": [{"port": 80}]}});
    refused(world.merge(&format!("{SERVICES}/a"), back.clone()).await, 422, TAKEN);
    ok(world.delete(&format!("{SERVICES}/b"), json!({})).await);
    ok(world.merge(&format!("{SERVICES}/a"), back).await);
    assert_eq!(names(&world).await, ["10.96.0.1", "10.96.0.10"]);
}

#[tokio::test]
async fn a_port_of_the_nodes_is_had_once() {
    let world = World::new();
    ok(world.post(SERVICES, exposed("a", 30080)).await);
    refused(world.post(SERVICES, exposed("b", 30080)).await, 422, TAKEN_PORT);
    refused(world.post(&format!("{SERVICES}?dryRun=All"), exposed("b", 30080)).await, 422, TAKEN_PORT);
    ok(world.post(SERVICES, exposed("b", 30081)).await);
    let other = json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}]}});
    refused(world.merge(&format!("{SERVICES}/b"), other.clone()).await, 422, TAKEN_PORT);
    // What refused it has taken nothing.
    ok(world.merge(&format!("{SERVICES}/a"), json!({"spec": {"ports": [{"port": 80, "nodePort": 30082}]}})).await);
    ok(world.merge(&format!("{SERVICES}/b"), other).await);
    ok(world.post(SERVICES, exposed("c", 30081)).await);
    // One without an address may say what it likes: it has it not.
    ok(world.merge(&format!("{SERVICES}/b"), json!({"spec": {"type": "ExternalName", "externalName": "a.b"}})).await);
    ok(world.merge(&format!("{SERVICES}/b"), json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}]}})).await);
    ok(world.post(SERVICES, exposed("d", 30080)).await);
    let back = json!({"spec": {"type": "NodePort", "externalName": null}});
    refused(world.merge(&format!("{SERVICES}/b"), back).await, 422, TAKEN_PORT);
    let balanced = |name: &str, number: i64| {
        json!({
            "metadata": {"name": name},
            "spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": number, "ports": [{"port": 80}]},
        })
    };
    let told = "spec.healthCheckNodePort: Invalid value: 30080: provided port is already allocated";
    refused(world.post(SERVICES, balanced("e", 30080)).await, 422, told);
    ok(world.post(SERVICES, balanced("e", 30090)).await);
    refused(world.post(SERVICES, exposed("f", 30090)).await, 422, "provided port is already allocated");
    ok(world.merge(&format!("{SERVICES}/e"), json!({"spec": {"externalTrafficPolicy": "Cluster"}})).await);
    ok(world.post(SERVICES, exposed("f", 30090)).await);
}

#[tokio::test]
async fn ports_of_nodes_are_in_range_and_protocols_share_them() {
    let world = World::new();
    let several = |name: &str, ports: &[(i64, &str, i64)]| {
        let ports: Vec<Value> = ports
            .iter()
            .enumerate()
            .map(|(index, (port, protocol, node))| json!({"name": format!("p{index}"), "port": port, "protocol": protocol, "nodePort": node}))
            .collect();
        json!({"metadata": {"name": name}, "spec": {"type": "NodePort", "ports": ports}})
    };
    let both = ok(world.post(SERVICES, several("a", &[(53, "TCP", 0), (53, "UDP", 30000), (80, "TCP", 32767)])).await);
    assert_eq!(both["spec"]["ports"][0]["nodePort"], 30000);
    let taken = "spec.ports[1].nodePort: Invalid value: 30001: provided port is already allocated";
    refused(world.post(SERVICES, several("b", &[(80, "TCP", 30001), (81, "UDP", 30001)])).await, 422, taken);
    // What the first of two ports asks for is told of where the first of them stands.
    let range =
        "spec.ports[0].nodePort: Invalid value: 2: provided port is not in the valid range. The range of valid ports is 30000-32767";
    refused(world.post(SERVICES, several("b", &[(80, "TCP", 0), (80, "UDP", 2)])).await, 422, range);
    // An update does not mind.
    ok(world.post(SERVICES, several("b", &[(80, "TCP", 30002)])).await);
    ok(world.put(&format!("{SERVICES}/b"), several("b", &[(80, "TCP", 30001), (81, "UDP", 30001)])).await);
    let told = ok(world.get(&format!("{SERVICES}/b")).await);
    assert_eq!((&told["spec"]["ports"][0]["nodePort"], &told["spec"]["ports"][1]["nodePort"]), (&json!(30001), &json!(30001)));
}

#[tokio::test]
async fn of_all_who_ask_at_once_one_gets_it() {
    let world = World::new();
    let asked = (0..20).map(|number| world.post(SERVICES, exposed(&format!("s{number}"), 30080)));
    let answers = futures::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|(code, _)| *code == 201).count(), 1);
    assert!(answers.iter().all(|(code, answer)| *code == 201 || answer["message"].as_str().is_some_and(|why| why.ends_with(TAKEN_PORT))));
    // Whoever asks for any gets one that nobody has.
    let range = json!({"metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.96.0.0/27"]}});
    ok(world.delete("/apis/networking.k8s.io/v1/servicecidrs/kubernetes", json!({})).await);
    refused(world.post(SERVICES, json!({"metadata": {"name": "x"}, "spec": {"ports": [{"port": 80}]}})).await, 500, "range is full");
    ok(world.post("/apis/networking.k8s.io/v1/servicecidrs", range).await);
    let plain = |number: i64| json!({"metadata": {"name": format!("p{number}")}, "spec": {"ports": [{"port": 80}]}});
    // One has an address of the range, the Service of the server.
    let answers = futures::future::join_all((0..40).map(|number| world.post(SERVICES, plain(number)))).await;
    let mut given: Vec<&str> = answers.iter().filter_map(|(_, answer)| answer["spec"]["clusterIP"].as_str()).collect();
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), 29);
    assert!(answers.iter().filter(|(code, _)| *code != 201).all(|(code, answer)| {
        *code == 500 && answer["message"] == "Internal error occurred: failed to allocate a serviceIP: range is full"
    }));
}

#[tokio::test]
async fn ranges_are_what_the_cluster_says() {
    let world = World::new();
    let range = json!({"metadata": {"name": "more"}, "spec": {"cidrs": ["172.20.0.0/16"]}});
    refused(world.post(SERVICES, at("dns", "172.20.0.10")).await, 422, "does not match the current range");
    ok(world.post("/apis/networking.k8s.io/v1/servicecidrs", range).await);
    ok(world.post(SERVICES, at("dns", "172.20.0.10")).await);
    let closed = json!({"status": {"conditions": [{
        "type": "Ready", "status": "False", "reason": "R", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]}});
    ok(world.merge("/apis/networking.k8s.io/v1/servicecidrs/more/status", closed).await);
    refused(world.post(SERVICES, at("b", "172.20.0.11")).await, 422, "does not match the current range");
}

#[tokio::test]
async fn an_address_that_is_had_is_not_deleted() {
    let world = World::new();
    ok(world.post(SERVICES, at("a", "10.96.0.10")).await);
    let told = "ipaddresses.networking.k8s.io \"10.96.0.10\" is forbidden: the Service default/a has this address";
    refused(world.delete(&format!("{ADDRESSES}/10.96.0.10"), json!({})).await, 403, told);
    refused(world.delete(ADDRESSES, json!({})).await, 403, "has this address");
    assert_eq!(names(&world).await, ["10.96.0.1", "10.96.0.10"]);
    // One that somebody else has made blocks it for Services, and may go.
    let other =
        json!({"metadata": {"name": "10.96.0.11"}, "spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "x"}}});
    ok(world.post(ADDRESSES, other).await);
    refused(world.post(SERVICES, at("x", "10.96.0.11")).await, 422, TAKEN);
    ok(world.delete(&format!("{ADDRESSES}/10.96.0.11"), json!({})).await);
    ok(world.post(SERVICES, at("x", "10.96.0.11")).await);
}

#[tokio::test]
async fn a_namespace_gives_back_what_its_services_had() {
    let world = World::new();
    ok(world.post("/api/v1/namespaces", json!({"metadata": {"name": "n"}})).await);
    ok(world.post("/api/v1/namespaces/n/services", exposed("a", 30080)).await);
    assert_eq!(names(&world).await.len(), 2);
    ok(world.delete("/api/v1/namespaces/n", json!({})).await);
    assert_eq!(names(&world).await, ["10.96.0.1"]);
    ok(world.post(SERVICES, exposed("a", 30080)).await);
}

#[tokio::test]
async fn a_store_of_an_earlier_release_learns_who_has_what() {
    let store = Store::memory();
    let old = |name: &str, address: &str, number: i64| {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {"type": "NodePort", "clusterIP": address, "clusterIPs": [address], "ports": [{"port": 80, "nodePort": number}]},
        });
        Batch::new().put(format!("/registry/core/services/default/{name}"), service.to_string())
    };
    for batch in [old("a", "10.96.0.1", 30080), old("b", "10.96.0.1", 30080), old("c", "192.168.0.1", 30081)] {
        store.commit(batch).expect("commits");
    }
    let world = World::over(store);
    refused(world.post(SERVICES, exposed("d", 30081)).await, 422, "provided port is already allocated");
    let own = ok(world.get(&format!("{SERVICES}/kubernetes")).await);
    let own = own["spec"]["clusterIP"].as_str().expect("an address").to_owned();
    let mut wanted = vec!["10.96.0.1".to_owned(), "192.168.0.1".to_owned(), own];
    wanted.sort_unstable();
    assert_eq!(names(&world).await, wanted);
    // Of two that have the same the first has it, and gives it back.
    ok(world.delete(&format!("{SERVICES}/b"), json!({})).await);
    refused(world.post(SERVICES, exposed("d", 30080)).await, 422, "provided port is already allocated");
    ok(world.delete(&format!("{SERVICES}/a"), json!({})).await);
    ok(world.post(SERVICES, exposed("d", 30080)).await);
}

/// What a Service has by its own words.
fn had(service: &Value) -> Vec<String> {
    let spec = &service["spec"];
    let exposed = matches!(spec["type"].as_str(), Some("NodePort" | "LoadBalancer"));
    let addresses = spec["clusterIPs"].as_array().into_iter().flatten().filter_map(Value::as_str).filter(|one| *one != "None");
    let ports = spec["ports"].as_array().into_iter().flatten().filter(|_| exposed).filter_map(|port| port["nodePort"].as_i64());
    let mut all: Vec<String> = addresses.map(str::to_owned).collect();
    // Protocols may share one.
    let mut numbers: Vec<i64> = ports.chain(spec["healthCheckNodePort"].as_i64()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    all.extend(numbers.iter().map(i64::to_string));
    all
}

#[tokio::test]
async fn what_is_noted_is_what_services_have() {
    let store = Store::memory();
    let world = World::over(store.clone());
    let mut random = StdRng::seed_from_u64(7);
    let (mut done, mut refused) = (0, 0);
    for _ in 0..1_500 {
        let name = format!("s{}", random.random_range(0..6));
        let place = format!("{SERVICES}/{name}");
        let kind = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"][random.random_range(0..4)];
        let ports: Vec<Value> = (0..random.random_range(1..4))
            .map(|index| {
                let node = [0, 30_000, 30_001, 30_002, 30_003][random.random_range(0..5)];
                let node = if kind == "ClusterIP" { 0 } else { node };
                json!({"name": format!("p{index}"), "port": random.random_range(80..82), "protocol": (["TCP", "UDP"][index % 2]), "nodePort": node})
            })
            .collect();
        let mut spec = json!({"type": kind, "ports": ports, "externalName": (kind == "ExternalName").then_some("a.b")});
        if random.random_bool(0.4) {
            spec["clusterIP"] = json!(["10.96.0.1", "10.96.0.2", "10.96.0.3", "None", ""][random.random_range(0..5)]);
        }
        if kind == "LoadBalancer" && random.random_bool(0.5) {
            spec["externalTrafficPolicy"] = json!("Local");
            spec["healthCheckNodePort"] = json!([0, 30_001, 30_004][random.random_range(0..3)]);
        }
        let service = json!({"metadata": {"name": name}, "spec": spec});
        let (code, _) = match random.random_range(0..6) {
            0 | 1 => world.post(SERVICES, service).await,
            2 => world.put(&place, service).await,
            3 => world.merge(&place, json!({"spec": service["spec"]})).await,
            4 => {
                world.apply(&place, "alice", json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})).await
            }
            _ => world.delete(&place, json!({})).await,
        };
        if code < 300 {
            done += 1
        } else {
            refused += 1
        }
        let services = ok(world.get("/api/v1/services").await);
        let mut wanted: Vec<String> = services["items"].as_array().expect("a list").iter().flat_map(had).collect();
        let mut noted = names(&world).await;
        let ports = store.scan("/registry/ranges/servicenodeports/").0;
        noted.extend(ports.iter().filter_map(|(key, _)| key.rsplit('/').next()).map(str::to_owned));
        wanted.sort_unstable();
        noted.sort_unstable();
        // None twice, none forgotten, none of nobody.
        assert_eq!(noted, wanted, "after {name} {code} {spec}");
    }
    assert!(done > 300 && refused > 300, "{done} {refused}");
}
