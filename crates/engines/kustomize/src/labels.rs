//! Labels and annotations. Source: kustomize `api/filters/labels`, `api/filters/annotations`.

use serde_json::{Map, Value};

use crate::config::FieldSpec;
use crate::error::Result;
use crate::fieldspec::{Create, apply_to_any, fitting, set_entry, split};
use crate::list::List;
use crate::paths::everywhere;

/// Puts texts into the mappings that the specs name.
pub(crate) fn add(list: &mut List, pairs: &Map<String, Value>, specs: &[FieldSpec]) -> Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let specs: Vec<(&FieldSpec, Vec<String>)> = specs.iter().map(|spec| (spec, split(&spec.path, '/'))).collect();
    for resource in &mut list.items {
        let fitting = fitting(&resource.value, &specs, |(spec, _)| &spec.gvk);
        for (key, text) in pairs {
            let shared = resource.shared_values();
            let mut new = Vec::new();
            for (spec, path) in &fitting {
                let path: Vec<&str> = path.iter().map(String::as_str).chain([key.as_str()]).collect();
                let places = |value: &Value| {
                    let mut found = Vec::new();
                    everywhere(value, &path, &mut Vec::new(), &mut found);
                    found
                };
                let before = places(&resource.value);
                let mut set = false;
                apply_to_any(&mut resource.value, spec, Create::Map, &mut |place| {
                    set = true;
                    set_entry(place, key, text.clone())
                })?;
                if set {
                    new.extend(places(&resource.value).into_iter().filter(|place| !before.contains(place)));
                }
            }
            resource.spread(&shared);
            resource.share(new);
        }
    }
    Ok(())
}
