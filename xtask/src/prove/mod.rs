//! Proofs: one file each, one line in [`PROOFS`]. A program that is missing is a failure.

mod clients;
mod emergencies;
mod git;
mod kill;
mod kubectl;
mod kubernetes;
mod kustomize;
mod pipeline;
mod records;

use crate::place::Settings;

pub use kustomize::real_kustomize;

/// Proves something or says why not.
type Prove = fn(&Settings) -> anyhow::Result<()>;

/// All proofs: name, what it proves, how.
pub const PROOFS: [(&str, &str, Prove); 8] = [
    ("clients", "git, kubectl, skopeo, sigstore clients and kustomize find what they know", clients::prove),
    ("emergencies", "pause, rollback, reject, freeze, break glass, hand edit and outage, as people type them", emergencies::prove),
    ("git", "the git program clones, fetches and pushes; the forge refuses what it must", git::prove),
    ("kill", "a journey that is killed at a random moment is completed once, by the next start", kill::prove),
    ("kubectl", "kubectl reads, applies, watches and deletes in every cluster", kubectl::prove),
    ("kubernetes", "kubectl, kube-rs under churn, Python's and JavaScript's clients find a Kubernetes; kwok too (--go)", kubernetes::prove),
    ("kustomize", "the example and random trees render to the bytes of the real kustomize (--builds, --seed)", kustomize::prove),
    ("pipeline", "a release travels from its tag to production by itself", pipeline::prove),
];
