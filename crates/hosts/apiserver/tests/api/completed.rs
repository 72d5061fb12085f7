//! What the server fills in, drops and warns of in volumes, autoscalers, nodes and what is near them.

use axum::body::to_bytes;
use http::{Method, header};
use serde_json::{Value, json};

use super::cases::read;
use super::{World, ok};

/// Makes each object and looks at one place of the answer.
async fn filled(path: &str, cases: &[(&str, &str, Value)]) {
    let world = World::new();
    for (object, place, wanted) in cases {
        let made = ok(world.post(&format!("{path}?dryRun=All"), read(object)).await);
        assert_eq!(made.pointer(place).unwrap_or(&Value::Null), wanted, "{object} {place}");
    }
}

/// Makes each object and looks at what is warned of.
async fn warned(path: &str, cases: &[(&str, &[&str])]) {
    let world = World::new();
    for (object, wanted) in cases {
        let request = world.request(Method::POST, &format!("{path}?dryRun=All"), "application/json", read(object));
        let response = tower::ServiceExt::oneshot(world.router.clone(), request).await.expect("infallible");
        let said = response.headers().get_all(header::WARNING).iter().map(|one| one.to_str().expect("a text").to_owned());
        let said: Vec<String> = said.map(|one| one.trim_start_matches("299 - \"").trim_end_matches('"').replace("\\\"", "\"")).collect();
        let code = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        assert!(code.is_success(), "{}", String::from_utf8_lossy(&body));
        assert_eq!(said, *wanted, "{object}");
    }
}

