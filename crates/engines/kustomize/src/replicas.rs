//! Replica counts. Source: kustomize `api/internal/builtins/ReplicaCountTransformer.go`.

use serde_json::Value;

use crate::config::FieldSpec;
use crate::error::{Result, fail};
use crate::fieldspec::{Create, apply, set_scalar};
use crate::id::Id;
use crate::list::List;

pub(crate) fn transform(list: &mut List, name: &str, count: i64, specs: &[FieldSpec]) -> Result<()> {
    let mut found = false;
    let named = list.named(name);
    for spec in specs {
        let of_kind = |id: &Id| id.name == name && id.gvk.selected_by(&spec.gvk);
        for at in &named {
            let resource = &mut list.items[*at];
            if of_kind(&resource.id()) || resource.previous_ids().iter().any(of_kind) {
                found = true;
                apply(&mut resource.value, spec, Create::Scalar, &mut |place| set_scalar(place, Value::from(count)))?;
            }
        }
    }
    if found {
        return Ok(());
    }
    let kinds: Vec<String> = specs.iter().map(|spec| spec.gvk.to_string()).collect();
    fail(format!("resource with name {name} does not match a config with the following GVK [{}]", kinds.join(" ")))
}
