//! May this object enter the cluster? Every image it would start has to be covered by a `ClusterImagePolicy`, and signed as
//! each policy that covers it demands; and an object of the pipeline's own kinds may ask for nothing that nobody here acts on.
//!
//! Read first: [`decide`], [`Observed`], [`support`]. Follows sigstore/policy-controller (`policy.sigstore.dev/v1beta1`); what a policy
//! says beyond `images[].glob`, `authorities[].keyless.identities` and `mode` is refused by name, and refusing means that
//! the images it covers do not enter. Pure: whoever asks for a decision looks signatures up.

mod decide;
mod images;
mod policy;
mod support;

pub use decide::{Answer, Cause, Observed, Outcome, Question, Review, decide};
pub use policy::Identity;
pub use support::support;
