//! Completion indexes as Kubernetes writes them: `1,3-5,7`. Follows kubernetes/kubernetes
//! `pkg/controller/job/indexed_job_utils.go`.

use std::fmt;

/// Longest text that is read; the API server's own limit is far below.
const LONGEST: usize = 1 << 17;

/// A set of indexes, as ranges in order that do not touch: there may be billions of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Indexes(Vec<(i64, i64)>);

impl Indexes {
    /// Reads a text; what is malformed is left out, and so is what lies beyond the number of completions.
    pub(crate) fn parse(text: &str, completions: i64) -> Self {
        let ranges = text.get(..LONGEST).unwrap_or(text).split(',').filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some((first.parse::<i64>().ok()?.max(0), last.parse::<i64>().ok()?.min(completions - 1)))
        });
        Self::of(ranges.collect())
    }

    fn of(mut ranges: Vec<(i64, i64)>) -> Self {
        ranges.retain(|(first, last)| first <= last);
        ranges.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    pub(crate) fn has(&self, index: i64) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(at).is_some_and(|(first, _)| *first <= index)
    }

    /// Returns these indexes and those.
    pub(crate) fn with(&self, others: impl IntoIterator<Item = i64>) -> Self {
        Self::of(self.0.iter().copied().chain(others.into_iter().map(|index| (index, index))).collect())
    }

    /// Returns these indexes and those of another set.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied().collect())
    }

    pub(crate) fn total(&self) -> i64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// How many of these are in the other as well.
    pub(crate) fn shared(&self, other: &Self) -> i64 {
        let overlap = |one: &(i64, i64)| -> i64 { other.0.iter().map(|two| (one.1.min(two.1) - one.0.max(two.0) + 1).max(0)).sum() };
        self.0.iter().map(overlap).sum()
    }

    /// The first indexes below a number that are not in this set.
    pub(crate) fn missing(&self, most: usize, below: i64) -> Vec<i64> {
        let ends = self.0.iter().map(|(first, _)| *first).chain([below]);
        let starts = [0].into_iter().chain(self.0.iter().map(|(_, last)| last + 1));
        starts.zip(ends).flat_map(|(start, end)| start..end.min(below)).take(most).collect()
    }
}

/// Two neighbours are written one by one, more as a range.
impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (first, last) in &self.0 {
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
            comma = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_read_and_written() {
        for (text, completions, written, total) in [
            ("", 5, "", 0),
            ("0", 5, "0", 1),
            ("0,1", 5, "0,1", 2),
            ("0,1,2", 5, "0-2", 3),
            ("1-3,5,6", 7, "1-3,5,6", 5),
            ("1-9", 4, "1-3", 3),
            ("8", 4, "", 0),
            ("x,2,3-y", 4, "2", 1),
        ] {
            let found = Indexes::parse(text, completions);
            assert_eq!((found.to_string().as_str(), found.total()), (written, total), "{text}");
        }
    }

    #[test]
    fn the_first_that_are_missing_are_found() {
        let found = Indexes::parse("0,2-3,6", 10);
        assert_eq!(found.missing(3, 10), [1, 4, 5]);
        assert_eq!(found.missing(9, 8), [1, 4, 5, 7]);
        assert!(found.has(3) && !found.has(4));
        assert_eq!(found.with([1]).and(&Indexes::parse("4-5", 10)).to_string(), "0-6");
        assert_eq!(Indexes::parse("0-2147483646", 1 << 31).shared(&found), 4);
    }
}
