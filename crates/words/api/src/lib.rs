//! What the resources of all groups share: how to read a field, how conditions are kept.
//! Objects stay JSON, so that unknown fields survive a read and a write. And the pipeline's own kinds: what a cluster is told about
//! them, and what of them is not supported yet.
//!
//! Read first: [`definitions`], [`unsupported`]; the notation that kinds are written in is described in `src/definitions/mod.rs`.

mod again;
mod condition;
mod definitions;
mod fields;
mod note;
mod placement;

pub use again::again;
pub use condition::{Condition, find_condition, is_true, remove_condition, set_condition};
pub use definitions::{Unsupported, definitions, groups, refusal, unsupported};
pub use fields::{annotation, generation, label, name, namespace, reference, text, texts, uid};
pub use note::Note;
pub use placement::{likes, tolerates};
