//! Pods whose images are not what the policy asks for.

use std::collections::BTreeMap;

use model::Digest;
use oci::{Artifact, ImageConfig};
use serde_json::{Value, json};

use crate::Attempt;
use crate::siege::{APPLICATION, DEPLOYMENT, Siege};

pub const ATTEMPTS: [(&str, &str, Attempt); 12] = [
    ("an image that nobody signed", "there is no signature", unsigned),
    ("an image that the deployment's workflow signed", "the signature is by", other_workflow),
    ("an image that the application's workflow signed on a branch", "the signature is by", branch),
    ("an image that is in no registry", "is not there", absent),
    ("an image that no policy covers", "no matching policies", uncovered),
    ("an image that a policy of the older version asks more of", "failed policy: older", older_policy),
    ("an index that nobody signed, with a child that is signed and one that is not", "there is no signature", index),
    ("an index that is signed, with a child that is not", "the index is signed, but it lists", index_alone),
    ("an image with the legacy signature of another digest", "the statement is about", other_legacy),
    ("an image with a legacy signature by another workflow", "the signature is by", legacy_by_another),
    ("a Deployment of an image that nobody signed", "there is no signature", deployment),
    ("a test Job whose image nobody signed", "there is no signature", job),
];

fn image(what: &str) -> Artifact {
    let config =
        ImageConfig { env: vec![format!("WHAT={what}")], architecture: "amd64".into(), os: "linux".into(), ..ImageConfig::default() };
    oci::image(&[], &config, &BTreeMap::new())
}

fn pod(siege: &mut Siege, name: &str, image: &str) -> anyhow::Result<String> {
    let body = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "myapp"}, "spec": {"containers": [{"name": "c", "image": image}]}});
    post(siege, "prod", "/api/v1/namespaces/myapp/pods", body)
}

/// Asks whether a pod would be let in; it is not made.
fn let_in(siege: &mut Siege, image: &str) -> anyhow::Result<()> {
    let body = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "good", "namespace": "myapp"}, "spec": {"containers": [{"name": "c", "image": image}]}});
    let (code, told) = siege.admin("prod", "POST", "/api/v1/namespaces/myapp/pods?dryRun=All", body)?;
    anyhow::ensure!(code == 201, "HTTP {code}: {told}");
    Ok(())
}

fn post(siege: &mut Siege, cluster: &str, path: &str, body: Value) -> anyhow::Result<String> {
    let (code, told) = siege.admin(cluster, "POST", path, body)?;
    anyhow::ensure!(code >= 400, "HTTP {code}: {told}");
    Ok(told)
}

fn unsigned(siege: &mut Siege) -> anyhow::Result<String> {
    siege.publish("myapp:9.0.1", &image("unsigned"), APPLICATION, None)?;
    pod(siege, "unsigned", "registry.internal/myapp:9.0.1")
}

fn other_workflow(siege: &mut Siege) -> anyhow::Result<String> {
    siege.publish("myapp:9.0.2", &image("other workflow"), APPLICATION, Some(DEPLOYMENT))?;
    pod(siege, "other-workflow", "registry.internal/myapp:9.0.2")
}

fn branch(siege: &mut Siege) -> anyhow::Result<String> {
    siege.publish("myapp:9.0.3", &image("branch"), APPLICATION, Some(&APPLICATION.replace("tags/1.4.2", "heads/evil")))?;
    pod(siege, "branch", "registry.internal/myapp:9.0.3")
}

fn absent(siege: &mut Siege) -> anyhow::Result<String> {
    pod(siege, "absent", "registry.internal/myapp:8.8.8")
}

fn uncovered(siege: &mut Siege) -> anyhow::Result<String> {
    pod(siege, "uncovered", "docker.io/library/nginx:1.27")
}

/// A `v1alpha1` policy counts as one of `v1beta1` does: the good image is not good enough as long as it is there.
fn older_policy(siege: &mut Siege) -> anyhow::Result<String> {
    let identity = json!({"issuer": "https://gitea.internal", "subject": "somebody else"});
    let policy = json!({"apiVersion": "policy.sigstore.dev/v1alpha1", "kind": "ClusterImagePolicy", "metadata": {"name": "older"},
        "spec": {"images": [{"glob": "registry.internal/myapp**"}], "authorities": [{"keyless": {"identities": [identity]}}]}});
    let path = "/apis/policy.sigstore.dev/v1alpha1/clusterimagepolicies";
    let (code, told) = siege.admin("prod", "POST", path, policy)?;
    anyhow::ensure!(code == 201, "HTTP {code}: {told}");
    let refused = pod(siege, "older", "registry.internal/myapp:1.4.2");
    siege.admin("prod", "DELETE", &format!("{path}/older"), Value::Null)?;
    let_in(siege, "registry.internal/myapp:1.4.2")?;
    refused
}

