//! A document as a tree of nodes that know where they stand in the text.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};

use crate::YamlError;

/// Deepest nesting that is read.
const DEPTH: usize = 200;
/// Longest text that is read, in bytes.
pub(crate) const SIZE: usize = 32 << 20;

/// One node of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it holds.
    pub content: Content,
    /// Where it stands, in bytes of the text. For block collections the end may include trailing blank lines.
    pub span: Range<usize>,
    /// Its first line, counted from 1.
    pub line: usize,
    /// Its anchor, 0 for none. Aliases name it.
    pub anchor: usize,
    /// Its explicit tag, `!!str` as `tag:yaml.org,2002:str`.
    pub tag: Option<String>,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A text; its meaning depends on the dialect.
    Scalar(String, Style),
    /// A list; the flag tells whether it is written in flow style.
    List(Vec<Node>, bool),
    /// A mapping in source order; the flag tells whether it is written in flow style.
    Map(Vec<(Node, Node)>, bool),
    /// A reference to the node with this anchor.
    Alias(usize),
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'`.
    Single,
    /// In `"`.
    Double,
    /// As a `|` block.
    Literal,
    /// As a `>` block.
    Folded,
}

/// Returns the documents of a text as trees. An empty document is a plain empty scalar.
pub fn nodes(text: &str) -> Result<Vec<Node>, YamlError> {
    if text.len() > SIZE {
        return Err(YamlError::Limit { line: 1, limit: "32 MiB of text" });
    }
    let mut reader = Reader { parser: Parser::new_from_str(text), text, last_end: 0 };
    let mut documents = Vec::new();
    while let Some((event, span, line)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd | Event::Comment(..) => {}
            Event::StreamEnd => break,
            other => documents.push(reader.node(other, span, line, 0)?),
        }
    }
    Ok(documents)
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    text: &'a str,
    /// Where the event before ended; a block scalar's header stands behind it.
    last_end: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Range<usize>, usize)>, YamlError> {
        loop {
            let Some(result) = self.parser.next_event() else { return Ok(None) };
            let (event, span) = result.map_err(|error| YamlError::Syntax {
                line: error.marker().line(),
                column: error.marker().col() + 1,
                text: error.info(),
            })?;
            if matches!(event, Event::Comment(..) | Event::Anchor(..)) {
                continue;
            }
            let mut range = span.byte_range().unwrap_or(self.text.len()..self.text.len());
            if matches!(&event, Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..)) {
                // The parser's span holds the content alone.
                let header = self.text.get(self.last_end..range.start).and_then(|gap| gap.find(['|', '>']));
                range.start = header.map_or(range.start, |at| self.last_end + at);
            }
            self.last_end = range.end;
            return Ok(Some((event, range, span.start.line())));
        }
    }

    fn node(&mut self, event: Event<'a>, span: Range<usize>, line: usize, depth: usize) -> Result<Node, YamlError> {
        if depth > DEPTH {
            return Err(YamlError::Limit { line, limit: "200 levels of nesting" });
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let mut text = text.into_owned();
                if style == ScalarStyle::Plain && span.is_empty() {
                    // The parser gives `~` for what is not written.
                    text.clear();
                }
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if block && span.end >= self.text.len() && !self.text.ends_with('\n') && text.ends_with('\n') {
                    // Go gives a block no line feed that the text does not have.
                    text.pop();
                }
                let content = Content::Scalar(text, style_of(style));
                Ok(Node { content, span, line, anchor, tag: tag_of(tag.as_deref()) })
            }
            Event::Alias(anchor) => Ok(Node { content: Content::Alias(anchor), span, line, anchor: 0, tag: None }),
            Event::SequenceStart(style, anchor, tag) => {
                let tag = tag_of(tag.as_deref());
                let (items, end) = self.list(depth)?;
                let span = span.start..end.max(span.end);
                Ok(Node { content: Content::List(items, style == StructureStyle::Flow), span, line, anchor, tag })
            }
            Event::MappingStart(style, anchor, tag) => {
                let tag = tag_of(tag.as_deref());
                let (pairs, end) = self.map(depth)?;
                let span = span.start..end.max(span.end);
                Ok(Node { content: Content::Map(pairs, style == StructureStyle::Flow), span, line, anchor, tag })
            }
            other => Err(YamlError::Meaning { line, text: format!("unexpected {other:?}") }),
        }
    }

    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, usize), YamlError> {
        let mut items = Vec::new();
        loop {
            match self.expect()? {
                (Event::SequenceEnd, span, _) => return Ok((items, span.end)),
                (event, span, line) => items.push(self.node(event, span, line, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Vec<(Node, Node)>, usize), YamlError> {
        let mut pairs = Vec::new();
        loop {
            match self.expect()? {
                (Event::MappingEnd, span, _) => return Ok((pairs, span.end)),
                (event, span, line) => {
                    let key = self.node(event, span, line, depth + 1)?;
                    let (event, span, line) = self.expect()?;
                    pairs.push((key, self.node(event, span, line, depth + 1)?));
                }
            }
        }
    }

    fn expect(&mut self) -> Result<(Event<'a>, Range<usize>, usize), YamlError> {
        self.next()?.ok_or(YamlError::Meaning { line: 1, text: "the text ends inside a collection".to_owned() })
    }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

fn tag_of(tag: Option<&Tag>) -> Option<String> {
    tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_is_empty() {
        let text = |text: &str| match &nodes(text).expect("reads")[0].content {
            Content::Map(pairs, _) => match &pairs[0].1.content {
                Content::Scalar(text, _) => text.clone(),
                other => panic!("a scalar, not {other:?}"),
            },
            other => panic!("a map, not {other:?}"),
        };
        for (source, expected) in [
            ("a:\n", ""),
            ("a: ~\n", "~"),
            ("{a: }", ""),
            ("a: |\n  x", "x"),
            ("a: |\n  x\n", "x\n"),
            ("a: |+\n  x\n\n", "x\n\n"),
            ("a: >\n  x", "x"),
            ("a: |\n  x\nb: 1", "x\n"),
        ] {
            assert_eq!(text(source), expected, "{source:?}");
        }
    }

    #[test]
    fn spans_of_blocks() {
        let text = "a: |\n  x\n  y\nb: >-\n  z\n";
        let Content::Map(pairs, _) = &nodes(text).expect("reads")[0].content else { panic!("a map") };
        let spans: Vec<_> = pairs.iter().map(|(_, value)| &text[value.span.clone()]).collect();
        assert_eq!(spans, ["|\n  x\n  y\n", ">-\n  z\n"]);
    }
}
