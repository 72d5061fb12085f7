//! The patterns of `.gitignore` and Flux' `.sourceignore`: the last one that matches decides. Source: Git's gitignore(5), go-git
//! plumbing/format/gitignore.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

use super::{GlobError, LONGEST};

/// Most patterns of one list.
const MOST: usize = 10_000;

/// The patterns of one folder and those above it, in order.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    /// Takes a path in again.
    inclusion: bool,
    /// Matches folders only.
    folders: bool,
    regex: Regex,
}

impl Ignore {
    /// Reads the lines of a file that lies in a folder (`""` or `a/b`) and adds them. Blank lines and comments are none.
    pub fn add(&mut self, folder: &str, text: &str) -> Result<(), GlobError> {
        for line in text.lines() {
            let line = trimmed(line);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if self.rules.len() == MOST {
                return Err(GlobError::new("gitignore", line, "there are too many patterns"));
            }
            if let Some(rule) = rule(folder, line)? {
                self.rules.push(rule);
            }
        }
        Ok(())
    }

    /// Tells whether a path is ignored, by itself or because a folder above it is. Below an ignored folder nothing is taken in
    /// again.
    pub fn ignores(&self, path: &str, is_folder: bool) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| (at, true)).chain([(path.len(), is_folder)]);
        ends.into_iter().any(|(end, is_folder)| self.decides(&path[..end], is_folder))
    }

    /// Tells what the last matching pattern says of a path itself.
    fn decides(&self, path: &str, is_folder: bool) -> bool {
        let hit = self.rules.iter().rev().find(|rule| (is_folder || !rule.folders) && rule.regex.is_match(path));
        hit.is_some_and(|rule| !rule.inclusion)
    }
}

/// Removes blanks at the end, but for one behind a backslash.
fn trimmed(line: &str) -> &str {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let bare = line.trim_end_matches(' ');
    let escaped = bare.len() < line.len() && bare.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    if escaped { &line[..=bare.len()] } else { bare }
}

/// Reads one pattern; `None` when it can match nothing.
fn rule(folder: &str, line: &str) -> Result<Option<Rule>, GlobError> {
    let refuse = |why: &str| GlobError::new("gitignore", line, why);
    if line.len() > LONGEST {
        return Err(refuse("it is too long"));
    }
    let (inclusion, pattern) = line.strip_prefix('!').map_or((false, line), |pattern| (true, pattern));
    let (folders, pattern) = pattern.strip_suffix('/').map_or((false, pattern), |pattern| (true, pattern));
    let anchored = pattern.contains('/');
    let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
    if pattern.is_empty() {
        return Ok(None);
    }
    let mut out = String::from("^(?s:");
    if !folder.is_empty() {
        let _ = write!(out, "{}/", regex::escape(folder.trim_matches('/')));
    }
    if !anchored {
        out.push_str("(?:.*/)?");
    }
    let Some(body) = body(pattern) else { return Ok(None) };
    out += &body;
    out.push_str(")$");
    let regex = RegexBuilder::new(&out).size_limit(4 << 20).build().map_err(|_| refuse("it is too large"))?;
    Ok(Some(Rule { inclusion, folders, regex }))
}

/// Writes a pattern as a regular expression; `None` when a class of it is never closed.
pub(super) fn body(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let parts: Vec<&str> = pattern.split('/').collect();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        if *part == "**" {
            out.push_str(match (at, last) {
                (0, true) => ".*",
                (_, true) => ".+",
                (_, false) => "(?:[^/]+/)*",
            });
            continue;
        }
        out += &segment(part)?;
        if !last {
            out.push('/');
        }
    }
    Some(out)
}

fn segment(part: &str) -> Option<String> {
    let mut out = String::new();
    let mut characters = part.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' => {
                while characters.next_if_eq(&'*').is_some() {}
                out.push_str("[^/]*");
            }
            '?' => out.push_str("[^/]"),
            '\\' => {
                let quoted = characters.next()?;
                out += &regex::escape(quoted.encode_utf8(&mut [0; 4]));
            }
            '[' => {
                let negated = characters.next_if(|c| matches!(c, '!' | '^')).is_some();
                let mut ranges = String::new();
                let mut first = true;
                loop {
                    let low = match characters.next()? {
                        ']' if !first => break,
                        '\\' => characters.next()?,
                        other => other,
                    };
                    first = false;
                    let mut high = low;
                    let mut ahead = characters.clone();
                    if ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']') {
                        characters.next();
                        high = match characters.next()? {
                            '\\' => characters.next()?,
                            other => other,
                        };
                    }
                    if low <= high {
                        let _ = write!(ranges, "\\x{{{:x}}}-\\x{{{:x}}}", u32::from(low), u32::from(high));
                    }
                }
                match (negated, ranges.is_empty()) {
                    (true, _) => drop_into(&mut out, "[^/", &ranges, "]"),
                    (false, true) => out.push_str("[^\\x{0}-\\x{10ffff}]"),
                    (false, false) => drop_into(&mut out, "[[", &ranges, "]&&[^/]]"),
                }
            }
            other => out += &regex::escape(other.encode_utf8(&mut [0; 4])),
        }
    }
    Some(out)
}

fn drop_into(out: &mut String, open: &str, ranges: &str, close: &str) {
    out.push_str(open);
    out.push_str(ranges);
    out.push_str(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, paths: &str) {
        let mut ignore = Ignore::default();
        ignore.add("", text).expect(text);
        for word in paths.split_whitespace() {
            let (wanted, path) = word.split_at(1);
            let (path, is_folder) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
            assert_eq!(ignore.ignores(path, is_folder), wanted == "+", "{text:?} on {word}");
        }
    }

    #[test]
    fn the_last_pattern_decides() {
        for (text, paths) in [
            ("*.jpg\n!keep.jpg", "+a.jpg +x/a.jpg -keep.jpg -x/keep.jpg"),
            ("/build", "+build +build/a -x/build"),
            ("build/", "+build/ -build +x/build/ +build/a"),
            ("a/b", "+a/b -x/a/b +a/b/c"),
            ("**/foo", "+foo +a/b/foo"),
            ("foo/**", "-foo -foo/ +foo/a +foo/a/b"),
            ("a/**/b", "+a/b +a/x/b +a/x/y/b -ab"),
            ("/*\n!/deploy\n/deploy/*\n!/deploy/app", "+x -deploy/ +deploy/y -deploy/app +src/a.go -deploy/app/a.yaml"),
            ("build/\n!build/keep", "+build/keep"),
            ("# comment\n\n\\#x\n\\!y\nz\\ ", "+#x +!y -comment"),
            ("[a-c].txt\n[!x]y", "+b.txt -d.txt +ay -xy"),
            ("a b  ", "-a"),
            ("[", "-["),
        ] {
            check(text, paths);
        }
    }

    #[test]
    fn patterns_count_in_their_folder() {
        let mut ignore = Ignore::default();
        ignore.add("", "*.tmp").expect("patterns");
        ignore.add("sub", "/local\n!a.tmp").expect("patterns");
        assert!(ignore.ignores("sub/local", false) && !ignore.ignores("local", false));
        assert!(ignore.ignores("a.tmp", false) && !ignore.ignores("sub/a.tmp", false));
    }
}
