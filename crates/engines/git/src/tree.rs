use std::collections::BTreeMap;

use model::{Tree, TreeFile};

use crate::{DEPTH, GitError, Kind, ObjectId, Objects};

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A plain file, `100644`.
    File,
    /// A file that may be executed, `100755`.
    Executable,
    /// A symbolic link, `120000`.
    Link,
    /// A folder, `40000`.
    Folder,
    /// A commit of another repository, `160000`.
    Submodule,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its name, without `/`.
    pub name: String,
    /// What it is.
    pub mode: Mode,
    /// Its object.
    pub id: ObjectId,
}

/// A file that differs between two trees. `None` where it does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPath {
    /// Where.
    pub path: String,
    /// What was there.
    pub old: Option<(Mode, ObjectId)>,
    /// What is there.
    pub new: Option<(Mode, ObjectId)>,
}

impl Mode {
    /// Returns the octal digits that Git writes into trees.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
            Self::Folder => "40000",
            Self::Submodule => "160000",
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        match text {
            // 100664 is what some old programs wrote for a plain file.
            b"100644" | b"100664" => Some(Self::File),
            b"100755" => Some(Self::Executable),
            b"120000" => Some(Self::Link),
            b"40000" => Some(Self::Folder),
            b"160000" => Some(Self::Submodule),
            _ => None,
        }
    }
}

