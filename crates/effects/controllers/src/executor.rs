//! Performs actions: the one place where a decision meets the world. It makes no choices.

use model::Action;
use ports::forge::ForgeError;
use ports::git::{GitPortError, Push};
use ports::registry::RegistryError;
use ports::{Cluster, ClusterError, Recorder};
use serde_json::json;

use crate::controller::Controller;

/// Why an action was not performed.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// A cluster refused or did not answer.
    #[error("{0}")]
    Cluster(#[source] ClusterError),
    /// A repository refused or did not answer.
    #[error(transparent)]
    Git(#[from] GitPortError),
    /// A forge refused or did not answer.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// A registry refused or did not answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The action itself cannot be performed.
    #[error("{0}")]
    Impossible(String),
}

impl From<ClusterError> for ActError {
    fn from(error: ClusterError) -> Self {
        Self::Cluster(error)
    }
}

impl ActError {
    /// Tells whether the action failed only because somebody else was faster, so that looking again gives another wish.
    pub fn is_race(&self) -> bool {
        match self {
            Self::Cluster(error) => error.is_conflict(),
            Self::Git(GitPortError::Rejected { race, .. }) => *race,
            Self::Forge(error) => error.status() == Some(409),
            Self::Git(_) | Self::Registry(_) | Self::Impossible(_) => false,
        }
    }
}

impl ActError {
    /// Tells whether the same action may succeed a moment later, because somebody did not answer.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Cluster(error) => error.is_passing(),
            Self::Git(error) => error.is_passing(),
            Self::Registry(error) => error.is_passing(),
            Self::Forge(error) => error.status().is_none_or(|status| status >= 500),
            Self::Impossible(_) => false,
        }
    }
}

/// Performs one action. Performing it twice is the same as once.
pub(crate) async fn perform(action: &Action, controller: &dyn Controller, events: &Recorder) -> Result<(), ActError> {
    let ports = controller.ports();
    match action {
        Action::Apply { cluster, manager, object } => {
            ports.clusters.get(cluster)?.apply(manager, object, false).await?;
        }
        Action::Create { cluster, manager, object } => match ports.clusters.get(cluster)?.create(manager, object).await {
            Err(error) if is_already_there(&error) => {}
            other => drop(other?),
        },
        Action::Patch { cluster, manager, object, patch, subresource } => {
            ports.clusters.get(cluster)?.patch(manager, object, subresource.as_deref(), patch).await?;
        }
        Action::Delete { cluster, object, uid } => {
            ports.clusters.get(cluster)?.delete(object, uid.as_deref()).await?;
        }
        Action::Emit { cluster, .. } => record(ports.clusters.get(cluster)?, action, controller, events).await?,
        Action::PushCommit { repository, branch, base, expected, edits, message, identity, at } => {
            let push = Push { repository, branch, base: Some(base), expected: expected.as_deref(), edits, message, identity, at: *at };
            ports.git.push(&push).await?;
        }
        Action::MoveBranch { repository, branch, expected, target, identity } => {
            ports.git.move_branch(repository, branch, expected.as_deref(), target.as_deref(), identity).await?;
        }
        Action::OpenPull { repository, head, base, title, body, identity } => {
            ports.forge.open_pull(repository, head, base, title, body, identity).await?;
        }
        Action::MergePull { repository, number, head, method, when_green, identity } => {
            ports.forge.merge_pull(repository, *number, head, method, *when_green, identity).await?;
        }
        Action::CancelMerge { repository, number, identity } => {
            ports.forge.cancel_merge(repository, *number, identity).await?;
        }
        Action::ClosePull { repository, number, identity } => {
            ports.forge.edit_pull(repository, *number, json!({"state": "closed"}), identity).await?;
        }
        Action::SetCheck { repository, commit, context, state, description, identity } => {
            ports.forge.set_status(repository, commit, context, *state, description, identity).await?;
        }
        Action::PushArtifact { repository, tag, digest, manifest, blobs, .. } => {
            let place: oci::Reference = repository.parse().map_err(|error: oci::ReferenceError| ActError::Impossible(error.to_string()))?;
            if model::Digest::of(manifest) != *digest {
                return Err(ActError::Impossible(format!("the manifest for {repository}:{tag} does not have the digest {digest}")));
            }
            for blob in blobs {
                ports.registry.put_blob(&place, blob).await?;
            }
            ports.registry.put_manifest(&place, tag, oci::media_type::MANIFEST, manifest).await?;
        }
    }
    Ok(())
}

fn is_already_there(error: &ClusterError) -> bool {
    matches!(error, ClusterError::Refused { reason, .. } if reason == "AlreadyExists")
}

/// Writes an Event. The object's uid stands in it, because clients look for that; one that is gone has none.
async fn record(cluster: &Cluster, action: &Action, controller: &dyn Controller, events: &Recorder) -> Result<(), ClusterError> {
    let Action::Emit { about, severity, reason, message, annotations, at, .. } = action else { return Ok(()) };
    let component = controller.component();
    let namespace = if about.namespace.is_empty() { "default" } else { &about.namespace };
    let found = cluster.get(about).await?.unwrap_or_default();
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"namespace": namespace, "annotations": annotations},
        "involvedObject": {
            "apiVersion": about.api_version, "kind": about.kind, "namespace": about.namespace, "name": about.name,
            "uid": api::uid(&found), "resourceVersion": api::text(&found, &["metadata", "resourceVersion"]),
        },
        "type": severity, "reason": reason, "message": message,
        "source": {"component": component}, "reportingComponent": component,
    });
    events.tell(cluster, controller.manager(), event, *at).await
}
