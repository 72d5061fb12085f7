//! From a file's text to nodes: aliases and merge keys are put in, and `${{ … }}` in flow style is taken for one text where the
//! file cannot be read otherwise. Read first: [`read`].

use std::collections::HashMap;
use std::ops::Range;

use yaml::{Content, Node, Style, YamlError};

use crate::look::Look;

/// How many nodes aliases may add to a file.
const ALIASES: usize = 100_000;
/// What stands in for an expression while the file is read; it is no YAML syntax and in nobody's text.
const STAND_IN: char = '\u{1}';
/// The same while the parser looks at it.
const LETTER: &str = "Z";

/// What a file holds.
pub(crate) struct Parsed {
    pub documents: Vec<Node>,
    /// Expressions in flow style for which upstream cannot read the file.
    pub expressions: Vec<Range<usize>>,
}

/// Reads a file.
pub(crate) fn read(text: &str) -> Result<Parsed, YamlError> {
    let (documents, expressions) = match yaml::nodes(text) {
        Ok(documents) => (documents, Vec::new()),
        Err(error) => lenient(text).ok_or(error)?,
    };
    let mut budget = ALIASES;
    let documents = documents
        .into_iter()
        .map(|document| {
            let mut anchors = HashMap::new();
            collect(&document, &mut anchors);
            if anchors.is_empty() { Some(document) } else { expanded(&document, &anchors, &mut budget, 0) }
        })
        .collect::<Option<Vec<_>>>()
        .ok_or(YamlError::Limit { line: 1, limit: "100,000 nodes by aliases" })?;
    Ok(Parsed { documents, expressions })
}

/// Reads the file with every expression masked by as many letters, then puts the expressions back.
fn lenient(text: &str) -> Option<(Vec<Node>, Vec<Range<usize>>)> {
    let ranges = yaml::expressions(text);
    if ranges.is_empty() || text.contains(STAND_IN) {
        return None;
    }
    let mut documents = yaml::nodes(&yaml::mask(text, &ranges)).ok()?;
    let mut flow = Vec::new();
    for document in &mut documents {
        restore(document, text, &ranges, false, &mut flow);
    }
    Some((documents, flow))
}

fn restore(node: &mut Node, text: &str, ranges: &[Range<usize>], in_flow: bool, found: &mut Vec<Range<usize>>) {
    let span = node.span.clone();
    match &mut node.content {
        Content::Scalar(value, style) => {
            let first = ranges.partition_point(|range| range.end <= span.start);
            let inside: Vec<&Range<usize>> = ranges[first..].iter().take_while(|range| range.start < span.end).collect();
            if inside.is_empty() {
                return;
            }
            let raw = text.get(span.clone()).unwrap_or_default();
            match style {
                Style::Plain => {
                    *value = raw.split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
                    if in_flow {
                        found.push(span);
                    }
                }
                Style::Single => *value = raw.trim_matches('\'').replace("''", "'"),
                Style::Double => *value = raw.trim_matches('"').replace("\\\"", "\"").replace("\\\\", "\\"),
                // Blocks keep their lines; what stood in is put back in order.
                Style::Literal | Style::Folded => {
                    for range in inside {
                        *value = value.replacen(&LETTER.repeat(range.len()), &text[range.clone()], 1);
                    }
                }
            }
        }
        Content::List(items, flow) => {
            let flow = *flow || in_flow;
            items.iter_mut().for_each(|item| restore(item, text, ranges, flow, found));
        }
        Content::Map(pairs, flow) => {
            let flow = *flow || in_flow;
            pairs.iter_mut().for_each(|(_, value)| restore(value, text, ranges, flow, found));
        }
        Content::Alias(_) => {}
    }
}

fn collect<'a>(node: &'a Node, anchors: &mut HashMap<usize, &'a Node>) {
    if node.anchor != 0 {
        anchors.insert(node.anchor, node);
    }
    match &node.content {
        Content::List(items, _) => items.iter().for_each(|item| collect(item, anchors)),
        Content::Map(pairs, _) => pairs.iter().for_each(|(_, value)| collect(value, anchors)),
        Content::Scalar(..) | Content::Alias(_) => {}
    }
}

/// A copy with aliases replaced by what they name and merge keys merged; `None` when that grows too large.
fn expanded(node: &Node, anchors: &HashMap<usize, &Node>, budget: &mut usize, depth: usize) -> Option<Node> {
    if depth > 250 {
        return None;
    }
    *budget = budget.checked_sub(1)?;
    let content = match &node.content {
        Content::Alias(anchor) => {
            let mut copy = expanded(anchors.get(anchor)?, anchors, budget, depth + 1)?;
            copy.anchor = 0;
            return Some(copy);
        }
        Content::Scalar(..) => node.content.clone(),
        Content::List(items, flow) => {
            Content::List(items.iter().map(|item| expanded(item, anchors, budget, depth + 1)).collect::<Option<_>>()?, *flow)
        }
        Content::Map(pairs, flow) => {
            let mut all = Vec::new();
            for (key, value) in pairs {
                all.push((key.clone(), expanded(value, anchors, budget, depth + 1)?));
            }
            let merged: Vec<Node> = all.iter().filter(|(key, _)| key.text() == Some("<<")).map(|(_, value)| value.clone()).collect();
            for source in merged {
                let sources = if source.items().is_empty() { vec![source] } else { source.items().to_vec() };
                for (key, value) in sources.iter().flat_map(|source| source.pairs()) {
                    if !all.iter().any(|(name, _)| name.text() == key.text()) {
                        all.push((key.clone(), value.clone()));
                    }
                }
            }
            all.retain(|(key, _)| key.text() != Some("<<"));
            Content::Map(all, *flow)
        }
    };
    Some(Node { content, ..node.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_merges_and_expressions_are_read() {
        let text = "a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n";
        let parsed = read(text).expect("reads");
        assert_eq!((parsed.documents[0].text_at("b.x"), parsed.documents[0].text_at("c.x")), ("1", "1"));
        let text = "config: { n: ${{ outputs.pr.id }} }\nname: \"${{ x }}\"\nrun: |\n  a ${{ y }}\n";
        let parsed = read(text).expect("reads");
        let root = &parsed.documents[0];
        assert_eq!(
            (root.text_at("config.n"), root.text_at("name"), root.text_at("run")),
            ("${{ outputs.pr.id }}", "${{ x }}", "a ${{ y }}\n")
        );
        assert_eq!(parsed.expressions.len(), 1);
        let bomb = format!(
            "a: &a [{0}]\nb: &b [{1}]\nc: &c [{2}]\nd: [{3}]\n",
            "1,".repeat(50),
            "*a,".repeat(50),
            "*b,".repeat(50),
            "*c,".repeat(50)
        );
        assert!(read(&bomb).is_err());
        assert!(read("a: &a [*a]\n").is_err());
    }
}
