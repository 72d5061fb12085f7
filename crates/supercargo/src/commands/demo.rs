//! `supercargo demo release VERSION`: what a person does, against a running `up`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use http::Method;
use jiff::Timestamp;
use model::{Caller, Clock, FileEdit};
use ports::git::Push;
use ports::{Clusters, Forge, Git, Identity, Login, Ports, Registry, Trees, Web};
use serde_json::{Value, json};

use super::Folder;
use crate::credentials::Credentials;
use crate::world::{DEPLOYMENT, forge_url, release};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Commits and tags a version of the application; the rest happens by itself.
    Release {
        /// Such as 1.4.3.
        version: String,
        #[command(flatten)]
        folder: Folder,
    },
    /// Changes files of the deployment repository as people do: one opens a pull request, the maintainer approves it, and it
    /// merges when its checks are green.
    Change {
        /// `PATH=FILE`: the path in the repository and a local file with its new content.
        #[arg(required = true)]
        files: Vec<String>,
        /// The commit's message.
        #[arg(short, long)]
        message: String,
        /// Who opens it: the developer owns applications, the operator the pointers.
        #[arg(long = "as", value_enum, default_value = "developer")]
        author: Author,
        #[command(flatten)]
        folder: Folder,
    },
}

/// Who opens a pull request.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Author {
    /// Of the application's team.
    Developer,
    /// Of the platform's team.
    Operator,
}

impl Author {
    fn login(self) -> &'static str {
        match self {
            Self::Developer => "developer",
            Self::Operator => "operator",
        }
    }
}

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<i32> {
    match arguments.command {
        Command::Release { version, folder } => {
            release::release(&ports_of(&folder)?.0, &version, Timestamp::now()).await?;
            println!("pushed {version} to the application repository");
        }
        Command::Change { files, message, author, folder } => change(&ports_of(&folder)?.0, &files, &message, author.login()).await?,
    }
    Ok(0)
}

async fn change(ports: &Ports, files: &[String], message: &str, author: &str) -> anyhow::Result<()> {
    let url = forge_url(DEPLOYMENT);
    let base = ports.git.tip(&url, "main").await?.context("the deployment repository has no branch main")?.to_string();
    let mut edits = Vec::new();
    for pair in files {
        let (path, file) = pair.split_once('=').with_context(|| format!("{pair:?}: expected PATH=FILE"))?;
        edits.push(FileEdit { path: path.to_owned(), content: Some(std::fs::read(file).with_context(|| file.to_owned())?) });
    }
    let branch = format!("people/{}", &base[..12]);
    let push = Push {
        repository: &url,
        branch: &branch,
        base: Some(&base),
        expected: None,
        edits: &edits,
        message,
        identity: author,
        at: Timestamp::now(),
    };
    let head = ports.git.push(&push).await?.to_string();
    ports.forge.open_pull(&url, &branch, "main", message, "", author).await?;
    let pull = ports.forge.find_pull(&url, &branch, "main", author).await?.context("the pull request is there")?;
    let review = json!({"event": "APPROVED", "body": "", "commit_id": head});
    ports.forge.call(&url, Method::POST, &format!("/pulls/{}/reviews", pull.number), Some(review), "maintainer").await?;
    ports.forge.merge_pull(&url, pull.number, &head, "fast-forward-only", true, author).await?;
    println!("pull request {} merges when its checks are green: {}", pull.number, pull.url);
    Ok(())
}

/// Clients of a running `up`, across its listeners, as the example's maintainer.
pub(super) fn ports_of(folder: &Folder) -> anyhow::Result<(Ports, Web)> {
    let path = folder.data.join("place.json");
    let bytes = std::fs::read(&path).with_context(|| format!("{} is not there: start `supercargo up` first", path.display()))?;
    let place: Value = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
    let credentials: Credentials =
        serde_json::from_slice(&std::fs::read(folder.data.join("credentials.json")).context("the credentials")?)?;
    let authority = std::fs::read(place["ca"].as_str().unwrap_or_default()).context("the certificate authority")?;
    let mut web = Web::new(std::slice::from_ref(&authority));
    for (name, url) in place["hosts"].as_object().into_iter().flatten() {
        web = web.with_address(name, url.as_str().unwrap_or_default());
    }
    let person = |login: &str, name: &str| -> anyhow::Result<Identity> {
        let token = credentials.forge.get(login).with_context(|| format!("{login} has no token"))?;
        Ok(Identity {
            caller: Caller::new(login),
            basic: Some((login.to_owned(), token.clone())),
            name: name.to_owned(),
            email: format!("{login}@supercargo.internal"),
            key: Some(Arc::new(credentials.signing_key(login)?)),
        })
    };
    let maintainer = person("maintainer", "Maintainer")?;
    let mut clusters = Clusters::default();
    for (name, url) in place["clusters"].as_object().into_iter().flatten() {
        let Some(url) = url.as_str() else { bail!("{} is malformed", path.display()) };
        let mut config = kube::Config::new(url.parse().context("a cluster's address")?);
        config.root_cert = Some(pem_blocks(&authority)?);
        config.auth_info.token = Some(credentials.clusters.get(name).cloned().unwrap_or_default().into());
        clusters = clusters.with(name, kube::Client::try_from(config).context("a client of a cluster")?);
    }
    let identities = BTreeMap::from([
        ("maintainer".to_owned(), maintainer.clone()),
        ("developer".to_owned(), person("developer", "Developer")?),
        ("operator".to_owned(), person("operator", "Operator")?),
    ]);
    let ports = Ports {
        clock: Arc::new(System),
        clusters,
        registry: Registry::new(web.clone(), Login::Basic { user: "admin".into(), password: credentials.registry.clone() }),
        git: Git::new(web.clone(), identities.clone(), maintainer),
        forge: Forge::new(web.clone(), identities),
        trees: Trees::default(),
        trust: None,
    };
    Ok((ports, web))
}

fn pem_blocks(pem: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    use rustls::pki_types::pem::PemObject as _;
    let blocks = rustls::pki_types::CertificateDer::pem_slice_iter(pem).map(|found| found.map(|der| der.to_vec()));
    blocks.collect::<Result<_, _>>().context("the certificate authority")
}
