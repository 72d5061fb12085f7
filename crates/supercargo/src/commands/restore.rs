//! `supercargo restore FILE`: a data folder out of a backup.

use std::path::PathBuf;

use super::Folder;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// What `backup` has written.
    file: PathBuf,
    /// The folder to make; it may not have anything in it.
    #[command(flatten)]
    folder: Folder,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<i32> {
    let root = &arguments.folder.data;
    let moved = crate::backup::restore(&arguments.file, root)?;
    println!(
        "{}: {} files, {} bytes; `supercargo up --data {}` goes on from there",
        root.display(),
        moved.files,
        moved.bytes,
        root.display()
    );
    Ok(0)
}
