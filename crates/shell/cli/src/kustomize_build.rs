//! `kustomize build DIR`, which is `supercargo build DIR` as well.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kustomize::{Files, Options, Order, Restriction};
use model::Digest;

use crate::{kustomize_edit, parse};

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
    Build(Build),
    /// Edits the kustomization file of the current folder; comments stay.
    #[command(subcommand)]
    Edit(kustomize_edit::Edit),
    /// Prints the version.
    Version,
}

#[derive(clap::Parser)]
#[command(name = "supercargo build", about = "Renders a kustomization as kustomize v5.8.1 does")]
struct BuildLine {
    #[command(flatten)]
    build: Build,
}

#[derive(clap::Args)]
struct Build {
    /// Its folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Writes to this file instead.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Prints the digest of the rendering instead of the rendering: equal digests, equal bytes.
    #[arg(long)]
    output_digest: bool,
    /// In which order manifests come where the kustomization does not say it.
    #[arg(long, value_enum)]
    reorder: Option<Reorder>,
    /// Which files a kustomization may name.
    #[arg(long, value_enum, default_value = "LoadRestrictionsRootOnly")]
    load_restrictor: LoadRestrictor,
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
        Command::Edit(edit) => kustomize_edit::run(Path::new("."), edit)?,
        Command::Build(told) => build(&told)?,
    }
    Ok(0)
}

/// Runs `supercargo build`.
pub(crate) fn run_build(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    match parse::<BuildLine>("supercargo build", arguments) {
        Ok(line) => build(&line.build).map(|()| 0),
        Err(code) => Ok(code),
    }
}

fn build(told: &Build) -> anyhow::Result<()> {
    if told.reorder.is_some() {
        eprintln!("Flag --reorder has been deprecated, use the new 'sortOptions' field in kustomization.yaml instead.");
    }
    let order = match told.reorder {
        None | Some(Reorder::Legacy) => Order::Legacy,
        Some(Reorder::None) => Order::AsRead,
    };
    let restriction = match told.load_restrictor {
        LoadRestrictor::RootOnly => Restriction::RootOnly,
        LoadRestrictor::None => Restriction::None,
    };
    let built = objects(&told.folder, Options { order, restriction })?;
    let text = yaml::write_all(&built.objects);
    built.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    // The process ends now: giving every small part back would take a tenth of its time.
    std::mem::forget(built);
    if let Some(path) = &told.output {
        std::fs::write(path, &text).with_context(|| path.display().to_string())?;
    }
    let mut out = std::io::stdout().lock();
    let written = match (told.output_digest, &told.output) {
        (true, _) => writeln!(out, "{}", Digest::of(text.as_bytes())),
        (false, None) => out.write_all(text.as_bytes()),
        (false, Some(_)) => Ok(()),
    };
    written.and_then(|()| out.flush()).context("standard output")
}

/// Renders the kustomization of a folder; the text, and what upstream warns of.
pub(crate) fn render(place: &Path, options: Options) -> anyhow::Result<(String, Vec<String>)> {
    let built = objects(place, options)?;
    Ok((yaml::write_all(&built.objects), built.warnings))
}

/// Renders the kustomization of a folder on this machine.
pub(crate) fn objects(place: &Path, options: Options) -> anyhow::Result<kustomize::Built> {
    let place = place.canonicalize().with_context(|| place.display().to_string())?;
    let Some(folder) = place.to_str() else { bail!("{} is not UTF-8", place.display()) };
    Ok(kustomize::build_with(&Disk, folder.trim_start_matches('/'), options)?)
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    /// Builds a folder with these flags into a file, and returns what is in it.
    fn check(flags: &[&str]) -> String {
        let place = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = place.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        write("k/kustomization.yaml", "resources: [b.yaml, ../common.yaml]\n");
        write("k/b.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: b}\n");
        write("common.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
        let (folder, out) = (place.path().join("k").display().to_string(), place.path().join("out").display().to_string());
        let line = [&["build", folder.as_str(), "-o", out.as_str()], flags].concat();
        let told = BuildLine::try_parse_from(line).unwrap_or_else(|error| panic!("{error}")).build;
        match build(&told) {
            Ok(()) => std::fs::read_to_string(out).expect("read"),
            Err(error) => format!("{error:#}").replace(&place.path().display().to_string(), "…"),
        }
    }

    #[test]
    fn restriction_and_order_are_chosen_by_flags() {
        let (map, service) =
            ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n", "apiVersion: v1\nkind: Service\nmetadata:\n  name: b\n");
        assert_eq!(check(&["--load-restrictor", "LoadRestrictionsNone"]), format!("{map}---\n{service}"));
        assert_eq!(check(&["--load-restrictor=LoadRestrictionsNone", "--reorder=none", "--output-digest"]), format!("{service}---\n{map}"));
        assert_eq!(check(&[]), "accumulating resources: security; file '…/common.yaml' is not in or below '…/k'");
    }
}
