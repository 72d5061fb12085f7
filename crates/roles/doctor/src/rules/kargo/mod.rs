//! Projects, Warehouses, Stages and what they promote. One rule each; this file lists them.

mod analysis_template_missing;
mod another_artifact;
mod comment_lost;
mod constraint;
mod ctx_freight;
mod flow_expression;
mod image_not_subscribed;
mod image_tag_case;
mod metric_names;
mod namespace_unlabelled;
mod needs_rollouts;
mod open_pr_config;
mod open_pr_unpushed;
mod origin_missing;
mod path_outside_lane;
mod pointer_documents;
mod pointer_missing;
mod policy_stage_missing;
mod pr_number_output;
mod project_config_name;
mod project_missing;
mod promotion_in_git;
mod pull_provider;
mod semver_constraint;
mod shared_pointer;
mod update_key;
mod update_later_document;
mod upstream_circle;
mod upstream_missing;
mod verification_race;
mod wait_for_pr_repository;
mod wrong_namespace;

/// The rules of this folder.
pub(super) const RULES: &[&super::Rule] = &[
    &analysis_template_missing::RULE,
    &another_artifact::RULE,
    &comment_lost::RULE,
    &constraint::RULE,
    &ctx_freight::RULE,
    &flow_expression::RULE,
    &image_not_subscribed::RULE,
    &image_tag_case::RULE,
    &metric_names::RULE,
    &namespace_unlabelled::RULE,
    &needs_rollouts::RULE,
    &open_pr_config::RULE,
    &open_pr_unpushed::RULE,
    &origin_missing::RULE,
    &path_outside_lane::RULE,
    &pointer_documents::RULE,
    &pointer_missing::RULE,
    &policy_stage_missing::RULE,
    &pr_number_output::RULE,
    &project_config_name::RULE,
    &project_missing::RULE,
    &promotion_in_git::RULE,
    &pull_provider::RULE,
    &semver_constraint::RULE,
    &shared_pointer::RULE,
    &update_key::RULE,
    &update_later_document::RULE,
    &upstream_circle::RULE,
    &upstream_missing::RULE,
    &verification_race::RULE,
    &wait_for_pr_repository::RULE,
    &wrong_namespace::RULE,
];
