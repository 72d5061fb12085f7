//! The configuration of Renovate. One rule each; this file lists them.

mod branch_automerge;
mod digest_updates;
mod file_match;
mod fluxcd_images;
mod ignore_tests;
mod invalid;
mod merges_major;
mod platform_automerge;
mod registry_port;
mod release_age;
mod stars_in_segment;
mod team_reviewers;
mod unknown_option;
mod writes_pointers;

/// The rules of this folder.
pub(super) const RULES: &[&super::Rule] = &[
    &branch_automerge::RULE,
    &digest_updates::RULE,
    &file_match::RULE,
    &fluxcd_images::RULE,
    &ignore_tests::RULE,
    &invalid::RULE,
    &merges_major::RULE,
    &platform_automerge::RULE,
    &registry_port::RULE,
    &release_age::RULE,
    &stars_in_segment::RULE,
    &team_reviewers::RULE,
    &unknown_option::RULE,
    &writes_pointers::RULE,
];

/// The configuration and its package rules.
fn blocks(root: &yaml::Node) -> impl Iterator<Item = &yaml::Node> {
    use crate::look::Look as _;
    std::iter::once(root).chain(root.items_at("packageRules"))
}
