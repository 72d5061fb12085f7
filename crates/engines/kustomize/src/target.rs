//! One kustomization and all that it is made of. Source: kustomize `api/internal/target/kusttarget.go`.
//! Read first: [`Build::accumulate`].

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::affixes::{self, End};
use crate::arguments::Var;
use crate::config::{Config, FieldSpec, merge_specs};
use crate::error::{BuildError, Result, Wrap as _, fail};
use crate::kustomization::{self, Kustomization};
use crate::list::List;
use crate::loader::Loader;
use crate::namespace::{self, Namespace};
use crate::origin::{self, Origin};
use crate::schema::Schemas;
use crate::{crds, generators, images, labels, patches, plugins, read, replacements, replicas, vars};

/// What has come together so far.
#[derive(Debug, Default)]
pub(crate) struct Accumulator {
    pub list: List,
    pub config: Arc<Config>,
    pub vars: BTreeMap<String, Var>,
    /// Deprecated fields that were met, with what to use instead.
    pub deprecated: Vec<(&'static str, &'static str)>,
}

/// A kustomization with its surroundings.
pub(crate) struct Target<'a> {
    pub file: Kustomization,
    pub loader: Loader<'a>,
    pub schemas: Rc<Schemas>,
    /// Where it came from; only kept where annotations about it are wanted.
    pub origin: Option<Origin>,
}

impl Accumulator {
    fn merge(&mut self, other: Self) -> Result<()> {
        self.list.append(other.list.items)?;
        self.deprecated.extend(other.deprecated);
        Config::add(&mut self.config, &other.config)?;
        self.add_vars(other.vars.into_values())
    }

    fn add_vars(&mut self, new: impl IntoIterator<Item = Var>) -> Result<()> {
        for var in new {
            if self.vars.contains_key(&var.name) {
                return fail(format!("var '{}' already encountered", var.name));
            }
            self.vars.insert(var.name.clone(), var);
        }
        Ok(())
    }
}

impl<'a> Target<'a> {
    pub(crate) fn new(loader: Loader<'a>, schemas: &Rc<Schemas>) -> Result<Self> {
        let file = kustomization::read(&loader)?;
        let custom = file.openapi_path.as_ref().map(|path| loader.text(path)).transpose()?;
        schemas.decide(file.openapi_version.as_deref(), custom.as_deref())?;
        Ok(Self { file, loader, schemas: schemas.clone(), origin: None })
    }

    /// Reads, generates and transforms.
    pub(crate) fn accumulate(&self, mut so_far: Accumulator) -> Result<Accumulator> {
        so_far.deprecated.extend(&self.file.deprecated);
        self.resources(&mut so_far, &self.file.resources, "resources")?;
        Config::add(&mut so_far.config, &Config::of(&self.loader, &self.file.configurations)?)?;
        if !self.file.crds.is_empty() {
            Arc::make_mut(&mut so_far.config).merge(&crds::config(&self.loader, &self.file.crds)?)?;
        }
        self.generate(&mut so_far)?;
        for path in &self.file.components {
            let loader = self.loader.enter(path).wrap(|| "accumulating components: loader.New".to_owned())?;
            let parent = std::mem::take(&mut so_far);
            so_far = self.folder(loader, path, Some(parent)).wrap(|| "accumulating components: accumulateDirectory".to_owned())?;
        }
        self.transform(&mut so_far)?;
        for validator in self.plugins(&self.file.validators)?.items {
            plugins::validate(&mut so_far.list, &validator, &self.loader, &self.schemas)?;
        }
        vars::point(&mut so_far.list, &self.file.vars).wrap(|| "merging vars".to_owned())?;
        so_far.add_vars(self.file.vars.iter().cloned()).wrap(|| "merging vars".to_owned())?;
        Ok(so_far)
    }

    fn resources(&self, so_far: &mut Accumulator, paths: &[String], what: &str) -> Result<()> {
        for path in paths {
            let error = match self.resource_file(so_far, path) {
                Ok(()) => continue,
                Err(error) => error,
            };
            let loader = match self.loader.enter(path) {
                Ok(loader) => loader,
                Err(BuildError::NotFound { .. }) => return Err(error).wrap(|| format!("accumulating {what}")),
                Err(other) => {
                    let told = matches!(error, BuildError::NotFound { .. }) || error.to_string().contains("must resolve to a file");
                    return Err(if told { other } else { error }).wrap(|| format!("accumulating {what}"));
                }
            };
            let made = self.folder(loader, path, None).wrap(|| format!("accumulating {what}"))?;
            so_far.merge(made).wrap(|| format!("recursed merging from path '{path}'"))?;
        }
        Ok(())
    }

    fn resource_file(&self, so_far: &mut Accumulator, path: &str) -> Result<()> {
        let text = self.loader.text(path)?;
        let place = crate::loader::join(&self.loader.shown_root(), path);
        let found = List::of(read::resources(&text, &place, &self.schemas)?);
        let mut found = found.wrap(|| format!("accumulating resources from '{path}'"))?;
        if let Some(origin) = &self.origin {
            let origin = origin.below(path);
            found.items.iter_mut().for_each(|resource| origin::annotate(resource, &origin));
        }
        so_far.list.append(found.items).wrap(|| format!("merging resources from '{path}'"))
    }

    /// Builds a base, or a component upon what there is.
    fn folder(&self, loader: Loader<'a>, path: &str, parent: Option<Accumulator>) -> Result<Accumulator> {
        let shown = loader.shown_root();
        let mut inner = Target::new(loader, &self.schemas).wrap(|| format!("couldn't make target for path '{shown}'"))?;
        inner.origin = self.origin.as_ref().map(|origin| origin.below(path));
        match (parent.is_some(), inner.file.component) {
            (true, false) => return fail(format!("expected kind 'Component' for path '{shown}' but got 'Kustomization'")),
            (false, true) => return fail(format!("expected kind != 'Component' for path '{shown}'")),
            _ => {}
        }
        inner.accumulate(parent.unwrap_or_default()).wrap(|| format!("recursed accumulation of path '{shown}'"))
    }

