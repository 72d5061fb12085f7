//! Whole values put in, put at the end, taken out or exchanged by cutting the text.
//! Read first: [`set`], [`append`], [`delete`].

use std::ops::Range;

use serde_json::Value;

use super::check::{Difference, only};
use super::{EditError, Path, Step, in_flow, locate, set_scalar};
use crate::safe::{block, flow, flow_pair, inline, list_item, pair, single};
use crate::{Content, Node, Style, nodes};

/// A text with its documents.
struct Text<'a> {
    text: &'a str,
    documents: Vec<Node>,
}

/// A part of the text and what stands there afterwards.
type Splice = (Range<usize>, String);

/// Sets the value at a path, whether there is one or not; mappings on the way are made.
pub fn set(text: &str, path: &Path, value: &Value) -> Result<String, EditError> {
    match replace(text, path, value) {
        Err(EditError::NotFound(_)) => insert(text, path, value),
        other => other,
    }
}

/// Exchanges the value at a path.
pub fn replace(text: &str, path: &Path, value: &Value) -> Result<String, EditError> {
    let key = path.to_string();
    let old = Text { text, documents: nodes(text)? };
    if path.steps.is_empty() && old.documents.is_empty() {
        return old.finish((text.len()..text.len(), old.lines_at_end(value)), 0, &[], Difference::Value(value), &key);
    }
    let (at, _) = locate(&old.documents, path, &key)?;
    old.replaced(at, &path.steps, value, &key)
}

/// Puts a value at a path where nothing is; mappings on the way are made.
pub fn insert(text: &str, path: &Path, value: &Value) -> Result<String, EditError> {
    let key = path.to_string();
    let old = Text { text, documents: nodes(text)? };
    // The deepest part of the path that is there takes what is missing below it.
    let (mut missing, mut parents) = (value.clone(), path.steps.clone());
    loop {
        let Some(step) = parents.pop() else {
            return replace(text, &Path { document: path.document, steps: Vec::new() }, &missing);
        };
        let name = match &step {
            Step::Key(name) => name.clone(),
            Step::Index(index) => index.to_string(),
        };
        let parent = Path { document: path.document, steps: parents.clone() };
        let found = match locate(&old.documents, &parent, &key) {
            Ok(found) => Some(found),
            Err(EditError::NotFound(_)) => None,
            Err(other) => return Err(other),
        };
        let Some((at, node)) = found else {
            missing = single(&name, &missing);
            continue;
        };
        let here: Vec<Step> = parents.iter().cloned().chain([step]).collect();
        return match &node.content {
            Content::Map(pairs, _) if pairs.iter().any(|(key, _)| matches!(&key.content, Content::Scalar(text, _) if *text == name)) => {
                Err(EditError::Exists(key))
            }
            Content::Map(pairs, flowing) => {
                let splice = match pairs.last() {
                    Some((_, last)) if *flowing => (last.span.end..last.span.end, format!(", {}", flow_pair(&name, &missing))),
                    Some((_, last)) => {
                        old.new_lines(old.end(last), |indent, out| pair(&name, &missing, indent, out), old.column(pairs[0].0.span.start))
                    }
                    None => return old.replaced(at, &parents, &single(&name, &missing), &key),
                };
                old.finish(splice, at, &here, Difference::New(&missing), &key)
            }
            Content::Scalar(written, Style::Plain) if matches!(written.as_str(), "" | "~" | "null") => {
                old.replaced(at, &parents, &single(&name, &missing), &key)
            }
            _ => Err(EditError::NotMap(parent.to_string())),
        };
    }
}

/// Puts an item at the end of the list at a path; a list that is missing is made.
pub fn append(text: &str, path: &Path, item: &Value) -> Result<String, EditError> {
    let key = path.to_string();
    let old = Text { text, documents: nodes(text)? };
    let list = || Value::Array(vec![item.clone()]);
    let (at, node) = match locate(&old.documents, path, &key) {
        Err(EditError::NotFound(_)) => return insert(text, path, &list()),
        other => other?,
    };
    match &node.content {
        Content::List(items, flowing) => {
            let splice = match items.last() {
                Some(last) if *flowing => (last.span.end..last.span.end, format!(", {}", flow(item))),
                Some(last) => {
                    let dash = old.dash(&items[0]).ok_or_else(|| EditError::Unsafe(key.clone()))?;
                    old.new_lines(old.end(last), |indent, out| list_item(item, indent, out), old.column(dash))
                }
                None => return old.replaced(at, &path.steps, &list(), &key),
            };
            let here: Vec<Step> = path.steps.iter().cloned().chain([Step::Index(items.len())]).collect();
            old.finish(splice, at, &here, Difference::New(item), &key)
        }
        Content::Scalar(written, Style::Plain) if matches!(written.as_str(), "" | "~" | "null") => {
            old.replaced(at, &path.steps, &list(), &key)
        }
        _ => Err(EditError::NotList(key)),
    }
}

