//! Every way in which a Kubernetes object is changed by a partial one: JSON merge patch, JSON patch, strategic merge patch,
//! server-side apply, and the ownership of fields (managedFields) that goes with them. Pure.
//!
//! Read first: [`json_merge`], [`json_patch`], [`strategic`], [`apply`], [`track_update`], [`Shape`].

mod apply;
pub mod builtin;
mod check;
mod fields;
mod json;
mod managed;
mod shape;
mod strategic;
mod typed;

pub use apply::{ApplyError, Conflict, Conflicts, Writer, apply, track_update};
pub use builtin::TypeRef;
pub use check::TypedError;
pub use fields::FieldSet;
pub use json::{json_merge, json_patch};
pub use managed::{Entry, Operation, decode as managed_entries, encode as set_managed_entries, same_but_for_times};
pub use shape::{Inside, Scalar, Shape};
pub use strategic::strategic;

/// Why a patch was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch itself has the wrong form.
    #[error("{0}")]
    Malformed(String),
    /// The patch is well formed but does not fit this object.
    #[error("{0}")]
    Failed(String),
}
