//! JSON as Go's `encoding/json` reads it: fields keep their order and stand twice if they do, numbers keep their text, and
//! what is no JSON is told in Go's words (`encoding/json` `scanner.go`).

use serde_json::{Map, Number, Value};

/// How deep a document may nest. Go's bound is 10,000; nothing of Kubernetes nests beyond a few dozen.
pub(crate) const DEPTH: usize = 200;

/// A JSON value as it stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Flag(bool),
    /// The number's own text.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Returns the word by which Go calls the value in errors.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag(_) => "bool",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::List(_) => "array",
            Self::Map(_) => "object",
        }
    }

    /// Returns the value; of a field that stands twice the last one counts.
    pub fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => Value::Bool(*flag),
            Self::Number(text) => number(text),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(list) => Value::Array(list.iter().map(Self::value).collect()),
            Self::Map(fields) => Value::Object(fields.iter().map(|(name, inner)| (name.clone(), inner.value())).collect::<Map<_, _>>()),
        }
    }

    /// Becomes the value.
    pub fn into_value(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text),
            Self::List(list) => Value::Array(list.into_iter().map(Self::into_value).collect()),
            Self::Map(fields) => Value::Object(fields.into_iter().map(|(name, inner)| (name, inner.into_value())).collect::<Map<_, _>>()),
            other => other.value(),
        }
    }

    /// Returns the fields of an object that stand twice, by path, in the order of the text.
    pub fn duplicates(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.repeats() {
            self.find_duplicates("", &mut found);
        }
        found
    }

    /// Tells whether any field stands twice.
    fn repeats(&self) -> bool {
        /// Up to so many fields are compared with each other.
        const FEW: usize = 16;
        match self {
            Self::Map(fields) if fields.len() > FEW => {
                let mut seen = std::collections::HashSet::new();
                fields.iter().any(|(name, inner)| !seen.insert(name) || inner.repeats())
            }
            Self::Map(fields) => fields
                .iter()
                .enumerate()
                .any(|(index, (name, inner))| fields[..index].iter().any(|(before, _)| before == name) || inner.repeats()),
            Self::List(list) => list.iter().any(Self::repeats),
            Self::Null | Self::Flag(_) | Self::Number(_) | Self::Text(_) => false,
        }
    }

    fn find_duplicates(&self, path: &str, found: &mut Vec<String>) {
        match self {
            Self::Map(fields) => {
                let mut seen = std::collections::HashSet::new();
                for (name, inner) in fields {
                    let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    if !seen.insert(name) && !found.contains(&here) && found.len() < 100 {
                        found.push(here.clone());
                    }
                    inner.find_duplicates(&here, found);
                }
            }
            Self::List(list) => {
                list.iter().enumerate().for_each(|(index, inner)| inner.find_duplicates(&format!("{path}[{index}]"), found));
            }
            Self::Null | Self::Flag(_) | Self::Number(_) | Self::Text(_) => {}
        }
    }
}

impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(list) => Self::List(list.iter().map(Self::from).collect()),
            Value::Object(map) => Self::Map(map.iter().map(|(name, inner)| (name.clone(), Self::from(inner))).collect()),
        }
    }
}

fn number(text: &str) -> Value {
    text.parse::<i64>()
        .map(Number::from)
        .or_else(|_| text.parse::<u64>().map(Number::from))
        .ok()
        .or_else(|| Number::from_f64(text.parse().ok()?))
        .map_or(Value::Null, Value::Number)
}

/// Reads a text; the error is Go's sentence.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, String> {
    let mut reader = Reader { bytes, at: 0 };
    let node = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(node),
        Some(byte) => Err(wrong(byte, "after top-level value")),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

const END: &str = "unexpected end of JSON input";

/// Go takes each byte for a character.
fn wrong(byte: u8, context: &str) -> String {
    let quoted = match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        b'\t' => "'\\t'".to_owned(),
        0x07 => "'\\a'".to_owned(),
        0x08 => "'\\b'".to_owned(),
        0x0b => "'\\v'".to_owned(),
        0x0c => "'\\f'".to_owned(),
        0x20..=0x7e => format!("'{}'", char::from(byte)),
        0..=0x1f | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..=0xa0 | 0xad => format!("'\\u{byte:04x}'"),
        _ => format!("'{}'", char::from(byte)),
    };
    format!("invalid character {quoted} {context}")
}

