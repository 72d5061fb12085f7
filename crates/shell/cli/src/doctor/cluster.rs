//! A cluster's objects as a Tree: one file each, without what the cluster itself has written. Values of Secrets stay where they are.

use anyhow::{Context as _, bail};
use model::Tree;
use ports::{Cluster, ClusterError};
use serde_json::Value;

use crate::clusters::Target;

/// The kinds that the rules speak of.
const KINDS: [(&str, &str); 15] = [
    ("v1", "Namespace"),
    ("v1", "Secret"),
    ("source.toolkit.fluxcd.io/v1", "GitRepository"),
    ("source.toolkit.fluxcd.io/v1", "OCIRepository"),
    ("source.toolkit.fluxcd.io/v1", "HelmRepository"),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
    ("notification.toolkit.fluxcd.io/v1", "Receiver"),
    ("kargo.akuity.io/v1alpha1", "Project"),
    ("kargo.akuity.io/v1alpha1", "ProjectConfig"),
    ("kargo.akuity.io/v1alpha1", "Warehouse"),
    ("kargo.akuity.io/v1alpha1", "Stage"),
    ("argoproj.io/v1alpha1", "AnalysisTemplate"),
    ("argoproj.io/v1alpha1", "ClusterAnalysisTemplate"),
    ("policy.sigstore.dev/v1beta1", "ClusterImagePolicy"),
];

/// Reads one cluster, or every cluster of the kubeconfig, each as a Tree of its own.
pub(super) async fn read(target: &Target, context: Option<&str>) -> anyhow::Result<Vec<Tree>> {
    let contexts = match context {
        Some(context) => vec![context.to_owned()],
        None => target.contexts()?,
    };
    if contexts.is_empty() {
        bail!("the kubeconfig has no context");
    }
    let mut trees = Vec::new();
    for context in contexts {
        let cluster = target.named(&context).await?;
        trees.push(tree(&cluster, &context).await.with_context(|| format!("context {context}"))?);
    }
    Ok(trees)
}

async fn tree(cluster: &Cluster, context: &str) -> anyhow::Result<Tree> {
    let mut tree = Tree::default();
    for (api_version, kind) in KINDS {
        let objects = match cluster.list(api_version, kind, None, None).await {
            Ok(objects) => objects,
            // A kind that the cluster does not serve has no objects.
            Err(ClusterError::Refused { code: 404, .. }) => continue,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error.into()),
        };
        for mut object in objects {
            let namespace = Some(api::namespace(&object)).filter(|namespace| !namespace.is_empty()).unwrap_or("_").to_owned();
            let path = format!("{context}/{namespace}/{kind}/{}.yaml", api::name(&object));
            plain(&mut object);
            tree.put(path, yaml::write(&object));
        }
    }
    Ok(tree)
}

/// Leaves what somebody wants, and of a Secret only that it is there.
fn plain(object: &mut Value) {
    let Some(fields) = object.as_object_mut() else { return };
    for field in ["status", "data", "stringData"] {
        fields.remove(field);
    }
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| ["name", "namespace", "labels", "annotations"].contains(&field.as_str()));
    }
}
