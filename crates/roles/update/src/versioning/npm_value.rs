//! What a range of npm's becomes after an update. Read first: [`new_value`].

use std::sync::LazyLock;

use regex::Regex;

use super::semver::version;
use super::semver_range::Range;
use super::semver_version::SemVer;
use super::{Change, LONGEST, Strategy, VersionError};

/// One element of a range: a sign between two of them, or an operator and a version that may be cut short.
static ELEMENT: LazyLock<Regex> = LazyLock::new(|| {
    let number = "[0-9]+|x|\\*";
    let pattern = format!(
        "\\s*(?:(?P<sign>\\|\\||-)|(?P<whole>(?P<operator>(?:~?[<>]?|\\^?)=?)\\s*v?(?P<major>[0-9]+)(?:\\.(?P<minor>{number}))?(?:\\.(?P<patch>{number}))?(?:[-+][a-zA-Z0-9.-]+)?))\\s*"
    );
    Regex::new(&pattern).expect("the pattern is fixed")
});

#[derive(Debug, Clone, Copy)]
struct Element<'a> {
    /// The operator, or the sign between two versions.
    operator: &'a str,
    /// All of it, unless it is a sign.
    whole: Option<&'a str>,
    minor: Option<&'a str>,
    patch: Option<&'a str>,
}

fn elements(range: &str) -> Vec<Element<'_>> {
    let all = ELEMENT.captures_iter(range).map(|found| {
        let group = |name: &str| found.name(name).map(|group| group.as_str());
        let operator = group("operator").or(group("sign")).unwrap_or_default();
        Element { operator, whole: group("whole"), minor: group("minor"), patch: group("patch") }
    });
    all.collect()
}

/// Returns what a file says after an update.
pub(crate) fn new_value(change: &Change<'_>) -> Result<Option<String>, VersionError> {
    let (current, new) = (change.current_value, change.new_version);
    if current.len() > LONGEST {
        return Err(VersionError::range(current));
    }
    let keeps = || SemVer::parse(new).is_some_and(|new| Range::npm(current).is_some_and(|range| range.contains(&new)));
    if change.strategy != Strategy::UpdateLockfile && matches!(current, "*" | "x" | "X" | "") {
        return Ok(None);
    }
    if SemVer::parse(current).is_some() {
        return Ok(Some(new.to_owned()));
    }
    match change.strategy {
        Strategy::UpdateLockfile if keeps() => Ok(Some(current.to_owned())),
        Strategy::UpdateLockfile => new_value(&Change { strategy: Strategy::Replace, ..*change }),
        Strategy::Widen => widened(change, keeps()),
        Strategy::Bump => bumped(change),
        Strategy::Auto | Strategy::Pin | Strategy::Replace => replaced(change),
    }
}

fn last<'a>(elements: &[Element<'a>], current: &str) -> Result<Element<'a>, VersionError> {
    elements.last().copied().ok_or_else(|| VersionError::range(current))
}

fn widened(change: &Change<'_>, keeps: bool) -> Result<Option<String>, VersionError> {
    let current = change.current_value;
    if keeps {
        return Ok(Some(current.to_owned()));
    }
    let value = new_value(&Change { strategy: Strategy::Replace, ..*change })?.unwrap_or_else(|| "null".to_owned());
    let all = elements(current);
    let element = last(&all, current)?;
    if element.operator.starts_with('<') {
        let kept = current.rsplit_once(element.operator).map_or("", |(kept, _)| kept);
        return Ok(Some(format!("{kept}{value}")));
    }
    if let [.., before, _] = all.as_slice() {
        if before.operator == "-" {
            let kept = current.rsplit_once('-').map_or("", |(kept, _)| kept);
            return Ok(Some(format!("{kept}- {value}")));
        }
        if element.operator.starts_with('>') {
            return Ok(None);
        }
    }
    Ok(Some(format!("{current} || {value}")))
}

