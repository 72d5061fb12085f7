//! Fixes as byte splices: what no edit names stays byte for byte. Read first: [`apply_fixes`].

use std::collections::BTreeMap;

use model::{Tree, TreeFile};

use crate::{Edit, Finding, jsonc};

/// Applies the findings' fixes. A fix that overlaps an earlier one, or lies outside its file, is left out as a whole; so is
/// every edit of a file that could be read before and could not be afterwards.
pub fn apply_fixes(tree: &Tree, findings: &[Finding]) -> Tree {
    let mut fixed = tree.clone();
    for (path, edits) in accepted(tree, findings) {
        let before = tree.bytes(&path).unwrap_or_default();
        let after = spliced(before, &edits);
        if before != after.as_slice() && (readable(&path, &after) || !readable(&path, before)) {
            let executable = tree.get(&path).is_some_and(|file| file.executable);
            fixed.put_file(path, TreeFile { bytes: std::sync::Arc::new(after), executable });
        }
    }
    fixed
}

/// The edits that are made, by file and in order of place.
pub(crate) fn accepted(tree: &Tree, findings: &[Finding]) -> BTreeMap<String, Vec<Edit>> {
    let mut all: BTreeMap<String, Vec<Edit>> = BTreeMap::new();
    for fix in findings.iter().filter_map(|finding| finding.fix.as_ref()) {
        let fits = fix.edits.iter().all(|edit| inside(tree, edit) && free(all.get(&edit.path), edit));
        // Two edits of one fix must not touch each other either.
        let apart = fix
            .edits
            .iter()
            .enumerate()
            .all(|(at, edit)| fix.edits[..at].iter().all(|other| other.path != edit.path || apart(other, edit)));
        if !fits || !apart {
            continue;
        }
        for edit in &fix.edits {
            let edits = all.entry(edit.path.clone()).or_default();
            if let Err(at) = edits.binary_search(edit) {
                edits.insert(at, edit.clone());
            }
        }
    }
    all
}

fn inside(tree: &Tree, edit: &Edit) -> bool {
    let length = tree.bytes(&edit.path).map_or(0, <[u8]>::len);
    let plain = !edit.path.is_empty() && edit.path.split('/').all(|part| !matches!(part, "" | "." | ".." | ".git"));
    plain && edit.start <= edit.end && edit.end <= length
}

fn free(taken: Option<&Vec<Edit>>, edit: &Edit) -> bool {
    let Some(taken) = taken else { return true };
    // In order of place, so only the neighbours can overlap.
    let at = taken.partition_point(|other| other < edit);
    let neighbours = taken[at.saturating_sub(1)..].iter().take(2);
    neighbours.into_iter().all(|other| other == edit || apart(other, edit))
}

/// Tells whether two edits of one file leave each other alone. Two insertions at one place do not: their order would be chance.
fn apart(a: &Edit, b: &Edit) -> bool {
    let (first, second) = if (a.start, a.end) <= (b.start, b.end) { (a, b) } else { (b, a) };
    first.end <= second.start && !(first.start == second.start && first.end == first.start && second.end == second.start)
}

pub(crate) fn spliced(before: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut after = Vec::with_capacity(before.len() + 64);
    let mut at = 0;
    for edit in edits {
        after.extend_from_slice(&before[at..edit.start]);
        after.extend_from_slice(edit.replacement.as_bytes());
        at = edit.end;
    }
    after.extend_from_slice(&before[at..]);
    after
}

fn readable(path: &str, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("yaml" | "yml") => yaml::nodes(text).is_ok(),
        Some("json") => jsonc::read(text).is_ok(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fix, Severity};

    fn finding(edits: &[(usize, usize, &str)]) -> Finding {
        let edits = edits
            .iter()
            .map(|(start, end, text)| Edit { path: "a.txt".into(), start: *start, end: *end, replacement: (*text).into() })
            .collect();
        Finding {
            rule: "test/test",
            severity: Severity::Error,
            path: "a.txt".into(),
            line: 1,
            column: 1,
            message: String::new(),
            upstream: String::new(),
            ours: String::new(),
            fix: Some(Fix { description: "x".into(), edits }),
        }
    }

    #[test]
    fn overlapping_and_foreign_edits_are_refused() {
        let mut tree = Tree::default();
        tree.put("a.txt", "0123456789");
        for (findings, expected) in [
            (vec![finding(&[(1, 2, "x")]), finding(&[(3, 3, "y")])], "0x2y3456789"),
            (vec![finding(&[(1, 4, "x")]), finding(&[(3, 5, "y")])], "0x456789"),
            (vec![finding(&[(1, 4, "x")]), finding(&[(1, 4, "x")])], "0x456789"),
            (vec![finding(&[(2, 2, "x")]), finding(&[(2, 2, "y")])], "01x23456789"),
            (vec![finding(&[(8, 12, "x")]), finding(&[(5, 4, "y")])], "0123456789"),
            (vec![finding(&[(1, 2, "x"), (1, 3, "y")])], "0123456789"),
            (vec![finding(&[(1, 2, "x")]), finding(&[(5, 6, "z"), (0, 2, "y")])], "0x23456789"),
        ] {
            assert_eq!(apply_fixes(&tree, &findings).bytes("a.txt"), Some(expected.as_bytes()), "{findings:?}");
        }
    }
}
