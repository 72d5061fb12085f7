//! The command lines: one file each. The verbs that people know from other tools answer under those tools' names.
//! Read first: [`run_as`].

mod check;
mod clusters;
mod cosign;
mod curl;
pub mod diff;
mod docker;
mod doctor;
mod flux;
mod flux_verbs;
mod folder;
mod hosts;
mod kargo;
mod kustomize_build;
mod kustomize_edit;
mod links;
mod sudo;
mod why;

pub use folder::read as read_folder;
pub use hosts::Hosts;
pub use why::{VerifyExport, Why, check_evidence, evidence, verify_export, why};

use std::ffi::OsString;

/// The names under which this program answers as another tool, wherever a link says so.
pub const NAMES: [&str; 6] = ["cosign", "docker", "flux", "kargo", "kustomize", "sudo"];
/// The names under which it answers in workflow jobs: those, and what reaches the hosts of the table.
pub const JOB_NAMES: [&str; 7] = ["cosign", "curl", "docker", "flux", "kargo", "kustomize", "sudo"];

/// Runs what needs no runtime, under the tool's name or behind the program's own, and returns its exit code.
pub fn run_at_once(name: &str, arguments: &[OsString]) -> Option<i32> {
    if JOB_NAMES.contains(&name) || matches!(name, "build" | "check" | "run-tests.sh") {
        return render(name, arguments);
    }
    let (word, rest) = arguments.split_first()?;
    render(word.to_str()?, rest)
}

fn render(name: &str, arguments: &[OsString]) -> Option<i32> {
    match name {
        "build" => Some(code(kustomize_build::run_build(arguments.to_vec()))),
        "kustomize" => Some(code(kustomize_build::run(arguments.to_vec()))),
        _ => None,
    }
}

/// Runs the tool of this name, if it is one of ours, and returns its exit code.
pub async fn run_as(name: &str, arguments: Vec<OsString>) -> Option<i32> {
    let result = match name {
        "check" | "run-tests.sh" => check::run(arguments).await,
        "cosign" => cosign::run(arguments).await,
        "curl" => curl::run(arguments).await,
        "docker" => docker::run(arguments).await,
        "flux" => flux::run(arguments).await,
        "kargo" => kargo::run(arguments).await,
        "sudo" => sudo::run(arguments),
        _ => return render(name, &arguments),
    };
    Some(code(result))
}

/// Says what went wrong, if something did.
fn code(result: anyhow::Result<i32>) -> i32 {
    result.unwrap_or_else(|error| {
        eprintln!("Error: {}", chain(&error));
        1
    })
}

/// Runs `supercargo doctor` and returns its exit code: 0 without errors, 1 with errors, 2 when it could not look.
pub async fn doctor(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    Ok(tokio::task::spawn_blocking(move || doctor::run(arguments)).await?)
}

/// Runs `supercargo rollback` and returns its exit code.
pub async fn rollback(arguments: Vec<OsString>) -> anyhow::Result<i32> {
    kargo::rollback(arguments).await
}

/// Runs `supercargo install-links DIR`: links under the tools' names, so that scripts find them.
pub fn install_links(folder: &std::path::Path) -> anyhow::Result<i32> {
    links::install(folder)
}

/// Prints an error and its causes in one line.
pub fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Parses a tool's arguments; a mistake prints clap's message and gives its exit code.
fn parse<T: clap::Parser>(name: &str, arguments: Vec<OsString>) -> Result<T, i32> {
    let all = std::iter::once(OsString::from(name)).chain(arguments);
    T::try_parse_from(all).map_err(|error| {
        let _ = error.print();
        error.exit_code()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renderings_alone_need_no_runtime() {
        let at_once = |name: &str, words: &[&str]| run_at_once(name, &words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(at_once("kustomize", &["version"]), Some(0));
        assert_eq!(at_once("supercargo", &["kustomize", "version"]), Some(0));
        assert_eq!(at_once("another-name", &["build", "nowhere"]), Some(1));
        for (name, words) in
            [("docker", &["build"][..]), ("curl", &["build"]), ("check", &["build"]), ("supercargo", &["up"]), ("supercargo", &[])]
        {
            assert_eq!(at_once(name, words), None, "{name} {words:?}");
        }
    }
}
