//! An identity pattern with dots that stand for any character.

use crate::patterns::patterns;
use crate::rules::{Everybody, Fix, Report, Repository, Rule, Warning};

pub(crate) const RULE: Rule = Rule {
    id: "verify/dots",
    severity: Warning,
    scope: Everybody,
    upstream: "A dot stands for any character: a host or file of a similar name is trusted.",
    ours: "The same.",
    check,
};

fn check(repository: &Repository<'_>, report: &mut Report<'_>) {
    for pattern in patterns(repository) {
        let file = repository.edit(&pattern.document.path);
        let raw = file.raw(pattern.node);
        let backslash = if raw.starts_with('"') { "\\\\" } else { "\\" };
        let bytes = raw.as_bytes();
        let mut class = false;
        let mut found = Vec::new();
        for (at, byte) in bytes.iter().enumerate() {
            let before = at.checked_sub(1).map_or(0, |before| bytes[before]);
            let after = bytes.get(at + 1).copied().unwrap_or(0);
            match byte {
                b'[' if before != b'\\' => class = true,
                b']' if before != b'\\' => class = false,
                b'.' if !class
                    && before != b'\\'
                    && !b"*+?{".contains(&after)
                    && (before.is_ascii_alphanumeric() || after.is_ascii_alphanumeric()) =>
                {
                    found.push(pattern.node.span.start + at);
                }
                _ => {}
            }
        }
        if let Some(first) = found.first() {
            let edits = found.iter().map(|at| file.splice(*at, *at, backslash));
            report.add(
                &pattern.document.path,
                *first,
                format!("a dot of {} stands for any character", pattern.text),
                Fix::edit("write a backslash before it", edits),
            );
        }
    }
}
