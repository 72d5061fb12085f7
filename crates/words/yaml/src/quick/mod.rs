//! A quick reader of the YAML that nearly every manifest is made of: blocks of mappings and lists, scalars in one style
//! each, short flows. Whatever is beyond that, mistakes included, is left to the parser, so that there is one place that
//! says what a text means and what is wrong with it. Read first: [`value`].

mod flow;

use serde_json::{Map, Value};

use flow::Flow;

use crate::node::SIZE;
use crate::resolve::{Plain, plain};
use crate::{Dialect, Style, Written};

/// Deepest nesting that is read here.
const DEPTH: usize = 60;
/// Longest key that is read here, in bytes; the parser has a limit of its own.
const KEY: usize = 256;

/// Chooses what stands for a scalar that is no key.
type Choose<'a> = &'a dyn Fn(Written<'_>, Value) -> Value;

/// Returns the value of a text with one document, or nothing where the parser has to look at it.
pub(crate) fn value(text: &str, dialect: Dialect, choose: Choose<'_>) -> Option<Value> {
    if text.len() > SIZE || !text.ends_with('\n') || !text.bytes().all(harmless) && !text.chars().all(printable) {
        return None;
    }
    let text = text.strip_prefix("---\n").unwrap_or(text);
    let mut reader = Reader { rest: text, line: Line::default(), dialect, choose };
    reader.advance();
    if reader.line.end || reader.line.indent != 0 {
        return None;
    }
    let value = reader.block(0)?;
    reader.line.end.then_some(value)
}

/// What needs no second look: a line feed, and ASCII without controls.
fn harmless(byte: u8) -> bool {
    byte == b'\n' || (b' '..=b'~').contains(&byte)
}

fn printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a1}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// The next line that is neither blank nor a comment.
#[derive(Clone, Copy, Default)]
struct Line<'a> {
    /// Its column; behind a dash that of what follows the dash.
    indent: usize,
    /// What stands there, without blanks at the end.
    content: &'a str,
    /// Whether there is none.
    end: bool,
}

struct Reader<'a> {
    /// The lines behind the present one.
    rest: &'a str,
    line: Line<'a>,
    dialect: Dialect,
    choose: Choose<'a>,
}

