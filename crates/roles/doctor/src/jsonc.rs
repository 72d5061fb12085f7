//! JSON with comments and trailing commas, as Renovate reads it, into nodes that know where they stand. Read first: [`read`].

use yaml::{Content, Node, Style};

/// Deepest nesting that is read.
const DEPTH: usize = 100;

/// Why a text is not read: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub offset: usize,
    pub text: String,
}

/// Reads one value. A key that stands twice in a map is refused, as Renovate does.
pub(crate) fn read(text: &str) -> Result<Node, Malformed> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(0)?;
    reader.blank()?;
    if reader.at < text.len() { reader.refuse("something stands behind the value") } else { Ok(node) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn refuse<T>(&self, text: impl Into<String>) -> Result<T, Malformed> {
        Err(Malformed { offset: self.at, text: text.into() })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) -> Result<(), Malformed> {
        loop {
            let rest = &self.text[self.at..];
            let skipped = rest.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
            self.at += rest.len() - skipped.len();
            if skipped.starts_with("//") {
                self.at += skipped.find('\n').unwrap_or(skipped.len());
            } else if skipped.starts_with("/*") {
                let Some(end) = skipped.find("*/") else { return self.refuse("a comment is never closed") };
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Malformed> {
        self.blank()?;
        if depth > DEPTH {
            return self.refuse("nested more than 100 levels deep");
        }
        let start = self.at;
        let content = match self.peek() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Content::Scalar(self.string()?, Style::Double),
            Some(c) if c.is_ascii_alphanumeric() || c == b'-' => self.word()?,
            Some(_) => return self.refuse("expected a value"),
            None => return self.refuse("the text ends too early"),
        };
        Ok(Node { content, span: start..self.at, line: 0, anchor: 0, tag: None })
    }

    fn map(&mut self, depth: usize) -> Result<Content, Malformed> {
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        self.at += 1;
        loop {
            self.blank()?;
            if self.peek() == Some(b'}') {
                self.at += 1;
                return Ok(Content::Map(pairs, true));
            }
            if self.peek() != Some(b'"') {
                return self.refuse("expected a key in double quotes");
            }
            let start = self.at;
            let name = self.string()?;
            if !names.insert(name.clone()) {
                self.at = start;
                return self.refuse(format!("the key {name:?} stands here for the second time"));
            }
            let key = Node { content: Content::Scalar(name, Style::Double), span: start..self.at, line: 0, anchor: 0, tag: None };
            self.blank()?;
            if self.peek() != Some(b':') {
                return self.refuse("expected a colon");
            }
            self.at += 1;
            pairs.push((key, self.value(depth + 1)?));
            self.separator(b'}')?;
        }
    }

    fn list(&mut self, depth: usize) -> Result<Content, Malformed> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.blank()?;
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(Content::List(items, true));
            }
            items.push(self.value(depth + 1)?);
            self.separator(b']')?;
        }
    }

    fn separator(&mut self, end: u8) -> Result<(), Malformed> {
        self.blank()?;
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(())
            }
            Some(found) if found == end => Ok(()),
            _ => self.refuse(format!("expected a comma or {:?}", char::from(end))),
        }
    }

    fn word(&mut self) -> Result<Content, Malformed> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        if !matches!(word, "true" | "false" | "null") && word.parse::<f64>().is_err() {
            return self.refuse("expected a value");
        }
        self.at += end;
        Ok(Content::Scalar(word.to_owned(), Style::Plain))
    }

    fn string(&mut self) -> Result<String, Malformed> {
        let mut out = String::new();
        let rest = &self.text[self.at + 1..];
        let mut characters = rest.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.at += at + 2;
                    return Ok(out);
                }
                '\n' => return self.refuse("a string is never closed"),
                '\\' => match characters.next().map(|(_, c)| c) {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('r') => out.push('\r'),
                    Some('b') => out.push('\u{8}'),
                    Some('f') => out.push('\u{c}'),
                    Some('u') => {
                        let digits: String = characters.by_ref().take(4).map(|(_, c)| c).collect();
                        let code = u32::from_str_radix(&digits, 16).ok();
                        out.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
                    }
                    Some(c @ ('"' | '\\' | '/')) => out.push(c),
                    _ => return self.refuse("a string has an unknown escape"),
                },
                c => out.push(c),
            }
        }
        self.refuse("a string is never closed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_renovate_reads() {
        for good in ["{}", "{\"a\": [1, true, \"x\\u0041\",], // c\n}", "/* c */ {\"a\": -1.5e3}"] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in ["", "{", "{a: 1}", "{\"a\": 1 \"b\": 2}", "{\"a\":1,\"a\":2}", "{} x", "[1", "\"", &"[".repeat(500)] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
