//! Events say which object they are about so that clients find them.

use model::ClusterName;
use serde_json::{Value, json};
use testkit::Drill;

/// `kubectl describe` asks for the Events of a uid.
#[test]
fn events_name_the_uid_of_their_object() {
    let drill = Drill::begin().expect("a world");
    let world = drill.world();
    let cluster = world.ports.clusters.get(&ClusterName("prod".into())).expect("a cluster");
    let (events, deployments) = drill.ask(async {
        let events = cluster.list("v1", "Event", None, None).await.expect("Events");
        (events, cluster.list("apps/v1", "Deployment", None, None).await.expect("Deployments"))
    });
    assert!(!deployments.is_empty(), "there is no Deployment");
    for deployment in deployments {
        let mut about = events.iter().filter(|event| event["involvedObject"]["uid"] == api::uid(&deployment));
        let told = |event: &Value| event["reason"] == "ScalingReplicaSet" && event["source"]["component"] == "deployment-controller";
        assert!(about.any(told), "no Event names {}: {events:#?}", api::name(&deployment));
    }
}

/// Upstream's disruption controller says it at each look, and the status that it writes makes it look once more.
#[test]
fn that_a_budget_covers_nobody_is_counted_twice_and_then_no_more() {
    let mut drill = Drill::begin().expect("a world");
    let world = drill.world();
    let cluster = world.ports.clusters.get(&ClusterName("dev".into())).expect("a cluster");
    let lonely = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "lonely", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "none"}}}});
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    let other = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other", "namespace": "default"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": template}});
    for object in [lonely, other] {
        drill.ask(cluster.create("tester", &object)).expect("it is made");
        drill.settle().expect("it comes to rest");
        let events = drill.ask(cluster.list("v1", "Event", Some("default"), None)).expect("Events");
        let told = events.iter().filter(|event| event["involvedObject"]["name"] == "lonely");
        let told: Vec<_> = told.map(|event| ["reason", "count", "source"].map(|field| event[field].clone())).collect();
        assert_eq!(told, [[json!("NoPods"), json!(2), json!({"component": "controllermanager"})]], "{}", api::name(&object));
    }
}
