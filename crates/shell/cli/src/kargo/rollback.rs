//! `supercargo rollback STAGE`: back to the Freight that ran there before and was verified, in one command. It needs neither the
//! registry nor a workflow: the commit of the pointer is all that changes, and the bytes are here already.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use ::promote::{KARGO, automation, hold};
use anyhow::{Context as _, bail};
use api::text;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::promote::Board;
use super::{HOME, MANAGER, Project, reference};
use crate::clusters::{Target, author, record};
use crate::parse;

/// How often the Stage is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(clap::Parser)]
#[command(name = "supercargo rollback", about = "Puts a Stage back to the last good Freight")]
struct Arguments {
    /// The Stage, such as prod.
    stage: String,
    #[command(flatten)]
    project: Project,
    /// Other Freight than the last good one, by name, the beginning of its name, or alias.
    #[arg(long)]
    to: Option<String>,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
    /// Says what it would do, and does nothing.
    #[arg(long)]
    dry_run: bool,
    /// For how many seconds it is waited for.
    #[arg(long, default_value_t = 120)]
    timeout: u64,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    let arguments: Arguments = match parse("supercargo rollback", arguments) {
        Ok(arguments) => arguments,
        Err(code) => return Ok(code),
    };
    let (begin, now, name) = (Instant::now(), Timestamp::now(), arguments.stage.as_str());
    let cluster = arguments.target.open(Some(HOME)).await?;
    let board = Board::read(&cluster, &arguments.project, name, now).await?;
    let good = match &arguments.to {
        Some(wanted) => board.find(wanted)?,
        None => automation::last_good(&board.stage, &board.freight)
            .with_context(|| format!("{name} ran nothing before that was verified there: name Freight with --to"))?,
    };
    let since = text(&good["status"]["verifiedIn"][name], &["verifiedAt"]);
    let since = if since.is_empty() { "never verified there".to_owned() } else { format!("verified there at {since}") };
    println!("{name} goes back to {} (freight {}), {since}", shown(good), short(good));
    let mut object = board.promotion(good, now)?;
    object["metadata"]["annotations"][automation::ROLLBACK] = json!("true");
    object["metadata"]["annotations"][hold::DESPITE_PAUSE] = json!(author());
    if arguments.dry_run {
        return Ok(0);
    }
    cluster.create(MANAGER, &object).await?;
    record(&cluster, &object, "RolledBack", &format!("{name} goes back to {}", shown(good)), &arguments.reason).await?;
    let (stage, promotion) =
        (reference(KARGO, "Stage", &board.namespace, name), reference(KARGO, "Promotion", &board.namespace, api::name(&object)));
    while begin.elapsed() < Duration::from_secs(arguments.timeout) {
        let live = cluster.get(&stage).await?.with_context(|| format!("Stage {name} is gone"))?;
        let last = &live["status"]["lastPromotion"];
        if last["name"] == api::name(&object) {
            let phase = text(last, &["status", "phase"]);
            if phase != "Succeeded" {
                bail!("promotion {} is {phase}: {}", api::name(&object), text(last, &["status", "message"]));
            }
            if live["status"]["health"]["status"] == "Healthy" {
                println!("{name} runs {} and is healthy after {} ms", shown(good), begin.elapsed().as_millis());
                return Ok(0);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    let live = cluster.get(&promotion).await?.unwrap_or_default();
    let stage = cluster.get(&stage).await?.unwrap_or_default();
    let issue = text(&stage["status"]["health"]["issues"][0], &[]);
    bail!(
        "after {} s {name} is not healthy: promotion {} is {}; {issue}",
        arguments.timeout,
        api::name(&object),
        text(&live, &["status", "phase"])
    )
}

/// The artifact of a Freight, for people.
fn shown(freight: &Value) -> String {
    let image = &freight["images"][0];
    format!("{}:{}", text(image, &["repoURL"]), text(image, &["tag"]))
}

fn short(freight: &Value) -> String {
    api::name(freight).chars().take(7).collect()
}
