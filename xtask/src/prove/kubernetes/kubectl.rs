//! kubectl, beyond what the proof `kubectl` asks in every cluster: transcripts in the folder `kubectl`, then a watch, a token and a
//! certificate.
//! A transcript is a list of commands, each behind `$` (ends well), `!` (fails) or `~` (is repeated until it ends well and says so), and
//! the texts that it says, one a line, with `|` between alternatives. An empty line wants nothing at all.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::{Bench, LIMIT, LOOK, until};
use crate::program::{self, Ended};
use crate::prove::kubectl::Kubectl;

const CONTEXT: &str = "dev";
/// The first version of kubectl that makes tokens and patches subresources.
const MINOR: u64 = 24;

const FILES: [(&str, &str); 4] = [
    ("workloads.yaml", include_str!("kubectl/workloads.yaml")),
    ("jobs.yaml", include_str!("kubectl/jobs.yaml")),
    ("resources.yaml", include_str!("kubectl/resources.yaml")),
    ("boat.yaml", include_str!("kubectl/boat.yaml")),
];
/// Each runs in a namespace of its name.
const TRANSCRIPTS: [(&str, &str); 4] = [
    ("workloads", include_str!("kubectl/workloads.txt")),
    ("jobs", include_str!("kubectl/jobs.txt")),
    ("resources", include_str!("kubectl/resources.txt")),
    ("access", include_str!("kubectl/access.txt")),
];

/// Goes through all transcripts, with nodes `one` and `two`.
pub fn talk(bench: &Bench<'_>) -> anyhow::Result<()> {
    let version = version(bench)?;
    for (name, text) in FILES {
        std::fs::write(bench.folder.join(name), text)?;
    }
    std::fs::write(bench.folder.join("workloads-2.yaml"), FILES[0].1.replace("/web:1", "/web:2"))?;
    std::fs::write(
        bench.folder.join("boat-wrong.yaml"),
        FILES[3].1.replace("name: argo", "name: wrong").replace("captain:", "sails: 3\n  captain:"),
    )?;
    let _kubelet = bench.kubelet(CONTEXT, &["one", "two"])?;
    let kubectl = Kubectl::new(bench.world, CONTEXT, bench.folder);
    // It comes due while everything else happens.
    kubectl
        .says(&["create", "cronjob", "minutely", "--image=registry.internal/task:1", "--schedule=* * * * *", "--", "true"], "created")?;
    for (name, text) in TRANSCRIPTS {
        let before = kubectl.asked();
        kubectl.says(&["create", "namespace", name], "created")?;
        play(&kubectl, name, text).with_context(|| format!("transcript {name}"))?;
        println!("kubectl: {name}: {} commands", kubectl.asked() - before);
    }
    watch(bench, &kubectl)?;
    token(bench, &kubectl)?;
    certificate(bench, &kubectl)?;
    until("a CronJob comes due", || {
        let ended = kubectl.run(&["wait", "job", "--all", "--for=condition=Complete", "--timeout=5s"])?;
        Ok(ended.good && ended.out.contains("job.batch/minutely-"))
    })?;
    for (name, _) in TRANSCRIPTS {
        kubectl.says(&["delete", "namespace", name, "--timeout=60s"], "deleted")?;
    }
    println!("kubectl: {version}: {} commands in all, with a watch, a token, a certificate and a CronJob that came due", kubectl.asked());
    Ok(())
}

fn version(bench: &Bench<'_>) -> anyhow::Result<String> {
    let text = program::output("kubectl", &["version", "--client", "-o", "json"], bench.folder, LIMIT)?;
    let version: Value = serde_json::from_str(&text)?;
    let minor = version["clientVersion"]["minor"].as_str().unwrap_or_default().trim_end_matches('+').parse::<u64>();
    let name = version["clientVersion"]["gitVersion"].as_str().unwrap_or_default().to_owned();
    ensure!(minor.is_ok_and(|minor| minor >= MINOR), "kubectl {name} is too old: this proof needs 1.{MINOR} or newer");
    Ok(name)
}

/// One command of a transcript.
struct Line<'a> {
    mark: char,
    arguments: Vec<&'a str>,
    wanted: Vec<&'a str>,
}

fn play(kubectl: &Kubectl<'_>, namespace: &str, text: &str) -> anyhow::Result<()> {
    for line in read(text)? {
        // An option stands before `--`, behind which the words of a container's command are.
        let all = [&["--namespace", namespace], line.arguments.as_slice()].concat();
        let begin = Instant::now();
        loop {
            let Some(fault) = fault(&line, &kubectl.run(&all)?) else { break };
            ensure!(line.mark == '~' && begin.elapsed() < LIMIT, "{} kubectl {}: {fault}", line.mark, line.arguments.join(" "));
            std::thread::sleep(LOOK);
        }
    }
    Ok(())
}

fn read(text: &str) -> anyhow::Result<Vec<Line<'_>>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        match (line.chars().next(), lines.last_mut()) {
            (Some(mark @ ('$' | '!' | '~')), _) => {
                lines.push(Line { mark, arguments: line[1..].split_whitespace().collect(), wanted: Vec::new() });
            }
            (_, Some(last)) => last.wanted.push(line),
            (_, None) => bail!("a transcript begins with a command and not with {line:?}"),
        }
    }
    Ok(lines)
}

