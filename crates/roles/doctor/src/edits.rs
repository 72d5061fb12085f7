//! Edits of values that keep the writing around them. Read first: [`set`], [`insert`], [`remove`].

use yaml::{Content, Node, Style};

use crate::Edit;
use crate::look::Look as _;

/// A file that is edited.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    pub path: &'a str,
    pub text: &'a str,
}

impl<'a> File<'a> {
    /// Replaces bytes.
    pub(crate) fn splice(&self, start: usize, end: usize, replacement: impl Into<String>) -> Edit {
        Edit { path: self.path.to_owned(), start, end, replacement: replacement.into() }
    }

    /// Puts another text in a scalar's place; its quotes stay. Blocks are not edited.
    pub(crate) fn set(&self, node: &Node, text: &str) -> Option<Edit> {
        let Content::Scalar(_, style) = &node.content else { return None };
        let written = match style {
            Style::Single => format!("'{}'", text.replace('\'', "''")),
            Style::Double => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            Style::Plain if plain(text) => text.to_owned(),
            Style::Plain => format!("'{}'", text.replace('\'', "''")),
            Style::Literal | Style::Folded => return None,
        };
        Some(self.splice(node.span.start, node.span.end, written))
    }

    /// Puts a pair in front of a map's first one. `value` is written as it is.
    pub(crate) fn insert(&self, map: &Node, key: &str, value: &str) -> Option<Edit> {
        let Content::Map(pairs, flow) = &map.content else { return None };
        let first = pairs.first()?.0.span.start;
        let line = self.line_start(first);
        let indent = first - line;
        let alone = self.text.get(line..first)?.trim().is_empty();
        let name = if self.path.ends_with(".json") { format!("\"{key}\"") } else { key.to_owned() };
        let blanks = " ".repeat(self.text[line..first].chars().count().min(indent));
        Some(self.splice(
            first,
            first,
            match (*flow, alone) {
                (true, false) => format!("{name}: {value}, "),
                (true, true) => format!("{name}: {value},\n{blanks}"),
                (false, _) => format!("{name}: {value}\n{blanks}"),
            },
        ))
    }

    /// Takes a pair out of a map, with its line; `None` where nothing would be left.
    pub(crate) fn remove(&self, map: &Node, key: &str) -> Option<Edit> {
        let Content::Map(pairs, flow) = &map.content else { return None };
        let at = pairs.iter().position(|(name, _)| name.text() == Some(key))?;
        let (name, value) = &pairs[at];
        if let Some((next, _)) = pairs.get(at + 1) {
            return Some(self.splice(name.span.start, next.span.start, ""));
        }
        let before = &pairs[at.checked_sub(1)?].1;
        if *flow {
            return Some(self.splice(before.span.end, value.span.end, ""));
        }
        let end = self.content_end(value);
        let end = self.text[end..].find('\n').map_or(self.text.len(), |offset| end + offset + 1);
        Some(self.splice(self.line_start(name.span.start), end, ""))
    }

    /// Where a value's writing ends; the span of a block may go on over blank lines and comments.
    pub(crate) fn content_end(&self, node: &Node) -> usize {
        match &node.content {
            Content::Map(pairs, false) => pairs.last().map_or(node.span.end, |(_, value)| self.content_end(value)),
            Content::List(items, false) => items.last().map_or(node.span.end, |item| self.content_end(item)),
            Content::Scalar(_, Style::Literal | Style::Folded) => node.span.start + self.text[node.span.clone()].trim_end().len(),
            _ => node.span.end,
        }
    }

    /// The first byte of the line that a byte lies in.
    pub(crate) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// What is written for a value, quotes and all.
    pub(crate) fn raw(&self, node: &Node) -> &'a str {
        self.text.get(node.span.clone()).unwrap_or_default()
    }

    /// Where an item's dash stands: the line's first byte and the blanks before the dash.
    pub(crate) fn dash(&self, item: &Node) -> Option<(usize, usize)> {
        let line = self.line_start(item.span.start);
        let before = &self.text[line..item.span.start];
        let blanks = before.len() - before.trim_start().len();
        before.trim_start().starts_with('-').then_some((line, blanks))
    }
}

/// Tells whether a text may stand without quotes, wherever it is.
pub(crate) fn plain(text: &str) -> bool {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '.') && text.chars().all(safe);
    word && !matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n" | ".nan" | ".inf"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edit: impl Fn(File<'_>, &Node) -> Option<Edit>) -> String {
        let documents = yaml::nodes(text).expect("reads");
        let edit = edit(File { path: "a.yaml", text }, &documents[0]).expect("can be edited");
        String::from_utf8(crate::fix::spliced(text.as_bytes(), &[edit])).expect("is UTF-8")
    }

    #[test]
    fn edits_keep_the_writing() {
        assert_eq!(edited("a: 'x' # c\n", |file, root| file.set(root.get("a")?, "it's")), "a: 'it''s' # c\n");
        assert_eq!(edited("a: x # c\n", |file, root| file.set(root.get("a")?, ">1 <2")), "a: '>1 <2' # c\n");
        assert_eq!(edited("a:\n  b: 1\n", |file, root| file.insert(root.get("a")?, "n", "2")), "a:\n  n: 2\n  b: 1\n");
        assert_eq!(edited("- b: 1\n  c: 2\n", |file, root| file.insert(&root.items()[0], "n", "2")), "- n: 2\n  b: 1\n  c: 2\n");
        assert_eq!(edited("a: { b: 1 }\n", |file, root| file.insert(root.get("a")?, "n", "2")), "a: { n: 2, b: 1 }\n");
        assert_eq!(edited("a: 1\nb:\n  - 1\n  - 2 # c\n\n# d\n", |file, root| file.remove(root, "b")), "a: 1\n\n# d\n");
        assert_eq!(edited("a: 1 # c\nb: 2\n", |file, root| file.remove(root, "a")), "b: 2\n");
        assert_eq!(edited("{a: 1, b: 2}\n", |file, root| file.remove(root, "b")), "{a: 1}\n");
    }
}
