//! `kargo`: pause and resume, promote, and reject Freight for good.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context as _, bail};
use golang::parse_duration;
use jiff::Timestamp;
use model::ObjectRef;
use ports::Cluster;
use promote::{KARGO, freight, hold, names};
use serde_json::{Value, json};

use crate::clusters::{Target, author};
use crate::parse;

/// The context that Kargo lives in, where the kubeconfig has it.
const HOME: &str = "management";
/// Field manager of what people want.
const MANAGER: &str = "kargo-cli";

#[derive(clap::Parser)]
#[command(name = "kargo", version, about = "Promotes, pauses and rejects")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
struct Project {
    /// The project, by its namespace `kargo-myapp` or in short `myapp`.
    #[arg(long, short)]
    project: String,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Stops promotion into a Stage or a whole project.
    Pause {
        #[command(subcommand)]
        what: What,
    },
    /// Takes a pause back.
    Resume {
        #[command(subcommand)]
        what: What,
    },
    /// Promotes Freight into a Stage; older Freight is a rollback.
    Promote {
        #[command(flatten)]
        project: Project,
        /// The Stage.
        #[arg(long)]
        stage: String,
        /// The Freight, by name, the beginning of its name, or alias.
        #[arg(long)]
        freight: String,
    },
    /// Says what a person found out about Freight.
    VerifyFreight {
        #[command(flatten)]
        project: Project,
        /// The Stage at which it was found out.
        #[arg(long)]
        stage: String,
        /// The Freight, by name, the beginning of its name, or alias.
        #[arg(long)]
        freight: String,
        /// What was found out: `fail` makes it ineligible everywhere, for good.
        #[arg(long, value_enum)]
        result: Outcome,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
}

#[derive(clap::Subcommand)]
enum What {
    /// One Stage.
    Stage {
        /// Its name.
        name: String,
        #[command(flatten)]
        project: Project,
        #[command(flatten)]
        note: Note,
    },
    /// Every Stage of a project.
    Project {
        /// Its name.
        name: String,
        #[command(flatten)]
        note: Note,
    },
}

#[derive(clap::Args)]
struct Note {
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
    /// For how long, such as 2h; until it is taken back where it is not given.
    #[arg(long = "for")]
    duration: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Outcome {
    /// It is bad.
    Fail,
}

pub(crate) async fn run(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    let arguments: Arguments = match parse("kargo", arguments) {
        Ok(arguments) => arguments,
        Err(code) => return Ok(code),
    };
    let cluster = arguments.target.open(Some(HOME)).await?;
    let now = Timestamp::now();
    match arguments.command {
        Command::Pause { what } => hold_it(&cluster, &what, now, true).await?,
        Command::Resume { what } => hold_it(&cluster, &what, now, false).await?,
        Command::Promote { project, stage, freight } => promote(&cluster, &project.project, &stage, &freight, now).await?,
        Command::VerifyFreight { project, stage, freight, result: Outcome::Fail, reason } => {
            reject(&cluster, &project.project, &stage, &freight, &reason, now).await?;
        }
    }
    Ok(0)
}

/// Finds a project's namespace: `kargo-myapp` is meant by `myapp` as well.
async fn namespace(cluster: &Cluster, project: &str) -> anyhow::Result<String> {
    for name in [project.to_owned(), format!("kargo-{project}")] {
        if cluster.get(&reference("v1", "Namespace", "", &name)).await?.is_some() {
            return Ok(name);
        }
    }
    bail!("there is no project {project}: neither namespace {project} nor kargo-{project}")
}

fn reference(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
}

async fn hold_it(cluster: &Cluster, what: &What, now: Timestamp, pause: bool) -> anyhow::Result<()> {
    let (object, note, shown) = match what {
        What::Stage { name, project, note } => {
            (reference(KARGO, "Stage", &namespace(cluster, &project.project).await?, name), note, format!("stage {name}"))
        }
        What::Project { name, note } => {
            (reference("v1", "Namespace", "", &namespace(cluster, name).await?), note, format!("project {name}"))
        }
    };
    let live = cluster.get(&object).await?.with_context(|| format!("there is no {shown}"))?;
    let length = note.duration.as_deref().map(|text| parse_duration(text).with_context(|| format!("--for {text}"))).transpose()?;
    let until = length.map(|length: Duration| now.checked_add(length)).transpose().context("--for is too long")?;
    let value = if pause { json!(hold::note(&author(), &note.reason, now, until)) } else { Value::Null };
    let patch = json!({"metadata": {"annotations": {hold::PAUSED: value}}});
    cluster.patch(MANAGER, &object, None, &patch).await?;
    match (pause, until) {
        (true, Some(until)) => println!("{shown} is paused until {until}"),
        (true, None) => println!("{shown} is paused"),
        (false, _) if api::annotation(&live, hold::PAUSED).is_none() => println!("{shown} was not paused"),
        (false, _) => println!("{shown} is resumed"),
    }
    Ok(())
}

async fn find_freight(cluster: &Cluster, namespace: &str, wanted: &str) -> anyhow::Result<Value> {
    let all = cluster.list(KARGO, "Freight", Some(namespace), None).await?;
    let alias = |freight: &Value| freight["alias"] == wanted || api::label(freight, "kargo.akuity.io/alias") == Some(wanted);
    if let Some(found) = all.iter().find(|freight| api::name(freight) == wanted || alias(freight)) {
        return Ok(found.clone());
    }
    let mut found = all.into_iter().filter(|freight| wanted.len() >= 4 && api::name(freight).starts_with(wanted));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => bail!("more than one Freight begins with {wanted}"),
        _ => bail!("there is no Freight {wanted} in {namespace}"),
    }
}

async fn promote(cluster: &Cluster, project: &str, stage: &str, freight: &str, now: Timestamp) -> anyhow::Result<()> {
    let namespace = namespace(cluster, project).await?;
    let target = cluster
        .get(&reference(KARGO, "Stage", &namespace, stage))
        .await?
        .with_context(|| format!("there is no Stage {stage} in {namespace}"))?;
    let cargo = find_freight(cluster, &namespace, freight).await?;
    let name = api::name(&cargo).to_owned();
    if let model::Verdict::Wait { why, .. } | model::Verdict::Refuse { why, .. } = freight::available(&target, &cargo, now) {
        bail!("{why}");
    }
    let object = promote::stage::promotion_of(&target, &name, now, &author());
    cluster.create(MANAGER, &object).await?;
    println!("promotion {} created", names::promotion(stage, &name, now));
    Ok(())
}

async fn reject(cluster: &Cluster, project: &str, stage: &str, freight: &str, reason: &str, now: Timestamp) -> anyhow::Result<()> {
    let namespace = namespace(cluster, project).await?;
    let cargo = find_freight(cluster, &namespace, freight).await?;
    let why = if reason.is_empty() { format!("it failed at {stage}") } else { format!("{reason} (at {stage})") };
    let patch = json!({"metadata": {"annotations": {hold::REJECTED: hold::note(&author(), &why, now, None)}}});
    cluster.patch(MANAGER, &reference(KARGO, "Freight", &namespace, api::name(&cargo)), None, &patch).await?;
    println!("freight {} is rejected: it never enters a Stage again", api::name(&cargo));
    Ok(())
}
