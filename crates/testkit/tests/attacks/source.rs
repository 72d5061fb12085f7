//! Artifacts in a registry that somebody has got into: what Flux's role accepts as its source.

use api::text;
use oci::Artifact;
use serde_json::{Value, json};

use crate::Attempt;
use crate::registry::evil;
use crate::siege::{APPLICATION, DEPLOYMENT, Siege};

const SOURCE: &str = "source.toolkit.fluxcd.io/v1";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io/v1";

pub const ATTEMPTS: [(&str, &str, Attempt); 11] = [
    ("an artifact without a signature", "there is no signature", unsigned),
    ("an artifact that the application's workflow signed", "VerificationError", other_workflow),
    ("an artifact signed on another branch", "VerificationError", other_branch),
    ("an artifact signed by another repository's workflow", "VerificationError", other_repository),
    ("an artifact with the signature of another digest", "VerificationError", other_digest),
    ("an artifact with the legacy signature of another digest", "the statement is about", other_legacy),
    ("a source's status that somebody wrote by hand", "failed to verify the signature", status_by_hand),
    ("a Freight that somebody edited", "is not what its name says: it was edited", freight_by_hand),
    ("a Promotion with steps of somebody's own", "its steps are not those of its Stage's promotionTemplate", promotion_by_hand),
    ("an expression that would run for ever", "memory budget exceeded", expression_bomb),
    ("a status that somebody without rights writes", "403", status_without_rights),
];

