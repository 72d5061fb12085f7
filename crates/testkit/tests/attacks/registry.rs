//! Writes to the registry.

use std::collections::BTreeMap;

use model::Tree;
use oci::{Artifact, Reference, flux_artifact};
use ports::{Login, Registry};
use supercargo::world::REGISTRY;

use crate::Attempt;
use crate::siege::{APPLICATION, DEPLOYMENT, Siege};

pub const ATTEMPTS: [(&str, &str, Attempt); 8] = [
    ("a person pushes with a password that is nobody's", "UNAUTHORIZED", nobody),
    ("the administrator's account pushes", "DENIED", account),
    ("the application's workflow pushes a deployment", "DENIED", other_workflow),
    ("the deployment's workflow on another branch pushes", "DENIED", other_branch),
    ("the workflow of another repository pushes", "DENIED", other_repository),
    ("a tag is pushed again with other bytes", "immutable", again),
    ("a newer version that nobody signed is pushed", "0.9.1 is left out: there is no signature", unsigned),
    ("a newer version is signed by another workflow", "0.9.2 is left out", signed_by_another),
];

/// An artifact that is not the example's.
pub fn evil(what: &str) -> Artifact {
    let mut tree = Tree::default();
    tree.put("overlays/dev/kustomization.yaml", "resources: [evil.yaml]\n");
    tree.put(
        "overlays/dev/evil.yaml",
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: evil, namespace: myapp}}\ndata: {{what: {what:?}}}\n"),
    );
    flux_artifact(&tree, "2026-01-01T00:00:00Z".parse().expect("a time"), "https://gitea.internal/org/deployment", "0000", &BTreeMap::new())
}

fn place(text: &str) -> Reference {
    format!("{REGISTRY}/{text}").parse().expect("a reference")
}

fn refused(siege: &Siege, registry: &Registry, at: &str) -> anyhow::Result<String> {
    let place = place(at);
    let result = siege.drill.ask(registry.push(&place, &place.version(), &evil(at)));
    Ok(result.err().map_or("it was taken".to_owned(), |error| error.to_string()))
}

fn nobody(siege: &mut Siege) -> anyhow::Result<String> {
    let registry = Registry::new(siege.outside.web(), Login::Basic { user: "ci".into(), password: "guessed".into() });
    refused(siege, &registry, "deployments/myapp:0.9.0")
}

fn account(siege: &mut Siege) -> anyhow::Result<String> {
    let password = siege.drill.world().credentials.registry.clone();
    let registry = Registry::new(siege.outside.web(), Login::Basic { user: "admin".into(), password });
    refused(siege, &registry, "deployments/myapp:0.9.0")
}

fn other_workflow(siege: &mut Siege) -> anyhow::Result<String> {
    refused(siege, &siege.registry_of(APPLICATION)?, "deployments/myapp:0.9.0")
}

fn other_branch(siege: &mut Siege) -> anyhow::Result<String> {
    refused(siege, &siege.registry_of(&DEPLOYMENT.replace("heads/main", "heads/evil"))?, "deployments/myapp:0.9.0")
}

fn other_repository(siege: &mut Siege) -> anyhow::Result<String> {
    refused(siege, &siege.registry_of(&DEPLOYMENT.replace("org/deployment/", "evil/deployment/"))?, "deployments/myapp:0.9.0")
}

fn again(siege: &mut Siege) -> anyhow::Result<String> {
    refused(siege, &siege.registry_of(DEPLOYMENT)?, "deployments/myapp:0.5.1")
}

fn unsigned(siege: &mut Siege) -> anyhow::Result<String> {
    siege.publish("deployments/myapp:0.9.1", &evil("0.9.1"), DEPLOYMENT, None)?;
    warehouse(siege)
}

fn signed_by_another(siege: &mut Siege) -> anyhow::Result<String> {
    siege.publish("deployments/myapp:0.9.2", &evil("0.9.2"), DEPLOYMENT, Some(&DEPLOYMENT.replace("heads/main", "heads/evil")))?;
    warehouse(siege)
}

/// What the Warehouse says of what it found.
fn warehouse(siege: &mut Siege) -> anyhow::Result<String> {
    siege.drill.settle()?;
    let live = siege.object("management", "kargo.akuity.io/v1alpha1", "Warehouse", "kargo-myapp", "myapp")?;
    Ok(live["status"]["conditions"].to_string())
}
