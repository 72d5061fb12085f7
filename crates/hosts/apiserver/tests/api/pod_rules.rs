//! What Pods, and what makes them, must satisfy; what is filled in and what is said of them. The cases are those of `pod_rules.jsonl`,
//! one a line: what is set in a small object, and what kube-apiserver 1.36.3 answered.

use http::{Method, header};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use super::World;

fn base(kind: &str) -> (&'static str, Value) {
    let spec = json!({"containers": [{"name": "c", "image": "i"}]});
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": spec});
    let workload = json!({"selector": {"matchLabels": {"a": "b"}}, "template": template});
    match kind {
        "PodTemplate" => ("/api/v1/namespaces/default/podtemplates", json!({"template": {"spec": spec}})),
        "Pod" => {
            let mut spec = spec;
            spec["automountServiceAccountToken"] = json!(false);
            ("/api/v1/namespaces/default/pods", json!({"spec": spec}))
        }
        "Deployment" => ("/apis/apps/v1/namespaces/default/deployments", json!({"spec": workload})),
        "StatefulSet" => ("/apis/apps/v1/namespaces/default/statefulsets", json!({"spec": workload})),
        "DaemonSet" => {
            let mut spec = workload;
            spec["template"]["spec"] =
                json!({"hostNetwork": true, "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]});
            ("/apis/apps/v1/namespaces/default/daemonsets", json!({"spec": spec}))
        }
        "Job" => {
            let mut spec = spec;
            spec["restartPolicy"] = json!("Never");
            ("/apis/batch/v1/namespaces/default/jobs", json!({"spec": {"template": {"spec": spec}}}))
        }
        _ => ("/apis/apps/v1/namespaces/default/controllerrevisions", json!({"revision": 1, "data": {"a": "b"}})),
    }
}

/// Puts a value where a pointer leads; objects on the way are made.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for key in pointer.split('/').skip(1) {
        place = match place {
            Value::Array(list) => &mut list[key.parse::<usize>().expect("an index")],
            other => {
                if other.is_null() {
                    *other = json!({});
                }
                &mut other[key]
            }
        };
    }
    *place = value;
}

/// Returns the code of an answer, what it says, its warnings.
async fn create(world: &World, path: &str, object: Value) -> (u16, Value, Vec<String>) {
    let request = world.request(Method::POST, &format!("{path}?dryRun=All"), "application/json", object);
    let response = world.router.clone().oneshot(request).await.expect("infallible");
    let unquoted = |text: &str| {
        let text = text.strip_prefix("299 - \"").and_then(|text| text.strip_suffix('"')).expect("a warning");
        text.replace("\\\"", "\"").replace("\\\\", "\\")
    };
    let warnings = response.headers().get_all(header::WARNING).iter().filter_map(|value| value.to_str().ok()).map(unquoted).collect();
    let code = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (code, serde_json::from_slice(&bytes).expect("JSON"), warnings)
}

#[tokio::test]
async fn pods_and_what_makes_them_are_checked_as_upstream_checks_them() {
    let world = World::new();
    for line in include_str!("pod_rules.jsonl").lines() {
        let case: Value = serde_json::from_str(line).expect("a case");
        let kind = case["kind"].as_str().expect("a kind");
        let (path, mut object) = base(kind);
        put(&mut object, "/metadata/name", json!("x"));
        let empty = Map::new();
        let set = case["set"].as_object().unwrap_or(&empty);
        set.iter().for_each(|(pointer, value)| put(&mut object, pointer, value.clone()));
        let (code, answer, warnings) = create(&world, path, object).await;
        assert_eq!((json!(code), &answer["message"]), (case["code"].clone(), &case["message"]), "{line}");
        assert_eq!(json!(warnings), case.get("warnings").cloned().unwrap_or_else(|| json!([])), "{line}");
        for (pointer, wanted) in case.get("gives").and_then(Value::as_object).unwrap_or(&empty) {
            assert_eq!(answer.pointer(pointer).unwrap_or(&Value::Null), wanted, "{pointer} of {line}");
        }
    }
}
