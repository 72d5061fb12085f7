//! What generators and transformers are told, from the kustomization file or from a configuration of their own.
//! Source: kustomize `api/types`.

use serde_json::{Map, Value};

use crate::config::{FieldSpec, field_specs};
use crate::decode::{Fields, Unknown};
use crate::error::{Result, fail};
use crate::id::{Gvk, Id};
use crate::selector::{Selector, SelectorTexts};

/// A change of images.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    pub name: String,
    pub new_name: String,
    pub new_tag: String,
    pub tag_suffix: String,
    pub digest: String,
}

pub(crate) const IMAGE: [&str; 5] = ["name", "newName", "tagSuffix", "newTag", "digest"];

impl Image {
    pub(crate) fn of(fields: &Fields) -> Result<Self> {
        Ok(Self {
            name: fields.text("name")?,
            new_name: fields.text("newName")?,
            new_tag: fields.text("newTag")?,
            tag_suffix: fields.text("tagSuffix")?,
            digest: fields.text("digest")?,
        })
    }
}

/// A patch of any kind, with the resources that it is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patch {
    pub path: String,
    pub patch: String,
    pub target: Option<Selector>,
    /// The target's name as it is written; patchesJson6902 demands one.
    pub target_name: String,
    pub allow_name_change: bool,
    pub allow_kind_change: bool,
}

pub(crate) const PATCH: [&str; 4] = ["path", "patch", "target", "options"];
pub(crate) const SELECTOR: [&str; 7] = ["group", "version", "kind", "name", "namespace", "annotationSelector", "labelSelector"];

impl Patch {
    pub(crate) fn of(fields: &Fields) -> Result<Self> {
        let options = fields.inner("options", &["allowNameChange", "allowKindChange"])?.unwrap_or_default();
        let target = fields.inner("target", &SELECTOR)?.map(|target| selector_texts(&target)).transpose()?;
        Ok(Self {
            path: fields.text("path")?,
            patch: fields.text("patch")?,
            target_name: target.as_ref().map(|target| target.name.clone()).unwrap_or_default(),
            target: target.map(|target| Selector::new(&target)).transpose()?,
            allow_name_change: options.flag("allowNameChange")?,
            allow_kind_change: options.flag("allowKindChange")?,
        })
    }
}

pub(crate) fn selector_texts(fields: &Fields) -> Result<SelectorTexts> {
    Ok(SelectorTexts {
        group: fields.text("group")?,
        version: fields.text("version")?,
        kind: fields.text("kind")?,
        name: fields.text("name")?,
        namespace: fields.text("namespace")?,
        labels: fields.text("labelSelector")?,
        annotations: fields.text("annotationSelector")?,
    })
}

/// Labels and where else than in the metadata they go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Label {
    pub pairs: Map<String, Value>,
    pub selectors: bool,
    pub templates: bool,
    pub fields: Vec<FieldSpec>,
}

pub(crate) const LABEL: [&str; 4] = ["pairs", "includeSelectors", "includeTemplates", "fields"];

impl Label {
    pub(crate) fn of(fields: &Fields) -> Result<Self> {
        Ok(Self {
            pairs: fields.pairs("pairs")?,
            selectors: fields.flag("includeSelectors")?,
            templates: fields.flag("includeTemplates")?,
            fields: field_specs(fields, "fields")?,
        })
    }
}

/// Options of generators.
#[derive(Debug, Clone, Default)]
pub(crate) struct GeneratorOptions {
    pub labels: Map<String, Value>,
    pub annotations: Map<String, Value>,
    pub no_hash: bool,
    pub immutable: bool,
}

const OPTIONS: [&str; 4] = ["labels", "annotations", "disableNameSuffixHash", "immutable"];

impl GeneratorOptions {
    pub(crate) fn of(fields: &Fields, name: &str) -> Result<Self> {
        let Some(options) = fields.inner(name, &OPTIONS)? else { return Ok(Self::default()) };
        Ok(Self {
            labels: options.pairs("labels")?,
            annotations: options.pairs("annotations")?,
            no_hash: options.flag("disableNameSuffixHash")?,
            immutable: options.flag("immutable")?,
        })
    }

    /// Lays the options of the whole file under these.
    pub(crate) fn over(&mut self, general: &Self) {
        for (mine, theirs) in [(&mut self.labels, &general.labels), (&mut self.annotations, &general.annotations)] {
            for (key, value) in theirs {
                mine.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        self.no_hash |= general.no_hash;
        self.immutable |= general.immutable;
    }
}

/// A ConfigMap or Secret to be generated.
#[derive(Debug, Clone, Default)]
pub(crate) struct Generated {
    pub secret: bool,
    pub name: String,
    pub namespace: String,
    pub behavior: String,
    pub literals: Vec<String>,
    pub files: Vec<String>,
    pub envs: Vec<String>,
    pub options: GeneratorOptions,
    pub of_type: String,
}

pub(crate) const GENERATED: [&str; 9] = ["name", "namespace", "behavior", "literals", "files", "envs", "env", "options", "type"];

impl Generated {
    pub(crate) fn of(fields: &Fields, secret: bool) -> Result<Self> {
        let mut envs = fields.texts("envs")?;
        envs.extend(Some(fields.text("env")?).filter(|env| !env.is_empty()));
        Ok(Self {
            secret,
            name: fields.text("name")?,
            namespace: fields.text("namespace")?,
            behavior: fields.text("behavior")?,
            literals: fields.texts("literals")?,
            files: fields.texts("files")?,
            envs,
            options: GeneratorOptions::of(fields, "options")?,
            of_type: if secret { fields.text("type")? } else { String::new() },
        })
    }
}

/// How a value is taken out of a text or put into it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldOptions {
    pub delimiter: String,
    pub index: i64,
    pub create: bool,
}

/// Where a replacement's value comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Value(String),
    Field { id: Id, path: String, options: FieldOptions },
}

