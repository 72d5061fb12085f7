//! Replacements: a value of one resource copied into others. Source: kustomize `api/filters/replacement/replacement.go`.

use serde_json::Value;

use crate::arguments::{self, FieldOptions, Replacement, ReplacementTarget, Source};
use crate::error::{BuildError, Result, Wrap as _, fail};
use crate::id::Id;
use crate::list::List;
use crate::loader::Loader;
use crate::paths::{Made, find, lookup, parts, place};
use crate::resource::Resource;
use crate::value::{is_empty, is_null, is_scalar, is_text, is_untyped, is_unwritten, meaning, plain, size, text, untyped};

/// Most values of a resource that collections are copied into: a copy into itself doubles it.
const MOST: usize = 100_000;

pub(crate) fn transform(list: &mut List, told: &[Replacement], loader: &Loader<'_>) -> Result<()> {
    for replacement in told {
        match replacement {
            Replacement::Inline { source, targets } => replace(list, source, targets)?,
            Replacement::File(path) => {
                let text = loader.text(path)?;
                let value = crate::read::settings(&text).map_err(|source| BuildError::Yaml { path: path.clone(), source })?;
                for one in arguments::replacements(&value)? {
                    match one {
                        Replacement::Inline { source, targets } => replace(list, &source, &targets)?,
                        Replacement::File(_) => return fail("replacements must specify a source and at least one target"),
                    }
                }
            }
        }
    }
    list.items.retain(|resource| !is_empty(&resource.value));
    Ok(())
}

/// The names that replacements know: the present one and the earlier ones, without regard to scope.
fn ids(resource: &Resource) -> Vec<Id> {
    let mut ids = vec![Id { cluster: false, ..resource.id() }];
    ids.extend(resource.previous_ids());
    ids
}

fn replace(list: &mut List, source: &Source, targets: &[ReplacementTarget]) -> Result<()> {
    let value = match source {
        Source::Value(text) => untyped(text),
        Source::Field { id, path, options } => field(list, id, path, options)?,
    };
    for target in targets {
        for resource in &mut list.items {
            let ids = ids(resource);
            let fits = |selector: &crate::selector::Selector, id: &Id| {
                selector.gvk_fits(&id.gvk) && selector.name_fits(&id.name) && selector.namespace_fits(&id.namespace)
            };
            let rejected = target.reject.iter().any(|reject| {
                (reject.has_texts && reject.texts_fit(&resource.value))
                    || (!reject.names_nothing() && ids.iter().any(|id| fits(reject, id)))
            });
            if target.select.texts_fit(&resource.value) && !rejected && ids.iter().any(|id| fits(&target.select, id)) {
                let shared = resource.shared_values();
                copy(&mut resource.value, &value, target)?;
                if !is_scalar(&value) && size(&resource.value) > MOST {
                    return Err(BuildError::Limit("100,000 values of one resource"));
                }
                resource.spread(&shared);
            }
        }
    }
    Ok(())
}

fn field(list: &List, id: &Id, path: &str, options: &FieldOptions) -> Result<Value> {
    let mut matches = list.items.iter().filter(|resource| ids(resource).iter().any(|other| other.selected_by(id)));
    let shown = format!("{id}:{path}");
    let Some(source) = matches.next() else { return fail(format!("nothing selected by {shown}")) };
    if matches.next().is_some() {
        return fail(format!("multiple matches for selector {shown}"));
    }
    let found = lookup(&source.value, &parts(path)).wrap(|| "error looking up replacement source".to_owned())?;
    let Some(value) = found.filter(|value| !is_empty(value)) else {
        return fail(format!("fieldPath `{path}` is missing for replacement source {id}"));
    };
    if options.delimiter.is_empty() {
        return Ok(value.clone());
    }
    if !is_scalar(value) {
        return fail("delimiter option can only be used with scalar nodes");
    }
    let whole = text(value);
    let chosen = usize::try_from(options.index).ok().and_then(|at| whole.split(&options.delimiter).nth(at));
    match chosen {
        Some(part) => Ok(Value::String(part.to_owned())),
        None => fail(format!("options.index {} is out of bounds for value {whole}", options.index)),
    }
}

fn copy(object: &mut Value, value: &Value, target: &ReplacementTarget) -> Result<()> {
    let made = target.options.create.then_some(match value {
        Value::Object(_) => Made::Map,
        Value::Array(_) => Made::List,
        _ => Made::Scalar,
    });
    for path in &target.paths {
        let parts = parts(path);
        if inside_text(object, value, &parts, target, made)? {
            continue;
        }
        let word = if made.is_some() { "find or create" } else { "find" };
        let missing = || format!("unable to {word} field {path:?} in replacement target");
        let places = find(object, &parts, made).wrap(missing)?;
        if places.is_empty() {
            return fail(missing());
        }
        for steps in places {
            if let Some(field) = place(object, &steps) {
                set(field, value, &target.options)?;
            }
        }
    }
    Ok(())
}

