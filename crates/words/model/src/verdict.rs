use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a gate found: it lets the ref pass, waits for something that may come, or refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The ref may move.
    Pass,
    /// The ref may move later.
    Wait {
        /// What is missing, to count and filter by.
        code: Code,
        /// What is missing, for a person.
        why: String,
        /// When to look again if nothing happens before.
        until: Option<Timestamp>,
    },
    /// The ref may not move until somebody changes something.
    Refuse {
        /// What is wrong, to count and filter by.
        code: Code,
        /// What is wrong, for a person.
        why: String,
        /// What to do about it.
        remedy: String,
    },
}

/// Why a gate waits or refuses. Closed, so that it can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Code {
    /// No Freight has been discovered.
    NoFreight,
    /// The Freight is not verified upstream.
    NotVerified,
    /// The Freight has not soaked long enough.
    Soaking,
    /// Promotion is not automatic here.
    NotAutomatic,
    /// A promotion is under way.
    Promoting,
    /// The last promotion of this Freight did not succeed.
    PromotionFailed,
    /// The promoted digest is not what runs yet.
    NotDeployed,
    /// The target runs something that nobody promoted.
    Drifted,
    /// A verification is under way.
    Verifying,
    /// A verification failed.
    VerificationFailed,
    /// Required checks have not reported.
    ChecksPending,
    /// A required check failed.
    ChecksFailed,
    /// A pull request is still open.
    PullOpen,
    /// A pull request was closed without a merge.
    PullClosed,
    /// A review is required.
    ReviewRequired,
    /// The identity may not make this change.
    OutOfLane,
    /// A signature is missing or does not verify.
    Unsigned,
    /// A source has no artifact yet.
    ArtifactMissing,
    /// A dependency is not ready.
    DependencyNotReady,
    /// Workloads are not healthy yet.
    Unhealthy,
    /// Somebody has suspended or paused this.
    Suspended,
    /// Something that is needed does not exist.
    Missing,
    /// A field or value is not supported.
    Unsupported,
    /// Something is malformed.
    Malformed,
    /// Something outside did not answer.
    Unreachable,
    /// An update needs a person.
    NeedsApproval,
    /// A release is younger than demanded.
    TooYoung,
}
