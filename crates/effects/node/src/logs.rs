//! What containers write: kept line by line with time and stream, and read again as `kubectl logs` asks. Read first: [`Log`],
//! [`Wanted::pick`]. Follows kubernetes/kubernetes `pkg/kubelet/kuberuntime/logs/logs.go` and the form of CRI's log files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use model::Timestamp;

/// Most bytes of one container's log; the rest is not kept.
const LARGEST: u64 = 16 << 20;
/// A line longer than this is kept in parts.
const LINE: usize = 16 << 10;
/// For how many Pods of a cluster logs are kept.
const PODS: usize = 200;

/// Which output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Error,
}

/// Where the logs of one container lie: `CLUSTER/NAMESPACE_POD_UID/CONTAINER/NUMBER.log`.
#[derive(Debug, Clone)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub fn new(logs: &Path, cluster: &str, pod: &serde_json::Value, container: &str) -> Self {
        let name = format!("{}_{}_{}", api::namespace(pod), api::name(pod), api::uid(pod));
        Self(logs.join(cluster).join(name).join(container))
    }

    fn file(&self, number: u32) -> PathBuf {
        self.0.join(format!("{number}.log"))
    }

    /// How often the container was started on this machine.
    pub fn count(&self) -> u32 {
        (0..).find(|number| !self.file(*number).exists()).unwrap_or(0)
    }

    /// Opens the log of the next start.
    pub fn begin(&self) -> std::io::Result<Log> {
        std::fs::create_dir_all(&self.0)?;
        if let Some(cluster) = self.0.parent().and_then(Path::parent) {
            forget(cluster);
        }
        let file = std::fs::File::create(self.file(self.count()))?;
        Ok(Log { file, written: 0, open: [Vec::new(), Vec::new()] })
    }

    /// The newest log, or the one before.
    pub fn path(&self, previous: bool) -> Option<PathBuf> {
        let number = self.count().checked_sub(1 + u32::from(previous))?;
        Some(self.file(number))
    }
}

/// Forgets the oldest Pods where there are too many.
fn forget(cluster: &Path) {
    let Ok(entries) = std::fs::read_dir(cluster) else { return };
    let age = |entry: &std::fs::DirEntry| entry.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut all: Vec<(SystemTime, PathBuf)> = entries.flatten().map(|entry| (age(&entry), entry.path())).collect();
    all.sort();
    for (_, path) in all.iter().rev().skip(PODS) {
        if let Err(error) = std::fs::remove_dir_all(path) {
            tracing::debug!(%error, path = %path.display(), "an old log was not removed");
        }
    }
}

/// A log that is being written.
#[derive(Debug)]
pub(crate) struct Log {
    file: std::fs::File,
    written: u64,
    /// What has no end of line yet, of each stream.
    open: [Vec<u8>; 2],
}

impl Log {
    /// Takes what a container wrote.
    pub fn take(&mut self, stream: Stream, bytes: &[u8], now: Timestamp) {
        let number = usize::from(stream == Stream::Error);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open[number].extend_from_slice(piece);
            let whole = piece.ends_with(b"\n");
            if whole || self.open[number].len() >= LINE {
                let mut line = std::mem::take(&mut self.open[number]);
                if whole {
                    line.pop();
                }
                self.put(stream, if whole { "F" } else { "P" }, &line, now);
            }
        }
    }

    /// Keeps what was left without an end of line.
    pub fn end(mut self, now: Timestamp) {
        for stream in [Stream::Out, Stream::Error] {
            let line = std::mem::take(&mut self.open[usize::from(stream == Stream::Error)]);
            if !line.is_empty() {
                self.put(stream, "P", &line, now);
            }
        }
    }

    fn put(&mut self, stream: Stream, tag: &str, line: &[u8], now: Timestamp) {
        let name = if stream == Stream::Out { "stdout" } else { "stderr" };
        let mut whole = format!("{now:.9} {name} {tag} ").into_bytes();
        whole.extend_from_slice(line);
        whole.push(b'\n');
        if self.written >= LARGEST {
            return;
        }
        self.written += whole.len() as u64;
        if let Err(error) = self.file.write_all(&whole) {
            tracing::debug!(%error, "a line of a log was not kept");
        }
    }
}

