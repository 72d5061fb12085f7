//! `supercargo why ENV[/APP]`: from the commit to the Pod, each link with its evidence; what holds the next change, and what is
//! missing. `--export` writes the evidence down, `supercargo verify-export` checks it anywhere, with nothing running.
//! Read first: [`chain`], [`facts`].

mod chain;
mod facts;
mod gather;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use futures::future::try_join;
use jiff::Timestamp;
use ports::Ports;
use serde_json::{Value, json};

use chain::{Link, State, chain, next};
use facts::{FORMAT, Facts};
use gather::{Subject, gather};

/// Longest export that is read, in bytes.
const EXPORT: u64 = 256 << 20;

/// What is asked.
#[derive(Debug, Clone, clap::Args)]
pub struct Why {
    /// The environment, such as prod, or with an application prod/myapp.
    environment: String,
    /// Writes all evidence to this file, to be checked elsewhere.
    #[arg(long)]
    export: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// The cluster that Kargo lives in.
    #[arg(long, default_value = "management")]
    home: String,
}

/// What is checked.
#[derive(Debug, Clone, clap::Args)]
pub struct VerifyExport {
    /// The file.
    file: PathBuf,
    /// A `trusted_root.json` of your own, in place of the one in the export.
    #[arg(long)]
    trusted_root: Option<PathBuf>,
    /// A folder with the public keys of commits as `NAME.sshpub`, in place of those in the export.
    #[arg(long)]
    signers: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Tells why an environment runs what it runs; the exit code is 0 when every link holds, 1 otherwise.
/// The trust root is fetched meanwhile.
pub async fn why(ports: &Ports, trusted_root: impl Future<Output = anyhow::Result<Value>>, asked: &Why) -> anyhow::Result<i32> {
    let (environment, application) = match asked.environment.split_once('/') {
        Some((environment, application)) => (environment, Some(application)),
        None => (asked.environment.as_str(), None),
    };
    let subject = Subject { home: &asked.home, environment, application };
    let (facts, trusted_root) = try_join(gather(ports, &subject, Timestamp::now()), trusted_root).await?;
    let facts = Facts { trusted_root, ..facts };
    if let Some(path) = &asked.export {
        let bytes = serde_json::to_vec_pretty(&facts)?;
        std::fs::write(path, bytes).with_context(|| path.display().to_string())?;
    }
    Ok(tell(&facts, &chain(&facts), asked.json, &[]))
}

/// Returns what `why --export` writes.
pub async fn evidence(ports: &Ports, trusted_root: Value, environment: &str, now: Timestamp) -> anyhow::Result<Value> {
    let subject = Subject { home: "management", environment, application: None };
    Ok(serde_json::to_value(Facts { trusted_root, ..gather(ports, &subject, now).await? })?)
}

/// Returns the links of an export as `link state: evidence`, one line each.
pub fn check_evidence(export: &Value) -> anyhow::Result<Vec<String>> {
    let facts: Facts = serde_json::from_value(export.clone())?;
    let state = |state: State| match state {
        State::Good => "good",
        State::Missing => "missing",
        State::Bad => "bad",
    };
    Ok(chain(&facts).iter().map(|link| format!("{} {}: {}", link.link, state(link.state), link.evidence.join("; "))).collect())
}

/// Checks an export; the exit code is 0 when every link holds, 1 otherwise.
pub fn verify_export(asked: &VerifyExport) -> anyhow::Result<i32> {
    let shown = asked.file.display().to_string();
    let length = std::fs::metadata(&asked.file).with_context(|| shown.clone())?.len();
    if length > EXPORT {
        bail!("{shown} is longer than 256 MiB");
    }
    let bytes = std::fs::read(&asked.file).with_context(|| shown.clone())?;
    let mut facts: Facts = serde_json::from_slice(&bytes).with_context(|| format!("{shown} is no export"))?;
    if facts.format != FORMAT {
        bail!("{shown} has the format {:?}: {FORMAT} is supported", facts.format);
    }
    let mut remarks = Vec::new();
    match &asked.trusted_root {
        Some(path) => {
            let own = std::fs::read(path).with_context(|| path.display().to_string())?;
            facts.trusted_root = serde_json::from_slice(&own).with_context(|| path.display().to_string())?;
        }
        None => remarks.push("the trust root comes from the export itself: pass your own with --trusted-root".to_owned()),
    }
    match &asked.signers {
        Some(folder) => facts.signers = keys(folder)?,
        None => remarks.push("the keys of commits come from the export itself: pass your own with --signers".to_owned()),
    }
    remarks.push("Promotions and tests are what the clusters told; nothing signs them".to_owned());
    Ok(tell(&facts, &chain(&facts), asked.json, &remarks))
}

fn keys(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "sshpub") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let line = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            found.insert(name, line.trim().to_owned());
        }
    }
    if found.is_empty() {
        bail!("{} holds no NAME.sshpub", folder.display());
    }
    Ok(found)
}

fn tell(facts: &Facts, links: &[Link], json: bool, remarks: &[String]) -> i32 {
    let code = i32::from(links.iter().any(|link| link.state != State::Good));
    if json {
        let told = json!({"stage": api::name(&facts.stage), "project": api::namespace(&facts.stage), "cluster": facts.cluster, "at": facts.at,
            "links": links, "next": next(facts), "unread": facts.unread, "remarks": remarks});
        println!("{told:#}");
        return code;
    }
    println!("{} of {}, as of {}", api::name(&facts.stage), api::namespace(&facts.stage), facts.at);
    let coloured = std::io::stdout().is_terminal();
    for link in links {
        println!("{} {:<10} {}", mark(link.state, coloured), link.link, link.what);
        for line in &link.evidence {
            println!("             {line}");
        }
    }
    for line in next(facts) {
        println!("next         {line}");
    }
    for line in &facts.unread {
        println!("not read     {line}");
    }
    for line in remarks {
        println!("note         {line}");
    }
    code
}

fn mark(state: State, coloured: bool) -> &'static str {
    match (state, coloured) {
        (State::Good, true) => "\u{1b}[32m✔\u{1b}[0m",
        (State::Missing, true) => "\u{1b}[33m?\u{1b}[0m",
        (State::Bad, true) => "\u{1b}[31m✗\u{1b}[0m",
        (State::Good, false) => "✔",
        (State::Missing, false) => "?",
        (State::Bad, false) => "✗",
    }
}
