//! The hosts as somebody across a network meets them: nobody is let in for being in the same process.
//! Read first: [`Outside`].

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use git::{NewCommit, ObjectId, Objects, Overlay, Person, SigningKey, client, pack};
use http::{Request, Response};
use model::{Caller, Timestamp};
use ports::{Handler, Web, handler_of};
use serde_json::Value;
use supercargo::world::{FORGE, IDENTITY, REGISTRY, World};

/// Where a cluster's API answers here.
const CLUSTER: &str = "cluster.invalid";

/// Clients with credentials, and without.
pub struct Outside {
    web: Web,
    world: Arc<World>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum As<'a> {
    /// Nobody.
    Nobody,
    /// A bearer token.
    Token(&'a str),
    /// User and password.
    User(&'a str, &'a str),
}

/// An entry of a commit besides plain files.
#[derive(Debug, Clone)]
pub enum Entry<'a> {
    /// A file with this content.
    File(&'a str),
    /// A symbolic link.
    Link(&'a str),
    /// A commit of another repository.
    Submodule,
}

/// A commit that somebody pushes.
pub struct Change<'a> {
    /// Path and content; the path is that of a new file in a folder that exists, or of a file to replace.
    pub entries: &'a [(&'a str, Entry<'a>)],
    /// Its parents; the first is what it is made on.
    pub parents: &'a [ObjectId],
    /// The author's name, which is also what the address is made of.
    pub author: &'a str,
    /// Signs it.
    pub key: Option<&'a SigningKey>,
    /// What it says.
    pub message: &'a str,
    /// When.
    pub at: Timestamp,
}

/// Takes away who calls in this process.
fn stranger(handler: Handler) -> Handler {
    Arc::new(move |mut request| {
        request.extensions_mut().remove::<Caller>();
        handler(request)
    })
}

impl Outside {
    /// Stands before a world's doors.
    pub fn of(world: Arc<World>) -> Self {
        let mut web = Web::new(&[])
            .with_handler(FORGE, stranger(handler_of(world.hosts.forge_router())))
            .with_handler(REGISTRY, stranger(handler_of(world.hosts.registry.router())))
            .with_handler(IDENTITY, stranger(handler_of(world.hosts.identity.services_router())));
        for (name, server) in &world.hosts.clusters {
            web = web.with_handler(&format!("{name}.{CLUSTER}"), stranger(handler_of(server.router())));
        }
        Self { web, world }
    }

    /// Returns the web without anybody's name in it.
    pub fn web(&self) -> Web {
        self.web.clone()
    }

