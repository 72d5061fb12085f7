//! `supercargo demo release VERSION`: what a person does, against a running `up`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use model::{Caller, Clock};
use ports::{Clusters, Forge, Git, Identity, Login, Ports, Registry, Trees, Web};
use serde_json::Value;

use super::Folder;
use crate::credentials::Credentials;
use crate::world::release;

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
}

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<i32> {
    let Command::Release { version, folder } = arguments.command;
    release::release(&ports_of(&folder)?, &version, Timestamp::now()).await?;
    println!("pushed {version} to the application repository");
    Ok(0)
}

/// Clients of a running `up`, across its listeners, as the example's maintainer.
pub(super) fn ports_of(folder: &Folder) -> anyhow::Result<Ports> {
    let path = folder.data.join("place.json");
    let bytes = std::fs::read(&path).with_context(|| format!("{} is not there: start `supercargo up` first", path.display()))?;
    let place: Value = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
    let credentials: Credentials = serde_json::from_slice(&std::fs::read(folder.data.join("credentials.json")).context("the credentials")?)?;
    let authority = std::fs::read(place["ca"].as_str().unwrap_or_default()).context("the certificate authority")?;
    let mut web = Web::new(std::slice::from_ref(&authority));
    for (name, url) in place["hosts"].as_object().into_iter().flatten() {
        web = web.with_address(name, url.as_str().unwrap_or_default());
    }
    let token = credentials.forge.get("maintainer").context("the maintainer has a token")?;
    let maintainer = Identity {
        caller: Caller::new("maintainer"),
        basic: Some(("maintainer".into(), token.clone())),
        name: "Maintainer".into(),
        email: "maintainer@supercargo.internal".into(),
        key: Some(Arc::new(credentials.signing_key("maintainer")?)),
    };
    let mut clusters = Clusters::default();
    for (name, url) in place["clusters"].as_object().into_iter().flatten() {
        let Some(url) = url.as_str() else { bail!("{} is malformed", path.display()) };
        let mut config = kube::Config::new(url.parse().context("a cluster's address")?);
        config.root_cert = Some(pem_blocks(&authority)?);
        config.auth_info.token = Some(credentials.clusters.get(name).cloned().unwrap_or_default().into());
        clusters = clusters.with(name, kube::Client::try_from(config).context("a client of a cluster")?);
    }
    let identities = BTreeMap::from([("maintainer".to_owned(), maintainer.clone())]);
    Ok(Ports {
        clock: Arc::new(System),
        clusters,
        registry: Registry::new(web.clone(), Login::Basic { user: "admin".into(), password: credentials.registry.clone() }),
        git: Git::new(web.clone(), identities.clone(), maintainer),
        forge: Forge::new(web, identities),
        trees: Trees::default(),
        trust: None,
    })
}

fn pem_blocks(pem: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    use rustls::pki_types::pem::PemObject as _;
    let blocks = rustls::pki_types::CertificateDer::pem_slice_iter(pem).map(|found| found.map(|der| der.to_vec()));
    blocks.collect::<Result<_, _>>().context("the certificate authority")
}
