//! What people hold: a paused Stage or project, and Freight that must never be eligible again. Each says who, when, why and
//! until when, in an annotation of the held object.

use api::Note;
use model::{Code, Timestamp, Verdict};
use serde_json::Value;

/// On a Stage or on a project's Namespace: nothing is promoted into it.
pub const PAUSED: &str = "supercargo.dev/paused";
/// On a Promotion: a person wants it although the Stage is paused.
pub const DESPITE_PAUSE: &str = "supercargo.dev/despite-pause";
/// On a Freight: it never enters a Stage again.
pub const REJECTED: &str = "supercargo.dev/rejected";

/// Decides whether a Stage is paused, by itself or with its project.
pub fn paused(stage: &Value, project: Option<&Value>, now: Timestamp) -> Verdict {
    let places = [(format!("stage {}", api::name(stage)), Some(stage)), (format!("project {}", api::namespace(stage)), project)];
    for (what, object) in places {
        let Some(note) = object.and_then(|object| Note::read(object, PAUSED)).filter(|note| !note.is_over(now)) else { continue };
        return Verdict::Wait { code: Code::Suspended, why: format!("{what} is paused {note}"), until: note.until() };
    }
    Verdict::Pass
}

/// Decides whether a Freight was rejected by a person.
pub fn rejected(freight: &Value) -> Verdict {
    let Some(note) = Note::read(freight, REJECTED) else { return Verdict::Pass };
    let short: String = api::name(freight).chars().take(7).collect();
    let remedy = format!("promote other freight; only removing the annotation {REJECTED} takes this back");
    Verdict::Refuse { code: Code::VerificationFailed, why: format!("freight {short} was rejected {note}"), remedy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_pause_holds_until_its_end() {
        let note = Note::write("ann", "a fire", at("2026-01-01T00:00:00Z"), Some(at("2026-01-01T02:00:00Z")));
        let mut stage = json!({"metadata": {"name": "prod", "namespace": "p", "annotations": {PAUSED: note}}});
        let found = paused(&stage, None, at("2026-01-01T01:00:00Z"));
        let Verdict::Wait { why, until, .. } = found else { panic!("{found:?}") };
        assert_eq!(why, "stage prod is paused by ann since 2026-01-01T00:00:00Z until 2026-01-01T02:00:00Z because a fire");
        assert_eq!(until, Some(at("2026-01-01T02:00:00Z")));
        assert_eq!(paused(&stage, None, at("2026-01-01T02:00:00Z")), Verdict::Pass);
        stage["metadata"]["annotations"] = json!({});
        let project = json!({"metadata": {"annotations": {PAUSED: "not JSON"}}});
        let found = paused(&stage, Some(&project), at("2026-01-01T01:00:00Z"));
        assert!(matches!(&found, Verdict::Wait { why, until: None, .. } if why == "project p is paused because not JSON"), "{found:?}");
    }

    #[test]
    fn rejected_freight_says_by_whom() {
        let freight = json!({"metadata": {"name": "abcdefghij", "annotations": {REJECTED: Note::write("ann", "it loses data", at("2026-01-01T00:00:00Z"), None)}}});
        let found = rejected(&freight);
        assert!(
            matches!(&found, Verdict::Refuse { why, .. } if why == "freight abcdefg was rejected by ann since 2026-01-01T00:00:00Z because it loses data"),
            "{found:?}"
        );
        assert_eq!(rejected(&json!({"metadata": {"name": "a"}})), Verdict::Pass);
    }
}
