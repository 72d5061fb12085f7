//! Prefixes and suffixes of names. Source: kustomize `api/internal/builtins/PrefixTransformer.go`, `SuffixTransformer.go`.

use serde_json::Value;

use crate::config::FieldSpec;
use crate::error::Result;
use crate::fieldspec::{Create, apply, set_scalar};
use crate::id::Gvk;
use crate::list::List;
use crate::value::text;

/// Which end of a name is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Prefix,
    Suffix,
}

pub(crate) fn transform(list: &mut List, end: End, affix: &str, specs: &[FieldSpec]) -> Result<()> {
    for resource in &mut list.items {
        let gvk = resource.original_gvk();
        if kept(&gvk) {
            continue;
        }
        for spec in specs.iter().filter(|spec| gvk.selected_by(&spec.gvk)) {
            if spec.path == "metadata/name" && !affix.is_empty() {
                match end {
                    End::Prefix => resource.notes.affixes.prefixes.push(affix.to_owned()),
                    End::Suffix => resource.notes.affixes.suffixes.push(affix.to_owned()),
                }
                resource.remember_id();
            }
            apply(&mut resource.value, spec, Create::Scalar, &mut |place| {
                let old = text(place);
                let new = if end == End::Prefix { format!("{affix}{old}") } else { format!("{old}{affix}") };
                set_scalar(place, Value::String(new))
            })?;
        }
    }
    Ok(())
}

/// Names that mean something to the cluster stay.
fn kept(gvk: &Gvk) -> bool {
    matches!(gvk.kind.as_str(), "CustomResourceDefinition" | "Namespace")
        || (gvk.kind == "APIService" && gvk.group == "apiregistration.k8s.io")
}
