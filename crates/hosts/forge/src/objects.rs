//! Where objects lie. A row beside the ref that needs them makes them durable with it, in one write; in a folder they become
//! loose files as well, and the rows go once the files are on disk. Large pushes go to files at once.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use git::{GitError, Kind, MemoryObjects, Object, ObjectId, Objects, Overlay, pack};

use crate::records::Repo;
use crate::rows::{After, REPOS, Rows};
use crate::{Forge, ForgeError, Repositories};

/// A push up to this many objects and bytes is written as rows of the store, which costs one flush of the disk.
const SMALL: (usize, usize) = (200, 1 << 20);
/// With more rows than this the files are flushed and the rows go.
const ROWS: usize = 2_000;
/// Bytes of objects that are kept in memory.
const CACHE: usize = 64 << 20;
/// Most bytes of a loose object.
const LOOSE: u64 = 256 << 20;

/// Objects that were read lately, whole.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    objects: HashMap<(u64, ObjectId), Object>,
    bytes: usize,
}

impl Cache {
    fn get(&self, key: &(u64, ObjectId)) -> Option<Object> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).objects.get(key).cloned()
    }

    fn keep(&self, key: (u64, ObjectId), object: &Object) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.bytes + object.data.len() > CACHE {
            *cache = Kept::default();
        }
        cache.bytes += object.data.len() + 100;
        cache.objects.insert(key, object.clone());
    }
}

/// The objects of one repository.
pub(crate) struct RepoObjects<'a> {
    forge: &'a Forge,
    rows: &'a Rows,
    repo: u64,
    folder: Option<PathBuf>,
}

impl Objects for RepoObjects<'_> {
    fn get(&self, id: &ObjectId) -> Result<Option<Object>, GitError> {
        let key = (self.repo, *id);
        // What is about to be written may still be given up: it is not kept in memory.
        if let Some(bytes) = self.rows.pending(&row(self.repo, id)) {
            return from_row(&bytes).map(Some);
        }
        if let Some(object) = self.forge.0.cache.get(&key) {
            return Ok(Some(object));
        }
        let mut found = self.rows.peek(&row(self.repo, id)).map(|bytes| from_row(&bytes)).transpose()?;
        if let (None, Some(folder)) = (&found, &self.folder) {
            found = read_loose(folder, id)?;
        }
        if let Some(object) = &found {
            self.forge.0.cache.keep(key, object);
        }
        Ok(found)
    }

    fn put(&self, _kind: Kind, _data: &[u8]) -> Result<ObjectId, GitError> {
        Err(GitError::Store("objects enter a repository only together with the ref that needs them".to_owned()))
    }
}

fn row(repo: u64, id: &ObjectId) -> String {
    format!("object/{repo}/{id}")
}

fn to_row(object: &Object) -> Vec<u8> {
    let mut bytes = format!("{}\0", object.kind).into_bytes();
    bytes.extend_from_slice(&object.data);
    bytes
}

fn from_row(bytes: &Bytes) -> Result<Object, GitError> {
    let end = bytes.iter().position(|byte| *byte == 0).ok_or_else(|| GitError::Store("an object's row has no kind".to_owned()))?;
    let kind = std::str::from_utf8(&bytes[..end]).unwrap_or_default().parse()?;
    Ok(Object { kind, data: bytes.slice(end + 1..) })
}

fn path_of(folder: &Path, id: &ObjectId) -> PathBuf {
    let name = id.to_string();
    folder.join("objects").join(&name[..2]).join(&name[2..])
}

fn read_loose(folder: &Path, id: &ObjectId) -> Result<Option<Object>, GitError> {
    let path = path_of(folder, id);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(GitError::Store(format!("{}: {error}", path.display()))),
    };
    let mut bytes = Vec::new();
    ZlibDecoder::new(file)
        .take(LOOSE + 40)
        .read_to_end(&mut bytes)
        .map_err(|error| GitError::Store(format!("{}: {error}", path.display())))?;
    let broken = || GitError::Store(format!("{} is no loose object", path.display()));
    let end = bytes.iter().position(|byte| *byte == 0).ok_or_else(broken)?;
    let header = std::str::from_utf8(&bytes[..end]).map_err(|_| broken())?;
    let (kind, size) = header.split_once(' ').ok_or_else(broken)?;
    let (kind, size): (Kind, usize) = (kind.parse()?, size.parse().map_err(|_| broken())?);
    let data = Bytes::from(bytes).slice(end + 1..);
    if size != data.len() {
        return Err(broken());
    }
    Ok(Some(Object { kind, data }))
}

