//! The built-in checks of every branch head: observe which commits have none, let [`build::checks`] and [`doctor::malformed`]
//! say what they are.

use std::collections::HashSet;
use std::sync::Mutex;

use futures::future::BoxFuture;
use model::{Action, CheckState, ClusterName, Decision};
use ports::Ports;
use serde_json::Value;

use super::{key, url};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

const NAME: &str = "Checks";

/// Reports the built-in checks of repositories' branches as commit statuses.
pub struct Checks {
    ports: Ports,
    identity: String,
    /// Commits whose checks were seen reported; they never change.
    reported: Mutex<HashSet<String>>,
}

impl Checks {
    /// Makes the controller; `identity` is as whom it reports.
    pub fn new(ports: Ports, identity: &str) -> Self {
        Self { ports, identity: identity.to_owned(), reported: Mutex::default() }
    }

    /// Returns the key with which a repository is looked at for the first time.
    pub fn key(repository: &str) -> Key {
        key(NAME, repository)
    }

    async fn missing(&self, repository: &str) -> Result<Vec<Action>, LookError> {
        let other = |error: &dyn std::error::Error| LookError::Other(model::chain(error));
        let mut actions = Vec::new();
        for tip in self.ports.git.refs(repository, &["refs/heads/"]).await.map_err(|error| other(&error))?.into_values() {
            let commit = tip.to_string();
            if self.reported.lock().expect("no holder panics").contains(&commit) {
                continue;
            }
            let known = self.ports.forge.statuses(repository, &commit, &self.identity).await.map_err(|error| other(&error))?;
            let tree = self.ports.git.tree(repository, &tip).await.map_err(|error| other(&error))?;
            let malformed: Vec<String> = doctor::malformed(&tree).iter().map(told).collect();
            let lacking: Vec<build::Check> =
                build::checks(&tree, &malformed).into_iter().filter(|check| !known.contains_key(&check.context)).collect();
            if lacking.is_empty() {
                self.reported.lock().expect("no holder panics").insert(commit);
                continue;
            }
            actions.extend(lacking.into_iter().map(|check| Action::SetCheck {
                repository: repository.to_owned(),
                commit: commit.clone(),
                context: check.context,
                state: check.state,
                description: check.description,
                identity: self.identity.clone(),
            }));
        }
        Ok(actions)
    }
}

/// Says where, what and how to mend it in one line.
fn told(finding: &doctor::Finding) -> String {
    let remedy = finding.fix.as_ref().map(|fix| format!("; {}", fix.description)).unwrap_or_default();
    format!("{}:{}:{}: {}{remedy}", finding.path, finding.line, finding.column, finding.message)
}

impl Controller for Checks {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        "checks"
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn watches(&self) -> Vec<Watched> {
        Vec::new()
    }

    fn serves(&self, _cluster: &ClusterName) -> bool {
        true
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        match event {
            Event::Pushed { repository, name } if name.starts_with("refs/heads/") => vec![Wake::One(key(NAME, repository))],
            _ => Vec::new(),
        }
    }

    fn look<'a>(&'a self, key: &'a Key, _seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let actions = self.missing(&url(key)).await?;
            let mut decision = Decision::of(Value::Null);
            let failed = actions
                .iter()
                .filter(|action| matches!(action, Action::SetCheck { state: CheckState::Failure | CheckState::Error, .. }))
                .count();
            if !actions.is_empty() {
                let outcome = if failed == 0 { "all green".to_owned() } else { format!("{failed} failed") };
                decision = decision.note(format!("{} checks of {}: {outcome}", actions.len(), key.name));
            }
            decision.actions = actions;
            Ok(Some(Pass { subject: None, decision }))
        })
    }
}
