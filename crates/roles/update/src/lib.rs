//! Renovate's role, narrow but real: new tags of container images come into a deployment repository as branches that merge
//! themselves when their checks are green, or as pull requests.
//!
//! Read: `renovate.json` at the root, manager `kubernetes`, datasource and versioning `docker`, preset `config:recommended`.
//! An option that is not known is refused by name, and nothing is updated until it is gone.
//! Read first: [`decide`], [`Observed`], [`Question`]. Follows the behaviour, the names and the formats of Renovate 44.

mod branch;
pub mod branch_name;
mod config;
mod decide;
mod docker;
mod kubernetes;
mod lookup;
mod observed;
pub mod pattern;
mod rules;
pub mod schedule;
pub mod template;
mod texts;
pub mod versioning;

pub use decide::decide;
pub use observed::{Answer, Branch, Combined, Observed, Outcome, Pull, Question, Statuses};
