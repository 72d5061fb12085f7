//! Changing one value and nothing else: comments, quotes, flow maps, anchors, other documents stay byte for byte. What came
//! out is read again and must differ in that place only.
//! Read first: [`Path`], [`set_scalar`], then `splice.rs` for whole values.

mod check;
mod splice;

pub use splice::{append, delete, insert, replace, set};

use serde_json::Value;

use crate::safe::{double_quoted, plain_is_safe};
use crate::{Content, Node, Style, YamlError, nodes};

/// Where a value stands inside a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Which document, counted from 0; `None` when any document may hold the path, but only one does.
    pub document: Option<usize>,
    /// The way down from the document's root.
    pub steps: Vec<Step>,
}

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// Why an edit is not made. The text is unchanged then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The file is not readable.
    #[error("the file is no YAML")]
    Yaml(#[from] YamlError),
    /// There is nothing at the path.
    #[error("key path not found: {0}")]
    NotFound(String),
    /// Several documents have the path.
    #[error("key path {path} is in {count} documents; name one with #N. in front, counted from 0")]
    Ambiguous {
        /// The path.
        path: String,
        /// In how many documents.
        count: usize,
    },
    /// The path leads to a mapping or list.
    #[error("the value at {0} is not a scalar")]
    NotScalar(String),
    /// The new value is a mapping or list.
    #[error("the new value for {0} is not a scalar")]
    BadValue(String),
    /// A list is shorter than the path says.
    #[error("{path} has {length} items, so there is none with index {index}")]
    Index {
        /// The list's path.
        path: String,
        /// Its length.
        length: usize,
        /// The wanted index.
        index: usize,
    },
    /// The path leads to something that holds no items.
    #[error("the value at {0} is no list")]
    NotList(String),
    /// The path leads to something that holds no entries.
    #[error("the value at {0} is no mapping")]
    NotMap(String),
    /// There is something at the path already.
    #[error("there is a value at {0} already")]
    Exists(String),
    /// The edit would have changed something else as well.
    #[error("changing {0} would change other values of the file")]
    Unsafe(String),
}

impl std::fmt::Display for Path {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(document) = self.document {
            write!(formatter, "#{document}.")?;
        }
        for (at, step) in self.steps.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            match step {
                Step::Index(index) => write!(formatter, "{dot}{index}")?,
                Step::Key(key) if key.parse::<usize>().is_ok() => write!(formatter, "{dot}:{key}")?,
                Step::Key(key) => write!(formatter, "{dot}{}", key.replace('.', "\\.").replace(':', "\\:"))?,
            }
        }
        Ok(())
    }
}

impl<'a> FromIterator<&'a str> for Path {
    /// The path of these keys, whatever they hold.
    fn from_iter<T: IntoIterator<Item = &'a str>>(keys: T) -> Self {
        Self { document: None, steps: keys.into_iter().map(|key| Step::Key(key.to_owned())).collect() }
    }
}

impl Path {
    /// Parses Kargo's key syntax: dots between keys, `\.` for a dot inside a key, `\:` for a colon, a leading `:` makes a
    /// number a key, plain integers index lists; and ours: `#1.` in front names a document. Source: akuity/kargo
    /// `pkg/yaml/yaml.go`.
    pub fn parse(text: &str) -> Self {
        let (document, rest) = match text.strip_prefix('#').and_then(|rest| rest.split_once('.')) {
            Some((number, rest)) if number.parse::<usize>().is_ok() => (number.parse().ok(), rest),
            _ => (None, text),
        };
        let mut parts = vec![String::new()];
        let mut characters = rest.chars();
        while let Some(character) = characters.next() {
            let last = parts.last_mut().expect("starts with one part");
            match character {
                '\\' => match characters.next() {
                    Some(escaped @ ('.' | ':')) => last.push(escaped),
                    Some(other) => last.extend(['\\', other]),
                    None => last.push('\\'),
                },
                '.' => parts.push(String::new()),
                other => last.push(other),
            }
        }
        let steps = parts.into_iter().map(|part| match part.strip_prefix(':') {
            Some(key) if !key.is_empty() => Step::Key(key.to_owned()),
            _ => part.parse().map_or(Step::Key(part), Step::Index),
        });
        Self { document, steps: steps.collect() }
    }
}

