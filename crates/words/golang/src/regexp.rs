//! Go's regular expressions on the regex crate: both are RE2's, but they do not read all patterns alike. Every pattern is read
//! here by Go's grammar, refused in Go's words, and written down for the crate so that no two readings are possible.
//! Source: Go regexp/syntax/parse.go.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

/// Largest compiled pattern.
const SIZE: usize = 4 << 20;
/// Longest pattern.
const LONGEST: usize = 64 << 10;
/// Deepest nesting, and most repetitions of one thing, repetitions within repetitions multiplied.
const DEPTH: usize = 200;
const REPEATS: u32 = 1_000;

/// A pattern that Go's regexp package or ours refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no regular expression: {text}")]
pub struct RegexpError {
    pattern: String,
    text: String,
}

impl RegexpError {
    /// Returns the error as Go's `regexp.Compile` words it.
    pub fn as_go(&self) -> String {
        format!("error parsing regexp: {}", self.text)
    }
}

/// Compiles a pattern with the meaning of Go's regexp package: `\d`, `\w`, `\s` and `\b` are ASCII, `\Q…\E` quotes, a `[`
/// inside a class is a plain character. Matching stays unanchored, as `MatchString` is.
pub fn regexp(pattern: &str) -> Result<Regex, RegexpError> {
    let refuse = |text: String| RegexpError { pattern: pattern.chars().take(200).collect(), text };
    if pattern.len() > LONGEST {
        return Err(refuse("expression too large".to_owned()));
    }
    let translated = translate(pattern).map_err(refuse)?;
    RegexBuilder::new(&translated).size_limit(SIZE).build().map_err(|error| {
        refuse(match error {
            regex::Error::CompiledTooBig(_) => "expression too large".to_owned(),
            other => {
                let text = other.to_string();
                text.lines().last().unwrap_or("it does not compile").trim_start_matches("error: ").to_owned()
            }
        })
    })
}

/// Translates a pattern for the regex crate.
fn translate(pattern: &str) -> Result<String, String> {
    let mut reader = Reader { whole: pattern, rest: pattern, out: String::with_capacity(pattern.len() + 16), end: 0, groups: Vec::new() };
    let mut last = Last::Nothing;
    while let Some(character) = reader.rest.chars().next() {
        let before = reader.out.len();
        let flags = reader.rest.starts_with("(?");
        last = reader.next(character, last)?;
        if reader.out.len() > before && !(flags && reader.out.ends_with(')') && matches!(last, Last::Thing(_) | Last::Repetition(_))) {
            reader.end = reader.out.len();
        }
    }
    if reader.groups.is_empty() { Ok(reader.out) } else { Err(told("missing closing )", pattern)) }
}

fn told(what: &str, part: &str) -> String {
    format!("{what}: `{part}`")
}

/// What a repetition would repeat.
#[derive(Debug, Clone, Copy)]
enum Last<'a> {
    Nothing,
    /// Something; with how often it is repeated within.
    Thing(u32),
    /// A repetition, from its operator on.
    Repetition(&'a str),
}

