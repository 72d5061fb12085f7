use std::time::Duration;

use model::Timestamp;
use serde_json::Value;

use crate::{find_condition, text};

/// Shortest pause after something outside did not answer.
const FIRST: Duration = Duration::from_secs(1);

/// Returns when to look again at what does not answer: after as long as it has been so already, so that the pauses double; at the
/// latest after `most`. Since when is told by the object's condition of this kind, if it says `False`; without it, it is new.
pub fn again(object: &Value, kind: &str, now: Timestamp, most: Duration) -> Timestamp {
    let since = find_condition(object, kind).filter(|found| found["status"] == "False");
    let since = since.and_then(|found| text(found, &["lastTransitionTime"]).parse::<Timestamp>().ok());
    let so_far = since.and_then(|since| Duration::try_from(now.duration_since(since)).ok()).unwrap_or_default();
    now.checked_add(so_far.max(FIRST).min(most.max(FIRST))).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().expect("a time");
        let after = |object: Value| again(&object, "Ready", now, Duration::from_secs(40)).duration_since(now).as_secs();
        let failing = |since: &str| json!({"status": {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": since}]}});
        assert_eq!(after(json!({})), 1);
        assert_eq!(after(failing("2026-01-01T00:01:00Z")), 1);
        assert_eq!(after(failing("2026-01-01T00:00:50Z")), 10);
        assert_eq!(after(failing("2026-01-01T00:00:00Z")), 40);
    }
}
