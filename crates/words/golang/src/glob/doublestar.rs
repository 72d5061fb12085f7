//! bmatcuk/doublestar 4, as Kargo, kustomize's users and many Go programs know globs.

use std::fmt::Write as _;

use regex::RegexBuilder;

use super::{Glob, GlobError, Kind, LONGEST};

/// Deepest nesting of braces.
const DEEPEST: usize = 32;

/// Compiles a pattern of doublestar: `*` and `?` stop at slashes, `**` as a whole part is any number of parts, `{a,b}` is one of
/// several, `[a-c]` and `[!a]` or `[^a]` a character, `\` quotes. The pattern covers the whole path.
pub fn doublestar(pattern: &str) -> Result<Glob, GlobError> {
    let refuse = |why: &str| GlobError::new("doublestar", pattern, why);
    if pattern.len() > LONGEST {
        return Err(refuse("it is too long"));
    }
    let characters: Vec<char> = pattern.chars().collect();
    let mut writer = Writer { text: &characters, at: 0, out: String::from("^(?s:"), depth: 0 };
    writer.all(true).map_err(&refuse)?;
    writer.out.push_str(")$");
    let regex = RegexBuilder::new(&writer.out).size_limit(4 << 20).build().map_err(|_| refuse("it is too large"))?;
    Ok(Glob(Kind::Regex(regex)))
}

struct Writer<'a> {
    text: &'a [char],
    at: usize,
    out: String,
    depth: usize,
}

impl Writer<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn literal(&mut self, character: char) {
        self.out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }

    /// Writes until the end, or, inside braces, to a comma or the closing brace. `start` says that a part begins here.
    fn all(&mut self, mut start: bool) -> Result<(), &'static str> {
        while let Some(character) = self.peek() {
            if self.depth > 0 && matches!(character, ',' | '}') {
                return Ok(());
            }
            self.at += 1;
            match character {
                '*' => {
                    let start_at = self.at;
                    while self.peek() == Some('*') {
                        self.at += 1;
                    }
                    // Three stars are one.
                    let doubled = self.at == start_at + 1;
                    let end = self.peek().is_none_or(|c| c == '/' || (self.depth > 0 && matches!(c, ',' | '}')));
                    if doubled && start && end {
                        self.globstar();
                        // A slash behind it has gone with it.
                        start = self.text.get(self.at.wrapping_sub(1)) == Some(&'/');
                        continue;
                    }
                    self.out.push_str("[^/]*");
                }
                '?' => self.out.push_str("[^/]"),
                '[' => self.class()?,
                '{' => self.braces(start)?,
                '}' => return Err("a brace is never opened"),
                '\\' => {
                    let quoted = self.peek().ok_or("it ends with a backslash")?;
                    self.at += 1;
                    self.literal(quoted);
                }
                other => self.literal(other),
            }
            start = character == '/';
        }
        if self.depth > 0 { Err("a brace is never closed") } else { Ok(()) }
    }

    /// `**/` is any number of parts with their slashes; `/**` at the end is what is below, or nothing.
    fn globstar(&mut self) {
        if self.peek() == Some('/') {
            self.at += 1;
            self.out.push_str("(?:[^/]*/)*");
            return;
        }
        if self.out.ends_with('/') {
            self.out.pop();
            self.out.push_str("(?:/.*)?");
        } else {
            self.out.push_str(".*");
        }
    }

    fn braces(&mut self, start: bool) -> Result<(), &'static str> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("its braces nest too deeply");
        }
        self.out.push_str("(?:");
        loop {
            self.all(start)?;
            let Some(character) = self.peek() else { return Err("a brace is never closed") };
            self.at += 1;
            if character == '}' {
                break;
            }
            self.out.push('|');
        }
        self.out.push(')');
        self.depth -= 1;
        Ok(())
    }

    fn class(&mut self) -> Result<(), &'static str> {
        const OPEN: &str = "a class is never closed";
        let negated = matches!(self.peek(), Some('!' | '^'));
        self.at += usize::from(negated);
        let mut ranges = Vec::new();
        loop {
            let low = match self.one().ok_or(OPEN)? {
                (']', false) if !ranges.is_empty() => break,
                ('-' | ']', false) => return Err("a class has a range without an end"),
                (character, _) => character,
            };
            let mut high = low;
            if self.peek() == Some('-') {
                self.at += 1;
                high = match self.one().ok_or(OPEN)? {
                    ('-' | ']', false) => return Err("a class has a range without an end"),
                    (character, _) => character,
                };
            }
            ranges.push((low, high));
        }
        // A range the wrong way round holds nothing.
        self.out.push_str(if negated { "[^" } else { "[" });
        let mut some = false;
        for (low, high) in ranges.into_iter().filter(|(low, high)| low <= high) {
            let _ = write!(self.out, "\\x{{{:x}}}-\\x{{{:x}}}", u32::from(low), u32::from(high));
            some = true;
        }
        self.out.push_str(if some { "]" } else { "\\x{0}-\\x{10ffff}&&a]" });
        Ok(())
    }

    fn one(&mut self) -> Option<(char, bool)> {
        let character = self.peek()?;
        self.at += 1;
        if character != '\\' {
            return Some((character, false));
        }
        let quoted = self.peek()?;
        self.at += 1;
        Some((quoted, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_doublestars() {
        for (pattern, paths) in [
            ("a/**", "+a +a/b +a/b/c -b"),
            ("**/c", "+c +a/c +a/b/c -ac"),
            ("a/**/c", "+a/c +a/b/c -ac"),
            ("a/*", "+a/b -a/b/c +a/"),
            ("a**b", "+ab +axb -a/b"),
            ("{a,b/{c,d}}/x", "+a/x +b/c/x +b/d/x -b/x"),
            ("[a-c]?", "+ab -da -a/"),
            ("[!a]", "+b -a +/"),
            (r"\*[\]]", "+*] -a]"),
            ("{**/x,y}", "+a/b/x +x +y"),
        ] {
            let glob = doublestar(pattern).expect(pattern);
            for word in paths.split_whitespace() {
                let (wanted, path) = word.split_at(1);
                assert_eq!(glob.matches(path), wanted == "+", "{pattern} on {path:?}");
            }
        }
        for bad in ["[", "{a", "a\\", "[]", "[-a]", &"{".repeat(1_000)] {
            assert!(doublestar(bad).is_err(), "{bad}");
        }
    }
}
