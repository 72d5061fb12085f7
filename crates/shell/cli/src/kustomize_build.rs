//! `kustomize build DIR`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::{folder, parse};

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
    },
    /// Prints the version.
    Version,
}

pub(crate) fn run(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    let arguments: Arguments = match parse("kustomize", arguments) {
        Ok(arguments) => arguments,
        Err(code) => return Ok(code),
    };
    match arguments.command {
        Command::Version => println!("v5.8.1+supercargo{}", env!("CARGO_PKG_VERSION")),
        Command::Build { folder, output } => {
            let text = build(&folder)?;
            match output {
                Some(path) => std::fs::write(&path, text).with_context(|| path.display().to_string())?,
                None => print!("{text}"),
            }
        }
    }
    Ok(0)
}

/// Renders a folder; what it names outside itself is read from the repository that it lies in.
fn build(place: &Path) -> anyhow::Result<String> {
    let place = place.canonicalize().with_context(|| place.display().to_string())?;
    let top = place.ancestors().find(|folder| folder.join(".git").exists());
    // Outside a repository: as far up as the folder's relative paths can lead without reading a whole disk.
    let top = top.or_else(|| place.ancestors().nth(3)).unwrap_or(&place);
    let inside = place.strip_prefix(top).context("a folder lies in its ancestor")?;
    // Only the top folder that the kustomization lies in is read where that is enough.
    let (root, inside) = match inside.components().next() {
        Some(first) if inside.components().count() > 1 => (top.join(first), inside.strip_prefix(first).context("a path starts with its first part")?),
        _ => (top.to_owned(), inside),
    };
    let tree = folder::read(&root)?;
    let Some(inside) = inside.to_str() else { bail!("{} is not UTF-8", place.display()) };
    let objects = kustomize::build(&tree, inside)?;
    Ok(yaml::write_all(&objects))
}
