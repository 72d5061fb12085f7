//! Forges: pull requests, statuses and files by REST, in Gitea's dialect. Read first: [`Forge`].

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use model::CheckState;
use serde_json::{Value, json};

use crate::cluster::encode;
use crate::git::Identity;
use crate::{Web, WebError};

/// Most pages of a list that are read.
const PAGES: usize = 100;

/// Why a forge did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ForgeError {
    /// It cannot be reached.
    #[error(transparent)]
    Web(#[from] WebError),
    /// It refused.
    #[error("the forge refused {what}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What was asked.
        what: String,
        /// Its words.
        message: String,
    },
    /// The URL names no repository.
    #[error("{0} is no repository's URL: expected https://HOST/OWNER/NAME")]
    NoRepository(String),
    /// No such identity.
    #[error("there is no identity {0}")]
    NoIdentity(String),
}

impl ForgeError {
    /// Returns the HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Web(_) | Self::NoRepository(_) | Self::NoIdentity(_) => None,
        }
    }
}

/// A pull request as the forge tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// Whether it is open.
    pub open: bool,
    /// Whether it was merged.
    pub merged: bool,
    /// Its title.
    pub title: String,
    /// Its body.
    pub body: String,
    /// Who opened it.
    pub author: String,
    /// Its head commit.
    pub head: String,
    /// Its source branch.
    pub branch: String,
    /// Its target branch.
    pub base: String,
    /// The commit that merged it.
    pub merge_commit: Option<String>,
    /// Whether its target has moved on since it was made.
    pub behind: bool,
    /// Whether it will be merged as soon as it may be.
    pub auto_merge: bool,
    /// What holds it.
    pub waits_for: String,
    /// Names of its labels.
    pub labels: Vec<String>,
}

/// Forges, by repository URL.
#[derive(Clone)]
pub struct Forge {
    web: Web,
    identities: Arc<BTreeMap<String, Identity>>,
}

impl Forge {
    /// Speaks to forges as these identities.
    pub fn new(web: Web, identities: BTreeMap<String, Identity>) -> Self {
        Self { web, identities: Arc::new(identities) }
    }

    /// Returns a pull request by number.
    pub async fn pull(&self, repository: &str, number: u64, identity: &str) -> Result<Option<Pull>, ForgeError> {
        absent(self.call(repository, Method::GET, &format!("/pulls/{number}"), None, identity).await)
            .map(|found| found.as_ref().map(read_pull))
    }

    /// Returns the newest pull request of a source branch into a target branch, in any state; an open one first.
    pub async fn find_pull(&self, repository: &str, head: &str, base: &str, identity: &str) -> Result<Option<Pull>, ForgeError> {
        let mut best: Option<Pull> = None;
        for page in 1..=PAGES {
            let list = self
                .call(repository, Method::GET, &format!("/pulls?state=all&sort=recentupdate&limit=50&page={page}"), None, identity)
                .await?;
            let Some(items) = list.as_array().filter(|items| !items.is_empty()) else { break };
            for found in items.iter().map(read_pull).filter(|pull| pull.branch == head && pull.base == base) {
                if found.open {
                    return Ok(Some(found));
                }
                if best.as_ref().is_none_or(|best| best.number < found.number) {
                    best = Some(found);
                }
            }
        }
        Ok(best)
    }

