//! Vars: `$(NAME)` in some fields, replaced by a field of a resource. Source: kustomize `api/filters/refvar`,
//! `api/internal/accumulator/refvartransformer.go`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::arguments::Var;
use crate::config::FieldSpec;
use crate::error::{Result, fail};
use crate::fieldspec::{Create, apply};
use crate::list::List;
use crate::paths::{lookup, parts, with_indices};
use crate::value::{is_null, is_text, is_untyped, text};

/// Remembers at the resources which vars point at them.
pub(crate) fn point(list: &mut List, vars: &[Var]) -> Result<()> {
    for var in vars {
        let exact = !var.id.namespace.is_empty();
        match list.matching_any(|id| if exact { var.id.same(id) } else { var.id.same_but_namespace(id) }).as_slice() {
            [] => {}
            [at] => list.items[*at].vars.push(var.name.clone()),
            many => return fail(format!("found {} resId matches for var {} (unable to disambiguate)", many.len(), var.name)),
        }
    }
    Ok(())
}

/// Replaces all vars.
pub(crate) fn resolve(list: &mut List, vars: &BTreeMap<String, Var>, specs: &[FieldSpec]) -> Result<()> {
    let mut values = BTreeMap::new();
    for (name, var) in vars {
        let Some(resource) = list.items.iter().find(|resource| resource.vars.contains(name)) else {
            return fail(format!("var '{name}' cannot be mapped to a field in the set of known resources"));
        };
        let found = lookup(&resource.value, &with_indices(parts(&var.path)))?;
        let Some(value) = found else { return fail(format!("field specified in var '{name}' not found in corresponding resource")) };
        values.insert(name.clone(), value.clone());
    }
    if values.is_empty() {
        return Ok(());
    }
    for resource in &mut list.items {
        for spec in specs {
            let shared = resource.shared_values();
            apply(&mut resource.value, spec, Create::Nothing, &mut |place| set(place, &values))?;
            resource.spread(&shared);
        }
    }
    Ok(())
}

fn set(place: &mut Value, values: &BTreeMap<String, Value>) -> Result<()> {
    match place {
        place if is_null(place) => {}
        place if is_text(place) || is_untyped(place) => *place = expanded(&text(place), values),
        Value::Object(map) => {
            for value in map.values_mut() {
                if is_text(value) || is_untyped(value) {
                    *value = expanded(&text(value), values);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if !is_text(item) && !is_untyped(item) {
                    return fail("invalid value type expect a string");
                }
                *item = expanded(&text(item), values);
            }
        }
        _ => {}
    }
    Ok(())
}

/// `$(NAME)` is the var, `$$` a dollar sign; a text that is nothing but a var takes its type.
fn expanded(whole: &str, values: &BTreeMap<String, Value>) -> Value {
    let mut text_so_far = String::new();
    let mut rest = whole;
    while let Some(at) = rest.find('$').filter(|at| at + 1 < rest.len()) {
        text_so_far.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(next) = rest.chars().next() else { break };
        if next == '$' {
            text_so_far.push('$');
            rest = &rest[1..];
            continue;
        }
        let name = rest.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        let Some((name, behind)) = name else {
            text_so_far.push('$');
            text_so_far.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        match values.get(name).filter(|value| crate::value::is_scalar(value) && !is_null(value)) {
            Some(value) if whole.len() == name.len() + 3 => return value.clone(),
            Some(value) => text_so_far.push_str(&text(value)),
            None => text_so_far.push_str(&format!("$({name})")),
        }
        rest = behind;
    }
    text_so_far.push_str(rest);
    Value::String(text_so_far)
}
