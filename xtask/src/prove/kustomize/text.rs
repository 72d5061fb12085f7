//! Values as YAML in many styles: blocks and flows, every kind of quotes, comments, indentation, order of keys.
//! A text that starts with [`RAW`] is written as it is, so that a reader may take it for anything.

use serde_json::Value;

use super::dice::Dice;

/// Marks a scalar that is written without quotes whatever it looks like.
pub const RAW: char = '\u{1}';

/// Words that readers disagree about.
const ODD: [&str; 39] = [
    "yes",
    "no",
    "on",
    "Off",
    "y",
    "N",
    "true",
    "False",
    "null",
    "~",
    "0755",
    "0o17",
    "0x1F",
    "0b101",
    "1_000",
    "1e3",
    "1.10",
    "1.0",
    ".5",
    "5.",
    "08",
    "010",
    "-0",
    "+1",
    "123e4567",
    "2001-01-01",
    "2001-1-2",
    "12:30:45",
    "1:30",
    "18446744073709551616",
    "9223372036854775808",
    "0.1",
    "1e-7",
    "123456789.25",
    "1e21",
    "=",
    "<<x",
    "-1",
    "00",
];
/// Texts that need care when they are written.
const TEXTS: [&str; 36] = [
    "",
    " ",
    " leading",
    "trailing ",
    "two  spaces",
    "it's",
    "say \"hi\"",
    "a: b",
    "a #b",
    "#c",
    "- d",
    "-",
    "?",
    "? x",
    ":",
    "a:",
    "{",
    "[x]",
    "*a",
    "&a",
    "!t",
    "%d",
    "@e",
    "`f",
    "|",
    ">",
    "a\tb",
    "back\\slash",
    "grüße",
    "日本語",
    "emoji 😀",
    "$(VAR)",
    "$$(VAR)",
    "x=y",
    "---",
    "...",
];

/// Returns a text for a field that may hold any.
pub fn any_text(dice: &mut Dice) -> String {
    match dice.below(12) {
        0 => dice.word(&TEXTS),
        1 => dice.word(&ODD),
        2 => long_line(dice),
        3 => block(dice),
        4 => format!("{}{}", dice.word(&TEXTS), dice.word(&TEXTS)),
        5 => format!("{RAW}{}", dice.word(&ODD)),
        _ => dice.word(&["a", "value", "one two", "http://example.com/x?y=1", "key.example.com/part", "v1.2.3", "sha256-abc"]),
    }
}

/// Returns a value for a place that takes any scalar.
pub fn any_scalar(dice: &mut Dice) -> Value {
    match dice.below(8) {
        0 => Value::from(dice.below(100_000)),
        1 => Value::Bool(dice.one_in(2)),
        2 => Value::Null,
        3 => Value::from(format!("{RAW}{}", dice.word(&ODD))),
        _ => Value::from(any_text(dice)),
    }
}

fn long_line(dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..8 + dice.below(30) {
        text.push_str(&dice.word(&["word", "a", "longer-word-here", "x:y", "it's", "\"q\"", "grüße", "#5", "-"]));
        text.push_str(if dice.one_in(12) { "  " } else { " " });
    }
    if dice.one_in(5) { text } else { text.trim_end().to_owned() }
}

fn block(dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..1 + dice.below(5) {
        text.push_str(&dice.word(&[
            "line",
            "key: value",
            "  indented",
            "",
            "- item",
            "# comment",
            "tab\there",
            "end ",
            "long long long",
            "{\"a\": 1}",
        ]));
        text.push('\n');
    }
    match dice.below(4) {
        0 => text.trim_end_matches('\n').to_owned(),
        1 => format!("{text}\n"),
        _ => text,
    }
}

/// Writes one document.
pub fn render(value: &Value, dice: &mut Dice) -> String {
    write(value, dice, true)
}

/// Writes a patch: without comments and nulls that are not written, because upstream takes them along into flows, which it
/// then cannot read or reads otherwise.
pub fn render_patch(value: &Value, dice: &mut Dice) -> String {
    write(value, dice, false)
}

fn write(value: &Value, dice: &mut Dice, comments: bool) -> String {
    let mut out = String::new();
    if comments && dice.one_in(8) {
        out.push_str("# a comment\n");
    }
    let step = if dice.one_in(6) { 4 } else { 2 };
    Writer { dice, step, comments }.block(value, 0, &mut out);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

struct Writer<'a> {
    dice: &'a mut Dice,
    step: usize,
    comments: bool,
}