/// Replaces the scalar at a path and returns the new text.
///
/// The old value's quotes are kept; a plain value is quoted only if it would otherwise read as something else. The result
/// is read again and must differ at this path only.
pub fn set_scalar(text: &str, key: &str, value: &Value) -> Result<String, EditError> {
    let path = Path::parse(key);
    let documents = nodes(text)?;
    let (at, node) = locate(&documents, &path, key)?;
    let Content::Scalar(_, style) = &node.content else { return Err(EditError::NotScalar(key.to_owned())) };
    let written = scalar_text(value, *style, in_flow(&documents[at], node), key)?;
    let mut span = node.span.clone();
    let mut written = written;
    if matches!(style, Style::Literal | Style::Folded) {
        // A block ends where its last line ends; what follows stays on its own line.
        span.end = span.start + text[span.clone()].trim_end().len();
    } else if span.is_empty() {
        // Nothing is written there yet: the value goes right behind its colon or dash, which the parser puts before it.
        let behind = &text[span.start..];
        let gap = behind.len() - behind.trim_start().len();
        let end = if behind[gap..].starts_with([':', '-']) { span.start + gap + 1 } else { text[..span.start].trim_end().len() };
        span = end..end;
        written.insert(0, ' ');
    }
    let mut edited = String::with_capacity(text.len() + written.len());
    edited.push_str(&text[..span.start]);
    edited.push_str(&written);
    edited.push_str(&text[span.end..]);
    check::only(&documents, &edited, at, &path.steps, check::Difference::Value(value)).ok_or_else(|| EditError::Unsafe(key.to_owned()))?;
    Ok(edited)
}

fn locate<'a>(documents: &'a [Node], path: &Path, key: &str) -> Result<(usize, &'a Node), EditError> {
    if let Some(at) = path.document {
        let root = documents.get(at).ok_or_else(|| EditError::NotFound(key.to_owned()))?;
        return Ok((at, descend(root, &path.steps, key)?));
    }
    let found: Vec<_> = documents.iter().enumerate().map(|(at, root)| (at, descend(root, &path.steps, key))).collect();
    let hits: Vec<_> = found.iter().filter_map(|(at, result)| result.as_ref().ok().map(|node| (*at, *node))).collect();
    match (hits.as_slice(), found.into_iter().next()) {
        ([hit], _) => Ok(*hit),
        ([], Some((_, Err(error)))) => Err(error),
        ([], _) => Err(EditError::NotFound(key.to_owned())),
        (many, _) => Err(EditError::Ambiguous { path: key.to_owned(), count: many.len() }),
    }
}

fn descend<'a>(root: &'a Node, steps: &[Step], key: &str) -> Result<&'a Node, EditError> {
    let mut node = root;
    for step in steps {
        node = match (&node.content, step) {
            (Content::Map(pairs, _), step) => {
                let name = match step {
                    Step::Key(name) => name.clone(),
                    Step::Index(index) => index.to_string(),
                };
                let pair = pairs.iter().rfind(|(key, _)| matches!(&key.content, Content::Scalar(text, _) if *text == name));
                &pair.ok_or_else(|| EditError::NotFound(key.to_owned()))?.1
            }
            (Content::List(items, _), Step::Index(index)) => {
                items.get(*index).ok_or_else(|| EditError::Index { path: key.to_owned(), length: items.len(), index: *index })?
            }
            _ => return Err(EditError::NotFound(key.to_owned())),
        };
    }
    Ok(node)
}

/// Tells whether the node stands inside `[…]` or `{…}`, where commas and braces need quotes.
fn in_flow(root: &Node, target: &Node) -> bool {
    match &root.content {
        Content::List(items, flow) => items.iter().any(|item| holds(item, target) && (*flow || in_flow(item, target))),
        Content::Map(pairs, flow) => pairs.iter().any(|(_, value)| holds(value, target) && (*flow || in_flow(value, target))),
        Content::Scalar(..) | Content::Alias(_) => false,
    }
}

fn holds(node: &Node, target: &Node) -> bool {
    node.span.start <= target.span.start && target.span.end <= node.span.end
}