/// Writes a loose object so that it is seen whole or not at all. `flush` makes it durable before it is seen.
fn write_loose(folder: &Path, id: &ObjectId, object: &Object, flush: bool) -> Result<(), ForgeError> {
    let path = path_of(folder, id);
    let parent = path.parent().expect("objects lie in folders");
    let wrong = |source| ForgeError::File { path: path.display().to_string(), source };
    std::fs::create_dir_all(parent).map_err(wrong)?;
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(wrong)?;
    let mut encoder = ZlibEncoder::new(&mut file, Compression::fast());
    encoder.write_all(format!("{} {}\0", object.kind, object.data.len()).as_bytes()).map_err(wrong)?;
    encoder.write_all(&object.data).and_then(|()| encoder.finish().map(drop)).map_err(wrong)?;
    if flush {
        file.as_file().sync_all().map_err(wrong)?;
    }
    file.persist(&path).map_err(|error| wrong(error.error))?;
    Ok(())
}

fn flush_folders<'a>(folder: &Path, ids: impl Iterator<Item = &'a ObjectId>) -> Result<(), ForgeError> {
    let mut folders: Vec<PathBuf> = ids.filter_map(|id| path_of(folder, id).parent().map(Path::to_owned)).collect();
    folders.push(folder.join("objects"));
    folders.sort();
    folders.dedup();
    for path in folders {
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(|source| ForgeError::File { path: path.display().to_string(), source })?;
    }
    Ok(())
}

impl Forge {
    /// Returns the folder of a repository, if it has one.
    pub(crate) fn folder_of(&self, repo: &Repo) -> Option<PathBuf> {
        match &self.0.options.repositories {
            Repositories::Folder(folder) => Some(folder.join(&repo.owner).join(format!("{}.git", repo.name))),
            Repositories::Memory => None,
        }
    }

    /// Returns the objects of a repository, for reading.
    pub(crate) fn objects<'a>(&'a self, rows: &'a Rows, repo: &Repo) -> RepoObjects<'a> {
        RepoObjects { forge: self, rows, repo: repo.id, folder: self.folder_of(repo) }
    }

    /// Lets the new objects in. They become durable with, or before, the rows that are being written.
    pub(crate) fn accept(&self, rows: &Rows, repo: &Repo, overlay: &Overlay<'_>) -> Result<(), ForgeError> {
        let new = overlay.in_order()?;
        let bytes: usize = new.iter().map(|(_, object)| object.data.len()).sum();
        if let Some(folder) = self.folder_of(repo).filter(|_| new.len() > SMALL.0 || bytes > SMALL.1) {
            for (id, object) in &new {
                write_loose(&folder, id, object, true)?;
            }
            return flush_folders(&folder, new.iter().map(|(id, _)| id));
        }
        for (id, object) in new {
            rows.put_raw(&row(repo.id, &id), to_row(&object));
            rows.after(|after| after.objects.push((repo.id, id)));
        }
        Ok(())
    }

    /// Returns a repository's refs.
    pub(crate) fn refs(&self, rows: &Rows, repo: &Repo) -> git::server::Refs {
        let prefix = format!("ref/{}/", repo.id);
        let read = |(key, value): (String, Bytes)| {
            let id = std::str::from_utf8(&value).ok()?.parse().ok()?;
            Some((key[prefix.len()..].to_owned(), id))
        };
        git::server::Refs { all: rows.scan(&prefix).into_iter().filter_map(read).collect(), head: repo.default_ref() }
    }

    /// Brings the bare repositories up to what was just written, for the git program. What is lost here in a crash is made
    /// again by [`Forge::open_repositories`].
    pub(crate) fn mirror(&self, after: &After) -> Result<(), ForgeError> {
        if matches!(self.0.options.repositories, Repositories::Memory) || (after.moved.is_empty() && after.objects.is_empty()) {
            return Ok(());
        }
        let rows = self.rows();
        let repos: BTreeMap<u64, Repo> = rows.list::<Repo>(REPOS)?.into_iter().map(|repo| (repo.id, repo)).collect();
        for (id, object) in &after.objects {
            let folder = repos.get(id).and_then(|repo| self.folder_of(repo));
            if let (Some(folder), Some(bytes)) = (folder, rows.raw(&row(*id, object))) {
                write_loose(&folder, object, &from_row(&bytes)?, false)?;
            }
        }
        for id in &after.moved {
            if let Some(repo) = repos.get(id) {
                self.write_refs(&rows, repo)?;
            }
        }
        if rows.scan("object/").len() > ROWS {
            self.settle(&rows, repos.values())?;
        }
        Ok(())
    }

