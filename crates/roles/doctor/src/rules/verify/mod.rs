//! Whose signatures count. One rule each; this file lists them.

mod any_branch;
mod dots;
mod pattern;
mod unanchored;

/// The rules of this folder.
pub(super) const RULES: &[&super::Rule] = &[&any_branch::RULE, &dots::RULE, &pattern::RULE, &unanchored::RULE];
