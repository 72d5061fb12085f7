//! The composition root: hosts and effects are put together here, and nowhere else do they meet.
//! Read first: [`world::World`].

mod backup;
pub mod commands;
mod control;
pub mod credentials;
pub mod data;
pub mod example;
pub mod progress;
pub mod serve;
pub mod story;
pub mod tls;
mod together;
pub mod world;
