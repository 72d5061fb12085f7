//! What Services and their like are given, and what is refused of them, as upstream's server answers it.

use serde_json::{Value, json};

use super::{World, ok, refused};

const CORE: &str = "/api/v1/namespaces/default";
const SERVICES: &str = "/api/v1/namespaces/default/services";

fn service(name: &str, spec: Value) -> Value {
    json!({"metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn services_are_completed_by_their_type() {
    let world = World::new();
    let spec = async |name: &str, spec: Value| ok(world.post(SERVICES, service(name, spec)).await)["spec"].clone();
    let plain = spec("1a", json!({"ports": [{"port": 80}], "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 5}}})).await;
    assert_eq!((&plain["ipFamilies"], &plain["internalTrafficPolicy"]), (&json!(["IPv4"]), &json!("Cluster")));
    assert_eq!((plain.get("sessionAffinityConfig"), &plain["clusterIPs"][0]), (None, &plain["clusterIP"]));
    let remembered = spec("b", json!({"ports": [{"port": 80}], "sessionAffinity": "ClientIP", "externalIPs": ["1.2.3.4"]})).await;
    assert_eq!(remembered["sessionAffinityConfig"], json!({"clientIP": {"timeoutSeconds": 10800}}));
    assert_eq!(remembered["externalTrafficPolicy"], "Cluster");
    let free = spec("c", json!({"clusterIP": "None"})).await;
    assert_eq!((&free["ipFamilies"], &free["ipFamilyPolicy"]), (&json!(["IPv4", "IPv6"]), &json!("RequireDualStack")));
    let outside = spec("d", json!({"type": "ExternalName", "externalName": "a.b."})).await;
    assert_eq!(outside, json!({"type": "ExternalName", "externalName": "a.b.", "sessionAffinity": "None"}));
    let both =
        spec("e", json!({"type": "NodePort", "ports": [{"name": "a", "port": 53}, {"name": "b", "port": 53, "protocol": "UDP"}]})).await;
    assert_eq!(both["ports"][0]["nodePort"], both["ports"][1]["nodePort"]);
}

#[tokio::test]
async fn what_a_service_cannot_have_is_told() {
    let world = World::new();
    let cases = [
        (
            json!({"clusterIPs": ["10.0.0.1"]}),
            "spec.clusterIPs: Invalid value: [\"10.0.0.1\"]: must be empty when `clusterIP` is not specified",
        ),
        (
            json!({"ports": [{"port": 80}], "loadBalancerClass": ""}),
            "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 2}]}),
            "spec.ports[0].nodePort: Invalid value: 2: provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
    ];
    for (spec, wanted) in cases {
        let (code, answer) = world.post(SERVICES, service("a", spec)).await;
        assert_eq!((code, answer["message"].as_str()), (422, Some(format!("Service \"a\" is invalid: {wanted}").as_str())));
    }
    ok(world.post(SERVICES, service("a", json!({"type": "LoadBalancer", "ports": [{"port": 80}]}))).await);
    let status = json!({"metadata": {"name": "a"}, "status": {"loadBalancer": {"ingress": [{"hostname": "1.2.3.4"}]}}});
    refused(world.put(&format!("{SERVICES}/a/status"), status).await, 422, "must be a DNS name, not an IP address");
    let other = service("a", json!({"clusterIP": "None", "ports": [{"port": 80}]}));
    refused(
        world.put(&format!("{SERVICES}/a"), other).await,
        422,
        "spec.clusterIPs[0]: Invalid value: [\"None\"]: may not change once set",
    );
}

#[tokio::test]
async fn smaller_kinds_are_completed() {
    let world = World::new();
    let limits = ok(world.post(&format!("{CORE}/limitranges"), json!({"spec": {"limits": []}})).await);
    assert_eq!((limits["metadata"]["name"].as_str().map(str::len), &limits["spec"]["limits"]), (Some(36), &Value::Null));
    // An update makes what is not there of some kinds.
    let (code, _) = world.put(&format!("{CORE}/limitranges/l"), json!({"metadata": {"name": "l"}, "spec": {"limits": []}})).await;
    assert_eq!(code, 201);
    let account = json!({"metadata": {"name": "a"}, "secrets": [{"name": "s", "namespace": "x"}]});
    assert_eq!(ok(world.post(&format!("{CORE}/serviceaccounts"), account).await)["secrets"], json!([{"name": "s"}]));
    let class = json!({"metadata": {"name": "c"}, "spec": {"controller": "a.b/c", "parameters": {"kind": "K", "name": "n"}}});
    let class = ok(world.post("/apis/networking.k8s.io/v1/ingressclasses", class).await);
    assert_eq!(class["spec"]["parameters"]["scope"], "Cluster");
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let slice = json!({
        "metadata": {"name": "s"}, "addressType": "IPv4", "ports": [],
        "endpoints": [{"addresses": ["10.1.2.3"], "deprecatedTopology": {"a": "b"}}],
    });
    let slice = ok(world.post(slices, slice).await);
    assert_eq!((&slice["ports"], slice["endpoints"][0].get("deprecatedTopology")), (&Value::Null, None));
    let labelled = ok(world.merge(&format!("{slices}/s"), json!({"metadata": {"labels": {"a": "b"}}})).await);
    assert_eq!(labelled["metadata"]["generation"], 2);
}

#[tokio::test]
async fn events_of_both_groups_are_told_of_as_one_kind() {
    let world = World::new();
    let events = "/apis/events.k8s.io/v1/namespaces/default/events";
    let mut event = json!({
        "metadata": {"name": "e"}, "regarding": {"kind": "Pod", "namespace": "default"}, "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "a.b/c", "reportingInstance": "i", "action": "A", "reason": "R", "type": "Normal",
    });
    ok(world.post(events, event.clone()).await);
    event["action"] = json!("B");
    let (code, answer) = world.put(&format!("{events}/e"), event).await;
    assert_eq!((code, &answer["message"]), (422, &json!("Event \"e\" is invalid: action: Invalid value: \"B\": field is immutable")));
    // The older group lets it change.
    ok(world.merge(&format!("{CORE}/events/e"), json!({"action": "B"})).await);
}

#[tokio::test]
async fn a_key_that_is_applied_as_null_is_not_given() {
    let world = World::new();
    let place = "/api/v1/namespaces/default/services/web";
    let ports = json!([{"port": 80, "protocol": null}]);
    for _ in 0..2 {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": ports}});
        let applied = ok(world.apply(place, "alice", service).await);
        assert_eq!(applied["spec"]["ports"].as_array().map(Vec::len), Some(1), "{applied}");
        let owned = &applied["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:ports"];
        assert!(owned.get("k:{\"port\":80,\"protocol\":\"TCP\"}").is_some(), "{owned}");
    }
}
