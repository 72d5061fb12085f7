//! What was tried, what was acknowledged, what was refused, and what was found to be wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was sent; nobody knows.
    Tried,
    /// It was answered as done.
    Done,
    /// It was answered as not done.
    Refused,
}

/// The values that one writer gave to one field, which only it writes: they count up.
#[derive(Debug, Default, Clone)]
pub struct Field {
    pub tried: u64,
    pub done: u64,
}

/// An object that was created under a name of the server's choice.
#[derive(Debug, Clone)]
pub struct Created {
    pub fate: Fate,
    pub path: String,
    /// Whether anybody wanted it gone, by whatever way.
    pub unwanted: bool,
}

#[derive(Debug, Default)]
pub struct Journal {
    /// Entries of lists, by their texts.
    pub entries: HashMap<String, Fate>,
    /// Fields of objects that nobody deletes, by path and key.
    pub fields: BTreeMap<(String, String), Field>,
    /// Numbers that everybody counts up: tried and done.
    pub counted: Field,
    /// Created objects, by the texts in them.
    pub created: HashMap<String, Created>,
    /// Objects that lost their owner and stay.
    pub orphans: BTreeSet<String>,
    /// Namespaces and definitions whose deletion was acknowledged.
    pub gone: BTreeSet<String>,
    /// The newest revision that was acknowledged.
    pub newest: u64,
    pub writes: u64,
    pub lost: u64,
    pub refused: u64,
    /// How many requests were answered with which code.
    pub codes: BTreeMap<u16, u64>,
    pub faults: Vec<String>,
}

/// A journal that everybody writes into.
#[derive(Default)]
pub struct Shared(Mutex<Journal>);

impl Shared {
    pub fn with<T>(&self, act: impl FnOnce(&mut Journal) -> T) -> T {
        act(&mut self.0.lock().expect("nobody panics while writing"))
    }

    pub fn fault(&self, text: String) {
        eprintln!("soak: FAULT: {text}");
        self.with(|journal| journal.faults.push(text));
    }
}
