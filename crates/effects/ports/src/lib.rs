//! Clients: the only place that knows addresses and credentials. Everything outside is spoken to in its own protocol;
//! whether it answers in this process or across a network is one line of [`Web`] or [`Clusters`].
//! Read first: [`Ports`].

mod cluster;
mod web;

pub use cluster::{Cluster, ClusterError, Clusters, WatchChange};
pub use web::{Handler, Web, WebError, handler_of};
