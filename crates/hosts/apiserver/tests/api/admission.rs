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
    let class = ok(world.get("/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical").await);
    assert_eq!((&class["value"], &class["metadata"]["generation"]), (&json!(2_000_001_000), &json!(1)));
}

#[tokio::test]
async fn quotas_count_and_ranges_fill_in() {
    let world = World::new();
    let space = "/api/v1/namespaces/default";
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
        "spec": {"hard": {"pods": "2", "requests.cpu": "1", "count/deployments.apps": "0"}},
    });
    ok(world.post(&format!("{space}/resourcequotas"), quota).await);
    let pod = |name: &str, cpu: &str| {
        let mut container = json!({"name": "c", "image": "i"});
        if !cpu.is_empty() {
            container["resources"] = json!({"requests": {"cpu": cpu}});
        }
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}})
    };
    let pods = format!("{space}/pods");
    refused(world.post(&pods, pod("a", "")).await, 403, "failed quota: q: must specify requests.cpu for: c");
    let range = json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"},
        "spec": {"limits": [{"type": "Container", "defaultRequest": {"cpu": "600m"}, "min": {"cpu": "100m"}}]},
    });
    ok(world.post(&format!("{space}/limitranges"), range).await);
    refused(world.post(&pods, pod("a", "50m")).await, 403, "minimum cpu usage per Container is 100m, but request is 50m");
    let made = ok(world.post(&pods, pod("a", "")).await);
    assert_eq!(made["spec"]["containers"][0]["resources"]["requests"]["cpu"], "600m");
    assert_eq!(made["metadata"]["annotations"]["kubernetes.io/limit-ranger"], "LimitRanger plugin set: cpu request for container c");
    let told = "exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1";
    refused(world.post(&pods, pod("b", "500m")).await, 403, told);
    ok(world.post(&pods, pod("b", "400m")).await);
    let status = ok(world.get(&format!("{space}/resourcequotas/q")).await)["status"].clone();
    assert_eq!(status["used"], json!({"count/deployments.apps": "0", "pods": "2", "requests.cpu": "1"}));
    refused(
        world.post(&pods, pod("c", "100m")).await,
        403,
        "exceeded quota: q, requested: pods=1,requests.cpu=100m, used: pods=2,requests.cpu=1",
    );
    ok(world.delete(&format!("{pods}/a?gracePeriodSeconds=0"), Value::Null).await);
    ok(world.post(&pods, pod("c", "100m")).await);
    let many = super::deployment();
    refused(
        world.post("/apis/apps/v1/namespaces/default/deployments", many).await,
        403,
        "exceeded quota: q, requested: count/deployments.apps=1",
    );
}

#[tokio::test]
async fn the_status_of_a_policy_says_which_expressions_do_not_fit_its_kinds() {
    let world = World::new();
    let policies = format!("{GROUP}/validatingadmissionpolicies");
    let mut made = policy(json!([
        {"expression": "object.spec.replicas < 5 && object.metadata.labels['a'] == 'b'"},
        {"expression": "object.spec.replicaz < 5", "messageExpression": "'has ' + object.spec.nothing"},
        {"expression": "variables.count + 'x' == 'x'"},
        {"expression": "object.metadata.creationTimestamp < timestamp('2030-01-01T00:00:00Z')"},
    ]));
    made["spec"]["matchConstraints"]["resourceRules"] = json!([
        {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments", "deployments/scale", "statefulsets"]},
        {"apiGroups": ["*"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
    ]);
    made["spec"]["variables"] = json!([{"name": "count", "expression": "object.spec.replicas"}]);
    made["spec"]["matchConditions"] = json!([]);
    let answered = ok(world.post(&policies, made).await);
    assert_eq!(answered["status"], json!({}));
    let place = format!("{policies}/short");
    let live = ok(world.get(&place).await);
    assert_eq!(live["status"]["observedGeneration"], 1);
    let warnings = live["status"]["typeChecking"]["expressionWarnings"].as_array().cloned().unwrap_or_default();
    let fields: Vec<&str> = warnings.iter().filter_map(|one| one["fieldRef"].as_str()).collect();
    assert_eq!(fields, ["spec.validations[1].expression", "spec.validations[1].messageExpression", "spec.validations[2].expression"]);
    let arrow = " | object.spec.replicaz < 5\n | ...........^";
    assert_eq!(
        warnings[0]["warning"],
        format!(
            "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replicaz'\n{arrow}\n\napps/v1, Kind=StatefulSet: ERROR: <input>:1:12: undefined field 'replicaz'\n{arrow}\n"
        )
    );
    let managers = live["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    assert!(managers.iter().any(|one| one["manager"] == "validatingadmissionpolicy-status-controller" && one["subresource"] == "status"));
    // Conditions are others' business, and what is mended is no longer warned of.
    let condition = json!([{"type": "x", "status": "True", "reason": "Y", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    ok(world.merge(&format!("{place}/status"), json!({"status": {"conditions": condition}})).await);
    ok(world.merge(&place, json!({"spec": {"validations": [{"expression": "object.spec.replicas < 5"}]}})).await);
    let mended = ok(world.get(&place).await);
    // An apply that empties a map takes it away.
    assert_eq!((&mended["status"]["observedGeneration"], mended["status"].get("typeChecking")), (&json!(2), None));
    assert_eq!(mended["status"]["conditions"], condition);
}
