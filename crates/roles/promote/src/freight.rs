//! Which Freight may enter a Stage. Source: akuity/kargo `api/v1alpha1/stage_helpers.go` `IsFreightAvailable`.

use api::text;
use golang::parse_duration;
use model::{Code, Timestamp, Verdict};
use serde_json::Value;

use crate::{hold, names};

/// Returns a Freight's origin as `Warehouse/<name>`.
pub fn origin(freight: &Value) -> String {
    format!("{}/{}", text(freight, &["origin", "kind"]), text(freight, &["origin", "name"]))
}

/// Decides whether a Freight may enter a Stage.
pub fn available(stage: &Value, freight: &Value, now: Timestamp) -> Verdict {
    let name = api::name(freight);
    // A person's no counts before everything else, also before a person's earlier yes.
    if let refused @ Verdict::Refuse { .. } = hold::rejected(freight) {
        return refused;
    }
    if let refused @ Verdict::Refuse { .. } = authentic(freight) {
        return refused;
    }
    if freight["status"]["approvedFor"][api::name(stage)].is_object() {
        return Verdict::Pass;
    }
    let wanted = origin(freight);
    let requests = stage["spec"]["requestedFreight"].as_array();
    let request = requests.into_iter().flatten().find(|request| origin(request) == wanted);
    let Some(request) = request else {
        let why = format!("stage {} does not request freight of {wanted}", api::name(stage));
        return Verdict::Refuse { code: Code::Missing, why, remedy: "add its origin to spec.requestedFreight".into() };
    };
    let sources = &request["sources"];
    if sources["direct"] == true {
        return Verdict::Pass;
    }
    let soak = parse_duration(text(sources, &["requiredSoakTime"])).unwrap_or_default();
    let upstream: Vec<Verdict> = api::texts(&sources["stages"]).iter().map(|stage| verified_in(freight, name, stage, soak, now)).collect();
    let all = sources["availabilityStrategy"] == "All";
    let passed = upstream.iter().filter(|verdict| **verdict == Verdict::Pass).count();
    if passed > 0 && (!all || passed == upstream.len()) {
        return Verdict::Pass;
    }
    let missing = upstream.into_iter().filter(|verdict| *verdict != Verdict::Pass);
    // The one that can pass soonest tells what is missing.
    missing
        .min_by_key(|verdict| match verdict {
            Verdict::Wait { until: Some(until), .. } => Some(*until),
            _ => Some(Timestamp::MAX),
        })
        .unwrap_or(Verdict::Refuse {
            code: Code::Missing,
            why: "no sources are named".into(),
            remedy: "set sources.direct or sources.stages".into(),
        })
}

/// Decides whether a Freight is what its name says: the name is the hash of what it holds, so content that somebody has changed
/// shows. Freight whose name is no such hash was made by hand, and stands for itself.
fn authentic(freight: &Value) -> Verdict {
    let name = api::name(freight);
    let hashed = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let only_images = ["commits", "charts", "artifacts"].iter().all(|part| freight[*part].as_array().is_none_or(Vec::is_empty));
    if !hashed || !only_images {
        return Verdict::Pass;
    }
    let image = |image: &Value| names::Image {
        repository: text(image, &["repoURL"]).to_owned(),
        tag: text(image, &["tag"]).to_owned(),
        digest: text(image, &["digest"]).to_owned(),
        subscription: image["subscriptionName"].as_str().map(str::to_owned),
    };
    let images: Vec<names::Image> = freight["images"].as_array().into_iter().flatten().map(image).collect();
    if names::freight(text(freight, &["origin", "name"]), &images) == name {
        return Verdict::Pass;
    }
    let short: String = name.chars().take(7).collect();
    let remedy = "delete it: the Warehouse makes it anew from what it discovers".to_owned();
    Verdict::Refuse { code: Code::Malformed, why: format!("freight {short} is not what its name says: it was edited"), remedy }
}

