//! `kustomize edit`: changes of the kustomization file in the current folder, one file here for each group of verbs. Upstream
//! writes the whole file anew; here comments, order and quotes stay, because only the bytes of the change are touched.

mod add;
mod draft;
mod fix;
mod remove;
mod set;

use std::path::Path;

use anyhow::bail;
use draft::Draft;

/// `kustomize edit …`.
#[derive(clap::Subcommand)]
pub(crate) enum Edit {
    /// Adds an item.
    #[command(subcommand)]
    Add(add::Add),
    /// Sets a value.
    #[command(subcommand)]
    Set(set::Set),
    /// Removes an item.
    #[command(subcommand)]
    Remove(remove::Remove),
    /// Moves deprecated fields to those that took their place.
    Fix {
        /// Converts vars to replacements: not supported.
        #[arg(long)]
        vars: bool,
    },
}

/// Changes the file of a folder. Nothing is written unless the whole change can be made.
pub(crate) fn run(folder: &Path, edit: Edit) -> anyhow::Result<()> {
    let mut draft = Draft::open(folder)?;
    match edit {
        Edit::Add(what) => add::run(&mut draft, what)?,
        Edit::Set(what) => set::run(&mut draft, what)?,
        Edit::Remove(what) => remove::run(&mut draft, what)?,
        Edit::Fix { vars: true } => bail!("edit fix --vars is not supported: replacements have to be written by a person"),
        Edit::Fix { vars: false } => return fix::run(draft),
    }
    draft.write()
}

/// Parses `key:value`, one an argument, as upstream's `ConvertSliceToMap` does.
fn pairs(arguments: &[String], what: &str) -> anyhow::Result<Vec<(String, String)>> {
    let pair = |argument: &String| {
        let (key, value) = argument.split_once(':').unwrap_or((argument, ""));
        if key.is_empty() {
            bail!("invalid {what}: '{argument}' (need k:v pair where v may be quoted)");
        }
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        Ok((key.to_owned(), value.to_owned()))
    };
    arguments.iter().map(pair).collect()
}

/// Options of `buildMetadata`, by comma.
fn build_metadata(argument: &str) -> anyhow::Result<Vec<String>> {
    const KNOWN: [&str; 3] = ["originAnnotations", "transformerAnnotations", "managedByLabel"];
    let options: Vec<String> = argument.split(',').map(str::to_owned).collect();
    if let Some(other) = options.iter().find(|option| !KNOWN.contains(&option.as_str())) {
        bail!("invalid buildMetadata option: {other}; must be one of {}", KNOWN.join(", "));
    }
    Ok(options)
}

/// What a patch is and which resources it is for.
#[derive(clap::Args)]
pub(crate) struct PatchArguments {
    /// The file of the patch.
    #[arg(long)]
    path: Option<String>,
    /// The patch itself.
    #[arg(long)]
    patch: Option<String>,
    /// API group of the target.
    #[arg(long)]
    group: Option<String>,
    /// API version of the target.
    #[arg(long)]
    version: Option<String>,
    /// Kind of the target.
    #[arg(long)]
    kind: Option<String>,
    /// Name of the target.
    #[arg(long)]
    name: Option<String>,
    /// Namespace of the target.
    #[arg(long)]
    namespace: Option<String>,
    /// Annotations of the target.
    #[arg(long)]
    annotation_selector: Option<String>,
    /// Labels of the target.
    #[arg(long)]
    label_selector: Option<String>,
}

impl PatchArguments {
    fn entry(&self) -> anyhow::Result<serde_json::Value> {
        let mut entry = serde_json::Map::new();
        let mut target = serde_json::Map::new();
        if self.path.is_some() && self.patch.is_some() {
            bail!("patch and path can't be set at the same time");
        }
        for (map, name, value) in [
            (0, "path", &self.path),
            (0, "patch", &self.patch),
            (1, "group", &self.group),
            (1, "version", &self.version),
            (1, "kind", &self.kind),
            (1, "name", &self.name),
            (1, "namespace", &self.namespace),
            (1, "annotationSelector", &self.annotation_selector),
            (1, "labelSelector", &self.label_selector),
        ] {
            if let Some(value) = value {
                [&mut entry, &mut target][map].insert(name.to_owned(), serde_json::json!(value));
            }
        }
        if !target.is_empty() {
            entry.insert("target".to_owned(), target.into());
        }
        Ok(entry.into())
    }
}

#[cfg(test)]
mod tests;
