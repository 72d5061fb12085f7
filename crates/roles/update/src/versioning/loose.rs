//! `loose`: anything that begins with numbers. What follows them makes it an earlier version.

use std::cmp::Ordering;

use super::LONGEST;
use super::collate::collate_numbers;
use super::generic::{Generic, Parsed, commit, digits};

/// Most numbers of a version.
const NUMBERS: usize = 6;

/// See the module.
#[derive(Debug)]
pub(crate) struct Loose;

impl Generic for Loose {
    fn parse<'a>(&self, text: &'a str) -> Option<Parsed<'a>> {
        if text.len() > LONGEST || commit(text) {
            return None;
        }
        let mut rest = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let mut release = Vec::new();
        loop {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            release.push(digits(&rest[..end]));
            rest = &rest[end..];
            match rest.strip_prefix('.') {
                Some(more) if more.starts_with(|c: char| c.is_ascii_digit()) => rest = more,
                _ => break,
            }
        }
        // Versions are one line.
        let lines = rest.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
        // The suffix does not make it unstable, so it is no prerelease here.
        (release.len() <= NUMBERS && !lines).then_some(Parsed { release, prerelease: "", suffix: Some(rest) })
    }

    /// Where one has no number any more, it is the smaller one.
    fn order(&self, a: &Parsed<'_>, b: &Parsed<'_>) -> Ordering {
        let numbers = a.release.iter().zip(&b.release).map(|(a, b)| a.cmp(b)).find(|order| order.is_ne());
        numbers.unwrap_or_else(|| a.release.len().cmp(&b.release.len())).then_with(|| {
            let (a, b) = (a.suffix.unwrap_or_default(), b.suffix.unwrap_or_default());
            match (a.is_empty(), b.is_empty()) {
                (false, false) => collate_numbers(a, b),
                (no_a, no_b) => no_a.cmp(&no_b),
            }
        })
    }
}
