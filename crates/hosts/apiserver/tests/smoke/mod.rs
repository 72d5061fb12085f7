//! Checks of the server's doors that take any bytes: of `tests/smoke.rs` and of the targets in `fuzz/`.

// Each target uses one of them.
#![allow(dead_code)]

pub mod bodies;
pub mod corpus;
pub mod definitions;
pub mod patches;
pub mod rules;
pub mod selectors;
pub mod source;
pub mod world;