/// Takes an entry or item away, with the comment in its line. The last of a mapping or list leaves `{}` or `[]`.
pub fn delete(text: &str, path: &Path) -> Result<String, EditError> {
    let key = path.to_string();
    let old = Text { text, documents: nodes(text)? };
    let (at, _) = locate(&old.documents, path, &key)?;
    let Some((last, parents)) = path.steps.split_last() else { return Err(EditError::NotMap(key)) };
    let (_, parent) = locate(&old.documents, &Path { document: Some(at), steps: parents.to_vec() }, &key)?;
    // Where each part begins, and its value.
    let (parts, number, flowing): (Vec<(usize, &Node)>, usize, bool) = match (&parent.content, last) {
        (Content::Map(pairs, flowing), step) => {
            let name = match step {
                Step::Key(name) => name.clone(),
                Step::Index(index) => index.to_string(),
            };
            let found = pairs.iter().rposition(|(key, _)| matches!(&key.content, Content::Scalar(text, _) if *text == name));
            let number = found.ok_or_else(|| EditError::NotFound(key.clone()))?;
            (pairs.iter().map(|(key, value)| (key.span.start, value)).collect(), number, *flowing)
        }
        (Content::List(items, flowing), Step::Index(index)) => {
            let start = |item: &Node| if *flowing { Some(item.span.start) } else { old.dash(item) };
            let starts: Option<Vec<usize>> = items.iter().map(start).collect();
            let starts = starts.ok_or_else(|| EditError::Unsafe(key.clone()))?;
            (starts.into_iter().zip(items).collect(), *index, *flowing)
        }
        _ => return Err(EditError::NotFound(key)),
    };
    if parts.len() == 1 {
        let empty =
            if matches!(parent.content, Content::List(..)) { Value::Array(Vec::new()) } else { Value::Object(serde_json::Map::new()) };
        return old.replaced(at, parents, &empty, &key);
    }
    let cut = old.cut(&parts, number, flowing);
    old.finish((cut, String::new()), at, &path.steps, Difference::Gone, &key)
}

