//! `generators`, `transformers` and `validators`: built-in kinds with a configuration of their own. Programs and containers
//! are refused by name. Source: kustomize `api/internal/plugins/loader/loader.go`, `api/internal/builtins`.

use std::rc::Rc;

use serde_json::Value;

use crate::affixes::{self, End};
use crate::arguments::{GENERATED, Generated, IMAGE, Image, PATCH, Patch, REPLACEMENT, Replacement};
use crate::config::field_specs;
use crate::decode::{Fields, Unknown};
use crate::error::{Result, Wrap as _, fail};
use crate::list::List;
use crate::loader::Loader;
use crate::namespace::{self, Namespace, Subjects};
use crate::resource::Resource;
use crate::schema::Schemas;
use crate::{generators, hash, images, labels, patches, replacements, replicas, value_add};

fn fields(plugin: &Resource, known: &[&str]) -> Result<Fields> {
    let gvk = plugin.gvk();
    if !gvk.group.is_empty() || gvk.version != "builtin" {
        return fail(format!("external plugins disabled; unable to load external plugin '{}'", gvk.kind));
    }
    let mut value = plugin.value.clone();
    crate::value::settle(&mut value);
    Fields::new(&value, &gvk.kind, known, Unknown::Ignored)
}

/// Makes what a generator's configuration asks for.
pub(crate) fn generate(plugin: &Resource, loader: &Loader<'_>, schemas: &Rc<Schemas>) -> Result<Vec<Resource>> {
    let kind = plugin.kind();
    let made = match kind.as_str() {
        "ConfigMapGenerator" | "SecretGenerator" => {
            let mut known = GENERATED.to_vec();
            known.push("metadata");
            let mut told = Generated::of(&fields(plugin, &known)?, kind == "SecretGenerator")?;
            if told.name.is_empty() {
                told.name = plugin.name();
            }
            if told.namespace.is_empty() {
                told.namespace = plugin.namespace();
            }
            generators::make(&told, loader, schemas)?
        }
        "IAMPolicyGenerator" => generators::service_account(&fields(plugin, &["cloud", "kubernetesService", "serviceAccount"])?, schemas)?,
        "HelmChartInflationGenerator" => return fail("HelmChartInflationGenerator is not supported"),
        _ => {
            fields(plugin, &[])?;
            return fail(format!("failed to load generator: unable to load builtin {}", plugin.gvk()));
        }
    };
    Ok(vec![made])
}

/// Carries out what a transformer's configuration asks for.
pub(crate) fn transform(list: &mut List, plugin: &Resource, loader: &Loader<'_>, schemas: &Rc<Schemas>) -> Result<()> {
    run(list, plugin, loader, schemas).wrap(|| format!("plugin {}", plugin.original_id()))
}

fn run(list: &mut List, plugin: &Resource, loader: &Loader<'_>, schemas: &Rc<Schemas>) -> Result<()> {
    let specs = |fields: &Fields| field_specs(fields, "fieldSpecs");
    match plugin.kind().as_str() {
        "LabelTransformer" => {
            let told = fields(plugin, &["labels", "fieldSpecs"])?;
            labels::add(list, &told.pairs("labels")?, &specs(&told)?)
        }
        "AnnotationsTransformer" => {
            let told = fields(plugin, &["annotations", "fieldSpecs"])?;
            labels::add(list, &told.pairs("annotations")?, &specs(&told)?)
        }
        "ImageTagTransformer" => {
            let told = fields(plugin, &["imageTag", "fieldSpecs"])?;
            let image = Image::of(&told.inner("imageTag", &IMAGE)?.unwrap_or_default())?;
            images::transform(list, &image, &specs(&told)?)
        }
        "NamespaceTransformer" => {
            let told = fields(plugin, &["metadata", "fieldSpecs", "unsetOnly", "setRoleBindingSubjects"])?;
            let subjects = Subjects::parse(&told.text("setRoleBindingSubjects")?)?;
            let told = Namespace { namespace: plugin.namespace(), specs: specs(&told)?, unset_only: told.flag("unsetOnly")?, subjects };
            namespace::transform(list, &told)
        }
        "PatchTransformer" => patches::transform(list, &Patch::of(&fields(plugin, &PATCH)?)?, loader, schemas),
        "PatchJson6902Transformer" => {
            let told = fields(plugin, &["target", "path", "jsonOp"])?;
            let mut patch = Patch::of(&told)?;
            patch.patch = told.text("jsonOp")?;
            patches::transform_json(list, &patch, loader)
        }
        "PatchStrategicMergeTransformer" => {
            let told = fields(plugin, &["paths", "patches"])?;
            let (paths, inline) = (told.texts("paths")?, told.text("patches")?);
            if paths.is_empty() && inline.is_empty() {
                return fail("empty file path and empty patch content");
            }
            patches::transform_strategic(list, &paths, &inline, loader, schemas)
        }
        kind @ ("PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer") => {
            let told = fields(plugin, &["prefix", "suffix", "fieldSpecs"])?;
            if !told.has("fieldSpecs") {
                return fail("fieldSpecs is not expected to be nil");
            }
            for (end, field, name) in [(End::Prefix, "prefix", "SuffixTransformer"), (End::Suffix, "suffix", "PrefixTransformer")] {
                if kind != name {
                    affixes::transform(list, end, &told.text(field)?, &specs(&told)?)?;
                }
            }
            Ok(())
        }
        "ReplacementTransformer" => {
            let told = fields(plugin, &["replacements"])?;
            let replacements = told.each("replacements", &REPLACEMENT)?.iter().map(Replacement::of).collect::<Result<Vec<_>>>()?;
            replacements::transform(list, &replacements, loader)
        }
        "ReplicaCountTransformer" => {
            let told = fields(plugin, &["replica", "fieldSpecs"])?;
            let replica = told.inner("replica", &["name", "count"])?.unwrap_or_default();
            replicas::transform(list, &replica.text("name")?, replica.number("count")?, &specs(&told)?)
        }
        "ValueAddTransformer" => value_add::transform(list, &fields(plugin, &["value", "targets", "targetFilePath"])?, loader),
        "HashTransformer" => hash::transform(list),
        _ => {
            fields(plugin, &[])?;
            fail(format!("unable to load builtin {}", plugin.gvk()))
        }
    }
}

/// Runs a validator; it may change nothing but the label that says so.
pub(crate) fn validate(list: &mut List, plugin: &Resource, loader: &Loader<'_>, schemas: &Rc<Schemas>) -> Result<()> {
    let plain = |list: &List| -> Vec<Value> {
        let without = |resource: &Resource| {
            let mut resource = resource.clone();
            let mut labels = resource.labels();
            if labels.remove("validated-by").is_some() {
                resource.set_texts("labels", labels);
            }
            resource.value
        };
        list.items.iter().map(without).collect()
    };
    let before = plain(list);
    transform(list, plugin, loader, schemas)?;
    if plain(list) == before { Ok(()) } else { fail("validator shouldn't modify the resource map") }
}
