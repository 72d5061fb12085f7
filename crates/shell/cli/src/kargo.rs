//! `kargo`: pause and resume, promote, and reject Freight for good. Every verb leaves an Event with its author.

mod promote;
mod rollback;

use std::ffi::OsString;
use std::time::Duration;

use ::promote::{KARGO, hold};
use anyhow::{Context as _, bail};
use api::Note as Written;
use golang::parse_duration;
use jiff::Timestamp;
use model::ObjectRef;
use ports::Cluster;
use serde_json::{Value, json};

pub(crate) use self::rollback::run as rollback;
use crate::clusters::{Target, author, record};
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
    /// The project, by its namespace `kargo-myapp` or in short `myapp`; the only one where none is named.
    #[arg(long, short)]
    project: Option<String>,
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
        /// Also while the Stage is paused.
        #[arg(long)]
        despite_pause: bool,
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
        Command::Promote { project, stage, freight, despite_pause } => {
            promote::promote(&cluster, &project, &stage, &freight, despite_pause, now).await?;
        }
        Command::VerifyFreight { project, stage, freight, result: Outcome::Fail, reason } => {
            promote::reject(&cluster, &project, &stage, &freight, &reason, now).await?;
        }
    }
    Ok(0)
}

impl Project {
    /// Finds the project's namespace: `kargo-myapp` is meant by `myapp` as well.
    async fn namespace(&self, cluster: &Cluster) -> anyhow::Result<String> {
        if let Some(project) = &self.project {
            return namespace(cluster, project).await;
        }
        let all = cluster.list(KARGO, "Project", None, None).await?;
        match all.as_slice() {
            [only] => Ok(api::name(only).to_owned()),
            [] => bail!("there is no Project"),
            several => bail!("which project? --project {}", several.iter().map(api::name).collect::<Vec<_>>().join(", ")),
        }
    }
}

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
            (reference(KARGO, "Stage", &project.namespace(cluster).await?, name), note, format!("stage {name}"))
        }
        What::Project { name, note } => {
            (reference("v1", "Namespace", "", &namespace(cluster, name).await?), note, format!("project {name}"))
        }
    };
    let live = cluster.get(&object).await?.with_context(|| format!("there is no {shown}"))?;
    let until = end(note.duration.as_deref(), now)?;
    let value = if pause { json!(Written::write(&author(), &note.reason, now, until)) } else { Value::Null };
    let patch = json!({"metadata": {"annotations": {hold::PAUSED: value}}});
    cluster.patch(MANAGER, &object, None, &patch).await?;
    let done = match (pause, until) {
        (true, Some(until)) => format!("{shown} is paused until {until}"),
        (true, None) => format!("{shown} is paused"),
        (false, _) if api::annotation(&live, hold::PAUSED).is_none() => format!("{shown} was not paused"),
        (false, _) => format!("{shown} is resumed"),
    };
    record(cluster, &live, if pause { "Paused" } else { "Resumed" }, &done, &note.reason).await?;
    println!("{done}");
    Ok(())
}

/// Returns when something that begins now ends, for `--for`.
pub(crate) fn end(duration: Option<&str>, now: Timestamp) -> anyhow::Result<Option<Timestamp>> {
    let length = duration.map(|text| parse_duration(text).with_context(|| format!("--for {text}"))).transpose()?;
    length.map(|length: Duration| now.checked_add(length)).transpose().context("--for is too long")
}