#[tokio::test]
async fn autoscalers_are_completed() {
    let up = json!({"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]});
    let down = json!({"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]});
    let one =
        r#"{"metadata": {"name": "h"}, "spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "D", "name": "d"}}}"#;
    let two = r#"{"metadata": {"name": "h"}, "spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "D", "name": "d"},
        "behavior": {"scaleDown": {"selectPolicy": "Min"}}}}"#;
    let mut chosen = down.clone();
    chosen["selectPolicy"] = json!("Min");
    filled(
        "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
        &[
            (one, "/spec/behavior", Value::Null),
            (one, "/spec/metrics/0/resource/target/averageUtilization", json!(80)),
            (two, "/spec/behavior/scaleUp", up),
            (two, "/spec/behavior/scaleDown", chosen),
        ],
    )
    .await;
    let other = r#"{"metadata": {"name": "h", "annotations": {"autoscaling.alpha.kubernetes.io/metrics": "[{\"type\":\"Pods\"}]"}},
        "spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "D", "name": "d"}}}"#;
    filled("/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers", &[(one, "/spec/targetCPUUtilizationPercentage", json!(80))])
        .await;
    let world = World::new();
    let (code, _) = world.post("/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers?dryRun=All", read(other)).await;
    assert_eq!(code, 422, "metrics in annotations are looked at, too");
}

#[tokio::test]
async fn volumes_and_claims_are_completed() {
    let volume = |source: &str| {
        format!(
            r#"{{"metadata": {{"name": "v"}}, "spec": {{"capacity": {{"storage": "1Gi"}}, "accessModes": ["ReadWriteOnce"], {source}}}}}"#
        )
    };
    let rbd = volume(r#""rbd": {"monitors": ["m"], "image": "i"}"#);
    let disk = volume(r#""azureDisk": {"diskName": "d", "diskURI": "https://d"}"#);
    let iscsi = volume(r#""iscsi": {"targetPortal": "t", "iqn": "iqn.2001-04.com.example:a", "lun": 0}"#);
    filled(
        "/api/v1/persistentvolumes",
        &[
            (&rbd, "/spec/rbd/keyring", json!("/etc/ceph/keyring")),
            (&rbd, "/spec/rbd/pool", json!("rbd")),
            (&disk, "/spec/azureDisk/kind", json!("Shared")),
            (&disk, "/spec/azureDisk/readOnly", json!(false)),
            (&iscsi, "/spec/iscsi/iscsiInterface", json!("default")),
        ],
    )
    .await;
    let claim = |source: &str| {
        format!(
            r#"{{"metadata": {{"name": "c"}}, "spec": {{"accessModes": ["ReadWriteOnce"], "resources": {{"requests": {{"storage": "1"}}}}, {source}}}}}"#
        )
    };
    let snapshot = json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "x"});
    let old = claim(&format!("\"dataSource\": {snapshot}"));
    let strange = claim(r#""dataSource": {"apiGroup": "a.b", "kind": "K", "name": "x"}"#);
    let new = claim(r#""dataSourceRef": {"apiGroup": "a.b", "kind": "K", "name": "x"}"#);
    let far = claim(r#""dataSourceRef": {"apiGroup": "a.b", "kind": "K", "name": "x", "namespace": "n"}"#);
    filled(
        "/api/v1/namespaces/default/persistentvolumeclaims",
        &[
            (&old, "/spec/dataSourceRef", snapshot),
            (&strange, "/spec/dataSource", Value::Null),
            (&new, "/spec/dataSource/kind", json!("K")),
            (&far, "/spec/dataSourceRef", Value::Null),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_off_or_the_servers_to_say_is_dropped() {
    let node = r#"{"metadata": {"name": "n"}, "spec": {"podCIDRs": ["10.1.0.0/24"], "configSource": {"configMap": {}}}}"#;
    filled("/api/v1/nodes", &[(node, "/spec/podCIDR", json!("10.1.0.0/24")), (node, "/spec/configSource", Value::Null)]).await;
    let lease = r#"{"metadata": {"name": "l"}, "spec": {"strategy": "OldestEmulationVersion", "preferredHolder": "x"}}"#;
    filled("/apis/coordination.k8s.io/v1/namespaces/default/leases", &[(lease, "/spec", json!({}))]).await;
    let driver = r#"{"metadata": {"name": "d"}, "spec": {"preventPodSchedulingIfMissing": true}}"#;
    filled("/apis/storage.k8s.io/v1/csidrivers", &[(driver, "/spec/preventPodSchedulingIfMissing", Value::Null)]).await;
}

#[tokio::test]
async fn a_request_for_a_certificate_says_who_asks_and_is_decided_once() {
    const CSRS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    // `-----BEGIN CERTIFICATE REQUEST-----`, three bytes, and the end.
    let pem = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KWVdKagotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K";
    let world = World::new();
    let spec = json!({"request": pem, "signerName": "example.com/a", "usages": ["client auth"], "username": "another", "groups": ["x"]});
    let made = ok(world.post(CSRS, json!({"metadata": {"name": "c"}, "spec": spec})).await);
    assert_eq!(
        (&made["spec"]["username"], &made["spec"]["groups"]),
        (&json!("tester"), &json!(["system:masters", "system:authenticated"]))
    );
    let mut changed = made.clone();
    changed["spec"]["usages"] = json!(["any"]);
    assert_eq!(ok(world.put(&format!("{CSRS}/c"), changed).await)["spec"]["usages"], json!(["client auth"]));

    let decision = |kind: &str| json!({"status": {"conditions": [{"type": kind, "status": "True", "reason": "R"}]}});
    let (code, refused) = world.merge(&format!("{CSRS}/c/status"), decision("Approved")).await;
    assert_eq!(code, 422);
    assert!(refused["message"].as_str().is_some_and(|text| text.ends_with(r#"updates may not add a condition of type "Approved""#)));
    let approved = ok(world.merge(&format!("{CSRS}/c/approval"), decision("Approved")).await);
    assert_eq!(approved["status"]["conditions"][0]["lastUpdateTime"], json!("2026-01-01T00:00:00Z"));
    let (code, refused) = world.merge(&format!("{CSRS}/c/approval"), decision("Denied")).await;
    assert_eq!(code, 422);
    assert!(refused["message"].as_str().is_some_and(|text| text.ends_with(r#"updates may not remove a condition of type "Approved""#)));
}

#[tokio::test]
async fn a_class_of_attributes_stays_while_a_claim_has_it() {
    const CLASSES: &str = "/apis/storage.k8s.io/v1/volumeattributesclasses";
    const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";
    let world = World::new();
    let class = json!({"metadata": {"name": "fast"}, "driverName": "a.b", "parameters": {"a": "b"}});
    assert_eq!(ok(world.post(CLASSES, class).await)["metadata"]["finalizers"], json!(["kubernetes.io/vac-protection"]));
    let claim = json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"], "volumeAttributesClassName": "fast",
        "resources": {"requests": {"storage": "1Gi"}}}});
    ok(world.post(CLAIMS, claim).await);
    ok(world.delete(&format!("{CLASSES}/fast"), Value::Null).await);
    assert!(ok(world.get(&format!("{CLASSES}/fast")).await)["metadata"]["deletionTimestamp"].is_string());
    ok(world.delete(&format!("{CLAIMS}/c"), Value::Null).await);
    assert_eq!(world.get(&format!("{CLASSES}/fast")).await.0, 404);
}

#[tokio::test]
async fn what_has_had_its_day_is_warned_of() {
    warned(
        "/api/v1/nodes",
        &[
            (r#"{"metadata": {"name": "n"}, "spec": {"podCIDR": "10.1.0.0/24"}}"#, &[]),
            (
                r#"{"metadata": {"name": "n"}, "spec": {"externalID": "x", "podCIDR": "10.1.0.1/24"}}"#,
                &[
                    "spec.externalID: this field is deprecated, and is unused by Kubernetes",
                    r#"spec.podCIDRs[0]: CIDR value "10.1.0.1/24" is ambiguous in this context (should be "10.1.0.0/24" or "10.1.0.1/32"?)"#,
                ],
            ),
        ],
    )
    .await;
    warned(
        "/api/v1/persistentvolumes",
        &[(
            r#"{"metadata": {"name": "v"}, "spec": {"capacity": {"storage": "1"}, "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Recycle", "cephfs": {"monitors": ["m"]}}}"#,
            &[
                "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
                "spec.cephfs: deprecated in v1.28, non-functional in v1.31+",
            ],
        )],
    )
    .await;
    warned(
        "/apis/node.k8s.io/v1/runtimeclasses",
        &[(
            r#"{"metadata": {"name": "r"}, "handler": "h", "scheduling": {"nodeSelector": {"beta.kubernetes.io/os": "x"}}}"#,
            &[r#"scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead"#],
        )],
    )
    .await;
    warned(
        "/apis/storage.k8s.io/v1/csidrivers",
        &[
            (r#"{"metadata": {"name": "d"}, "spec": {"tokenRequests": [{"audience": ""}], "serviceAccountTokenInSecrets": false}}"#, &[]),
            (
                r#"{"metadata": {"name": "d"}, "spec": {"tokenRequests": [{"audience": ""}]}}"#,
                &["spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes"],
            ),
        ],
    )
    .await;
}
