//! The order of keys in what go-yaml v2 writes. Source: yaml/go-yaml v2.4.2 `sorter.go`.

/// Sorts entries by [`less`], which is no total order for odd keys: the standard sort may panic on such.
pub(crate) fn sorted<'a, V>(mut entries: Vec<(&'a String, &'a V)>) -> Vec<(&'a String, &'a V)> {
    // Keys come in the order of their bytes, which is this one nearly always; then nothing would be moved.
    if entries.is_sorted_by(|(a, _), (b, _)| !less(b, a)) {
        return entries;
    }
    let right = entries.split_off(entries.len() / 2);
    let (left, right) = (sorted(entries), sorted(right));
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    let mut merged = Vec::with_capacity(left.len() + right.len());
    loop {
        let first = match (left.peek(), right.peek()) {
            (None, None) => return merged,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((a, _)), Some((b, _))) => !less(b, a),
        };
        merged.extend(if first { left.next() } else { right.next() });
    }
}

/// go-yaml's key order: letters by code point, other characters before letters, runs of digits as numbers.
fn less(a: &str, b: &str) -> bool {
    // Where both are ASCII letters at the first difference, which is nearly always, no characters have to be counted.
    let at = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    if let (Some(a), Some(b)) = (a.as_bytes().get(at), b.as_bytes().get(at))
        && a.is_ascii_alphabetic()
        && b.is_ascii_alphabetic()
    {
        return a < b;
    }
    less_in_full(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>())
}

fn less_in_full(a: &[char], b: &[char]) -> bool {
    for at in 0..a.len().min(b.len()) {
        if a[at] == b[at] {
            continue;
        }
        let (letter_a, letter_b) = (a[at].is_alphabetic(), b[at].is_alphabetic());
        if letter_a && letter_b {
            return a[at] < b[at];
        }
        if letter_a || letter_b {
            return letter_b;
        }
        let start = i64::from((a[at] == '0' || b[at] == '0') && inside_number(&a[..at]));
        let ((number_a, length_a), (number_b, length_b)) = (number(&a[at..], start), number(&b[at..], start));
        if number_a != number_b {
            return number_a < number_b;
        }
        return if length_a == length_b { a[at] < b[at] } else { length_a < length_b };
    }
    a.len() < b.len()
}

/// Tells whether the digits before hold anything but zeros.
fn inside_number(before: &[char]) -> bool {
    before.iter().rev().take_while(|c| c.is_numeric()).any(|c| *c != '0')
}

fn number(text: &[char], start: i64) -> (i64, usize) {
    let digits = text.iter().take_while(|c| c.is_ascii_digit());
    digits.fold((start, 0), |(number, length), c| {
        let digit = i64::from(u32::from(*c) - u32::from('0'));
        (number.wrapping_mul(10).wrapping_add(digit), length + 1)
    })
}
