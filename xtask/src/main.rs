//! The house tools: proofs against real programs, recordings of what real programs answer, and figures.
//! Read first: [`prove`], [`record`], [`conformance`], [`bench`]; each has one file a proof, recording, tool or figure, and one line
//! in its list.

// The figures have a folder of their own, where people look for them.
#[path = "../../benches/mod.rs"]
mod bench;
mod conformance;
mod place;
mod program;
mod prove;
mod record;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};

use crate::place::Settings;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Proofs, recordings and figures of Supercargo")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Proves something against real programs; `list` names the proofs.
    Prove {
        /// The proof.
        name: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Records what a real program answers, for proofs that then need it no more; `list` names the recordings.
    Record {
        /// The recording.
        name: String,
    },
    /// Scores a file of recorded answers of a real tool; `list` names the tools.
    Conformance {
        /// The tool.
        tool: String,
        /// The recordings, as JSON, packed with zstd or not.
        file: Option<PathBuf>,
        /// Fails when fewer cases pass.
        #[arg(long)]
        floor: Option<usize>,
        /// Shows what differs.
        #[arg(long)]
        verbose: bool,
    },
    /// Measures the figures of the README.
    Bench {
        /// Writes the table into README.md.
        #[arg(long)]
        write: bool,
        /// How many releases are measured.
        #[arg(long, default_value_t = 50)]
        releases: u32,
        /// Measures rendering alone, which needs no world; prints only.
        #[arg(long, conflicts_with = "write")]
        rendering: bool,
        #[command(flatten)]
        settings: Settings,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Prove { name, settings } => choose("proof", &name, &prove::PROOFS)?.map_or(Ok(()), |prove| prove(&settings)),
        Command::Record { name } => choose("recording", &name, &record::RECORDINGS)?.map_or(Ok(()), |record| record()),
        Command::Conformance { tool, file, floor, verbose } => match choose("tool", &tool, &conformance::TOOLS)? {
            None => Ok(()),
            Some(score) => conformance::run(score, &file.context("which file is to be scored?")?, floor, verbose),
        },
        Command::Bench { write, releases, rendering, settings } => bench::run(&settings, releases, write, rendering),
    }
}

/// Finds an entry by its name; `list` prints all and finds none.
fn choose<F: Copy>(what: &str, name: &str, all: &[(&str, &str, F)]) -> anyhow::Result<Option<F>> {
    if name == "list" {
        for (name, about, _) in all {
            println!("{name:10} {about}");
        }
        return Ok(None);
    }
    match all.iter().find(|(known, ..)| *known == name) {
        Some((.., found)) => Ok(Some(*found)),
        None => bail!("there is no {what} {name:?}; `list` names them"),
    }
}
