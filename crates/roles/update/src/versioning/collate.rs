//! The order of texts in the root collation of Unicode: punctuation before digits before letters, case only where nothing else
//! differs, small letters first. Exact for ASCII; other characters come behind it, by code point.

use std::cmp::Ordering;

/// ASCII punctuation in its order; what stands before it here sorts before it.
const PUNCTUATION: &[u8] = b"\t\n\x0b\x0c\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

/// Primary weights of ASCII characters; 0 means that a character counts for nothing.
static WEIGHTS: [u16; 128] = weights();

const fn weights() -> [u16; 128] {
    let mut all = [0; 128];
    let mut at = 0;
    while at < PUNCTUATION.len() {
        all[PUNCTUATION[at] as usize] = 1 + at as u16;
        at += 1;
    }
    let mut digit = b'0';
    while digit <= b'9' {
        all[digit as usize] = 100 + (digit - b'0') as u16;
        digit += 1;
    }
    let mut letter = b'a';
    while letter <= b'z' {
        all[letter as usize] = 200 + (letter - b'a') as u16;
        all[letter.to_ascii_uppercase() as usize] = 200 + (letter - b'a') as u16;
        letter += 1;
    }
    all
}

/// One element of a text's primary key. A number is compared by how many digits it has, then by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight<'a> {
    Sign(u32),
    Number(usize, &'a str),
    Letter(u32),
}

/// Compares two texts.
pub(crate) fn collate(a: &str, b: &str) -> Ordering {
    weigh(a, false).cmp(weigh(b, false)).then_with(|| cases(a).cmp(cases(b)))
}

/// Compares two texts; runs of digits in them count as numbers.
pub(crate) fn collate_numbers(a: &str, b: &str) -> Ordering {
    weigh(a, true).cmp(weigh(b, true)).then_with(|| cases(a).cmp(cases(b)))
}

fn weigh(text: &str, numbers: bool) -> impl Iterator<Item = Weight<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let character = rest.chars().next()?;
            if numbers && character.is_ascii_digit() {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                let digits = rest[..end].trim_start_matches('0');
                rest = &rest[end..];
                return Some(Weight::Number(digits.len(), digits));
            }
            rest = &rest[character.len_utf8()..];
            match primary(character) {
                0 => {}
                weight @ 1..100 => return Some(Weight::Sign(weight)),
                weight @ 100..200 => return Some(Weight::Number(1, DIGITS[weight as usize - 100])),
                weight => return Some(Weight::Letter(weight)),
            }
        }
    })
}

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

fn primary(character: char) -> u32 {
    let code = u32::from(character);
    WEIGHTS.get(code as usize).map_or(1_000 + code, |weight| u32::from(*weight))
}

/// Capital letters come last, and only where nothing else differs; then there are as many letters on both sides.
fn cases(text: &str) -> impl Iterator<Item = bool> {
    text.chars().filter(char::is_ascii_alphabetic).map(|c| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_in_the_root_collations_order() {
        for (a, b, expected) in [
            ("a_b", "a-b", Ordering::Less),
            ("a-b", "ab", Ordering::Less),
            ("alpine", "Alpine", Ordering::Less),
            ("ALPINE-B", "alpine-a", Ordering::Greater),
            ("aB", "Ab", Ordering::Less),
            ("", "a", Ordering::Less),
            ("$", "0", Ordering::Less),
            ("9", "a", Ordering::Less),
            ("10", "9", Ordering::Less),
            ("\u{1}a", "a", Ordering::Equal),
            ("z", "\u{e4}", Ordering::Less),
        ] {
            assert_eq!(collate(a, b), expected, "{a:?} {b:?}");
            assert_eq!(collate(b, a), expected.reverse(), "{b:?} {a:?}");
        }
        for (a, b, expected) in [
            ("rc10", "rc9", Ordering::Greater),
            ("a1b", "a01a", Ordering::Greater),
            ("01", "1", Ordering::Equal),
            ("x0", "x", Ordering::Greater),
            ("1_2", "1_10", Ordering::Less),
            ("a2", "a-", Ordering::Greater),
            ("0", "a", Ordering::Less),
        ] {
            assert_eq!(collate_numbers(a, b), expected, "{a:?} {b:?}");
        }
    }
}