impl Writer<'_> {
    /// Writes a value at the beginning of a line.
    fn block(&mut self, value: &Value, indent: usize, out: &mut String) {
        let pad = " ".repeat(indent);
        match value {
            Value::Object(map) if !map.is_empty() => {
                let mut pairs: Vec<_> = map.iter().collect();
                if self.dice.one_in(3) {
                    self.dice.shuffle(&mut pairs);
                }
                for (key, value) in pairs {
                    out.push_str(&pad);
                    out.push_str(&self.key(key));
                    out.push(':');
                    self.after(value, indent, false, out);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for item in items {
                    out.push_str(&pad);
                    out.push('-');
                    self.after(item, indent, true, out);
                }
            }
            other => {
                out.push_str(&pad);
                out.push_str(&self.flow(other));
                out.push('\n');
            }
        }
    }

    /// Writes a value behind a colon or a dash.
    fn after(&mut self, value: &Value, indent: usize, item: bool, out: &mut String) {
        let collection =
            matches!(value, Value::Object(map) if !map.is_empty()) || matches!(value, Value::Array(items) if !items.is_empty());
        if collection && !self.dice.one_in(6) {
            self.comment(out);
            // A list may stand at the column of its key; a mapping behind a dash, in its line.
            let inner = match value {
                Value::Array(_) if !item && self.dice.one_in(2) => indent,
                _ => indent + self.step,
            };
            if item && value.is_object() && self.step == 2 && out.ends_with('-') {
                let mut text = String::new();
                self.block(value, inner, &mut text);
                out.push_str(&text[indent + 1..]);
                return;
            }
            out.push('\n');
            return self.block(value, inner, out);
        }
        match value {
            Value::String(text) if text.contains('\n') && self.literal(text, indent + self.step, out) => {}
            Value::Null if self.comments && self.dice.one_in(3) => out.push('\n'),
            other => {
                out.push(' ');
                out.push_str(&self.flow(other));
                self.comment(out);
                out.push('\n');
            }
        }
    }

    fn comment(&mut self, out: &mut String) {
        if self.comments && self.dice.one_in(25) {
            out.push_str(" # note");
        }
    }

    /// Writes a block scalar where the text can be one.
    fn literal(&mut self, text: &str, indent: usize, out: &mut String) -> bool {
        if text.starts_with([' ', '\n', '\t']) || text.trim_end_matches('\n').is_empty() || self.dice.one_in(4) {
            return false;
        }
        let body = text.trim_end_matches('\n');
        let folded = self.dice.one_in(6) && body.lines().all(|line| !line.is_empty() && !line.starts_with(' '));
        out.push_str(if folded { " >" } else { " |" });
        let breaks = text.len() - body.len();
        out.push_str(match breaks {
            0 => "-",
            1 => "",
            _ => "+",
        });
        out.push('\n');
        for line in body.split('\n') {
            if !line.is_empty() {
                out.push_str(&" ".repeat(indent));
                out.push_str(line);
            }
            out.push('\n');
        }
        out.extend(std::iter::repeat_n('\n', breaks.saturating_sub(1)));
        true
    }

    fn key(&mut self, key: &str) -> String {
        if plain(key) { key.to_owned() } else { quoted(key, self.dice) }
    }

    fn flow(&mut self, value: &Value) -> String {
        match value {
            Value::String(text) => match text.strip_prefix(RAW) {
                Some(raw) => raw.to_owned(),
                None if plain(text) && !self.dice.one_in(8) => text.clone(),
                None => quoted(text, self.dice),
            },
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| self.flow(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Object(map) => {
                let pairs: Vec<String> = map
                    .iter()
                    .map(|(key, value)| {
                        let key = self.key(key);
                        format!("{key}: {}", self.flow(value))
                    })
                    .collect();
                format!("{{{}}}", pairs.join(", "))
            }
            Value::Null => self.dice.word(&["null", "~"]),
            other => other.to_string(),
        }
    }
}

/// Tells whether a text is surely the same without quotes, in blocks and in flows.
fn plain(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/' | b'-' | b'_' | b' ' | b'=' | b'$' | b'(' | b')');
    let word = text.to_ascii_lowercase();
    let reserved = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&word.as_str());
    text.bytes().all(good) && text.starts_with(|first: char| first.is_ascii_alphabetic()) && !text.ends_with(' ') && !reserved
}

fn quoted(text: &str, dice: &mut Dice) -> String {
    let simple = text.chars().all(|character| !character.is_control());
    if simple && dice.one_in(2) { format!("'{}'", text.replace('\'', "''")) } else { Value::from(text).to_string() }
}
