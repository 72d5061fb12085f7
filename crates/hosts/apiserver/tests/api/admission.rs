//! Policies in the Common Expression Language, and what the server itself asks of new objects.

use serde_json::{Value, json};

use super::{MAPS, World, map, ok, refused};

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";

fn policy(validations: Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "short"},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]},
            ]},
            "matchConditions": [{"name": "not-mine", "expression": "!object.metadata.name.startsWith('free')"}],
            "variables": [{"name": "longest", "expression": "object.data.map(k, size(object.data[k])).max()"}],
            "validations": validations,
        },
    })
}

fn binding(actions: Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "short"},
        "spec": {"policyName": "short", "validationActions": actions, "paramRef": {"name": "most", "namespace": "default", "parameterNotFoundAction": "Deny"}},
    })
}

#[tokio::test]
async fn policies_judge_with_parameters_variables_and_their_own_words() {
    let world = World::new();
    let (policies, bindings) = (format!("{GROUP}/validatingadmissionpolicies"), format!("{GROUP}/validatingadmissionpolicybindings"));
    let mut wrong = policy(json!([{"expression": "size(object.metadata.name) + 1"}]));
    refused(world.post(&policies, wrong.clone()).await, 422, "spec.validations[0].expression");
    wrong["spec"]["validations"] = json!([{"expression": "authorizer.group('').resource('pods').check('get').allowed()"}]);
    refused(world.post(&policies, wrong).await, 422, "undeclared reference to 'authorizer'");
    let mut right = policy(json!([{
        "expression": "variables.longest <= int(params.data.most)",
        "messageExpression": "'the longest has ' + string(variables.longest) + ' letters'", "reason": "Forbidden",
    }]));
    right["spec"]["paramKind"] = json!({"apiVersion": "v1", "kind": "ConfigMap"});
    ok(world.post(&policies, right).await);
    ok(world.post(MAPS, map("unbound", "12345")).await);
    ok(world.post(&bindings, binding(json!(["Deny"]))).await);
    refused(world.post(MAPS, map("a", "1")).await, 422, "no params found");
    let mut most = map("most", "x");
    most["data"] = json!({"most": "3"});
    ok(world.delete(&format!("{bindings}/short"), Value::Null).await);
    ok(world.post(MAPS, most).await);
    ok(world.post(&bindings, binding(json!(["Deny"]))).await);
    ok(world.post(MAPS, map("b", "123")).await);
    refused(
        world.post(MAPS, map("c", "12345")).await,
        403,
        "ValidatingAdmissionPolicy 'short' with binding 'short' denied request: the longest has 5 letters",
    );
    ok(world.post(MAPS, map("free", "12345")).await);
    ok(world.delete(&format!("{bindings}/short"), Value::Null).await);
    ok(world.post(&bindings, binding(json!(["Warn"]))).await);
    ok(world.post(MAPS, map("c", "12345")).await);
}

#[tokio::test]
async fn a_namespace_says_what_its_pods_may_ask_for() {
    let world = World::new();
    let space = |level: &str| {
        let labels = json!({"pod-security.kubernetes.io/enforce": level});
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("n-{level}"), "labels": labels}})
    };
    refused(world.post("/api/v1/namespaces", space("strict")).await, 422, "must be one of privileged, baseline, restricted");
    ok(world.post("/api/v1/namespaces", space("baseline")).await);
    let pod = |privileged: bool| {
        let container = json!({"name": "c", "image": "i", "securityContext": {"privileged": privileged}});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}})
    };
    let pods = "/api/v1/namespaces/n-baseline/pods";
    let told = r#"violates PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)"#;
    refused(world.post(pods, pod(true)).await, 403, told);
    ok(world.post(pods, pod(false)).await);
}

#[tokio::test]
async fn a_new_pod_gets_a_token_a_priority_and_time_to_leave() {
    let world = World::new();
    let pods = "/api/v1/namespaces/default/pods";
    let pod = |name: &str, class: &str| {
        let mut pod =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        if !class.is_empty() {
            pod["spec"]["priorityClassName"] = json!(class);
        }
        pod
    };
    let made = ok(world.post(pods, pod("a", "")).await);
    assert_eq!(made["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["path"], "token");
    assert_eq!(made["spec"]["volumes"][0]["name"], made["spec"]["containers"][0]["volumeMounts"][0]["name"]);
    assert_eq!((&made["spec"]["priority"], &made["spec"]["tolerations"][1]["tolerationSeconds"]), (&json!(0), &json!(300)));
    refused(world.post(pods, pod("b", "none")).await, 403, "no PriorityClass with name none was found");
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 7, "globalDefault": true});
    ok(world.post("/apis/scheduling.k8s.io/v1/priorityclasses", class).await);
    let made = ok(world.post(pods, pod("c", "")).await);
    assert_eq!((&made["spec"]["priority"], &made["spec"]["priorityClassName"]), (&json!(7), &json!("high")));
    let account = "/api/v1/namespaces/default/serviceaccounts/default";
    ok(world.merge(account, json!({"automountServiceAccountToken": false, "imagePullSecrets": [{"name": "pull"}]})).await);
    let made = ok(world.post(pods, pod("d", "system-cluster-critical")).await);
    assert_eq!((&made["spec"]["volumes"], &made["spec"]["imagePullSecrets"]), (&Value::Null, &json!([{"name": "pull"}])));
    assert_eq!(made["spec"]["priority"], 2_000_000_000);
}
