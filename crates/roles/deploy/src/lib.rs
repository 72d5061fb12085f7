//! Flux's role: which revision a source has, what a Kustomization applies, in which order, and whether it is healthy.
//! Read first: [`source::decide`], [`kustomization::decide`]. Follows fluxcd/source-controller and
//! fluxcd/kustomize-controller; differences in KNOWN-DIFFERENCES.md.

mod events;
pub mod health;
pub mod inventory;
pub mod kustomization;
mod legible;
mod order;
mod overlay;
pub mod source;
mod substitute;
mod suspension;

pub use legible::legible;
pub use overlay::overlay;
pub use substitute::substitute;
pub use suspension::SUSPENDED;
