//! `kustomize edit remove …`.

use anyhow::bail;
use serde_json::{Value, json};

use super::draft::{
    At::{Item, Key},
    Draft,
};
use super::set::generator;
use super::{PatchArguments, build_metadata};

#[derive(clap::Subcommand)]
pub(crate) enum Remove {
    /// Removes paths from resources.
    Resource {
        /// The paths, or patterns of them.
        #[arg(required = true)]
        paths: Vec<String>,
    },
    /// Removes paths from transformers.
    Transformer {
        /// The paths, or patterns of them.
        #[arg(required = true)]
        paths: Vec<String>,
    },
    /// Removes a patch that is just like this.
    Patch(PatchArguments),
    /// Removes commonLabels, several by comma.
    Label(Keys),
    /// Removes commonAnnotations, several by comma.
    Annotation(Keys),
    /// Removes configMapGenerators, several by comma.
    Configmap(Names),
    /// Removes secretGenerators, several by comma.
    Secret(Names),
    /// Removes options from buildMetadata, several by comma.
    Buildmetadata {
        /// The options.
        options: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Keys {
    /// The keys.
    keys: String,
    /// Those that are not there are no error.
    #[arg(short, long)]
    ignore_non_existence: bool,
}

#[derive(clap::Args)]
pub(crate) struct Names {
    /// The names.
    names: String,
    /// The namespace.
    #[arg(long, default_value = "")]
    namespace: String,
}

pub(super) fn run(draft: &mut Draft, what: Remove) -> anyhow::Result<()> {
    match what {
        Remove::Resource { paths } => remove_paths(draft, "resources", &paths),
        Remove::Transformer { paths } => remove_paths(draft, "transformers", &paths),
        Remove::Patch(patch) => {
            let entry = patch.entry()?;
            let before = draft.items("patches").len();
            while let Some(at) = draft.items("patches").iter().position(|item| *item == entry) {
                draft.delete(&[Key("patches"), Item(at)])?;
            }
            if draft.items("patches").len() == before {
                eprintln!("the patch is not in the kustomization file");
            }
            Ok(())
        }
        Remove::Label(keys) => remove_keys(draft, "commonLabels", "label", &keys),
        Remove::Annotation(keys) => remove_keys(draft, "commonAnnotations", "annotation", &keys),
        Remove::Configmap(names) => remove_generated(draft, "configMapGenerator", &names),
        Remove::Secret(names) => remove_generated(draft, "secretGenerator", &names),
        Remove::Buildmetadata { options } => build_metadata(&options)?.iter().try_for_each(|option| {
            match draft.items("buildMetadata").iter().position(|item| item == option) {
                Some(at) => draft.delete(&[Key("buildMetadata"), Item(at)]),
                None => bail!("buildMetadata option {option} is not in the kustomization file"),
            }
        }),
    }
}

fn remove_paths(draft: &mut Draft, field: &str, patterns: &[String]) -> anyhow::Result<()> {
    let fits =
        |item: &Value| item.as_str().is_some_and(|path| patterns.iter().any(|pattern| pattern == path || golang::glob(pattern, path)));
    if !draft.items(field).iter().any(fits) {
        eprintln!("nothing in {field} is like {}", patterns.join(" "));
    }
    while let Some(at) = draft.items(field).iter().position(fits) {
        draft.delete(&[Key(field), Item(at)])?;
    }
    Ok(())
}

fn remove_keys(draft: &mut Draft, field: &str, what: &str, told: &Keys) -> anyhow::Result<()> {
    for key in told.keys.split(',') {
        if key.is_empty() {
            bail!("invalid {what}: '{key}' (name is empty)");
        }
        match draft.value[field].get(key) {
            Some(_) => draft.delete(&[Key(field), Key(key)])?,
            None if told.ignore_non_existence => {}
            None => bail!("{what} {key} is not defined in kustomization file"),
        }
    }
    Ok(())
}

fn remove_generated(draft: &mut Draft, field: &str, told: &Names) -> anyhow::Result<()> {
    let mut found = false;
    let mut missing = Vec::new();
    for name in told.names.split(',') {
        let mut here = false;
        while let Some(at) = generator(draft, field, name, &told.namespace) {
            draft.delete(&[Key(field), Item(at)])?;
            here = true;
        }
        found |= here;
        if !here {
            missing.push(name);
        }
    }
    if !found {
        bail!("none of {} was found in {field}", json!(missing));
    }
    missing.iter().for_each(|name| eprintln!("{name} doesn't exist in kustomization file"));
    Ok(())
}