fn verified_in(freight: &Value, name: &str, stage: &str, soak: std::time::Duration, now: Timestamp) -> Verdict {
    let short: String = name.chars().take(7).collect();
    let status = &freight["status"];
    let Ok(verified) = text(&status["verifiedIn"][stage], &["verifiedAt"]).parse::<Timestamp>() else {
        return Verdict::Wait { code: Code::NotVerified, why: format!("freight {short} is not verified at {stage}"), until: None };
    };
    if soak.is_zero() {
        return Verdict::Pass;
    }
    let longest = parse_duration(text(&status["verifiedIn"][stage], &["longestSoak"])).unwrap_or_default();
    let since = text(&status["currentlyIn"][stage], &["since"]).parse::<Timestamp>().ok();
    let ripe = since.unwrap_or(verified).checked_add(soak).unwrap_or(Timestamp::MAX);
    if longest >= soak || (since.is_some() && now >= ripe) {
        return Verdict::Pass;
    }
    Verdict::Wait { code: Code::Soaking, why: format!("freight {short} is soaking at {stage}"), until: since.map(|_| ripe) }
}

/// Returns the newest Freight first: by discovery, then by name.
pub fn newest_first(freight: &mut [Value]) {
    freight.sort_by_key(|one| std::cmp::Reverse(key(one)));
}

fn key(freight: &Value) -> (Option<Timestamp>, String) {
    let discovered = text(freight, &["discoveredAt"]);
    let at = if discovered.is_empty() { text(freight, &["metadata", "creationTimestamp"]) } else { discovered };
    (at.parse().ok(), api::name(freight).to_owned())
}

/// Returns what a Stage's history keeps of a Freight.
pub fn reference(freight: &Value) -> Value {
    let mut kept = serde_json::json!({"name": api::name(freight), "origin": freight["origin"]});
    for part in ["images", "commits", "charts", "artifacts"] {
        if freight[part].as_array().is_some_and(|items| !items.is_empty()) {
            kept[part] = freight[part].clone();
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(sources: Value, status: Value, expected: &str) {
        let stage = json!({"metadata": {"name": "prod"}, "spec": {"requestedFreight": [{"origin": {"kind": "Warehouse", "name": "w"}, "sources": sources}]}});
        let freight = json!({"metadata": {"name": "f1"}, "origin": {"kind": "Warehouse", "name": "w"}, "status": status});
        let found = match available(&stage, &freight, "2026-01-01T10:00:00Z".parse().expect("a time")) {
            Verdict::Pass => "pass".to_owned(),
            Verdict::Wait { why, until, .. } => format!("{why}{}", until.map(|until| format!(" until {until}")).unwrap_or_default()),
            Verdict::Refuse { why, .. } => why,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn freight_that_was_edited_shows() {
        let image = |tag: &str| json!({"repoURL": "r/x", "tag": tag, "digest": "sha256:aa"});
        let named = names::freight(
            "w",
            &[names::Image { repository: "r/x".into(), tag: "1.0.0".into(), digest: "sha256:aa".into(), subscription: None }],
        );
        let mut freight = json!({"metadata": {"name": named}, "origin": {"kind": "Warehouse", "name": "w"}, "images": [image("1.0.0")]});
        assert_eq!(authentic(&freight), Verdict::Pass);
        freight["images"][0] = image("6.6.6");
        assert!(matches!(authentic(&freight), Verdict::Refuse { why, .. } if why.ends_with("it was edited")));
        freight["metadata"]["name"] = json!("by-hand");
        assert_eq!(authentic(&freight), Verdict::Pass);
    }

    #[test]
    fn availability() {
        let verified =
            json!({"verifiedIn": {"a": {"verifiedAt": "2026-01-01T09:00:00Z"}}, "currentlyIn": {"a": {"since": "2026-01-01T09:30:00Z"}}});
        check(json!({"direct": true}), json!({}), "pass");
        check(json!({"stages": ["a"]}), json!({}), "freight f1 is not verified at a");
        check(json!({"stages": ["a"]}), verified.clone(), "pass");
        check(json!({"stages": ["a", "b"]}), verified.clone(), "pass");
        check(json!({"stages": ["a", "b"], "availabilityStrategy": "All"}), verified.clone(), "freight f1 is not verified at b");
        check(
            json!({"stages": ["a"], "requiredSoakTime": "1h"}),
            verified.clone(),
            "freight f1 is soaking at a until 2026-01-01T10:30:00Z",
        );
        check(json!({"stages": ["a"], "requiredSoakTime": "30m"}), verified, "pass");
        check(json!({"stages": ["a"]}), json!({"approvedFor": {"prod": {"approvedAt": "x"}}}), "pass");
    }
}
