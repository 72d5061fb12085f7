use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::object::parse_tag;
use crate::tree::{Mode, parse_tree};
use crate::{Commit, GitError, Kind, Object, ObjectId, Person, parse_commit};

/// A place where objects are kept.
pub trait Objects {
    /// Returns the object of this name.
    fn get(&self, id: &ObjectId) -> Result<Option<Object>, GitError>;

    /// Keeps an object and returns its name. Keeping it twice is the same as once.
    fn put(&self, kind: Kind, data: &[u8]) -> Result<ObjectId, GitError>;

    /// Tells whether there is an object of this name.
    fn has(&self, id: &ObjectId) -> Result<bool, GitError> {
        Ok(self.get(id)?.is_some())
    }

    /// Returns the object of this name, which must be there and of this kind.
    fn need(&self, id: &ObjectId, expected: Kind) -> Result<Object, GitError> {
        let object = self.get(id)?.ok_or(GitError::Missing(*id))?;
        if object.kind != expected {
            return Err(GitError::WrongKind { id: *id, found: object.kind, expected });
        }
        Ok(object)
    }

    /// Returns the commit of this name.
    fn commit(&self, id: &ObjectId) -> Result<Commit, GitError> {
        parse_commit(&self.need(id, Kind::Commit)?.data)
    }

    /// Follows annotated tags to what they name in the end.
    fn peel(&self, id: &ObjectId) -> Result<ObjectId, GitError> {
        let mut at = *id;
        // A tag may name a tag; nobody stacks more than a few.
        for _ in 0..16 {
            let object = self.get(&at)?.ok_or(GitError::Missing(at))?;
            if object.kind != Kind::Tag {
                return Ok(at);
            }
            at = parse_tag(&object.data)?.target;
        }
        Err(GitError::TooLarge { what: "a chain of tags", limit: 16 })
    }

    /// Writes a commit, signed when a key is given.
    fn put_commit(&self, commit: &crate::NewCommit, key: Option<&crate::SigningKey>) -> Result<ObjectId, GitError> {
        let bytes = commit.to_bytes();
        let bytes = match key {
            Some(key) => crate::signature::sign(&bytes, key)?,
            None => bytes,
        };
        self.put(Kind::Commit, &bytes)
    }
}

/// Objects in memory. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct MemoryObjects(Arc<Mutex<HashMap<ObjectId, Object>>>);

impl MemoryObjects {
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.all().len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns all objects, in no order.
    pub fn objects(&self) -> Vec<(ObjectId, Object)> {
        self.all().iter().map(|(id, object)| (*id, object.clone())).collect()
    }

    /// Keeps an object whose name is known already.
    pub fn keep(&self, id: ObjectId, object: Object) {
        self.all().insert(id, object);
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectId, Object>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl Objects for MemoryObjects {
    fn get(&self, id: &ObjectId) -> Result<Option<Object>, GitError> {
        Ok(self.all().get(id).cloned())
    }

    fn put(&self, kind: Kind, data: &[u8]) -> Result<ObjectId, GitError> {
        let id = ObjectId::of(kind, data);
        self.all().entry(id).or_insert_with(|| Object { kind, data: Bytes::copy_from_slice(data) });
        Ok(id)
    }
}

/// New objects over old ones: what is put stays apart until somebody accepts it.
pub struct Overlay<'a> {
    base: &'a dyn Objects,
    /// What is new.
    pub new: MemoryObjects,
}

impl<'a> Overlay<'a> {
    /// Starts with nothing new.
    pub fn over(base: &'a dyn Objects) -> Self {
        Self { base, new: MemoryObjects::default() }
    }

