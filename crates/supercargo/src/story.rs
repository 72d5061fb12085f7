//! The story on the terminal: one line for each step of a change, with time, who, what about, and why.

use controllers::Entry;
use jiff::tz::TimeZone;

/// Prints an entry as a line; without `verbose` only what moved or failed, and nothing that another line tells as well.
pub fn line(entry: &Entry, verbose: bool) -> Option<String> {
    if !matters(entry, verbose) {
        return None;
    }
    let time = entry.at.to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f").to_string();
    let what = match (&entry.failure, entry.because.is_empty()) {
        (Some(failure), _) => format!("FAILED: {failure}"),
        (None, false) => entry.because.join("; "),
        (None, true) => entry.done.join("; "),
    };
    let what = if verbose { what } else { short(&what) };
    Some(format!("{time}  {:<13} {:<36} {what}", entry.controller, short(&entry.about)))
}

fn matters(entry: &Entry, verbose: bool) -> bool {
    let told = !(entry.because.is_empty() && entry.failure.is_none());
    let failed = entry.failure.is_some();
    match entry.controller.as_str() {
        // Their owners tell the same.
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "CronJob" | "Job" => verbose && failed,
        _ if verbose => told,
        "GitRepository" => failed,
        // The pointers' own Kustomizations move with every commit; what they deliver is told by the others.
        "Kustomization" | "OCIRepository" if entry.about.ends_with("/deployment") => failed,
        "Checks" if entry.because.iter().any(|text| text.ends_with("all green")) => false,
        "Registry" if entry.about.contains("/tests/") => false,
        _ => failed || (told && !entry.held),
    }
}

/// Shortens what only machines read whole: digests, commits, long names of Promotions and runs.
fn short(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let mut out = word.to_owned();
        for (mark, kept) in [("sha256:", 12), ("@sha1:", 8)] {
            if let Some(at) = out.find(mark) {
                let end = at + mark.len() + kept;
                let rest: String = out.get(at + mark.len()..).unwrap_or_default().chars().skip_while(char::is_ascii_hexdigit).collect();
                out = format!("{}{rest}", out.get(..end).unwrap_or(&out));
            }
        }
        out
    });
    let text = words.collect::<Vec<_>>().join(" ");
    match text.rsplit_once('/') {
        // `<stage>.<26 letters of time>.<hash>`
        Some((place, name)) if name.split('.').nth(1).is_some_and(|part| part.len() == 26) && !text.contains(' ') => {
            let stage = name.split('.').next().unwrap_or(name);
            let hash: String = name.split('.').nth(2).unwrap_or_default().chars().take(7).collect();
            format!("{place}/{stage}..{hash}")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short() {
        let digest = format!("0.5.1@sha256:{}, verified", "a".repeat(64));
        assert_eq!(short(&digest), format!("0.5.1@sha256:{}, verified", "a".repeat(12)));
        assert_eq!(short("management/kargo-myapp/dev.01m8aqhkrpmjwb26kzb3k13c79.f7b4b3c5aa"), "management/kargo-myapp/dev..f7b4b3c");
        assert_eq!(short("dev/flux-system/myapp"), "dev/flux-system/myapp");
    }
}
