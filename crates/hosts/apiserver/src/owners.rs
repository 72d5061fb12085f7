//! Which objects name which owner. Follows the store's log, so that a deletion need not look at everything.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use store::{Entry, Store};

/// Keys of dependents by the uid of their owner, as of a revision.
#[derive(Default)]
pub(crate) struct Owners {
    position: Option<u64>,
    by_owner: HashMap<String, BTreeSet<String>>,
}

fn owners(entry: &Entry) -> Vec<String> {
    // Most objects have no owner; they are not parsed.
    let Ok(text) = std::str::from_utf8(&entry.value) else { return Vec::new() };
    if !text.contains("\"ownerReferences\"") {
        return Vec::new();
    }
    let object: Value = serde_json::from_str(text).unwrap_or_default();
    let list = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|owner| owner.get("uid")?.as_str().map(str::to_owned)).collect()
}

impl Owners {
    /// Returns the keys of the objects that name this owner now.
    pub fn dependents(&mut self, store: &Store, uid: &str) -> Vec<String> {
        self.follow(store);
        self.by_owner.get(uid).into_iter().flatten().cloned().collect()
    }

    /// Returns the keys of everything that names an owner.
    pub fn all(&mut self, store: &Store) -> BTreeSet<String> {
        self.follow(store);
        self.by_owner.values().flatten().cloned().collect()
    }

    fn follow(&mut self, store: &Store) {
        let changes = match self.position {
            Some(position) => store.changes_after(position).ok(),
            None => None,
        };
        let Some(changes) = changes else { return self.start_over(store) };
        for change in changes {
            for owner in change.before.iter().flat_map(owners) {
                if let Some(keys) = self.by_owner.get_mut(&owner) {
                    keys.remove(&change.key);
                    if keys.is_empty() {
                        self.by_owner.remove(&owner);
                    }
                }
            }
            for owner in change.after.iter().flat_map(owners) {
                self.by_owner.entry(owner).or_default().insert(change.key.clone());
            }
            self.position = Some(change.revision);
        }
    }

    fn start_over(&mut self, store: &Store) {
        self.by_owner.clear();
        let (entries, revision) = store.scan("/registry/");
        for (key, entry) in &entries {
            for owner in owners(entry) {
                self.by_owner.entry(owner).or_default().insert(key.clone());
            }
        }
        self.position = Some(revision);
    }
}
