//! What the original API server answers to the questions of `crates/hosts/apiserver/tests/recorded`. It is built from its Go
//! modules, which takes a quarter of an hour the first time, and runs over an etcd on loopback without any controllers.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::place::{cargo, root};
use crate::program;

const KUBERNETES: &str = "v1.36.3";
/// The same release of the modules that Kubernetes is made of.
const STAGING: &str = "v0.36.3";
const ETCD: &str = "v3.7.3";
/// What is told with which words, and where it is kept.
const TOLD: [(&[&str], &str); 5] = [
    (&[], "crates/hosts/apiserver/tests/recorded/answers.jsonl"),
    (&["beginning"], "crates/hosts/apiserver/tests/recorded/beginning.txt"),
    (&["documents"], "crates/hosts/apiserver/tests/recorded/documents.txt"),
    (&["owners"], "crates/hosts/apiserver/tests/recorded/owners.txt"),
    (&["values"], "crates/hosts/apiserver/tests/recorded/values.txt"),
];
const TOKEN: &str = "recorder";
/// How long a build may take.
const BUILD: Duration = Duration::from_secs(3_600);
/// How long a command, or a start, may take.
const LIMIT: Duration = Duration::from_secs(120);

const ETCD_MAIN: &str = r#"package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
"#;
const APISERVER_MAIN: &str = r#"package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
"#;

/// A program that runs beside; dropped, it is killed.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Builds the original, asks it and keeps what it says, each time of a server that has just begun.
pub fn record() -> anyhow::Result<()> {
    cargo(&["build", "--locked", "--package", "supercargo-apiserver", "--example", "originals"])?;
    let (etcd, apiserver) = build(&root().join("target/originals"))?;
    for (words, file) in TOLD {
        let told = tell(&etcd, &apiserver, words)?;
        std::fs::write(root().join(file), &told)?;
        println!("{} lines in {file}", told.lines().count());
    }
    Ok(())
}

/// Starts the original and returns what the example `originals` tells of it with these words.
fn tell(etcd: &Path, apiserver: &Path, words: &[&str]) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    identity(folder)?;
    let (client, peer, port) = (free()?, free()?, free()?);
    let etcd = Command::new(etcd)
        .args(["--data-dir", "etcd", "--unsafe-no-fsync", "--initial-cluster", &format!("default=http://127.0.0.1:{peer}")])
        .args(["--listen-client-urls", &format!("http://127.0.0.1:{client}"), "--advertise-client-urls"])
        .args([&format!("http://127.0.0.1:{client}"), "--listen-peer-urls", &format!("http://127.0.0.1:{peer}")])
        .args(["--initial-advertise-peer-urls", &format!("http://127.0.0.1:{peer}")])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(folder.join("etcd.out"))?)
        .stderr(std::fs::File::create(folder.join("etcd.err"))?)
        .spawn()?;
    let _etcd = Beside(etcd);
    let apiserver = Command::new(apiserver)
        .arg(format!("--etcd-servers=http://127.0.0.1:{client}"))
        .arg(format!("--secure-port={port}"))
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--authorization-mode=RBAC", "--allow-privileged=true"])
        .args(["--tls-cert-file=server.crt", "--tls-private-key-file=server.key", "--token-auth-file=tokens.csv"])
        .args(["--service-account-key-file=accounts.key", "--service-account-signing-key-file=accounts.key"])
        .args(["--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/12"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(folder.join("apiserver.out"))?)
        .stderr(std::fs::File::create(folder.join("apiserver.err"))?)
        .spawn()?;
    let mut apiserver = Beside(apiserver);
    let url = format!("https://127.0.0.1:{port}");
    ready(&mut apiserver.0, &url, folder)?;
    let authority = folder.join("authority.crt");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder));
    let authority = authority.display().to_string();
    let arguments: Vec<&str> = [url.as_str(), &authority, TOKEN].into_iter().chain(words.iter().copied()).collect();
    program::output(target.join("debug/examples/originals"), &arguments, folder, Duration::from_secs(600))
}

/// Builds etcd and the API server; returns where they are.
fn build(place: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    module(&place.join("etcd"), &format!("require go.etcd.io/etcd/server/v3 {ETCD}\n"), ETCD_MAIN)?;
    let source = program::output("go", &["mod", "download", "-json", &format!("k8s.io/kubernetes@{KUBERNETES}")], place, BUILD)?;
    let source: serde_json::Value = serde_json::from_str(&source)?;
    let source = std::fs::read_to_string(source["GoMod"].as_str().context("go says nothing of the module's file")?)?;
    let mut requires = format!("require k8s.io/kubernetes {KUBERNETES}\n");
    // Its own parts are folders of its repository; outside of it they are modules.
    for name in source.lines().filter_map(|line| line.trim().split_once(" => ./staging/")).map(|(name, _)| name) {
        writeln!(requires, "replace {name} => {name} {STAGING}")?;
    }
    module(&place.join("apiserver"), &requires, APISERVER_MAIN)?;
    let etcd = built(&place.join("etcd"), &[])?;
    let version = "k8s.io/component-base/version";
    let flags = format!("-s -w -X {version}.gitVersion={KUBERNETES} -X {version}.gitMajor=1 -X {version}.gitMinor=36");
    Ok((etcd, built(&place.join("apiserver"), &["-ldflags", &flags])?))
}

fn module(folder: &Path, requires: &str, main: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("go.mod"), format!("module original.local\n\ngo 1.26.0\n\n{requires}"))?;
    std::fs::write(folder.join("main.go"), main)?;
    Ok(())
}

fn built(folder: &Path, flags: &[&str]) -> anyhow::Result<PathBuf> {
    program::output("go", &["mod", "tidy"], folder, BUILD)?;
    let arguments: Vec<&str> = ["build", "-buildvcs=false"].iter().chain(flags).copied().chain(["-o", "original", "."]).collect();
    program::output("go", &arguments, folder, BUILD)?;
    Ok(folder.join("original"))
}

/// Makes keys, certificates and the token.
fn identity(folder: &Path) -> anyhow::Result<()> {
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n")?;
    std::fs::write(folder.join("tokens.csv"), format!("{TOKEN},recorder,recorder,system:masters\n"))?;
    let commands = [
        "req -x509 -newkey rsa:2048 -nodes -keyout authority.key -out authority.crt -days 2 -subj /CN=authority",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server",
        "x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial -days 2 -extfile names -out server.crt",
        "genrsa -out accounts.key 2048",
    ];
    for command in commands {
        program::output("openssl", &command.split(' ').collect::<Vec<_>>(), folder, LIMIT)?;
    }
    Ok(())
}

fn free() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Waits until the server is ready.
fn ready(child: &mut Child, url: &str, folder: &Path) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let story = || program::last_lines(&std::fs::read_to_string(folder.join("apiserver.err")).unwrap_or_default(), 5);
        ensure!(child.try_wait()?.is_none(), "the API server has ended: {}", story());
        let asked = program::run("curl", &["--silent", "--cacert", "authority.crt", &format!("{url}/readyz")], folder, LIMIT)?;
        if asked.out == "ok" {
            return Ok(());
        }
        if begin.elapsed() > LIMIT {
            bail!("the API server is not ready within {} s: {}", LIMIT.as_secs(), story());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
