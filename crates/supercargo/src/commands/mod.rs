//! The commands of the program itself: one file each.

mod backup;
mod crds;
mod demo;
mod diff;
mod restore;
mod run;
mod status;
mod up;
mod why;

use std::ffi::OsString;
use std::path::PathBuf;

/// Everything the program does under its own name.
#[derive(clap::Parser)]
#[command(name = "supercargo", version, about = "Carries a change from a merged commit to a healthy production cluster, with proof")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Starts everything on this machine.
    Up(up::Arguments),
    /// Tells what runs where, and what is held by which gate.
    Status(status::Arguments),
    /// Runs one role with no host in this process, against clusters, registries and forges that are elsewhere.
    Run(run::Arguments),
    /// Renders a kustomization as kustomize v5.8.1 does; `build --help` has more.
    #[command(disable_help_flag = true)]
    Build {
        /// `DIR [--load-restrictor …] [--reorder …] [-o FILE] [--output-digest]`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Shows what would change, object by object: between folders, artifacts and clusters, or in an environment.
    Diff(diff::Arguments),
    /// Names every place of a repository that upstream tools would refuse or misread, and the fix; `doctor --help` has more.
    #[command(disable_help_flag = true)]
    Doctor {
        /// `PATH [--fix] [--format text|json|sarif] [--for upstream|supercargo]`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Tells from commit to Pod why an environment runs what it runs, and what holds the next change.
    Why(why::Arguments),
    /// Checks what `why --export` has written, with nothing running.
    VerifyExport(cli::VerifyExport),
    /// Puts a Stage back to the last good Freight: `STAGE [--to FREIGHT] [--reason WHY]`; `rollback --help` has more.
    #[command(disable_help_flag = true)]
    Rollback {
        /// See `rollback --help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Writes everything that is kept into one file, also while everything runs.
    Backup(backup::Arguments),
    /// Makes a data folder out of a backup, after checking it.
    Restore(restore::Arguments),
    /// Prints the CustomResourceDefinitions of the pipeline's kinds, for `kubectl apply --server-side -f -`.
    Crds(crds::Arguments),
    /// Makes links under the names of the tools whose verbs this program knows: cosign, flux, kargo, kustomize.
    InstallLinks {
        /// A folder on the path.
        folder: PathBuf,
    },
    /// Plays the example's people.
    Demo(demo::Arguments),
}

/// The data folder.
#[derive(clap::Args, Clone)]
struct Folder {
    /// Folder with everything that is kept.
    #[arg(long, default_value = "supercargo-data", env = "SUPERCARGO_DATA")]
    data: PathBuf,
}

/// Runs a command and returns its exit code.
pub async fn run(arguments: Arguments) -> anyhow::Result<i32> {
    match arguments.command {
        Command::Up(arguments) => up::run(arguments).await,
        Command::Status(arguments) => status::run(arguments).await,
        Command::Run(arguments) => run::run(arguments).await,
        Command::Build { arguments } => Ok(cli::run_as("build", arguments).await.unwrap_or(2)),
        Command::Diff(arguments) => diff::run(arguments).await,
        Command::Doctor { arguments } => Ok(cli::doctor(arguments).await.unwrap_or(2)),
        Command::Why(arguments) => why::run(arguments).await,
        Command::VerifyExport(arguments) => cli::verify_export(&arguments),
        Command::Rollback { arguments } => cli::rollback(arguments).await,
        Command::Backup(arguments) => backup::run(arguments).await,
        Command::Restore(arguments) => restore::run(&arguments),
        Command::Crds(arguments) => crds::run(&arguments),
        Command::InstallLinks { folder } => cli::install_links(&folder),
        Command::Demo(arguments) => demo::run(arguments).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
