//! `supercargo backup FILE`: everything that is kept, in one file.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::Folder;
use crate::backup::{Moved, Source};
use crate::control::{Answer, Request, ask};
use crate::data::Data;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The file, such as backup.tar; it may not be there yet. It holds every secret, and only its owner can read it.
    file: PathBuf,
    #[command(flatten)]
    folder: Folder,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<i32> {
    let root = &arguments.folder.data;
    if !root.join("credentials.json").exists() {
        bail!("{} holds nothing: name the folder of `supercargo up` with --data", root.display());
    }
    let file = std::path::absolute(&arguments.file).with_context(|| arguments.file.display().to_string())?;
    let moved = if Data::is_in_use(root)? {
        match ask(root, &Request::Backup(file.clone())).await? {
            Answer::Backup { files, bytes } => Moved { files, bytes },
            Answer::Error(text) => bail!(text),
        }
    } else {
        Source::open(&Data::open(root)?)?.write(&file)?
    };
    println!("{}: {} files, {} bytes", file.display(), moved.files, moved.bytes);
    Ok(0)
}
