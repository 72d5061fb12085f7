//! Git repositories over smart HTTP, without a checkout: objects are fetched once and kept in memory, commits are made as
//! values and pushed. Read first: [`Git`].

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use git::client::{self, PushError};
use git::{GitError, MemoryObjects, NewCommit, ObjectId, Objects, Overlay, Person, SigningKey, pack};
use http::{Method, Request, header};
use model::{Caller, FileEdit, Timestamp, Tree};
use tokio::sync::Mutex as AsyncMutex;

use crate::{Web, WebError};

/// How many commits are looked through for one that may have landed.
const LOOK_BACK: usize = 500;

/// Why a repository did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitPortError {
    /// It cannot be reached.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The exchange failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The push was refused.
    #[error("the push of {name} was rejected: {reason}")]
    Rejected {
        /// Which ref.
        name: String,
        /// The server's reason and remarks.
        reason: String,
        /// Whether somebody else was faster.
        race: bool,
    },
    /// The server answered with an error status.
    #[error("{url} answered HTTP {status}: {text}")]
    Status {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// What it says.
        text: String,
    },
    /// No such identity.
    #[error("there is no identity {0}")]
    NoIdentity(String),
}

impl GitPortError {
    /// Tells whether asking again later may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Web(_) => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::Git(_) | Self::Rejected { .. } | Self::NoIdentity(_) => false,
        }
    }
}

/// As whom commits are made and pushed.
#[derive(Clone)]
pub struct Identity {
    /// Who calls, where the forge is in this process.
    pub caller: Caller,
    /// User and token, where it is not.
    pub basic: Option<(String, String)>,
    /// Name in commits.
    pub name: String,
    /// Address in commits.
    pub email: String,
    /// Signs the commits.
    pub key: Option<Arc<SigningKey>>,
}

/// Git repositories, by clone URL without `.git`. Cloning shares what was fetched.
#[derive(Clone)]
pub struct Git {
    web: Web,
    identities: Arc<BTreeMap<String, Identity>>,
    reader: Identity,
    repositories: Arc<Mutex<HashMap<String, Arc<Repository>>>>,
}

#[derive(Default)]
struct Repository {
    objects: MemoryObjects,
    /// One fetch at a time; holds the tips that were fetched.
    tips: AsyncMutex<Vec<ObjectId>>,
}

/// A new commit on a branch.
pub struct Push<'a> {
    /// Clone URL.
    pub repository: &'a str,
    /// Which branch.
    pub branch: &'a str,
    /// The commit it is made on; `None` for the first of a repository.
    pub base: Option<&'a str>,
    /// The branch's expected tip.
    pub expected: Option<&'a str>,
    /// The edits.
    pub edits: &'a [FileEdit],
    /// The message.
    pub message: &'a str,
    /// As whom.
    pub identity: &'a str,
    /// Author and committer time.
    pub at: Timestamp,
}

impl Git {
    /// Speaks to repositories; `reader` is who reads them.
    pub fn new(web: Web, identities: BTreeMap<String, Identity>, reader: Identity) -> Self {
        Self { web, identities: Arc::new(identities), reader, repositories: Arc::default() }
    }

    fn identity(&self, name: &str) -> Result<&Identity, GitPortError> {
        self.identities.get(name).ok_or_else(|| GitPortError::NoIdentity(name.to_owned()))
    }

    /// Returns the address that stands in an identity's commits.
    pub fn email(&self, identity: &str) -> Option<&str> {
        self.identities.get(identity).map(|identity| identity.email.as_str())
    }

    fn repository(&self, url: &str) -> Arc<Repository> {
        self.repositories.lock().expect("no holder panics").entry(plain(url).to_owned()).or_default().clone()
    }

    /// Returns refs whose full names start with one of the prefixes.
    pub async fn refs(&self, url: &str, prefixes: &[&str]) -> Result<BTreeMap<String, ObjectId>, GitPortError> {
        let answer = self.exchange(url, "git-upload-pack", client::ls_refs_request(prefixes), &self.reader).await?;
        Ok(client::parse_ls_refs(&answer)?.into_iter().map(|found| (found.name, found.peeled.unwrap_or(found.id))).collect())
    }

