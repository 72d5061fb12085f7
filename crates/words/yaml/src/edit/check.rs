//! Whether two texts differ in one place only. Nodes are compared as they are written: values, anchors and aliases, tags.

use serde_json::Value;

use super::Step;
use crate::{Content, Dialect, Node, Style, nodes, value_of};

/// What must be different at the place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Difference<'a> {
    /// The value there is this one now.
    Value(&'a Value),
    /// There is this value where nothing was.
    New(&'a Value),
    /// There is nothing any more.
    Gone,
}

/// Returns something if the edited text differs from these documents in this way and in no other.
pub(super) fn only(before: &[Node], edited: &str, at: usize, steps: &[Step], difference: Difference<'_>) -> Option<()> {
    let after = nodes(edited).ok()?;
    if let Difference::Value(value) | Difference::New(value) = difference {
        for dialect in [Dialect::Sigs, Dialect::Kyaml] {
            // A text may be readable in one dialect only, because a key is repeated.
            if let Ok(found) = value_of(after.get(at)?, dialect) {
                (pointer(&found, steps)? == value).then_some(())?;
            }
        }
        value_of(&after[at], Dialect::Sigs).ok()?;
    }
    let mut old: Vec<Node> = before.to_vec();
    let mut new = after;
    if before.is_empty() {
        return matches!(difference, Difference::Value(_)).then_some(());
    }
    match difference {
        Difference::Value(_) => {
            *place(old.get_mut(at)?, steps)? = hole();
            *place(new.get_mut(at)?, steps)? = hole();
        }
        Difference::New(_) => take(new.get_mut(at)?, steps)?,
        Difference::Gone => take(old.get_mut(at)?, steps)?,
    }
    let equal = old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| same(old, new));
    equal.then_some(())
}

fn hole() -> Node {
    Node { content: Content::Scalar(String::new(), Style::Plain), span: 0..0, line: 0, anchor: 0, tag: None }
}

fn same(old: &Node, new: &Node) -> bool {
    let content = match (&old.content, &new.content) {
        // Whether quotes are there may say what a text means, but which ones does not.
        (Content::Scalar(old, style), Content::Scalar(new, other)) => old == new && (*style == Style::Plain) == (*other == Style::Plain),
        (Content::List(old, _), Content::List(new, _)) => old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same(old, new)),
        (Content::Map(old, _), Content::Map(new, _)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same(&old.0, &new.0) && same(&old.1, &new.1))
        }
        (Content::Alias(old), Content::Alias(new)) => old == new,
        _ => false,
    };
    content && old.anchor == new.anchor && old.tag == new.tag
}

fn named(key: &Node, step: &Step) -> bool {
    let Content::Scalar(text, _) = &key.content else { return false };
    match step {
        Step::Key(name) => text == name,
        Step::Index(index) => *text == index.to_string(),
    }
}

fn place<'a>(root: &'a mut Node, steps: &[Step]) -> Option<&'a mut Node> {
    steps.iter().try_fold(root, |node, step| match (&mut node.content, step) {
        (Content::Map(pairs, _), step) => pairs.iter_mut().rfind(|(key, _)| named(key, step)).map(|(_, value)| value),
        (Content::List(items, _), Step::Index(index)) => items.get_mut(*index),
        _ => None,
    })
}

/// Takes the entry or item away.
fn take(root: &mut Node, steps: &[Step]) -> Option<()> {
    let (last, parents) = steps.split_last()?;
    match (&mut place(root, parents)?.content, last) {
        (Content::Map(pairs, _), step) => {
            let at = pairs.iter().rposition(|(key, _)| named(key, step))?;
            pairs.remove(at);
        }
        (Content::List(items, _), Step::Index(index)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => return None,
    }
    Some(())
}

fn pointer<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match (value, step) {
        (Value::Object(map), Step::Key(name)) => map.get(name),
        (Value::Object(map), Step::Index(index)) => map.get(&index.to_string()),
        (Value::Array(items), Step::Index(index)) => items.get(*index),
        _ => None,
    })
}