/// What somebody wants to see of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub previous: bool,
    pub follow: bool,
    pub timestamps: bool,
    pub since: Option<Timestamp>,
    pub tail: Option<usize>,
    pub limit: Option<usize>,
}

impl Wanted {
    /// Returns what is to be shown of whole lines. What is counted down is counted down in `self`, so that whoever follows goes on.
    pub fn pick(&mut self, log: &[u8]) -> Vec<u8> {
        let mut lines: Vec<&[u8]> = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        if let Some(tail) = self.tail.take() {
            lines.drain(..lines.len().saturating_sub(tail));
        }
        let mut shown = Vec::new();
        for line in lines {
            let Some((time, tag, text)) = parts(line) else { continue };
            let at = || std::str::from_utf8(time).ok().and_then(|time| time.parse::<Timestamp>().ok());
            if self.since.is_some_and(|since| at().is_some_and(|at| at < since)) {
                continue;
            }
            if self.timestamps {
                shown.extend_from_slice(time);
                shown.push(b' ');
            }
            shown.extend_from_slice(text);
            if tag == b"F" {
                shown.push(b'\n');
            }
        }
        if let Some(limit) = &mut self.limit {
            shown.truncate(*limit);
            *limit -= shown.len();
        }
        shown
    }
}

/// Time, tag and text of a line.
fn parts(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut words = line.splitn(4, |byte| *byte == b' ');
    let (time, _stream, tag) = (words.next()?, words.next()?, words.next()?);
    Some((time, tag, words.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let pod = serde_json::json!({"metadata": {"name": "p", "namespace": "n", "uid": "u"}});
        let place = Place::new(folder.path(), "dev", &pod, "c");
        assert_eq!((place.count(), place.path(false)), (0, None));
        let at = |second: &str| format!("2026-01-01T00:00:{second}Z").parse::<Timestamp>().expect("a time");
        let mut log = place.begin().expect("a log");
        log.take(Stream::Out, b"one\ntw", at("01"));
        log.take(Stream::Error, b"bad\n", at("02"));
        log.take(Stream::Out, b"o\n\nrest", at("03.5"));
        log.end(at("04"));
        assert_eq!((place.count(), place.path(true)), (1, None));
        std::fs::read(place.path(false).expect("a log")).expect("it can be read")
    }

    fn check(wanted: Wanted, shown: &str) {
        let mut wanted = wanted;
        assert_eq!(String::from_utf8_lossy(&wanted.pick(&log())), shown);
    }

    #[test]
    fn what_is_wanted_is_shown() {
        check(Wanted::default(), "one\nbad\ntwo\n\nrest");
        check(Wanted { tail: Some(3), ..Wanted::default() }, "two\n\nrest");
        check(Wanted { tail: Some(0), ..Wanted::default() }, "");
        check(Wanted { since: "2026-01-01T00:00:03Z".parse().ok(), ..Wanted::default() }, "two\n\nrest");
        check(Wanted { limit: Some(6), ..Wanted::default() }, "one\nba");
        check(
            Wanted { timestamps: true, tail: Some(4), limit: Some(70), ..Wanted::default() },
            "2026-01-01T00:00:02.000000000Z bad\n2026-01-01T00:00:03.500000000Z two\n",
        );
    }

    #[test]
    fn long_lines_come_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path(), "dev", &serde_json::json!({}), "c");
        let mut log = place.begin().expect("a log");
        let line = format!("{}\n", "x".repeat(LINE * 2 + 5));
        for piece in line.as_bytes().chunks(1_000) {
            log.take(Stream::Out, piece, Timestamp::UNIX_EPOCH);
        }
        log.end(Timestamp::UNIX_EPOCH);
        let kept = std::fs::read(place.path(false).expect("a log")).expect("it can be read");
        assert_eq!(String::from_utf8_lossy(&Wanted::default().pick(&kept)), line);
        assert_eq!(place.begin().map(|_| place.path(true).is_some()).ok(), Some(true), "the one before is still there");
    }
}
