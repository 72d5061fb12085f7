//! Labels and annotations. Source: kustomize `api/filters/labels`, `api/filters/annotations`.

use serde_json::{Map, Value};

use crate::config::FieldSpec;
use crate::error::Result;
use crate::fieldspec::{Create, apply, fits, set_entry, split};
use crate::list::List;
use crate::paths::everywhere;

/// Puts texts into the mappings that the specs name.
pub(crate) fn add(list: &mut List, pairs: &Map<String, Value>, specs: &[FieldSpec]) -> Result<()> {
    for resource in &mut list.items {
        let specs: Vec<&FieldSpec> = specs.iter().filter(|spec| fits(&resource.value, &spec.gvk)).collect();
        for (key, text) in pairs {
            let shared = resource.shared_values();
            let mut new = Vec::new();
            for spec in &specs {
                let mut path = split(&spec.path, '/');
                path.push(key.clone());
                let places = |value: &Value| {
                    let mut found = Vec::new();
                    everywhere(value, &path, &mut Vec::new(), &mut found);
                    found
                };
                let before = places(&resource.value);
                let mut set = false;
                apply(&mut resource.value, spec, Create::Map, &mut |place| {
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
