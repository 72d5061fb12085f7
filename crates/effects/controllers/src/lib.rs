//! One file per kind: observe, call the role, hand over its decision; one driver for all of them.
//! Read first: [`Driver`], [`Controller`].

pub mod cluster;
mod controller;
mod driver;
mod executor;
pub mod flux;
mod journal;
pub mod kargo;
pub mod repositories;
mod signatures;

pub use controller::{Controller, Event, Key, LookError, Pass, Seen, Wake, Watched};
pub use driver::{Driver, STATUS_REFUSED};
pub use executor::ActError;
pub use journal::{Entry, Journal};
