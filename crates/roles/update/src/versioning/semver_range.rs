//! Ranges of semantic versions as npm writes them: `^1.2 || >=2.0.0 <3`. Read first: [`Range`]. Follows node-semver 7.

use super::semver_version::{SemVer, number, word};

/// Longest range, and most comparisons in it.
const LONGEST: usize = 4_000;
const COMPARISONS: usize = 500;

/// Alternatives, each of comparisons that all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range(Vec<Vec<Comparison>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Comparison {
    /// Any version.
    Any,
    Is(Operator, SemVer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    AtMost,
    Equal,
    AtLeast,
    Greater,
}

/// A version whose later parts may be missing: `1.2`, `1.x`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Partial {
    /// `None` stands for any number.
    parts: [Option<u64>; 3],
    pre: Vec<super::semver_version::Identifier>,
    /// Whether a number follows a part that is open: `1.x.3`.
    disordered: bool,
    /// How it is written in front: `v` is fine for a full version, more is not.
    marks: String,
}

impl Range {
    /// Reads a range; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::read(text, false)
    }

    /// Reads a range as npm itself does: in `1.x.3` the end does not count.
    pub(crate) fn npm(text: &str) -> Option<Self> {
        Self::read(text, true)
    }

    fn read(text: &str, disordered: bool) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut sets = text.split("||").map(|set| comparisons(set.trim(), disordered)).collect::<Option<Vec<_>>>()?;
        if sets.iter().map(Vec::len).sum::<usize>() > COMPARISONS {
            return None;
        }
        // What nothing satisfies counts only when there is nothing else.
        if sets.len() > 1 {
            let first = sets[0].clone();
            sets.retain(|set| !set.first().is_some_and(Comparison::is_nothing));
            if sets.is_empty() {
                sets.push(first);
            } else if sets.len() > 1 && sets.iter().any(|set| *set == [Comparison::Any]) {
                sets = vec![vec![Comparison::Any]];
            }
        }
        Some(Self(sets))
    }

    /// Tells whether a version is in it. A prerelease is only where the range names one of the same numbers.
    pub(crate) fn contains(&self, version: &SemVer) -> bool {
        self.0.iter().any(|set| {
            let named = |comparison: &Comparison| match comparison {
                Comparison::Any => false,
                Comparison::Is(_, limit) => !limit.pre.is_empty() && limit.same_numbers(version),
            };
            set.iter().all(|comparison| comparison.holds(version)) && (version.pre.is_empty() || set.iter().any(named))
        })
    }
}

impl Comparison {
    /// `<0.0.0-0`, which is how a range says that nothing is in it.
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Is(Operator::Less, limit) if limit.to_string() == "0.0.0-0")
    }

    fn holds(&self, version: &SemVer) -> bool {
        match self {
            Self::Any => true,
            Self::Is(operator, limit) => {
                let order = version.cmp(limit);
                match operator {
                    Operator::Less => order.is_lt(),
                    Operator::AtMost => order.is_le(),
                    Operator::Equal => order.is_eq(),
                    Operator::AtLeast => order.is_ge(),
                    Operator::Greater => order.is_gt(),
                }
            }
        }
    }
}

fn comparisons(set: &str, disordered: bool) -> Option<Vec<Comparison>> {
    let set = without_builds(set);
    if let Some(found) = between(&set) {
        return found.map(tidy);
    }
    let mut all = Vec::new();
    for term in closed(&set).split(' ') {
        all.extend(comparison(term, disordered)?);
    }
    Some(tidy(all))
}

/// Nothing swallows the rest; anything adds nothing.
fn tidy(all: Vec<Comparison>) -> Vec<Comparison> {
    if let Some(nothing) = all.iter().find(|comparison| comparison.is_nothing()) {
        return vec![nothing.clone()];
    }
    let start = at_least(0, 0, 0);
    let some: Vec<Comparison> = all.into_iter().filter(|each| *each != Comparison::Any && *each != start).collect();
    if some.is_empty() { vec![Comparison::Any] } else { some }
}

