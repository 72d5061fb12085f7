//! Lists and mappings in one line, `[…]` and `{…}`. Read first: [`Flow`].

use serde_json::{Map, Value};

use super::{DEPTH, Reader, begins_plain, quoted};
use crate::resolve::{Plain, plain};

/// What stands in `{…}` or `[…]`, in one line.
pub(super) struct Flow<'a, 'b> {
    /// What is not read yet.
    pub(super) rest: &'a str,
    /// Whose rules hold.
    pub(super) reader: &'b Reader<'b>,
}

impl<'a> Flow<'a, '_> {
    /// Reads one value.
    pub(super) fn value(&mut self, depth: usize) -> Option<Value> {
        match self.rest.bytes().next()? {
            _ if depth > DEPTH => None,
            b'{' => self.map(depth),
            b'[' => self.list(depth),
            b'"' | b'\'' => {
                let (text, rest) = quoted(self.rest)?;
                let value = self.reader.text(text, self.rest, true);
                self.rest = rest;
                Some(value)
            }
            _ => {
                let text = self.word()?;
                self.reader.plain_value(text, true)
            }
        }
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        self.skip(1);
        if !self.rest.starts_with('}') {
            loop {
                let name = self.word()?;
                if !matches!(plain(name, self.reader.dialect), Plain::Text) || !self.rest.starts_with(": ") {
                    return None;
                }
                self.skip(1);
                let value = self.value(depth + 1)?;
                if map.insert(name.to_owned(), value).is_some() {
                    return None;
                }
                if !self.goes_on()? {
                    break;
                }
            }
        }
        self.ended(b'}').then_some(Value::Object(map))
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        self.skip(1);
        if !self.rest.starts_with(']') {
            loop {
                items.push(self.value(depth + 1)?);
                if !self.goes_on()? {
                    break;
                }
            }
        }
        self.ended(b']').then_some(Value::Array(items))
    }

    /// Leaves some signs behind, and the blanks that follow them.
    fn skip(&mut self, signs: usize) {
        self.rest = self.rest[signs..].trim_start_matches(' ');
    }

    /// Tells whether a comma follows, and leaves it behind.
    fn goes_on(&mut self) -> Option<bool> {
        self.skip(0);
        let comma = self.rest.starts_with(',');
        if comma {
            self.skip(1);
        }
        Some(comma)
    }

    fn ended(&mut self, sign: u8) -> bool {
        let ended = self.rest.as_bytes().first() == Some(&sign);
        if ended {
            self.rest = &self.rest[1..];
        }
        ended
    }

    /// Takes a text without quotes: words with one blank between them.
    fn word(&mut self) -> Option<&'a str> {
        let bytes = self.rest.as_bytes();
        let inner = |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-./+=$()@".contains(byte));
        let mut end = 0;
        while inner(end) || end > 0 && matches!(bytes.get(end), Some(b' ' | b':')) && inner(end + 1) {
            end += 1;
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        begins_plain(word).then_some(word)
    }
}
