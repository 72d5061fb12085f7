//! Objects of one version as another version of their kind shows them: Events of both groups. Autoscalers are in `autoscalers`.

use serde_json::Value;

/// An Event as the other of its two groups shows it.
pub(crate) fn event(event: &mut Value, new: bool) {
    const NAMES: &[(&str, &str)] = &[
        ("involvedObject", "regarding"),
        ("message", "note"),
        ("reportingComponent", "reportingController"),
        ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"),
        ("count", "deprecatedCount"),
    ];
    let Value::Object(map) = event else { return };
    for (old_name, new_name) in NAMES {
        let (from, to) = if new { (old_name, new_name) } else { (new_name, old_name) };
        if let Some(value) = map.remove(*from) {
            map.insert((*to).to_owned(), value);
        }
    }
}