    /// Returns the new objects that the base lacks, each after everything it refers to.
    pub fn in_order(&self) -> Result<Vec<(ObjectId, Object)>, GitError> {
        let mut new = self.new.objects();
        let mut order: HashMap<ObjectId, usize> = HashMap::new();
        let all: HashMap<ObjectId, Object> = new.iter().cloned().collect();
        for id in all.keys() {
            number(*id, &all, &mut order)?;
        }
        new.sort_by_key(|(id, _)| order.get(id).copied().unwrap_or(0));
        let mut lacking = Vec::new();
        for (id, object) in new {
            if !self.base.has(&id)? {
                lacking.push((id, object));
            }
        }
        Ok(lacking)
    }
}

/// Numbers objects so that each comes after what it refers to, without recursion: histories are long.
fn number(start: ObjectId, all: &HashMap<ObjectId, Object>, order: &mut HashMap<ObjectId, usize>) -> Result<(), GitError> {
    let mut stack = vec![(start, false)];
    while let Some((id, ready)) = stack.pop() {
        if order.contains_key(&id) {
            continue;
        }
        let Some(object) = all.get(&id) else { continue };
        if ready {
            order.insert(id, order.len());
            continue;
        }
        stack.push((id, true));
        stack.extend(references(object)?.into_iter().filter(|(id, _)| !order.contains_key(id)).map(|(id, _)| (id, false)));
    }
    Ok(())
}

/// What an object refers to and of which kind that must be. Submodule commits live elsewhere and are left out.
pub(crate) fn references(object: &Object) -> Result<Vec<(ObjectId, Kind)>, GitError> {
    Ok(match object.kind {
        Kind::Blob => Vec::new(),
        Kind::Commit => {
            let commit = parse_commit(&object.data)?;
            let parents = commit.parents.into_iter().map(|parent| (parent, Kind::Commit));
            parents.chain([(commit.tree, Kind::Tree)]).collect()
        }
        Kind::Tag => {
            let tag = parse_tag(&object.data)?;
            vec![(tag.target, tag.kind)]
        }
        Kind::Tree => parse_tree(&object.data)?
            .into_iter()
            .filter(|entry| entry.mode != Mode::Submodule)
            .map(|entry| (entry.id, if entry.mode == Mode::Folder { Kind::Tree } else { Kind::Blob }))
            .collect(),
    })
}

/// Returns the first object that is missing below these tips, if any. Whatever the base of the overlay holds is taken to be
/// whole; every new object is read, so that a malformed one is found here.
pub fn missing_from(overlay: &Overlay<'_>, tips: &[ObjectId]) -> Result<Option<ObjectId>, GitError> {
    let mut seen = HashSet::new();
    let mut queue: Vec<(ObjectId, Option<Kind>)> = tips.iter().map(|id| (*id, None)).collect();
    while let Some((id, expected)) = queue.pop() {
        if let Some(object) = overlay.new.get(&id)? {
            if let Some(expected) = expected.filter(|expected| *expected != object.kind) {
                return Err(GitError::WrongKind { id, found: object.kind, expected });
            }
            if seen.insert(id) {
                queue.extend(references(&object)?.into_iter().map(|(id, kind)| (id, Some(kind))));
            }
            continue;
        }
        match (overlay.base.get(&id)?, expected) {
            (None, _) => return Ok(Some(id)),
            (Some(object), Some(expected)) if object.kind != expected => {
                return Err(GitError::WrongKind { id, found: object.kind, expected });
            }
            (Some(_), _) => {}
        }
    }
    Ok(None)
}

impl Objects for Overlay<'_> {
    fn get(&self, id: &ObjectId) -> Result<Option<Object>, GitError> {
        match self.new.get(id)? {
            Some(object) => Ok(Some(object)),
            None => self.base.get(id),
        }
    }

    fn put(&self, kind: Kind, data: &[u8]) -> Result<ObjectId, GitError> {
        self.new.put(kind, data)
    }

    fn has(&self, id: &ObjectId) -> Result<bool, GitError> {
        Ok(self.new.has(id)? || self.base.has(id)?)
    }
}

impl Person {
    /// Returns `Name <email>`.
    pub fn mailbox(&self) -> String {
        format!("{} <{}>", self.name, self.email)
    }
}