impl<'a> Reader<'a> {
    /// Takes one line off, as it is.
    fn raw(&mut self) -> Option<&'a str> {
        let (line, rest) = self.rest.split_once('\n')?;
        self.rest = rest;
        Some(line)
    }

    /// Goes to the next line that says something.
    fn advance(&mut self) {
        while let Some(raw) = self.raw() {
            let content = raw.trim_start_matches(' ');
            if !content.is_empty() && !content.starts_with('#') {
                self.line = Line { indent: raw.len() - content.len(), content: content.trim_end_matches(' '), end: false };
                return;
            }
        }
        self.line = Line { end: true, ..Line::default() };
    }

    /// Tells whether the present line belongs to something at this column.
    fn at(&self, indent: usize) -> bool {
        !self.line.end && self.line.indent == indent
    }

    /// Tells whether the present line is further inside than this column.
    fn inside(&self, indent: usize) -> bool {
        !self.line.end && self.line.indent > indent
    }

    /// Reads the list or mapping that begins in the present line.
    fn block(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH {
            return None;
        }
        if item(self.line.content).is_some() { self.list(depth) } else { self.map(depth) }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let indent = self.line.indent;
        let mut items = Vec::new();
        while self.at(indent)
            && let Some(content) = item(self.line.content)
        {
            let inner = content.trim_start_matches(' ');
            if inner.is_empty() {
                self.advance();
                items.push(if self.inside(indent) { self.block(depth + 1)? } else { self.nothing() });
            } else if item(inner).is_some() || key(inner).is_some() {
                self.line = Line { indent: indent + 1 + content.len() - inner.len(), content: inner, end: false };
                items.push(self.block(depth + 1)?);
            } else {
                items.push(self.scalar(inner, indent)?);
            }
        }
        // What stands further inside belongs to nothing.
        (!self.inside(indent)).then_some(Value::Array(items))
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        let indent = self.line.indent;
        let mut map = Map::new();
        while self.at(indent) {
            if item(self.line.content).is_some() {
                break;
            }
            let (name, behind) = key(self.line.content)?;
            if !matches!(plain(name, self.dialect), Plain::Text) && !self.line.content.starts_with(['"', '\'']) {
                return None;
            }
            let written = behind.trim_start_matches(' ');
            let value = if !written.is_empty() {
                self.scalar(written, indent)?
            } else {
                self.advance();
                // A list may stand at the column of its key.
                let list = self.at(indent) && item(self.line.content).is_some();
                if list || self.inside(indent) { self.block(depth + 1)? } else { self.nothing() }
            };
            if map.insert(name.to_owned(), value).is_some() {
                return None;
            }
        }
        (!self.inside(indent)).then_some(Value::Object(map))
    }

    fn nothing(&self) -> Value {
        (self.choose)(Written { text: "", style: Style::Plain, tagged: false, in_flow: false }, Value::Null)
    }

    /// Reads what stands behind a key or a dash in the present line, and goes to the line behind it.
    fn scalar(&mut self, written: &'a str, indent: usize) -> Option<Value> {
        let value = match written.as_bytes()[0] {
            b'|' => return self.literal(written, indent),
            b'{' | b'[' => {
                let mut flow = Flow { rest: written, reader: self };
                let value = flow.value(0)?;
                flow.rest.is_empty().then_some(value)?
            }
            b'"' | b'\'' => {
                let (text, rest) = quoted(written)?;
                rest.is_empty().then(|| self.text(text, written, false))?
            }
            _ => return self.plain(written, indent),
        };
        self.advance();
        (!self.inside(indent)).then_some(value)
    }

    fn text(&self, text: &str, written: &str, in_flow: bool) -> Value {
        let style = if written.starts_with('"') { Style::Double } else { Style::Single };
        (self.choose)(Written { text, style, tagged: false, in_flow }, Value::String(text.to_owned()))
    }

    /// Reads a text without quotes, which goes on in lines that are further inside.
    fn plain(&mut self, written: &'a str, indent: usize) -> Option<Value> {
        if !begins_plain(written) || !goes_on_plain(written) {
            return None;
        }
        // A blank line or a comment would not be seen any more.
        let next = self.rest.split_once('\n').map_or("", |(line, _)| line);
        let next_content = next.trim_start_matches(' ');
        let (blank, further) = (next_content.is_empty() || next_content.starts_with('#'), next.len() - next_content.len() > indent);
        if blank || !further {
            self.advance();
            return if self.inside(indent) { None } else { self.plain_value(written, false) };
        }
        let mut text = written.to_owned();
        loop {
            let whole = self.rest.split_once('\n').map_or("", |(line, _)| line);
            let line = whole.trim_start_matches(' ');
            if line.is_empty() || line.starts_with('#') {
                return None;
            }
            if whole.len() - line.len() <= indent {
                break;
            }
            let line = line.trim_end_matches(' ');
            if !goes_on_plain(line) {
                return None;
            }
            text.push(' ');
            text.push_str(line);
            self.raw();
            if self.rest.is_empty() {
                break;
            }
        }
        self.advance();
        self.plain_value(&text, false)
    }

    fn plain_value(&self, text: &str, in_flow: bool) -> Option<Value> {
        let value = match plain(text, self.dialect) {
            Plain::Value(value) => value,
            Plain::Text => Value::String(text.to_owned()),
            Plain::NotJson => return None,
        };
        Some((self.choose)(Written { text, style: Style::Plain, tagged: false, in_flow }, value))
    }

    /// Reads a block of lines as they are.
    fn literal(&mut self, header: &str, indent: usize) -> Option<Value> {
        let strip = match header {
            "|" => false,
            "|-" => true,
            _ => return None,
        };
        let first = self.rest.split_once('\n')?.0;
        let inner = first.len() - first.trim_start_matches(' ').len();
        if inner <= indent || inner == first.len() {
            return None;
        }
        let mut text = String::new();
        // Line feeds count only where a line follows.
        let mut feeds = 0;
        while let Some((line, rest)) = self.rest.split_once('\n') {
            let column = line.len() - line.trim_start_matches(' ').len();
            if column == line.len() {
                if column > inner {
                    return None;
                }
            } else if column < inner {
                if column > indent {
                    return None;
                }
                break;
            } else {
                text.extend(std::iter::repeat_n('\n', feeds));
                text.push_str(&line[inner..]);
                feeds = 0;
            }
            feeds += 1;
            self.rest = rest;
        }
        if !strip {
            text.push('\n');
        }
        self.advance();
        let written = Written { text: &text, style: Style::Literal, tagged: false, in_flow: false };
        Some((self.choose)(written, Value::String(text.clone())))
    }
}

