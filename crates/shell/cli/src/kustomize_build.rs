//! `kustomize build DIR`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kustomize::{Files, Options, Order, Restriction};

use crate::parse;

/// Largest file that is read.
const SIZE: u64 = 64 << 20;

#[derive(clap::Parser)]
#[command(name = "kustomize", about = "Renders kustomizations")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Renders a kustomization to standard output.
    Build {
        /// Its folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Writes to this file instead.
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// In which order manifests come where the kustomization does not say it.
        #[arg(long, value_enum, default_value = "legacy")]
        reorder: Reorder,
        /// Which files a kustomization may name.
        #[arg(long, value_enum, default_value = "LoadRestrictionsRootOnly")]
        load_restrictor: LoadRestrictor,
    },
    /// Prints the version.
    Version,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Reorder {
    /// By kind.
    Legacy,
    /// As they were read.
    None,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LoadRestrictor {
    /// Files at or below its own folder.
    #[value(name = "LoadRestrictionsRootOnly")]
    RootOnly,
    /// Any file.
    #[value(name = "LoadRestrictionsNone")]
    None,
}

pub(crate) fn run(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    let arguments: Arguments = match parse("kustomize", arguments) {
        Ok(arguments) => arguments,
        Err(code) => return Ok(code),
    };
    match arguments.command {
        Command::Version => println!("v5.8.1+supercargo{}", env!("CARGO_PKG_VERSION")),
        Command::Build { folder, output, reorder, load_restrictor } => {
            let order = match reorder {
                Reorder::Legacy => Order::Legacy,
                Reorder::None => Order::AsRead,
            };
            let restriction = match load_restrictor {
                LoadRestrictor::RootOnly => Restriction::RootOnly,
                LoadRestrictor::None => Restriction::None,
            };
            let text = build(&folder, Options { order, restriction })?;
            match output {
                Some(path) => std::fs::write(&path, text).with_context(|| path.display().to_string())?,
                None => print!("{text}"),
            }
        }
    }
    Ok(0)
}

fn build(place: &Path, options: Options) -> anyhow::Result<String> {
    let place = place.canonicalize().with_context(|| place.display().to_string())?;
    let Some(folder) = place.to_str() else { bail!("{} is not UTF-8", place.display()) };
    let built = kustomize::build_with(&Disk, folder.trim_start_matches('/'), options)?;
    for warning in &built.warnings {
        eprintln!("{warning}");
    }
    Ok(yaml::write_all(&built.objects))
}

/// The machine's files, as a build sees them.
struct Disk;

impl Disk {
    fn path(path: &str) -> PathBuf {
        Path::new("/").join(path)
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        let path = Self::path(path);
        let known = std::fs::metadata(&path).ok()?;
        if !known.is_file() || known.len() > SIZE {
            return None;
        }
        std::fs::read(path).ok().map(Cow::Owned)
    }

    fn is_folder(&self, path: &str) -> bool {
        Self::path(path).is_dir()
    }

    fn real(&self, path: &str) -> String {
        let real = Self::path(path).canonicalize().ok();
        let real = real.as_deref().and_then(Path::to_str).map(|real| real.trim_start_matches('/').to_owned());
        real.unwrap_or_else(|| path.to_owned())
    }

    fn shown(&self, path: &str) -> String {
        format!("/{path}")
    }
}