impl Text<'_> {
    fn replaced(&self, at: usize, steps: &[Step], value: &Value, key: &str) -> Result<String, EditError> {
        let root = &self.documents[at];
        let place = Path { document: Some(at), steps: steps.to_vec() };
        let (_, node) = locate(&self.documents, &place, key)?;
        let scalar = !value.is_array() && !value.is_object();
        if scalar && matches!(node.content, Content::Scalar(..)) && !steps.is_empty() {
            return set_scalar(self.text, &place.to_string(), value);
        }
        let splice = match in_flow(root, node) {
            true => (node.span.clone(), flow(value)),
            false => self.exchanged(root, steps, node, value, key)?,
        };
        self.finish(splice, at, steps, Difference::Value(value), key)
    }

    fn finish(&self, (range, new): Splice, at: usize, steps: &[Step], difference: Difference<'_>, key: &str) -> Result<String, EditError> {
        let new = if self.text.contains("\r\n") { new.replace('\n', "\r\n") } else { new };
        let edited = format!("{}{new}{}", &self.text[..range.start], &self.text[range.end..]);
        only(&self.documents, &edited, at, steps, difference).ok_or_else(|| EditError::Unsafe(key.to_owned()))?;
        Ok(edited)
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |line| line + 1)
    }

    /// Where the next line begins.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |line| at + line + 1)
    }

    fn column(&self, at: usize) -> usize {
        self.text[self.line_start(at)..at].chars().count()
    }

    /// Where a node ends: behind its last character, in front of comments and empty lines.
    fn end(&self, node: &Node) -> usize {
        match &node.content {
            Content::List(_, true) | Content::Map(_, true) => node.span.end,
            Content::List(items, false) => items.last().map_or(node.span.end, |last| self.end(last)),
            Content::Map(pairs, false) => pairs.last().map_or(node.span.end, |(key, value)| self.end(value).max(key.span.end)),
            Content::Scalar(_, Style::Literal | Style::Folded) => self.block_end(node),
            Content::Scalar(..) | Content::Alias(_) => node.span.end,
        }
    }

    /// Where a block scalar ends: where it keeps its empty lines, they are part of it.
    fn block_end(&self, node: &Node) -> usize {
        let written = &self.text[node.span.clone()];
        let keeps = written.lines().next().is_some_and(|header| header.contains('+'));
        let length = if keeps { written.trim_end_matches(['\n', '\r']).len().max(written.len() - 1) } else { written.trim_end().len() };
        node.span.start + length
    }

    /// Where the dash of an item stands.
    fn dash(&self, item: &Node) -> Option<usize> {
        let mut before = self.text[..item.span.start].trim_end_matches(|c: char| c != '\n' && c.is_whitespace());
        loop {
            if before.ends_with('-') {
                return Some(before.len() - 1);
            }
            // Comments, anchors and tags may stand between a dash and its item.
            let line = self.line_start(before.len());
            let last = before[line..].trim_end();
            if let Some(dash) = last.find("- ").filter(|dash| last[..*dash].trim().is_empty()) {
                return Some(line + dash);
            }
            if !(last.is_empty() || last.trim_start().starts_with('#')) || line == 0 {
                return None;
            }
            before = &self.text[..line - 1];
        }
    }

    /// New lines behind the line in which something ends.
    fn new_lines(&self, end: usize, write: impl Fn(usize, &mut String), indent: usize) -> Splice {
        let at = self.line_end(end);
        let mut lines = " ".repeat(indent);
        write(indent, &mut lines);
        if !self.text[..at].ends_with('\n') {
            lines.insert(0, '\n');
            lines.pop();
        }
        (at..at, lines)
    }

    /// A value as lines at the end of a text that has no document.
    fn lines_at_end(&self, value: &Value) -> String {
        let mut lines = String::new();
        block(value, 0, &mut lines);
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            lines.insert(0, '\n');
        }
        lines
    }

    /// What stands behind a key or dash exchanged for another value. One of both is a mapping or list.
    fn exchanged(&self, root: &Node, steps: &[Step], node: &Node, value: &Value, key: &str) -> Result<Splice, EditError> {
        let unsafe_edit = || EditError::Unsafe(key.to_owned());
        let end = self.end(node).max(node.span.start);
        let Some(last) = steps.last() else {
            // The whole document.
            let mut lines = String::new();
            block(value, 0, &mut lines);
            let lines = if self.text[end..].starts_with(['\n', '\r']) { lines.trim_end_matches('\n').to_owned() } else { lines };
            return Ok((node.span.start.min(end)..end, lines));
        };
        let parent = locate(std::slice::from_ref(root), &Path { document: Some(0), steps: steps[..steps.len() - 1].to_vec() }, key)?.1;
        let (indent, behind) = match (&parent.content, last) {
            (Content::Map(pairs, _), _) => {
                let (name, _) = pairs.iter().find(|(_, value)| std::ptr::eq(value, node)).ok_or_else(unsafe_edit)?;
                let colon = self.text[name.span.end..].find(':').ok_or_else(unsafe_edit)?;
                (self.column(name.span.start), name.span.end + colon + 1)
            }
            _ => {
                let dash = self.dash(node).ok_or_else(unsafe_edit)?;
                (self.column(dash), dash + 1)
            }
        };
        let collection =
            matches!(value, Value::Object(map) if !map.is_empty()) || matches!(value, Value::Array(items) if !items.is_empty());
        if !collection {
            // Comments between the key and its first entry belong to what goes.
            return Ok((behind..end.max(behind), format!(" {}", inline(value, indent))));
        }
        let inner = if value.is_array() && matches!(parent.content, Content::Map(..)) { indent } else { indent + 2 };
        let mut lines = String::new();
        block(value, inner, &mut lines);
        let is_block = matches!(&node.content, Content::List(_, false) | Content::Map(_, false));
        if is_block {
            let first = self.line_start(node.span.start);
            if first > behind {
                // The old lines go, the line of the key stays.
                return Ok((first..end, lines.trim_end_matches('\n').to_owned()));
            }
            return Ok((behind..end, format!("\n{}", lines.trim_end_matches('\n'))));
        }
        // What is not written stands nowhere in particular.
        let end = if node.span.is_empty() { behind } else { end.max(behind) };
        let tail = self.line_end(end);
        let kept = self.text[end..tail].trim_end();
        let feed = if self.text[..tail].ends_with('\n') { "\n" } else { "" };
        Ok((behind..tail, format!("{kept}\n{}{feed}", lines.trim_end_matches('\n'))))
    }

    /// The part of the text that goes with one of several entries or items.
    fn cut(&self, parts: &[(usize, &Node)], number: usize, flowing: bool) -> Range<usize> {
        let (start, node) = parts[number];
        let next = parts.get(number + 1).map(|(start, _)| *start);
        if flowing {
            return match next {
                Some(next) => start..next,
                None => self.end(parts[number - 1].1)..self.end(node),
            };
        }
        let line = self.line_start(start);
        if self.text[line..start].trim().is_empty() {
            return line..self.line_end(self.end(node).max(start));
        }
        // It stands behind a dash: the next one moves up into its line.
        match next {
            Some(next) => start..next,
            None => self.end(parts[number - 1].1)..self.end(node),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// Carries out `set PATH VALUE`, `insert …`, `replace …`, `append …` or `delete PATH`.
    fn check(text: &str, edit: &str, expected: &Expect) {
        let (verb, rest) = edit.split_once(' ').expect("a verb");
        let (path, value) = rest.split_once(' ').unwrap_or((rest, "null"));
        let path = if path == "." { Path { document: None, steps: Vec::new() } } else { Path::parse(path) };
        let value = serde_json::from_str(value).expect("a JSON value");
        let edited = match verb {
            "set" => set(text, &path, &value),
            "insert" => insert(text, &path, &value),
            "replace" => replace(text, &path, &value),
            "append" => append(text, &path, &value),
            "delete" => delete(text, &path),
            other => panic!("no verb {other}"),
        };
        expected.assert_eq(&edited.unwrap_or_else(|error| format!("{error}\n")));
    }

    const FILE: &str = "\
# head
resources: # what is built
- a.yaml   # first
- b.yaml
# between
images:
  - name: app   # the app
    newTag: '1.0'
  - {name: side, newTag: \"2\"}
labels: {a: b, c: d}   # flow
nothing:
# tail
";

    #[test]
    fn items_are_appended() {
        check(
            "a:\n- x\nb: 1\n",
            "append a \"y\"",
            &expect![[r#"
                a:
                - x
                - "y"
                b: 1
            "#]],
        );
        check(
            FILE,
            "append images {\"name\": \"new\", \"newTag\": \"1.10\"}",
            &expect![[r##"
                # head
                resources: # what is built
                - a.yaml   # first
                - b.yaml
                # between
                images:
                  - name: app   # the app
                    newTag: '1.0'
                  - {name: side, newTag: "2"}
                  - name: new
                    newTag: "1.10"
                labels: {a: b, c: d}   # flow
                nothing:
                # tail
            "##]],
        );
        check("a: [x, 'y']\n", "append a \"z, 1\"", &expect!["a: [x, 'y', \"z, 1\"]\n"]);
        check(
            "a: []   # none\n",
            "append a \"z\"",
            &expect![[r#"
                a:   # none
                - z
            "#]],
        );
        check("b: 1", "append a.c \"z\"", &expect!["b: 1\na:\n  c:\n  - z"]);
        check(
            "a:\n  # nothing yet\nb: 1\n",
            "append a 7",
            &expect![[r#"
                a:
                - 7
                  # nothing yet
                b: 1
            "#]],
        );
        check("- a\n- - b\n  - c\n", "append 1 \"d\"", &expect!["- a\n- - b\n  - c\n  - d\n"]);
        check("a:\r\n- x\r\nb: 1\r\n", "append a 2", &expect!["a:\r\n- x\r\n- 2\r\nb: 1\r\n"]);
        check("a: {b: 1}\n", "append a 2", &expect!["the value at a is no list\n"]);
        check("a:\n- |+\n  x\n\nb: 1\n", "append a 2", &expect!["a:\n- |+\n  x\n\n- 2\nb: 1\n"]);
    }

    #[test]
    fn entries_are_inserted() {
        check(
            FILE,
            "set images.0.newName \"other\"",
            &expect![[r##"
                # head
                resources: # what is built
                - a.yaml   # first
                - b.yaml
                # between
                images:
                  - name: app   # the app
                    newTag: '1.0'
                    newName: other
                  - {name: side, newTag: "2"}
                labels: {a: b, c: d}   # flow
                nothing:
                # tail
            "##]],
        );
        check("a: {b: c}\n", "set a.d.e [1]", &expect!["a: {b: c, d: {e: [1]}}\n"]);
        check("a: {}\n", "insert a.b 1", &expect!["a:\n  b: 1\n"]);
        check("", "insert a.b 1", &expect!["a:\n  b: 1\n"]);
        check("# only a comment\n", "insert a 1", &expect!["# only a comment\na: 1\n"]);
        check("a: 1\n", "insert a 2", &expect!["there is a value at a already\n"]);
        check(
            "a: x\n",
            "insert a.b 2",
            &expect![[r#"
                the value at a is no mapping
            "#]],
        );
        check("a: 1\n---\nb: 1\n", "insert c 2", &expect!["key path c is in 2 documents; name one with #N. in front, counted from 0\n"]);
        check("a: 1\n---\nb: 1\n", "insert #1.c 2", &expect!["a: 1\n---\nb: 1\nc: 2\n"]);
        check("a: 1\n---\nb: 1\n", "insert #0.c 2", &expect!["a: 1\nc: 2\n---\nb: 1\n"]);
        check("a: &x {b: 1}\nc: *x\n", "insert a.d 2", &expect!["a: &x {b: 1, d: 2}\nc: *x\n"]);
    }

    #[test]
    fn parts_are_deleted() {
        check(
            FILE,
            "delete images.0",
            &expect![[r##"
                # head
                resources: # what is built
                - a.yaml   # first
                - b.yaml
                # between
                images:
                  - {name: side, newTag: "2"}
                labels: {a: b, c: d}   # flow
                nothing:
                # tail
            "##]],
        );
        check("a: 1\nb:\n- 2\n- 3\nc: 4\n", "delete b", &expect!["a: 1\nc: 4\n"]);
        check("- a: 1\n  b: 2\n", "delete 0.a", &expect!["- b: 2\n"]);
        check("- a: 1\n  b: 2\n- c\n", "delete 0.b", &expect!["- a: 1\n- c\n"]);
        check("a: [1, 2, 3]\n", "delete a.1", &expect!["a: [1, 3]\n"]);
        check("a: [1, 2, 3]\n", "delete a.2", &expect!["a: [1, 2]\n"]);
        check("a: {b: 1, c: 2}\n", "delete a.b", &expect!["a: {c: 2}\n"]);
        check("a:\n- x # gone\nb: 1\n", "delete a.0", &expect!["a: [] # gone\nb: 1\n"]);
        check("- - a\n  - b\n", "delete 0.0", &expect!["- - b\n"]);
        check(
            "a: |\n  x\n\nb: 1\n",
            "delete a",
            &expect![[r#"

            b: 1
        "#]],
        );
        check("a: &x 1\nb: *x\n", "delete a", &expect!["changing a would change other values of the file\n"]);
        check("a: 1\n", "delete b", &expect!["key path not found: b\n"]);
    }

    #[test]
    fn values_are_exchanged() {
        check(
            "a: 1   # one\nb: 2\n",
            "set a {\"x\": [true]}",
            &expect![[r#"
                a:   # one
                  x:
                  - true
                b: 2
            "#]],
        );
        check("a:\n  x: 1\n  y: 2\nb: 2\n", "set a [1]", &expect!["a:\n- 1\nb: 2\n"]);
        check("a:   # why\n  x: 1\nb: 2\n", "set a {\"z\": 1}", &expect!["a:   # why\n  z: 1\nb: 2\n"]);
        check("a:\n  x: 1\nb: 2\n", "set a \"text\"", &expect!["a: text\nb: 2\n"]);
        check("a: {x: 1}\nb: 2\n", "set a.x [1, {\"k\": \"yes\"}]", &expect!["a: {x: [1, {k: \"yes\"}]}\nb: 2\n"]);
        check("- a\n- b: 1\n  c: 2\n- d\n", "set 1 \"x\"", &expect!["- a\n- x\n- d\n"]);
        check("- a\n", "set 0 {\"b\": 1}", &expect!["-\n  b: 1\n"]);
        check("a: 1\n", "set . {\"b\": 1}", &expect!["b: 1\n"]);
        check("a.b: 1\n", "set a\\.b [1]", &expect!["a.b:\n- 1\n"]);
    }
}