    /// Sends a request; the answer's status and body, as JSON where it is some.
    pub async fn ask(&self, who: &As<'_>, method: &str, url: &str, body: Value) -> anyhow::Result<(u16, String)> {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let answer = self.send(who, method, url, "application/json", bytes).await?;
        Ok((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
    }

    /// Sends bytes of some kind.
    pub async fn send(&self, who: &As<'_>, method: &str, url: &str, kind: &str, body: Bytes) -> anyhow::Result<Response<Bytes>> {
        use base64::Engine as _;
        let mut request = Request::builder().method(method).uri(url).header("content-type", kind);
        match who {
            As::Nobody => {}
            As::Token(token) => request = request.header("authorization", format!("Bearer {token}")),
            As::User(user, password) => {
                let basic = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                request = request.header("authorization", format!("Basic {basic}"));
            }
        }
        if kind.starts_with("application/x-git") {
            request = request.header("git-protocol", "version=2");
        }
        Ok(self.web.send(request.body(body)?, None).await?)
    }

    /// Asks a cluster's API.
    pub async fn cluster(&self, who: &As<'_>, cluster: &str, method: &str, path: &str, body: Value) -> anyhow::Result<(u16, String)> {
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let answer = self.send(who, method, &format!("https://{cluster}.{CLUSTER}{path}"), kind, bytes).await?;
        Ok((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
    }

    /// Makes a commit and pushes it to a ref that stands at `old`; an error has the words of the forge.
    pub async fn push(&self, who: &As<'_>, repository: &str, name: &str, old: ObjectId, change: &Change<'_>) -> anyhow::Result<ObjectId> {
        let url = format!("https://{FORGE}/{repository}");
        let (id, packed) = self.world.plain.git.with_objects(&url, change.parents, |objects| commit(objects, change)).await?;
        self.move_ref(who, repository, name, old, id, &packed).await?;
        Ok(id)
    }

    /// Moves a ref to a commit that is there or in the pack.
    pub async fn move_ref(
        &self,
        who: &As<'_>,
        repository: &str,
        name: &str,
        old: ObjectId,
        new: ObjectId,
        packed: &[u8],
    ) -> anyhow::Result<()> {
        let url = format!("https://{FORGE}/{repository}.git/git-receive-pack");
        let body = client::push_request(&old, &new, name, packed);
        let answer = self.send(who, "POST", &url, "application/x-git-receive-pack-request", body.into()).await?;
        if !answer.status().is_success() {
            bail!("HTTP {}: {}", answer.status(), String::from_utf8_lossy(answer.body()));
        }
        match client::parse_report(answer.body()) {
            Ok(()) => Ok(()),
            Err(git::client::PushError::Rejected(rejected)) => bail!("{} ({})", rejected.reason, rejected.remote_lines.join("; ")),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the tip of a branch.
    pub async fn tip(&self, repository: &str, branch: &str) -> anyhow::Result<ObjectId> {
        let tip = self.world.plain.git.tip(&format!("https://{FORGE}/{repository}"), branch).await?;
        tip.with_context(|| format!("{repository} has no {branch}"))
    }
}

fn commit(objects: &dyn Objects, change: &Change<'_>) -> Result<(ObjectId, Vec<u8>), git::GitError> {
    let overlay = Overlay::over(objects);
    let mut tree = match change.parents.first() {
        Some(parent) => Some(overlay.commit(parent)?.tree),
        None => None,
    };
    let mut special = BTreeMap::new();
    for (path, entry) in change.entries {
        match entry {
            Entry::File(content) => {
                tree = Some(git::apply_edits(&overlay, tree.as_ref(), [(*path, Some(content.as_bytes()))])?);
            }
            other => drop(special.insert(*path, other)),
        }
    }
    for (path, entry) in special {
        let (mode, id) = match entry {
            Entry::Link(target) => (git::Mode::Link, overlay.put(git::Kind::Blob, target.as_bytes())?),
            _ => (git::Mode::Submodule, ObjectId::of(git::Kind::Commit, b"somewhere else")),
        };
        tree = Some(with_entry(&overlay, tree.as_ref(), path, mode, id)?);
    }
    let person = Person::new(change.author, &format!("{}@supercargo.internal", change.author.to_lowercase()), change.at.as_second());
    let tree = match tree {
        Some(tree) => tree,
        None => git::write_tree(&overlay, Vec::new())?,
    };
    let new =
        NewCommit { tree, parents: change.parents.to_vec(), author: person.clone(), committer: person, message: change.message.to_owned() };
    let id = overlay.put_commit(&new, change.key)?;
    let all = overlay.in_order()?;
    Ok((id, pack::write(all.iter().map(|(_, object)| object))?))
}

/// Puts an entry of any mode into a tree.
fn with_entry(
    objects: &dyn Objects,
    tree: Option<&ObjectId>,
    path: &str,
    mode: git::Mode,
    id: ObjectId,
) -> Result<ObjectId, git::GitError> {
    let mut entries = match tree {
        Some(tree) => git::parse_tree(&objects.need(tree, git::Kind::Tree)?.data)?,
        None => Vec::new(),
    };
    let (name, entry) = match path.split_once('/') {
        Some((folder, rest)) => {
            let inner = entries.iter().find(|entry| entry.name == folder).map(|entry| entry.id);
            (folder, (git::Mode::Folder, with_entry(objects, inner.as_ref(), rest, mode, id)?))
        }
        None => (path, (mode, id)),
    };
    entries.retain(|entry| entry.name != name);
    entries.push(git::TreeEntry { mode: entry.0, name: name.into(), id: entry.1 });
    git::write_tree(objects, entries)
}
