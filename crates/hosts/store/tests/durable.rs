//! What is on the disk: after a crash at any byte, after damage anywhere, after an upgrade, and in a copy.

use std::collections::BTreeMap;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use store::{Batch, Store, StoreError};

type State = (BTreeMap<String, (Vec<u8>, u64)>, u64);

fn state(store: &Store) -> State {
    let (entries, revision) = store.scan("");
    (entries.into_iter().map(|(key, entry)| (key, (entry.value.to_vec(), entry.revision))).collect(), revision)
}

/// Commits something, and does the same to the model.
fn step(store: &Store, model: &mut State, random: &mut StdRng) {
    let mut batch = Batch::new();
    let revision = model.1 + 1;
    for _ in 0..random.random_range(1..4) {
        let key = format!("key/{}", random.random_range(0..12));
        // A key that stands twice in a batch ends as the last one says.
        if random.random_bool(0.3) {
            batch = batch.delete(&key);
            model.0.remove(&key);
        } else {
            let value: Vec<u8> = (0..random.random_range(0..3_000)).map(|_| random.random()).collect();
            batch = batch.put(&key, value.clone());
            model.0.insert(key, (value, revision));
        }
    }
    assert_eq!(store.commit(batch).expect("commits"), revision);
    model.1 = revision;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for name in ["a.db", "a.db-wal"] {
        let _ = std::fs::remove_file(to.join(name));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).expect("copies");
        }
    }
}

#[test]
fn it_holds_what_a_plain_map_holds_before_and_after_every_reopening() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("a.db");
    let mut random = StdRng::seed_from_u64(1);
    let mut model: State = Default::default();
    let mut history = Vec::new();
    for _ in 0..20 {
        let store = Store::open(&file).expect("opens");
        assert_eq!(state(&store), model);
        assert_eq!(store.changes_after(0).expect("is remembered"), history);
        for _ in 0..random.random_range(0..8) {
            step(&store, &mut model, &mut random);
            assert_eq!(state(&store), model);
            history.extend(store.changes_after(model.1 - 1).expect("is remembered"));
        }
    }
}

/// So many commits that the oldest are forgotten, in memory and in the file, and the file is opened again.
#[test]
fn what_is_forgotten_is_forgotten_at_a_whole_revision() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("a.db");
    let store = Store::open(&file).expect("opens");
    let tokio = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let batch = |number: usize| Batch::new().put("a", number.to_string()).put(format!("key/{}", number % 50), "x");
    tokio.block_on(futures::future::join_all((0..6_000).map(|number| store.commit_async(batch(number)))));
    let oldest = store.changes_after(0).expect_err("is forgotten").oldest;
    let known = store.changes_after(oldest).expect("is remembered");
    assert!((9_999..=10_000).contains(&known.len()) && oldest == 1_000, "{} from {oldest}", known.len());
    drop(store);
    let store = Store::open(&file).expect("opens");
    assert_eq!((store.changes_after(oldest), store.changes_after(oldest - 1).map_err(|error| error.oldest)), (Ok(known), Err(oldest)));
    let file = rusqlite::Connection::open(folder.path().join("a.db"));
    drop(store);
    let rows: i64 = file.expect("opens").query_row("SELECT count(*) FROM changes", [], |row| row.get(0)).expect("reads");
    assert!((10_000..=10_000 + 2 * 512).contains(&rows), "{rows} rows");
}

/// Threads and tasks count one number up, each on what it last read: none of what was acknowledged is lost, and nobody sees what
/// is not on the disk.
#[test]
fn many_writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&folder.path().join("a.db")).expect("opens");
    fn read(store: &Store) -> (u64, u32) {
        store.get("count").map_or((0, 0), |entry| (entry.revision, String::from_utf8_lossy(&entry.value).parse().expect("a number")))
    }
    fn next(store: &Store) -> Batch {
        let (revision, count) = read(store);
        Batch::new().expect("count", revision).put("count", (count + 1).to_string())
    }
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || (0..50).filter(|_| store.commit(next(&store)).is_ok()).count())
        })
        .collect();
    let tokio = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let task = async || {
        let mut done = 0;
        for _ in 0..20 {
            done += usize::from(store.commit_async(next(&store)).await.is_ok());
        }
        done
    };
    let done: usize = tokio.block_on(futures::future::join_all((0..20).map(|_| task()))).into_iter().sum();
    let done = done + threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<usize>();
    assert_eq!((read(&store).1 as usize, store.revision()), (done, done as u64));
    drop(store);
    assert_eq!(read(&Store::open(&folder.path().join("a.db")).expect("opens")).1 as usize, done);
}

