//! May this identity make this change to this branch? Branch protection, lanes and code owners, as one pure rule.
//!
//! A lane is a path that one identity may write, in one shape; a bot never leaves its lanes. The refusals contain the words
//! that Renovate and Kargo search for. Read first: [`verdict`], [`BranchPolicy`], [`Change`].

mod change;
mod codeowners;
mod policy;
mod shape;
mod verdict;

pub use change::{Approval, Change, ChangedFile, Identity, NewCommit, Signature, StatusEvidence, Update};
pub use codeowners::{Codeowners, CodeownersError, Dialect, Owner, PLACES};
pub use policy::{BranchPolicy, Lane, PolicyError, Require, Shape, Waive, parse_policies, policy_for};
pub use shape::obeys;
pub use verdict::verdict;
