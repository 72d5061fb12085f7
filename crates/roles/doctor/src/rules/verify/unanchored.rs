//! An identity pattern that is not anchored at both ends.

use crate::patterns::{Pattern, patterns};
use crate::rules::{Error, Everybody, Fix, Look, Report, Repository, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "verify/unanchored",
    severity: Error,
    scope: Everybody,
    upstream: "A pattern is found anywhere in the text: an identity that merely contains it is trusted.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for pattern in patterns(repository) {
        let body = pattern.text.strip_prefix("(?i)").unwrap_or(pattern.text);
        let all = alternatives(body);
        let begins = all.iter().all(|text| begins(text));
        let ends = all.iter().all(|text| ends(text));
        if begins && ends {
            continue;
        }
        let sides = match (begins, ends) {
            (false, false) => "at both ends",
            (false, true) => "at its beginning",
            _ => "at its end",
        };
        let file = repository.edit(&pattern.document.path);
        let (start, end) = inner(&pattern);
        // Of several alternatives each would need its own anchors: that is for a person.
        let missing = [(begins, start, "^"), (ends, end, "$")].into_iter().filter(|(has, _, _)| !has && all.len() == 1);
        let edits = missing.map(|(_, at, text)| file.splice(at, at, text));
        let message = format!("the pattern {} is open {sides}", pattern.text);
        report.add(&pattern.document.path, pattern.node.start(), message, Fix::edit("anchor it with ^ and $", edits));
    }
}

/// The place of a scalar's text without its quotes.
fn inner(pattern: &Pattern<'_>) -> (usize, usize) {
    let quoted = usize::from(!matches!(pattern.node.content, yaml::Content::Scalar(_, yaml::Style::Plain)));
    (pattern.node.span.start + quoted, pattern.node.span.end - quoted)
}

fn begins(text: &str) -> bool {
    let inner = text.strip_prefix('(').map(|rest| rest.strip_prefix("?:").unwrap_or(rest));
    inner.is_some_and(|inner| whole(text) && alternatives(&inner[..inner.len() - 1]).iter().all(|text| begins(text)))
        || ["^", "\\A", ".*", ".+"].iter().any(|start| text.starts_with(start))
}

fn ends(text: &str) -> bool {
    let inner = text.strip_prefix('(').map(|rest| rest.strip_prefix("?:").unwrap_or(rest));
    inner.is_some_and(|inner| whole(text) && alternatives(&inner[..inner.len() - 1]).iter().all(|text| ends(text)))
        || (text.ends_with('$') && !text.ends_with("\\$"))
        || ["\\z", ".*", ".+"].iter().any(|end| text.ends_with(end))
}

/// Tells whether a text is one group from its first character to its last.
fn whole(text: &str) -> bool {
    // Groups in groups are looked into one by one; nobody writes patterns as long as this.
    if text.len() > 2_000 {
        return false;
    }
    let (mut depth, mut class, mut escaped) = (0_usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1 == text.len() && text.len() > 3;
                }
            }
            _ => {}
        }
    }
    false
}

/// The parts between bars that stand in no group.
fn alternatives(text: &str) -> Vec<&str> {
    let (mut depth, mut class, mut escaped, mut from) = (0_usize, false, false, 0);
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class => depth = depth.saturating_sub(1),
            '|' if !class && depth == 0 => {
                found.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[from..]);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alternative_counts() {
        for (text, expected) in [
            ("^a$", (true, true)),
            ("^a|b$", (false, false)),
            ("^a$|^b$", (true, true)),
            ("^(a|b)$", (true, true)),
            ("(^a$|^b$)", (true, true)),
            ("(?:^a$|b)", (false, false)),
            ("(a)", (false, false)),
            ("^a\\$", (true, false)),
            ("(a)|(b)", (false, false)),
            ("()", (false, false)),
            ("^[|]$", (true, true)),
        ] {
            let all = alternatives(text);
            assert_eq!((all.iter().all(|text| begins(text)), all.iter().all(|text| ends(text))), expected, "{text}");
        }
    }
}
