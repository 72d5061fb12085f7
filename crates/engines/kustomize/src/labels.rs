//! Labels and annotations. Source: kustomize `api/filters/labels`, `api/filters/annotations`.

use serde_json::{Map, Value};

use crate::config::FieldSpec;
use crate::error::Result;
use crate::fieldspec::{Create, apply, set_entry};
use crate::list::List;

/// Puts texts into the mappings that the specs name.
pub(crate) fn add(list: &mut List, pairs: &Map<String, Value>, specs: &[FieldSpec]) -> Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    for resource in &mut list.items {
        for (key, text) in pairs {
            for spec in specs {
                apply(&mut resource.value, spec, Create::Map, &mut |place| set_entry(place, key, text.clone()))?;
            }
        }
    }
    Ok(())
}
