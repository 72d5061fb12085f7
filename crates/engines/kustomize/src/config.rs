//! Where transformers look: field specs, built in and from `configurations`.
//! Source: kustomize `api/internal/plugins/builtinconfig`, `api/types/fieldspec.go`. Read first: [`Config`], [`FieldSpec`].

use std::sync::{Arc, LazyLock};

use crate::decode::{Fields, Unknown};
use crate::error::{Result, Wrap as _, fail};
use crate::id::Gvk;
use crate::loader::Loader;
use crate::order;

/// A field of some kinds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FieldSpec {
    pub gvk: Gvk,
    pub path: String,
    pub create: bool,
}

/// Fields that name a resource of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NameReference {
    pub target: Gvk,
    pub referrers: Vec<FieldSpec>,
}

/// All tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub name_prefix: Vec<FieldSpec>,
    pub name_suffix: Vec<FieldSpec>,
    pub namespace: Vec<FieldSpec>,
    pub common_labels: Vec<FieldSpec>,
    pub labels: Vec<FieldSpec>,
    pub template_labels: Vec<FieldSpec>,
    pub common_annotations: Vec<FieldSpec>,
    pub name_reference: Vec<NameReference>,
    pub var_reference: Vec<FieldSpec>,
    pub images: Vec<FieldSpec>,
    pub replicas: Vec<FieldSpec>,
    /// Whether the built-in tables are part of it.
    pub complete: bool,
}

static DEFAULT: LazyLock<Arc<Config>> = LazyLock::new(|| Arc::new(defaults(include_str!("defaults.txt"))));

const TABLES: [&str; 10] = [
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "templateLabels",
    "commonAnnotations",
    "varReference",
    "images",
    "replicas",
];
const SPEC: [&str; 5] = ["group", "version", "kind", "path", "create"];

impl Config {
    /// The built-in tables with those of the files of `configurations`.
    pub(crate) fn of(loader: &Loader<'_>, paths: &[String]) -> Result<Arc<Self>> {
        if paths.is_empty() {
            return Ok(DEFAULT.clone());
        }
        let mut config = Self::clone(&DEFAULT);
        let mut own = Self::default();
        for path in paths {
            own.merge(&from_file(loader, path)?)?;
        }
        config.merge(&own)?;
        Ok(Arc::new(config))
    }

    /// Adds the tables of another one. Nearly always both are the built-in ones, which are not copied.
    pub(crate) fn add(mine: &mut Arc<Self>, theirs: &Arc<Self>) -> Result<()> {
        if Arc::ptr_eq(mine, theirs) || mine.complete && Arc::ptr_eq(theirs, &DEFAULT) {
            return Ok(());
        }
        if Arc::ptr_eq(theirs, &DEFAULT) && **mine == Self::default() {
            *mine = theirs.clone();
            return Ok(());
        }
        Arc::make_mut(mine).merge(theirs)
    }

    fn table(&mut self, name: &str) -> Option<&mut Vec<FieldSpec>> {
        Some(match name {
            "namePrefix" => &mut self.name_prefix,
            "nameSuffix" => &mut self.name_suffix,
            "namespace" => &mut self.namespace,
            "commonLabels" => &mut self.common_labels,
            "labels" => &mut self.labels,
            "templateLabels" => &mut self.template_labels,
            "commonAnnotations" => &mut self.common_annotations,
            "varReference" => &mut self.var_reference,
            "images" => &mut self.images,
            "replicas" => &mut self.replicas,
            _ => return None,
        })
    }

    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        let mut other = other.clone();
        self.complete |= other.complete;
        for name in TABLES {
            let Some(theirs) = other.table(name).map(std::mem::take) else { continue };
            let Some(mine) = self.table(name) else { continue };
            merge_specs(mine, &theirs).wrap(|| format!("failed to merge {name} fieldSpec"))?;
            mine.sort_by(|a, b| order::compare_gvk(&a.gvk, &b.gvk));
        }
        for reference in &other.name_reference {
            self.add_reference(reference)?;
        }
        self.name_reference.sort_by(|a, b| order::compare_gvk(&a.target, &b.target));
        Ok(())
    }

    pub(crate) fn add_reference(&mut self, reference: &NameReference) -> Result<()> {
        match self.name_reference.iter_mut().find(|mine| mine.target == reference.target) {
            Some(mine) => {
                merge_specs(&mut mine.referrers, &reference.referrers).wrap(|| "failed to merge NameReference fieldSpec".to_owned())
            }
            None => {
                self.name_reference.push(reference.clone());
                Ok(())
            }
        }
    }
}

