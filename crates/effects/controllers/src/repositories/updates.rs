//! The updates of a repository: answer what Renovate's role asks, let [`update::decide`] decide.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use git::ObjectId;
use model::{Action, ClusterName, Timestamp};
use oci::Reference;
use ports::Ports;
use serde_json::Value;
use update::{Answer, Branch, Combined, Observed, Outcome, Pull, Question, Statuses, decide};

use super::{key, url};
use crate::controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};

const NAME: &str = "Update";
/// Branches of this role.
const PREFIX: &str = "refs/heads/renovate/";
/// More questions than any repository has dependencies.
const QUESTIONS: usize = 10_000;
/// Where a manifest says when it was made.
const CREATED: &str = "org.opencontainers.image.created";

/// Keeps repositories up to date.
pub struct Updates {
    ports: Ports,
    identity: String,
    /// The default branch of the repositories.
    base: String,
}

impl Updates {
    /// Makes the controller; `identity` is as whom it acts.
    pub fn new(ports: Ports, identity: &str) -> Self {
        Self { ports, identity: identity.to_owned(), base: "main".to_owned() }
    }

    /// Returns the key with which a repository is looked at for the first time.
    pub fn key(repository: &str) -> Key {
        key(NAME, repository)
    }

    async fn observe(&self, repository: &str, seen: &Seen) -> Result<Observed, LookError> {
        let mut refs = self.ports.git.refs(repository, &["refs/heads/"]).await.map_err(|error| other(&error))?;
        let base = match refs.remove(&format!("refs/heads/{}", self.base)) {
            Some(tip) => {
                Some((self.base.clone(), tip.to_string(), self.ports.git.tree(repository, &tip).await.map_err(|error| other(&error))?))
            }
            None => None,
        };
        let branches = refs
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX))
            .map(|(name, tip)| (name["refs/heads/".len()..].to_owned(), tip.to_string()));
        Ok(Observed {
            repository: repository.to_owned(),
            name: repository.splitn(4, '/').nth(3).unwrap_or(repository).to_owned(),
            now: seen.now,
            failure: seen.failure.clone(),
            identity: self.identity.clone(),
            author: self.identity.clone(),
            base,
            branches: branches.collect(),
            answers: BTreeMap::new(),
        })
    }

    async fn answer(&self, repository: &str, question: &Question) -> Result<Answer, LookError> {
        Ok(match question {
            Question::Tags { repository } => Answer::Tags(self.tags(repository).await),
            Question::Digest { image } => Answer::Digest(self.digest(image).await),
            Question::Created { image } => Answer::Created(self.created(image).await),
            Question::Branch { name } => Answer::Branch(self.branch(repository, name).await?),
            Question::Pull { branch } => {
                let found =
                    self.ports.forge.find_pull(repository, branch, &self.base, &self.identity).await.map_err(|error| other(&error))?;
                Answer::Pull(found.map(pull))
            }
            Question::Statuses { commit } => {
                let all = self.ports.forge.statuses(repository, commit, &self.identity).await.map_err(|error| other(&error))?;
                Answer::Statuses(combined(&all))
            }
            Question::History { branch } => Answer::History(self.history(repository, branch).await?),
        })
    }

    async fn tags(&self, repository: &str) -> Result<Vec<String>, String> {
        let place: Reference = repository.parse().map_err(|error: oci::ReferenceError| error.to_string())?;
        self.ports.registry.tags(&place).await.map_err(|error| model::chain(&error))
    }

    async fn digest(&self, image: &str) -> Result<String, String> {
        let place: Reference = image.parse().map_err(|error: oci::ReferenceError| error.to_string())?;
        let digest = self.ports.registry.resolve(&place).await.map_err(|error| model::chain(&error))?;
        digest.map(|digest| digest.to_string()).ok_or_else(|| format!("{image} is not there"))
    }

    /// The manifest's annotation, else the image config.
    async fn created(&self, image: &str) -> Result<Option<Timestamp>, String> {
        let place: Reference = image.parse().map_err(|error: oci::ReferenceError| error.to_string())?;
        let fetched = self.ports.registry.manifest(&place).await.map_err(|error| model::chain(&error))?;
        let manifest: Value = serde_json::from_slice(&fetched.bytes).map_err(|error| error.to_string())?;
        if let Some(at) = manifest["annotations"][CREATED].as_str().and_then(|text| text.parse().ok()) {
            return Ok(Some(at));
        }
        let Some(digest) = manifest["config"]["digest"].as_str().and_then(|digest| digest.parse().ok()) else { return Ok(None) };
        let config = self.ports.registry.blob(&place, &digest).await.map_err(|error| model::chain(&error))?;
        Ok(oci::read_image(&config).ok().and_then(|image| image.config.created))
    }

    async fn branch(&self, repository: &str, name: &str) -> Result<Option<Branch>, LookError> {
        let Some(tip) = self.ports.git.tip(repository, name).await.map_err(|error| other(&error))? else { return Ok(None) };
        let own = self.ports.git.email(&self.identity).unwrap_or_default();
        let tips = [tip];
        let found = self.ports.git.with_objects(repository, &tips, |objects| {
            let commit = objects.commit(&tip)?;
            let author = if commit.author.email == own { self.identity.clone() } else { commit.author.email.clone() };
            Ok(Branch {
                tip: tip.to_string(),
                parent: commit.parents.first().map(ObjectId::to_string),
                message: commit.message,
                author,
                tree: git::flatten(objects, &tip)?,
            })
        });
        found.await.map(Some).map_err(|error| other(&error))
    }

    async fn history(&self, repository: &str, branch: &str) -> Result<Vec<String>, LookError> {
        let Some(tip) = self.ports.git.tip(repository, branch).await.map_err(|error| other(&error))? else { return Ok(Vec::new()) };
        let tips = [tip];
        let found = self.ports.git.with_objects(repository, &tips, |objects| {
            let mut messages = Vec::new();
            let mut at = Some(tip);
            while let Some(id) = at {
                let commit = objects.commit(&id)?;
                at = commit.parents.first().copied();
                if commit.parents.len() < 2 {
                    messages.push(commit.message);
                }
                if messages.len() == 20 {
                    break;
                }
            }
            Ok(messages)
        });
        found.await.map_err(|error| other(&error))
    }
}

