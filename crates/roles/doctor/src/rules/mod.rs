//! The rules: one file each, by what they look at. Every folder lists its own. Read first: any of them; the frame is
//! [`crate::finding::Rule`].

mod docs;
mod flux;
mod forge;
mod kargo;
mod manifest;
mod pointer;
mod renovate;
mod verify;
mod workflow;

pub(crate) use crate::Fix;
pub(crate) use crate::Severity::{Error, Warning};
pub(crate) use crate::finding::Scope::{Everybody, Upstream};
pub(crate) use crate::finding::{Report, Rule};
pub(crate) use crate::look::Look;
pub(crate) use crate::repository::Repository;

/// Every rule, in the order in which they are tried.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    let folders = [
        manifest::RULES,
        kargo::RULES,
        pointer::RULES,
        flux::RULES,
        verify::RULES,
        workflow::RULES,
        renovate::RULES,
        forge::RULES,
        docs::RULES,
    ];
    folders.into_iter().flatten().copied()
}

/// Those after which Supercargo cannot use the file.
const MALFORMED: [&str; 9] = [
    "codeowners/malformed",
    "manifest/invalid-field",
    "manifest/unknown-field",
    "manifest/unsupported-field",
    "policy/malformed",
    "renovate/invalid",
    "renovate/unknown-option",
    "workflow/malformed",
    "yaml/unreadable",
];

/// The rules that find files no tool can read.
pub(crate) fn malformed() -> impl Iterator<Item = &'static Rule> {
    all().filter(|rule| MALFORMED.contains(&rule.id))
}
