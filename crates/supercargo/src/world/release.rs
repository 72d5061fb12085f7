//! Releases of the example's application: a commit and a tag, and when they have arrived.

use anyhow::{Context as _, bail};
use model::{ClusterName, Code, FileEdit, ObjectRef, Timestamp};
use ports::git::Push;

use super::seed::APPLICATION;
use super::{World, forge_url};

impl World {
    /// Commits and tags a version of the application, as a person would. A version that is there already stays.
    pub async fn release(&self, version: &str, at: Timestamp) -> anyhow::Result<()> {
        release(&self.plain, version, at).await
    }

    /// Tells whether a version runs in prod and its Freight is verified there.
    pub async fn has_arrived(&self, version: &str) -> anyhow::Result<bool> {
        has_arrived(&self.plain, version).await
    }

    /// Returns a gate that will not open by itself, in words.
    pub fn refused(&self) -> Option<String> {
        let held = self.driver.held();
        let found = held.iter().flat_map(|(key, reasons)| reasons.iter().map(move |reason| (key, reason)));
        let mut found =
            found.filter(|(_, reason)| matches!(reason.code, Some(Code::PromotionFailed | Code::VerificationFailed | Code::PullClosed)));
        found.next().map(|(key, reason)| format!("{} {}: {}", key.controller, key.name, reason.text))
    }

    /// Returns everything that waits, a line each.
    pub fn waits(&self) -> Vec<String> {
        let held = self.driver.held();
        held.into_iter()
            .map(|(key, reasons)| {
                let place =
                    [key.cluster.0.as_str(), key.name.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
                let texts: Vec<String> = reasons.into_iter().map(|reason| reason.text).collect();
                format!("{} {place}: {}", key.controller, texts.join("; "))
            })
            .collect()
    }
}

/// Commits and tags a version of the application.
pub async fn release(ports: &ports::Ports, version: &str, at: Timestamp) -> anyhow::Result<()> {
    let numbers: Vec<&str> = version.split('.').collect();
    if numbers.len() != 3 || !numbers.iter().all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())) {
        bail!("{version:?} is no version: expected three numbers, such as 1.4.3");
    }
    let url = forge_url(APPLICATION);
    let refs = ports.git.refs(&url, &["refs/heads/main", "refs/tags/"]).await?;
    if refs.contains_key(&format!("refs/tags/{version}")) {
        return Ok(());
    }
    let tip = refs.get("refs/heads/main").context("the application repository has no branch main")?;
    let tree = ports.git.tree(&url, tip).await?;
    let message = format!("Release {version}");
    let edit = FileEdit { path: "VERSION".into(), content: Some(format!("{version}\n").into_bytes()) };
    let commit = if tree.bytes("VERSION") == edit.content.as_deref() {
        // The commit of a release that was interrupted before its tag.
        *tip
    } else {
        let base = tip.to_string();
        ports
            .git
            .push(&Push {
                repository: &url,
                branch: "main",
                base: Some(&base),
                expected: Some(&base),
                edits: &[edit],
                message: &message,
                identity: "maintainer",
                at,
            })
            .await?
    };
    ports.git.push_tag(&url, version, &commit, "maintainer").await?;
    Ok(())
}

/// Tells whether a version runs in prod and its Freight is verified there.
pub async fn has_arrived(ports: &ports::Ports, version: &str) -> anyhow::Result<bool> {
    let prod = ports.clusters.get(&ClusterName("prod".into()))?;
    let workload = ObjectRef { api_version: "apps/v1".into(), kind: "Deployment".into(), namespace: "myapp".into(), name: "myapp".into() };
    let Some(workload) = prod.get(&workload).await? else { return Ok(false) };
    let image = workload["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    if !image.ends_with(&format!(":{version}")) {
        return Ok(false);
    }
    let delivery = ObjectRef {
        api_version: "kustomize.toolkit.fluxcd.io/v1".into(),
        kind: "Kustomization".into(),
        namespace: "flux-system".into(),
        name: "myapp".into(),
    };
    let Some(delivery) = prod.get(&delivery).await? else { return Ok(false) };
    let applied = delivery["status"]["lastAppliedRevision"].as_str().unwrap_or_default();
    let freight = ports.clusters.get(&ClusterName("management".into()))?.list("kargo.akuity.io/v1alpha1", "Freight", None, None).await?;
    let runs = |freight: &serde_json::Value| {
        freight["images"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|image| image["digest"].as_str().is_some_and(|digest| applied.ends_with(digest)))
    };
    Ok(freight.iter().any(|freight| {
        runs(freight) && freight["status"]["currentlyIn"]["prod"].is_object() && freight["status"]["verifiedIn"]["prod"].is_object()
    }))
}
