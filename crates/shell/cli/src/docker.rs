//! `docker login`, `build`, `push` and `inspect`, as far as workflows call them: images are built without an engine, from a
//! subset of Dockerfile, and kept in a folder of the user.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use model::Digest;
use oci::{Artifact, Manifest, Platform, Reference};

use crate::hosts::keep_credentials;
use crate::{Hosts, folder, parse};

#[derive(clap::Parser)]
#[command(name = "docker", version, about = "Builds and pushes images without an engine")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Keeps credentials for a registry.
    Login {
        /// The registry.
        server: String,
        /// The user.
        #[arg(short, long)]
        username: String,
        /// Reads the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Builds an image from a Dockerfile.
    Build {
        /// The folder with the files.
        context: PathBuf,
        /// The image's name.
        #[arg(short, long)]
        tag: String,
        /// The Dockerfile.
        #[arg(short, long)]
        file: Option<PathBuf>,
    },
    /// Pushes an image that was built.
    Push {
        /// The image's name.
        image: String,
    },
    /// Tells about an image that was built.
    Inspect {
        /// The image's name.
        image: String,
        /// What to tell: `{{index .RepoDigests 0}}` or `{{.Id}}`.
        #[arg(short, long)]
        format: String,
    },
}

pub(crate) async fn run(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    let arguments: Arguments = match parse("docker", arguments) {
        Ok(arguments) => arguments,
        Err(code) => return Ok(code),
    };
    match arguments.command {
        Command::Login { server, username, password_stdin } => login(&server, &username, password_stdin).await?,
        Command::Build { context, tag, file } => build(&context, &tag, file)?,
        Command::Push { image } => push(&image).await?,
        Command::Inspect { image, format } => inspect(&image, &format)?,
    }
    Ok(0)
}

async fn login(server: &str, user: &str, password_stdin: bool) -> anyhow::Result<()> {
    if !password_stdin {
        bail!("a password is read from standard input only: --password-stdin");
    }
    let mut password = String::new();
    std::io::stdin().take(64 << 10).read_to_string(&mut password).context("the password")?;
    let password = password.trim();
    if password.is_empty() {
        bail!("the password is empty: is the secret defined, and has the job `permissions: id-token: write`?");
    }
    keep_credentials(server, user, password)?;
    // A repository that nobody has still tells whether the credentials are good.
    let probe: Reference = format!("{server}/login-probe:none").parse()?;
    match Hosts::from_env()?.registry(server)?.tags(&probe).await {
        Ok(_) => println!("Login Succeeded"),
        Err(error) => bail!("login to {server} failed: {error}"),
    }
    Ok(())
}

/// Where an image that was built is kept until it is pushed.
fn shelf(image: &Reference) -> anyhow::Result<PathBuf> {
    let home = std::env::var("HOME").context("HOME is not set, so images cannot be kept")?;
    let name = Digest::of(format!("{}:{}", image.location(), image.version()).as_bytes());
    Ok(Path::new(&home).join(".supercargo/images").join(name.hex()))
}

fn build(context: &Path, tag: &str, file: Option<PathBuf>) -> anyhow::Result<()> {
    let image: Reference = tag.parse()?;
    let path = file.unwrap_or_else(|| context.join("Dockerfile"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let dockerfile = build::dockerfile::parse(&text).with_context(|| path.display().to_string())?;
    let artifact = build::dockerfile::image(&dockerfile, &folder::read(context)?, &platform(), created(context)?)
        .with_context(|| path.display().to_string())?;
    let shelf = shelf(&image)?;
    std::fs::create_dir_all(&shelf).with_context(|| shelf.display().to_string())?;
    for (digest, bytes) in &artifact.blobs {
        std::fs::write(shelf.join(digest.hex()), bytes).with_context(|| shelf.display().to_string())?;
    }
    std::fs::write(shelf.join("manifest.json"), &artifact.manifest).with_context(|| shelf.display().to_string())?;
    println!("built {tag}@{}", artifact.digest);
    Ok(())
}

fn platform() -> Platform {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    Platform { architecture: architecture.to_owned(), os: "linux".to_owned(), variant: None, extra: serde_json::Map::new() }
}

/// The time of the commit that is built: the same commit gives the same image. Outside a repository it is the epoch.
fn created(folder: &Path) -> anyhow::Result<Timestamp> {
    let told = Process::new("git").arg("-C").arg(folder).args(["log", "-1", "--format=%ct"]).output();
    let seconds = told.ok().filter(|told| told.status.success()).and_then(|told| String::from_utf8(told.stdout).ok()?.trim().parse().ok());
    Timestamp::from_second(seconds.unwrap_or(0)).context("the commit's time")
}

fn read(image: &Reference) -> anyhow::Result<Artifact> {
    let shelf = shelf(image)?;
    let path = shelf.join("manifest.json");
    let bytes = std::fs::read(&path).with_context(|| format!("no such image: {}:{}; build it first", image.location(), image.version()))?;
    let manifest: Manifest = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
    let names = std::iter::once(&manifest.config).chain(&manifest.layers);
    let blobs = names
        .map(|each| std::fs::read(shelf.join(each.digest.hex())).with_context(|| shelf.display().to_string()))
        .collect::<anyhow::Result<_>>()?;
    let artifact = Artifact::new(&manifest, blobs);
    if artifact.manifest != bytes {
        bail!("{} was changed since it was built", path.display());
    }
    Ok(artifact)
}

async fn push(image: &str) -> anyhow::Result<()> {
    let place: Reference = image.parse()?;
    let artifact = read(&place)?;
    let registry = Hosts::from_env()?.registry(&place.host)?;
    registry.push(&place, &place.version(), &artifact).await.with_context(|| format!("pushing {image} failed"))?;
    println!("{}: digest: {} size: {}", place.version(), artifact.digest, artifact.manifest.len());
    Ok(())
}

fn inspect(image: &str, format: &str) -> anyhow::Result<()> {
    let place: Reference = image.parse()?;
    let artifact = read(&place)?;
    match format.replace(' ', "").as_str() {
        "{{index.RepoDigests0}}" => println!("{}@{}", place.location(), artifact.digest),
        "{{.Id}}" => println!("{}", artifact.blobs[0].0),
        _ => bail!("the format {format:?} is not supported: {{{{index .RepoDigests 0}}}} or {{{{.Id}}}}"),
    }
    Ok(())
}
