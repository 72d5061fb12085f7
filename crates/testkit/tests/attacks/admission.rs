//! Pods whose images are not what the policy asks for.

use std::collections::BTreeMap;

use oci::{Artifact, ImageConfig};
use serde_json::{Value, json};

use crate::Attempt;
use crate::siege::{APPLICATION, DEPLOYMENT, Siege};

pub const ATTEMPTS: [(&str, &str, Attempt); 8] = [
    ("an image that nobody signed", "there is no signature", unsigned),
    ("an image that the deployment's workflow signed", "the signature is by", other_workflow),
    ("an image that the application's workflow signed on a branch", "the signature is by", branch),
    ("an image that is in no registry", "is not there", absent),
    ("an image that no policy covers", "no matching policies", uncovered),
    ("an index that nobody signed, with a child that is signed and one that is not", "there is no signature", index),
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

/// A signature of a child says nothing of the index, and whoever pulls the index may get the other child.
fn index(siege: &mut Siege) -> anyhow::Result<String> {
    let (good, bad) = (image("signed child"), image("unsigned child"));
    siege.publish("myapp:9.0.4", &good, APPLICATION, Some(APPLICATION))?;
    let place = siege.publish("myapp:9.0.5", &bad, APPLICATION, None)?;
    let child = |artifact: &Artifact, architecture: &str| json!({"mediaType": artifact.media_type, "digest": artifact.digest.to_string(), "size": artifact.manifest.len(), "platform": {"os": "linux", "architecture": architecture}});
    let index =
        json!({"schemaVersion": 2, "mediaType": oci::media_type::INDEX, "manifests": [child(&good, "arm64"), child(&bad, "amd64")]})
            .to_string();
    let registry = siege.registry_of(APPLICATION)?;
    siege.drill.ask(registry.put_manifest(&place, "9.0.6", oci::media_type::INDEX, index.as_bytes()))?;
    pod(siege, "index", "registry.internal/myapp:9.0.6")
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
