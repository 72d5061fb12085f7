//! May this object enter the cluster? Every image it would start has to be covered by a `ClusterImagePolicy`, and signed as
//! each policy that covers it demands.
//!
//! Read first: [`decide`], [`Observed`]. Follows sigstore/policy-controller (`policy.sigstore.dev/v1beta1`); what a policy
//! says beyond `images[].glob`, `authorities[].keyless.identities` and `mode` is refused by name, and refusing means that
//! the images it covers do not enter. Pure: whoever asks for a decision looks signatures up.

mod decide;
mod images;
mod policy;

pub use decide::{Answer, Observed, Outcome, Question, Review, decide};
pub use policy::Identity;
