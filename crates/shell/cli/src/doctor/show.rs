//! Findings as text and JSON. Read first: [`print`].

use std::fmt::Write as _;
use std::io::Write as _;

use doctor::{Finding, patch};
use model::Tree;
use serde_json::{Value, json};

use super::{Format, sarif};

/// Longest file, in bytes, of which each finding shows its part of the patch.
const PATCHED: usize = 256 << 10;

/// Prints findings, and what was mended.
pub(super) fn print(format: Format, tree: &Tree, findings: &[Finding], fixed: &[Finding]) {
    let text = match format {
        Format::Text => text(tree, findings, fixed),
        Format::Json => format!("{:#}\n", json(tree, findings, fixed)),
        Format::Sarif => format!("{:#}\n", sarif::report(findings)),
    };
    // A reader that has gone away wants no more.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn text(tree: &Tree, findings: &[Finding], fixed: &[Finding]) -> String {
    let mut out = String::new();
    for finding in fixed {
        let how = finding.fix.as_ref().map_or("", |fix| fix.description.as_str());
        let _ = writeln!(
            out,
            "{}:{}:{} mended {} {}: {how}",
            harmless(&finding.path),
            finding.line,
            finding.column,
            finding.rule,
            finding.message
        );
    }
    for finding in findings {
        let _ = writeln!(
            out,
            "{}:{}:{} {} {} {}",
            harmless(&finding.path),
            finding.line,
            finding.column,
            finding.severity,
            finding.rule,
            finding.message
        );
        let _ = writeln!(out, "    upstream: {}\n    ours: {}", finding.upstream, finding.ours);
        if let Some(fix) = &finding.fix {
            let _ = writeln!(out, "    fix: {}", fix.description);
            let small = tree.bytes(&finding.path).is_none_or(|bytes| bytes.len() <= PATCHED);
            let patch = if small { patch(tree, std::slice::from_ref(finding)) } else { String::new() };
            for line in patch.lines() {
                let _ = writeln!(out, "      {}", harmless(line));
            }
        }
    }
    out
}

fn json(tree: &Tree, findings: &[Finding], fixed: &[Finding]) -> Value {
    let one = |finding: &Finding| {
        let fix = finding.fix.as_ref().map(|fix| {
            let edits = fix
                .edits
                .iter()
                .map(|edit| json!({"path": edit.path, "start": edit.start, "end": edit.end, "replacement": edit.replacement}));
            json!({"description": fix.description, "edits": edits.collect::<Vec<_>>()})
        });
        json!({
            "rule": finding.rule,
            "severity": finding.severity.to_string(),
            "path": finding.path,
            "line": finding.line,
            "column": finding.column,
            "message": finding.message,
            "upstream": finding.upstream,
            "ours": finding.ours,
            "fix": fix,
        })
    };
    json!({
        "findings": findings.iter().map(one).collect::<Vec<_>>(),
        "mended": fixed.iter().map(one).collect::<Vec<_>>(),
        "patch": patch(tree, findings),
    })
}

/// A text without characters that terminals obey.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}
