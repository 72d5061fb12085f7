use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{apply_entries, changed_paths};
use crate::{GitError, Kind, Mode, ObjectId, Objects};

/// Files of this size and more are merged only as a whole.
const LINES: usize = 20_000;

type Entry = Option<(Mode, ObjectId)>;

/// The files that both sides changed in ways that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Their paths.
    pub paths: Vec<String>,
}

/// Merges two trees that came from a common one (`None`: nothing in common). Changes of different lines of one file fit
/// together if a line that neither side changed lies between them. Renames are a deletion and a creation.
pub fn merge_trees(
    objects: &dyn Objects,
    base: Option<&ObjectId>,
    ours: &ObjectId,
    theirs: &ObjectId,
) -> Result<Result<ObjectId, Conflict>, GitError> {
    let by_path =
        |changes: Vec<crate::ChangedPath>| changes.into_iter().map(|change| (change.path.clone(), change)).collect::<BTreeMap<_, _>>();
    let ours_changed = by_path(changed_paths(objects, base, Some(ours))?);
    let theirs_changed = by_path(changed_paths(objects, base, Some(theirs))?);
    let mut edits: Vec<(String, Entry)> = Vec::new();
    let mut conflicts = BTreeSet::new();
    for (path, change) in &theirs_changed {
        match ours_changed.get(path) {
            None => edits.push((path.clone(), change.new)),
            Some(mine) if mine.new == change.new => {}
            Some(mine) => match merge_file(objects, change.old, mine.new, change.new)? {
                Some(entry) => edits.push((path.clone(), Some(entry))),
                None => {
                    conflicts.insert(path.clone());
                }
            },
        }
    }
    conflicts.extend(file_against_folder(&ours_changed, &theirs_changed));
    conflicts.extend(file_against_folder(&theirs_changed, &ours_changed));
    if !conflicts.is_empty() {
        return Ok(Err(Conflict { paths: conflicts.into_iter().collect() }));
    }
    // Deletions first: a folder may have taken the place of a file.
    edits.sort_by_key(|(_, entry)| entry.is_some());
    apply_entries(objects, Some(ours), edits).map(Ok)
}

/// Paths where one side made a file and the other made something below it.
fn file_against_folder(files: &BTreeMap<String, crate::ChangedPath>, others: &BTreeMap<String, crate::ChangedPath>) -> Vec<String> {
    let made = files.values().filter(|change| change.new.is_some());
    made.filter(|change| {
        let below = format!("{}/", change.path);
        others.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)).any(|(_, other)| other.new.is_some())
    })
    .map(|change| change.path.clone())
    .collect()
}

fn merge_file(objects: &dyn Objects, base: Entry, ours: Entry, theirs: Entry) -> Result<Option<(Mode, ObjectId)>, GitError> {
    let (Some(base), Some(ours), Some(theirs)) = (base, ours, theirs) else { return Ok(None) };
    let plain = |mode: Mode| matches!(mode, Mode::File | Mode::Executable);
    if ![base, ours, theirs].iter().all(|entry| plain(entry.0)) {
        return Ok(None);
    }
    let mode = if ours.0 == base.0 { theirs.0 } else { ours.0 };
    if ours.1 == base.1 || theirs.1 == base.1 || ours.1 == theirs.1 {
        return Ok(Some((mode, if ours.1 == base.1 { theirs.1 } else { ours.1 })));
    }
    let read = |entry: (Mode, ObjectId)| objects.need(&entry.1, Kind::Blob).map(|object| object.data);
    let (base, ours, theirs) = (read(base)?, read(ours)?, read(theirs)?);
    match merge_text(&base, &ours, &theirs) {
        Some(text) => Ok(Some((mode, objects.put(Kind::Blob, &text)?))),
        None => Ok(None),
    }
}

fn merge_text(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    if [base, ours, theirs].iter().any(|text| text.contains(&0)) {
        return None;
    }
    let split = |text: &'_ [u8]| -> Vec<Vec<u8>> { text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() };
    let (base, ours, theirs) = (split(base), split(ours), split(theirs));
    if base.len().max(ours.len()).max(theirs.len()) > LINES {
        return None;
    }
    let mut hunks: Vec<(usize, usize, &[Vec<u8>])> = Vec::new();
    let (mine, other) = (difference(&base, &ours)?, difference(&base, &theirs)?);
    for (start, end, from, to) in &mine {
        hunks.push((*start, *end, &ours[*from..*to]));
    }
    for (start, end, from, to) in &other {
        let hunk = (*start, *end, &theirs[*from..*to]);
        if hunks.contains(&hunk) {
            continue;
        }
        // Neighbours conflict too, as in Git: nobody has seen the two changes side by side.
        if mine.iter().any(|(a, b, _, _)| *start <= *b && *a <= *end) {
            return None;
        }
        hunks.push(hunk);
    }
    hunks.sort_by_key(|(start, end, _)| (*start, *end));
    let (mut merged, mut at) = (Vec::new(), 0);
    for (start, end, lines) in hunks {
        merged.extend(base[at..start].iter().chain(lines).flatten());
        at = end;
    }
    merged.extend(base[at..].iter().flatten());
    Some(merged)
}

/// The hunks that lead from one text to the other: lines `a..b` of the first become lines `c..d` of the second. `None` when
/// the texts differ too much to compare in reasonable time (Myers' algorithm, whose cost grows with the difference).
fn difference(from: &[Vec<u8>], to: &[Vec<u8>]) -> Option<Vec<(usize, usize, usize, usize)>> {
    let (n, m) = (from.len() as isize, to.len() as isize);
    let most = (n + m).min(1_000);
    let width = most + 1;
    let mut furthest = vec![0isize; (2 * width + 1) as usize];
    let mut trace = Vec::new();
    let mut found = None;
    'search: for d in 0..=most {
        trace.push(furthest[(width - d) as usize..=(width + d) as usize].to_vec());
        for k in (-d..=d).step_by(2) {
            let down = k == -d || (k != d && furthest[(width + k - 1) as usize] < furthest[(width + k + 1) as usize]);
            let mut x = if down { furthest[(width + k + 1) as usize] } else { furthest[(width + k - 1) as usize] + 1 };
            let mut y = x - k;
            while x < n && y < m && from[x as usize] == to[y as usize] {
                x += 1;
                y += 1;
            }
            furthest[(width + k) as usize] = x;
            if x >= n && y >= m {
                found = Some(d);
                break 'search;
            }
        }
    }
    let (mut x, mut y) = (n, m);
    let mut hunks: Vec<(usize, usize, usize, usize)> = Vec::new();
    for d in (1..=found?).rev() {
        let before = &trace[d as usize];
        let at = |k: isize| before[(k + d) as usize];
        let k = x - y;
        let down = k == -d || (k != d && at(k - 1) < at(k + 1));
        let previous = if down { k + 1 } else { k - 1 };
        let (px, py) = (at(previous), at(previous) - previous);
        let step = if down { (px, px, py, py + 1) } else { (px, px + 1, py, py) };
        let step = (step.0 as usize, step.1 as usize, step.2 as usize, step.3 as usize);
        match hunks.last_mut() {
            Some(last) if last.0 == step.1 && last.2 == step.3 => (last.0, last.2) = (step.0, step.2),
            _ => hunks.push(step),
        }
        (x, y) = (px, py);
    }
    hunks.reverse();
    Some(hunks)
}
