//! Kargo's kinds, and the AnalysisRuns of its verification.

mod analysis_run;
mod promotion;
mod stage;
mod warehouse;

pub use analysis_run::AnalysisRun;
pub use promotion::Promotion;
pub use stage::Stage;
pub use warehouse::Warehouse;

use model::{ClusterName, ObjectRef};

/// Returns the name of an object in the namespace of a key.
fn named(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
}

/// The cluster in which Kargo's kinds live.
#[derive(Debug, Clone)]
pub struct Home(pub ClusterName);
