//! The npm package minimatch 10, as Renovate calls it: braces, extended globs, negation, dotfiles.

use super::segment::{Matcher, Part, same};
use super::{Glob, GlobError, Kind, LONGEST, braces, parse};

/// How much work one path may make.
const BUDGET: usize = 4_000_000;

/// How a pattern is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MinimatchOptions {
    /// Wildcards match names that begin with a dot as well.
    pub dot: bool,
    /// Capital and small letters are the same.
    pub nocase: bool,
}

/// Compiles a pattern of minimatch.
///
/// A pattern that begins with `#` matches nothing; each `!` at the start turns the meaning round.
pub fn minimatch(pattern: &str, options: MinimatchOptions) -> Result<Glob, GlobError> {
    let refuse = |why: &str| GlobError::new("minimatch", pattern, why);
    if pattern.len() > LONGEST {
        return Err(refuse("it is too long"));
    }
    if pattern.starts_with('#') {
        return Ok(Glob(Kind::Nothing));
    }
    if pattern.is_empty() {
        return Ok(Glob(Kind::Empty { negated: false }));
    }
    let positive = pattern.trim_start_matches('!');
    let negated = (pattern.len() - positive.len()) % 2 == 1;
    let mut alternatives: Vec<Vec<Part>> = Vec::new();
    for expanded in braces::expand(positive).map_err(refuse)? {
        let parts = parts(&expanded).into_iter().map(|part| parse::part(part, options.dot, options.nocase));
        alternatives.push(parts.collect());
    }
    Ok(Glob(Kind::Segments { negated, alternatives, dot: options.dot, nocase: options.nocase }))
}

/// Splits at runs of slashes.
fn slash_split(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split('/').collect();
    let last = parts.len() - 1;
    let mut at = 0;
    parts.retain(|part| {
        at += 1;
        !part.is_empty() || at == 1 || at == last + 1
    });
    if parts.len() > 2 && text.bytes().all(|b| b == b'/') {
        parts.truncate(2);
    }
    parts
}

/// Splits a pattern; `**/**` is `**`, and a name before `..` goes away with it.
fn parts(pattern: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = Vec::new();
    for part in slash_split(pattern) {
        let before = parts.last().copied();
        if part == "**" && before == Some("**") {
            continue;
        }
        if part == ".." && before.is_some_and(|before| !matches!(before, "" | ".." | "." | "**")) {
            parts.pop();
            continue;
        }
        parts.push(part);
    }
    if parts.is_empty() { vec![""] } else { parts }
}

/// Tells whether one of the alternatives covers a path; `None` when that is more work than one path may make.
pub(super) fn any_matches(alternatives: &[Vec<Part>], path: &str, dot: bool, nocase: bool) -> Option<bool> {
    let names: Vec<Vec<char>> = slash_split(path).into_iter().map(|name| name.chars().collect()).collect();
    let mut path = Path { names: &names, dot, nocase, budget: BUDGET };
    let hit = alternatives.iter().any(|parts| path.matches(parts));
    (path.budget > 0).then_some(hit)
}

struct Path<'a> {
    names: &'a [Vec<char>],
    dot: bool,
    nocase: bool,
    budget: usize,
}

