//! What a suspended object does: nothing, until somebody resumes it or its time is over.

use api::Note;
use model::{Action, ClusterName, Code, Decision, Timestamp};
use serde_json::{Value, json};

/// On a suspended object: who suspended it, why, since when and until when.
pub const SUSPENDED: &str = "supercargo.dev/suspended";

/// Returns what is decided about an object with `spec.suspend`; `None` for any other.
pub(crate) fn suspended(cluster: &ClusterName, object: &Value, now: Timestamp) -> Option<Decision<Value>> {
    if object["spec"]["suspend"] != true {
        return None;
    }
    let decision = Decision::of(object["status"].clone());
    let Some(note) = Note::read(object, SUSPENDED) else {
        return Some(decision.wait(Code::Suspended, "reconciliation is suspended", None));
    };
    if !note.is_over(now) {
        return Some(decision.wait(Code::Suspended, format!("reconciliation is suspended {note}"), note.until()));
    }
    // The version makes it a compare-and-swap: who has suspended it anew in the meantime is not overruled.
    let patch = json!({
        "metadata": {"resourceVersion": object["metadata"]["resourceVersion"], "annotations": {SUSPENDED: null}},
        "spec": {"suspend": null},
    });
    let manager = "supercargo".to_owned();
    let resume = Action::Patch { cluster: cluster.clone(), manager, object: api::reference(object), patch, subresource: None };
    Some(decision.act(resume).note(format!("the suspension {note} is over")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspension_says_by_whom_and_ends_by_itself() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let note = Note::write("ann", "a fire", at("2026-01-01T00:00:00Z"), Some(at("2026-01-01T02:00:00Z")));
        let mut object = json!({"apiVersion": "v1", "kind": "K", "metadata": {"name": "k", "resourceVersion": "7", "annotations": {SUSPENDED: note}}, "spec": {}});
        let decided = |object: &Value, now: &str| suspended(&ClusterName("prod".into()), object, at(now));
        assert_eq!(decided(&object, "2026-01-01T01:00:00Z"), None);
        object["spec"]["suspend"] = json!(true);
        let waiting = decided(&object, "2026-01-01T01:00:00Z").expect("it is suspended");
        assert!(waiting.actions.is_empty());
        let expected = "reconciliation is suspended by ann since 2026-01-01T00:00:00Z until 2026-01-01T02:00:00Z because a fire";
        assert_eq!(waiting.because[0].text, expected);
        assert_eq!(waiting.next, model::Next::At(at("2026-01-01T02:00:00Z")));
        let over = decided(&object, "2026-01-01T02:00:00Z").expect("it is suspended");
        assert!(
            matches!(&over.actions[..], [Action::Patch { patch, .. }] if patch["spec"]["suspend"].is_null() && patch["metadata"]["resourceVersion"] == "7")
        );
        object["metadata"]["annotations"] = json!({});
        assert!(decided(&object, "2026-01-01T02:00:00Z").expect("it is suspended").actions.is_empty());
    }
}
