//! `docker`: tags of images. A suffix behind a dash has to stay the same; `1.4` is greater than `1.4.3`, because it moves on.

use std::cmp::Ordering;

use super::LONGEST;
use super::collate::collate;
use super::generic::{Generic, Parsed, commit, digits};

/// See the module.
#[derive(Debug)]
pub(crate) struct Docker;

impl Generic for Docker {
    fn parse<'a>(&self, text: &'a str) -> Option<Parsed<'a>> {
        if text.len() > LONGEST || commit(text) {
            return None;
        }
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (numbers, suffix) = plain.split_once('-').unwrap_or((plain, ""));
        let (release, prerelease) = release(numbers)?;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        prerelease.bytes().all(word).then_some(Parsed { release, prerelease, suffix: Some(suffix) })
    }

    /// Where one has no number any more, it is the greater one. Suffixes are in falling order, so that a plain tag is the greatest.
    fn order(&self, a: &Parsed<'_>, b: &Parsed<'_>) -> Ordering {
        for at in 0..a.release.len().max(b.release.len()) {
            let order = match (a.release.get(at), b.release.get(at)) {
                (Some(a), Some(b)) => a.cmp(b),
                (None, _) => return Ordering::Greater,
                (_, None) => return Ordering::Less,
            };
            if order.is_ne() {
                return order;
            }
        }
        let words = match (a.prerelease.is_empty(), b.prerelease.is_empty()) {
            (false, false) => (a.prerelease != b.prerelease).then(|| collate(a.prerelease, b.prerelease)),
            (true, true) => None,
            (no_a, no_b) => Some(no_a.cmp(&no_b)),
        };
        words.unwrap_or_else(|| collate(b.suffix.unwrap_or_default(), a.suffix.unwrap_or_default()))
    }

    fn compatible(&self, version: &Parsed<'_>, current: Option<&Parsed<'_>>) -> bool {
        current.is_some_and(|current| version.suffix == current.suffix && version.release.len() == current.release.len())
    }

    fn title(&self, value: &str) -> String {
        value.split('-').next().unwrap_or_default().to_owned()
    }
}

/// Reads `1.2.3` at the start of a text; a dot that no digit follows ends it.
fn release(text: &str) -> Option<(Vec<u128>, &str)> {
    let mut numbers = Vec::with_capacity(3);
    let mut rest = text;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if end == 0 {
            return None;
        }
        numbers.push(digits(&rest[..end]));
        rest = &rest[end..];
        match rest.strip_prefix('.') {
            Some(more) if more.starts_with(|c: char| c.is_ascii_digit()) => rest = more,
            _ => return Some((numbers, rest)),
        }
    }
}
