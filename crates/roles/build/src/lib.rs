//! What CI finds out about a tree, and which image a Dockerfile makes of one.
//! Read first: [`checks`], [`dockerfile::parse`]. Pure: the tree is an argument, nothing is run.

mod check;
pub mod dockerfile;

pub use check::{Check, checks};
