//! What only Pods have.

use serde_json::{Value, json};

use super::{World, ok, refused};

const PODS: &str = "/api/v1/namespaces/default/pods";

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "a"}},
        "spec": {"containers": [{"name": "one", "image": "i"}, {"name": "two", "image": "i"}]},
    })
}

fn eviction(name: &str) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}})
}

#[tokio::test]
async fn evictions_keep_to_the_budget() {
    let world = World::new();
    for name in ["a", "b"] {
        ok(world.post(PODS, pod(name)).await);
        let running = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        ok(world.merge(&format!("{PODS}/{name}/status"), running).await);
    }
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "p"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}},
    });
    ok(world.post(budgets, budget).await);
    refused(world.post(&format!("{PODS}/a/eviction"), eviction("a")).await, 429, "Cannot evict pod");
    let status =
        json!({"status": {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2}});
    ok(world.merge(&format!("{budgets}/p/status"), status).await);
    let try_first = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}, "deleteOptions": {"dryRun": ["All"]}});
    ok(world.post(&format!("{PODS}/a/eviction"), try_first).await);
    let done = ok(world.post(&format!("{PODS}/a/eviction"), eviction("a")).await);
    assert_eq!((&done["status"], &done["code"]), (&json!("Success"), &json!(201)));
    let left = ok(world.get(&format!("{budgets}/p")).await);
    assert_eq!(left["status"]["disruptionsAllowed"], 0);
    assert!(left["status"]["disruptedPods"]["a"].is_string());
    let (code, told) = world.post(&format!("{PODS}/b/eviction"), eviction("b")).await;
    assert_eq!((code, &told["details"]["causes"][0]["reason"]), (429, &json!("DisruptionBudget")));
    refused(world.post(&format!("{PODS}/b/eviction"), eviction("a")).await, 400, "name in URL does not match");
}

#[tokio::test]
async fn logs_and_connections_are_checked_and_handed_to_the_nodes() {
    let world = World::new();
    ok(world.post(PODS, pod("a")).await);
    refused(world.get(&format!("{PODS}/a/log")).await, 400, "a container name must be specified for pod a, choose one of: [one two]");
    refused(world.get(&format!("{PODS}/a/log?container=three")).await, 400, "container three is not valid for pod a");
    refused(
        world.get(&format!("{PODS}/a/log?container=one&limitBytes=0")).await,
        422,
        "limitBytes: Invalid value: 0: must be greater than 0",
    );
    assert_eq!(world.get(&format!("{PODS}/a/log?container=one")).await.0, 204);
    refused(world.post(&format!("{PODS}/a/exec?container=one&command=ls"), Value::Null).await, 400, "pod a does not have a host assigned");
    refused(world.get(&format!("{PODS}/b/log")).await, 404, "pods \"b\" not found");
    let target = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, "target": {"kind": "Node", "name": "n"}});
    ok(world.post(&format!("{PODS}/a/binding"), target.clone()).await);
    refused(world.post(&format!("{PODS}/a/binding"), target).await, 409, "pod a is already assigned to node \"n\"");
    for (asked, handed_on) in [
        ("log?container=one&tailLines=3&follow=true&pretty=true", "/containerLogs/default/a/one?follow=true&tailLines=3"),
        (
            "exec?container=two&command=sh&command=-c&command=echo+a%26b&stdin=true&stdout=1&tty=false",
            "/exec/default/a/two?command=sh&command=-c&command=echo%20a%26b&input=1&output=1",
        ),
        ("attach?container=one&stderr=true", "/attach/default/a/one?error=1"),
        ("portforward?ports=80", "/portForward/default/a"),
    ] {
        assert_eq!(world.get(&format!("{PODS}/a/{asked}")).await, (200, json!(format!("GET {handed_on}\n"))));
    }
    refused(world.get(&format!("{PODS}/a/proxy")).await, 501, "no way to the ports of Pods");
    let mut gone = pod("gone");
    gone["spec"]["nodeName"] = json!("n");
    ok(world.post(PODS, gone).await);
    refused(world.get(&format!("{PODS}/gone/log?container=one")).await, 404, "GET /containerLogs/default/gone/one");
}

#[tokio::test]
async fn who_may_only_read_opens_no_connection() {
    let world = World::new();
    let mut one = pod("a");
    one["spec"]["nodeName"] = json!("n");
    ok(world.post(PODS, one).await);
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let rule = json!({"apiGroups": [""], "resources": ["pods/exec", "pods/log"], "verbs": ["get"]});
    ok(world.post(&format!("{rbac}/roles"), json!({"metadata": {"name": "reader"}, "rules": [rule]})).await);
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"});
    let subject = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "joe"});
    ok(world.post(&format!("{rbac}/rolebindings"), json!({"metadata": {"name": "b"}, "subjects": [subject], "roleRef": role})).await);
    let joe = world.as_user(Some(model::Caller::new("joe")));
    assert_eq!(joe.get(&format!("{PODS}/a/log?container=one")).await.0, 200);
    let words = "pods \"a\" is forbidden: User \"joe\" cannot create resource \"pods/exec\"";
    refused(joe.get(&format!("{PODS}/a/exec?container=one&command=ls")).await, 403, words);
}

