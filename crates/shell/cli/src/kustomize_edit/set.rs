//! `kustomize edit set …`.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::draft::{
    At::{Item, Key},
    Draft,
};
use super::{build_metadata, pairs};

/// Stands for "as it is" in `set image`.
const AS_IT_IS: &str = "*";

#[derive(clap::Subcommand)]
pub(crate) enum Set {
    /// Sets names, tags and digests of images: `name=newname:tag`, `name@digest`; `*` leaves a part as it is.
    Image {
        /// The images.
        #[arg(required = true)]
        images: Vec<String>,
    },
    /// Sets the namespace.
    Namespace {
        /// The namespace.
        name: String,
    },
    /// Sets namePrefix.
    Nameprefix {
        /// The prefix.
        prefix: String,
    },
    /// Sets nameSuffix.
    Namesuffix {
        /// The suffix.
        suffix: String,
    },
    /// Sets replica counts, `name=count`.
    Replicas {
        /// The counts.
        #[arg(required = true)]
        counts: Vec<String>,
    },
    /// Sets commonLabels, `key:value`.
    Label {
        /// The labels.
        #[arg(required = true)]
        labels: Vec<String>,
    },
    /// Sets commonAnnotations, `key:value`.
    Annotation {
        /// The annotations.
        #[arg(required = true)]
        annotations: Vec<String>,
    },
    /// Sets buildMetadata, several options by comma.
    Buildmetadata {
        /// The options.
        options: String,
    },
    /// Changes literals or the namespace of a configMapGenerator.
    Configmap(Generated),
    /// Changes literals or the namespace of a secretGenerator.
    Secret(Generated),
}

#[derive(clap::Args)]
pub(crate) struct Generated {
    /// The name of the generator.
    name: String,
    /// A key that is there, with its new value.
    #[arg(long)]
    from_literal: Vec<String>,
    /// The present namespace.
    #[arg(long, default_value = "")]
    namespace: String,
    /// The new namespace.
    #[arg(long)]
    new_namespace: Option<String>,
}

pub(super) fn run(draft: &mut Draft, what: Set) -> anyhow::Result<()> {
    match what {
        Set::Image { images } => images.iter().try_for_each(|image| set_image(draft, image)),
        Set::Namespace { name } => draft.set(&[Key("namespace")], &json!(name)),
        Set::Nameprefix { prefix } => draft.set(&[Key("namePrefix")], &json!(prefix)),
        Set::Namesuffix { suffix } => draft.set(&[Key("nameSuffix")], &json!(suffix)),
        Set::Replicas { counts } => counts.iter().try_for_each(|count| set_replicas(draft, count)),
        Set::Label { labels } => set_all(draft, "commonLabels", &pairs(&labels, "label")?),
        Set::Annotation { annotations } => set_all(draft, "commonAnnotations", &pairs(&annotations, "annotation")?),
        Set::Buildmetadata { options } => draft.set(&[Key("buildMetadata")], &json!(build_metadata(&options)?)),
        Set::Configmap(generated) => set_generated(draft, "configMapGenerator", &generated),
        Set::Secret(generated) => set_generated(draft, "secretGenerator", &generated),
    }
}

fn set_all(draft: &mut Draft, field: &str, pairs: &[(String, String)]) -> anyhow::Result<()> {
    pairs.iter().try_for_each(|(key, value)| draft.set(&[Key(field), Key(key)], &json!(value)))
}

/// The parts that are not told are taken away, as upstream does.
fn set_image(draft: &mut Draft, argument: &str) -> anyhow::Result<()> {
    let (key, whole) = argument.split_once('=').unwrap_or(("", argument));
    let (name, tag, digest) = parts(whole);
    if name == argument {
        bail!(
            "invalid format of image, use one of the following options: <image>=<newimage>:<newtag>, <image>=<newimage>@<digest>, <image>=<newimage>, <image>:<newtag>, <image>@<digest>"
        );
    }
    let (name, new_name) = if key.is_empty() { (name, "") } else { (key, name) };
    let at = match draft.named("images", name) {
        Some(at) => at,
        None => {
            draft.append(&[Key("images")], &json!({"name": name}))?;
            draft.items("images").len() - 1
        }
    };
    for (field, value) in [("newName", new_name), ("newTag", tag), ("digest", digest)] {
        let there = draft.value["images"][at].get(field).is_some();
        match value {
            AS_IT_IS => {}
            "" if there => draft.delete(&[Key("images"), Item(at), Key(field)])?,
            "" => {}
            value => draft.set(&[Key("images"), Item(at), Key(field)], &json!(value))?,
        }
    }
    Ok(())
}

/// Name, tag and digest.
fn parts(image: &str) -> (&str, &str, &str) {
    let (rest, digest) = image.split_once('@').unwrap_or((image, ""));
    let from = rest.rfind('/').map_or(0, |slash| slash + 1);
    match rest[from..].split_once(':') {
        Some((name, tag)) => (&rest[..from + name.len()], tag, digest),
        None => (rest, "", digest),
    }
}

fn set_replicas(draft: &mut Draft, argument: &str) -> anyhow::Result<()> {
    let told = argument.split_once('=').and_then(|(name, count)| Some((name, count.parse::<i64>().ok()?)));
    let (name, count) = told.context("invalid format of replica, use the following format: <name>=<count>")?;
    match draft.named("replicas", name) {
        Some(at) => draft.set(&[Key("replicas"), Item(at), Key("count")], &json!(count)),
        None => draft.append(&[Key("replicas")], &json!({"name": name, "count": count})),
    }
}

fn set_generated(draft: &mut Draft, field: &str, told: &Generated) -> anyhow::Result<()> {
    if told.from_literal.is_empty() && told.new_namespace.is_none() {
        bail!("at least one of [--from-literal, --new-namespace] must be specified");
    }
    let at = generator(draft, field, &told.name, &told.namespace)
        .with_context(|| format!("unable to find {field} with name {:?}", told.name))?;
    for literal in &told.from_literal {
        let (key, _) = literal.split_once('=').context("literal values must be specified in the key=value format")?;
        let literals = draft.items(field)[at]["literals"].as_array().cloned().unwrap_or_default();
        let has_key = |literal: &Value| literal.as_str().and_then(|literal| literal.split_once('=')).is_some_and(|(name, _)| name == key);
        let number = literals.iter().position(has_key).with_context(|| format!("key '{key}' not found in resource"))?;
        draft.set(&[Key(field), Item(at), Key("literals"), Item(number)], &json!(literal))?;
    }
    if let Some(namespace) = &told.new_namespace {
        draft.set(&[Key(field), Item(at), Key("namespace")], &json!(namespace))?;
    }
    Ok(())
}

/// Where the generator of this name and namespace stands; no namespace is `default`.
pub(super) fn generator(draft: &Draft, field: &str, name: &str, namespace: &str) -> Option<usize> {
    let namespace_of = |text: &str| if text.is_empty() { "default".to_owned() } else { text.to_owned() };
    let fits =
        |item: &Value| item["name"] == name && namespace_of(item["namespace"].as_str().unwrap_or_default()) == namespace_of(namespace);
    draft.items(field).iter().position(fits)
}