impl Path<'_> {
    fn matches(&mut self, parts: &[Part]) -> bool {
        if parts.iter().any(|part| matches!(part, Part::Never)) {
            return false;
        }
        let sections: Vec<&[Part]> = parts.split(|part| matches!(part, Part::Globstar)).collect();
        let [head, body @ .., tail] = sections.as_slice() else { return self.exactly(parts, 0) };
        if self.names.len() < head.len() || !self.run(head, 0) {
            return false;
        }
        let start = head.len();
        let Some(end) = self.tail(tail, start) else { return false };
        let mut places = vec![false; self.names.len() + 1];
        places[start] = true;
        for section in body {
            places = self.section(section, &places, end);
        }
        // Upstream looks for dots up to the end of the path once there are names between two `**`, so also in the tail.
        let stop = if body.is_empty() { end } else { self.names.len() };
        let some = !tail.is_empty();
        (start..=end).any(|at| places[at] && (some || at < end || (!body.is_empty() && at < stop)) && (at..stop).all(|at| self.open(at)))
    }

    /// Tells whether the parts are all that is left from here, but for an empty name at the end.
    fn exactly(&mut self, parts: &[Part], at: usize) -> bool {
        let left = self.names.len() - at;
        let rest_is_empty = left == parts.len() + 1 && self.names.last().is_some_and(Vec::is_empty);
        (left == parts.len() || rest_is_empty) && self.run(parts, at)
    }

    /// Returns where the tail begins.
    fn tail(&mut self, tail: &[Part], start: usize) -> Option<usize> {
        let length = self.names.len();
        if tail.is_empty() {
            return Some(length);
        }
        let at = length.checked_sub(tail.len()).filter(|at| *at >= start)?;
        if self.run(tail, at) {
            return Some(at);
        }
        let earlier = self.names.last().is_some_and(Vec::is_empty) && at > start;
        (earlier && self.run(tail, at - 1)).then(|| at - 1)
    }

    fn section(&mut self, section: &[Part], places: &[bool], end: usize) -> Vec<bool> {
        let mut next = vec![false; places.len()];
        let mut reached = false;
        for at in 0..=end {
            reached |= places[at];
            if !reached {
                continue;
            }
            if at + section.len() <= end && self.run(section, at) {
                next[at + section.len()] = true;
            }
            reached = at < end && self.open(at);
        }
        next
    }

    /// Tells whether `**` may stand for this name.
    fn open(&self, at: usize) -> bool {
        match self.names[at].as_slice() {
            ['.'] | ['.', '.'] => false,
            ['.', ..] => self.dot,
            _ => true,
        }
    }

    fn run(&mut self, parts: &[Part], at: usize) -> bool {
        let Some(names) = self.names.get(at..at + parts.len()) else { return false };
        parts.iter().zip(names).all(|(part, name)| match part {
            Part::Globstar | Part::Never => false,
            Part::Text(text) if self.nocase => text.chars().count() == name.len() && text.chars().zip(name).all(|(a, b)| same(a, *b)),
            Part::Text(text) => text.chars().eq(name.iter().copied()),
            Part::Nodes(nodes) => {
                let mut matcher = Matcher { text: name, nocase: self.nocase, budget: self.budget };
                let hit = matcher.whole(nodes);
                self.budget = matcher.budget;
                hit
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, options: MinimatchOptions, paths: &str) {
        let glob = minimatch(pattern, options).expect(pattern);
        for word in paths.split_whitespace() {
            let (wanted, path) = word.split_at(1);
            assert_eq!(glob.matches(path), wanted == "+", "{pattern} on {path:?}");
        }
    }

    #[test]
    fn patterns_are_minimatchs() {
        for (pattern, paths) in [
            ("*.js", "+a.js -.a.js -a/b.js"),
            ("**/*.js", "+a.js +b/a.js -.b/a.js"),
            ("a/**", "-a +a/ +a/b +a/b/c -a/.b"),
            ("{a,b{1..3},}x", "+ax +b2x +x -b4x"),
            ("{01..10..3}", "+01 +04 +10 -4"),
            ("!a", "-a +b"),
            ("!!a", "+a -b"),
            ("#a", "-#a -a"),
            ("+(a|b)c", "+ac +abac -c"),
            ("x!(a|b)", "-xa -xb +x +xab"),
            ("x!(a).js", "-xa.js +x.js +xaa.js"),
            // Upstream reads a negation that ends with a group as `!()`.
            ("x!(@(a|b))", "-xa +x +xc"),
            ("@(a|*.b)", "+a +x.b -.b"),
            ("?(a)b", "+b +ab -aab"),
            ("[[:alpha:]]1", "+ä1 -11"),
            ("[!a]", "-a +b"),
            ("[a", "+[a -a"),
            (r"\*", "+* -a"),
            ("a/../b", "+b -a/../b"),
            ("a//b", "+a/b +a//b"),
            ("ghcr.io/**", "+ghcr.io/x/y -ghcr.io"),
        ] {
            check(pattern, MinimatchOptions::default(), paths);
        }
        check("*", MinimatchOptions { dot: true, nocase: false }, "+a +.a -. -..");
        check("A/*.JS", MinimatchOptions { dot: false, nocase: true }, "+a/b.js -a/.b.js");
    }

    #[test]
    fn hostile_patterns_are_refused_or_end() {
        for bad in ["{a,b}".repeat(40), "{1..99999999}".into(), "{".repeat(100) + &"a,b}".repeat(100), "a".repeat(100_000)] {
            assert!(minimatch(&bad, MinimatchOptions::default()).is_err(), "{:.40}", bad);
        }
        let nested = minimatch(&"*(a|*(b|*(c|".repeat(300), MinimatchOptions::default()).expect("plain text");
        assert!(!nested.matches(&"abc".repeat(1000)));
        let stars = minimatch(&("x/".to_owned() + &"!(*(a|aa|aaa))".repeat(50)), MinimatchOptions::default()).expect("bounded");
        assert!(!stars.matches(&("x/".to_owned() + &"a".repeat(5_000))));
        assert!(!minimatch(&"**/a/".repeat(2000), MinimatchOptions::default()).expect("fine").matches(&"a/".repeat(1900)));
    }
}
