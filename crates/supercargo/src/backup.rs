//! A backup: one tar file with everything that a data folder keeps, and the checksum of each part. Taken while everything goes on,
//! or from a folder that nobody uses. Read first: [`Source::write`], [`restore`].
//!
//! The stores come first, each as it is at one moment; what lies beside them in files comes after, so that whatever a store
//! names is there. Controllers look at everything anew after a restore, so stores that are a moment apart agree again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};
use store::Store;

use crate::credentials::CLUSTERS;
use crate::data::Data;

/// The last entry: a line `HEX  NAME` for each other entry, as `sha256sum` writes it.
const SUMS: &str = "SHA256SUMS";
/// Longest list of checksums, in bytes.
const SUMS_LENGTH: u64 = 256 << 20;
/// What is kept in files, in the order in which it is read.
const FILES: [&str; 6] = ["credentials.json", "identity", "journal.jsonl.1", "journal.jsonl", "forge", "registry/blobs/sha256"];

/// Names the stores of a data folder.
pub(crate) fn store_names() -> Vec<String> {
    let clusters = CLUSTERS.iter().map(|name| format!("clusters/{name}.db"));
    clusters.chain(["forge/forge.db", "registry/registry.db", "identity/identity.db"].map(str::to_owned)).collect()
}

/// A data folder and its open stores.
pub(crate) struct Source {
    root: PathBuf,
    stores: Vec<(String, Store)>,
}

/// What a backup or a restore has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    pub files: u64,
    pub bytes: u64,
}

impl Source {
    /// The stores are those of [`store_names`], in that order.
    pub(crate) fn new(root: PathBuf, stores: Vec<Store>) -> Self {
        Self { root, stores: store_names().into_iter().zip(stores).collect() }
    }

    /// Opens a folder that nobody uses.
    pub(crate) fn open(data: &Data) -> anyhow::Result<Self> {
        let open = |name: String| Store::open(&data.path(&name)).with_context(|| format!("the store {name}"));
        let stores = store_names().into_iter().map(open).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self::new(data.path(""), stores))
    }

    /// Writes the backup to a new file. It is there whole, or not at all.
    pub(crate) fn write(&self, target: &Path) -> anyhow::Result<Moved> {
        ensure!(!target.exists(), "{} is there already; name another file, or remove it", target.display());
        let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let scratch =
            tempfile::Builder::new().prefix(".supercargo-backup-").tempdir_in(folder).with_context(|| folder.display().to_string())?;
        let part = scratch.path().join("part.tar");
        let file = File::create_new(&part).with_context(|| part.display().to_string())?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        let mut writer = Writer { tar: tar::Builder::new(BufWriter::new(file)), sums: BTreeMap::new(), bytes: 0 };
        for (name, store) in &self.stores {
            let copy = scratch.path().join("store.db");
            store.save(&copy).with_context(|| format!("the store {name}"))?;
            writer.add(name, &copy)?;
            fs::remove_file(&copy)?;
        }
        for name in FILES {
            for path in files(&self.root.join(name))? {
                let inside = path.strip_prefix(&self.root).expect("files of the folder lie in it").to_string_lossy().into_owned();
                if writer.sums.contains_key(&inside) || is_passing(&inside) {
                    continue;
                }
                writer.add(&inside, &path)?;
            }
        }
        let moved = writer.finish()?;
        fs::rename(&part, target).with_context(|| target.display().to_string())?;
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| folder.display().to_string())?;
        Ok(moved)
    }
}

/// What is only half there, or belongs to a process.
fn is_passing(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.ends_with(".lock") || last.starts_with("tmp_") || [".db-wal", ".db-shm", ".db"].iter().any(|end| last.ends_with(end))
}

/// Every file and every empty folder below a path, or the file itself. Of a Git repository the references come before the objects that they name.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    if found.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    ensure!(found.is_dir(), "{} is neither a file nor a folder", path.display());
    let mut inside: Vec<PathBuf> = fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>())
        .with_context(|| path.display().to_string())?;
    if inside.is_empty() {
        return Ok(vec![path.to_owned()]);
    }
    inside.sort_by_key(|path| (path.file_name().is_some_and(|name| name == "objects"), path.clone()));
    let mut all = Vec::new();
    for each in inside {
        all.extend(files(&each)?);
    }
    Ok(all)
}

struct Writer {
    tar: tar::Builder<BufWriter<File>>,
    sums: BTreeMap<String, String>,
    bytes: u64,
}