/// Adds what is not covered by a spec of the same path already.
pub(crate) fn merge_specs(mine: &mut Vec<FieldSpec>, theirs: &[FieldSpec]) -> Result<()> {
    for spec in theirs {
        match mine.iter().find(|known| known.path == spec.path && known.gvk.selected_by(&spec.gvk)) {
            Some(known) if known.create != spec.create => return fail("conflicting fieldspecs"),
            Some(_) => {}
            None => mine.push(spec.clone()),
        }
    }
    Ok(())
}

fn from_file(loader: &Loader<'_>, path: &str) -> Result<Config> {
    let text = loader.text(path)?;
    let value = crate::read::settings(&text).map_err(|source| crate::BuildError::Yaml { path: path.to_owned(), source })?;
    let mut known = TABLES.to_vec();
    known.push("nameReference");
    let fields = Fields::new(&value, "TransformerConfig", &known, Unknown::Refused)?;
    let mut config = Config::default();
    for name in TABLES {
        let specs = field_specs(&fields, name)?;
        if let Some(table) = config.table(name) {
            *table = specs;
        }
    }
    for reference in fields.each("nameReference", &["group", "version", "kind", "fieldSpecs"])? {
        let target = Gvk { group: reference.text("group")?, version: reference.text("version")?, kind: reference.text("kind")? };
        config.name_reference.push(NameReference { target, referrers: field_specs(&reference, "fieldSpecs")? });
    }
    Ok(config)
}

/// Reads a list of field specs.
pub(crate) fn field_specs(fields: &Fields, name: &str) -> Result<Vec<FieldSpec>> {
    let spec = |item: &Fields| {
        let gvk = Gvk { group: item.text("group")?, version: item.text("version")?, kind: item.text("kind")? };
        Ok(FieldSpec { gvk, path: item.text("path")?, create: item.flag("create")? })
    };
    fields.each(name, &SPEC)?.iter().map(spec).collect()
}

fn defaults(text: &str) -> Config {
    let mut config = Config { complete: true, ..Config::default() };
    let mut table = String::new();
    let part = |word: &str| if word == "-" { String::new() } else { word.to_owned() };
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.trim_matches(['[', ']']).split(' ').collect();
        match words[..] {
            ["nameReference", kind, group, version] => {
                table.clear();
                config.name_reference.push(NameReference {
                    target: Gvk { group: part(group), version: part(version), kind: part(kind) },
                    referrers: Vec::new(),
                });
            }
            [name] => table = name.to_owned(),
            [path, kind, group, version, create] => {
                let spec = FieldSpec {
                    gvk: Gvk { group: part(group), version: part(version), kind: part(kind) },
                    path: path.to_owned(),
                    create: create == "create",
                };
                match config.table(&table) {
                    Some(specs) => specs.push(spec),
                    None => config.name_reference.last_mut().into_iter().for_each(|reference| reference.referrers.push(spec.clone())),
                }
            }
            _ => {}
        }
    }
    for name in TABLES {
        if let Some(specs) = config.table(name) {
            specs.sort_by(|a, b| order::compare_gvk(&a.gvk, &b.gvk));
        }
    }
    config.name_reference.sort_by(|a, b| order::compare_gvk(&a.target, &b.target));
    config
}
