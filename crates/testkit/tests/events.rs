//! Events say which object they are about so that clients find them.

use model::ClusterName;
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
        assert!(about.any(|event| event["reason"] == "ScalingReplicaSet"), "no Event names {}: {events:#?}", api::name(&deployment));
    }
}