fn other(error: &dyn std::error::Error) -> LookError {
    LookError::Other(model::chain(error))
}

fn pull(found: ports::forge::Pull) -> Pull {
    let ports::forge::Pull { number, url, open, merged, title, author, head, branch, merge_commit, behind, auto_merge, waits_for, .. } =
        found;
    Pull { number, url, open, merged, title, author, head, branch, merge_commit, behind, auto_merge, waits_for }
}

fn combined(all: &BTreeMap<String, (String, String)>) -> Statuses {
    let names = |wanted: &[&str]| {
        all.iter().filter(|(_, (state, _))| wanted.contains(&state.as_str())).map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let (bad, open) = (names(&["failure", "error", "warning"]), names(&["pending"]));
    match (all.is_empty(), bad.is_empty(), open.is_empty()) {
        (true, ..) => Statuses { combined: Combined::None, names: Vec::new() },
        (_, false, _) => Statuses { combined: Combined::Failed, names: bad },
        (_, _, false) => Statuses { combined: Combined::Pending, names: open },
        _ => Statuses { combined: Combined::Green, names: Vec::new() },
    }
}

impl Controller for Updates {
    fn name(&self) -> &'static str {
        NAME
    }

    fn manager(&self) -> &'static str {
        "renovate"
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
            Event::Forge { repository, event } if event == "status" || event == "pull_request" => vec![Wake::One(key(NAME, repository))],
            Event::Tagged { tag, .. } if !tag.is_empty() => vec![Wake::All(None)],
            _ => Vec::new(),
        }
    }

    fn look<'a>(&'a self, key: &'a Key, seen: &'a Seen) -> BoxFuture<'a, Result<Option<Pass>, LookError>> {
        Box::pin(async move {
            let repository = url(key);
            let mut observed = self.observe(&repository, seen).await?;
            for _ in 0..QUESTIONS {
                match decide(&observed) {
                    Outcome::Decided(mut decision) => {
                        // The invariant of the lanes, held here as well: updates never touch the pointers.
                        decision.actions.retain(|action| !matches!(action, Action::PushCommit { edits, .. } if edits.iter().any(|edit| edit.path.starts_with("clusters/"))));
                        return Ok(Some(Pass { subject: None, decision: *decision }));
                    }
                    Outcome::Ask(question) => {
                        let answer = self.answer(&repository, &question).await?;
                        observed.answers.insert(question, answer);
                    }
                }
            }
            Err(LookError::Other(format!("the updates of {repository} ask too much")))
        })
    }
}
