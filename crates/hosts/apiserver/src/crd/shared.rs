//! Clusters of one process mostly serve the same definitions: what was compiled of one is shared between them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, Weak};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{established, text};
use crate::catalog::Resource;
use crate::object::{at, meta};

/// Kinds that some catalog serves, by what they were compiled from.
static COMPILED: LazyLock<Mutex<HashMap<[u8; 32], Vec<Weak<Resource>>>>> = LazyLock::new(Mutex::default);

/// Returns the kinds that a definition serves, as [`super::resources`] does; a definition with the same content yields the same ones
/// for as long as somebody holds them. Kinds with a webhook are not shared: it remembers what it said of one cluster's objects.
pub(crate) fn resources(definition: &Value) -> Result<Vec<Arc<Resource>>, String> {
    if at(definition, &["spec", "conversion"]).is_some_and(|conversion| text(conversion, "strategy") == "Webhook") {
        return super::compile(definition);
    }
    let names = at(definition, &["status", "acceptedNames"]);
    let origin = (&definition["spec"], names, established(definition), meta(definition, "deletionTimestamp").is_empty());
    let origin: [u8; 32] = Sha256::digest(serde_json::to_vec(&origin).map_err(|error| error.to_string())?).into();
    let mut compiled = COMPILED.lock().expect("no holder panics");
    if let Some(known) = compiled.get(&origin).and_then(|known| known.iter().map(Weak::upgrade).collect::<Option<Vec<_>>>()) {
        return Ok(known);
    }
    let made = super::compile(definition)?;
    compiled.retain(|_, known| known.iter().any(|one| one.strong_count() > 0));
    compiled.insert(origin, made.iter().map(Arc::downgrade).collect());
    Ok(made)
}
