//! The one machine as a node: containers for Jobs, sandboxes for workflow jobs, and simulated Pods for everything else; each
//! says which it is. An ordinary client of clusters, registry and forge.
//! Read first: [`Node`], [`Runner`], [`sandbox`].

mod images;
mod node;
mod pod;
pub mod rootless;
mod runner;
pub mod sandbox;
pub mod steps;

pub use images::{ImageError, Images};
pub use node::{Node, Options as NodeOptions};
pub use runner::{HostJobs, Options as RunnerOptions, Runner, Told};
