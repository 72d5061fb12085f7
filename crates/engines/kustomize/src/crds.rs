//! Field specs from the OpenAPI definitions of `crds`. Source: kustomize `api/internal/accumulator/loadconfigfromcrds.go`.

use serde_json::Value;

use crate::config::{Config, FieldSpec, NameReference, merge_specs};
use crate::error::{BuildError, Result};
use crate::id::Gvk;
use crate::loader::Loader;

/// Deepest chain of definitions.
const DEPTH: usize = 50;

pub(crate) fn config(loader: &Loader<'_>, paths: &[String]) -> Result<Config> {
    let mut config = Config::default();
    for path in paths {
        let text = loader.text(path)?;
        let value = crate::read::settings(&text).map_err(|source| BuildError::Yaml { path: path.clone(), source })?;
        for (name, definition) in value.as_object().into_iter().flatten() {
            let properties = &definition["Schema"]["properties"];
            if ["kind", "apiVersion", "metadata"].iter().all(|field| properties.get(field).is_some()) {
                let kind = Gvk { kind: name.rsplit('.').next().unwrap_or(name).to_owned(), ..Gvk::default() };
                add(&mut config, &kind, &value, name, &[])?;
            }
        }
    }
    Ok(config)
}

fn add(config: &mut Config, gvk: &Gvk, all: &Value, name: &str, path: &[&str]) -> Result<()> {
    if path.len() > DEPTH {
        return Err(BuildError::Limit("50 nested definitions"));
    }
    for (field, property) in all[name]["Schema"]["properties"].as_object().into_iter().flatten() {
        let inner = [path, &[field.as_str()]].concat();
        let spec = |path: &[&str]| FieldSpec { gvk: gvk.clone(), path: path.join("/"), create: false };
        let extension = |name: &str| property.get(name).and_then(Value::as_str);
        if extension("x-kubernetes-annotation").is_some() {
            merge_specs(&mut config.common_annotations, &[spec(&inner)])?;
        }
        if extension("x-kubernetes-label-selector").is_some() {
            merge_specs(&mut config.common_labels, &[spec(&inner)])?;
        }
        if extension("x-kubernetes-identity").is_some() {
            merge_specs(&mut config.name_prefix, &[spec(&inner)])?;
        }
        if let (Some(version), Some(kind)) = (extension("x-kubernetes-object-ref-api-version"), extension("x-kubernetes-object-ref-kind")) {
            let key = extension("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let target = Gvk { group: String::new(), version: version.to_owned(), kind: kind.to_owned() };
            config.add_reference(&NameReference { target, referrers: vec![spec(&[&inner[..], &[key]].concat())] })?;
        }
        if let Some(reference) = property["$ref"].as_str() {
            add(config, gvk, all, reference, &inner)?;
        }
    }
    Ok(())
}