fn scalar_text(value: &Value, style: Style, flow: bool, key: &str) -> Result<String, EditError> {
    let text = match value {
        Value::String(text) => text,
        Value::Bool(_) | Value::Number(_) => return Ok(value.to_string()),
        Value::Null => return Ok("null".to_owned()),
        Value::Array(_) | Value::Object(_) => return Err(EditError::BadValue(key.to_owned())),
    };
    let one_line = !text.contains(['\n', '\r']) && text.chars().all(|c| !c.is_control());
    Ok(match style {
        Style::Single if one_line => format!("'{}'", text.replace('\'', "''")),
        Style::Plain if one_line && plain_is_safe(text, flow) => text.clone(),
        _ => double_quoted(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;
    use expect_test::{Expect, expect};

    fn check(text: &str, key: &str, value: &str, expected: &Expect) {
        let value = serde_json::from_str(value).expect("a JSON value");
        let shown = set_scalar(text, key, &value).unwrap_or_else(|error| format!("{error}"));
        expected.assert_eq(&shown);
    }

    const POINTER: &str = "spec:\n  ref:\n    tag: 0.5.118   # ← the only line\n  q: 'x'\n---\nspec: {a: b, c: d}\n";

    #[test]
    fn only_the_scalar_changes() {
        check(
            POINTER,
            "spec.ref.tag",
            "\"0.5.119\"",
            &expect![[r#"
            spec:
              ref:
                tag: 0.5.119   # ← the only line
              q: 'x'
            ---
            spec: {a: b, c: d}
        "#]],
        );
        check(
            POINTER,
            "spec.q",
            "\"it's\"",
            &expect![[r#"
            spec:
              ref:
                tag: 0.5.118   # ← the only line
              q: 'it''s'
            ---
            spec: {a: b, c: d}
        "#]],
        );
        check(
            POINTER,
            "spec.a",
            "\"1,2\"",
            &expect![[r#"
            spec:
              ref:
                tag: 0.5.118   # ← the only line
              q: 'x'
            ---
            spec: {a: "1,2", c: d}
        "#]],
        );
    }

    #[test]
    fn texts_that_would_read_otherwise_are_quoted() {
        for value in ["1.10", "007", "7e5", "yes", "null", "2001-01-01", "12:30:45", "a: b", "a #b", "*x", "- x", "", "a\nb"] {
            let text = set_scalar("a: b\r\nc: d", "a", &Value::String(value.into())).expect("edits");
            assert!(text.ends_with("\r\nc: d"), "{text:?}");
            for dialect in [Dialect::Sigs, Dialect::Kyaml] {
                assert_eq!(crate::read(&text, dialect).expect("reads")["a"], value);
            }
        }
    }

    #[test]
    fn blocks_lists_and_dotted_keys() {
        check(
            "a: |\n  x\n  y\nb: [1, {c: 2}]\n",
            "a",
            "\"z\"",
            &expect![[r#"
            a: "z"
            b: [1, {c: 2}]
        "#]],
        );
        check(
            "b: [1, {c: 2}]\n",
            "b.1.c",
            "3",
            &expect![[r#"
            b: [1, {c: 3}]
        "#]],
        );
        check(
            "a.b: 1\n\"7\": x\n",
            "a\\.b",
            "2",
            &expect![[r#"
            a.b: 2
            "7": x
        "#]],
        );
        check(
            "a.b: 1\n\"7\": x\n",
            ":7",
            "\"y\"",
            &expect![[r#"
            a.b: 1
            "7": "y"
        "#]],
        );
        check(
            "a:\nb: 1\n",
            "a",
            "\"x\"",
            &expect![[r#"
            a: x
            b: 1
        "#]],
        );
    }

    #[test]
    fn what_cannot_be_set_is_named() {
        check("a: 1\n", "b", "1", &expect!["key path not found: b"]);
        check("a: 1\n---\na: 2\n", "a", "1", &expect!["key path a is in 2 documents; name one with #N. in front, counted from 0"]);
        check("a: 1\n---\na: 2\n", "#1.a", "3", &expect!["a: 1\n---\na: 3\n"]);
        check("a: {b: 1}\n", "a", "1", &expect!["the value at a is not a scalar"]);
        check("a: [1]\n", "a.1", "1", &expect!["a.1 has 1 items, so there is none with index 1"]);
        check("a: 1\n", "a", "[1]", &expect!["the new value for a is not a scalar"]);
    }
}
