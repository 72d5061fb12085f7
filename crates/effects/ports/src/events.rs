//! Events as Kubernetes' own components tell them: the same again is the same object, seen once more; when many things of one sort
//! are said of one object they become one Event; who says too much of one object is not heard for a while.
//! Read first: [`Recorder`]. Follows kubernetes/client-go `tools/record/events_cache.go`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use api::text;
use model::{Digest, ObjectRef, Timestamp};
use serde_json::{Value, json};

use crate::{Cluster, ClusterError};

/// Longest message, in letters: the API server's own limit.
const MESSAGE: usize = 1_024;
/// So many different messages of one sort are told one by one.
const DIFFERENT: usize = 10;
/// In seconds: what was said longer ago than this is another matter.
const SIMILAR: i64 = 600;
/// So many Events of one object a component may tell at once, and after how many seconds one more.
const BURST: f64 = 25.0;
const REFILL: f64 = 300.0;
/// How many sorts and objects are remembered.
const REMEMBERED: usize = 4_096;
const COMBINED: &str = "(combined from similar events): ";

/// Tells Events and remembers what it has told. Cloning shares it.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Correlator>>);

impl Recorder {
    /// Tells an Event that is complete but for its name, its count and its two times. Telling it again in the same second, of the same
    /// state of its object, changes nothing. One that is said too often is not told, which is no error.
    pub async fn tell(&self, cluster: &Cluster, manager: &str, mut event: Value, at: Timestamp) -> Result<(), ClusterError> {
        let message: String = text(&event, &["message"]).chars().take(MESSAGE).collect();
        event["message"] = json!(message);
        let Some(identity) = self.0.lock().expect("no holder panics").correlate(&mut event, at) else { return Ok(()) };
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at).to_string();
        let mut name: String = text(&event, &["involvedObject", "name"]).chars().take(200).collect();
        name.push_str(&format!(".{}", &Digest::of(identity.as_bytes()).hex()[..16]));
        event["metadata"]["name"] = json!(name);
        for (field, value) in [("count", json!(1)), ("firstTimestamp", json!(at)), ("lastTimestamp", json!(at))] {
            event[field] = value;
        }
        match cluster.create(manager, &event).await {
            Err(ClusterError::Refused { reason, .. }) if reason == "AlreadyExists" => {}
            other => return other.map(drop),
        }
        let namespace = text(&event, &["metadata", "namespace"]).to_owned();
        let place = ObjectRef { api_version: "v1".into(), kind: "Event".into(), namespace, name };
        let version = text(&event, &["involvedObject", "resourceVersion"]);
        let is_repeat =
            |known: &Value| known["lastTimestamp"] == at.as_str() && text(known, &["involvedObject", "resourceVersion"]) == version;
        let Some(known) = cluster.get(&place).await?.filter(|known| !is_repeat(known)) else { return Ok(()) };
        let count = known["count"].as_i64().unwrap_or(1) + 1;
        let patch = json!({
            "count": count, "lastTimestamp": at, "message": event["message"], "involvedObject": {"resourceVersion": version},
        });
        cluster.patch(manager, &place, None, &patch).await.map(drop)
    }
}

/// What was told lately.
#[derive(Default)]
struct Correlator {
    /// What was said of an object, by sort.
    sorts: HashMap<String, Sort>,
    /// How much a component may still say of an object.
    budgets: HashMap<String, Budget>,
}

struct Sort {
    messages: HashSet<String>,
    last: Timestamp,
}

struct Budget {
    left: f64,
    last: Timestamp,
}

impl Correlator {
    /// Returns what makes an Event the same as another one, after combining it with similar ones; `None` for one too many.
    fn correlate(&mut self, event: &mut Value, now: Timestamp) -> Option<String> {
        let object = ["kind", "namespace", "name", "uid", "apiVersion"].map(|field| text(event, &["involvedObject", field]));
        let source = ["component", "host"].map(|field| text(event, &["source", field]));
        let object = [&source[..], &object[..]].concat().join("\n");
        let sort = [&object, text(event, &["type"]), text(event, &["reason"])].join("\n");
        let message = text(event, &["message"]).to_owned();
        let identity = if self.is_one_of_many(&sort, &message, now) {
            event["message"] = json!(format!("{COMBINED}{message}").chars().take(MESSAGE).collect::<String>());
            sort
        } else {
            [&sort, text(event, &["involvedObject", "fieldPath"]), &message].join("\n")
        };
        self.spend(object, now).then_some(identity)
    }

