//! GitRepository and OCIRepository: from what was fetched to what the object tells.
//! Follows fluxcd/source-controller `internal/controller/{gitrepository,ocirepository}_controller.go`.

use api::{Condition, generation, remove_condition, set_condition, text};
use model::{ClusterName, Code, Decision, Timestamp};
use serde_json::{Value, json};

use crate::events::{Told, event, is_news};
use crate::suspension::suspended;

/// What looking at a source's origin gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// `main@sha1:…` or `0.5.1@sha256:…`.
    pub revision: String,
    /// Name of the stored archive's bytes, `sha256:…`.
    pub digest: String,
    /// Length of the stored archive.
    pub size: u64,
    /// Where the archive is served.
    pub url: String,
    /// Path of the archive below the server's root.
    pub path: String,
    /// What else the origin says of the revision: the OCI manifest's annotations.
    pub metadata: Vec<(String, String)>,
    /// What is said when the signature was good; `None` when none is asked for.
    pub verified: Option<String>,
    /// What is told of a new artifact.
    pub news: String,
}

/// Why there is nothing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The origin did not give it, or the signature was not good.
    pub stage: Stage,
    /// Flux's condition reason.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
    /// Whether only a change of the object can help.
    pub stalled: bool,
    /// Whether something outside did not answer, so that asking again soon may help.
    pub passing: bool,
}

impl Failure {
    /// What only a change of the object can mend.
    pub fn of_spec(message: String) -> Self {
        Self { stage: Stage::Fetch, reason: "InvalidSpec", message, stalled: true, passing: false }
    }
}

/// Returns why a source is not looked at, where it asks for what is not supported.
pub fn refusal(object: &Value) -> Option<Failure> {
    api::refusal(object).map(Failure::of_spec)
}

/// Where fetching failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// While fetching.
    Fetch,
    /// While verifying.
    Verify,
}

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The source object.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// What its origin has now. Not looked at while suspended.
    pub fetched: Result<Fetched, Failure>,
}

/// Decides what a source tells.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    let mut status = object["status"].clone();
    let requested = api::annotation(object, "reconcile.fluxcd.io/requestedAt").map(str::to_owned);
    if let Some(decision) = suspended(&seen.cluster, object, seen.now) {
        return decision;
    }
    if let Some(requested) = requested {
        status["lastHandledReconcileAt"] = json!(requested);
    }
    match &seen.fetched {
        Ok(fetched) => succeed(seen, status, fetched),
        Err(failure) => fail(seen, status, failure),
    }
}

fn succeed(seen: &Observed, mut status: Value, fetched: &Fetched) -> Decision<Value> {
    let generation = generation(&seen.object);
    let mut set = |kind: &str, reason: &str, message: &str| {
        set_condition(&mut status, &Condition { kind, status: "True", reason, message }, generation, seen.now);
    };
    let stored = stored_message(&seen.object, &fetched.revision);
    set("ArtifactInStorage", "Succeeded", &stored);
    set("Ready", "Succeeded", &stored);
    if let Some(message) = &fetched.verified {
        set("SourceVerified", "Succeeded", message);
    } else {
        remove_condition(&mut status, "SourceVerified");
    }
    for gone in ["Reconciling", "Stalled", "FetchFailed", "ArtifactOutdated"] {
        remove_condition(&mut status, gone);
    }
    let same = status["artifact"]["revision"] == fetched.revision.as_str() && status["artifact"]["digest"] == fetched.digest.as_str();
    let updated = if same { status["artifact"]["lastUpdateTime"].clone() } else { json!(whole_seconds(seen.now)) };
    status["artifact"] = json!({
        "digest": fetched.digest,
        "lastUpdateTime": updated,
        "path": fetched.path,
        "revision": fetched.revision,
        "size": fetched.size,
        "url": fetched.url,
    });
    if !fetched.metadata.is_empty() {
        status["artifact"]["metadata"] = fetched.metadata.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    }
    status["observedGeneration"] = json!(generation);
    let mut decision = Decision::of(status);
    if !same {
        let signed = fetched.verified.as_deref().map(|message| format!(", {}", first_line(message))).unwrap_or_default();
        let told = Told { severity: "Normal", reason: "NewArtifact", message: &fetched.news, revision: Some(&fetched.revision) };
        decision = decision.act(event(&seen.cluster, &seen.object, seen.now, &told)).note(format!("{stored}{signed}"));
    }
    again(decision, &seen.object, seen.now)
}