impl Writer {
    /// Adds a file as long as it is now; what is appended meanwhile is left out, one that is gone is not missed.
    fn add(&mut self, name: &str, path: &Path) -> anyhow::Result<()> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let found = file.metadata()?;
        let mut header = tar::Header::new_gnu();
        if found.is_dir() {
            header.set_size(0);
            header.set_mode(0o700);
            header.set_entry_type(tar::EntryType::Directory);
            return self.tar.append_data(&mut header, name, io::empty()).with_context(|| path.display().to_string());
        }
        header.set_size(found.len());
        header.set_mode(found.permissions().mode() & 0o777);
        header.set_entry_type(tar::EntryType::Regular);
        let mut reader = Summed { inner: BufReader::new(file).take(found.len()), hash: Sha256::new(), read: 0 };
        self.tar.append_data(&mut header, name, &mut reader).with_context(|| path.display().to_string())?;
        ensure!(reader.read == found.len(), "{} became shorter while it was read; try again", path.display());
        self.sums.insert(name.to_owned(), hex::encode(reader.hash.finalize()));
        self.bytes += found.len();
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Moved> {
        let text: String = self.sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        self.tar.append_data(&mut header, SUMS, text.as_bytes())?;
        let mut file = self.tar.into_inner()?;
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(Moved { files: self.sums.len() as u64, bytes: self.bytes })
    }
}

/// Sums up what is read through it.
struct Summed<R> {
    inner: R,
    hash: Sha256,
    read: u64,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.read += count as u64;
        Ok(count)
    }
}

/// Makes a data folder out of a backup, after everything in it was checked. The folder is there whole, or not at all; one that
/// has something in it is left as it is.
pub(crate) fn restore(backup: &Path, target: &Path) -> anyhow::Result<Moved> {
    if fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty; move it away, or name another folder with --data", target.display());
    }
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let scratch =
        tempfile::Builder::new().prefix(".supercargo-restore-").tempdir_in(folder).with_context(|| folder.display().to_string())?;
    let root = scratch.path().join("data");
    fs::create_dir(&root)?;
    fs::set_permissions(&root, fs::Permissions::from_mode(0o700))?;
    let moved = unpack(backup, &root).with_context(|| format!("{} is no backup that can be restored", backup.display()))?;
    for name in store_names() {
        Store::open(&root.join(&name)).with_context(|| format!("the store {name} of the backup"))?;
    }
    match fs::remove_dir(target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).with_context(|| target.display().to_string()),
        _ => {}
    }
    fs::rename(&root, target).with_context(|| target.display().to_string())?;
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| folder.display().to_string())?;
    Ok(moved)
}