    fn generate(&self, so_far: &mut Accumulator) -> Result<()> {
        for told in &self.file.generated {
            let mut made = generators::make(told, &self.loader, &self.schemas)?;
            if let Some(origin) = &self.origin {
                let kind = if told.secret { "SecretGenerator" } else { "ConfigMapGenerator" };
                origin::annotate(&mut made, &origin.builtin(&self.file.file, kind));
            }
            so_far.list.absorb(vec![made]).wrap(|| "merging from generator".to_owned())?;
        }
        for plugin in self.plugins(&self.file.generators)?.items {
            let mut made = plugins::generate(&plugin, &self.loader, &self.schemas)?;
            if let Some(origin) = self.origin.as_ref().and_then(|_| Origin::of_plugin(&plugin)) {
                made.iter_mut().for_each(|resource| origin::annotate(resource, &origin));
            }
            so_far.list.absorb(made).wrap(|| "merging from generator".to_owned())?;
        }
        Ok(())
    }

    /// Configurations of generators, transformers or validators: inline, files or folders.
    fn plugins(&self, entries: &[String]) -> Result<List> {
        let mut found = Accumulator::default();
        let mut paths = Vec::new();
        for entry in entries {
            match read::resources(entry, "inline", &self.schemas).and_then(List::of) {
                Ok(mut inline) => {
                    if let Some(origin) = &self.origin {
                        let origin = origin.below(&self.file.file);
                        inline.items.iter_mut().for_each(|plugin| origin::annotate(plugin, &origin));
                    }
                    found.list.append(inline.items)?;
                }
                Err(_) => paths.push(entry.clone()),
            }
        }
        self.resources(&mut found, &paths, "plugin configurations")?;
        Ok(found.list)
    }

    fn transform(&self, so_far: &mut Accumulator) -> Result<()> {
        let (file, config) = (&self.file, so_far.config.clone());
        let list = &mut so_far.list;
        if !file.strategic_patches.is_empty() {
            patches::transform_strategic(list, &file.strategic_patches, "", &self.loader, &self.schemas)?;
            self.changed(list, "PatchStrategicMergeTransformer");
        }
        for patch in &file.patches {
            patches::transform(list, patch, &self.loader, &self.schemas)?;
            self.changed(list, "PatchTransformer");
        }
        if !file.namespace.is_empty() {
            let told = Namespace { namespace: file.namespace.clone(), specs: config.namespace.clone(), ..Namespace::default() };
            namespace::transform(list, &told)?;
            self.changed(list, "NamespaceTransformer");
        }
        if !file.name_prefix.is_empty() {
            affixes::transform(list, End::Prefix, &file.name_prefix, &config.name_prefix)?;
            self.changed(list, "PrefixTransformer");
        }
        if !file.name_suffix.is_empty() {
            affixes::transform(list, End::Suffix, &file.name_suffix, &config.name_suffix)?;
            self.changed(list, "SuffixTransformer");
        }
        self.labels(list, &config)?;
        if !file.common_annotations.is_empty() {
            labels::add(list, &file.common_annotations, &config.common_annotations)?;
            self.changed(list, "AnnotationsTransformer");
        }
        for patch in &file.json_patches {
            patches::transform_json(list, patch, &self.loader)?;
            self.changed(list, "PatchJson6902Transformer");
        }
        for (name, count) in &file.replicas {
            replicas::transform(list, name, *count, &config.replicas)?;
            self.changed(list, "ReplicaCountTransformer");
        }
        for image in &file.images {
            images::transform(list, image, &config.images)?;
            self.changed(list, "ImageTagTransformer");
        }
        if !file.replacements.is_empty() {
            replacements::transform(list, &file.replacements, &self.loader)?;
            self.changed(list, "ReplacementTransformer");
        }
        for plugin in self.plugins(&file.transformers)?.items {
            plugins::transform(list, &plugin, &self.loader, &self.schemas)?;
            if let Some(origin) = self.origin.as_ref().and_then(|_| Origin::of_plugin(&plugin)) {
                origin::changed(list, &origin);
            }
        }
        Ok(())
    }

    fn labels(&self, list: &mut List, config: &Config) -> Result<()> {
        if self.file.labels.is_empty() && self.file.common_labels.is_empty() {
            return Ok(());
        }
        for label in &self.file.labels {
            let mut specs = label.fields.clone();
            let failed = || "failed to merge labels".to_owned();
            merge_specs(&mut specs, &config.labels).wrap(failed)?;
            if label.selectors {
                merge_specs(&mut specs, &config.common_labels).wrap(failed)?;
            } else {
                if label.templates {
                    merge_specs(&mut specs, &config.template_labels).wrap(failed)?;
                }
                let metadata = FieldSpec { path: "metadata/labels".to_owned(), create: true, ..FieldSpec::default() };
                merge_specs(&mut specs, &[metadata]).wrap(failed)?;
            }
            labels::add(list, &label.pairs, &specs)?;
            self.changed(list, "LabelTransformer");
        }
        // Upstream runs this one even where it has nothing to add.
        labels::add(list, &self.file.common_labels, &config.common_labels)?;
        self.changed(list, "LabelTransformer");
        Ok(())
    }

    fn changed(&self, list: &mut List, kind: &str) {
        if let Some(origin) = &self.origin {
            origin::changed(list, &origin.builtin(&self.file.file, kind));
        }
    }
}
