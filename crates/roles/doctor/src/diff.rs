//! Fixes as a unified diff, made from the edits themselves. Read first: [`patch`].

use std::fmt::Write as _;

use model::Tree;

use crate::fix::{accepted, spliced};
use crate::{Edit, Finding};

/// Lines around a change.
const CONTEXT: usize = 3;

/// Returns the fixes as a unified diff that `git apply` takes. Files that are not UTF-8 are left out.
pub fn patch(tree: &Tree, findings: &[Finding]) -> String {
    let mut out = String::new();
    for (path, edits) in accepted(tree, findings) {
        let before = tree.bytes(&path).unwrap_or_default();
        if let Ok(text) = std::str::from_utf8(before)
            && std::str::from_utf8(&spliced(before, &edits)).is_ok()
        {
            file(&mut out, &path, tree.get(&path).is_none(), text, &edits);
        }
    }
    out
}

/// One run of lines that is replaced.
struct Change {
    first: usize,
    behind: usize,
    new: String,
}

fn file(out: &mut String, path: &str, created: bool, text: &str, edits: &[Edit]) {
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).filter(|at| *at < text.len()).collect();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let changes = changes(text, &starts, edits);
    if changes.is_empty() {
        return;
    }
    let old = if created { "/dev/null".to_owned() } else { format!("a/{path}") };
    let _ = writeln!(out, "--- {old}\n+++ b/{path}");
    let mut shift = 0_isize;
    let mut rest = changes.as_slice();
    while !rest.is_empty() {
        // Changes whose context would touch share a hunk.
        let together = 1 + rest.windows(2).take_while(|pair| pair[1].first <= pair[0].behind + 2 * CONTEXT).count();
        let (hunk, behind) = rest.split_at(together);
        shift += write_hunk(out, &lines, hunk, shift);
        rest = behind;
    }
}

fn write_hunk(out: &mut String, lines: &[&str], hunk: &[Change], shift: isize) -> isize {
    let first = hunk[0].first.saturating_sub(CONTEXT);
    let last = (hunk[hunk.len() - 1].behind + CONTEXT).min(lines.len());
    let (mut body, mut old, mut new) = (String::new(), 0, 0);
    let mut at = first;
    for change in hunk {
        for line in &lines[at..change.first] {
            write_line(&mut body, ' ', line);
        }
        old += change.behind - at;
        new += change.first - at;
        for line in &lines[change.first..change.behind] {
            write_line(&mut body, '-', line);
        }
        for line in change.new.split_inclusive('\n') {
            write_line(&mut body, '+', line);
            new += 1;
        }
        at = change.behind;
    }
    for line in &lines[at..last] {
        write_line(&mut body, ' ', line);
    }
    old += last - at;
    new += last - at;
    // A side without lines is counted from the line before it.
    let new_first = first.saturating_add_signed(shift);
    let _ = writeln!(out, "@@ -{},{old} +{},{new} @@", first + usize::from(old > 0), new_first + usize::from(new > 0));
    out.push_str(&body);
    isize::try_from(new).unwrap_or(0) - isize::try_from(old).unwrap_or(0)
}

fn write_line(out: &mut String, mark: char, line: &str) {
    out.push(mark);
    out.push_str(line);
    if !line.ends_with('\n') {
        out.push_str("\n\\ No newline at end of file\n");
    }
}

/// The edits as runs of whole lines; edits that share a line are one run.
fn changes(text: &str, starts: &[usize], edits: &[Edit]) -> Vec<Change> {
    let line_of = |at: usize| starts.partition_point(|start| *start <= at).saturating_sub(1);
    let start_of = |line: usize| starts.get(line).copied().unwrap_or(text.len());
    let mut runs: Vec<(usize, usize, Vec<&Edit>)> = Vec::new();
    for edit in edits {
        let whole = edit.start == start_of(line_of(edit.start)) && edit.replacement.ends_with('\n');
        let (first, behind) = if text.is_empty() || edit.start == text.len() && text.ends_with('\n') {
            (starts.len(), starts.len())
        } else if edit.start == edit.end && whole {
            (line_of(edit.start), line_of(edit.start))
        } else {
            let ends_line = edit.end > edit.start
                && edit.end == start_of(line_of(edit.end))
                && (edit.replacement.is_empty() || edit.replacement.ends_with('\n'))
                && edit.start == start_of(line_of(edit.start));
            (line_of(edit.start), if edit.end >= text.len() { starts.len() } else { line_of(edit.end) + usize::from(!ends_line) })
        };
        match runs.last_mut() {
            Some((_, last, run)) if first < *last || (first == *last && run.last().is_some_and(|other| other.end == edit.start)) => {
                *last = (*last).max(behind);
                run.push(edit);
            }
            _ => runs.push((first, behind, vec![edit])),
        }
    }
    let mut changes = Vec::new();
    for (first, behind, run) in runs {
        let (from, to) = (start_of(first), start_of(behind));
        let mut new = String::new();
        let mut at = from;
        for edit in run {
            new.push_str(text.get(at..edit.start).unwrap_or_default());
            new.push_str(&edit.replacement);
            at = edit.end;
        }
        new.push_str(text.get(at..to).unwrap_or_default());
        changes.push(Change { first, behind, new });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fix, Severity};
    use expect_test::{Expect, expect};

    fn check(text: Option<&str>, edits: &[(usize, usize, &str)], expected: &Expect) {
        let mut tree = Tree::default();
        if let Some(text) = text {
            tree.put("a", text);
        }
        let edits = edits
            .iter()
            .map(|(start, end, text)| Edit { path: "a".into(), start: *start, end: *end, replacement: (*text).into() })
            .collect();
        let finding = Finding {
            rule: "test/test",
            severity: Severity::Error,
            path: "a".into(),
            line: 1,
            column: 1,
            message: String::new(),
            upstream: String::new(),
            ours: String::new(),
            fix: Some(Fix { description: "x".into(), edits }),
        };
        expected.assert_eq(&patch(&tree, &[finding]));
    }

    #[test]
    fn hunks_are_whole_lines() {
        check(
            Some("1\n2\n3\n4\n5\n6\n"),
            &[(4, 5, "x"), (6, 8, "")],
            &expect![[r#"
            --- a/a
            +++ b/a
            @@ -1,6 +1,5 @@
             1
             2
            -3
            +x
            -4
             5
             6
        "#]],
        );
        check(
            Some("1\n2"),
            &[(2, 2, "a\n"), (3, 3, "z")],
            &expect![[r#"
            --- a/a
            +++ b/a
            @@ -1,2 +1,3 @@
             1
            +a
            -2
            \ No newline at end of file
            +2z
            \ No newline at end of file
        "#]],
        );
        check(
            None,
            &[(0, 0, "a\nb\n")],
            &expect![[r#"
            --- /dev/null
            +++ b/a
            @@ -0,0 +1,2 @@
            +a
            +b
        "#]],
        );
    }
}
