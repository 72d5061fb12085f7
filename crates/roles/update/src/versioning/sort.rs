//! A stable order under a comparison that need not be an order: some schemes say "smaller" of every pair, as upstream does, and
//! what comes out is to be the same. The standard library may refuse such a comparison, so this is its own merge sort.

use std::cmp::Ordering;

use super::VersionError;

/// Up to here insertion is used, behind it merging.
const SHORT: usize = 64;

/// Sorts by a comparison that may fail.
pub(crate) fn stable<T, F>(mut items: Vec<T>, compare: &F) -> Result<Vec<T>, VersionError>
where
    F: Fn(&T, &T) -> Result<Ordering, VersionError>,
{
    if items.len() <= SHORT {
        let from = run(&mut items, compare)?;
        insert(&mut items, from, compare)?;
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    merge(stable(items, compare)?, stable(right, compare)?, compare)
}

/// Finds the run at the start, turns it round where it falls, and returns its end.
fn run<T, F>(items: &mut [T], compare: &F) -> Result<usize, VersionError>
where
    F: Fn(&T, &T) -> Result<Ordering, VersionError>,
{
    if items.len() < 2 {
        return Ok(items.len());
    }
    let falls = compare(&items[1], &items[0])?.is_lt();
    let mut end = 2;
    while end < items.len() && compare(&items[end], &items[end - 1])?.is_lt() == falls {
        end += 1;
    }
    if falls {
        items[..end].reverse();
    }
    Ok(end)
}

fn insert<T, F>(items: &mut [T], from: usize, compare: &F) -> Result<(), VersionError>
where
    F: Fn(&T, &T) -> Result<Ordering, VersionError>,
{
    for at in from..items.len() {
        let (mut low, mut high) = (0, at);
        while low < high {
            let middle = low + (high - low) / 2;
            if compare(&items[at], &items[middle])?.is_lt() { high = middle } else { low = middle + 1 }
        }
        items[low..=at].rotate_right(1);
    }
    Ok(())
}

fn merge<T, F>(left: Vec<T>, right: Vec<T>, compare: &F) -> Result<Vec<T>, VersionError>
where
    F: Fn(&T, &T) -> Result<Ordering, VersionError>,
{
    let mut all = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if compare(b, a)?.is_lt() { right.next() } else { left.next() };
        all.extend(next);
    }
    all.extend(left);
    all.extend(right);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_comparison_ends() {
        for count in [0, 1, 2, 5, 64, 65, 1_000] {
            let numbers: Vec<usize> = (0..count).map(|at| (at * 7) % 100).collect();
            let sorted = stable(numbers.clone(), &|a, b| Ok(a.cmp(b))).expect("compares");
            assert!(sorted.is_sorted() && sorted.len() == count, "{count}");
            assert_eq!(stable(numbers.clone(), &|_, _| Ok(Ordering::Less)).expect("compares").len(), count);
            let failing = stable(numbers, &|_, _| Err(VersionError::version("x")));
            assert_eq!(failing.is_err(), count > 1);
        }
    }

    #[test]
    fn equal_ones_keep_their_order() {
        let items: Vec<(usize, usize)> = (0..200).map(|at| (at % 3, at)).collect();
        assert!(stable(items, &|a, b| Ok(a.0.cmp(&b.0))).expect("compares").is_sorted());
    }
}