#[tokio::test]
async fn containers_are_added_only_by_their_own_way() {
    let world = World::new();
    ok(world.post(PODS, pod("a")).await);
    let added = |more: Value| {
        let mut container = json!({"name": "look", "image": "i"});
        if let (Value::Object(container), Value::Object(more)) = (&mut container, more) {
            container.extend(more);
        }
        json!({"spec": {"ephemeralContainers": [container]}})
    };
    let place = format!("{PODS}/a/ephemeralcontainers");
    refused(world.merge(&place, added(json!({"ports": [{"containerPort": 1}]}))).await, 422, "cannot be set for an Ephemeral Container");
    refused(world.merge(&place, added(json!({"name": "one"}))).await, 422, "Duplicate value: \"one\"");
    refused(world.merge(&format!("{PODS}/a"), added(json!({}))).await, 422, "pod updates may not change fields");
    let made = ok(world.merge(&place, added(json!({"targetContainerName": "one"}))).await);
    assert_eq!((&made["metadata"]["generation"], &made["spec"]["ephemeralContainers"][0]["name"]), (&json!(2), &json!("look")));
    refused(world.merge(&place, added(json!({"image": "other"}))).await, 422, "may not be changed");
    refused(world.merge(&place, json!({"spec": {"ephemeralContainers": null}})).await, 422, "may not be removed");
}

#[tokio::test]
async fn what_runs_is_given_more_or_less_of_processors_and_memory_alone() {
    let world = World::new();
    let pods = "/api/v1/namespaces/default/pods";
    let amounts = |cpu: &str| json!({"requests": {"cpu": cpu}, "limits": {"cpu": "2", "memory": "1Gi"}});
    let pod =
        |containers: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": containers}});
    ok(world.post(pods, pod(json!([{"name": "c", "image": "i", "resources": amounts("1")}, {"name": "d", "image": "i"}]))).await);
    let resize = format!("{pods}/web/resize?dryRun=All");
    let wrong = |why: &str| format!("Pod \"web\" is invalid: {why}");
    for (containers, wanted) in [
        (json!([{"name": "c", "image": "other", "resources": amounts("500m")}, {"name": "d"}]), String::new()),
        (
            json!([{"name": "c", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}, {"name": "d"}]),
            wrong("spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"),
        ),
        (
            json!([{"name": "c", "resources": amounts("1")}, {"name": "d", "resources": {"requests": {"ephemeral-storage": "1Gi"}}}]),
            wrong("spec: Forbidden: only cpu and memory resources are mutable"),
        ),
        (
            json!([{"name": "c", "image": "i", "resources": amounts("1")}, {"name": "e", "image": "i"}]),
            wrong("spec.containers[1].name: Forbidden: containers may not be renamed or reordered on resize"),
        ),
    ] {
        let (status, told) = world.merge(&resize, json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}})).await;
        if wanted.is_empty() {
            assert_eq!(status, 200, "{told}");
            assert_eq!(told["spec"]["containers"][0]["resources"]["requests"]["cpu"], "500m");
            assert_eq!((&told["spec"]["containers"][0]["image"], told["metadata"].get("labels")), (&json!("i"), None));
        } else {
            assert_eq!(told["message"], json!(wanted));
        }
    }
}

#[tokio::test]
async fn what_is_sent_to_a_part_of_an_object_is_read_as_go_reads_it() {
    let world = World::new();
    let core = "/api/v1/namespaces/default";
    let apps = "/apis/apps/v1/namespaces/default/deployments";
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let spec = json!({"selector": {"matchLabels": {"a": "b"}}, "template": template});
    ok(world.post(apps, json!({"metadata": {"name": "web"}, "spec": spec})).await);
    ok(world
        .post(&format!("{core}/pods"), json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}))
        .await);
    let scale = format!("{apps}/web/scale");
    let named = |name: &str, replicas: Value| json!({"metadata": {"name": name}, "spec": {"replicas": replicas}});
    for (body, wanted) in [
        (named("web", json!(3)), ""),
        (named("other", json!(3)), "the name of the object (other) does not match the name on the URL (web)"),
        (named("", json!(3)), "the name of the object (web based on URL) was undeterminable: name must be provided"),
        (
            named("web", json!("x")),
            "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas of type int32",
        ),
        (
            json!({"metadata": {"name": "web", "namespace": "other"}}),
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            json!({"kind": "Scale", "apiVersion": "apps/v1", "metadata": {"name": "web"}}),
            "Scale in version \"v1\" cannot be handled as a Scale: no kind \"Scale\" is registered for version \"apps/v1\" in scheme \"pkg/runtime/scheme.go:111\"",
        ),
    ] {
        let (status, told) = world.put(&scale, body.clone()).await;
        match wanted {
            "" => assert_eq!((status, &told["spec"]["replicas"]), (200, &json!(3)), "{told}"),
            _ => assert_eq!((status, told["message"].as_str()), (400, Some(wanted)), "{body}"),
        }
    }
    for (part, body, code, wanted) in [
        (
            "binding",
            json!({"metadata": {"name": "p"}, "target": {"kind": "Pod", "name": "n"}}),
            400,
            "target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\"",
        ),
        ("binding", json!({"metadata": {"name": "p"}}), 400, "target.name: Required value"),
        (
            "eviction",
            json!({"metadata": {"name": "p"}, "deleteOptions": {"propagationPolicy": "Bogus"}}),
            422,
            "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Bogus\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"",
        ),
    ] {
        let (status, told) = world.post(&format!("{core}/pods/p/{part}"), body).await;
        assert_eq!((status, told["message"].as_str()), (code, Some(wanted)), "{part}");
    }
}
