//! `supercargo diff`: what would change, with the clients of a running `up` where there is one.

use super::Folder;
use super::demo::ports_of;
use crate::data::Data;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    diff: cli::diff::Arguments,
    #[command(flatten)]
    folder: Folder,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<i32> {
    let folder = &arguments.folder;
    let running = arguments.diff.needs_places() && folder.data.join("place.json").exists() && Data::is_in_use(&folder.data)?;
    let ports = if running { Some(ports_of(folder)?) } else { None };
    match cli::diff::run(&arguments.diff, ports.as_ref().map(|(ports, _)| ports)).await {
        Ok(code) => Ok(code),
        Err(error) => {
            // As `diff` has it: 1 is a difference, 2 is trouble.
            eprintln!("Error: {}", cli::chain(&error));
            Ok(2)
        }
    }
}
