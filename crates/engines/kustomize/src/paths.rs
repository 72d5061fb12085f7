//! Paths with dots into objects, as replacements and vars write them: `spec.containers.[name=app].image`, `a.0`, `a.*`.
//! Source: kustomize `kyaml/utils/pathsplitter.go`, `kyaml/yaml/match.go`, `PathGetter` of `kyaml/yaml/fns.go`.

use serde_json::{Map, Value};

use crate::error::{Result, fail};
use crate::fieldspec::split;
use crate::value::{is_null, text};

/// Most places that one path may name.
const MOST: usize = 100_000;

/// One step to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// What is made at the end of a path that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    Scalar,
    List,
    Map,
}

/// Splits at dots, but not inside `[…]`.
pub(crate) fn parts(path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = split(path, '.').into_iter();
    while let Some(part) = rest.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            found.push(part);
            continue;
        }
        let mut whole = part;
        for part in rest.by_ref() {
            let last = part.ends_with(']');
            whole = format!("{whole}.{part}");
            if last {
                break;
            }
        }
        found.push(if whole.contains('=') { whole } else { whole.trim_matches(['[', ']']).to_owned() });
    }
    found
}

/// Splits `ports[0]` into a field and an index.
pub(crate) fn with_indices(parts: Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    for part in parts {
        match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
            Some((name, index)) if !name.is_empty() && index.parse::<usize>().is_ok() => found.extend([name.to_owned(), index.to_owned()]),
            _ => found.push(part),
        }
    }
    found
}

fn condition(part: &str) -> Option<&str> {
    part.strip_prefix('[')?.strip_suffix(']')
}

/// Looks one value up.
pub(crate) fn lookup<'a>(value: &'a Value, path: &[String]) -> Result<Option<&'a Value>> {
    let mut place = value;
    for part in path.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let next = if let Ok(number) = part.parse::<i64>() {
            let Ok(at) = usize::try_from(number) else { return fail(format!("array index {number} cannot be negative")) };
            items(place)?.get(at)
        } else if part == "-" {
            items(place)?.last()
        } else if part == "*" {
            return fail("wildcard is not supported in PathGetter");
        } else if let Some(condition) = condition(part) {
            let Some((name, wanted)) = condition.split_once('=') else { return no_condition() };
            let fits = |item: &&Value| match name {
                "" => text(item) == wanted,
                name => item.get(name).is_some_and(|field| text(field) == wanted),
            };
            items(place)?.iter().find(fits)
        } else {
            match place {
                Value::Object(map) => map.get(part),
                place if is_null(place) => None,
                _ => return fail("wrong node kind: expected MappingNode but got ScalarNode"),
            }
        };
        match next {
            Some(next) => place = next,
            None => return Ok(None),
        }
    }
    Ok(Some(place))
}

fn items(value: &Value) -> Result<&[Value]> {
    match value {
        Value::Array(items) => Ok(items),
        value if is_null(value) => Ok(&[]),
        _ => fail("wrong node kind: expected SequenceNode but got MappingNode"),
    }
}

fn no_condition<T>() -> Result<T> {
    fail("list path element must contain fieldName=fieldValue for element to match")
}

/// Finds every place that a path names, and makes it where that is asked for.
pub(crate) fn find(value: &mut Value, path: &[String], create: Option<Made>) -> Result<Vec<Vec<Step>>> {
    let mut found = Vec::new();
    walk(value, path, create, &mut Vec::new(), &mut found)?;
    Ok(found)
}

fn walk(value: &mut Value, path: &[String], create: Option<Made>, so_far: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) -> Result<()> {
    let Some((first, rest)) = path.split_first() else {
        if found.len() >= MOST {
            return Err(crate::BuildError::Limit("100,000 places of one path"));
        }
        found.push(so_far.clone());
        return Ok(());
    };
    let mut enter = |value: &mut Value, step: Step, found: &mut Vec<Vec<Step>>| {
        so_far.push(step);
        let result = walk(value, rest, create, so_far, found);
        so_far.pop();
        result
    };
    if let Ok(at) = first.parse::<usize>() {
        let items = list(value)?;
        if items.len() == at
            && let Some(made) = create
        {
            items.push(new_value(rest.first(), made));
        }
        let count = items.len();
        return match items.get_mut(at) {
            Some(item) => enter(item, Step::Index(at), found),
            None => fail(format!("index {at} specified but only {count} elements found")),
        };
    }
    if let Some(condition) = condition(first) {
        let Some((name, pattern)) = condition.split_once('=') else { return no_condition() };
        let regex = match golang::regexp(pattern) {
            Ok(regex) => regex,
            Err(error) => return fail(format!("error parsing regexp: {error}")),
        };
        let before = found.len();
        let mut visit = |value: &mut Value, found: &mut Vec<Vec<Step>>| {
            for (at, item) in list(value)?.iter_mut().enumerate() {
                let fits = match name {
                    "" => regex.is_match(text(item).trim()),
                    name => item.get(name).is_some_and(|field| regex.is_match(text(field).trim())),
                };
                if fits {
                    enter(item, Step::Index(at), found)?;
                }
            }
            Ok(())
        };
        visit(value, found)?;
        if found.len() == before && create.is_some() {
            let wanted = crate::value::plain(pattern);
            list(value)?.push(if name.is_empty() { wanted } else { Value::Object(Map::from_iter([(name.to_owned(), wanted)])) });
            visit(value, found)?;
        }
        return Ok(());
    }
    if first == "*" {
        return list(value)?.iter_mut().enumerate().try_for_each(|(at, item)| enter(item, Step::Index(at), found));
    }
    if is_null(value) {
        return Ok(());
    }
    let Some(map) = value.as_object_mut() else { return fail("wrong node kind: expected MappingNode but got something else") };
    if !map.contains_key(first)
        && let Some(made) = create
    {
        map.insert(first.clone(), new_value(rest.first(), made));
    }
    match map.get_mut(first) {
        Some(field) => enter(field, Step::Key(first.clone()), found),
        None => Ok(()),
    }
}

fn list(value: &mut Value) -> Result<&mut Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        _ => fail("wrong node kind: expected SequenceNode but got something else"),
    }
}

fn new_value(next: Option<&String>, made: Made) -> Value {
    match next {
        Some(next) if condition(next).is_some() || next.parse::<usize>().is_ok() => Value::Array(Vec::new()),
        Some(_) => Value::Object(Map::new()),
        None => match made {
            Made::Scalar => crate::value::untyped(""),
            Made::List => Value::Array(Vec::new()),
            Made::Map => Value::Object(Map::new()),
        },
    }
}

/// The value at a place.
pub(crate) fn place<'a>(value: &'a mut Value, steps: &[Step]) -> Option<&'a mut Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key.as_str()),
        Step::Index(at) => value.get_mut(*at),
    })
}

/// The value at a place, to look at.
pub(crate) fn seen<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get(key.as_str()),
        Step::Index(at) => value.get(*at),
    })
}

/// The places of a field, through every item of the lists on the way.
pub(crate) fn everywhere(value: &Value, path: &[&str], so_far: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    let Some((first, rest)) = path.split_first() else {
        found.push(so_far.clone());
        return;
    };
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                so_far.push(Step::Index(at));
                everywhere(item, path, so_far, found);
                so_far.pop();
            }
        }
        Value::Object(map) => {
            let name = first.strip_suffix("[]").unwrap_or(first);
            if let Some(field) = map.get(name) {
                so_far.push(Step::Key(name.to_owned()));
                everywhere(field, rest, so_far, found);
                so_far.pop();
            }
        }
        _ => {}
    }
}