/// Reads a tree. Names that would lead out of a checkout (`..`, `.git`, …) and wrong order are refused.
pub fn parse_tree(data: &[u8]) -> Result<Vec<TreeEntry>, GitError> {
    let wrong = |text: &str| GitError::malformed("tree", text);
    let mut entries: Vec<TreeEntry> = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let space = rest.iter().take(8).position(|byte| *byte == b' ').ok_or_else(|| wrong("an entry has no mode"))?;
        let mode = Mode::parse(&rest[..space]).ok_or_else(|| wrong("an entry has an unknown mode"))?;
        rest = &rest[space + 1..];
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(|| wrong("a name has no end"))?;
        let name = std::str::from_utf8(&rest[..end]).map_err(|_| wrong("a name is not UTF-8"))?;
        check_name(name)?;
        let id = rest.get(end + 1..end + 21).and_then(ObjectId::from_bytes).ok_or_else(|| wrong("an entry has no object"))?;
        rest = &rest[end + 21..];
        let entry = TreeEntry { name: name.to_owned(), mode, id };
        if entries.last().is_some_and(|last| sort_key(last) >= sort_key(&entry)) {
            return Err(wrong("the entries are not in order"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn check_name(name: &str) -> Result<(), GitError> {
    // Case-insensitive file systems see `.GIT` as `.git`.
    if name.is_empty() || name == "." || name == ".." || name.contains('/') || name.eq_ignore_ascii_case(".git") {
        return Err(GitError::malformed("tree", format!("{name:?} may not be the name of a file")));
    }
    Ok(())
}

/// Git orders a folder as if its name ended in `/`.
fn sort_key(entry: &TreeEntry) -> Vec<u8> {
    let mut key = entry.name.clone().into_bytes();
    if entry.mode == Mode::Folder {
        key.push(b'/');
    }
    key
}

/// Writes a tree of these entries, in Git's order.
pub fn write_tree(objects: &dyn Objects, mut entries: Vec<TreeEntry>) -> Result<ObjectId, GitError> {
    entries.sort_by_key(sort_key);
    let mut data = Vec::new();
    for entry in &entries {
        data.extend_from_slice(entry.mode.as_str().as_bytes());
        data.push(b' ');
        data.extend_from_slice(entry.name.as_bytes());
        data.push(0);
        data.extend_from_slice(entry.id.as_bytes());
    }
    objects.put(Kind::Tree, &data)
}

/// Returns the tree of a commit, following annotated tags.
pub fn tree_of_commit(objects: &dyn Objects, commit: &ObjectId) -> Result<ObjectId, GitError> {
    Ok(objects.commit(&objects.peel(commit)?)?.tree)
}

fn entries(objects: &dyn Objects, tree: &ObjectId) -> Result<Vec<TreeEntry>, GitError> {
    parse_tree(&objects.need(tree, Kind::Tree)?.data)
}

/// Returns what is at a path of a tree; the empty path is the tree itself.
pub fn entry_at(objects: &dyn Objects, tree: &ObjectId, path: &str) -> Result<Option<(Mode, ObjectId)>, GitError> {
    let mut at = (Mode::Folder, *tree);
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if at.0 != Mode::Folder {
            return Ok(None);
        }
        match entries(objects, &at.1)?.into_iter().find(|entry| entry.name == name) {
            Some(entry) => at = (entry.mode, entry.id),
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// Returns the content of the file at a path of a tree; `None` when there is no file.
pub fn read_file(objects: &dyn Objects, tree: &ObjectId, path: &str) -> Result<Option<bytes::Bytes>, GitError> {
    match entry_at(objects, tree, path)? {
        Some((Mode::File | Mode::Executable, id)) => Ok(Some(objects.need(&id, Kind::Blob)?.data)),
        _ => Ok(None),
    }
}

/// Returns every entry below a tree that is no folder, by path.
pub fn walk_tree(objects: &dyn Objects, tree: &ObjectId) -> Result<BTreeMap<String, (Mode, ObjectId)>, GitError> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(String::new(), *tree, 0)];
    while let Some((prefix, id, depth)) = folders.pop() {
        if depth > DEPTH {
            return Err(GitError::TooLarge { what: "the depth of folders", limit: DEPTH as u64 });
        }
        for entry in entries(objects, &id)? {
            let path = format!("{prefix}{}", entry.name);
            if entry.mode == Mode::Folder {
                folders.push((format!("{path}/"), entry.id, depth + 1));
            } else {
                found.insert(path, (entry.mode, entry.id));
            }
        }
    }
    Ok(found)
}

/// Returns the files of a commit as a value. A link to a file inside the tree becomes a copy of that file; other links and
/// submodules have no counterpart in a [`Tree`] and are left out.
pub fn flatten(objects: &dyn Objects, commit: &ObjectId) -> Result<Tree, GitError> {
    let files = walk_tree(objects, &tree_of_commit(objects, commit)?)?;
    let mut tree = Tree::default();
    for (path, found) in &files {
        let Some((mode, id)) = follow(objects, &files, path, *found)? else { continue };
        let data = objects.need(&id, Kind::Blob)?.data;
        tree.put_file(path.clone(), TreeFile { bytes: std::sync::Arc::new(data.to_vec()), executable: mode == Mode::Executable });
    }
    Ok(tree)
}

fn follow(
    objects: &dyn Objects,
    files: &BTreeMap<String, (Mode, ObjectId)>,
    path: &str,
    start: (Mode, ObjectId),
) -> Result<Option<(Mode, ObjectId)>, GitError> {
    let (mut at, mut found) = (path.to_owned(), start);
    // A handful of links may point at each other before it is a circle.
    for _ in 0..8 {
        match found.0 {
            Mode::File | Mode::Executable => return Ok(Some(found)),
            Mode::Folder | Mode::Submodule => return Ok(None),
            Mode::Link => {}
        }
        let target = objects.need(&found.1, Kind::Blob)?.data;
        let Some(next) = std::str::from_utf8(&target).ok().and_then(|target| resolve(&at, target)) else { return Ok(None) };
        let Some(entry) = files.get(&next) else { return Ok(None) };
        (at, found) = (next, *entry);
    }
    Ok(None)
}

fn resolve(link: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Returns the files that differ between two trees, by path. `None` is the empty tree. Equal folders are not entered.
pub fn changed_paths(objects: &dyn Objects, old: Option<&ObjectId>, new: Option<&ObjectId>) -> Result<Vec<ChangedPath>, GitError> {
    let mut found = Vec::new();
    let mut pairs = vec![(String::new(), old.copied(), new.copied(), 0)];
    while let Some((prefix, old, new, depth)) = pairs.pop() {
        if old == new {
            continue;
        }
        if depth > DEPTH {
            return Err(GitError::TooLarge { what: "the depth of folders", limit: DEPTH as u64 });
        }
        let mut names: BTreeMap<String, (Option<TreeEntry>, Option<TreeEntry>)> = BTreeMap::new();
        if let Some(old) = old {
            for entry in entries(objects, &old)? {
                let name = entry.name.clone();
                names.entry(name).or_default().0 = Some(entry);
            }
        }
        if let Some(new) = new {
            for entry in entries(objects, &new)? {
                let name = entry.name.clone();
                names.entry(name).or_default().1 = Some(entry);
            }
        }
        for (name, (old, new)) in names {
            if old == new {
                continue;
            }
            let folder = |entry: &Option<TreeEntry>| entry.as_ref().filter(|entry| entry.mode == Mode::Folder).map(|entry| entry.id);
            let file =
                |entry: &Option<TreeEntry>| entry.as_ref().filter(|entry| entry.mode != Mode::Folder).map(|entry| (entry.mode, entry.id));
            let path = format!("{prefix}{name}");
            if file(&old) != file(&new) {
                found.push(ChangedPath { path: path.clone(), old: file(&old), new: file(&new) });
            }
            if folder(&old) != folder(&new) {
                pairs.push((format!("{path}/"), folder(&old), folder(&new), depth + 1));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

#[derive(Default)]
struct Edits {
    here: BTreeMap<String, Option<(Option<Mode>, ObjectId)>>,
    below: BTreeMap<String, Edits>,
}

/// Makes the tree that results from edits (path to content, `None` deletes) of a tree (`None`: the empty one). A file keeps
/// its mode; folders come and go with their files. Only changed folders are written anew.
pub fn apply_edits<'a>(
    objects: &dyn Objects,
    tree: Option<&ObjectId>,
    edits: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
) -> Result<ObjectId, GitError> {
    let mut all = Edits::default();
    for (path, content) in edits {
        let value = content.map(|content| objects.put(Kind::Blob, content)).transpose()?.map(|id| (None, id));
        insert(&mut all, path, value)?;
    }
    apply(objects, tree, all)
}

/// Makes the tree that results from putting whole entries (mode and object) at paths; `None` removes.
pub(crate) fn apply_entries(
    objects: &dyn Objects,
    tree: Option<&ObjectId>,
    edits: impl IntoIterator<Item = (String, Option<(Mode, ObjectId)>)>,
) -> Result<ObjectId, GitError> {
    let mut all = Edits::default();
    for (path, value) in edits {
        insert(&mut all, &path, value.map(|(mode, id)| (Some(mode), id)))?;
    }
    apply(objects, tree, all)
}

fn insert(all: &mut Edits, path: &str, value: Option<(Option<Mode>, ObjectId)>) -> Result<(), GitError> {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.len() > DEPTH {
        return Err(GitError::TooLarge { what: "the depth of folders", limit: DEPTH as u64 });
    }
    for part in &parts {
        check_name(part)?;
    }
    let (name, folders) = parts.split_last().expect("a split text has a part");
    let mut at = all;
    for folder in folders {
        at = at.below.entry((*folder).to_owned()).or_default();
    }
    at.here.insert((*name).to_owned(), value);
    Ok(())
}

fn apply(objects: &dyn Objects, tree: Option<&ObjectId>, edits: Edits) -> Result<ObjectId, GitError> {
    let mut all: BTreeMap<String, TreeEntry> = match tree {
        Some(tree) => entries(objects, tree)?.into_iter().map(|entry| (entry.name.clone(), entry)).collect(),
        None => BTreeMap::new(),
    };
    for (name, value) in edits.here {
        let old = all.remove(&name);
        if let Some((mode, id)) = value {
            let kept = old.map(|old| old.mode).filter(|mode| matches!(mode, Mode::File | Mode::Executable));
            all.insert(name.clone(), TreeEntry { name, mode: mode.or(kept).unwrap_or(Mode::File), id });
        }
    }
    for (name, below) in edits.below {
        let old = all.get(&name).filter(|entry| entry.mode == Mode::Folder).map(|entry| entry.id);
        if old.is_none() && below.only_deletes() {
            continue;
        }
        let id = apply(objects, old.as_ref(), below)?;
        if entries(objects, &id)?.is_empty() {
            all.remove(&name);
        } else {
            all.insert(name.clone(), TreeEntry { name, mode: Mode::Folder, id });
        }
    }
    write_tree(objects, all.into_values().collect())
}

impl Edits {
    fn only_deletes(&self) -> bool {
        self.here.values().all(Option::is_none) && self.below.values().all(Self::only_deletes)
    }
}
