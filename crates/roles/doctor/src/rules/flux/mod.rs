//! Flux's sources and Kustomizations. One rule each; this file lists them.

mod depends_on_missing;
mod fixed_tag_interval;
mod path_missing;
mod prune_missing;
mod pull_credentials;
mod receiver_type;
mod source_missing;
mod tag_number;
mod trusted_root;
mod wait_and_health_checks;

/// The rules of this folder.
pub(super) const RULES: &[&super::Rule] = &[
    &depends_on_missing::RULE,
    &fixed_tag_interval::RULE,
    &path_missing::RULE,
    &prune_missing::RULE,
    &pull_credentials::RULE,
    &receiver_type::RULE,
    &source_missing::RULE,
    &tag_number::RULE,
    &trusted_root::RULE,
    &wait_and_health_checks::RULE,
];