fn fail(seen: &Observed, mut status: Value, failure: &Failure) -> Decision<Value> {
    let generation = generation(&seen.object);
    let mut set = |kind: &str, state: &str, reason: &str| {
        set_condition(&mut status, &Condition { kind, status: state, reason, message: &failure.message }, generation, seen.now);
    };
    match failure.stage {
        Stage::Fetch => set("FetchFailed", "True", failure.reason),
        Stage::Verify => set("SourceVerified", "False", failure.reason),
    }
    set("Ready", "False", failure.reason);
    if failure.stalled {
        set("Stalled", "True", failure.reason);
        remove_condition(&mut status, "Reconciling");
        status["observedGeneration"] = json!(generation);
    } else {
        set("Reconciling", "True", "ProgressingWithRetry");
    }
    let code = match failure.stage {
        Stage::Verify => Code::Unsigned,
        Stage::Fetch if failure.stalled => Code::Unsupported,
        Stage::Fetch => Code::Unreachable,
    };
    let mut decision = Decision::of(status).wait(code, failure.message.clone(), None);
    if is_news(&seen.object, failure.reason, &failure.message) {
        let told = Told { severity: "Warning", reason: failure.reason, message: &failure.message, revision: None };
        decision = decision.act(event(&seen.cluster, &seen.object, seen.now, &told));
    }
    if failure.passing {
        let most = golang::parse_duration(text(&seen.object, &["spec", "interval"])).unwrap_or_default();
        decision.look_again(api::again(&seen.object, "Ready", seen.now, most));
    }
    if failure.stalled { decision } else { again(decision, &seen.object, seen.now) }
}

/// The net below the events: an interval as the object asks for.
fn again(mut decision: Decision<Value>, object: &Value, now: Timestamp) -> Decision<Value> {
    if let Ok(interval) = golang::parse_duration(text(object, &["spec", "interval"]))
        && let Ok(at) = now.checked_add(interval)
    {
        decision.look_again(at);
    }
    decision
}

fn stored_message(object: &Value, revision: &str) -> String {
    if object["kind"] == "OCIRepository" {
        format!("stored artifact for digest '{revision}'")
    } else {
        format!("stored artifact for revision '{revision}'")
    }
}

fn first_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn whole_seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_supported_stalls_a_source_and_is_named() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        for (kind, spec, field) in [
            ("OCIRepository", json!({"secretRef": {"name": "s"}}), "spec.secretRef is not supported yet: remove it"),
            (
                "OCIRepository",
                json!({"verify": {"provider": "notation"}}),
                "spec.verify.provider: notation is not supported yet, only cosign",
            ),
            ("GitRepository", json!({"ref": {"tag": "v1"}}), "spec.ref.tag is not supported yet: remove it"),
            ("GitRepository", json!({"verify": {"mode": "Tag"}}), "spec.verify.mode: Tag is not supported yet, only head, HEAD"),
        ] {
            let object = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": kind, "metadata": {"name": "s", "generation": 2}, "spec": spec});
            let failure = refusal(&object).expect("it is refused");
            let decision = decide(&Observed { cluster: ClusterName("dev".into()), object, now, fetched: Err(failure) });
            let told = json!({"status": decision.status});
            let ready = api::find_condition(&told, "Ready").expect("it says so");
            assert_eq!((text(ready, &["status"]), text(ready, &["reason"]), text(ready, &["message"])), ("False", "InvalidSpec", field));
            assert!(api::is_true(&told, "Stalled") && decision.status["observedGeneration"] == 2, "{told:#}");
        }
        let good = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository", "spec": {"provider": "generic", "ref": {"tag": "1"}}});
        assert_eq!(refusal(&good), None);
    }
}
