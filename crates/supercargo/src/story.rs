//! The story on the terminal: one line for each step of a change, with time, place, and what each gate said.

use controllers::Entry;
use jiff::tz::TimeZone;

/// Prints an entry as a line, or nothing where nobody but a debugger would care.
pub fn line(entry: &Entry) -> Option<String> {
    if !matters(entry) {
        return None;
    }
    let time = entry.at.to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f").to_string();
    let what = match (&entry.failure, entry.because.is_empty()) {
        (Some(failure), _) => format!("FAILED: {failure}"),
        (None, false) => entry.because.join("; "),
        (None, true) => entry.done.join("; "),
    };
    Some(format!("{time}  {:<14} {:<34} {what}", entry.controller, entry.about))
}

/// ReplicaSets and Jobs tell nothing that their owners do not.
fn matters(entry: &Entry) -> bool {
    match entry.controller.as_str() {
        "Deployment" | "ReplicaSet" | "Job" => entry.failure.is_some(),
        _ => !(entry.because.is_empty() && entry.failure.is_none()),
    }
}
