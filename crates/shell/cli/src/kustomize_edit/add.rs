//! `kustomize edit add …`.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::draft::{
    At::{Item, Key},
    Draft,
};
use super::set::generator;
use super::{PatchArguments, build_metadata, pairs};

#[derive(clap::Subcommand)]
pub(crate) enum Add {
    /// Adds files or folders to resources.
    Resource {
        /// Their paths, or patterns of paths.
        #[arg(required = true)]
        paths: Vec<String>,
        /// Adds them even if they are not there.
        #[arg(long)]
        no_verify: bool,
    },
    /// Adds folders to components.
    Component {
        /// Their paths.
        #[arg(required = true)]
        paths: Vec<String>,
    },
    /// Adds folders to resources, several by comma.
    Base {
        /// Their paths.
        paths: String,
    },
    /// Adds files to generators.
    Generator {
        /// Their paths.
        #[arg(required = true)]
        paths: Vec<String>,
    },
    /// Adds files to transformers.
    Transformer {
        /// Their paths.
        #[arg(required = true)]
        paths: Vec<String>,
    },
    /// Adds a patch.
    Patch(PatchArguments),
    /// Adds commonLabels, or labels without selectors, `key:value`.
    Label {
        /// The labels.
        #[arg(required = true)]
        labels: Vec<String>,
        /// Changes labels that are there.
        #[arg(short, long)]
        force: bool,
        /// Adds them to `labels`, which leaves selectors alone.
        #[arg(long)]
        without_selector: bool,
        /// Adds them to templates as well.
        #[arg(long, requires = "without_selector")]
        include_templates: bool,
    },
    /// Adds commonAnnotations, `key:value`.
    Annotation {
        /// The annotations.
        #[arg(required = true)]
        annotations: Vec<String>,
        /// Changes annotations that are there.
        #[arg(short, long)]
        force: bool,
    },
    /// Adds a configMapGenerator, or sources to one.
    Configmap(Generated),
    /// Adds a secretGenerator, or sources to one.
    Secret {
        #[command(flatten)]
        generated: Generated,
        /// The type of the Secret.
        #[arg(long)]
        r#type: Option<String>,
    },
    /// Adds options to buildMetadata, several by comma.
    Buildmetadata {
        /// The options.
        options: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Generated {
    /// The name of the generator.
    name: String,
    /// A file, or `key=file`.
    #[arg(long, value_delimiter = ',')]
    from_file: Vec<String>,
    /// `key=value`.
    #[arg(long)]
    from_literal: Vec<String>,
    /// A file of `key=value` lines.
    #[arg(long)]
    from_env_file: Option<String>,
    /// The name gets no suffix.
    #[arg(long = "disableNameSuffixHash")]
    disable_name_suffix_hash: bool,
    /// `create`, `merge` or `replace`.
    #[arg(long, value_parser = ["create", "merge", "replace"])]
    behavior: Option<String>,
    /// The namespace.
    #[arg(long, default_value = "")]
    namespace: String,
}

pub(super) fn run(draft: &mut Draft, what: Add) -> anyhow::Result<()> {
    match what {
        Add::Resource { paths, no_verify } => add_paths(draft, "resources", &paths, !no_verify),
        Add::Component { paths } => add_paths(draft, "components", &paths, true),
        Add::Generator { paths } => add_paths(draft, "generators", &paths, true),
        Add::Transformer { paths } => add_paths(draft, "transformers", &paths, true),
        Add::Base { paths } => paths.split(',').try_for_each(|path| {
            if draft.items("resources").contains(&json!(path)) {
                bail!("base {path} already in kustomization file");
            }
            add_paths(draft, "resources", &[path.to_owned()], true)
        }),
        Add::Patch(patch) => {
            let entry = patch.entry()?;
            if entry.get("path").is_none() && entry.get("patch").is_none() {
                bail!("must provide either patch or path");
            }
            if draft.items("patches").contains(&entry) {
                eprintln!("the patch is in the kustomization file already");
                return Ok(());
            }
            draft.append(&[Key("patches")], &entry)
        }
        Add::Label { labels, force, without_selector: false, .. } => {
            add_all(draft, "commonLabels", "label", &pairs(&labels, "label")?, force)
        }
        Add::Label { labels, force, include_templates, .. } => add_labels(draft, &pairs(&labels, "label")?, include_templates, force),
        Add::Annotation { annotations, force } => {
            add_all(draft, "commonAnnotations", "annotation", &pairs(&annotations, "annotation")?, force)
        }
        Add::Configmap(generated) => add_generated(draft, "configMapGenerator", &generated, None),
        Add::Secret { generated, r#type } => add_generated(draft, "secretGenerator", &generated, r#type.as_deref()),
        Add::Buildmetadata { options } => build_metadata(&options)?.into_iter().try_for_each(|option| {
            if draft.items("buildMetadata").contains(&json!(option)) {
                bail!("buildMetadata option {option} already in kustomization file");
            }
            draft.append(&[Key("buildMetadata")], &json!(option))
        }),
    }
}

fn add_paths(draft: &mut Draft, field: &str, patterns: &[String], verify: bool) -> anyhow::Result<()> {
    for pattern in patterns {
        for path in matching(draft, pattern, verify)? {
            if draft.items(field).contains(&json!(path)) {
                eprintln!("{path} already in kustomization file");
            } else if !kustomize::FILES.contains(&path.as_str()) {
                draft.append(&[Key(field)], &json!(path))?;
            }
        }
    }
    Ok(())
}

/// The paths that a pattern names. Only its last part may be one.
fn matching(draft: &Draft, pattern: &str, verify: bool) -> anyhow::Result<Vec<String>> {
    if !pattern.contains(['*', '?', '[']) {
        if verify && !draft.folder.join(pattern).exists() {
            bail!("{pattern} has no match; --no-verify adds it all the same");
        }
        return Ok(vec![pattern.to_owned()]);
    }
    let (folder, name) = pattern.rsplit_once('/').map_or(("", pattern), |(folder, name)| (folder, name));
    if folder.contains(['*', '?', '[']) {
        bail!("{pattern}: patterns in folders are not supported");
    }
    let place = draft.folder.join(folder);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&place).with_context(|| place.display().to_string())? {
        let entry = entry?.file_name();
        let Some(entry) = entry.to_str() else { continue };
        if golang::glob(name, entry) {
            found.push(if folder.is_empty() { entry.to_owned() } else { format!("{folder}/{entry}") });
        }
    }
    found.sort();
    if found.is_empty() {
        bail!("{pattern} has no match");
    }
    Ok(found)
}

fn add_all(draft: &mut Draft, field: &str, what: &str, pairs: &[(String, String)], force: bool) -> anyhow::Result<()> {
    for (key, value) in pairs {
        if draft.value[field].get(key).is_some() && !force {
            bail!("{what} {key} already in kustomization file. Use --force to override.");
        }
        draft.set(&[Key(field), Key(key)], &json!(value))?;
    }
    Ok(())
}

/// Adds to the entry of `labels` that has the same settings, or to a new one.
fn add_labels(draft: &mut Draft, pairs: &[(String, String)], templates: bool, force: bool) -> anyhow::Result<()> {
    for (key, value) in pairs {
        let fits = |item: &Value| item["includeSelectors"] != true && (item["includeTemplates"] == true) == templates;
        let Some(at) = draft.items("labels").iter().position(fits) else {
            let mut entry = json!({"pairs": {key.as_str(): value}});
            if templates {
                entry["includeTemplates"] = json!(true);
            }
            draft.append(&[Key("labels")], &entry)?;
            continue;
        };
        if draft.items("labels")[at]["pairs"].get(key).is_some() && !force {
            bail!("label {key} already in kustomization file. Use --force to override.");
        }
        draft.set(&[Key("labels"), Item(at), Key("pairs"), Key(key)], &json!(value))?;
    }
    Ok(())
}

fn add_generated(draft: &mut Draft, field: &str, told: &Generated, of_type: Option<&str>) -> anyhow::Result<()> {
    match (&told.from_env_file, told.from_file.is_empty() && told.from_literal.is_empty()) {
        (None, true) => bail!("at least from-env-file, or from-file or from-literal must be set"),
        (Some(_), false) => bail!("from-env-file cannot be combined with from-file or from-literal"),
        _ => {}
    }
    if let Some(wrong) = told.from_literal.iter().find(|literal| !literal.contains('=')) {
        bail!("invalid literal source {wrong}, expected key=value");
    }
    let at = match generator(draft, field, &told.name, &told.namespace) {
        Some(at) => at,
        None => {
            draft.append(&[Key(field)], &json!({"name": told.name}))?;
            draft.items(field).len() - 1
        }
    };
    if !told.namespace.is_empty() {
        draft.set(&[Key(field), Item(at), Key("namespace")], &json!(told.namespace))?;
    }
    for (list, sources) in [("literals", &told.from_literal), ("files", &told.from_file)] {
        for source in sources {
            draft.append(&[Key(field), Item(at), Key(list)], &json!(source))?;
        }
    }
    if let Some(path) = &told.from_env_file {
        draft.append(&[Key(field), Item(at), Key("envs")], &json!(path))?;
    }
    for (name, value) in [("behavior", told.behavior.as_deref()), ("type", of_type)] {
        if let Some(value) = value {
            draft.set(&[Key(field), Item(at), Key(name)], &json!(value))?;
        }
    }
    if told.disable_name_suffix_hash {
        draft.set(&[Key(field), Item(at), Key("options"), Key("disableNameSuffixHash")], &json!(true))?;
    }
    Ok(())
}
