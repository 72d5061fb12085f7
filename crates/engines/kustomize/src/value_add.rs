//! The ValueAddTransformer: a value put into fields, or into parts of paths that they hold.
//! Source: kustomize `api/internal/builtins/ValueAddTransformer.go`, `api/filters/valueadd`.

use serde_json::Value;

use crate::arguments::{SELECTOR, selector_texts};
use crate::decode::{Fields, Unknown};
use crate::error::{BuildError, Result, fail};
use crate::fieldspec::{set_scalar, split};
use crate::list::List;
use crate::loader::Loader;
use crate::namespace::{self, Namespace};
use crate::selector::Selector;
use crate::value::{is_null, text};

const TARGET: [&str; 3] = ["selector", "fieldPath", "filePathPosition"];

pub(crate) fn transform(list: &mut List, fields: &Fields, loader: &Loader<'_>) -> Result<()> {
    let mut value = fields.text("value")?.trim().to_owned();
    if value.is_empty() {
        value = loader.root.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let mut targets = fields.each("targets", &TARGET)?;
    let path = fields.text("targetFilePath")?;
    if !path.is_empty() {
        let text = loader.text(&path)?;
        let more = crate::read::settings(&text).map_err(|source| BuildError::Yaml { path: path.clone(), source })?;
        targets.extend(Fields::new(&more, "targets", &["targets"], Unknown::Ignored)?.each("targets", &TARGET)?);
    }
    if targets.is_empty() {
        return fail("must specify at least one target");
    }
    for target in &targets {
        let (path, position) = (target.text("fieldPath")?, target.number("filePathPosition")?);
        if path.is_empty() {
            return fail("fieldPath cannot be empty");
        }
        if position < 0 {
            return fail(format!("value of FilePathPosition ({position}) cannot be negative"));
        }
        let chosen = match target.inner("selector", &SELECTOR)? {
            Some(selector) => list.select(&Selector::new(&selector_texts(&selector)?)?),
            None => (0..list.items.len()).collect(),
        };
        for at in chosen {
            let resource = &mut list.items[at];
            if path == "metadata/namespace" {
                namespace::change(resource, &Namespace { namespace: value.clone(), ..Namespace::default() })?;
            } else {
                put(&mut resource.value, &split(&path, '/'), &value, position)?;
            }
        }
    }
    Ok(())
}

fn put(place: &mut Value, path: &[String], value: &str, position: i64) -> Result<()> {
    let Some((first, rest)) = path.split_first() else {
        let old = if is_null(place) { String::new() } else { text(place) };
        let new = if position > 0 { inserted(&old, usize::try_from(position - 1).unwrap_or(0), value) } else { value.to_owned() };
        return set_scalar(place, Value::String(new));
    };
    match place {
        Value::Object(map) => put(
            map.entry(first.clone()).or_insert_with(|| if rest.is_empty() { Value::Null } else { Value::Object(serde_json::Map::new()) }),
            rest,
            value,
            position,
        ),
        Value::Array(items) => match first.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
            Some(item) => put(item, rest, value, position),
            None => Ok(()),
        },
        _ => fail("wrong node kind: expected MappingNode but got ScalarNode"),
    }
}

/// Puts a part into a path; an absolute path stays absolute.
fn inserted(path: &str, at: usize, part: &str) -> String {
    let mut parts: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').filter(|part| !part.is_empty()).collect() };
    let absolute = path.starts_with('/');
    parts.insert(at.min(parts.len()), part);
    format!("{}{}", if absolute { "/" } else { "" }, parts.join("/"))
}
