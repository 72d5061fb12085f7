//! Malformed files of every kind, brought to the door through which their kind comes: a pull request for what lies in the
//! repository, the API server for what is applied. Whoever brings one is told file, line, field and remedy.

use http::Method;
use serde_json::{Value, json};
use supercargo::world::FORGE;
use testkit::{As, Change, Entry};

use crate::Attempt;
use crate::repository::{MAIN, REPOSITORY, key, read};
use crate::siege::Siege;

pub const ATTEMPTS: [(&str, &str, Attempt); 25] = [
    ("renovate.json that is no JSON", "renovate.json:1:2: ", |siege| file(siege, "renovate.json", |_| "{,}".into())),
    ("renovate.json with an option that is none", "there is no option \"extendz\"; write extends", |siege| {
        file(siege, "renovate.json", |text| text.replacen("\"extends\"", "\"extendz\"", 1))
    }),
    ("CODEOWNERS with an owner that is none", "CODEOWNERS:1:1: \"org/platform-team\" is neither", |siege| {
        file(siege, "CODEOWNERS", |text| text.replacen('@', "", 1))
    }),
    ("a workflow with a key that is none", "runz-on: is not supported; correct the key", |siege| {
        file(siege, ".gitea/workflows/build-deployment-artifact.yml", |text| text.replacen("runs-on", "runz-on", 1))
    }),
    ("a policy that is no JSON", "policy/main.json:1:1: line 1, column 2", |siege| file(siege, "policy/main.json", |_| "[{]".into())),
    ("a pointer with a field that is none", "clusters/prod/myapp.yaml:", |siege| {
        file(siege, "clusters/prod/myapp.yaml", |text| text.replacen("interval:", "intervall:", 1))
    }),
    ("a pointer with a field that nobody acts on", "spec.insecure is not supported yet: remove it", |siege| {
        file(siege, "clusters/prod/myapp.yaml", |text| text.replacen("  interval:", "  insecure: true\n  interval:", 1))
    }),
    ("a Stage that is no YAML", "kargo/stages.yaml:", |siege| {
        file(siege, "kargo/stages.yaml", |text| text.replacen("spec:", "spec: [", 1))
    }),
    ("a Warehouse with a field that is none", "Warehouse has no field spec.subscriptionz; correct the name", |siege| {
        file(siege, "kargo/warehouse.yaml", |text| text.replacen("subscriptions", "subscriptionz", 1))
    }),
    ("an image policy with a field that is none", "ClusterImagePolicy has no field spec.authoritiez", |siege| {
        file(siege, "clusters/prod/image-policy.yaml", |text| text.replacen("authorities", "authoritiez", 1))
    }),
    ("a kustomization with a field that is none", "resourcez", |siege| {
        file(siege, "apps/myapp/base/kustomization.yaml", |text| text.replacen("resources", "resourcez", 1))
    }),
    ("a manifest that is no YAML", "apps/myapp/base/deployment.yaml: line ", |siege| {
        file(siege, "apps/myapp/base/deployment.yaml", |text| text.replacen("containers:", "containers: {", 1))
    }),
    ("a manifest that is not UTF-8", "apps/myapp/base/service.yaml", |siege| {
        file(siege, "apps/myapp/base/service.yaml", |text| text.replacen("kind", "k\u{0}ind", 1))
    }),
    ("an OCIRepository without an interval", "spec.interval: Required value", |siege| {
        object(
            siege,
            "dev",
            "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/ocirepositories",
            "source.toolkit.fluxcd.io/v1",
            "OCIRepository",
            json!({"url": "oci://registry.internal/x"}),
        )
    }),
    ("a GitRepository with a field that is none", "spec.branch", |siege| {
        object(
            siege,
            "dev",
            "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories",
            "source.toolkit.fluxcd.io/v1",
            "GitRepository",
            json!({"url": "https://gitea.internal/x", "interval": "1m", "branch": "main"}),
        )
    }),
    ("a Kustomization with a text for a flag", "spec.prune", |siege| {
        object(
            siege,
            "dev",
            "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations",
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            json!({"interval": "1m", "prune": "yes", "sourceRef": {"kind": "GitRepository", "name": "x"}}),
        )
    }),
    ("a Stage without Freight", "spec.requestedFreight: Required value", |siege| {
        object(
            siege,
            "management",
            "/apis/kargo.akuity.io/v1alpha1/namespaces/kargo-myapp/stages",
            "kargo.akuity.io/v1alpha1",
            "Stage",
            json!({}),
        )
    }),
    ("a Warehouse with a constraint that is none", "constraint", |siege| {
        object(
            siege,
            "management",
            "/apis/kargo.akuity.io/v1alpha1/namespaces/kargo-myapp/warehouses",
            "kargo.akuity.io/v1alpha1",
            "Warehouse",
            json!({"subscriptions": [{"image": {"repoURL": "registry.internal/x", "constraint": 5}}]}),
        )
    }),
    ("an AnalysisTemplate without a metric's name", "spec.metrics[0].name", |siege| {
        object(
            siege,
            "management",
            "/apis/argoproj.io/v1alpha1/namespaces/kargo-myapp/analysistemplates",
            "argoproj.io/v1alpha1",
            "AnalysisTemplate",
            json!({"metrics": [{"provider": {"job": {"spec": {}}}}]}),
        )
    }),
    ("an image policy with a text for a list", "spec.images", |siege| {
        object(
            siege,
            "prod",
            "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies",
            "policy.sigstore.dev/v1beta1",
            "ClusterImagePolicy",
            json!({"images": "all"}),
        )
    }),
    ("a Deployment with a field that is none", "spec.template.spec.containerz", |siege| {
        object(
            siege,
            "prod",
            "/apis/apps/v1/namespaces/myapp/deployments",
            "apps/v1",
            "Deployment",
            json!({"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containerz": []}}}),
        )
    }),
    ("renovate.json that is nested too deeply", "renovate.json:1:", |siege| {
        file(siege, "renovate.json", |_| format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)))
    }),
    ("a body that is nested too deeply", "400", |siege| {
        body(siege, format!("{{\"kind\": \"ConfigMap\", \"data\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000)))
    }),
    ("a body of ten megabytes", "413", |siege| body(siege, format!("\"{}\"", "x".repeat(10 << 20)))),
    ("a body that is no JSON", "400", |siege| body(siege, "{\"kind\": ".to_owned())),
];

/// A developer changes a file in a pull request and tries to merge it. Returns what the checks and the merge say.
fn file(siege: &mut Siege, path: &str, change: fn(&str) -> String) -> anyhow::Result<String> {
    let text = read(siege, path)?;
    let changed = change(&text);
    anyhow::ensure!(changed != text, "{path} has nothing to change");
    let tip = siege.drill.ask(siege.outside.tip(REPOSITORY, "main"))?;
    let (token, key, now) = (siege.token("developer")?, key(siege, "developer")?, siege.drill.now());
    let who = As::User("developer", &token);
    let branch = format!("broken-{}", now.as_millisecond());
    let change = Change {
        entries: &[(path, Entry::File(&changed))],
        parents: &[tip],
        author: "developer",
        key: Some(&key),
        message: "A mistake",
        at: now,
    };
    let name = format!("refs/heads/{branch}");
    let commit = siege.drill.ask(siege.outside.push(&who, REPOSITORY, &name, git::ObjectId::ZERO, &change))?;
    let api = format!("https://{FORGE}/api/v1/repos/{REPOSITORY}");
    let ask = |siege: &mut Siege, method: Method, path: &str, body: Value| {
        siege.drill.ask(siege.outside.ask(&who, method.as_str(), &format!("{api}{path}"), body))
    };
    let (code, opened) = ask(siege, Method::POST, "/pulls", json!({"title": "A mistake", "head": branch, "base": "main"}))?;
    anyhow::ensure!(code == 201, "{opened}");
    siege.drill.settle()?;
    let (_, statuses) = ask(siege, Method::GET, &format!("/commits/{commit}/statuses?limit=50"), Value::Null)?;
    let statuses: Vec<Value> = serde_json::from_str(&statuses)?;
    let failed = statuses.iter().filter(|status| status["status"] == "failure");
    let told: Vec<String> =
        failed.map(|status| format!("{}: {}", api::text(status, &["context"]), api::text(status, &["description"]))).collect();
    anyhow::ensure!(!told.is_empty(), "no check failed: {statuses:?}");
    let number = serde_json::from_str::<Value>(&opened)?["number"].clone();
    let (code, merged) = ask(siege, Method::POST, &format!("/pulls/{number}/merge"), json!({"Do": "fast-forward-only"}))?;
    anyhow::ensure!(code >= 400, "it was merged: HTTP {code} {merged}");
    let after = siege.drill.ask(siege.outside.tip(REPOSITORY, "main"))?;
    anyhow::ensure!(after == tip, "{MAIN} has moved");
    Ok(told.join("\n"))
}

/// The administrator posts an object, with the strictness that kubectl asks for.
fn object(siege: &mut Siege, cluster: &str, path: &str, api_version: &str, kind: &str, spec: Value) -> anyhow::Result<String> {
    let body = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "malformed"}, "spec": spec});
    let (code, told) = siege.admin(cluster, "POST", &format!("{path}?fieldValidation=Strict"), body)?;
    anyhow::ensure!(matches!(code, 400 | 422), "HTTP {code}: {told}");
    Ok(told)
}

/// The administrator posts bytes.
fn body(siege: &mut Siege, text: String) -> anyhow::Result<String> {
    let token = siege.drill.world().credentials.clusters.get("prod").cloned().unwrap_or_default();
    let url = "https://prod.cluster.invalid/api/v1/namespaces/myapp/configmaps";
    let answer = siege.drill.ask(siege.outside.send(&As::Token(&token), "POST", url, "application/json", text.into()))?;
    Ok(format!("{} {}", answer.status(), String::from_utf8_lossy(answer.body())))
}