/// Pushes an index of two images.
fn publish_index(siege: &mut Siege, tag: &str, children: [&Artifact; 2]) -> anyhow::Result<(oci::Reference, Digest)> {
    let list: Vec<Value> = children
        .iter()
        .zip(["arm64", "amd64"])
        .map(|(child, architecture)| json!({"mediaType": child.media_type, "digest": child.digest.to_string(), "size": child.manifest.len(), "platform": {"os": "linux", "architecture": architecture}}))
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": oci::media_type::INDEX, "manifests": list}).to_string();
    let place: oci::Reference = format!("registry.internal/myapp:{tag}").parse()?;
    let registry = siege.registry_of(APPLICATION)?;
    let digest = siege.drill.ask(registry.put_manifest(&place, tag, oci::media_type::INDEX, index.as_bytes()))?;
    Ok((place, digest))
}

/// A signature of a child says nothing of the index, and whoever pulls the index may get the other child.
fn index(siege: &mut Siege) -> anyhow::Result<String> {
    let (good, bad) = (image("signed child"), image("unsigned child"));
    siege.publish("myapp:9.0.4", &good, APPLICATION, Some(APPLICATION))?;
    siege.publish("myapp:9.0.5", &bad, APPLICATION, None)?;
    publish_index(siege, "9.0.6", [&good, &bad])?;
    pod(siege, "index", "registry.internal/myapp:9.0.6")
}

/// With all its children signed it is let in.
fn index_alone(siege: &mut Siege) -> anyhow::Result<String> {
    let (good, bad) = (image("another signed child"), image("another unsigned child"));
    siege.publish("myapp:9.0.7", &good, APPLICATION, Some(APPLICATION))?;
    siege.publish("myapp:9.0.8", &bad, APPLICATION, None)?;
    let (place, digest) = publish_index(siege, "9.0.9", [&good, &bad])?;
    let registry = siege.registry_of(APPLICATION)?;
    siege.sign(&registry, &place, &digest, APPLICATION)?;
    let told = pod(siege, "index-alone", "registry.internal/myapp:9.0.9")?;
    siege.sign(&registry, &place, &bad.digest, APPLICATION)?;
    let_in(siege, "registry.internal/myapp:9.0.9")?;
    Ok(told)
}

/// Pushes an image with a legacy signature alone.
fn legacy(siege: &mut Siege, tag: &str, signer: &str) -> anyhow::Result<(oci::Reference, Digest)> {
    let image = image(tag);
    let place = siege.publish(&format!("myapp:{tag}"), &image, APPLICATION, None)?;
    siege.sign_legacy(&siege.registry_of(APPLICATION)?, &place, &image.digest, signer)?;
    Ok((place, image.digest))
}

/// The same signature lets the image in that it is about.
fn other_legacy(siege: &mut Siege) -> anyhow::Result<String> {
    let (place, digest) = legacy(siege, "9.1.0", APPLICATION)?;
    let_in(siege, "registry.internal/myapp:9.1.0")?;
    let bad = image("other legacy");
    siege.publish("myapp:9.1.1", &bad, APPLICATION, None)?;
    siege.move_legacy(&siege.registry_of(APPLICATION)?, (&place, &digest), (&place, &bad.digest))?;
    pod(siege, "other-legacy", "registry.internal/myapp:9.1.1")
}

fn legacy_by_another(siege: &mut Siege) -> anyhow::Result<String> {
    legacy(siege, "9.1.2", DEPLOYMENT)?;
    pod(siege, "legacy-by-another", "registry.internal/myapp:9.1.2")
}

fn deployment(siege: &mut Siege) -> anyhow::Result<String> {
    let labels = json!({"app": "evil"});
    let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "evil", "namespace": "myapp"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "registry.internal/myapp:9.0.1"}]}}}});
    post(siege, "prod", "/apis/apps/v1/namespaces/myapp/deployments", body)
}

fn job(siege: &mut Siege) -> anyhow::Result<String> {
    let evil = image("test");
    let place: oci::Reference = "registry.internal/tests/integration:evil".parse()?;
    siege.drill.ask(siege.rogue().push(&place, "evil", &evil))?;
    let body = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "evil", "namespace": "kargo-myapp"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.internal/tests/integration:evil"}]}}}});
    post(siege, "management", "/apis/batch/v1/namespaces/kargo-myapp/jobs", body)
}