/// Where a replacement's value goes.
#[derive(Debug, Clone)]
pub(crate) struct ReplacementTarget {
    pub select: Selector,
    pub reject: Vec<Selector>,
    pub paths: Vec<String>,
    pub options: FieldOptions,
}

/// A replacement, or the path of a file with some.
#[derive(Debug, Clone)]
pub(crate) enum Replacement {
    File(String),
    Inline { source: Source, targets: Vec<ReplacementTarget> },
}

pub(crate) const REPLACEMENT: [&str; 4] = ["source", "targets", "sourceValue", "path"];
const SOURCE: [&str; 7] = ["group", "version", "kind", "name", "namespace", "fieldPath", "options"];
const FIELD_OPTIONS: [&str; 4] = ["delimiter", "index", "encoding", "create"];

impl Replacement {
    pub(crate) fn of(fields: &Fields) -> Result<Self> {
        let path = fields.text("path")?;
        let targets = fields.each("targets", &["select", "reject", "fieldPaths", "options"])?;
        if !path.is_empty() {
            if fields.has("source") || !targets.is_empty() {
                return fail("cannot specify both path and inline replacement");
            }
            return Ok(Self::File(path));
        }
        let source = match (fields.inner("source", &SOURCE)?, fields.has("sourceValue")) {
            (Some(_), true) => return fail("value and resource selectors are mutually exclusive"),
            (None, true) => Source::Value(fields.text("sourceValue")?),
            (None, false) => return fail("replacements must specify a source and at least one target"),
            (Some(source), false) => {
                let gvk = Gvk { group: source.text("group")?, version: source.text("version")?, kind: source.text("kind")? };
                let id = Id { gvk, name: source.text("name")?, namespace: source.text("namespace")?, cluster: false };
                let path = Some(source.text("fieldPath")?).filter(|path| !path.is_empty()).unwrap_or_else(|| "metadata.name".to_owned());
                Source::Field { id, path, options: field_options(&source)? }
            }
        };
        if !fields.has("targets") {
            return fail("replacements must specify a source and at least one target");
        }
        let targets = targets.iter().map(replacement_target).collect::<Result<_>>()?;
        Ok(Self::Inline { source, targets })
    }
}

fn replacement_target(fields: &Fields) -> Result<ReplacementTarget> {
    let Some(select) = fields.inner("select", &SELECTOR)? else { return fail("target must specify resources to select") };
    let select = Selector::new(&selector_texts(&select)?)?;
    let reject = fields.each("reject", &SELECTOR)?.iter().map(|reject| Selector::new(&selector_texts(reject)?)).collect::<Result<_>>()?;
    let mut paths = fields.texts("fieldPaths")?;
    if paths.is_empty() {
        paths.push("metadata.name".to_owned());
    }
    Ok(ReplacementTarget { select, reject, paths, options: field_options(fields)? })
}

fn field_options(fields: &Fields) -> Result<FieldOptions> {
    let Some(options) = fields.inner("options", &FIELD_OPTIONS)? else { return Ok(FieldOptions::default()) };
    Ok(FieldOptions { delimiter: options.text("delimiter")?, index: options.number("index")?, create: options.flag("create")? })
}

/// A var: a name for a field of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Var {
    pub name: String,
    pub id: Id,
    pub path: String,
}

pub(crate) const VAR: [&str; 3] = ["name", "objref", "fieldref"];

impl Var {
    pub(crate) fn of(fields: &Fields) -> Result<Self> {
        let object = fields.inner("objref", &["apiVersion", "group", "version", "kind", "name", "namespace"])?.unwrap_or_default();
        let api_version = object.text("apiVersion")?;
        let mut gvk = Gvk { group: object.text("group")?, version: object.text("version")?, kind: object.text("kind")? };
        match api_version.split('/').collect::<Vec<_>>()[..] {
            [group, version] => (gvk.group, gvk.version) = (group.to_owned(), version.to_owned()),
            [version] if !version.is_empty() => gvk.version = version.to_owned(),
            _ => {}
        }
        let path = fields.inner("fieldref", &["fieldPath"])?.map(|field| field.text("fieldPath")).transpose()?.unwrap_or_default();
        let path = if path.is_empty() { "metadata.name".to_owned() } else { path };
        let id = Id { gvk, name: object.text("name")?, namespace: object.text("namespace")?, cluster: false };
        Ok(Self { name: fields.text("name")?, id, path })
    }
}

/// Reads replacements from a file that holds one or a list of them.
pub(crate) fn replacements(value: &Value) -> Result<Vec<Replacement>> {
    let one = |value: &Value| Replacement::of(&Fields::new(value, "Replacement", &REPLACEMENT, Unknown::Ignored)?);
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        Value::Object(_) => Ok(vec![one(value)?]),
        _ => fail("unsupported replacement type encountered within replacement path"),
    }
}
