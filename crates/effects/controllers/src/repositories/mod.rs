//! What looks after Git repositories: the built-in checks and the updates.

mod checks;
mod updates;

pub use checks::Checks;
pub use updates::Updates;

use model::ClusterName;

use crate::controller::Key;

/// Returns the key of a repository, by its clone URL.
fn key(controller: &'static str, repository: &str) -> Key {
    let (place, name) = repository.rsplit_once('/').unwrap_or(("", repository));
    Key::named(controller, &ClusterName(String::new()), place, name)
}

/// Returns the clone URL of a repository's key.
fn url(key: &Key) -> String {
    format!("{}/{}", key.namespace, key.name)
}
