//! What two texts differ in, line by line with three lines around, as `pmezard/go-difflib` finds it: the port of Python's difflib.

use std::collections::HashMap;
use std::fmt::Write as _;

/// So many lines around a change are shown.
const AROUND: usize = 3;
/// From so many lines on, lines that stand often are not looked for.
const MANY: usize = 200;

/// A stretch of both texts that is the same.
#[derive(Clone, Copy)]
struct Match {
    a: usize,
    b: usize,
    length: usize,
}

/// What becomes of a stretch.
#[derive(Clone, Copy)]
struct Change {
    same: bool,
    a: (usize, usize),
    b: (usize, usize),
}

/// Returns the changes from one text to another.
pub(crate) fn unified(from: &str, to: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (from.split('\n').collect(), to.split('\n').collect());
    let mut out = String::new();
    for group in groups(&changes(&matches(&a, &b), a.len(), b.len())) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let _ = writeln!(out, "@@ -{} +{} @@", range(first.a.0, last.a.1), range(first.b.0, last.b.1));
        for change in group {
            let (before, after) = (&a[change.a.0..change.a.1], &b[change.b.0..change.b.1]);
            let lines: &[(char, &[&str])] = if change.same { &[(' ', before)] } else { &[('-', before), ('+', after)] };
            for (sign, line) in lines.iter().flat_map(|(sign, lines)| lines.iter().map(move |line| (sign, line))) {
                let _ = writeln!(out, "{sign}{line}");
            }
        }
    }
    out
}

fn range(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        length => format!("{},{length}", start + 1),
    }
}

/// Returns the stretches that are the same, in order.
fn matches(a: &[&str], b: &[&str]) -> Vec<Match> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, line) in b.iter().enumerate() {
        places.entry(line).or_default().push(index);
    }
    if b.len() >= MANY {
        places.retain(|_, lines| lines.len() <= b.len() / 100 + 1);
    }
    let mut found = Vec::new();
    let mut waiting = vec![(0, a.len(), 0, b.len())];
    while let Some((a_start, a_end, b_start, b_end)) = waiting.pop() {
        let longest = longest(a, b, &places, (a_start, a_end), (b_start, b_end));
        if longest.length > 0 {
            found.push(longest);
            waiting.push((a_start, longest.a, b_start, longest.b));
            waiting.push((longest.a + longest.length, a_end, longest.b + longest.length, b_end));
        }
    }
    found.sort_by_key(|one| (one.a, one.b));
    let mut merged: Vec<Match> = Vec::new();
    for one in found {
        match merged.last_mut() {
            Some(last) if last.a + last.length == one.a && last.b + last.length == one.b => last.length += one.length,
            _ => merged.push(one),
        }
    }
    merged
}

/// Returns the longest stretch of both that is the same, the first of several, and what stands beside it unasked.
fn longest(a: &[&str], b: &[&str], places: &HashMap<&str, Vec<usize>>, a_range: (usize, usize), b_range: (usize, usize)) -> Match {
    let mut best = Match { a: a_range.0, b: b_range.0, length: 0 };
    let mut lengths: HashMap<usize, usize> = HashMap::new();
    for (i, line) in a.iter().enumerate().take(a_range.1).skip(a_range.0) {
        let mut next = HashMap::new();
        let here = places.get(line).into_iter().flatten().copied();
        for j in here.filter(|j| (b_range.0..b_range.1).contains(j)) {
            let length = j.checked_sub(1).and_then(|before| lengths.get(&before)).copied().unwrap_or_default() + 1;
            next.insert(j, length);
            if length > best.length {
                best = Match { a: i + 1 - length, b: j + 1 - length, length };
            }
        }
        lengths = next;
    }
    while best.a > a_range.0 && best.b > b_range.0 && a[best.a - 1] == b[best.b - 1] {
        best = Match { a: best.a - 1, b: best.b - 1, length: best.length + 1 };
    }
    while best.a + best.length < a_range.1 && best.b + best.length < b_range.1 && a[best.a + best.length] == b[best.b + best.length] {
        best.length += 1;
    }
    best
}

fn changes(matches: &[Match], a_length: usize, b_length: usize) -> Vec<Change> {
    let (mut a, mut b, mut found) = (0, 0, Vec::new());
    for one in matches.iter().copied().chain([Match { a: a_length, b: b_length, length: 0 }]) {
        if a < one.a || b < one.b {
            found.push(Change { same: false, a: (a, one.a), b: (b, one.b) });
        }
        (a, b) = (one.a + one.length, one.b + one.length);
        if one.length > 0 {
            found.push(Change { same: true, a: (one.a, a), b: (one.b, b) });
        }
    }
    found
}

/// Returns the changes with what is shown around them, those that are near each other together.
fn groups(changes: &[Change]) -> Vec<Vec<Change>> {
    let (mut groups, mut group) = (Vec::new(), Vec::new());
    for (index, change) in changes.iter().copied().enumerate() {
        let mut change = change;
        if change.same && index == 0 {
            change.a.0 = change.a.0.max(change.a.1.saturating_sub(AROUND));
            change.b.0 = change.b.0.max(change.b.1.saturating_sub(AROUND));
        }
        if change.same && index + 1 == changes.len() {
            change.a.1 = change.a.1.min(change.a.0 + AROUND);
            change.b.1 = change.b.1.min(change.b.0 + AROUND);
        }
        if change.same && change.a.1 - change.a.0 > 2 * AROUND {
            group.push(Change { a: (change.a.0, change.a.0 + AROUND), b: (change.b.0, change.b.0 + AROUND), ..change });
            groups.push(std::mem::take(&mut group));
            change.a.0 = change.a.1 - AROUND;
            change.b.0 = change.b.1 - AROUND;
        }
        group.push(change);
    }
    if group.len() > 1 || group.first().is_some_and(|only| !only.same) {
        groups.push(group);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn changes_are_shown_with_what_stands_around_them() {
        let numbers = |skip: &[i32]| (1..=20).filter(|number| !skip.contains(number)).map(|number| number.to_string()).collect::<Vec<_>>();
        let (from, mut to) = (numbers(&[]), numbers(&[5]));
        to.insert(15, "x".to_owned());
        let wanted = "@@ -2,7 +2,6 @@\n 2\n 3\n 4\n-5\n 6\n 7\n 8\n@@ -14,6 +13,7 @@\n 14\n 15\n 16\n+x\n 17\n 18\n 19\n";
        assert_eq!(unified(&from.join("\n"), &to.join("\n")), wanted);
        assert_eq!(unified("a", "b"), "@@ -1 +1 @@\n-a\n+b\n");
        assert_eq!(unified("a\nb", "a\nb"), "");
    }

    #[test]
    fn changes_far_apart_are_told_apart() {
        let old: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let mut new = old.clone();
        new[2] = "x";
        new.remove(15);
        let wanted = "@@ -1,6 +1,6 @@\n 0\n 1\n-2\n+x\n 3\n 4\n 5\n@@ -13,7 +13,6 @@\n 12\n 13\n 14\n-15\n 16\n 17\n 18\n";
        assert_eq!(unified(&old.join("\n"), &new.join("\n")), wanted);
        assert_eq!(unified(&old.join("\n"), &old.join("\n")), "");
    }
}