/// What is no UTF-8 becomes the character that stands for it.
fn text_of(bytes: &[u8]) -> String {
    // Faster than looking for what is wrong.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), str::to_owned)
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, String> {
        if depth > DEPTH {
            return Err("exceeded max depth".to_owned());
        }
        self.space();
        match self.peek().ok_or(END)? {
            b'{' => self.map(depth),
            b'[' => self.list(depth),
            b'"' => self.text().map(Node::Text),
            b'-' | b'0'..=b'9' => self.number().map(Node::Number),
            b't' => self.literal("true", Node::Flag(true)),
            b'f' => self.literal("false", Node::Flag(false)),
            b'n' => self.literal("null", Node::Null),
            byte => Err(wrong(byte, "looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str, node: Node) -> Result<Node, String> {
        for wanted in word.bytes() {
            let byte = self.peek().ok_or(END)?;
            if byte != wanted {
                return Err(wrong(byte, &format!("in literal {word} (expecting '{}')", char::from(wanted))));
            }
            self.at += 1;
        }
        Ok(node)
    }

    fn digits(&mut self, context: &str) -> Result<(), String> {
        let byte = self.peek().ok_or(END)?;
        if !byte.is_ascii_digit() {
            return Err(wrong(byte, context));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<String, String> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(text_of(&self.bytes[start..self.at]))
    }

    fn list(&mut self, depth: usize) -> Result<Node, String> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Node::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek().ok_or(END)? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(Node::List(items));
                }
                byte => return Err(wrong(byte, "after array element")),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Node, String> {
        self.at += 1;
        let mut fields = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Node::Map(fields));
        }
        loop {
            self.space();
            match self.peek().ok_or(END)? {
                b'"' => {}
                byte => return Err(wrong(byte, "looking for beginning of object key string")),
            }
            let name = self.text()?;
            self.space();
            match self.peek().ok_or(END)? {
                b':' => self.at += 1,
                byte => return Err(wrong(byte, "after object key")),
            }
            fields.push((name, self.value(depth + 1)?));
            self.space();
            match self.peek().ok_or(END)? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(Node::Map(fields));
                }
                byte => return Err(wrong(byte, "after object key:value pair")),
            }
        }
    }

    fn text(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out: Vec<u8> = Vec::new();
        loop {
            // Nearly all of a text is plain, and most texts are plain to their end.
            let rest = &self.bytes[self.at..];
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).ok_or(END)?;
            let byte = rest[plain];
            self.at += plain + 1;
            match byte {
                b'"' if out.is_empty() => return Ok(text_of(&rest[..plain])),
                _ => out.extend_from_slice(&rest[..plain]),
            }
            match byte {
                b'"' => return Ok(text_of(&out)),
                b'\\' => self.escape(&mut out)?,
                _ => return Err(wrong(byte, "in string literal")),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let byte = self.peek().ok_or(END)?;
        self.at += 1;
        let plain = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let first = self.hexadecimal()?;
                let character = self.paired(first)?.unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(wrong(byte, "in string escape code")),
        };
        out.push(plain);
        Ok(())
    }

    fn hexadecimal(&mut self) -> Result<u32, String> {
        let mut value = 0;
        for _ in 0..4 {
            let byte = self.peek().ok_or(END)?;
            let digit = char::from(byte).to_digit(16).ok_or_else(|| wrong(byte, "in \\u hexadecimal character escape"))?;
            self.at += 1;
            value = value * 16 + digit;
        }
        Ok(value)
    }

    /// The second half of a surrogate pair is read only when it is one.
    fn paired(&mut self, first: u32) -> Result<Option<char>, String> {
        if !(0xd800..0xdc00).contains(&first) || self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
            return Ok(char::from_u32(first));
        }
        let back = self.at;
        self.at += 2;
        let second = self.hexadecimal()?;
        if (0xdc00..0xe000).contains(&second) {
            return Ok(char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)));
        }
        self.at = back;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_is_told_in_gos_words() {
        for (text, wanted) in [
            ("", "unexpected end of JSON input"),
            ("{\"a\"", "unexpected end of JSON input"),
            ("nul", "unexpected end of JSON input"),
            ("not", "invalid character 'o' in literal null (expecting 'u')"),
            ("{,}", "invalid character ',' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 2}", "invalid character '2' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("01", "invalid character '1' after top-level value"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
            ("\"\\q\"", "invalid character 'q' in string escape code"),
            ("\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("@", "invalid character '@' looking for beginning of value"),
        ] {
            assert_eq!(parse(text.as_bytes()).expect_err(text), wanted, "{text}");
        }
        assert_eq!(parse(&[0x81]).expect_err("no value"), "invalid character '\\u0081' looking for beginning of value");
    }

    #[test]
    fn values_keep_order_and_text() {
        let node = parse(br#"{"b":1.50,"a":"\ud83d\ude00\n","a":[true,null]}"#).expect("JSON");
        let Node::Map(fields) = &node else { panic!("an object") };
        assert_eq!(fields[0], ("b".to_owned(), Node::Number("1.50".to_owned())));
        assert_eq!(fields[1].1, Node::Text("😀\n".to_owned()));
        assert_eq!(node.duplicates(), ["a"]);
        assert_eq!(node.value(), serde_json::json!({"a": [true, null], "b": 1.5}));
        assert!(parse("[".repeat(1000).as_bytes()).is_err_and(|why| why == "exceeded max depth"));
    }
}