    /// Opens a pull request; one that is open already counts as done.
    pub async fn open_pull(
        &self,
        repository: &str,
        head: &str,
        base: &str,
        title: &str,
        body: &str,
        identity: &str,
    ) -> Result<(), ForgeError> {
        let asked = json!({"head": head, "base": base, "title": title, "body": body});
        match self.call(repository, Method::POST, "/pulls", Some(asked), identity).await {
            Err(ForgeError::Refused { status: 409, .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Merges a pull request, now or as soon as its checks are green.
    pub async fn merge_pull(
        &self,
        repository: &str,
        number: u64,
        head: &str,
        method: &str,
        when_green: bool,
        identity: &str,
    ) -> Result<(), ForgeError> {
        let asked =
            json!({"Do": method, "head_commit_id": head, "merge_when_checks_succeed": when_green, "delete_branch_after_merge": true});
        self.call(repository, Method::POST, &format!("/pulls/{number}/merge"), Some(asked), identity).await.map(drop)
    }

    /// Takes back that a pull request merges by itself; that it does not is as good.
    pub async fn cancel_merge(&self, repository: &str, number: u64, identity: &str) -> Result<(), ForgeError> {
        match self.call(repository, Method::DELETE, &format!("/pulls/{number}/merge"), None, identity).await {
            Err(error) if error.status() == Some(404) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Changes title, body or state of a pull request.
    pub async fn edit_pull(&self, repository: &str, number: u64, change: Value, identity: &str) -> Result<(), ForgeError> {
        self.call(repository, Method::PATCH, &format!("/pulls/{number}"), Some(change), identity).await.map(drop)
    }

    /// Asks people and teams for reviews.
    pub async fn request_reviews(&self, repository: &str, number: u64, reviewers: &[String], identity: &str) -> Result<(), ForgeError> {
        self.call(
            repository,
            Method::POST,
            &format!("/pulls/{number}/requested_reviewers"),
            Some(json!({"reviewers": reviewers})),
            identity,
        )
        .await
        .map(drop)
    }

    /// Reports a commit status.
    pub async fn set_status(
        &self,
        repository: &str,
        commit: &str,
        context: &str,
        state: CheckState,
        description: &str,
        identity: &str,
    ) -> Result<(), ForgeError> {
        let asked = json!({"context": context, "state": state, "description": description});
        self.call(repository, Method::POST, &format!("/statuses/{commit}"), Some(asked), identity).await.map(drop)
    }

    /// Returns the newest status of each context of a commit.
    pub async fn statuses(&self, repository: &str, commit: &str, identity: &str) -> Result<BTreeMap<String, (String, String)>, ForgeError> {
        let mut newest: BTreeMap<String, (u64, String, String)> = BTreeMap::new();
        for page in 1..=PAGES {
            let list =
                self.call(repository, Method::GET, &format!("/commits/{commit}/statuses?limit=50&page={page}"), None, identity).await?;
            let Some(items) = list.as_array().filter(|items| !items.is_empty()) else { break };
            for item in items {
                let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
                let id = item["id"].as_u64().unwrap_or_default();
                let entry = newest.entry(text("context")).or_default();
                if id >= entry.0 {
                    *entry = (id, text("status"), text("description"));
                }
            }
            if items.len() < 50 {
                break;
            }
        }
        Ok(newest.into_iter().map(|(context, (_, state, description))| (context, (state, description))).collect())
    }

    /// Sends any request below a repository's API and returns its JSON.
    pub async fn call(
        &self,
        repository: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
        identity: &str,
    ) -> Result<Value, ForgeError> {
        let (root, owner, name) = split(repository)?;
        self.raw(&root, method, &format!("/api/v1/repos/{}/{}{path}", encode(&owner), encode(&name)), body, identity).await
    }

    /// Sends any request to a forge's API and returns its JSON; `root` is such as `https://gitea.internal`.
    pub async fn raw(&self, root: &str, method: Method, path: &str, body: Option<Value>, identity: &str) -> Result<Value, ForgeError> {
        let who = self.identities.get(identity).ok_or_else(|| ForgeError::NoIdentity(identity.to_owned()))?;
        let url = format!("{root}{path}");
        let what = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(&url).header(header::ACCEPT, "application/json");
        if let Some((_, token)) = &who.basic {
            request = request.header(header::AUTHORIZATION, format!("token {token}"));
        }
        let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = request.header(header::CONTENT_TYPE, "application/json").body(bytes).map_err(|_| WebError::BadUrl(url.clone()))?;
        let answer = self.web.send(request, Some(&who.caller)).await?;
        let value: Value = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        if !answer.status().is_success() {
            let message = value["message"].as_str().map_or_else(|| format!("HTTP {}", answer.status()), str::to_owned);
            return Err(ForgeError::Refused { status: answer.status().as_u16(), what, message });
        }
        Ok(value)
    }
}

fn absent(result: Result<Value, ForgeError>) -> Result<Option<Value>, ForgeError> {
    match result {
        Err(ForgeError::Refused { status: 404, .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// Splits `https://host/owner/name[.git]` into `https://host`, owner and name.
pub fn split(repository: &str) -> Result<(String, String, String), ForgeError> {
    let wrong = || ForgeError::NoRepository(repository.chars().take(200).collect());
    let plain = repository.trim_end_matches('/').trim_end_matches(".git");
    let (scheme, rest) = plain.split_once("://").ok_or_else(wrong)?;
    let (place, name) = rest.rsplit_once('/').ok_or_else(wrong)?;
    let (host, owner) = place.rsplit_once('/').ok_or_else(wrong)?;
    if host.is_empty() || owner.is_empty() || name.is_empty() {
        return Err(wrong());
    }
    Ok((format!("{scheme}://{host}"), owner.to_owned(), name.to_owned()))
}

fn read_pull(value: &Value) -> Pull {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Pull {
        number: value["number"].as_u64().unwrap_or_default(),
        url: text(&value["html_url"]),
        open: value["state"] == "open",
        merged: value["merged"] == true,
        title: text(&value["title"]),
        body: text(&value["body"]),
        author: text(&value["user"]["login"]),
        head: text(&value["head"]["sha"]),
        branch: text(&value["head"]["ref"]),
        base: text(&value["base"]["ref"]),
        merge_commit: value["merge_commit_sha"].as_str().filter(|sha| !sha.is_empty()).map(str::to_owned),
        behind: value["merge_base"] != value["base"]["sha"],
        auto_merge: value["auto_merge"].is_object(),
        waits_for: text(&value["auto_merge"]["waits_for"]),
        labels: value["labels"].as_array().into_iter().flatten().map(|label| text(&label["name"])).collect(),
    }
}
