//! A part of what lies under a prefix, as it was at one revision.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;

use crate::state::State;
use crate::{Compacted, Entry};

/// Some of the entries under a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order of their keys.
    pub entries: Vec<(String, Entry)>,
    /// How many come after them.
    pub left: usize,
    /// The revision at which all this was so.
    pub revision: u64,
}

/// Bounds that hold every key from `start` on that begins with the prefix, so that no key has to be looked at.
fn range<'a>(prefix: &'a str, start: &'a str, end: &'a Option<String>) -> (Bound<&'a str>, Bound<&'a str>) {
    (Bound::Included(prefix.max(start)), end.as_deref().map_or(Bound::Unbounded, Bound::Excluded))
}

/// The first text after all that begin with the prefix; `None` when nothing comes after them.
fn end(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // Texts are ordered as their characters are.
        if let Some(next) = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// Two ordered sequences of keys as one: where a key is in both, what was there before counts.
struct Merged<'a, L: Iterator<Item = (&'a String, &'a Entry)>, B: Iterator<Item = (&'a String, &'a Option<Entry>)>> {
    live: Peekable<L>,
    before: Peekable<B>,
}

impl<'a, L, B> Iterator for Merged<'a, L, B>
where
    L: Iterator<Item = (&'a String, &'a Entry)>,
    B: Iterator<Item = (&'a String, &'a Option<Entry>)>,
{
    type Item = (&'a String, &'a Entry);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((key, before)) = self.before.peek().copied() else { return self.live.next() };
            match self.live.peek() {
                Some((live, _)) if *live < key => return self.live.next(),
                Some((live, _)) if *live == key => drop(self.live.next()),
                _ => {}
            }
            self.before.next();
            if let Some(entry) = before {
                return Some((key, entry));
            }
        }
    }
}

impl State {
    /// Returns at most `limit` entries from `start` on; `at` an earlier revision, or at the newest one.
    pub(crate) fn page(&self, prefix: &str, start: &str, limit: usize, at: Option<u64>) -> Result<Page, Compacted> {
        let revision = at.map_or(self.revision, |at| at.min(self.revision));
        if revision < self.forgotten {
            return Err(Compacted { oldest: self.forgotten });
        }
        let end = end(prefix);
        let bounds = || range(prefix, start, &end);
        let first = self.history.partition_point(|change| change.revision <= revision);
        // Of several changes of a key the oldest knows what was there.
        let mut undone: BTreeMap<&String, &Option<Entry>> = BTreeMap::new();
        for change in self.history.range(first..).rev().filter(|change| change.key.starts_with(prefix) && *change.key >= *start) {
            undone.insert(&change.key, &change.before);
        }
        let live = self.entries.range::<str, _>(bounds());
        if undone.is_empty() {
            let mut live = live;
            let entries: Vec<_> = live.by_ref().take(limit).map(|(key, entry)| (key.clone(), entry.clone())).collect();
            return Ok(Page { entries, left: live.count(), revision });
        }
        let mut merged = Merged { live: live.peekable(), before: undone.iter().map(|(key, entry)| (*key, *entry)).peekable() };
        let entries: Vec<_> = merged.by_ref().take(limit).map(|(key, entry)| (key.clone(), entry.clone())).collect();
        Ok(Page { entries, left: merged.count(), revision })
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::{Batch, Store};

    #[test]
    fn the_end_of_a_prefix_is_after_all_that_begin_with_it() {
        assert_eq!(end("/a/").as_deref(), Some("/a0"));
        assert_eq!(end("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(end("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!((end(""), end("\u{10ffff}")), (None, None));
    }

    /// Every state is kept aside; later, pages of each are as that was.
    #[test]
    fn pages_of_every_revision_are_as_it_was_then() {
        let mut random = StdRng::seed_from_u64(5);
        let store = Store::memory();
        let mut states = vec![store.scan("").0];
        for number in 0..300 {
            let mut batch = Batch::new();
            for _ in 0..random.random_range(1..4) {
                let key = format!("{}/{:02}", ["a", "b", "bb"][random.random_range(0..3)], random.random_range(0..20));
                batch = if random.random_bool(0.4) { batch.delete(key) } else { batch.put(key, number.to_string()) };
            }
            store.commit(batch).expect("commits");
            states.push(store.scan("").0);
        }
        for _ in 0..3_000 {
            let revision = random.random_range(0..states.len());
            let (prefix, limit) = (["", "a/", "b", "b/", "c"][random.random_range(0..5)], random.random_range(0..30));
            let start = format!("{prefix}{}", ["", "0", "05", "1\0", "9"][random.random_range(0..5)]);
            let all: Vec<_> = states[revision].iter().filter(|(key, _)| key.starts_with(prefix) && *key >= start).cloned().collect();
            let page = store.page(prefix, &start, limit, Some(revision as u64)).expect("is remembered");
            let shown = limit.min(all.len());
            let expected = Page { entries: all[..shown].to_vec(), left: all.len() - shown, revision: revision as u64 };
            assert_eq!(page, expected, "{prefix} from {start} at {revision}");
        }
    }
}