fn bumped(change: &Change<'_>) -> Result<Option<String>, VersionError> {
    version(change.new_version)?;
    let (current, new) = (change.current_value, change.new_version);
    let plain = new.strip_prefix('v').unwrap_or(new);
    let all = elements(current);
    if let [element] = all.as_slice() {
        return Ok(match element.operator {
            "" => Some(plain.to_owned()),
            operator @ ("^" | "~" | "=") => Some(format!("{operator}{plain}")),
            ">=" if current.contains(">= ") => Some(format!(">= {plain}")),
            ">=" => Some(format!(">={plain}")),
            operator if operator.starts_with('<') => Some(current.to_owned()),
            _ => None,
        });
    }
    let mut parts = Vec::new();
    for whole in all.iter().filter_map(|element| element.whole) {
        let part = Change { current_value: whole, ..*change };
        let bumped = new_value(&part)?.filter(|value| !value.is_empty());
        let fits = |value: &String| SemVer::parse(new).is_some_and(|new| Range::npm(value).is_some_and(|range| range.contains(&new)));
        match bumped.filter(fits) {
            Some(value) => parts.push(value),
            None => parts.extend(new_value(&Change { strategy: Strategy::Replace, ..part })?.filter(|value| !value.is_empty())),
        }
    }
    Ok(Some(parts.join(" ")))
}

fn replaced(change: &Change<'_>) -> Result<Option<String>, VersionError> {
    let (current, new) = (change.current_value, change.new_version);
    let to = version(new)?;
    let (major, minor, patch) = (to.major, to.minor, to.patch);
    let plain = new.strip_prefix('v').unwrap_or(new);
    let suffix = to.pre.first().map_or_else(String::new, |first| format!("-{first}"));
    let element = last(&elements(current), current)?;
    Ok(Some(match element.operator {
        "~>" => format!("~> {major}.{minor}.0"),
        "^" => match change.current_version.filter(|_| suffix.is_empty()) {
            Some(version) => format!("^{}", caret(version, new)?),
            None => format!("^{major}.{minor}.{patch}{suffix}"),
        },
        "=" => format!("={plain}"),
        "~" if !suffix.is_empty() => format!("~{major}.{minor}.{patch}{suffix}"),
        "~" => format!("~{major}.{minor}.0"),
        "<=" => {
            let limit = if element.patch.is_some() || !suffix.is_empty() {
                format!("<={plain}")
            } else if element.minor.is_some() {
                format!("<={major}.{minor}")
            } else {
                format!("<={major}")
            };
            if current.contains("<= ") { limit.replacen("<=", "<= ", 1) } else { limit }
        }
        "<" => {
            let limit = below(current, &element, &to);
            if current.contains("< ") { limit.replace('<', "< ") } else { limit }
        }
        "" => match (element.minor, element.patch) {
            (None, _) => format!("{major}"),
            (Some(open @ ("x" | "*")), _) => format!("{major}.{open}"),
            (_, Some(open @ ("x" | "*"))) => format!("{major}.{minor}.{open}"),
            _ => format!("{major}.{minor}"),
        },
        _ => new.to_owned(),
    }))
}

/// Returns the limit that lies above a version, as precise as the old one.
fn below(current: &str, element: &Element<'_>, to: &SemVer) -> String {
    let (major, minor) = (to.major, to.minor);
    if current.ends_with(".0.0") {
        format!("<{}.0.0", major + 1)
    } else if current.ends_with(".0") {
        format!("<{major}.{}{}", minor + 1, if element.patch.is_some() { ".0" } else { "" })
    } else if element.patch.is_some() {
        // A prerelease lies below its own release.
        format!("<{major}.{minor}.{}", to.patch + u64::from(to.pre.is_empty()))
    } else if element.minor.is_some() {
        format!("<{major}.{}", minor + 1)
    } else {
        format!("<{}", major + 1)
    }
}

/// Returns the start of the new caret range: only where the leading number grows there is a new one.
fn caret(old: &str, new: &str) -> Result<String, VersionError> {
    let (from, to) = (version(old)?, version(new)?);
    let (from, to) = ([from.major, from.minor, from.patch], [to.major, to.minor, to.patch]);
    let (mut leading, mut grows, mut result) = (true, false, [0; 3]);
    for at in 0..3 {
        let first = leading && (from[at] != 0 || to[at] != 0);
        leading &= !first;
        grows |= first && to[at] > from[at];
        if !grows && to[at] < from[at] {
            return Ok(new.to_owned());
        }
        result[at] = if first { to[at] } else { 0 };
    }
    Ok(if grows { result.map(|number| number.to_string()).join(".") } else { old.to_owned() })
}
