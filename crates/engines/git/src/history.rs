use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::{GitError, ObjectId, Objects, entry_at};

/// Tells whether `descendant` is `ancestor` or was made from it. Exact whatever the commits' clocks say.
pub fn is_ancestor(objects: &dyn Objects, ancestor: &ObjectId, descendant: &ObjectId) -> Result<bool, GitError> {
    let mut seen = HashSet::new();
    let mut queue = BinaryHeap::new();
    if objects.get(ancestor)?.is_none() {
        return Ok(false);
    }
    queue.push((i64::MAX, *descendant));
    // Newest first, so that the usual case (a child of the ancestor) ends at once.
    while let Some((_, id)) = queue.pop() {
        if id == *ancestor {
            return Ok(true);
        }
        if seen.insert(id) {
            for parent in objects.commit(&id)?.parents {
                queue.push((objects.commit(&parent)?.committer.seconds, parent));
            }
        }
    }
    Ok(false)
}

/// Returns the commits that are reachable from `new` and not from `old`, newest first. With clocks that ran backwards it may
/// return a commit too many, never one too few.
pub fn rev_list(objects: &dyn Objects, new: &[ObjectId], old: &[ObjectId]) -> Result<Vec<ObjectId>, GitError> {
    let mut walk = Walk { objects, queue: BinaryHeap::new(), uninteresting: HashMap::new(), wanted: 0 };
    for id in new {
        walk.push(*id, false)?;
    }
    for id in old {
        if objects.has(id)? {
            walk.push(*id, true)?;
        }
    }
    let mut found = Vec::new();
    while walk.wanted > 0 {
        let Some((_, _, id)) = walk.queue.pop() else { break };
        let old = walk.uninteresting[&id];
        if !old {
            walk.wanted -= 1;
            found.push(id);
        }
        for parent in objects.commit(&id)?.parents {
            walk.push(parent, old)?;
        }
    }
    found.retain(|id| !walk.uninteresting[id]);
    Ok(found)
}

struct Walk<'a> {
    objects: &'a dyn Objects,
    /// By time; among equals the one found later, which is the older one, comes last.
    queue: BinaryHeap<(i64, std::cmp::Reverse<usize>, ObjectId)>,
    uninteresting: HashMap<ObjectId, bool>,
    /// How many commits in the queue are not known to be old.
    wanted: usize,
}

impl Walk<'_> {
    fn push(&mut self, id: ObjectId, old: bool) -> Result<(), GitError> {
        match self.uninteresting.get(&id).copied() {
            None => {
                let order = std::cmp::Reverse(self.uninteresting.len());
                self.queue.push((self.objects.commit(&id)?.committer.seconds, order, id));
                self.uninteresting.insert(id, old);
                self.wanted += usize::from(!old);
            }
            Some(false) if old => self.forget(id)?,
            Some(_) => {}
        }
        Ok(())
    }

    /// Marks a commit, and what was already found below it, as old.
    fn forget(&mut self, id: ObjectId) -> Result<(), GitError> {
        let waiting: HashSet<ObjectId> = self.queue.iter().map(|(_, _, id)| *id).collect();
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            if self.uninteresting.get(&id) != Some(&false) {
                continue;
            }
            self.uninteresting.insert(id, true);
            if waiting.contains(&id) {
                self.wanted -= 1;
            } else {
                stack.extend(self.objects.commit(&id)?.parents);
            }
        }
        Ok(())
    }
}

/// Returns the newest commit that both have in their history.
pub fn merge_base(objects: &dyn Objects, a: &ObjectId, b: &ObjectId) -> Result<Option<ObjectId>, GitError> {
    let of_a: HashSet<ObjectId> = rev_list(objects, &[*a], &[])?.into_iter().collect();
    let mut seen = HashSet::new();
    let mut queue = BinaryHeap::from([(i64::MAX, *b)]);
    while let Some((_, id)) = queue.pop() {
        if of_a.contains(&id) {
            return Ok(Some(id));
        }
        if seen.insert(id) {
            for parent in objects.commit(&id)?.parents {
                queue.push((objects.commit(&parent)?.committer.seconds, parent));
            }
        }
    }
    Ok(None)
}

/// Returns what `git rev-list --count TIP -- PATH` prints: how many commits changed the path, simplified as Git does.
pub fn count_touching(objects: &dyn Objects, tip: &ObjectId, path: &str) -> Result<u64, GitError> {
    let mut seen = HashSet::new();
    let mut queue = vec![*tip];
    let mut count = 0;
    while let Some(id) = queue.pop() {
        if !seen.insert(id) {
            continue;
        }
        let commit = objects.commit(&id)?;
        let here = entry_at(objects, &commit.tree, path)?;
        let mut same = None;
        for parent in &commit.parents {
            if entry_at(objects, &objects.commit(parent)?.tree, path)? == here {
                same = Some(*parent);
                break;
            }
        }
        match same {
            // A merge that took the path from one side is not its author: only that side is followed.
            Some(parent) => queue.push(parent),
            None if commit.parents.is_empty() && here.is_none() => {}
            None => {
                count += 1;
                queue.extend(commit.parents);
            }
        }
    }
    Ok(count)
}