    /// Returns the tip of a branch.
    pub async fn tip(&self, url: &str, branch: &str) -> Result<Option<ObjectId>, GitPortError> {
        let name = format!("refs/heads/{branch}");
        Ok(self.refs(url, &[&name]).await?.remove(&name))
    }

    /// Fetches what is missing below these commits and lets `look` read the objects.
    pub async fn with_objects<T>(
        &self,
        url: &str,
        wants: &[ObjectId],
        look: impl FnOnce(&dyn Objects) -> Result<T, GitError>,
    ) -> Result<T, GitPortError> {
        let repository = self.repository(url);
        {
            let mut tips = repository.tips.lock().await;
            let mut missing = Vec::new();
            for want in wants {
                if !repository.objects.has(want)? {
                    missing.push(*want);
                }
            }
            if !missing.is_empty() {
                let answer = self.exchange(url, "git-upload-pack", client::fetch_request(&missing, &tips), &self.reader).await?;
                for (id, object) in pack::read(&client::parse_fetch(&answer)?.0, &repository.objects, pack::Limits::default())? {
                    repository.objects.keep(id, object);
                }
                tips.extend(missing);
                // The newest tips say enough about what is here.
                let surplus = tips.len().saturating_sub(64);
                tips.drain(..surplus);
            }
        }
        Ok(look(&repository.objects)?)
    }

    /// Fetches these commits with everything in them, without their history; nothing of it is kept here.
    pub async fn shallow(&self, url: &str, wants: &[ObjectId]) -> Result<MemoryObjects, GitPortError> {
        let answer = self.exchange(url, "git-upload-pack", client::shallow_request(wants), &self.reader).await?;
        let objects = MemoryObjects::default();
        for (id, object) in pack::read(&client::parse_fetch(&answer)?.0, &objects, pack::Limits::default())? {
            objects.keep(id, object);
        }
        Ok(objects)
    }

    /// Returns the content of a commit.
    pub async fn tree(&self, url: &str, commit: &ObjectId) -> Result<Tree, GitPortError> {
        self.with_objects(url, &[*commit], |objects| git::flatten(objects, commit)).await
    }

    /// Returns tip and content of a branch.
    pub async fn checkout(&self, url: &str, branch: &str) -> Result<Option<(String, Tree)>, GitPortError> {
        let Some(tip) = self.tip(url, branch).await? else { return Ok(None) };
        Ok(Some((tip.to_string(), self.tree(url, &tip).await?)))
    }

    /// Returns the newest commit on a branch with exactly this message and author time.
    pub async fn landed(&self, url: &str, branch: &str, message: &str, second: i64) -> Result<Option<String>, GitPortError> {
        let Some(tip) = self.tip(url, branch).await? else { return Ok(None) };
        let wanted = message.trim_end();
        self.with_objects(url, &[tip], |objects| {
            let mut at = Some(tip);
            for _ in 0..LOOK_BACK {
                let Some(id) = at else { return Ok(None) };
                let commit = objects.commit(&id)?;
                let is_it = |commit: &git::Commit| commit.author.seconds == second && commit.message.trim_end() == wanted;
                if is_it(&commit) {
                    return Ok(Some(id.to_string()));
                }
                // A merge commit brought what is behind its second parent.
                if let Some(merged) = commit.parents.get(1)
                    && is_it(&objects.commit(merged)?)
                {
                    return Ok(Some(merged.to_string()));
                }
                // Nobody commits what was not wanted yet; clocks may differ by an hour.
                if commit.committer.seconds + 3_600 < second {
                    return Ok(None);
                }
                at = commit.parents.first().copied();
            }
            Ok(None)
        })
        .await
    }

