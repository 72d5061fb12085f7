//! Promotion: answer what its steps ask, let [`promote::promotion`] decide.

use std::collections::BTreeMap;

use api::text;
use futures::future::BoxFuture;
use model::ClusterName;
use ports::Ports;
use promote::KARGO;
use promote::promotion::{Observed, Outcome, decide};
use promote::steps::{Answer, Pull, Question};
use serde_json::Value;

use super::{Home, named};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

const NAME: &str = "Promotion";
/// More questions than any list of steps has.
const QUESTIONS: usize = 200;

/// Looks after Promotions.
pub struct Promotion {
    ports: Ports,
    home: Home,
    identity: String,
}

impl Promotion {
    /// Makes the controller; `identity` is as whom it commits.
    pub fn new(ports: Ports, home: Home, identity: &str) -> Self {
        Self { ports, home, identity: identity.to_owned() }
    }

    async fn answer(&self, question: &Question) -> Result<Answer, LookError> {
        let other = |error: &dyn std::error::Error| LookError::Other(model::chain(error));
        Ok(match question {
            Question::Checkout { repository, branch } => {
                Answer::Checkout(self.ports.git.checkout(repository, branch).await.map_err(|error| other(&error))?)
            }
            Question::Landed { repository, branch, message, second } => {
                Answer::Landed(self.ports.git.landed(repository, branch, message, *second).await.map_err(|error| other(&error))?)
            }
            Question::Pull { repository, head, base } => {
                let found = self.ports.forge.find_pull(repository, head, base, &self.identity).await.map_err(|error| other(&error))?;
                Answer::Pull(found.map(pull))
            }
            Question::PullNumber { repository, number } => {
                let found = self.ports.forge.pull(repository, *number, &self.identity).await.map_err(|error| other(&error))?;
                Answer::Pull(found.map(pull))
            }
        })
    }
}

fn pull(found: ports::forge::Pull) -> Pull {
    let ports::forge::Pull { number, url, open, merged, head, branch, merge_commit, behind, auto_merge, waits_for, .. } = found;
    Pull { number, url, open, merged, head, branch, merge_commit, behind, auto_merge, waits_for }
}

impl Controller for Promotion {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        promote::MANAGER
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn watches(&self) -> Vec<Watched> {
        let mut watched = [NAME, "Stage"].map(|kind| Watched { api_version: KARGO, kind }).to_vec();
        watched.push(Watched { api_version: "v1", kind: "Namespace" });
        watched
    }

    fn serves(&self, cluster: &ClusterName) -> bool {
        *cluster == self.home.0
    }

    fn wakes(&self, event: &Event) -> Vec<Wake> {
        match event {
            Event::Object { cluster, object, .. } if object["kind"] == NAME => vec![Wake::One(Key::of(NAME, cluster, object))],
            // A Stage says whose turn it is.
            Event::Object { cluster, object, deleted: false } if object["kind"] == "Stage" => {
                let current = text(object, &["status", "currentPromotion", "name"]);
                if current.is_empty() { Vec::new() } else { vec![Wake::One(Key::named(NAME, cluster, api::namespace(object), current))] }
            }
            // A project's pause began or ended.
            Event::Object { cluster, object, .. } if object["kind"] == "Namespace" => vec![Wake::All(Some(cluster.clone()))],
            Event::Forge { event, .. } if event == "pull_request" || event == "status" => vec![Wake::All(None)],
            _ => Vec::new(),
        }
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let cluster = self.ports.clusters.get(&key.cluster)?;
            let Some(object) = cluster.get(&named(KARGO, NAME, &key.namespace, &key.name)).await? else { return Ok(None) };
            let there = |kind: &str, name: &Value| named(KARGO, kind, &key.namespace, name.as_str().unwrap_or_default());
            if matches!(text(&object, &["status", "phase"]), "Succeeded" | "Failed" | "Errored" | "Aborted") {
                // Nothing happens to one that is over: it is not looked at again with every event of the forge.
                return Ok(None);
            }
            let stage = cluster.get(&there("Stage", &object["spec"]["stage"])).await?;
            let freight = cluster.get(&there("Freight", &object["spec"]["freight"])).await?;
            let mut observed = Observed {
                cluster: key.cluster.clone(),
                object: object.clone(),
                now: seen.now,
                failure: seen.failure.clone(),
                stage,
                project: cluster.get(&named("v1", "Namespace", "", &key.namespace)).await?,
                freight,
                identity: self.identity.clone(),
                answers: BTreeMap::new(),
            };
            for _ in 0..QUESTIONS {
                match decide(&observed) {
                    Outcome::Decided(decision) => return Ok(Some(Pass { subject: Some(object), decision: *decision })),
                    Outcome::Ask(question) => {
                        let answer = self.answer(&question).await?;
                        observed.answers.insert(question, answer);
                    }
                }
            }
            Err(LookError::Other(format!("the steps of {} ask too much", key.name)))
        })
    }
}
