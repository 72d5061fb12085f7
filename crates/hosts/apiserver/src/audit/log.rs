//! Where the audit log is written: by a thread of its own, from a queue with an end, into a file that is put aside when it
//! is large. Nobody who writes waits, and what cannot be kept is counted and said.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// So many lines wait to be written; a line has half a kilobyte to one.
const QUEUE: usize = 8192;

/// How long lines gather before they are written.
const PAUSE: Duration = Duration::from_millis(20);

/// An audit log. Cloning shares it.
#[derive(Clone)]
pub struct AuditLog {
    sender: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

enum Message {
    Line(Vec<u8>),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

/// Takes lines.
trait Output: Send {
    fn write(&mut self, line: &[u8]) -> io::Result<()>;
    fn flush(&mut self) -> io::Result<()>;
}

impl AuditLog {
    /// How large a file becomes, when nobody says otherwise, before it is put aside.
    pub const SIZE: u64 = 64 << 20;

    /// Opens a file that only its owner reads, and goes on at its end. When it has `largest` bytes it is put aside under its
    /// name with `.1` (which replaces the one before), and a new one is begun.
    pub fn open(path: &Path, largest: u64) -> io::Result<Self> {
        Self::start(Rotating::open(path, largest)?, QUEUE)
    }

    fn start(output: impl Output + 'static, queue: usize) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(queue);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = lost.clone();
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || drain(&receiver, output, &counted))?;
        Ok(Self { sender, lost })
    }

    /// Returns how many events could not be kept since the log was opened.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until what was logged before is written.
    pub fn flush(&self) {
        let (done, waits) = sync_channel(1);
        if self.sender.send(Message::Flush(done)).is_ok() {
            let _ = waits.recv();
        }
    }

    /// Hands a line over, without its end. Never waits.
    pub(super) fn write(&self, line: Vec<u8>) {
        if self.sender.try_send(Message::Line(line)).is_err() {
            lose(&self.lost, "its queue is full");
        }
    }
}

/// Counts an event that is not kept; the first is said, then each time there are twice as many.
fn lose(lost: &AtomicU64, why: &str) {
    let count = lost.fetch_add(1, Ordering::Relaxed) + 1;
    if count.is_power_of_two() {
        tracing::warn!(count, why, "events are missing in the audit log");
    }
}

fn drain(receiver: &Receiver<Message>, mut output: impl Output, lost: &AtomicU64) {
    let mut told = 0;
    while let Ok(first) = receiver.recv() {
        take(first, &mut output, lost, &mut told);
        // Whoever logs meanwhile need not wake this thread, and all of it goes to the file at once.
        std::thread::sleep(PAUSE);
        while let Ok(message) = receiver.try_recv() {
            take(message, &mut output, lost, &mut told);
        }
        flush(&mut output, lost);
    }
}

fn take(message: Message, output: &mut impl Output, lost: &AtomicU64, told: &mut u64) {
    match message {
        Message::Line(line) => {
            let missing = lost.load(Ordering::Relaxed);
            if missing > *told && output.write(&super::event::gap(missing - *told)).is_ok() {
                *told = missing;
            }
            if let Err(error) = output.write(&line) {
                lose(lost, &error.to_string());
            }
        }
        Message::Flush(done) => {
            flush(output, lost);
            let _ = done.send(());
        }
    }
}

fn flush(output: &mut impl Output, lost: &AtomicU64) {
    if let Err(error) = output.flush() {
        lose(lost, &error.to_string());
    }
}

/// A file with one predecessor.
struct Rotating {
    path: PathBuf,
    largest: u64,
    /// `None` after a failure: the next line tries again.
    file: Option<BufWriter<File>>,
    size: u64,
}

impl Rotating {
    fn open(path: &Path, largest: u64) -> io::Result<Self> {
        let mut opened = Self { path: path.to_owned(), largest, file: None, size: 0 };
        opened.begin()?;
        Ok(opened)
    }

    fn begin(&mut self) -> io::Result<&mut BufWriter<File>> {
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
        self.size = file.metadata()?.len();
        if self.size > 0 && self.size >= self.largest {
            std::fs::rename(&self.path, self.path.with_added_extension("1"))?;
            file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
            self.size = 0;
        }
        Ok(self.file.insert(BufWriter::with_capacity(64 * 1024, file)))
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.size >= self.largest
            && let Some(mut full) = self.file.take()
        {
            full.flush()?;
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.begin()?,
        };
        file.write_all(line)?;
        file.write_all(b"\n")?;
        self.size += line.len() as u64 + 1;
        Ok(())
    }
}

impl Output for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let written = self.append(line);
        if written.is_err() {
            self.abandon();
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.as_mut().map_or(Ok(()), Write::flush);
        if flushed.is_err() {
            self.abandon();
        }
        flushed
    }
}

impl Rotating {
    /// Drops what the file did not take: written later, it would be torn.
    fn abandon(&mut self) {
        if let Some(file) = self.file.take() {
            let _ = file.into_parts();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::Sender;

    use super::*;

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn a_large_file_is_put_aside_and_one_predecessor_kept() {
        let folder = std::env::temp_dir().join(format!("audit-{}", crate::object::uid()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("dev-audit.log");
        let log = AuditLog::open(&path, 8).expect("opens");
        for line in ["first", "second", "third"] {
            log.write(line.as_bytes().to_vec());
        }
        log.flush();
        assert_eq!((text(&path), text(&folder.join("dev-audit.log.1"))), ("third\n".to_owned(), "first\nsecond\n".to_owned()));
        // It goes on where it was.
        let again = AuditLog::open(&path, 100).expect("opens");
        again.write(b"fourth".to_vec());
        again.flush();
        assert_eq!((text(&path), again.lost()), ("third\nfourth\n".to_owned(), 0));
        std::fs::remove_dir_all(&folder).expect("removes");
    }

    struct Stuck {
        gate: Arc<Mutex<()>>,
        lines: Sender<String>,
    }

    impl Output for Stuck {
        fn write(&mut self, line: &[u8]) -> io::Result<()> {
            let _open = self.gate.lock();
            if line == b"too much" {
                return Err(io::Error::other("no space left"));
            }
            let _ = self.lines.send(String::from_utf8_lossy(line).into_owned());
            Ok(())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_queue_and_a_full_disk_are_counted_and_said() {
        let gate = Arc::new(Mutex::new(()));
        let (sender, lines) = std::sync::mpsc::channel();
        let log = AuditLog::start(Stuck { gate: gate.clone(), lines: sender }, 2).expect("starts");
        let shut = gate.lock().expect("not poisoned");
        for line in 0..10 {
            log.write(line.to_string().into_bytes());
        }
        // Two wait, one may be in the writer's hands.
        let lost = log.lost();
        assert!((7..=8).contains(&lost), "{lost}");
        drop(shut);
        log.flush();
        for line in ["too much", "later"] {
            log.write(line.as_bytes().to_vec());
            log.flush();
        }
        assert_eq!(log.lost(), lost + 1);
        let told: Vec<String> = lines.try_iter().collect();
        assert!(told.iter().any(|line| line.contains(r#""supercargo.dev/lost-events""#)), "{told:?}");
        assert_eq!(told.last().map(String::as_str), Some("later"));
    }
}
