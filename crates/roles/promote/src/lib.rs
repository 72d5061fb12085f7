//! Kargo's role: which artifacts become Freight, which Freight may enter a Stage and when, how a Promotion moves it, and
//! whether it is verified there.
//! Read first: [`stage::decide`], [`promotion::decide`]. Follows akuity/kargo; differences in KNOWN-DIFFERENCES.md.

pub mod analysis;
pub mod automation;
mod events;
pub mod freight;
mod history;
pub mod hold;
pub mod names;
pub mod promotion;
pub mod stage;
pub mod steps;
pub mod target;
pub mod warehouse;

/// Field manager of everything this role writes.
pub const MANAGER: &str = "kargo";
/// The API version of Kargo's kinds.
pub const KARGO: &str = "kargo.akuity.io/v1alpha1";
/// The API version of the analysis kinds.
pub const ARGO: &str = "argoproj.io/v1alpha1";
