//! Which files a kustomization may read, and from where. Source: kustomize `api/internal/loader`.
//! Read first: [`Files`], [`Loader`].

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use model::Tree;

use crate::error::{BuildError, Result, fail};

/// Deepest chain of bases.
const DEPTH: usize = 50;
/// Most bytes that one build reads, repeats counted.
const BYTES: usize = 256 << 20;
/// Most bases and components of one build, repeats counted: a chain in which each names the next one twice doubles at every link.
const FOLDERS: usize = 10_000;

/// Where a build reads from. Paths are relative, with `/`, without `.` or `..`.
pub trait Files {
    /// Returns the content of the file at this path.
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>>;
    /// Tells whether there is a folder at this path.
    fn is_folder(&self, path: &str) -> bool;
    /// Returns the path that this one leads to once links are followed.
    fn real(&self, path: &str) -> String {
        path.to_owned()
    }
    /// Returns the path as messages show it.
    fn shown(&self, path: &str) -> String {
        path.to_owned()
    }
}

impl Files for Tree {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        self.bytes(path).map(Cow::Borrowed)
    }

    fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.has_folder(path)
    }
}

/// Which files a kustomization may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restriction {
    /// Files at or below its own folder, as `kustomize build` does it by default.
    RootOnly,
    /// Any file of the Tree, as Flux does it.
    #[default]
    None,
}

/// Reads for the kustomization of one folder.
#[derive(Clone)]
pub(crate) struct Loader<'a> {
    pub files: &'a dyn Files,
    pub root: String,
    restriction: Restriction,
    parents: Option<Rc<Loader<'a>>>,
    depth: usize,
    spent: Rc<Spent>,
}

/// What a build has used so far.
#[derive(Debug, Default)]
struct Spent {
    bytes: Cell<usize>,
    folders: Cell<usize>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(files: &'a dyn Files, folder: &str, restriction: Restriction) -> Result<Self> {
        let root = files.real(&normal(folder)?);
        if !files.is_folder(&root) {
            return Err(BuildError::NotFound { path: files.shown(&root) });
        }
        Ok(Self { files, root, restriction, parents: None, depth: 0, spent: Rc::default() })
    }

    /// Returns the loader of a base or component.
    pub(crate) fn enter(&self, path: &str) -> Result<Self> {
        if path.is_empty() {
            return fail("new root cannot be empty");
        }
        if is_remote(path) && !self.files.is_folder(&normal(&join(&self.root, path)).unwrap_or_default()) {
            return fail(format!("{path} is remote, which is not supported"));
        }
        if path.starts_with('/') {
            return fail(format!("new root '{path}' cannot be absolute"));
        }
        let plain = normal(&join(&self.root, path))?;
        let root = self.files.real(&plain);
        if !self.files.is_folder(&root) {
            return Err(BuildError::NotFound { path: self.files.shown(&plain) });
        }
        let mut visited = Some(self);
        while let Some(loader) = visited {
            if within(&loader.root, &root) {
                let shown = |path: &str| self.files.shown(path);
                let text = format!("cycle detected: candidate root '{}' contains visited root '{}'", shown(&root), shown(&loader.root));
                return fail(text);
            }
            visited = loader.parents.as_deref();
        }
        if self.depth >= DEPTH {
            return Err(BuildError::Limit("50 nested bases"));
        }
        let folders = self.spent.folders.get() + 1;
        if folders > FOLDERS {
            return Err(BuildError::Limit("10,000 bases and components"));
        }
        self.spent.folders.set(folders);
        let (parents, spent) = (Some(Rc::new(self.clone())), self.spent.clone());
        Ok(Self { files: self.files, root, restriction: self.restriction, parents, depth: self.depth + 1, spent })
    }

    /// Reads a file that the kustomization names.
    pub(crate) fn load(&self, path: &str) -> Result<Vec<u8>> {
        if path.starts_with("http://") || path.starts_with("https://") {
            return fail(format!("{path} is remote, which is not supported"));
        }
        let plain = if path.starts_with('/') { normal(path)? } else { normal(&join(&self.root, path))? };
        let real = self.files.real(&plain);
        let Some(bytes) = self.files.read(&real) else {
            if self.files.is_folder(&real) {
                return fail(format!("'{}' must resolve to a file", self.files.shown(&plain)));
            }
            return Err(BuildError::NotFound { path: self.files.shown(&plain) });
        };
        if self.restriction == Restriction::RootOnly && !within(&real, &self.root) {
            let text = format!("security; file '{}' is not in or below '{}'", self.files.shown(&plain), self.files.shown(&self.root));
            return fail(text);
        }
        let spent = self.spent.bytes.get().saturating_add(bytes.len());
        if spent > BYTES {
            return Err(BuildError::Limit("256 MiB of files"));
        }
        self.spent.bytes.set(spent);
        Ok(bytes.into_owned())
    }

    pub(crate) fn text(&self, path: &str) -> Result<String> {
        let bytes = self.load(path)?;
        String::from_utf8(bytes).map_err(|_| BuildError::Field { path: path.to_owned(), text: "the file is not UTF-8".to_owned() })
    }

    pub(crate) fn shown_root(&self) -> String {
        self.files.shown(&self.root)
    }
}

/// Tells whether a path lies at or below a folder.
fn within(path: &str, folder: &str) -> bool {
    folder.is_empty() || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Tells whether kustomize would take this for a repository or URL.
pub(crate) fn is_remote(path: &str) -> bool {
    let scheme = ["://", "git@", "git::", "gh:"].iter().any(|mark| path.contains(mark));
    scheme
        || path.contains("_git/")
        || path.starts_with("github.com/")
        || path.starts_with("github.com:")
        || path.contains(".git?")
        || path.contains("?ref=")
}

/// Resolves `.` and `..`; refuses what leads out of the Tree.
pub(crate) fn normal(path: &str) -> Result<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(|| BuildError::Path { path: path.to_owned(), text: "leads out of the tree".to_owned() })?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

pub(crate) fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}