/// Returns what is wrong with an answer, if anything is.
fn fault(line: &Line<'_>, ended: &Ended) -> Option<String> {
    let told = format!("{}{}", ended.out, ended.err);
    if ended.good == (line.mark == '!') {
        return Some(format!("it {}:\n{told}", if ended.good { "ended well" } else { "failed" }));
    }
    if line.wanted.first() == Some(&"") && line.wanted.len() == 1 && !ended.out.trim().is_empty() {
        return Some(format!("it was to say nothing:\n{told}"));
    }
    let missing = line.wanted.iter().find(|wanted| !wanted.split('|').any(|one| told.contains(one)))?;
    Some(format!("it was to say {missing:?}:\n{told}"))
}

/// A watch tells each change while it goes on.
fn watch(bench: &Bench<'_>, kubectl: &Kubectl<'_>) -> anyhow::Result<()> {
    let mut command = Command::new("kubectl");
    let place = ["--kubeconfig", &bench.kubeconfig(), "--context", CONTEXT, "--namespace", "access"].map(str::to_owned);
    command.args(place).args(["get", "configmaps", "--watch", "--output-watch-events", "--no-headers", "-l", "watched=yes"]);
    let (_watch, told) = bench.beside(command, "watch")?;
    let changes: [(&[&str], &str); 4] = [
        (&["create", "configmap", "news"], ""),
        (&["label", "configmap", "news", "watched=yes"], "ADDED"),
        (&["patch", "configmap", "news", "--patch", r#"{"data":{"a":"1"}}"#], "MODIFIED"),
        (&["label", "configmap", "news", "watched-"], "DELETED"),
    ];
    for (change, wanted) in changes {
        kubectl.says(&[&["--namespace", "access"], change].concat(), "configmap/news")?;
        until(&format!("get --watch tells {wanted}"), || Ok(std::fs::read_to_string(&told)?.contains(wanted)))?;
    }
    Ok(())
}

/// A token of a ServiceAccount may what its roles allow.
fn token(bench: &Bench<'_>, kubectl: &Kubectl<'_>) -> anyhow::Result<()> {
    let created = kubectl.run(&["--namespace", "access", "create", "token", "robot", "--duration=15m"])?;
    ensure!(created.good && created.out.split('.').count() == 3, "create token: {}{}", created.out, created.err);
    let file = stranger(bench, kubectl, "token.config", &[&format!("--token={}", created.out.trim())])?;
    asks(bench, &file, &["auth", "whoami"], Ok("system:serviceaccount:access:robot"))?;
    asks(bench, &file, &["get", "configmaps", "--namespace=access"], Ok("news"))?;
    asks(bench, &file, &["get", "secrets", "--namespace=access"], Err("cannot list resource \"secrets\""))?;
    kubectl.says(&["--namespace", "access", "delete", "serviceaccount", "robot"], "deleted")?;
    asks(bench, &file, &["get", "configmaps", "--namespace=access"], Err("must be logged in to the server"))
}

/// A certificate says who somebody is; one of another authority says nothing.
fn certificate(bench: &Bench<'_>, kubectl: &Kubectl<'_>) -> anyhow::Result<()> {
    let option = |(certificate, key): &(String, String)| [format!("--client-certificate={certificate}"), format!("--client-key={key}")];
    let anna = option(&bench.certificates.anna);
    let file = stranger(bench, kubectl, "anna.config", &anna.each_ref().map(String::as_str))?;
    asks(bench, &file, &["auth", "whoami"], Ok("people"))?;
    asks(bench, &file, &["get", "nodes"], Ok("one"))?;
    asks(bench, &file, &["get", "configmaps", "--namespace=access"], Ok("news"))?;
    asks(bench, &file, &["get", "secrets", "--namespace=access"], Err("User \"anna\" cannot list resource \"secrets\""))?;
    let other = option(&bench.certificates.stranger);
    let file = stranger(bench, kubectl, "stranger.config", &other.each_ref().map(String::as_str))?;
    asks(bench, &file, &["get", "nodes"], Err(""))
}

/// Writes a kubeconfig for somebody, with kubectl.
fn stranger(bench: &Bench<'_>, kubectl: &Kubectl<'_>, name: &str, credentials: &[&str]) -> anyhow::Result<String> {
    let file = bench.folder.join(name).display().to_string();
    let server = kubectl.run(&["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"])?.out;
    let (server, authority) = (format!("--server={server}"), bench.world.data.join("identity/ca.pem").display().to_string());
    let authority = format!("--certificate-authority={authority}");
    asks(bench, &file, &["config", "set-cluster", "c", &server, &authority], Ok("set"))?;
    asks(bench, &file, &[&["config", "set-credentials", "u"], credentials].concat(), Ok("set"))?;
    asks(bench, &file, &["config", "set-context", "c", "--cluster=c", "--user=u"], Ok("created"))?;
    asks(bench, &file, &["config", "use-context", "c"], Ok("Switched"))?;
    Ok(file)
}

/// Asks with a kubeconfig and demands that it ends well, or fails, and says this.
fn asks(bench: &Bench<'_>, kubeconfig: &str, arguments: &[&str], wanted: Result<&str, &str>) -> anyhow::Result<()> {
    let ended = program::run("kubectl", &[&["--kubeconfig", kubeconfig], arguments].concat(), bench.folder, LIMIT)?;
    let told = format!("{}{}", ended.out, ended.err);
    let (Ok(text) | Err(text)) = wanted;
    ensure!(ended.good == wanted.is_ok() && told.contains(text), "kubectl {} was to say {wanted:?}:\n{told}", arguments.join(" "));
    Ok(())
}
