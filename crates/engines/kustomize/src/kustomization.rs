//! The kustomization file. Source: kustomize `api/types/kustomization.go`. Read first: [`Kustomization`], [`read`].

use serde_json::{Map, Value};
use yaml::{Content, Node};

use crate::FILES;
use crate::arguments::{
    GENERATED, Generated, GeneratorOptions, IMAGE, Image, LABEL, Label, PATCH, Patch, REPLACEMENT, Replacement, VAR, Var,
};
use crate::decode::{Fields, Unknown};
use crate::error::{BuildError, Result, fail};
use crate::loader::Loader;

const FIELDS: [&str; 34] = [
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

/// A kustomization file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kustomization {
    /// The name of the file.
    pub file: String,
    pub component: bool,
    pub openapi_version: Option<String>,
    pub openapi_path: Option<String>,
    pub name_prefix: String,
    pub name_suffix: String,
    pub namespace: String,
    pub common_labels: Map<String, Value>,
    pub labels: Vec<Label>,
    pub common_annotations: Map<String, Value>,
    pub strategic_patches: Vec<String>,
    pub json_patches: Vec<Patch>,
    pub patches: Vec<Patch>,
    pub images: Vec<Image>,
    pub replacements: Vec<Replacement>,
    pub replicas: Vec<(String, i64)>,
    pub vars: Vec<Var>,
    pub sort: Option<Sort>,
    pub resources: Vec<String>,
    pub components: Vec<String>,
    pub crds: Vec<String>,
    pub generated: Vec<Generated>,
    pub configurations: Vec<String>,
    pub generators: Vec<String>,
    pub transformers: Vec<String>,
    pub validators: Vec<String>,
    pub build_metadata: Vec<String>,
    /// Deprecated fields that it uses, with what to use instead.
    pub deprecated: Vec<(&'static str, &'static str)>,
}

/// The order that a kustomization asks for.
#[derive(Debug, Clone)]
pub(crate) struct Sort {
    pub order: String,
    pub legacy: Option<(Vec<String>, Vec<String>)>,
}

const DEPRECATED: [(&str, &str); 6] = [
    ("bases", "resources"),
    ("commonLabels", "labels"),
    ("imageTags", "images"),
    ("patchesJson6902", "patches"),
    ("patchesStrategicMerge", "patches"),
    ("vars", "replacements"),
];

/// Reads the kustomization file of a folder.
pub(crate) fn read(loader: &Loader<'_>) -> Result<Kustomization> {
    let found: Vec<&str> = FILES.into_iter().filter(|name| loader.load(name).is_ok()).collect();
    let file = match found.as_slice() {
        [] => return Err(BuildError::NoKustomization(loader.shown_root())),
        [file] => *file,
        _ => return Err(BuildError::ManyKustomizations(loader.shown_root())),
    };
    let text = loader.text(file)?;
    let path = crate::loader::join(&loader.shown_root(), file);
    let value = crate::read::settings(&text).map_err(|source| BuildError::Yaml { path: path.clone(), source })?;
    parse(&value, file).map_err(|error| match error {
        BuildError::Failed(message) => {
            let line = yaml::nodes(&text).ok().and_then(|nodes| line_of(nodes.first()?, &message));
            BuildError::Field { path: line.map_or(path.clone(), |line| format!("{path}:{line}")), text: message }
        }
        other => other,
    })
}

/// The line of the field that a message names: `unknown field "x"`, or `Go struct field Kustomization.a.b`.
fn line_of(root: &Node, message: &str) -> Option<usize> {
    if let Some((_, rest)) = message.split_once("unknown field \"") {
        return line_below(root, &[rest.split_once('"')?.0], true);
    }
    let (_, rest) = message.split_once("Go struct field ")?;
    let keys: Vec<&str> = rest.split_once(' ')?.0.split('.').skip(1).collect();
    (1..=keys.len()).rev().find_map(|length| line_below(root, &keys[..length], false))
}

/// The line of the first key at the end of this way down, through all items of lists, or anywhere below.
fn line_below(node: &Node, keys: &[&str], anywhere: bool) -> Option<usize> {
    match &node.content {
        Content::Map(pairs, _) => pairs.iter().find_map(|(key, value)| {
            let named =
                matches!((&key.content, keys.first()), (Content::Scalar(text, _), Some(wanted)) if text.eq_ignore_ascii_case(wanted));
            match named {
                true if keys.len() == 1 => Some(key.line),
                true => line_below(value, &keys[1..], anywhere),
                false if anywhere => line_below(value, keys, anywhere),
                false => None,
            }
        }),
        Content::List(items, _) => items.iter().find_map(|item| line_below(item, keys, anywhere)),
        Content::Scalar(..) | Content::Alias(_) => None,
    }
}