fn unpack(backup: &Path, root: &Path) -> anyhow::Result<Moved> {
    let mut archive = tar::Archive::new(BufReader::new(File::open(backup)?));
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut sums = None;
    let mut bytes = 0;
    for entry in archive.entries()? {
        let mut entry = entry?;
        ensure!(sums.is_none(), "something comes after {SUMS}");
        let kind = entry.header().entry_type();
        let name = entry.path()?.to_str().context("a name is not UTF-8")?.trim_end_matches('/').to_owned();
        ensure!(matches!(kind, tar::EntryType::Regular | tar::EntryType::Directory), "{name} is neither a file nor a folder");
        if name == SUMS {
            let mut text = String::new();
            entry.by_ref().take(SUMS_LENGTH).read_to_string(&mut text)?;
            sums = Some(text);
            continue;
        }
        ensure!(
            !name.is_empty() && Path::new(&name).components().all(|part| matches!(part, Component::Normal(_))),
            "the name {name:?} leads elsewhere"
        );
        let path = root.join(&name);
        if kind == tar::EntryType::Directory {
            fs::create_dir_all(&path)?;
            continue;
        }
        fs::create_dir_all(path.parent().expect("it lies in the folder"))?;
        let mode = entry.header().mode()? & 0o777;
        let mut file = File::create_new(&path).with_context(|| name.clone())?;
        let mut reader = Summed { inner: &mut entry, hash: Sha256::new(), read: 0 };
        bytes += io::copy(&mut reader, &mut file)?;
        found.insert(name, hex::encode(reader.hash.finalize()));
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
    }
    let sums = sums.with_context(|| format!("it ends before {SUMS}: a part is missing"))?;
    let mut told = BTreeMap::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").with_context(|| format!("{SUMS} has the line {line:?}"))?;
        told.insert(name.to_owned(), sum.to_owned());
    }
    for (name, sum) in &told {
        match found.get(name) {
            None => bail!("{name} is missing"),
            Some(other) if other != sum => bail!("{name} has the checksum {other}, not {sum}"),
            Some(_) => {}
        }
    }
    if let Some(name) = found.keys().find(|name| !told.contains_key(*name)) {
        bail!("{name} is not in {SUMS}");
    }
    for name in store_names() {
        ensure!(told.contains_key(&name), "{name} is missing");
    }
    Ok(Moved { files: found.len() as u64, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Batch;

    fn filled(root: &Path) -> anyhow::Result<Source> {
        let data = Data::open(root)?;
        fs::write(data.path("credentials.json"), "{}")?;
        fs::set_permissions(data.path("credentials.json"), fs::Permissions::from_mode(0o600))?;
        for folder in
            ["forge/org/app.git/objects/aa", "forge/org/app.git/refs/heads", "forge/org/app.git/refs/tags", "registry/blobs/sha256/ab"]
        {
            fs::create_dir_all(data.path(folder))?;
        }
        fs::write(data.path("forge/org/app.git/HEAD"), "ref: refs/heads/main\n")?;
        fs::write(data.path("forge/org/app.git/refs/heads/main"), "aa\n")?;
        fs::write(data.path("forge/org/app.git/refs/heads/main.lock"), "half")?;
        fs::write(data.path("forge/org/app.git/objects/aa/bb"), "object")?;
        fs::write(data.path("registry/blobs/sha256/ab/abcd"), vec![1; 100_000])?;
        let source = Source::open(&data)?;
        for (name, store) in &source.stores {
            store.commit(Batch::new().put("name", name.clone()))?;
        }
        Ok(source)
    }

    #[test]
    fn what_is_restored_is_what_was_there() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let source = filled(&folder.path().join("data"))?;
        let file = folder.path().join("backup.tar");
        let moved = source.write(&file)?;
        assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
        // What comes later is not in it.
        source.stores[0].1.commit(Batch::new().put("later", "x"))?;
        let target = folder.path().join("restored");
        assert_eq!(restore(&file, &target)?, moved);
        let data = Data::open(&target)?;
        let restored = Source::open(&data)?;
        for (name, store) in &restored.stores {
            let found: Vec<(String, bytes::Bytes)> = store.scan("").0.into_iter().map(|(key, entry)| (key, entry.value)).collect();
            assert_eq!(found, [("name".to_owned(), bytes::Bytes::from(name.clone()))]);
        }
        assert_eq!(fs::read_to_string(target.join("forge/org/app.git/refs/heads/main"))?, "aa\n");
        assert_eq!(fs::read(target.join("registry/blobs/sha256/ab/abcd"))?, vec![1; 100_000]);
        assert!(target.join("forge/org/app.git/refs/tags").is_dir(), "git wants its empty folders");
        assert!(!target.join("forge/org/app.git/refs/heads/main.lock").exists());
        assert_eq!(fs::metadata(target.join("credentials.json"))?.permissions().mode() & 0o777, 0o600);
        let told = |result: anyhow::Result<Moved>| format!("{:#}", result.expect_err("is refused"));
        assert!(told(restore(&file, &target)).contains("is not empty"));
        assert!(told(source.write(&file)).contains("is there already"));
        Ok(())
    }

    #[test]
    fn a_damaged_backup_restores_nothing() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("backup.tar");
        filled(&folder.path().join("data"))?.write(&file)?;
        let whole = fs::read(&file)?;
        let (bad, target) = (folder.path().join("bad.tar"), folder.path().join("restored"));
        let object = whole.windows(6).position(|window| window == b"object").expect("the object's content, or its name");
        let mut changes: Vec<Vec<u8>> = (1..12).map(|part| whole[..whole.len() * part / 12].to_vec()).collect();
        let mut flipped = whole.clone();
        flipped[object] ^= 1;
        changes.push(flipped);
        changes.push(b"no tar".to_vec());
        for change in changes {
            fs::write(&bad, &change)?;
            let error = restore(&bad, &target).expect_err("is refused");
            assert!(format!("{error:#}").contains("is no backup that can be restored"), "{error:#}");
            assert!(!target.exists());
        }
        let names: Vec<_> = fs::read_dir(folder.path())?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>()?;
        assert_eq!(names.len(), 3, "nothing is left behind: {names:?}");
        Ok(())
    }
}
