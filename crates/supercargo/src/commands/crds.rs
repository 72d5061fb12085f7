//! `supercargo crds`: what a cluster is told about the pipeline's kinds, for clusters that are elsewhere.

use std::io::{ErrorKind, Write as _};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The groups whose kinds are wanted, such as `kargo.akuity.io`; all of them where none is named.
    group: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<i32> {
    let known = api::groups();
    if let Some(group) = arguments.group.iter().find(|group| !known.contains(group.as_str())) {
        anyhow::bail!("there is no group {group}; there are {}", known.into_iter().collect::<Vec<_>>().join(", "));
    }
    let wanted = |group: &str| arguments.group.is_empty() || arguments.group.iter().any(|wanted| wanted == group);
    let chosen = api::definitions().iter().filter(|definition| wanted(api::text(definition, &["spec", "group"])));
    let stream: String = chosen.map(|definition| format!("---\n{}", yaml::write(definition))).collect();
    match std::io::stdout().lock().write_all(stream.as_bytes()) {
        // Whoever reads it has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(0),
        written => Ok(written.map(|()| 0)?),
    }
}
