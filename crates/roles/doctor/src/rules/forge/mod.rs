//! Who may change what. One rule each; this file lists them.

mod codeowners_gitea;
mod codeowners_malformed;
mod codeowners_unmatched;
mod policy_malformed;

/// The rules of this folder.
pub(super) const RULES: &[&super::Rule] =
    &[&codeowners_gitea::RULE, &codeowners_malformed::RULE, &codeowners_unmatched::RULE, &policy_malformed::RULE];