    /// Makes a commit and moves the branch to it, if its tip is still the expected one. Returns the commit.
    pub async fn push(&self, push: &Push<'_>) -> Result<ObjectId, GitPortError> {
        let identity = self.identity(push.identity)?.clone();
        let base: Option<ObjectId> = push.base.map(parse).transpose()?;
        let expected = push.expected.map(parse).transpose()?.unwrap_or(ObjectId::ZERO);
        let person = Person::new(&identity.name, &identity.email, push.at.as_second());
        let (id, packed) = self
            .with_objects(push.repository, base.as_slice(), |objects| {
                let overlay = Overlay::over(objects);
                let tree = base.map(|base| objects.commit(&base)).transpose()?.map(|commit| commit.tree);
                let edits = push.edits.iter().map(|edit| (edit.path.as_str(), edit.content.as_deref()));
                let tree = git::apply_edits(&overlay, tree.as_ref(), edits)?;
                let commit = NewCommit {
                    tree,
                    parents: base.into_iter().collect(),
                    author: person.clone(),
                    committer: person,
                    message: push.message.to_owned(),
                };
                let id = overlay.put_commit(&commit, identity.key.as_deref())?;
                let new = overlay.in_order()?;
                Ok((id, pack::write(new.iter().map(|(_, object)| object))?))
            })
            .await?;
        self.send_push(push.repository, &identity, &expected, &id, &format!("refs/heads/{}", push.branch), &packed).await?;
        Ok(id)
    }

    /// Moves a branch to a commit that the server has; `None` deletes it.
    pub async fn move_branch(
        &self,
        url: &str,
        branch: &str,
        expected: Option<&str>,
        target: Option<&str>,
        identity: &str,
    ) -> Result<(), GitPortError> {
        let identity = self.identity(identity)?.clone();
        let expected = expected.map(parse).transpose()?.unwrap_or(ObjectId::ZERO);
        let target = target.map(parse).transpose()?.unwrap_or(ObjectId::ZERO);
        let empty = pack::write(std::iter::empty())?;
        self.send_push(url, &identity, &expected, &target, &format!("refs/heads/{branch}"), &empty).await
    }

    /// Makes a tag of a commit that the server has, if there is none of this name.
    pub async fn push_tag(&self, url: &str, tag: &str, commit: &ObjectId, identity: &str) -> Result<(), GitPortError> {
        let identity = self.identity(identity)?.clone();
        let empty = pack::write(std::iter::empty())?;
        self.send_push(url, &identity, &ObjectId::ZERO, commit, &format!("refs/tags/{tag}"), &empty).await
    }

    async fn send_push(
        &self,
        url: &str,
        identity: &Identity,
        old: &ObjectId,
        new: &ObjectId,
        name: &str,
        packed: &[u8],
    ) -> Result<(), GitPortError> {
        let answer = self.exchange(url, "git-receive-pack", client::push_request(old, new, name, packed), identity).await?;
        client::parse_report(&answer).map_err(|error| match error {
            PushError::Rejected(rejected) => {
                let remarks =
                    if rejected.remote_lines.is_empty() { String::new() } else { format!(" ({})", rejected.remote_lines.join("; ")) };
                GitPortError::Rejected { race: rejected.lost_race(), name: rejected.name, reason: format!("{}{remarks}", rejected.reason) }
            }
            PushError::Git(error) => GitPortError::Git(error),
        })
    }

    async fn exchange(&self, url: &str, service: &str, body: Vec<u8>, identity: &Identity) -> Result<Bytes, GitPortError> {
        let url = format!("{}.git/{service}", plain(url));
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&url)
            .header(header::CONTENT_TYPE, format!("application/x-{service}-request"))
            .header(header::ACCEPT, format!("application/x-{service}-result"));
        if service == "git-upload-pack" {
            request = request.header("git-protocol", "version=2");
        }
        if let Some((user, token)) = &identity.basic {
            request = request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{user}:{token}"))));
        }
        let request = request.body(Bytes::from(body)).map_err(|_| WebError::BadUrl(url.clone()))?;
        let answer = self.web.send(request, Some(&identity.caller)).await?;
        if !answer.status().is_success() {
            let text = String::from_utf8_lossy(answer.body()).chars().take(300).collect();
            return Err(GitPortError::Status { url, status: answer.status().as_u16(), text });
        }
        Ok(answer.into_body())
    }
}

fn plain(url: &str) -> &str {
    url.trim_end_matches('/').trim_end_matches(".git")
}

fn parse(text: &str) -> Result<ObjectId, GitError> {
    text.parse().map_err(|_| GitError::Malformed { what: "commit id", text: text.chars().take(60).collect() })
}