/// Takes out `+build`, wherever it stands.
fn without_builds(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        out.push_str(&rest[..at]);
        let mut end = at + 1;
        loop {
            let length = rest[end..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(rest.len() - end);
            if length == 0 {
                break;
            }
            end += length;
            let more = rest[end..].strip_prefix('.').is_some_and(|more| more.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-'));
            if !more {
                break;
            }
            end += 1;
        }
        // A plus that begins no build stays, and makes the range none.
        out.push_str(if end == at + 1 { "+" } else { "" });
        rest = &rest[end..];
    }
    out + rest
}

/// Reads `1.2 - 3.4`.
fn between(set: &str) -> Option<Option<Vec<Comparison>>> {
    let (from, to) = set.split_once(" - ")?;
    let (from, to) = (Partial::parse(from)?, Partial::parse(to)?);
    let mut found = Vec::new();
    match from.parts {
        [Some(major), Some(minor), Some(patch)] => {
            if from.marks.len() > usize::from(from.marks == "v") {
                return Some(None);
            }
            found.push(Comparison::Is(Operator::AtLeast, SemVer { major, minor, patch, pre: from.pre }));
        }
        [None, ..] => {}
        [Some(major), minor, _] => found.push(at_least(major, minor.unwrap_or(0), 0)),
    }
    match to.parts {
        [Some(major), Some(minor), Some(patch)] => {
            // Behind the first one marks are dropped where there is a prerelease, because the limit is written anew then.
            if to.pre.is_empty() && to.marks.len() > usize::from(to.marks == "v") {
                return Some(None);
            }
            found.push(Comparison::Is(Operator::AtMost, SemVer { major, minor, patch, pre: to.pre }));
        }
        [None, ..] => {}
        [Some(major), None, _] => found.push(below(major.checked_add(1)?, 0, 0)),
        [Some(major), Some(minor), None] => found.push(below(major, minor.checked_add(1)?, 0)),
    }
    Some(Some(found))
}

/// Takes out the blanks between an operator and what it is about.
fn closed(set: &str) -> String {
    let mut out = String::new();
    for term in set.split(' ') {
        let open = out.ends_with(['<', '>', '=', '~', '^']) && !term.starts_with(['<', '>', '~', '^']);
        if !out.is_empty() && !open {
            out.push(' ');
        }
        out.push_str(term);
    }
    out
}

/// Reads one term; several comparisons may come of it.
fn comparison(term: &str, disordered: bool) -> Option<Vec<Comparison>> {
    if term.is_empty() {
        return Some(vec![Comparison::Any]);
    }
    if let Some(rest) = term.strip_prefix('^') {
        return Partial::parse(rest)?.caret();
    }
    if let Some(rest) = term.strip_prefix('~') {
        return Partial::parse(rest.strip_prefix('>').unwrap_or(rest))?.tilde();
    }
    let (operator, rest) = operator(term);
    let Some(mut partial) = Partial::parse(rest) else { return without_star(term) };
    partial.disordered &= !disordered || partial.marks.len() > usize::from(partial.marks == "v");
    partial.compared(operator)
}

/// Takes the first star out of a term that is otherwise one full version; upstream reads `*1.2.3` so.
fn without_star(term: &str) -> Option<Vec<Comparison>> {
    let at = term.find('*')?;
    let before = term[..at].strip_suffix('=').unwrap_or(&term[..at]);
    let before = before.strip_suffix(['<', '>']).unwrap_or(before);
    let text = format!("{before}{}", &term[at + 1..]);
    let (operator, version) = operator(&text);
    let version = SemVer::parse(version).filter(|_| version.trim() == version)?;
    Some(vec![Comparison::Is(operator.unwrap_or(Operator::Equal), version)])
}

fn operator(term: &str) -> (Option<Operator>, &str) {
    for (sign, operator) in
        [("<=", Operator::AtMost), (">=", Operator::AtLeast), ("<", Operator::Less), (">", Operator::Greater), ("=", Operator::Equal)]
    {
        if let Some(rest) = term.strip_prefix(sign) {
            return (Some(operator), rest);
        }
    }
    (None, term)
}

fn at_least(major: u64, minor: u64, patch: u64) -> Comparison {
    Comparison::Is(Operator::AtLeast, SemVer::new(major, minor, patch))
}

/// Less than a version and all its prereleases.
fn below(major: u64, minor: u64, patch: u64) -> Comparison {
    let pre = vec![super::semver_version::Identifier::Number(0)];
    Comparison::Is(Operator::Less, SemVer { major, minor, patch, pre })
}

impl Partial {
    fn parse(text: &str) -> Option<Self> {
        let rest = text.trim_start_matches(['v', '=', ' ']);
        let marks = text[..text.len() - rest.len()].to_owned();
        let (main, pre) = rest.split_once('-').map_or((rest, None), |(main, pre)| (main, Some(pre)));
        let texts: Vec<&str> = main.split('.').collect();
        if texts.len() > 3 || (pre.is_some() && texts.len() < 3) {
            return None;
        }
        let open = |text: &str| matches!(text, "x" | "X" | "*");
        let mut parts = [None; 3];
        for (at, text) in texts.iter().enumerate() {
            parts[at] = if open(text) { None } else { Some(number(text)?) };
        }
        let pre = match pre {
            None => Vec::new(),
            Some(pre) if pre.split('.').all(word) => SemVer::parse(&format!("0.0.0-{pre}"))?.pre,
            Some(_) => return None,
        };
        let closed = |at: usize| texts.get(at).is_some_and(|text| !open(text));
        let disordered = (parts[0].is_none() && closed(1)) || (parts[1].is_none() && closed(2));
        Some(Self { parts, pre, disordered, marks })
    }

    /// Up to the next version that may break something.
    fn caret(self) -> Option<Vec<Comparison>> {
        let above = |number: u64| number.checked_add(1);
        Some(match self.parts {
            [None, ..] => vec![Comparison::Any],
            [Some(major), None, _] => vec![at_least(major, 0, 0), below(above(major)?, 0, 0)],
            [Some(0), Some(minor), None] => vec![at_least(0, minor, 0), below(0, above(minor)?, 0)],
            [Some(major), Some(minor), None] => vec![at_least(major, minor, 0), below(above(major)?, 0, 0)],
            [Some(major), Some(minor), Some(patch)] => {
                let limit = match (major, minor) {
                    (0, 0) => below(0, 0, above(patch)?),
                    (0, _) => below(0, above(minor)?, 0),
                    _ => below(above(major)?, 0, 0),
                };
                vec![Comparison::Is(Operator::AtLeast, SemVer { major, minor, patch, pre: self.pre }), limit]
            }
        })
    }

    /// Up to the next minor version; without one up to the next major.
    fn tilde(self) -> Option<Vec<Comparison>> {
        let above = |number: u64| number.checked_add(1);
        Some(match self.parts {
            [None, ..] => vec![Comparison::Any],
            [Some(major), None, _] => vec![at_least(major, 0, 0), below(above(major)?, 0, 0)],
            [Some(major), Some(minor), None] => vec![at_least(major, minor, 0), below(major, above(minor)?, 0)],
            [Some(major), Some(minor), Some(patch)] => {
                vec![Comparison::Is(Operator::AtLeast, SemVer { major, minor, patch, pre: self.pre }), below(major, above(minor)?, 0)]
            }
        })
    }

    fn compared(self, operator: Option<Operator>) -> Option<Vec<Comparison>> {
        if self.disordered {
            return None;
        }
        let above = |number: u64| number.checked_add(1);
        Some(vec![match (self.parts, operator) {
            ([Some(major), Some(minor), Some(patch)], operator) => {
                if self.marks.len() > usize::from(self.marks == "v") {
                    return None;
                }
                Comparison::Is(operator.unwrap_or(Operator::Equal), SemVer { major, minor, patch, pre: self.pre })
            }
            ([None, ..], Some(Operator::Less | Operator::Greater)) => below(0, 0, 0),
            ([None, ..], _) => Comparison::Any,
            ([Some(major), minor, _], Some(Operator::AtLeast)) => at_least(major, minor.unwrap_or(0), 0),
            ([Some(major), minor, _], Some(Operator::Less)) => below(major, minor.unwrap_or(0), 0),
            ([Some(major), None, _], Some(Operator::Greater)) => at_least(above(major)?, 0, 0),
            ([Some(major), Some(minor), None], Some(Operator::Greater)) => at_least(major, above(minor)?, 0),
            ([Some(major), None, _], Some(Operator::AtMost)) => below(above(major)?, 0, 0),
            ([Some(major), Some(minor), None], Some(Operator::AtMost)) => below(major, above(minor)?, 0),
            (_, None | Some(Operator::Equal)) => return self.tilde(),
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_take_versions_in() {
        for (range, inside, outside) in [
            ("^1.2.3", &["1.2.3", "1.9.0"][..], &["1.2.2", "2.0.0", "2.0.0-0", "1.3.0-rc.1"][..]),
            ("^0.2.3", &["0.2.3"], &["0.3.0"]),
            ("^0.0.3", &["0.0.3"], &["0.0.4"]),
            ("~1.2", &["1.2.0", "1.2.9"], &["1.3.0"]),
            ("~> 1.2", &["1.2.0"], &["1.3.0"]),
            ("1.x", &["1.0.0"], &["2.0.0"]),
            (">1.2", &["1.3.0"], &["1.2.9"]),
            ("<=1.2", &["1.2.9"], &["1.3.0"]),
            (">= 1.0 < 2", &["1.0.0", "1.9.9"], &["2.0.0", "0.9.0"]),
            ("1.2 - 2.3", &["1.2.0", "2.3.9"], &["2.4.0", "1.1.0"]),
            ("1 || >=3 <4 || 7.0.0", &["1.5.0", "3.1.0", "7.0.0"], &["2.0.0", "7.0.1"]),
            ("", &["1.0.0"], &["1.0.0-rc.1"]),
            ("*", &["0.0.0"], &["1.0.0-0"]),
            (">=1.0.0-rc.1", &["1.0.0-rc.2", "1.0.0"], &["1.0.1-rc.1", "1.0.0-beta"]),
            ("<*", &[], &["0.0.0", "1.0.0"]),
            ("v1.2.3+b1", &["1.2.3"], &["1.2.4"]),
            ("= 1.2.3", &["1.2.3"], &["1.2.4"]),
            (">=*1.2.3", &["1.2.3"], &["1.2.4"]),
        ] {
            let parsed = Range::parse(range).expect(range);
            let contains = |text: &&str| parsed.contains(&SemVer::parse(text).expect("a version"));
            assert!(inside.iter().all(contains), "{range}");
            assert!(!outside.iter().any(contains), "{range}");
        }
        for bad in ["latest", "1.2.3.4", "01.2.3", "==1.2.3", "1.x.3", ">", "1.2.3 -", "^", "1.2.3-", "a || 1", "1,2"] {
            assert_eq!(Range::parse(bad), None, "{bad}");
        }
        assert_eq!(Range::parse(&"1 ".repeat(1_000)), None);
    }
}
