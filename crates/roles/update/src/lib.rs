//! Renovate's role, narrow but real: new tags of container images come into a deployment repository as branches that merge
//! themselves when their checks are green, or as pull requests.
//!
//! Read: `renovate.json` at the root, manager `kubernetes`, datasource `docker`, preset `config:recommended`. An option that is not
//! known is refused by name, and nothing is updated until it is gone.
//! Read first: [`decide`], [`Observed`], [`Question`]; then what Renovate's files are written in: [`versioning`], [`pattern`],
//! [`package_rules`], [`schedule`], [`template`], [`branch_name`]. Follows the behaviour, the names and the formats of Renovate 44.

mod branch;
pub mod branch_name;
mod config;
mod decide;
mod expression;
mod facts;
mod kubernetes;
mod lookup;
mod matchers;
mod memo;
pub mod migration;
mod observed;
pub mod package_rules;
pub mod pattern;
pub mod schedule;
mod settings;
pub mod template;
mod texts;
mod update_type;
pub mod versioning;

pub use decide::decide;
pub use observed::{Answer, Branch, Combined, Observed, Outcome, Pull, Question, Statuses};
