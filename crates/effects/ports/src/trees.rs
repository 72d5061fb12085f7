//! Trees that were fetched, by revision: a disposable cache. What is missing is fetched again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use model::Tree;
use serde_json::Value;

/// How many entries each kind keeps: several revisions of all sources of a few clusters.
const KEPT: usize = 64;

/// Trees by revision, and what was rendered from them. Cloning shares it.
#[derive(Clone, Default)]
pub struct Trees {
    trees: Arc<Mutex<Kept<Arc<Tree>>>>,
    rendered: Arc<Mutex<Kept<Arc<Vec<Value>>>>>,
}

struct Kept<T> {
    all: HashMap<String, T>,
    order: VecDeque<String>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { all: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T: Clone> Kept<T> {
    fn keep(&mut self, key: &str, value: T) {
        if self.all.insert(key.to_owned(), value).is_none() {
            self.order.push_back(key.to_owned());
        }
        while self.order.len() > KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.all.remove(&oldest);
            }
        }
    }
}

impl Trees {
    /// Returns a Tree by the name it was kept under.
    pub fn get(&self, name: &str) -> Option<Arc<Tree>> {
        self.trees.lock().expect("no holder panics").all.get(name).cloned()
    }

    /// Keeps a Tree; the name says which bytes they are, so the same name always means the same Tree.
    pub fn keep(&self, name: &str, tree: Tree) -> Arc<Tree> {
        let tree = Arc::new(tree);
        self.trees.lock().expect("no holder panics").keep(name, tree.clone());
        tree
    }

    /// Returns objects that were rendered before, by the name of everything they depend on.
    pub fn rendered(&self, name: &str) -> Option<Arc<Vec<Value>>> {
        self.rendered.lock().expect("no holder panics").all.get(name).cloned()
    }

    /// Keeps rendered objects.
    pub fn keep_rendered(&self, name: &str, objects: Vec<Value>) -> Arc<Vec<Value>> {
        let objects = Arc::new(objects);
        self.rendered.lock().expect("no holder panics").keep(name, objects.clone());
        objects
    }
}