    fn is_one_of_many(&mut self, sort: &str, message: &str, now: Timestamp) -> bool {
        forget(&mut self.sorts, |sort| sort.last);
        let known = self.sorts.entry(sort.to_owned()).or_insert_with(|| Sort { messages: HashSet::new(), last: now });
        if now.as_second() - known.last.as_second() > SIMILAR {
            known.messages.clear();
        }
        known.last = now;
        known.messages.insert(message.to_owned());
        if known.messages.len() < DIFFERENT {
            return false;
        }
        // Which one is forgotten does not matter: there are as many as it takes.
        if let Some(one) = known.messages.iter().next().cloned() {
            known.messages.remove(&one);
        }
        true
    }

    fn spend(&mut self, object: String, now: Timestamp) -> bool {
        forget(&mut self.budgets, |budget| budget.last);
        let budget = self.budgets.entry(object).or_insert(Budget { left: BURST, last: now });
        let passed = now.duration_since(budget.last).as_secs_f64().max(0.0);
        budget.left = (budget.left + passed / REFILL).min(BURST);
        budget.last = now;
        let affords = budget.left >= 1.0;
        if affords {
            budget.left -= 1.0;
        }
        affords
    }
}

/// Makes room for one more by forgetting what is oldest.
fn forget<T>(known: &mut HashMap<String, T>, last: impl Fn(&T) -> Timestamp) {
    if known.len() >= REMEMBERED
        && let Some(oldest) = known.iter().min_by_key(|(_, one)| last(one)).map(|(key, _)| key.clone())
    {
        known.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(reason: &str, message: &str) -> Value {
        json!({
            "type": "Warning", "reason": reason, "message": message, "source": {"component": "kubelet"},
            "involvedObject": {"kind": "Pod", "namespace": "n", "name": "p", "uid": "u", "apiVersion": "v1"},
        })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).expect("a time")
    }

    /// What is told, and under which identity.
    fn told(correlator: &mut Correlator, mut event: Value, second: i64) -> Option<(String, String)> {
        let identity = correlator.correlate(&mut event, at(second))?;
        Some((text(&event, &["message"]).to_owned(), identity))
    }

    #[test]
    fn what_is_said_again_is_the_same_and_similar_things_become_one() {
        let mut correlator = Correlator::default();
        let mut say = |number: usize, second| told(&mut correlator, event("Failed", &format!("try {number}")), second).expect("it is told");
        assert_eq!(say(0, 0), say(0, 1), "the same");
        assert_ne!(say(0, 2).1, say(1, 2).1);
        (2..9).for_each(|number| assert_eq!(say(number, 3).0, format!("try {number}")));
        let (tenth, eleventh) = (say(9, 4), say(10, 5));
        assert_eq!(
            (tenth.0.as_str(), eleventh.0.as_str()),
            ("(combined from similar events): try 9", "(combined from similar events): try 10")
        );
        assert_eq!(tenth.1, eleventh.1);
        assert_eq!(say(11, 606).0, "try 11", "after ten minutes of silence");
        let other = told(&mut correlator, event("Killing", "try 12"), 606).expect("it is told");
        assert_eq!(other.0, "try 12", "another reason");
    }

    #[test]
    fn who_says_too_much_of_an_object_is_not_heard_for_a_while() {
        let mut correlator = Correlator::default();
        let heard = (0..40).filter(|_| told(&mut correlator, event("BackOff", "again"), 0).is_some()).count();
        assert_eq!(heard, 25);
        assert!(told(&mut correlator, event("Other", "something else"), 299).is_none(), "of the same object");
        assert!(told(&mut correlator, event("Other", "something else"), 301).is_some());
        let mut other = event("BackOff", "again");
        other["involvedObject"]["uid"] = json!("v");
        assert!(told(&mut correlator, other, 301).is_some(), "of another object");
    }

    #[test]
    fn no_more_is_remembered_than_that() {
        let mut correlator = Correlator::default();
        for number in 0..5_000 {
            let mut one = event("Failed", "x");
            one["involvedObject"]["uid"] = json!(number.to_string());
            told(&mut correlator, one, number);
        }
        assert_eq!((correlator.sorts.len(), correlator.budgets.len()), (REMEMBERED, REMEMBERED));
    }
}