    /// Makes the files of all object rows durable and drops the rows.
    fn settle<'a>(&self, rows: &Rows, repos: impl Iterator<Item = &'a Repo>) -> Result<(), ForgeError> {
        let drops = Rows::new(self.0.options.store.clone(), true);
        for repo in repos {
            let Some(folder) = self.folder_of(repo) else { continue };
            let mut ids: Vec<ObjectId> = Vec::new();
            for (key, bytes) in rows.scan(&format!("object/{}/", repo.id)) {
                let name = key.rsplit('/').next().unwrap_or_default();
                let id = name.parse().map_err(|_| ForgeError::Row { key: key.clone(), text: "it names no object".to_owned() })?;
                write_loose(&folder, &id, &from_row(&bytes)?, true)?;
                ids.push(id);
                drops.delete(&key);
            }
            if !ids.is_empty() {
                flush_folders(&folder, ids.iter())?;
            }
        }
        drops.commit()?;
        Ok(())
    }

    /// Writes the refs where the git program looks for them.
    pub(crate) fn write_refs(&self, rows: &Rows, repo: &Repo) -> Result<(), ForgeError> {
        let Some(folder) = self.folder_of(repo) else { return Ok(()) };
        let mut text = String::from("# pack-refs with: sorted \n");
        for (name, id) in self.refs(rows, repo).all {
            text.push_str(&format!("{id} {name}\n"));
        }
        put_file(&folder.join("packed-refs"), text.as_bytes())?;
        put_file(&folder.join("HEAD"), format!("ref: {}\n", repo.default_ref()).as_bytes())
    }

    /// Makes the folder of a repository what the git program takes for one.
    pub(crate) fn make_folder(&self, repo: &Repo) -> Result<(), ForgeError> {
        let Some(folder) = self.folder_of(repo) else { return Ok(()) };
        for name in ["objects/pack", "objects/info", "refs/heads", "refs/tags"] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(|source| ForgeError::File { path: path.display().to_string(), source })?;
        }
        let config = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n[gc]\n\tauto = 0\n";
        put_file(&folder.join("config"), config.as_bytes())?;
        self.write_refs(&self.rows(), repo)
    }

    /// Repairs the folders after whatever happened: rows become files, packs that somebody made become loose objects.
    pub(crate) fn open_repositories(&self) -> Result<(), ForgeError> {
        if matches!(self.0.options.repositories, Repositories::Memory) {
            return Ok(());
        }
        let rows = self.rows();
        let repos: Vec<Repo> = rows.list(REPOS)?;
        for repo in &repos {
            self.make_folder(repo)?;
            self.unpack(repo)?;
        }
        self.settle(&rows, repos.iter())
    }

    fn unpack(&self, repo: &Repo) -> Result<(), ForgeError> {
        let Some(folder) = self.folder_of(repo) else { return Ok(()) };
        let packs = folder.join("objects/pack");
        let wrong = |path: &Path| {
            let path = path.display().to_string();
            move |source| ForgeError::File { path, source }
        };
        for entry in std::fs::read_dir(&packs).map_err(wrong(&packs))? {
            let path = entry.map_err(wrong(&packs))?.path();
            if path.extension().is_none_or(|extension| extension != "pack") {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(wrong(&path))?;
            let objects = pack::read(&bytes, &MemoryObjects::default(), pack::Limits::default())?;
            for (id, object) in &objects {
                write_loose(&folder, id, object, true)?;
            }
            flush_folders(&folder, objects.iter().map(|(id, _)| id))?;
            for extension in ["idx", "rev", "bitmap", "pack"] {
                match std::fs::remove_file(path.with_extension(extension)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrong(&path)(error)),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn put_file(path: &Path, bytes: &[u8]) -> Result<(), ForgeError> {
    let wrong = |source| ForgeError::File { path: path.display().to_string(), source };
    let parent = path.parent().expect("files lie in folders");
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(wrong)?;
    file.write_all(bytes).map_err(wrong)?;
    file.persist(path).map_err(|error| wrong(error.error))?;
    Ok(())
}
