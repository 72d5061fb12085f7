//! `sudo`: in a job there is nothing to become; the command simply runs.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, bail};

pub(crate) fn run(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    let mut words = arguments.into_iter().skip_while(|word| matches!(word.to_str(), Some("-E" | "-n" | "-H" | "--")));
    let program = words.next().context("usage: sudo COMMAND")?;
    if program.to_str().is_some_and(|word| word.starts_with('-')) {
        bail!("the option {program:?} is not supported");
    }
    let error = std::process::Command::new(&program).args(words).exec();
    Err(error).with_context(|| format!("{}: command not found", program.display()))
}
