//! What a range of Python's becomes after an update. Read first: [`new_value`].

use super::pep440::{Specifier, Version, satisfies, version};
use super::{Change, Strategy, VersionError};

/// How many numbers of a limit count; `None` when that is more than four.
type Precision = Option<usize>;

/// Returns what a file says after an update.
pub(crate) fn new_value(change: &Change<'_>) -> Result<Option<String>, VersionError> {
    let (current, new) = (change.current_value, change.new_version);
    if change.current_version == Some(current) {
        return Ok(Some(new.to_owned()));
    }
    if Version::parse(current).is_some() {
        let mark = current.get(..1).filter(|mark| mark.eq_ignore_ascii_case("v")).unwrap_or_default();
        return Ok(Some(format!("{mark}{new}")));
    }
    let Some(range) = Specifier::parse_all(current).filter(|range| range.iter().all(|each| each.operator != "===")) else {
        return Ok(None);
    };
    if range.is_empty() {
        return Ok(Some(current.to_owned()));
    }
    if range.iter().any(|each| each.operator == "!=" && each.version == new) {
        return Ok(None);
    }
    let parts = match change.strategy {
        Strategy::Widen => widened(current, new, &range)?,
        Strategy::Bump => range
            .iter()
            .map(|each| if each.operator == ">=" { Ok(format!(">={new}")) } else { moved(each, new) })
            .collect::<Result<_, _>>()?,
        Strategy::Auto | Strategy::Pin | Strategy::Replace | Strategy::UpdateLockfile => replaced(current, new, &range)?,
    };
    let separator = if current.contains(", ") { ", " } else { "," };
    let value = shortest(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(separator), new);
    Ok(satisfies(new, &value, None).then_some(value))
}

/// `==1.*, >=1.2` says no more than its first part where that alone takes the new version in.
fn shortest(value: String, new: &str) -> String {
    match value.split(',').collect::<Vec<_>>().as_slice() {
        [first, second, ..] if first.contains(".*") && first.contains("==") && second.contains(">=") && satisfies(new, first, None) => {
            (*first).to_owned()
        }
        _ => value,
    }
}

fn release(text: &str) -> Vec<u64> {
    Version::parse(text).map(|version| version.release).unwrap_or_default()
}

fn joined(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

fn precision(range: &[Specifier]) -> Precision {
    let bound = release(&range.get(1).unwrap_or(&range[0]).version);
    let mut found = match range {
        [_] => bound.len().checked_sub(1),
        [lower, _] => {
            let lower = release(&lower.version);
            bound.iter().enumerate().position(|(at, number)| lower.get(at).is_some_and(|lower| number > lower))
        }
        _ => None,
    };
    // `<2.0` is about minor versions.
    if found == Some(0) && bound.get(1) == Some(&0) {
        found = Some(1);
    }
    known(found.or_else(|| bound.len().checked_sub(1)))
}

fn known(precision: Precision) -> Precision {
    precision.filter(|precision| *precision <= 3)
}

/// Returns a limit above a version, as long as the old limit; without one the version itself, cut.
fn future(precision: Precision, new: &str, old: Option<&str>) -> Vec<u64> {
    let to = release(new);
    let part = |at: usize| {
        let number = to.get(at).copied().unwrap_or(0);
        match precision {
            Some(precision) if at < precision => number,
            Some(precision) if at == precision => number.saturating_add(u64::from(old.is_some())),
            _ => 0,
        }
    };
    (0..release(old.unwrap_or(new)).len()).map(part).collect()
}

fn trimmed(mut numbers: Vec<u64>, trim: bool) -> Vec<u64> {
    while trim && numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

fn short(range: &[Specifier]) -> bool {
    range.iter().any(|each| each.parsed.as_ref().is_some_and(|parsed| parsed.release.len() < 3))
}

fn at_least(new: &str, limit: &str) -> Result<bool, VersionError> {
    Ok(version(new)?.cmp(&version(limit)?).is_ge())
}

fn at_most(new: &str, limit: &str) -> Result<bool, VersionError> {
    Ok(version(new)?.cmp(&version(limit)?).is_le())
}

fn replaced(current: &str, new: &str, range: &[Specifier]) -> Result<Vec<String>, VersionError> {
    if satisfies(new, current, None) {
        return Ok(vec![current.to_owned()]);
    }
    let trim = short(range);
    let one = |each: &Specifier| {
        let operator = each.operator.as_str();
        if operator == "<" && at_least(new, &each.version)? {
            return Ok(format!("<{}", joined(&trimmed(future(precision(range), new, Some(&each.version)), trim))));
        }
        if !matches!(operator, ">" | ">=") {
            return moved(each, new);
        }
        if at_most(new, &each.version)? {
            return Ok(format!(">={new}"));
        }
        let mut base = trimmed(future(release(&each.version).len().checked_sub(1), new, None), trim);
        if operator == ">" && base.len() > 1 && joined(&base) == new {
            base.pop();
        }
        Ok(format!("{operator}{}", joined(&base)))
    };
    range.iter().map(one).collect()
}

fn widened(current: &str, new: &str, range: &[Specifier]) -> Result<Vec<String>, VersionError> {
    if satisfies(new, current, None) {
        return Ok(vec![current.to_owned()]);
    }
    let (mut precision, trim) = (precision(range), short(range));
    let divided = match range {
        [only] if only.operator == "~=" => divide(only),
        _ => range.to_vec(),
    };
    let mut parts = Vec::new();
    for each in &divided {
        if each.operator == "<" && at_least(new, &each.version)? {
            let bound = release(&each.version);
            if bound.last() != Some(&0) {
                precision = known(bound.len().checked_sub(1));
            }
            parts.push(format!("<{}", joined(&trimmed(future(precision, new, Some(&each.version)), trim))));
        } else {
            parts.push(moved(each, new)?);
        }
    }
    Ok(parts)
}

/// `~=1.2.3` is `>=1.2.3` and `<1.3`.
fn divide(range: &Specifier) -> Vec<Specifier> {
    let mut upper = release(&range.version);
    upper.pop();
    if let Some(last) = upper.last_mut() {
        *last = last.saturating_add(1);
    }
    let part = |operator: &str, version: String| Specifier {
        operator: operator.to_owned(),
        parsed: Version::parse(&version),
        version,
        prefix: false,
    };
    vec![part(">=", range.version.clone()), part("<", joined(&upper))]
}

/// Moves one specifier so far that it takes a version in.
fn moved(each: &Specifier, new: &str) -> Result<String, VersionError> {
    let (operator, limit) = (each.operator.as_str(), each.version.as_str());
    if operator == "!=" {
        return Ok(format!("!={limit}"));
    }
    if each.prefix {
        return Ok(format!("{operator}{}.*", joined(&future(Some(usize::MAX), new, Some(limit)))));
    }
    Ok(match operator {
        "~=" => {
            let (base, mut next) = (release(limit).len(), release(new));
            if base == next.len() {
                format!("~={new}")
            } else {
                next.resize(base, 0);
                format!("~={}", joined(&next))
            }
        }
        "==" | "<=" if at_most(new, limit)? => format!("{operator}{limit}"),
        "==" | "<=" => format!("{operator}{new}"),
        "<" if at_least(new, limit)? => format!("<{}", joined(&future(precision(std::slice::from_ref(each)), new, Some(limit)))),
        "<" => format!("<{limit}"),
        _ if at_most(new, limit)? => format!(">={new}"),
        _ => format!("{operator}{limit}"),
    })
}