struct Reader<'a> {
    whole: &'a str,
    rest: &'a str,
    out: String,
    /// Where the last thing ends in `out`; flags may follow it, and what repeats it stands before them.
    end: usize,
    /// The open groups: how often the most repeated thing in them is repeated.
    groups: Vec<u32>,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        skipped
    }

    fn literal(&mut self, character: char) {
        self.out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }

    /// Notes how often something is repeated in the open group.
    fn note(&mut self, repeats: u32) {
        if let Some(most) = self.groups.last_mut() {
            *most = (*most).max(repeats);
        }
    }

    fn next(&mut self, character: char, last: Last<'a>) -> Result<Last<'a>, String> {
        match character {
            '(' => self.open(last),
            '|' => {
                self.skip(1);
                self.out.push('|');
                Ok(Last::Nothing)
            }
            ')' => {
                self.skip(1);
                let Some(repeats) = self.groups.pop() else { return Err(told("unexpected )", self.whole)) };
                self.out.push(')');
                self.note(repeats);
                Ok(Last::Thing(repeats))
            }
            '^' | '$' | '.' => {
                self.skip(1);
                self.out.push(character);
                Ok(Last::Thing(1))
            }
            '[' => self.class().map(|()| Last::Thing(1)),
            '*' | '+' | '?' => self.repeat(1, last, None),
            '{' => match counts(self.rest) {
                Some((length, least, most)) => self.repeat(length, last, Some((least, most))),
                None => {
                    self.skip(1);
                    self.literal('{');
                    Ok(Last::Thing(1))
                }
            },
            '\\' => self.escaped(last),
            other => {
                self.skip(other.len_utf8());
                self.literal(other);
                Ok(Last::Thing(1))
            }
        }
    }

    fn repeat(&mut self, length: usize, last: Last<'a>, counts: Option<(Option<u32>, Option<u32>)>) -> Result<Last<'a>, String> {
        let before = self.rest;
        let operator = self.skip(length);
        let lazy = self.rest.starts_with('?');
        if lazy {
            self.skip(1);
        }
        let written = &before[..length + usize::from(lazy)];
        if let Some((least, most)) = counts
            && (least.is_none_or(|least| least > REPEATS)
                || most.is_some_and(|most| most > REPEATS || least.is_some_and(|least| least > most)))
        {
            return Err(told("invalid repeat count", operator));
        }
        let within = match last {
            Last::Nothing => return Err(told("missing argument to repetition operator", written)),
            Last::Repetition(start) => {
                let both = &start[..start.len() - self.rest.len()];
                return Err(told("invalid nested repetition operator", both));
            }
            Last::Thing(repeats) => repeats,
        };
        if let Some((least, most)) = counts {
            let times = most.or(least).unwrap_or(1).max(1).saturating_mul(within);
            if times > REPEATS {
                return Err(told("invalid repeat count", operator));
            }
            self.note(times);
        }
        self.out.insert_str(self.end, written);
        Ok(Last::Repetition(before))
    }

    fn open(&mut self, last: Last<'a>) -> Result<Last<'a>, String> {
        if self.groups.len() == DEPTH {
            return Err("expression nests too deeply".to_owned());
        }
        if !self.rest.starts_with("(?") {
            self.skip(1);
            self.out.push('(');
            self.groups.push(1);
            return Ok(Last::Nothing);
        }
        if self.rest.starts_with("(?P<") || self.rest.starts_with("(?<") {
            return self.named();
        }
        self.flags(last)
    }

    fn named(&mut self) -> Result<Last<'a>, String> {
        let start = if self.rest.starts_with("(?P<") { 4 } else { 3 };
        let Some(end) = self.rest.find('>') else { return Err(told("invalid named capture", self.rest)) };
        let name = &self.rest[start..end];
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(told("invalid named capture", &self.rest[..=end]));
        }
        self.skip(end + 1);
        // The crate wants a letter first; nobody asks for such a group by its name.
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            self.out.push('(');
        } else {
            let _ = write!(self.out, "(?P<{name}>");
        }
        self.groups.push(1);
        Ok(Last::Nothing)
    }

    fn flags(&mut self, last: Last<'a>) -> Result<Last<'a>, String> {
        let mut negated = false;
        let mut some = false;
        for (at, character) in self.rest.char_indices().skip(2) {
            let wrong = || told("invalid or unsupported Perl syntax", &self.rest[..at + character.len_utf8()]);
            match character {
                'i' | 'm' | 's' | 'U' => some = true,
                '-' if negated => return Err(wrong()),
                '-' => {
                    negated = true;
                    some = false;
                }
                ':' | ')' => {
                    if negated && !some {
                        return Err(wrong());
                    }
                    let written = self.skip(at + 1);
                    // `(?)` sets nothing, and the crate does not know it.
                    if written != "(?)" {
                        self.out.push_str(written);
                    }
                    if character == ')' {
                        return Ok(last);
                    }
                    self.groups.push(1);
                    return Ok(Last::Nothing);
                }
                _ => return Err(wrong()),
            }
        }
        Err(told("invalid or unsupported Perl syntax", self.rest))
    }

    fn escaped(&mut self, last: Last<'a>) -> Result<Last<'a>, String> {
        let Some(letter) = self.rest[1..].chars().next() else { return Err(told("trailing backslash at end of expression", "")) };
        match letter {
            'A' | 'z' => {
                self.out.push_str(self.rest.get(..2).unwrap_or_default());
                self.skip(2);
            }
            'b' | 'B' => {
                self.skip(2);
                // Between the bytes of one character there is no place for the crate; words are ASCII's.
                self.out.push_str(if letter == 'b' { r"(?-u:\b)" } else { r"(?-u:\B)" });
            }
            'Q' => {
                self.skip(2);
                let end = self.rest.find("\\E");
                let quoted = self.skip(end.unwrap_or(self.rest.len()));
                if end.is_some() {
                    self.skip(2);
                }
                quoted.chars().for_each(|character| self.literal(character));
                return Ok(if quoted.is_empty() { last } else { Last::Thing(1) });
            }
            'd' | 'w' | 's' | 'D' | 'W' | 'S' => {
                self.skip(2);
                self.out.push_str(perl(letter));
            }
            'p' | 'P' => {
                let class = unicode(self.rest)?;
                self.skip(class.0);
                self.out.push_str(&class.1);
            }
            _ => {
                let (length, character) = escape(self.rest)?;
                self.skip(length);
                self.literal(character);
            }
        }
        Ok(Last::Thing(1))
    }

    fn class(&mut self) -> Result<(), String> {
        let start = self.rest;
        let unclosed = || told("missing closing ]", start);
        self.skip(1);
        self.out.push('[');
        if self.rest.starts_with('^') {
            self.skip(1);
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(character) = self.rest.chars().next() else { return Err(unclosed()) };
            if character == ']' && !first {
                self.skip(1);
                self.out.push(']');
                return Ok(());
            }
            first = false;
            if self.rest.starts_with("[:")
                && let Some(end) = self.rest[2..].find(":]")
            {
                let name = &self.rest[..end + 4];
                const NAMES: [&str; 14] = [
                    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
                    "xdigit",
                ];
                if !NAMES.contains(&name[2..name.len() - 2].trim_start_matches('^')) {
                    return Err(told("invalid character class range", name));
                }
                self.out.push_str(name);
                self.skip(name.len());
                continue;
            }
            if let Some(letter) = self.rest.strip_prefix('\\').and_then(|rest| rest.chars().next()) {
                if matches!(letter, 'd' | 'w' | 's' | 'D' | 'W' | 'S') {
                    self.skip(2);
                    self.out.push_str(perl(letter));
                    continue;
                }
                if matches!(letter, 'p' | 'P') {
                    let class = unicode(self.rest)?;
                    self.skip(class.0);
                    self.out.push_str(&class.1);
                    continue;
                }
            }
            self.range(start)?;
        }
    }

    fn range(&mut self, start: &str) -> Result<(), String> {
        let before = self.rest;
        let low = self.class_character(start)?;
        let mut high = low;
        if self.rest.starts_with('-') && self.rest.len() > 1 && !self.rest[1..].starts_with(']') {
            self.skip(1);
            high = self.class_character(start)?;
            if high < low {
                return Err(told("invalid character class range", &before[..before.len() - self.rest.len()]));
            }
        }
        let _ = write!(self.out, "\\x{{{:x}}}", u32::from(low));
        if high != low {
            let _ = write!(self.out, "-\\x{{{:x}}}", u32::from(high));
        }
        Ok(())
    }

    fn class_character(&mut self, start: &str) -> Result<char, String> {
        match self.rest.chars().next() {
            None => Err(told("missing closing ]", start)),
            Some('\\') => {
                let (length, character) = escape(self.rest)?;
                self.skip(length);
                Ok(character)
            }
            Some(character) => {
                self.skip(character.len_utf8());
                Ok(character)
            }
        }
    }
}

/// Reads `{2}`, `{2,}` or `{2,3}`: its length and its numbers; a number with too many digits is none.
fn counts(text: &str) -> Option<(usize, Option<u32>, Option<u32>)> {
    let end = text.find('}')?;
    let inner = &text[1..end];
    let number = |digits: &str| {
        let fits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
        fits.then(|| digits.parse::<u32>().ok())
    };
    let (least, most) = match inner.split_once(',') {
        None => {
            let count = number(inner)?;
            (count, count)
        }
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => {
            let most = number(most)?;
            (number(least)?, Some(most.unwrap_or(u32::MAX)))
        }
    };
    Some((end + 1, least, most))
}

fn perl(letter: char) -> &'static str {
    match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => r"[\t\n\x0C\r ]",
        _ => r"[^\t\n\x0C\r ]",
    }
}

