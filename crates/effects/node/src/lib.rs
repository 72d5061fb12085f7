//! The one machine as a node: containers for Jobs, sandboxes for workflow jobs, and simulated Pods for everything else; each
//! says which it is. An ordinary client of clusters, registry and forge.
//! Read first: [`Node`], [`Runner`], [`sandbox`].

mod addresses;
mod connection;
mod contain;
mod events;
pub mod exec;
mod images;
mod kubelet;
mod logs;
mod machine;
mod node;
mod pod;
pub mod rootless;
mod rules;
mod runner;
pub mod sandbox;
mod schedule;
mod simulate;
mod simulation;
pub mod steps;
mod ward;

pub use images::{ImageError, Images};
pub use kubelet::{Answer, Kubelet};
pub use node::{Node, Options as NodeOptions};
pub use runner::{HostJobs, Options as RunnerOptions, Runner, Told};
