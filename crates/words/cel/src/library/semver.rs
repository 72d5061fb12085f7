//! Semantic versions as github.com/blang/semver reads them. kubernetes `apiserver/pkg/cel/library/semverlib.go`.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::library::Outcome;
use crate::value::{EvalError, Value};

/// A version in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Semver {
    numbers: [u64; 3],
    before: Vec<String>,
}

impl Semver {
    /// Compares by precedence.
    pub fn order(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.before.is_empty(), other.before.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self
                .before
                .iter()
                .zip(&other.before)
                .map(|(left, right)| part_order(left, right))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| self.before.len().cmp(&other.before.len())),
        })
    }
}

fn part_order(left: &str, right: &str) -> Ordering {
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

/// Fills in what a lenient reading may lack: no `v`, leading zeroes or missing numbers.
fn normalized(text: &str) -> Result<String, String> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (front, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let mut parts: Vec<String> = front
        .splitn(3, '.')
        .map(|part| {
            let cut = part.trim_start_matches('0');
            if cut.is_empty() && !part.is_empty() { "0".to_owned() } else { cut.to_owned() }
        })
        .collect();
    if parts.len() < 3 && !rest.is_empty() {
        return Err("short version cannot contain PreRelease/Build meta data".to_owned());
    }
    while parts.len() < 3 {
        parts.push("0".to_owned());
    }
    Ok(parts.join(".") + rest)
}

fn parse(text: &str, lenient: bool) -> Result<Semver, String> {
    let normal = if lenient { normalized(text)? } else { text.to_owned() };
    if normal.is_empty() {
        return Err("Version string empty".to_owned());
    }
    let (front, build) = normal.split_once('+').map_or((normal.as_str(), None), |(front, build)| (front, Some(build)));
    let (front, before) = front.split_once('-').map_or((front, None), |(front, before)| (front, Some(before)));
    let parts: Vec<&str> = front.split('.').collect();
    let [major, minor, patch] = parts[..] else { return Err("No Major.Minor.Patch elements found".to_owned()) };
    let mut numbers = [0; 3];
    for (place, (name, part)) in [("major", major), ("minor", minor), ("patch", patch)].into_iter().enumerate() {
        if !part.bytes().all(|one| one.is_ascii_digit()) || part.is_empty() {
            return Err(format!("Invalid character(s) found in {name} number {part:?}"));
        }
        if part.len() > 1 && part.starts_with('0') {
            let title: String = name[..1].to_uppercase() + &name[1..];
            return Err(format!("{title} number must not contain leading zeroes {part:?}"));
        }
        numbers[place] = part.parse().map_err(|_| format!("strconv.ParseUint: parsing {part:?}: value out of range"))?;
    }
    let valid = |part: &str| part.bytes().all(|one| one.is_ascii_alphanumeric() || one == b'-');
    let mut ids = Vec::new();
    for part in before.into_iter().flat_map(|before| before.split('.')) {
        if part.is_empty() {
            return Err("Prerelease is empty".to_owned());
        }
        if !valid(part) {
            return Err(format!("Invalid character(s) found in prerelease {part:?}"));
        }
        if part.len() > 1 && part.starts_with('0') && part.bytes().all(|one| one.is_ascii_digit()) {
            return Err(format!("Numeric PreRelease version must not contain leading zeroes {part:?}"));
        }
        ids.push(part.to_owned());
    }
    for part in build.into_iter().flat_map(|build| build.split('.')) {
        if part.is_empty() {
            return Err("Build meta data is empty".to_owned());
        }
        if !valid(part) {
            return Err(format!("Invalid character(s) found in build meta data {part:?}"));
        }
    }
    Ok(Semver { numbers, before: ids })
}

pub(crate) fn call(function: &str, _member: bool, values: &[Value]) -> Option<Outcome> {
    let read = |text: &str, lenient: bool| parse(text, lenient).map(|one| Value::Semver(Arc::new(one))).map_err(EvalError::new);
    let number = |one: &Semver, place: usize| Ok(Value::Int(i64::try_from(one.numbers[place]).unwrap_or(i64::MAX)));
    Some(match (function, values) {
        ("semver", [Value::String(text)]) => read(text, false),
        ("semver", [Value::String(text), Value::Bool(lenient)]) => read(text, *lenient),
        ("isSemver", [Value::String(text)]) => Ok(Value::Bool(parse(text, false).is_ok())),
        ("isSemver", [Value::String(text), Value::Bool(lenient)]) => Ok(Value::Bool(parse(text, *lenient).is_ok())),
        ("isGreaterThan", [Value::Semver(left), Value::Semver(right)]) => Ok(Value::Bool(left.order(right).is_gt())),
        ("isLessThan", [Value::Semver(left), Value::Semver(right)]) => Ok(Value::Bool(left.order(right).is_lt())),
        ("compareTo", [Value::Semver(left), Value::Semver(right)]) => Ok(Value::Int(left.order(right) as i64)),
        ("major", [Value::Semver(one)]) => number(one, 0),
        ("minor", [Value::Semver(one)]) => number(one, 1),
        ("patch", [Value::Semver(one)]) => number(one, 2),
        _ => return None,
    })
}