fn parse(value: &Value, file: &str) -> Result<Kustomization> {
    let invalid = |error| match error {
        BuildError::Failed(text) => BuildError::Failed(format!("invalid Kustomization: {text}")),
        other => other,
    };

    let fields = Fields::new(value, "Kustomization", &FIELDS, Unknown::Refused).map_err(invalid)?;
    if ["apiVersion", "kind"].iter().filter(|name| fields.has(name)).count() == FIELDS.iter().filter(|name| fields.has(name)).count() {
        return fail("kustomization.yaml is empty");
    }
    let kind = fields.text("kind").map_err(invalid)?;
    let component = kind == "Component";
    if !matches!(kind.as_str(), "" | "Kustomization" | "Component") {
        return fail("kind should be Kustomization or Component");
    }
    let wanted = if component { "kustomize.config.k8s.io/v1alpha1" } else { "kustomize.config.k8s.io/v1beta1" };
    let api_version = fields.text("apiVersion").map_err(invalid)?;
    if !api_version.is_empty() && api_version != wanted {
        return fail(format!("apiVersion for {} should be {wanted}", if component { "Component" } else { "Kustomization" }));
    }
    for helm in ["helmCharts", "helmChartInflationGenerator"] {
        if !fields.list(helm).map_err(invalid)?.is_empty() {
            return fail(format!("field {helm:?} is not supported"));
        }
    }
    filled(&fields, file, component).map_err(invalid)
}

fn filled(fields: &Fields, file: &str, component: bool) -> Result<Kustomization> {
    let mut resources = fields.texts("resources")?;
    resources.extend(fields.texts("bases")?);
    let mut images = fields.each("images", &IMAGE)?;
    images.extend(fields.each("imageTags", &IMAGE)?);
    let openapi = fields.pairs("openapi")?;
    let openapi = |name: &str| openapi.get(name).and_then(Value::as_str).map(str::to_owned);
    let general = GeneratorOptions::of(fields, "generatorOptions")?;
    let mut generated = Vec::new();
    for (field, secret) in [("configMapGenerator", false), ("secretGenerator", true)] {
        for item in fields.each(field, if secret { &GENERATED } else { &GENERATED[..8] })? {
            let mut one = Generated::of(&item, secret)?;
            one.options.over(&general);
            generated.push(one);
        }
    }
    let replica = |item: &Fields| Ok((item.text("name")?, item.number("count")?));
    Ok(Kustomization {
        file: file.to_owned(),
        component,
        openapi_version: openapi("version"),
        openapi_path: openapi("path"),
        name_prefix: fields.text("namePrefix")?,
        name_suffix: fields.text("nameSuffix")?,
        namespace: fields.text("namespace")?,
        common_labels: fields.pairs("commonLabels")?,
        labels: fields.each("labels", &LABEL)?.iter().map(Label::of).collect::<Result<_>>()?,
        common_annotations: fields.pairs("commonAnnotations")?,
        strategic_patches: fields.texts("patchesStrategicMerge")?,
        json_patches: fields.each("patchesJson6902", &PATCH)?.iter().map(Patch::of).collect::<Result<_>>()?,
        patches: fields.each("patches", &PATCH)?.iter().map(Patch::of).collect::<Result<_>>()?,
        images: images.iter().map(Image::of).collect::<Result<_>>()?,
        replacements: fields.each("replacements", &REPLACEMENT)?.iter().map(Replacement::of).collect::<Result<_>>()?,
        replicas: fields.each("replicas", &["name", "count"])?.iter().map(replica).collect::<Result<_>>()?,
        vars: fields.each("vars", &VAR)?.iter().map(Var::of).collect::<Result<_>>()?,
        sort: sort(fields)?,
        resources,
        components: fields.texts("components")?,
        crds: fields.texts("crds")?,
        generated,
        configurations: fields.texts("configurations")?,
        generators: fields.texts("generators")?,
        transformers: fields.texts("transformers")?,
        validators: fields.texts("validators")?,
        build_metadata: fields.texts("buildMetadata")?,
        deprecated: DEPRECATED.into_iter().filter(|(name, _)| fields.has(name)).collect(),
    })
}

fn sort(fields: &Fields) -> Result<Option<Sort>> {
    let Some(sort) = fields.inner("sortOptions", &["order", "legacySortOptions"])? else { return Ok(None) };
    let legacy = sort.inner("legacySortOptions", &["orderFirst", "orderLast"])?;
    let legacy = legacy.map(|legacy| Ok((legacy.texts("orderFirst")?, legacy.texts("orderLast")?))).transpose()?;
    Ok(Some(Sort { order: sort.text("order")?, legacy }))
}
