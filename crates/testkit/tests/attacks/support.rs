//! What the originals carry out and nobody does here: it is refused by name at the door, and nothing of it is kept.

use serde_json::{Value, json};

use crate::Attempt;
use crate::siege::Siege;

const SOURCES: &str = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/ocirepositories";
const RELEASES: &str = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/flux-system/helmreleases";
const KARGO: &str = "/apis/kargo.akuity.io/v1alpha1/namespaces/kargo-myapp";
const RUNS: &str = "/apis/argoproj.io/v1alpha1/namespaces/kargo-myapp/analysisruns";
const POLICIES: &str = "/apis/policy.sigstore.dev/v1alpha1/clusterimagepolicies";

pub const ATTEMPTS: [(&str, &str, Attempt); 9] = [
    ("a source with credentials", "denied the request: spec.secretRef is not supported yet: remove it", secret),
    ("a source that gets an ignore list later", "spec.ignore is not supported yet", changed),
    ("a Helm release", "kind HelmRelease is not supported yet: nothing acts on it", release),
    ("a Stage with a step that is a task", "spec.promotionTemplate.spec.steps[0].task is not supported yet", task),
    ("a Warehouse of a Git repository", "spec.subscriptions[0].git is not supported yet", warehouse),
    ("a run whose measurements should not count", "spec.dryRun is not supported yet", dry_run),
    ("an image policy with a key, in its older version", "spec.authorities[0].key is not supported yet", policy),
    ("a Promotion to a Stage that is not there", "Stage \\\"nowhere\\\" not found", nowhere),
    ("a Promotion without Freight", "exactly one of freight and origin is needed", without_freight),
];

/// Posts an object, and looks that it was not kept.
fn post(siege: &mut Siege, cluster: &str, path: &str, object: Value) -> anyhow::Result<String> {
    let (code, told) = siege.admin(cluster, "POST", path, object.clone())?;
    anyhow::ensure!(code >= 400, "HTTP {code}: {told}");
    let (there, _) = siege.admin(cluster, "GET", &format!("{path}/{}", api::name(&object)), Value::Null)?;
    anyhow::ensure!(there == 404, "it was kept: HTTP {there}");
    Ok(told)
}

/// kubectl prints it field by field, as what a definition refuses.
fn secret(siege: &mut Siege) -> anyhow::Result<String> {
    let object = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository", "metadata": {"name": "closed", "namespace": "flux-system"},
        "spec": {"interval": "1m", "url": "oci://registry.internal/closed", "secretRef": {"name": "login"}}});
    let told = post(siege, "dev", SOURCES, object)?;
    let status: Value = serde_json::from_str(&told)?;
    let cause = json!({"reason": "FieldValueNotSupported", "field": "spec.secretRef", "message": "not supported yet: remove it"});
    anyhow::ensure!(status["code"] == 422 && status["reason"] == "Invalid" && status["details"]["causes"] == json!([cause]), "{told}");
    Ok(told)
}

/// What was there before may stay as it is.
fn changed(siege: &mut Siege) -> anyhow::Result<String> {
    let path = format!("{SOURCES}/myapp");
    let (code, told) = siege.admin("dev", "PATCH", &path, json!({"metadata": {"annotations": {"note": "seen"}}}))?;
    anyhow::ensure!(code == 200, "HTTP {code}: {told}");
    let (code, told) = siege.admin("dev", "PATCH", &path, json!({"spec": {"ignore": "*.md"}}))?;
    anyhow::ensure!(code == 422, "HTTP {code}: {told}");
    Ok(told)
}

fn release(siege: &mut Siege) -> anyhow::Result<String> {
    let object = json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "chart", "namespace": "flux-system"},
        "spec": {"interval": "1m", "chartRef": {"kind": "OCIRepository", "name": "chart"}}});
    post(siege, "dev", RELEASES, object)
}

fn task(siege: &mut Siege) -> anyhow::Result<String> {
    let requested = json!([{"origin": {"kind": "Warehouse", "name": "myapp"}, "sources": {"direct": true}}]);
    let object = json!({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Stage", "metadata": {"name": "task", "namespace": "kargo-myapp"},
        "spec": {"requestedFreight": requested, "promotionTemplate": {"spec": {"steps": [{"task": {"name": "shared"}}]}}}});
    post(siege, "management", &format!("{KARGO}/stages"), object)
}

fn warehouse(siege: &mut Siege) -> anyhow::Result<String> {
    let object = json!({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Warehouse", "metadata": {"name": "git", "namespace": "kargo-myapp"},
        "spec": {"subscriptions": [{"git": {"repoURL": "https://gitea.internal/org/deployment"}}]}});
    post(siege, "management", &format!("{KARGO}/warehouses"), object)
}

fn dry_run(siege: &mut Siege) -> anyhow::Result<String> {
    let job = json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.internal/tests/integration:1"}]}}}});
    let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": "dry", "namespace": "kargo-myapp"},
        "spec": {"metrics": [{"name": "a", "provider": {"job": job}}], "dryRun": [{"metricName": ".*"}]}});
    post(siege, "management", RUNS, object)
}

fn policy(siege: &mut Siege) -> anyhow::Result<String> {
    let object = json!({"apiVersion": "policy.sigstore.dev/v1alpha1", "kind": "ClusterImagePolicy", "metadata": {"name": "key"},
        "spec": {"images": [{"glob": "**"}], "authorities": [{"key": {"data": "x"}}]}});
    post(siege, "prod", POLICIES, object)
}

fn nowhere(siege: &mut Siege) -> anyhow::Result<String> {
    promotion(siege, json!({"stage": "nowhere", "freight": "abc"}))
}

fn without_freight(siege: &mut Siege) -> anyhow::Result<String> {
    promotion(siege, json!({"stage": "dev"}))
}

fn promotion(siege: &mut Siege, spec: Value) -> anyhow::Result<String> {
    let object = json!({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Promotion", "metadata": {"name": "by-hand", "namespace": "kargo-myapp"}, "spec": spec});
    post(siege, "management", &format!("{KARGO}/promotions"), object)
}
