//! `git`: names of commits. None is greater than another; whichever is new follows.

use std::cmp::Ordering;

use super::generic::{Generic, Parsed};

/// See the module.
#[derive(Debug)]
pub(crate) struct Git;

impl Generic for Git {
    fn parse<'a>(&self, text: &'a str) -> Option<Parsed<'a>> {
        let name = (7..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        name.then(|| Parsed { release: vec![1, 0, 0], prerelease: "", suffix: Some(text) })
    }

    fn order(&self, _: &Parsed<'_>, _: &Parsed<'_>) -> Ordering {
        Ordering::Less
    }
}
