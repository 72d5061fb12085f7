//! Lines of watches that were written a moment ago: a change is told to everybody who watches in the same words, and to write
//! them once for each would cost more than to keep a few.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use store::Entry;

use crate::catalog::Resource;
use crate::object::{Identity, splice};

/// So many lines are kept, of which none is longer.
const KEPT: usize = 64;
const LONGEST: usize = 16 * 1024;

/// The lines that were written last.
#[derive(Default)]
pub(crate) struct Lines(Mutex<VecDeque<Line>>);

struct Line {
    kind: &'static str,
    revision: u64,
    /// What it shows, and as what; both are held so that nothing else can be in their place.
    value: Bytes,
    resource: Arc<Resource>,
    line: Bytes,
}

impl Lines {
    /// Returns the line that tells of an object as it lies in the store.
    pub fn line(&self, kind: &'static str, entry: &Entry, revision: u64, resource: &Arc<Resource>) -> Bytes {
        let same = |line: &&Line| {
            line.revision == revision
                && line.kind == kind
                && line.value.as_ptr() == entry.value.as_ptr()
                && line.value.len() == entry.value.len()
                && Arc::ptr_eq(&line.resource, resource)
        };
        if let Some(known) = self.0.lock().expect("no holder of the lines' lock panics").iter().find(same) {
            return known.line.clone();
        }
        let mut line = Vec::with_capacity(entry.value.len() + 96);
        line.extend_from_slice(b"{\"type\":\"");
        line.extend_from_slice(kind.as_bytes());
        line.extend_from_slice(b"\",\"object\":");
        splice(&mut line, entry, revision, resource, Identity::Whole);
        line.extend_from_slice(b"}\n");
        let line = Bytes::from(line);
        if line.len() <= LONGEST {
            let mut kept = self.0.lock().expect("no holder of the lines' lock panics");
            if kept.len() == KEPT {
                kept.pop_back();
            }
            kept.push_front(Line { kind, revision, value: entry.value.clone(), resource: resource.clone(), line: line.clone() });
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_once_for_what_is_the_same() {
        let lines = Lines::default();
        let resource = crate::builtin::RESOURCES.iter().find(|one| one.kind == "ConfigMap").expect("a kind");
        let entry = |text: &str| Entry { value: Bytes::from(format!("{}\"name\":\"{text}\"}}}}", resource.head)), revision: 7 };
        let (first, other) = (entry("a"), entry("b"));
        let line = lines.line("ADDED", &first, 7, resource);
        let wanted = "{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"7\",\"name\":\"a\"}}}\n";
        assert_eq!(line, wanted);
        assert_eq!(lines.line("ADDED", &first, 7, resource).as_ptr(), line.as_ptr());
        assert_ne!(lines.line("DELETED", &first, 8, resource), line);
        assert_ne!(lines.line("ADDED", &other, 7, resource), line);
        for number in 0..2 * KEPT as u64 {
            lines.line("MODIFIED", &first, number, resource);
        }
        assert_eq!(lines.0.lock().expect("free").len(), KEPT);
        assert_eq!(lines.line("ADDED", &first, 7, resource), wanted);
    }
}
