//! Results that stay at hand. A pass is entered again with every answer, and most of what it looks at is the same then.
//! Read first: [`Memo`]. What is kept is found by being equal, so a result is never taken for another's.

use std::sync::{Mutex, PoisonError};

/// The results of the last few different inputs, the newest first.
pub(crate) struct Memo<K, V>(Mutex<Vec<(K, V)>>);

impl<K, V: Clone> Memo<K, V> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Finds the result of an input.
    pub(crate) fn get(&self, same: impl Fn(&K) -> bool) -> Option<V> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|(key, _)| same(key))?;
        all[..=at].rotate_right(1);
        Some(all[0].1.clone())
    }

    /// Keeps a result, and lets the oldest go where there are too many.
    pub(crate) fn put(&self, key: K, value: V, most: usize) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(0, (key, value));
        all.truncate(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_stay() {
        static MEMO: Memo<u8, &str> = Memo::new();
        MEMO.put(1, "one", 2);
        MEMO.put(2, "two", 2);
        assert_eq!(MEMO.get(|key| *key == 1), Some("one"));
        MEMO.put(3, "three", 2);
        assert_eq!([1, 2, 3].map(|wanted| MEMO.get(|key| *key == wanted)), [Some("one"), None, Some("three")]);
    }
}
