//! `${{ … }}` in YAML: where it stands, and how a file is read whose author forgot the quotes around it.
//!
//! `{ number: ${{ outputs.pr.number }} }` is no YAML: a plain scalar in braces may hold no brace. What is meant is plain.

use std::borrow::Cow;
use std::ops::Range;

use crate::node::{Content, Node, Style, nodes};

/// What stands in for an expression while the file is looked at.
const LETTER: &str = "Z";

/// Returns the places of all `${{ … }}` that stand on one line each, in bytes.
pub fn expressions(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("${{").map(|offset| at + offset) {
        let line_end = text[start..].find('\n').map_or(text.len(), |offset| start + offset);
        match text[start..line_end].find("}}") {
            Some(end) => {
                found.push(start..start + end + 2);
                at = start + end + 2;
            }
            None => at = start + 3,
        }
    }
    found
}

/// Replaces every place by as many letters, so that the rest keeps its place.
pub fn mask(text: &str, places: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for place in places {
        masked.push_str(&text[at..place.start]);
        masked.push_str(&LETTER.repeat(place.len()));
        at = place.end;
    }
    masked.push_str(&text[at..]);
    masked
}

/// Puts quotes around expressions that stand bare inside braces or brackets, in a text that is no YAML without them.
/// Everything else comes back as it is, and so does a text that quotes do not help.
pub fn quote_expressions(text: &str) -> Cow<'_, str> {
    let places = expressions(text);
    if places.is_empty() || nodes(text).is_ok() {
        return Cow::Borrowed(text);
    }
    let Ok(documents) = nodes(&mask(text, &places)) else { return Cow::Borrowed(text) };
    let mut bare = Vec::new();
    for document in &documents {
        collect(document, false, &places, &mut bare);
    }
    bare.sort_by_key(|span| span.start);
    let mut quoted = String::with_capacity(text.len() + 2 * bare.len());
    let mut at = 0;
    for span in &bare {
        quoted.push_str(&text[at..span.start]);
        quoted.push_str(&format!("'{}'", text[span.clone()].replace('\'', "''")));
        at = span.end;
    }
    quoted.push_str(&text[at..]);
    if nodes(&quoted).is_ok() { Cow::Owned(quoted) } else { Cow::Borrowed(text) }
}

fn collect(node: &Node, in_flow: bool, places: &[Range<usize>], bare: &mut Vec<Range<usize>>) {
    match &node.content {
        Content::Scalar(_, Style::Plain) if in_flow => {
            let first = places.partition_point(|place| place.end <= node.span.start);
            if places.get(first).is_some_and(|place| place.start < node.span.end) {
                bare.push(node.span.clone());
            }
        }
        Content::List(items, flow) => items.iter().for_each(|item| collect(item, in_flow || *flow, places, bare)),
        Content::Map(pairs, flow) => pairs.iter().for_each(|(key, value)| {
            collect(key, in_flow || *flow, places, bare);
            collect(value, in_flow || *flow, places, bare);
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_expressions_in_braces_get_quotes_and_nothing_else_does() {
        for (text, expected) in [
            ("a: { n: ${{ outputs.pr.id }} }\n", "a: { n: '${{ outputs.pr.id }}' }\n"),
            ("a: { n: ${{ f('x') }}, m: 1 } # c\n", "a: { n: '${{ f(''x'') }}', m: 1 } # c\n"),
            ("a: [ x-${{ b }}, '${{ c }}' ]\nd: ${{ e }}\n", "a: [ 'x-${{ b }}', '${{ c }}' ]\nd: ${{ e }}\n"),
            // Good as they are.
            ("a: ${{ b }}\n", "a: ${{ b }}\n"),
            ("a: { n: '${{ b }}' }\n", "a: { n: '${{ b }}' }\n"),
            // Bad for another reason.
            ("a: { n: ${{ b }}\n", "a: { n: ${{ b }}\n"),
            ("a: { n: ${{ b }} }\n\tc: 1\n", "a: { n: ${{ b }} }\n\tc: 1\n"),
            ("${{", "${{"),
        ] {
            assert_eq!(quote_expressions(text), expected, "{text:?}");
        }
    }
}