/// Lets the cluster dev follow an artifact under the example's own policy, and returns what its source says.
pub fn follow(siege: &mut Siege, name: &str, tag: &str) -> anyhow::Result<String> {
    let dev = siege.cluster("dev")?;
    let mut source = siege.object("dev", SOURCE, "OCIRepository", "flux-system", "myapp")?;
    let verify = source["spec"]["verify"].take();
    let object = json!({"apiVersion": SOURCE, "kind": "OCIRepository", "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"interval": "1m", "url": "oci://registry.internal/deployments/attack", "ref": {"tag": tag}, "verify": verify}});
    siege.drill.ask(dev.apply("attacker", &object, false))?;
    let object = json!({"apiVersion": KUSTOMIZE, "kind": "Kustomization", "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"interval": "1m", "prune": true, "path": "./overlays/dev", "sourceRef": {"kind": "OCIRepository", "name": name}}});
    siege.drill.ask(dev.apply("attacker", &object, false))?;
    siege.drill.settle()?;
    let told = [
        siege.ready("dev", SOURCE, "OCIRepository", "flux-system", name)?,
        siege.ready("dev", KUSTOMIZE, "Kustomization", "flux-system", name)?,
    ];
    anyhow::ensure!(siege.object("dev", "v1", "ConfigMap", "myapp", "evil").is_err(), "the evil thing was applied");
    Ok(told.join("\n"))
}

fn published(siege: &mut Siege, name: &str, tag: &str, signer: Option<&str>) -> anyhow::Result<String> {
    siege.publish(&format!("deployments/attack:{tag}"), &evil(name), DEPLOYMENT, signer)?;
    follow(siege, name, tag)
}

fn unsigned(siege: &mut Siege) -> anyhow::Result<String> {
    published(siege, "unsigned", "1.0.1", None)
}

fn other_workflow(siege: &mut Siege) -> anyhow::Result<String> {
    published(siege, "other-workflow", "1.0.2", Some(APPLICATION))
}

fn other_branch(siege: &mut Siege) -> anyhow::Result<String> {
    published(siege, "other-branch", "1.0.3", Some(&DEPLOYMENT.replace("heads/main", "heads/evil")))
}

fn other_repository(siege: &mut Siege) -> anyhow::Result<String> {
    published(siege, "other-repository", "1.0.4", Some(&DEPLOYMENT.replace("org/deployment/", "evil/deployment/")))
}

/// The bundle of a good artifact is attached to a bad one.
fn other_digest(siege: &mut Siege) -> anyhow::Result<String> {
    let world = siege.drill.world();
    let good: oci::Reference = "registry.internal/deployments/myapp:0.5.1".parse()?;
    let digest = siege.drill.ask(world.ports.registry.resolve(&good))?.expect("it is there");
    let bundles = siege.drill.ask(world.ports.registry.bundles(&good.with_digest(digest.clone()), &digest))?;
    let sign::Evidence::Bundle(bundle) = bundles[0].clone() else { anyhow::bail!("it is no bundle") };
    let bad = evil("other-digest");
    let place = siege.publish("deployments/attack:1.0.5", &bad, DEPLOYMENT, None)?;
    let subject = oci::Descriptor::new(&bad.media_type, bad.digest.clone(), bad.manifest.len() as u64);
    let (manifest, config) = sign::referrer(subject, &bundle, siege.drill.now());
    let registry = siege.registry_of(DEPLOYMENT)?;
    siege.drill.ask(registry.put_blob(&place, &config))?;
    siege.drill.ask(registry.put_blob(&place, &bundle))?;
    let name = model::Digest::of(&manifest).to_string();
    siege.drill.ask(registry.put_manifest(&place, &name, oci::media_type::MANIFEST, &manifest))?;
    follow(siege, "other-digest", "1.0.5")
}

/// The same with what lies under the good one's `.sig` tag.
fn other_legacy(siege: &mut Siege) -> anyhow::Result<String> {
    let good: oci::Reference = "registry.internal/deployments/myapp:0.5.1".parse()?;
    let digest = siege.drill.ask(siege.rogue().resolve(&good))?.expect("it is there");
    let bad = evil("other-legacy");
    let place = siege.publish("deployments/attack:1.0.6", &bad, DEPLOYMENT, None)?;
    let registry = siege.registry_of(DEPLOYMENT)?;
    siege.move_legacy(&registry, (&good, &digest), (&place, &bad.digest))?;
    follow(siege, "other-legacy", "1.0.6")
}

/// The status of the real source is made to name an artifact that nobody signed.
fn status_by_hand(siege: &mut Siege) -> anyhow::Result<String> {
    let bad: Artifact = evil("by-hand");
    siege.publish("deployments/myapp:9.9.9", &bad, DEPLOYMENT, None)?;
    // The source's own controller would put it right at once; it is asked to stand still.
    let path = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/ocirepositories/myapp";
    siege.admin("dev", "PATCH", path, json!({"spec": {"suspend": true}}))?;
    let before = siege.object("dev", SOURCE, "OCIRepository", "flux-system", "myapp")?["status"]["artifact"]["revision"].clone();
    let (code, told) = siege.admin(
        "dev",
        "PATCH",
        &format!("{path}/status"),
        json!({"status": {"artifact": {"revision": format!("9.9.9@{}", bad.digest)}}}),
    )?;
    anyhow::ensure!(code == 200, "{told}");
    siege.drill.settle()?;
    let found = siege.ready("dev", KUSTOMIZE, "Kustomization", "flux-system", "myapp")?;
    anyhow::ensure!(siege.object("dev", "v1", "ConfigMap", "myapp", "evil").is_err(), "the evil thing was applied");
    siege.admin("dev", "PATCH", path, json!({"spec": {"suspend": null}}))?;
    siege.drill.wait(std::time::Duration::from_secs(400))?;
    let after = siege.object("dev", SOURCE, "OCIRepository", "flux-system", "myapp")?["status"]["artifact"]["revision"].clone();
    anyhow::ensure!(after == before, "the source still says {after}");
    Ok(found)
}

/// The Freight of a version is made to hold another artifact, and is promoted.
fn freight_by_hand(siege: &mut Siege) -> anyhow::Result<String> {
    let home = siege.cluster("management")?;
    let all = siege.drill.ask(home.list("kargo.akuity.io/v1alpha1", "Freight", Some("kargo-myapp"), None))?;
    let good = all.first().expect("there is Freight").clone();
    let path = format!("/apis/kargo.akuity.io/v1alpha1/namespaces/kargo-myapp/freights/{}", api::name(&good));
    let mut images = good["images"].clone();
    images[0]["tag"] = json!("9.9.9");
    let (code, told) = siege.admin("management", "PATCH", &path, json!({"images": images}))?;
    anyhow::ensure!(code == 200, "{told}");
    let told = promote(siege, "prod", api::name(&good), Value::Null)?;
    siege.admin("management", "PATCH", &path, json!({"images": good["images"]}))?;
    Ok(told)
}

/// A Promotion that would edit another environment's pointer.
fn promotion_by_hand(siege: &mut Siege) -> anyhow::Result<String> {
    let home = siege.cluster("management")?;
    let all = siege.drill.ask(home.list("kargo.akuity.io/v1alpha1", "Freight", Some("kargo-myapp"), None))?;
    let stage = siege.object("management", "kargo.akuity.io/v1alpha1", "Stage", "kargo-myapp", "dev")?;
    let mut steps = stage["spec"]["promotionTemplate"]["spec"]["steps"].clone();
    steps[1]["config"]["path"] = json!("./out/clusters/prod/myapp.yaml");
    promote(siege, "dev", api::name(all.first().expect("there is Freight")), steps)
}

/// A Stage of its own whose template has the bomb.
fn expression_bomb(siege: &mut Siege) -> anyhow::Result<String> {
    let home = siege.cluster("management")?;
    let all = siege.drill.ask(home.list("kargo.akuity.io/v1alpha1", "Freight", Some("kargo-myapp"), None))?;
    let freight = api::name(all.first().expect("there is Freight")).to_owned();
    let origin = all[0]["origin"].clone();
    let bomb = "${{ all(1..1000000, all(1..1000000, all(1..1000000, # > 0))) }}";
    let stage = json!({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Stage", "metadata": {"name": "bomb", "namespace": "kargo-myapp"},
        "spec": {"requestedFreight": [{"origin": origin, "sources": {"direct": true}}],
            "promotionTemplate": {"spec": {"steps": [{"uses": "git-clone", "config": {"repoURL": bomb, "checkout": [{"branch": "main", "path": "./x"}]}}]}}}});
    let path = "/apis/kargo.akuity.io/v1alpha1/namespaces/kargo-myapp/stages";
    let (code, told) = siege.admin("management", "POST", path, stage)?;
    anyhow::ensure!(code == 201, "{told}");
    let told = promote(siege, "bomb", &freight, Value::Null)?;
    siege.admin("management", "DELETE", &format!("{path}/bomb"), Value::Null)?;
    Ok(told)
}

/// Posts a Promotion and returns how it ended.
fn promote(siege: &mut Siege, stage: &str, freight: &str, steps: Value) -> anyhow::Result<String> {
    let name = format!("{stage}-by-hand-{}", siege.drill.now().as_millisecond());
    let mut object = json!({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Promotion", "metadata": {"name": name, "namespace": "kargo-myapp"}, "spec": {"stage": stage, "freight": freight}});
    if !steps.is_null() {
        object["spec"]["steps"] = steps;
    }
    let (code, told) = siege.admin("management", "POST", "/apis/kargo.akuity.io/v1alpha1/namespaces/kargo-myapp/promotions", object)?;
    anyhow::ensure!(code == 201, "{told}");
    siege.drill.settle()?;
    let live = siege.object("management", "kargo.akuity.io/v1alpha1", "Promotion", "kargo-myapp", &name)?;
    Ok(format!("{}: {}", text(&live, &["status", "phase"]), text(&live, &["status", "message"])))
}

/// The tests' account may read a cluster and write nothing.
fn status_without_rights(siege: &mut Siege) -> anyhow::Result<String> {
    let token = siege.drill.world().credentials.readers.get("dev").cloned().unwrap_or_default();
    let path = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/ocirepositories/myapp/status";
    let patch = json!({"status": {"artifact": {"revision": "9.9.9@sha256:00"}}});
    let (code, told) = siege.drill.ask(siege.outside.cluster(&testkit::As::Token(&token), "dev", "PATCH", path, patch))?;
    Ok(format!("{code} {told}"))
}
