//! `supercargo status`: what runs where, and what is held by which gate; from the clusters' own objects.

use anyhow::Context as _;
use jiff::Timestamp;
use model::{ClusterName, ObjectRef, Verdict};
use serde_json::{Value, json};

use super::Folder;
use super::demo::ports_of;
use crate::data::Data;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: Folder,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<i32> {
    let path = arguments.folder.data.join("place.json");
    let bytes = std::fs::read(&path).with_context(|| format!("{} is not there: start `supercargo up` first", path.display()))?;
    let mut status: Value = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
    let running = Data::is_in_use(&arguments.folder.data)?;
    status["running"] = json!(running);
    if running {
        let (ports, _) = ports_of(&arguments.folder)?;
        status["stages"] = stages(&ports).await.context("the management cluster does not answer")?;
        status["held"] = held(&ports).await?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(0);
    }
    for field in ["registry", "forge", "identity", "ca", "kubeconfig"] {
        println!("{field:<11} {}", status[field].as_str().unwrap_or_default());
    }
    for (name, url) in status["clusters"].as_object().into_iter().flatten() {
        println!("cluster     {name:<11} {}", url.as_str().unwrap_or_default());
    }
    if !running {
        println!("not running: start `supercargo up`");
    }
    for stage in status["stages"].as_array().into_iter().flatten() {
        println!("stage       {:<11} {:<16} {}", text(&stage["name"]), text(&stage["artifact"]), text(&stage["state"]));
    }
    for gate in status["held"].as_array().into_iter().flatten() {
        println!("held        {}", text(gate));
    }
    Ok(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn stages(ports: &ports::Ports) -> anyhow::Result<Value> {
    let home = ports.clusters.get(&ClusterName("management".into()))?;
    let stages = home.list("kargo.akuity.io/v1alpha1", "Stage", None, None).await?;
    let tell = |stage: &Value| {
        let items = stage["status"]["freightHistory"][0]["items"].as_object();
        let tag = items.into_iter().flat_map(|items| items.values()).find_map(|item| item["images"][0]["tag"].as_str()).unwrap_or_default();
        let ready = api::find_condition(stage, "Ready");
        json!({"name": api::name(stage), "artifact": tag, "state": ready.map(|ready| ready["message"].clone())})
    };
    Ok(stages.iter().map(tell).collect())
}

/// Says by whom a Stage is paused, itself or with its project.
async fn paused(ports: &ports::Ports, cluster: &ClusterName, stage: &Value) -> anyhow::Result<Option<String>> {
    let project =
        ObjectRef { api_version: "v1".into(), kind: "Namespace".into(), namespace: String::new(), name: api::namespace(stage).into() };
    let project = ports.clusters.get(cluster)?.get(&project).await?;
    Ok(match promote::hold::paused(stage, project.as_ref(), Timestamp::now()) {
        Verdict::Wait { why, .. } => Some(why),
        Verdict::Pass | Verdict::Refuse { .. } => None,
    })
}

/// Every object that says it is not Ready, and why.
async fn held(ports: &ports::Ports) -> anyhow::Result<Value> {
    const KINDS: [(&str, &str); 5] = [
        ("kargo.akuity.io/v1alpha1", "Warehouse"),
        ("kargo.akuity.io/v1alpha1", "Stage"),
        ("source.toolkit.fluxcd.io/v1", "GitRepository"),
        ("source.toolkit.fluxcd.io/v1", "OCIRepository"),
        ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    ];
    let mut held = Vec::new();
    for name in ports.clusters.names() {
        for (api_version, kind) in KINDS {
            for object in ports.clusters.get(name)?.list(api_version, kind, None, None).await? {
                if kind == "Stage"
                    && let Some(why) = paused(ports, name, &object).await?
                {
                    held.push(format!("{kind} {}/{}: {why}", name.0, api::name(&object)));
                    continue;
                }
                if object["spec"]["suspend"] == true {
                    let note = api::annotation(&object, "supercargo.dev/suspended").unwrap_or_default();
                    held.push(format!("{kind} {}/{}: suspended {note}", name.0, api::name(&object)).trim_end().to_owned());
                    continue;
                }
                if let Some(ready) = api::find_condition(&object, "Ready").filter(|ready| ready["status"] != "True") {
                    let why = object["status"]["health"]["issues"][0].as_str().unwrap_or_else(|| text(&ready["message"]));
                    held.push(format!("{kind} {}/{}: {why}", name.0, api::name(&object)));
                }
            }
        }
    }
    Ok(json!(held))
}