/// Reads `\pL`, `\p{Greek}`, `\P{^L}`: its length and how the crate writes it.
fn unicode(text: &str) -> Result<(usize, String), String> {
    let mut negated = text.starts_with("\\P");
    let Some(first) = text[2..].chars().next() else { return Err(told("invalid character class range", text)) };
    let (length, name) = if first == '{' {
        let Some(end) = text.find('}') else { return Err(told("invalid character class range", text)) };
        (end + 1, &text[3..end])
    } else {
        (2 + first.len_utf8(), &text[2..2 + first.len_utf8()])
    };
    let bare = name.strip_prefix('^').unwrap_or(name);
    negated ^= bare.len() != name.len();
    // Categories and scripts by their own names; the crate would know much more.
    let fits = bare.starts_with(|c: char| c.is_ascii_uppercase()) && bare.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    let class = format!("\\{}{{{bare}}}", if negated { 'P' } else { 'p' });
    if !fits || regex::Regex::new(&class).is_err() {
        return Err(told("invalid character class range", &text[..length]));
    }
    Ok((length, class))
}

/// Reads an escaped character: its length and the character.
fn escape(text: &str) -> Result<(usize, char), String> {
    let Some(letter) = text[1..].chars().next() else { return Err(told("trailing backslash at end of expression", "")) };
    let invalid = |length: usize| Err(told("invalid escape sequence", text.get(..length).unwrap_or(text)));
    let digits = |from: usize, most: usize, base: u32| {
        let digits: String = text[from..].chars().take(most).take_while(|c| c.is_digit(base)).collect();
        (digits.len(), u32::from_str_radix(&digits, base).ok())
    };
    match letter {
        'a' => Ok((2, '\u{7}')),
        'f' => Ok((2, '\u{c}')),
        't' => Ok((2, '\t')),
        'n' => Ok((2, '\n')),
        'r' => Ok((2, '\r')),
        'v' => Ok((2, '\u{b}')),
        // One digit alone would refer to a group, which there is not.
        '1'..='7' if !text[2..].starts_with(|c: char| c.is_digit(8)) => invalid(2),
        '0'..='7' => {
            let (length, value) = digits(1, 3, 8);
            value.and_then(char::from_u32).map_or_else(|| invalid(2), |character| Ok((1 + length, character)))
        }
        'x' if text[2..].starts_with('{') => {
            let Some(end) = text.find('}') else { return invalid(text.len()) };
            let (length, value) = digits(3, 8, 16);
            match value.and_then(char::from_u32) {
                Some(character) if length > 0 && end == 3 + length => Ok((end + 1, character)),
                _ => invalid((3 + length + 1).min(text.len())),
            }
        }
        'x' => {
            let (length, value) = digits(2, 2, 16);
            match value.and_then(char::from_u32) {
                Some(character) if length == 2 => Ok((4, character)),
                _ => invalid((2 + length + text[2 + length..].chars().next().map_or(0, char::len_utf8)).min(text.len())),
            }
        }
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => Ok((2, other)),
        other => invalid(1 + other.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ascii_and_brackets_plain() {
        for (pattern, text, expected) in [
            (r"^\d+$", "١٢", false),
            (r"^\d+$", "12", true),
            (r"^[[a]+$", "[a", true),
            (r"^[a&&b]+$", "&ab", true),
            (r"^[a~~b-]+$", "~-", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"^[\w-]+$", "a-b_1", true),
            (r"^[[:alpha:]]+$", "abc", true),
            (r"^[]a]+$", "]a", true),
            (r"^[^]a]+$", "b", true),
            (r"b", "abc", true),
            (r"^a{,2}$", "a{,2}", true),
            (r"^x{2,3}?$", "xxx", true),
            (r"^\x{e9}\x41\101$", "éAA", true),
            (r"^(?P<1st>a)\pL$", "aß", true),
            (r"(?i)^[K-M]$", "k", true),
            (r"\bä", "xä", true),
            (r"^\_\-$", "_-", true),
            (
                r"^https://gitea\.internal/org/deployment/.*build-deployment-artifact\.yml.*",
                "https://gitea.internal/org/deployment/.gitea/workflows/build-deployment-artifact.yml@refs/heads/main",
                true,
            ),
        ] {
            assert_eq!(regexp(pattern).expect(pattern).is_match(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        for (bad, why) in [
            (r"(?=x)", "invalid or unsupported Perl syntax: `(?=`"),
            (r"(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
            (r"(?<n", "invalid named capture: `(?<n`"),
            (r"\1", r"invalid escape sequence: `\1`"),
            (r"\C", r"invalid escape sequence: `\C`"),
            (r"\Z", r"invalid escape sequence: `\Z`"),
            ("a{1,1001}", "invalid repeat count: `{1,1001}`"),
            ("(a{100}){100}", "invalid repeat count: `{100}`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a|*", "missing argument to repetition operator: `*`"),
            ("(a", "missing closing ): `(a`"),
            ("a)", "unexpected ): `a)`"),
            ("[a", "missing closing ]: `[a`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            (r"\p{Alphabetic=x}", r"invalid character class range: `\p{Alphabetic=x}`"),
            (r"\", "trailing backslash at end of expression: ``"),
        ] {
            assert_eq!(regexp(bad).map_err(|error| error.text).err().as_deref(), Some(why), "{bad}");
        }
        for hostile in ["(".repeat(10_000) + &")".repeat(10_000), "(a{0,30}){0,30}".repeat(2_000), "a".repeat(100_000)] {
            assert!(regexp(&hostile).is_err(), "{hostile:.40}");
        }
    }
}
