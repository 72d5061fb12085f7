//! The audit log: who did what, why it was allowed, and what is never in it.

use std::path::PathBuf;

use apiserver::AuditLog;
use http::{Method, header};
use model::Caller;
use serde_json::{Value, json};

use super::{MAPS, RBAC, World, lines, map, ok};

struct Log {
    world: World,
    log: AuditLog,
    path: PathBuf,
}

impl Log {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("audit-{}.log", rand_name()));
        let log = AuditLog::open(&path, AuditLog::SIZE).expect("opens");
        Self { world: World::audited(log.clone()), log, path }
    }

    /// Returns the events since the last time.
    fn events(&self) -> Vec<Value> {
        self.log.flush();
        let text = std::fs::read_to_string(&self.path).expect("a log");
        std::fs::write(&self.path, "").expect("emptied");
        text.lines().map(|line| serde_json::from_str(line).expect("an event a line")).collect()
    }

    fn only(&self) -> Value {
        let mut all = self.events();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn rand_name() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[tokio::test]
async fn a_request_leaves_one_event_with_its_reason() {
    let log = Log::new();
    let world = &log.world;
    ok(world.post(MAPS, map("a", "hidden-value")).await);
    let event = log.only();
    assert_eq!(
        event,
        json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": event["auditID"], "stage": "ResponseComplete",
            "requestURI": MAPS, "verb": "create",
            "user": {"username": "tester", "uid": "u-tester", "groups": ["system:masters", "system:authenticated"]},
            "objectRef": {"resource": "configmaps", "namespace": "default", "name": "a", "uid": event["objectRef"]["uid"], "apiVersion": "v1"},
            "responseStatus": {"metadata": {}, "code": 201},
            "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z", "stageTimestamp": "2026-01-01T00:00:00.000000Z",
            "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
        })
    );
    let subject = json!({"kind": "Group", "name": "team", "apiGroup": RBAC});
    let role = json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"});
    let binding = json!({"metadata": {"name": "x"}, "subjects": [subject], "roleRef": role});
    ok(world.post(&format!("/apis/{RBAC}/v1/clusterrolebindings"), binding.clone()).await);
    let place = format!("/apis/{RBAC}/v1/namespaces/default/rolebindings");
    let robot = json!({"kind": "ServiceAccount", "name": "robot", "namespace": "default"});
    ok(world.post(&place, json!({"metadata": {"name": "y"}, "subjects": [robot], "roleRef": role})).await);
    log.events();
    let reason = |event: &Value| event["annotations"]["authorization.k8s.io/reason"].clone();
    let bob = world.as_user(Some(Caller { groups: vec!["team".to_owned()], ..Caller::new("bob") }));
    ok(bob.get(&format!("{MAPS}/a")).await);
    assert_eq!(reason(&log.only()), r#"RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "view" to Group "team""#);
    ok(world.as_user(Some(Caller::new("system:serviceaccount:default:robot"))).get(MAPS).await);
    assert_eq!(reason(&log.only()), r#"RBAC: allowed by RoleBinding "y/default" of ClusterRole "view" to ServiceAccount "robot/default""#);
    assert_eq!(bob.delete(&format!("{MAPS}/a"), Value::Null).await.0, 403);
    let refused = log.only();
    assert_eq!(
        (&refused["annotations"]["authorization.k8s.io/decision"], &refused["responseStatus"]),
        (&json!("forbid"), &json!({"metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403}))
    );
    assert_eq!(world.get("/healthz").await.0, 200);
    let health = log.only();
    assert_eq!((&health["verb"], &health["requestURI"], health.get("objectRef")), (&json!("get"), &json!("/healthz"), None));
}

#[tokio::test]
async fn an_id_is_honoured_and_secrets_stay_out() {
    let log = Log::new();
    let world = &log.world;
    let mut request = world.request(Method::GET, &format!("{MAPS}?limit=1&token=s3cret"), "", Value::Null);
    for (name, value) in [("audit-id", "mine"), ("user-agent", "tests/1"), ("x-forwarded-for", "10.0.0.1"), ("impersonate-user", "eve")] {
        request.headers_mut().insert(name, value.parse().expect("a header"));
    }
    let response = tower::ServiceExt::oneshot(world.router.clone(), request).await.expect("infallible");
    assert_eq!(response.headers().get("audit-id").map(http::HeaderValue::as_bytes), Some(&b"mine"[..]));
    let event = log.only();
    assert_eq!(
        (&event["auditID"], &event["userAgent"], &event["sourceIPs"], &event["impersonatedUser"]["username"]),
        (&json!("mine"), &json!("tests/1"), &json!(["10.0.0.1"]), &json!("eve"))
    );
    assert_eq!(event["requestURI"], format!("{MAPS}?limit=1&token=REDACTED"));
    let mut request = world.as_user(None).request(Method::GET, MAPS, "", Value::Null);
    request.headers_mut().insert(header::AUTHORIZATION, "Bearer s3cret".parse().expect("a header"));
    assert_eq!(world.send(request).await.0, 401);
    let mut secret = json!({"metadata": {"name": "s"}, "stringData": {"password": "s3cret"}, "type": "Wrong Type s3cret"});
    let _ = world.post("/api/v1/namespaces/default/secrets", secret.clone()).await;
    secret["metadata"]["name"] = json!("S3CRET WRONG");
    let _ = world.post("/api/v1/namespaces/default/secrets?fieldManager=x", secret).await;
    log.log.flush();
    let text = std::fs::read_to_string(&log.path).expect("a log");
    assert!(!text.contains("s3cret"), "{text}");
    let events = log.events();
    assert_eq!(
        (&events[0]["user"], &events[0]["responseStatus"]["message"], &events[0]["responseStatus"]["code"]),
        (&json!({}), &json!("Authentication failed, attempted: bearer"), &json!(401))
    );
}

#[tokio::test]
async fn a_watch_leaves_an_event_when_it_begins_and_when_it_ends() {
    let log = Log::new();
    ok(log.world.post(MAPS, map("a", "1")).await);
    log.events();
    let path = format!("{MAPS}?watch=true");
    let response = tower::ServiceExt::oneshot(log.world.router.clone(), log.world.request(Method::GET, &path, "", Value::Null)).await;
    let begun = log.only();
    assert_eq!((&begun["stage"], &begun["verb"]), (&json!("ResponseStarted"), &json!("watch")));
    drop(response);
    let ended = log.only();
    assert_eq!((&ended["stage"], &ended["auditID"]), (&json!("ResponseComplete"), &begun["auditID"]));
    assert_eq!(lines(&log.world, &path, 1).await.len(), 1);
    assert_eq!(log.events().len(), 2);
}

#[tokio::test]
async fn policies_note_what_they_would_have_refused() {
    let log = Log::new();
    let world = &log.world;
    let group = "/apis/admissionregistration.k8s.io/v1";
    let policy = json!({
        "metadata": {"name": "p"},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]},
            ]},
            "validations": [{"expression": "object.metadata.name != 'bad'", "message": "no bad names"}],
            "auditAnnotations": [{"key": "called", "valueExpression": "'it is ' + object.metadata.name"}],
        },
    });
    ok(world.post(&format!("{group}/validatingadmissionpolicies"), policy).await);
    let binding = json!({"metadata": {"name": "b"}, "spec": {"policyName": "p", "validationActions": ["Audit"]}});
    ok(world.post(&format!("{group}/validatingadmissionpolicybindings"), binding).await);
    log.events();
    ok(world.post(MAPS, map("bad", "1")).await);
    let notes = log.only()["annotations"].clone();
    assert_eq!(notes["p/called"], "it is bad");
    let failure: Value =
        serde_json::from_str(notes["validation.policy.admission.k8s.io/validation_failure"].as_str().unwrap_or_default()).expect("json");
    assert_eq!(
        failure,
        json!([{"message": "no bad names", "policy": "p", "binding": "b", "expressionIndex": 0, "validationActions": ["Audit"]}])
    );
}