/// Puts the value into a field; a scalar keeps its own type and takes the text only.
fn set(field: &mut Value, value: &Value, options: &FieldOptions) -> Result<()> {
    let mut new = value.clone();
    if !options.delimiter.is_empty() {
        if !is_scalar(field) {
            return fail("delimiter option can only be used with scalar nodes");
        }
        let whole = if is_null(field) { String::new() } else { text(field) };
        let mut parts: Vec<String> = whole.split(&options.delimiter).map(str::to_owned).collect();
        match usize::try_from(options.index) {
            Err(_) => parts.insert(0, text(value)),
            Ok(at) if at >= parts.len() => parts.push(text(value)),
            Ok(at) => parts[at] = text(value),
        }
        new = Value::String(parts.join(&options.delimiter));
    }
    *field = match &*field {
        Value::Object(_) | Value::Array(_) => new,
        field if is_text(field) => Value::String(text(&new)),
        field if is_untyped(field) => untyped(&text(&new)),
        old => typed(old, &text(&new))?,
    };
    Ok(())
}

/// A new text for a number, truth or null must be one as well.
fn typed(old: &Value, new: &str) -> Result<Value> {
    let value = plain(new);
    let kind = |value: &Value| match &meaning(value) {
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::Null => "null",
        _ => "str",
    };
    let (from, to) = (kind(&value), kind(old));
    let fits = to == "str" || from == to || (from, to) == ("int", "float");
    if fits { Ok(value) } else { fail(format!("yaml: cannot decode !!{from} `{new}` as a !!{to}")) }
}

/// Sets a field of the YAML or JSON that a text holds; `false`: there is no such text.
fn inside_text(object: &mut Value, value: &Value, parts: &[String], target: &ReplacementTarget, made: Option<Made>) -> Result<bool> {
    for length in 1..parts.len() {
        let Ok(Some(found)) = lookup(object, &parts[..length]) else { continue };
        if !is_scalar(found) {
            continue;
        }
        if is_null(found) {
            // Upstream makes the field inside the text `null` and forgets it.
            if made.is_some() && !text(found).is_empty() && !is_unwritten(found) {
                return Ok(true);
            }
            continue;
        }
        let whole = text(found);
        let Some(new) = rewritten(&whole, value, &parts[length..], target, made) else { return Ok(false) };
        let places = find(object, &parts[..length], None)?;
        if let Some(field) = places.first().and_then(|steps| place(object, steps)) {
            *field = Value::String(new);
        }
        return Ok(true);
    }
    Ok(false)
}

fn rewritten(whole: &str, value: &Value, parts: &[String], target: &ReplacementTarget, made: Option<Made>) -> Option<String> {
    let mut data = yaml::read(whole, yaml::Dialect::Kyaml).ok().filter(|data| data.is_object() || data.is_array())?;
    let places = find(&mut data, parts, made).ok().filter(|places| !places.is_empty())?;
    let mut edited = whole.to_owned();
    let mut spliced = true;
    for steps in &places {
        let field = place(&mut data, steps)?;
        set(field, value, &target.options).ok()?;
        crate::value::settle(field);
        if spliced {
            match yaml::set_scalar(&edited, &key(steps), field) {
                Ok(text) => edited = text,
                Err(_) => spliced = false,
            }
        }
    }
    if whole.trim_start().starts_with(['{', '[']) {
        let pretty = whole.contains('\n') && whole.contains("  ");
        let text = if pretty { serde_json::to_string_pretty(&data) } else { serde_json::to_string(&data) };
        return text.ok().map(|text| text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"));
    }
    let text = if spliced { edited } else { yaml::write(&data) };
    Some(text.trim().to_owned())
}

/// A place as the YAML editor writes it.
fn key(steps: &[crate::paths::Step]) -> String {
    let part = |step: &crate::paths::Step| match step {
        crate::paths::Step::Index(at) => at.to_string(),
        crate::paths::Step::Key(key) if key.parse::<usize>().is_ok() => format!(":{key}"),
        crate::paths::Step::Key(key) => key.replace('.', "\\.").replace(':', "\\:"),
    };
    steps.iter().map(part).collect::<Vec<_>>().join(".")
}
