//! `curl` as workflow jobs call it: reaches the hosts of the table by their names, and hands everything else to the real
//! program. An installer of a tool that is here already has nothing to do.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Parser as _;
use http::{Request, Uri, header};

use crate::Hosts;

/// Scripts that install what this program answers for: their address, and the tool.
const INSTALLERS: [(&str, &str); 1] = [("https://fluxcd.io/install.sh", "flux")];

#[derive(clap::Parser)]
#[command(name = "curl", about = "Transfers a URL of the host table")]
struct Arguments {
    /// The address.
    url: String,
    /// Gives no body and exit code 22 for an error of the server.
    #[arg(short, long)]
    fail: bool,
    /// Tells no progress; there is none.
    #[arg(short, long)]
    silent: bool,
    /// Tells errors even when silent.
    #[arg(short = 'S', long)]
    show_error: bool,
    /// Follows redirects; the hosts of the table make none.
    #[arg(short = 'L', long)]
    location: bool,
    /// Writes the body to this file.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// The method.
    #[arg(short = 'X', long)]
    request: Option<String>,
    /// A header, as `Name: value`.
    #[arg(short = 'H', long)]
    header: Vec<String>,
    /// The body.
    #[arg(short, long)]
    data: Option<String>,
    /// `user:password`.
    #[arg(short, long)]
    user: Option<String>,
}

pub(crate) async fn run(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    let urls = arguments.iter().filter_map(|word| word.to_str()).filter(|word| word.contains("://"));
    let hosts = Hosts::from_env()?;
    let mut ours = false;
    for url in urls {
        if let Some((_, tool)) = INSTALLERS.iter().find(|(address, _)| *address == url) {
            println!("echo '{tool} is installed'; exec {tool} --version");
            return Ok(0);
        }
        ours |= url.parse::<Uri>().is_ok_and(|url| url.host().is_some_and(|host| hosts.has(host)));
    }
    if !ours {
        return real(&arguments);
    }
    match Arguments::try_parse_from(std::iter::once(OsString::from("curl")).chain(arguments)) {
        Ok(arguments) => transfer(&hosts, &arguments).await,
        Err(error) => {
            let _ = error.print();
            Ok(2)
        }
    }
}

/// Becomes the real program: the first of this name on the path that is not this one.
fn real(arguments: &[OsString]) -> anyhow::Result<i32> {
    let own = std::env::current_exe().and_then(|path| path.canonicalize()).context("this program's file")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).map(|folder| folder.join("curl"));
    let mut others = others.filter(|file| file.canonicalize().is_ok_and(|file| file != own && !is_same(&file, &own)));
    let program = others.next().context("curl: this host is not in the table, and no curl is installed on this machine")?;
    let error = std::process::Command::new(&program).args(arguments).exec();
    Err(error).with_context(|| program.display().to_string())
}

/// In a sandbox the same file is mounted in more than one place.
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

async fn transfer(hosts: &Hosts, arguments: &Arguments) -> anyhow::Result<i32> {
    let method = arguments.request.as_deref().unwrap_or(if arguments.data.is_some() { "POST" } else { "GET" });
    let mut request = Request::builder().method(method).uri(&arguments.url);
    for line in &arguments.header {
        let Some((name, value)) = line.split_once(':') else { bail!("the header {line:?} is not `Name: value`") };
        request = request.header(name.trim(), value.trim());
    }
    if let Some(user) = &arguments.user {
        request = request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(user)));
    }
    let request = request.body(Bytes::from(arguments.data.clone().unwrap_or_default()))?;
    let answer = hosts.web().send(request, None).await?;
    if arguments.fail && (answer.status().is_client_error() || answer.status().is_server_error()) {
        eprintln!("curl: (22) The requested URL returned error: {}", answer.status().as_u16());
        return Ok(22);
    }
    match &arguments.output {
        Some(path) => std::fs::write(path, answer.body()).with_context(|| path.display().to_string())?,
        None => {
            use std::io::Write as _;
            std::io::stdout().write_all(answer.body())?;
        }
    }
    Ok(0)
}
