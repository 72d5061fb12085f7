//! `flux`: pushes artifacts, and holds and wakes what delivers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command as Process;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use oci::{Reference, flux_artifact};

use crate::flux_verbs::{self, Object};
use crate::{Hosts, folder, parse};

#[derive(clap::Parser)]
#[command(name = "flux", version, about = "Pushes artifacts, holds and wakes what delivers")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Pushes something.
    Push {
        #[command(subcommand)]
        what: Push,
    },
    /// Holds a Kustomization or a source.
    Suspend(Object),
    /// Lets it go on.
    Resume(Object),
    /// Makes it look now.
    Reconcile(Object),
    /// Prints the version.
    Version {
        /// Without asking a cluster.
        #[arg(long)]
        client: bool,
    },
}

#[derive(clap::Subcommand)]
enum Push {
    /// Packs a folder and pushes it as an artifact.
    Artifact {
        /// `oci://host/name:tag`.
        url: String,
        /// The folder.
        #[arg(short = 'f', long)]
        path: PathBuf,
        /// Where the content comes from.
        #[arg(long)]
        source: String,
        /// Which revision of it.
        #[arg(long)]
        revision: String,
        /// Further annotations, `key=value`.
        #[arg(short, long)]
        annotations: Vec<String>,
        /// `json` or `yaml`.
        #[arg(short, long)]
        output: Option<String>,
        /// Equal input gives an equal artifact; always so here.
        #[arg(long)]
        reproducible: bool,
    },
}

pub(crate) async fn run(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    let arguments: Arguments = match parse("flux", arguments) {
        Ok(arguments) => arguments,
        Err(code) => return Ok(code),
    };
    match arguments.command {
        Command::Suspend(object) => flux_verbs::suspend(&object).await?,
        Command::Resume(object) => flux_verbs::resume(&object).await?,
        Command::Reconcile(object) => flux_verbs::reconcile(&object).await?,
        Command::Version { .. } => println!("flux: v2.7.0+supercargo{}", env!("CARGO_PKG_VERSION")),
        Command::Push { what: Push::Artifact { url, path, source, revision, annotations, output, .. } } => {
            push(&url, path, &source, &revision, &annotations, output.as_deref()).await?;
        }
    }
    Ok(0)
}

async fn push(url: &str, path: PathBuf, source: &str, revision: &str, annotations: &[String], output: Option<&str>) -> anyhow::Result<()> {
    let place = Reference::from_oci_url(url)?;
    let tag = place.tag.clone().with_context(|| format!("{url} names no tag"))?;
    let mut extra = BTreeMap::new();
    for annotation in annotations {
        let Some((key, value)) = annotation.split_once('=') else { bail!("invalid annotation {annotation:?}: expected key=value") };
        extra.insert(key.to_owned(), value.to_owned());
    }
    let tree = folder::read(&path)?;
    if output.is_none() {
        println!("► pushing artifact to {url}");
    }
    let artifact = flux_artifact(&tree, created(&path, revision)?, source, revision, &extra);
    let registry = Hosts::from_env()?.registry(&place.host)?;
    registry.push(&place, tag.as_str(), &artifact).await.with_context(|| format!("pushing {url} failed"))?;
    match output {
        None => println!("✔ artifact successfully pushed to {}@{}", place.location(), artifact.digest),
        Some("json") => {
            println!("{}", serde_json::json!({"url": url, "repository": place.location(), "tag": tag.as_str(), "digest": artifact.digest}))
        }
        Some("yaml") => print!(
            "{}",
            yaml::write(&serde_json::json!({"url": url, "repository": place.location(), "tag": tag.as_str(), "digest": artifact.digest}))
        ),
        Some(other) => bail!("output {other:?} is not supported: json or yaml"),
    }
    Ok(())
}

/// The time of the commit that the revision names: a repeat of the same commit gives the same artifact. Outside a repository
/// that time is unknown, and the epoch stands for it.
fn created(folder: &std::path::Path, revision: &str) -> anyhow::Result<Timestamp> {
    let commit = revision.rsplit(['@', ':', '/']).next().unwrap_or(revision);
    if let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") {
        return Timestamp::from_second(text.parse().context("SOURCE_DATE_EPOCH is no number")?).context("SOURCE_DATE_EPOCH");
    }
    if commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Timestamp::UNIX_EPOCH);
    }
    let told = Process::new("git").arg("-C").arg(folder).args(["log", "-1", "--format=%ct", commit]).output();
    let seconds = told.ok().filter(|told| told.status.success()).and_then(|told| String::from_utf8(told.stdout).ok()?.trim().parse().ok());
    Timestamp::from_second(seconds.unwrap_or(0)).context("the commit's time")
}