/// What stands behind a dash.
fn item(content: &str) -> Option<&str> {
    content.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// A key, without quotes, and what stands behind its colon.
fn key(content: &str) -> Option<(&str, &str)> {
    let (name, rest) = if content.starts_with(['"', '\'']) {
        quoted(content)?
    } else {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
        let end = content.bytes().position(|byte| !inner(byte))?;
        let (name, rest) = content.split_at(end);
        (begins_plain(name).then_some(name)?, rest)
    };
    let behind = rest.strip_prefix(':').filter(|behind| behind.is_empty() || behind.starts_with(' '))?;
    (name.len() <= KEY).then_some((name, behind))
}

/// A text in quotes without anything that has to be undone, and what stands behind it.
fn quoted(written: &str) -> Option<(&str, &str)> {
    let quote = written.chars().next()?;
    let (text, rest) = written[1..].split_once(quote)?;
    let whole = !text.contains('\\') || quote == '\'';
    (whole && !rest.starts_with(quote)).then_some((text, rest))
}

/// Tells whether a text without quotes begins so that it cannot be anything else.
fn begins_plain(text: &str) -> bool {
    match text.as_bytes() {
        // The marks of documents mean that at the beginning of a line alone, but who writes them elsewhere?
        [b'.', b'.', b'.', ..] | [b'-', b'-', b'-', ..] => false,
        [b'-', next, ..] => *next != b' ',
        [first, ..] => first.is_ascii_alphanumeric() || b"/._+$(=~^;\\<".contains(first) || *first >= 0x80,
        [] => false,
    }
}

/// Tells whether a line of a text without quotes is that and nothing more.
fn goes_on_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = |at: usize| bytes.get(at + 1).is_none_or(|next| *next == b' ');
    let odd = |(at, byte): (usize, &u8)| match byte {
        b':' => ends(at),
        b'#' => at > 0 && bytes[at - 1] == b' ',
        _ => false,
    };
    !bytes.iter().enumerate().any(odd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{nodes, value_with};

    /// A scalar with everything that a caller is told of it.
    fn told(written: Written<'_>, value: Value) -> Value {
        serde_json::json!([written.text, format!("{:?}", written.style), written.tagged, written.in_flow, value])
    }

    fn quickly(text: &str) -> Option<Value> {
        value(text, Dialect::Kyaml, &told)
    }

    fn slowly(text: &str) -> Option<Value> {
        nodes(text).ok()?.first().and_then(|node| value_with(node, Dialect::Kyaml, &told).ok())
    }

    #[test]
    fn what_is_read_here_means_what_the_parser_says() {
        for text in [
            "a: 1\n",
            "---\na: b\n",
            "# head\na: b\n\n  # inside\nc:\n  d: e\n",
            "a:\n- b\n- c: d\n  e: f\n- - g\n  - h\n-\n  i: j\n-\n- ~\nk: {}\n",
            "a:\n  - b\n  -   c: 1\n      d: 2\n",
            "a: {b: c, d: [e, 'f', \"g\", {h: i}], j: 1.10, k: x:1/y@z, l: two words}\n",
            "a: [ ]\nb: [-1, - ]\n",
            "a: |\n  one\n\n    two \n  # three\nb: |-\n    x\n\n\nc:\n- |\n d\n",
            "a: one\n  two - three\n   four\nb: - c\n",
            "a: one\n  two\nb: c\n",
            "'a b': \"c: #d\"\n\"\": ''\n",
            "a: --flag\nb: -1\nc: $(X)\nd: a#b\ne: http://x:1/y\nf: 2001-01-01\ng: grüße\n",
            "a:\nb: ~\nc:   d   \n",
            "args: [--one, -t]\n",
        ] {
            match quickly(text) {
                Some(value) => assert_eq!(Some(value), slowly(text), "{text}"),
                None => assert!(["a: [ ]", "a: one\n  two - three"].iter().any(|odd| text.starts_with(odd)), "left to the parser: {text}"),
            }
        }
    }

    #[test]
    fn the_rest_is_left_to_the_parser() {
        for text in [
            "",
            "a: 1",
            "a\n",
            "# nothing\n",
            " a: 1\n",
            "a: b: c\n",
            "a: b # c\n",
            "a: &b c\n",
            "a: *b\n",
            "a: !t b\n",
            "<<: {a: b}\n",
            "a: 1\na: 2\n",
            "a: .inf\n",
            "1: a\n",
            "true: a\n",
            "a:\tb\n",
            "a: \"b\\n\"\n",
            "a: 'b''c'\n",
            "a: 'b\n  c'\n",
            "a: >\n  b\n",
            "a: |2\n   b\n",
            "a: |+\n  b\n\n",
            "a: |\n\n  b\n",
            "a: |\n    b\n  c\n",
            "a: b\n\n  c\n",
            "a:\n  b: c\n d: e\n",
            "a:\n  - b\n  c: d\n",
            "a: b\n- c\n",
            "a: {b: c\n}\n",
            "a: {b}\n",
            "a: {b: c,}\n",
            "a: {b: }\n",
            "a: [b: c]\n",
            "a: 1\n---\nb: 2\n",
            "a: 1\n...\n",
            "%YAML 1.1\n---\na: 1\n",
            "? a\n: b\n",
            "a: \u{7f}\n",
            "a: \u{85}\n",
            "a: \u{1F600}\n",
            "a: b\r\n",
            "a :b\n",
            "a:b\n",
            "\"a\":b\n",
            "a: {b: c} d\n",
            "a: ...\n",
        ] {
            assert_eq!(quickly(text), None, "{text:?}");
        }
        let deep = (0..100).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>();
        assert_eq!(quickly(&deep), None);
    }
}