/// The log is cut at every third byte of a commit, and what lies behind the cut is lost or garbage: that commit is there or it is
/// not, and what was acknowledged before it is.
#[test]
fn a_write_that_is_torn_loses_nothing_that_was_acknowledged() {
    let (folder, torn) = (tempfile::tempdir().expect("a temporary folder"), tempfile::tempdir().expect("a temporary folder"));
    let store = Store::open(&folder.path().join("a.db")).expect("opens");
    let log = folder.path().join("a.db-wal");
    let mut random = StdRng::seed_from_u64(2);
    let mut model: State = Default::default();
    for _ in 0..12 {
        let before = model.clone();
        let length = std::fs::metadata(&log).map_or(0, |found| found.len());
        step(&store, &mut model, &mut random);
        let whole = std::fs::read(&log).expect("there is a log");
        for _ in 0..6 {
            let cut = random.random_range(length..=whole.len() as u64);
            copy(folder.path(), torn.path());
            let mut bytes = whole[..usize::try_from(cut).expect("fits")].to_vec();
            if random.random_bool(0.5) {
                bytes.extend((0..random.random_range(0..5_000)).map(|_| random.random::<u8>()));
            }
            std::fs::write(torn.path().join("a.db-wal"), bytes).expect("writes");
            let found = state(&Store::open(&torn.path().join("a.db")).expect("opens after a crash"));
            assert!(found == before || found == model, "cut at {cut} of {}: revision {} of {}", whole.len(), found.1, model.1);
            assert!(cut < whole.len() as u64 || found == model, "what was acknowledged is gone");
        }
    }
}

/// One bit of the file is wrong: the store is refused, or that bit meant nothing.
#[test]
fn damage_never_gives_another_answer() {
    let (folder, hurt) = (tempfile::tempdir().expect("a temporary folder"), tempfile::tempdir().expect("a temporary folder"));
    let (mut random, mut model) = (StdRng::seed_from_u64(3), State::default());
    let store = Store::open(&folder.path().join("a.db")).expect("opens");
    for _ in 0..10 {
        step(&store, &mut model, &mut random);
    }
    drop(store);
    let store = Store::open(&folder.path().join("a.db")).expect("opens");
    let history = store.changes_after(0).expect("is remembered");
    drop(store);
    let whole = std::fs::read(folder.path().join("a.db")).expect("reads");
    let mut refused = 0;
    for _ in 0..400 {
        let file = hurt.path().join("a.db");
        let mut bytes = whole.clone();
        let place = random.random_range(0..bytes.len());
        bytes[place] ^= 1 << random.random_range(0..8);
        std::fs::write(&file, bytes).expect("writes");
        match Store::open(&file) {
            Ok(store) => {
                assert_eq!(state(&store), model, "a bit of byte {place}");
                assert_eq!(store.changes_after(0).as_ref(), Ok(&history), "a bit of byte {place}");
            }
            Err(StoreError::Damaged { .. } | StoreError::Newer { .. } | StoreError::Database(_)) => refused += 1,
            Err(other) => panic!("a bit of byte {place}: {other}"),
        }
        for name in ["a.db-wal", "a.db-shm"] {
            let _ = std::fs::remove_file(hurt.path().join(name));
        }
    }
    assert!(refused > 50, "only {refused} of 400 were refused");
    let error = {
        std::fs::write(hurt.path().join("a.db"), "this is no store, it is a text that somebody put here".repeat(100)).expect("writes");
        Store::open(&hurt.path().join("a.db")).err().expect("is refused").to_string()
    };
    assert!(error.contains("a.db is damaged") && error.contains("supercargo restore"), "{error}");
}

#[test]
fn a_copy_is_whole_and_opens_by_itself() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut random, mut model) = (StdRng::seed_from_u64(4), State::default());
    let store = Store::open(&folder.path().join("a.db")).expect("opens");
    for _ in 0..30 {
        step(&store, &mut model, &mut random);
    }
    let copy = folder.path().join("copy.db");
    store.save(&copy).expect("is saved");
    let then = model.clone();
    step(&store, &mut model, &mut random);
    assert_eq!(state(&Store::open(&copy).expect("opens")), then);
    assert!(matches!(store.save(&copy), Err(StoreError::File { .. })), "an old copy is not overwritten");
    assert_eq!(state(&store), model);
}

/// A file as the first release made it.
#[test]
fn a_file_of_an_earlier_release_is_brought_to_the_present_form() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("a.db");
    let database = rusqlite::Connection::open(&file).expect("opens");
    database
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
             CREATE TABLE counter (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL);
             INSERT INTO counter VALUES (1, 7);
             INSERT INTO entries VALUES ('a', x'0102', 3), ('b', x'', 7);",
        )
        .expect("is made");
    drop(database);
    for _ in 0..2 {
        let store = Store::open(&file).expect("opens");
        let expected = BTreeMap::from([("a".to_owned(), (vec![1, 2], 3)), ("b".to_owned(), (Vec::new(), 7))]);
        assert_eq!(state(&store), (expected, 7));
    }
    let store = Store::open(&file).expect("opens");
    assert_eq!(store.commit(Batch::new().expect("a", 3).delete("a")).expect("commits"), 8);
    drop(store);
    rusqlite::Connection::open(&file).expect("opens").execute_batch("PRAGMA user_version = 99").expect("is written");
    let error = Store::open(&file).err().expect("is refused").to_string();
    assert!(error.contains("has form 99") && error.contains("start a newer release"), "{error}");
}
