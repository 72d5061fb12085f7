//! Kustomization: apply a revision, prune what it no longer has, wait until it is healthy.
//! Follows fluxcd/kustomize-controller `internal/controller/kustomization_controller.go`.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{Condition, find_condition, generation, remove_condition, set_condition, text};
use golang::{format_duration, parse_duration};
use model::{Action, ClusterName, Code, Decision, ObjectRef, Timestamp};
use serde_json::{Value, json};

use crate::events::{Told, event, is_news};
use crate::health::{Health, health};
use crate::inventory::Entry;
use crate::order;
use crate::source::whole_seconds;
use crate::substitute::substitute;
use crate::suspension::suspended;

/// Field manager of everything that is applied.
pub const MANAGER: &str = "kustomize-controller";
/// How long to wait for a source's artifact before looking again.
const NO_ARTIFACT: Duration = Duration::from_secs(30);

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster.
    pub cluster: ClusterName,
    /// The Kustomization.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// Why the last pass's action failed.
    pub failure: Option<String>,
    /// The object named by `sourceRef`.
    pub source: Option<Value>,
    /// The objects named by `dependsOn`, in order.
    pub dependencies: Vec<(String, Option<Value>)>,
    /// The rendered objects of the source's revision; not looked at without an artifact.
    pub build: Result<Vec<Value>, BuildFailure>,
    /// Live objects: the rendered ones, the ones of the inventory, and the ones of `healthChecks`.
    pub live: BTreeMap<ObjectRef, Value>,
}

/// Why there is nothing to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFailure {
    /// `ArtifactFailed` or `BuildFailed`.
    pub reason: &'static str,
    /// Whether something outside did not answer, so that asking again soon may help.
    pub passing: bool,
    /// A sentence.
    pub message: String,
}

/// Decides what a Kustomization does next.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let object = &seen.object;
    let status = object["status"].clone();
    if object["metadata"]["deletionTimestamp"].is_string() {
        return finalize(seen, status);
    }
    if !has_finalizer(object) {
        return Decision::of(status).act(patch_finalizers(seen, Some("finalizers.fluxcd.io")));
    }
    if let Some(decision) = suspended(&seen.cluster, object, seen.now) {
        return decision;
    }
    if let Some(why) = api::refusal(object) {
        return refuse(seen, status, &why);
    }
    let (status, revision) = match ready_to_build(seen, status) {
        Ok(found) => found,
        Err(decision) => return *decision,
    };
    let build = match &seen.build {
        Ok(build) => build.clone(),
        Err(failure) => {
            let code = if failure.passing { Code::Unreachable } else { Code::Malformed };
            let mut decision = not_ready(seen, status, Some(&revision), failure.reason, &failure.message, code);
            if failure.passing {
                decision.look_again(api::again(object, "Ready", seen.now, retry_interval(object)));
            }
            return decision;
        }
    };
    let mut build = match substitute(build, &object["spec"]["postBuild"]) {
        Ok(build) => build,
        Err(message) => return not_ready(seen, status, Some(&revision), "BuildFailed", &message, Code::Malformed),
    };
    own(&mut build, object);
    order::sort(&mut build);
    if let Some(failure) = &seen.failure {
        return not_ready(seen, status, Some(&revision), "ReconciliationFailed", failure, Code::Malformed);
    }
    match applied_since(seen, &revision) {
        None => apply(seen, status, &revision, build),
        Some(since) => assess(seen, status, &revision, &build, since),
    }
}

type Blocked = Box<Decision<Value>>;

fn ready_to_build(seen: &Observed, status: Value) -> Result<(Value, String), Blocked> {
    let reference = &seen.object["spec"]["sourceRef"];
    let (kind, name) = (text(reference, &["kind"]), text(reference, &["name"]));
    let Some(source) = &seen.source else {
        let message = format!("{kind}.source.toolkit.fluxcd.io \"{name}\" not found");
        return Err(Box::new(not_ready(seen, status, None, "ArtifactFailed", &message, Code::Missing)));
    };
    let revision = text(source, &["status", "artifact", "revision"]).to_owned();
    if revision.is_empty() {
        let mut decision =
            not_ready(seen, status, None, "ArtifactFailed", "Source artifact not found, retrying in 30s", Code::ArtifactMissing);
        if let Ok(at) = seen.now.checked_add(NO_ARTIFACT) {
            decision.look_again(at);
        }
        return Err(Box::new(decision));
    }
    for (dependency, live) in &seen.dependencies {
        if let Some(why) = dependency_wait(dependency, live.as_ref()) {
            return Err(Box::new(not_ready(seen, status, Some(&revision), "DependencyNotReady", &why, Code::DependencyNotReady)));
        }
    }
    Ok((status, revision))
}

fn dependency_wait(name: &str, live: Option<&Value>) -> Option<String> {
    let Some(live) = live else { return Some(format!("dependency '{name}' not found")) };
    let observed = live["status"]["observedGeneration"].as_i64() == Some(generation(live));
    let ready = observed && api::is_true(live, "Ready");
    (!ready).then(|| format!("dependency '{name}' is not ready"))
}

/// Puts owner labels and the spec's common metadata on every object, and drops what is not applied.
fn own(build: &mut [Value], object: &Value) {
    for target in build {
        for part in ["labels", "annotations"] {
            if let Some(common) = object["spec"]["commonMetadata"][part].as_object() {
                for (key, value) in common {
                    target["metadata"][part][key] = value.clone();
                }
            }
        }
        target["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = json!(api::name(object));
        target["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/namespace"] = json!(api::namespace(object));
        if target["kind"] != "CustomResourceDefinition"
            && let Some(fields) = target.as_object_mut()
        {
            fields.remove("status");
        }
    }
}

/// Returns since when this revision and generation are applied and only health is awaited or known; `None` when they must
/// be applied (again).
fn applied_since(seen: &Observed, revision: &str) -> Option<Timestamp> {
    let object = &seen.object;
    let status = &object["status"];
    let requested = api::annotation(object, "reconcile.fluxcd.io/requestedAt");
    if status["lastAttemptedRevision"] != revision || requested.is_some_and(|requested| status["lastHandledReconcileAt"] != requested) {
        return None;
    }
    let marker = find_condition(object, "Reconciling").filter(|condition| text(condition, &["message"]).starts_with(&checking(revision)));
    let ready =
        find_condition(object, "Ready").filter(|condition| condition["status"] == "True" || condition["reason"] == "HealthCheckFailed");
    let condition = marker.or(ready)?;
    if condition["observedGeneration"].as_i64() != Some(generation(object)) {
        return None;
    }
    let since: Timestamp = text(condition, &["lastTransitionTime"]).parse().ok()?;
    let reconciled = last_reconciled(status).unwrap_or(since);
    let due = reconciled.checked_add(if condition["status"] == "True" { interval(object) } else { retry_interval(object) }).ok()?;
    // A revision that is checked for health is not applied again until the checks are over.
    (marker.is_some() || seen.now < due).then_some(since)
}

fn last_reconciled(status: &Value) -> Option<Timestamp> {
    status["history"][0]["lastReconciled"].as_str()?.parse().ok()
}

fn checking(revision: &str) -> String {
    format!("Running health checks for revision {revision} ")
}

fn interval(object: &Value) -> Duration {
    parse_duration(text(object, &["spec", "interval"])).unwrap_or(Duration::from_secs(600))
}

fn retry_interval(object: &Value) -> Duration {
    parse_duration(text(object, &["spec", "retryInterval"])).unwrap_or_else(|_| interval(object))
}

/// `timeout` is the interval less 30 s, and never below 30 s.
fn timeout(object: &Value) -> Duration {
    let wanted =
        parse_duration(text(object, &["spec", "timeout"])).unwrap_or_else(|_| interval(object).saturating_sub(Duration::from_secs(30)));
    wanted.max(Duration::from_secs(30))
}

fn apply(seen: &Observed, mut status: Value, revision: &str, build: Vec<Value>) -> Decision<Value> {
    let object = &seen.object;
    let entries: Vec<Entry> = build.iter().filter(|target| !skipped(target)).map(Entry::of).collect();
    let (prune, kept) = prune(seen, &entries);
    let mut decision = Decision::of(Value::Null);
    let mut changed = 0;
    let mut changes = Vec::new();
    for target in build {
        let live = seen.live.get(&api::reference(&target));
        if skipped(&target) || live.is_some_and(skipped) {
            continue;
        }
        changed += 1;
        if let Some(word) = change(&target, live) {
            changes.push(format!("{} {word}", shown(&api::reference(&target))));
        }
        decision = decision.act(Action::Apply { cluster: seen.cluster.clone(), manager: MANAGER.to_owned(), object: target });
    }
    let pruned = prune.len();
    for action in prune {
        if let Action::Delete { object, .. } = &action {
            changes.push(format!("{} deleted", shown(object)));
        }
        decision = decision.act(action);
    }
    if !changes.is_empty() {
        let told = Told { severity: "Normal", reason: "Progressing", message: &changes.join("\n"), revision: Some(revision) };
        decision = decision.act(event(&seen.cluster, object, seen.now, &told));
    }
    let mut inventory = entries;
    inventory.extend(kept);
    inventory.sort();
    inventory.dedup();
    status["inventory"] = Entry::write(&inventory);
    status["lastAttemptedRevision"] = json!(revision);
    if let Some(requested) = api::annotation(object, "reconcile.fluxcd.io/requestedAt") {
        status["lastHandledReconcileAt"] = json!(requested);
    }
    let message = format!("{}with a timeout of {}", checking(revision), format_duration(timeout(object)));
    remove_condition(&mut status, "Reconciling");
    remove_condition(&mut status, "Stalled");
    set(seen, &mut status, "Reconciling", "True", "Progressing", &message);
    set(seen, &mut status, "Ready", "Unknown", "Progressing", "Reconciliation in progress");
    decision.status = status;
    let pruned = if pruned == 0 { String::new() } else { format!(", {pruned} pruned") };
    decision.note(format!("applied {changed} objects of {revision}{pruned}"))
}

/// Says what applying an object does to what is there; nothing where every wanted field is so already.
fn change(target: &Value, live: Option<&Value>) -> Option<&'static str> {
    match live {
        None => Some("created"),
        Some(live) if !holds(live, target) => Some("configured"),
        Some(_) => None,
    }
}

/// Tells whether every field of `wanted` is in `live`.
fn holds(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| live.get(key).map_or(value.is_null(), |found| holds(found, value)))
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| holds(live, wanted))
        }
        (live, wanted) => live == wanted,
    }
}

/// `Kind/namespace/name`, as Flux prints it.
fn shown(object: &ObjectRef) -> String {
    let parts = [object.kind.as_str(), &object.namespace, &object.name];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// Returns the deletions of what is no longer wanted, and the entries that stay because they may not be deleted.
fn prune(seen: &Observed, wanted: &[Entry]) -> (Vec<Action>, Vec<Entry>) {
    let object = &seen.object;
    let mut old: Vec<Entry> = Entry::all(&object["status"]);
    old.retain(|entry| !wanted.iter().any(|new| new.id == entry.id));
    if object["spec"]["prune"] != true {
        return (Vec::new(), Vec::new());
    }
    let mut targets: Vec<Value> =
        old.iter().filter_map(|entry| seen.live.get(&entry.object()?)).filter(|live| ours(object, live)).cloned().collect();
    order::sort(&mut targets);
    let delete =
        |live: &Value| Action::Delete { cluster: seen.cluster.clone(), object: api::reference(live), uid: Some(api::uid(live).to_owned()) };
    (targets.iter().rev().map(delete).collect(), Vec::new())
}

/// Only what still carries this Kustomization's labels and is not exempted is deleted.
fn ours(object: &Value, live: &Value) -> bool {
    api::label(live, "kustomize.toolkit.fluxcd.io/name") == Some(api::name(object))
        && api::label(live, "kustomize.toolkit.fluxcd.io/namespace") == Some(api::namespace(object))
        && !marked(live, "kustomize.toolkit.fluxcd.io/prune", "disabled")
        && !skipped(live)
}

fn skipped(object: &Value) -> bool {
    marked(object, "kustomize.toolkit.fluxcd.io/reconcile", "disabled") || marked(object, "kustomize.toolkit.fluxcd.io/ssa", "ignore")
}

fn marked(object: &Value, key: &str, value: &str) -> bool {
    let is = |found: Option<&str>| found.is_some_and(|found| found.eq_ignore_ascii_case(value));
    is(api::annotation(object, key)) || is(api::label(object, key))
}

/// Returns which objects must be healthy.
pub fn health_targets(object: &Value, build: &[Value]) -> Vec<ObjectRef> {
    let itself = |target: &ObjectRef| {
        target.kind == "Kustomization" && target.name == api::name(object) && target.namespace == api::namespace(object)
    };
    if object["spec"]["wait"] == true {
        return build.iter().filter(|target| !skipped(target)).map(api::reference).filter(|target| !itself(target)).collect();
    }
    let checks = object["spec"]["healthChecks"].as_array();
    let read = |check: &Value| ObjectRef {
        api_version: text(check, &["apiVersion"]).to_owned(),
        kind: text(check, &["kind"]).to_owned(),
        namespace: text(check, &["namespace"]).to_owned(),
        name: text(check, &["name"]).to_owned(),
    };
    checks.into_iter().flatten().map(read).filter(|target| !itself(target)).collect()
}

fn assess(seen: &Observed, status: Value, revision: &str, build: &[Value], since: Timestamp) -> Decision<Value> {
    let object = &seen.object;
    let settled = find_condition(object, "Reconciling").is_none();
    if settled {
        return rest(seen, status);
    }
    let targets = health_targets(object, build);
    let found: Vec<(ObjectRef, Health)> = targets.into_iter().map(|target| (target.clone(), health(seen.live.get(&target)))).collect();
    let show =
        |entry: &(ObjectRef, Health)| format!("{}/{}/{} status: '{}'", entry.0.kind, entry.0.namespace, entry.0.name, entry.1.word());
    let failed: Vec<String> = found.iter().filter(|entry| matches!(entry.1, Health::Failed(_))).map(show).collect();
    let took = Duration::try_from(seen.now.duration_since(since)).unwrap_or(Duration::ZERO);
    if !failed.is_empty() {
        let message = format!("health check failed early due to stalled resources: [{}]", failed.join(", "));
        return unhealthy(seen, status, revision, &message);
    }
    let waiting: Vec<&(ObjectRef, Health)> = found.iter().filter(|entry| entry.1 != Health::Current).collect();
    if waiting.is_empty() {
        return healthy(seen, status, revision, took, !found.is_empty());
    }
    if took >= timeout(object) {
        let waiting: Vec<String> = waiting.into_iter().map(show).collect();
        let message =
            format!("health check failed after {}: timeout waiting for: [{}]", format_duration(timeout(object)), waiting.join(", "));
        return unhealthy(seen, status, revision, &message);
    }
    let why = waiting.iter().map(|entry| reason(entry)).collect::<Vec<_>>().join("; ");
    Decision::of(status).wait(Code::Unhealthy, why, since.checked_add(timeout(object)).ok())
}

fn reason((target, health): &(ObjectRef, Health)) -> String {
    let name = format!("{}/{}", target.kind, target.name);
    match health {
        Health::InProgress(why) | Health::Failed(why) => format!("{name}: {why}"),
        other => format!("{name}: {}", other.word()),
    }
}

fn healthy(seen: &Observed, mut status: Value, revision: &str, took: Duration, checked: bool) -> Decision<Value> {
    let generation = generation(&seen.object);
    remove_condition(&mut status, "Reconciling");
    remove_condition(&mut status, "Stalled");
    let applied = format!("Applied revision: {revision}");
    set(seen, &mut status, "Ready", "True", "ReconciliationSucceeded", &applied);
    if checked {
        let passed =
            format!("Health check passed in {}", format_duration(Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or(0))));
        set(seen, &mut status, "Healthy", "True", "Succeeded", &passed);
    } else {
        remove_condition(&mut status, "Healthy");
    }
    let source = seen.source.as_ref();
    if let Some(origin) = source.and_then(|source| source["status"]["artifact"]["metadata"]["org.opencontainers.image.revision"].as_str()) {
        status["lastAppliedOriginRevision"] = json!(origin);
    }
    status["lastAppliedRevision"] = json!(revision);
    status["observedGeneration"] = json!(generation);
    record(&mut status, seen.now, revision, took, "ReconciliationSucceeded");
    let finished =
        format!("Reconciliation finished in {}, next run in {}", format_duration(round(took)), format_duration(interval(&seen.object)));
    let told = Told { severity: "Normal", reason: "ReconciliationSucceeded", message: &finished, revision: Some(revision) };
    let mut decision = Decision::of(status).act(event(&seen.cluster, &seen.object, seen.now, &told)).note(format!("{applied}, healthy"));
    if let Ok(at) = seen.now.checked_add(interval(&seen.object)) {
        decision.look_again(at);
    }
    decision
}

fn round(took: Duration) -> Duration {
    Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or(0))
}

/// Keeps the last five outcomes, newest first.
fn record(status: &mut Value, now: Timestamp, revision: &str, took: Duration, outcome: &str) {
    let mut history = status["history"].as_array().cloned().unwrap_or_default();
    let digest = model::Digest::of(revision.as_bytes()).to_string();
    let known = history.iter().position(|entry| entry["digest"] == digest.as_str() && entry["lastReconciledStatus"] == outcome);
    let mut entry = match known {
        Some(at) => history.remove(at),
        None => {
            json!({"digest": digest, "firstReconciled": whole_seconds(now), "lastReconciledStatus": outcome, "totalReconciliations": 0, "metadata": {"revision": revision}})
        }
    };
    entry["lastReconciled"] = json!(whole_seconds(now));
    entry["lastReconciledDuration"] = json!(format_duration(took));
    entry["totalReconciliations"] = json!(entry["totalReconciliations"].as_i64().unwrap_or(0) + 1);
    history.insert(0, entry);
    history.truncate(5);
    status["history"] = Value::Array(history);
}

fn unhealthy(seen: &Observed, mut status: Value, revision: &str, message: &str) -> Decision<Value> {
    remove_condition(&mut status, "Reconciling");
    set(seen, &mut status, "Healthy", "False", "HealthCheckFailed", message);
    record(&mut status, seen.now, revision, timeout(&seen.object), "HealthCheckFailed");
    not_ready(seen, status, Some(revision), "HealthCheckFailed", message, Code::Unhealthy)
}

/// Nothing to do until something changes or the interval is over.
fn rest(seen: &Observed, status: Value) -> Decision<Value> {
    let reconciled = last_reconciled(&status);
    let failed = find_condition(&seen.object, "Ready").is_some_and(|condition| condition["status"] != "True");
    let pause = if failed { retry_interval(&seen.object) } else { interval(&seen.object) };
    let mut decision = Decision::of(status);
    if let Some(at) = reconciled.and_then(|at| at.checked_add(pause).ok()) {
        decision.look_again(at.max(seen.now));
    }
    decision
}

fn not_ready(seen: &Observed, mut status: Value, revision: Option<&str>, reason: &str, message: &str, code: Code) -> Decision<Value> {
    if let Some(revision) = revision {
        status["lastAttemptedRevision"] = json!(revision);
    }
    remove_condition(&mut status, "Stalled");
    set(seen, &mut status, "Ready", "False", reason, message);
    if reason != "HealthCheckFailed" {
        set(seen, &mut status, "Reconciling", "True", "ProgressingWithRetry", message);
    }
    let mut decision = Decision::of(status).wait(code, message, seen.now.checked_add(retry_interval(&seen.object)).ok());
    // A source that is not there yet is no news: it comes or it is told by the source itself.
    if is_news(&seen.object, reason, message) && code != Code::Missing && code != Code::ArtifactMissing {
        let severity = if code == Code::DependencyNotReady { "Normal" } else { "Warning" };
        let told = Told { severity, reason, message, revision };
        decision = decision.act(event(&seen.cluster, &seen.object, seen.now, &told));
    }
    decision
}

fn refuse(seen: &Observed, mut status: Value, message: &str) -> Decision<Value> {
    set(seen, &mut status, "Ready", "False", "ReconciliationFailed", message);
    set(seen, &mut status, "Stalled", "True", "ReconciliationFailed", message);
    remove_condition(&mut status, "Reconciling");
    status["observedGeneration"] = json!(generation(&seen.object));
    Decision::of(status).wait(Code::Unsupported, message, None)
}

fn set(seen: &Observed, status: &mut Value, kind: &str, state: &str, reason: &str, message: &str) {
    set_condition(status, &Condition { kind, status: state, reason, message }, generation(&seen.object), seen.now);
}

fn has_finalizer(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|finalizer| finalizer == "finalizers.fluxcd.io"))
}

fn patch_finalizers(seen: &Observed, add: Option<&str>) -> Action {
    let mut finalizers = api::texts(&seen.object["metadata"]["finalizers"]);
    finalizers.retain(|finalizer| finalizer != "finalizers.fluxcd.io");
    finalizers.extend(add.map(str::to_owned));
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": seen.object["metadata"]["resourceVersion"]}});
    Action::Patch {
        cluster: seen.cluster.clone(),
        manager: MANAGER.to_owned(),
        object: api::reference(&seen.object),
        patch,
        subresource: None,
    }
}

/// A deleted Kustomization takes what it applied with it, unless it is suspended or does not prune.
fn finalize(seen: &Observed, status: Value) -> Decision<Value> {
    let object = &seen.object;
    if !has_finalizer(object) {
        return Decision::of(status);
    }
    let mut decision = Decision::of(Value::Null);
    if object["spec"]["suspend"] != true {
        for action in prune(seen, &[]).0 {
            decision = decision.act(action);
        }
    }
    decision.act(patch_finalizers(seen, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVISION: &str = "0.5.1@sha256:aa";

    fn world() -> Observed {
        let object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "myapp", "namespace": "flux-system", "generation": 1, "finalizers": ["finalizers.fluxcd.io"]},
            "spec": {"interval": "5m", "prune": true, "wait": true, "timeout": "10m", "sourceRef": {"kind": "OCIRepository", "name": "myapp"}, "path": "./"},
            "status": {"inventory": {"entries": [{"id": "myapp_old__ConfigMap", "v": "v1"}]}},
        });
        let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", "namespace": "myapp"}});
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "myapp", "namespace": "myapp"}, "spec": {"replicas": 1}});
        let old = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old", "namespace": "myapp", "uid": "u1",
            "labels": {"kustomize.toolkit.fluxcd.io/name": "myapp", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}});
        Observed {
            cluster: ClusterName("dev".into()),
            object,
            now: "2026-01-01T10:00:00Z".parse().expect("a time"),
            failure: None,
            source: Some(json!({"status": {"artifact": {"revision": REVISION}}})),
            dependencies: Vec::new(),
            build: Ok(vec![deployment, config]),
            live: BTreeMap::from([(api::reference(&old), old)]),
        }
    }

    fn told(decision: &Decision<Value>) -> String {
        decision.because.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// Performs a decision's effect on the watched world: the status is written.
    fn after(mut seen: Observed, decision: &Decision<Value>) -> Observed {
        seen.object["status"] = decision.status.clone();
        seen
    }

    #[test]
    fn a_revision_is_applied_then_awaited_then_ready() {
        let seen = world();
        let first = decide(&seen);
        assert_eq!(told(&first), format!("applied 2 objects of {REVISION}, 1 pruned"));
        let kinds: Vec<&str> = first
            .actions
            .iter()
            .map(|action| match action {
                Action::Apply { object, .. } => object["kind"].as_str().unwrap_or_default(),
                Action::Delete { .. } => "delete",
                Action::Emit { reason, message, .. } if reason == "Progressing" => message,
                _ => "other",
            })
            .collect();
        let changes = "ConfigMap/myapp/new created\nDeployment/myapp/myapp created\nConfigMap/myapp/old deleted";
        assert_eq!(kinds, ["ConfigMap", "Deployment", "delete", changes]);
        let seen = after(seen, &first);
        let second = decide(&seen);
        assert!(second.actions.is_empty(), "nothing is applied twice");
        assert_eq!(told(&second), "ConfigMap/new: NotFound; Deployment/myapp: NotFound");
        let mut seen = after(seen, &second);
        for object in seen.build.clone().expect("builds") {
            let mut object = object;
            object["status"] =
                json!({"observedGeneration": 0, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1});
            seen.live.insert(api::reference(&object), object);
        }
        let third = decide(&seen);
        assert_eq!(third.status["lastAppliedRevision"], REVISION);
        assert!(api::is_true(&json!({"status": third.status}), "Ready"));
        assert!(matches!(&third.actions[..], [Action::Emit { reason, .. }] if reason == "ReconciliationSucceeded"));
        let seen = after(seen, &third);
        assert!(decide(&seen).because.is_empty(), "and then it rests");
    }

    #[test]
    fn time_runs_out_and_another_revision_starts_over() {
        let seen = world();
        let first = decide(&seen);
        let mut seen = after(seen, &first);
        seen.now = "2026-01-01T10:10:00Z".parse().expect("a time");
        let late = decide(&seen);
        assert!(
            told(&late).starts_with("health check failed after 10m0s: timeout waiting for: [ConfigMap/myapp/new status: 'NotFound'"),
            "{}",
            told(&late)
        );
        let mut seen = after(seen, &late);
        assert!(decide(&seen).actions.is_empty());
        seen.source = Some(json!({"status": {"artifact": {"revision": "0.5.2@sha256:bb"}}}));
        let applied = decide(&seen).actions.into_iter().filter(|action| matches!(action, Action::Apply { .. })).count();
        assert_eq!(applied, 2);
    }

    #[test]
    fn what_holds_it_is_told() {
        let mut seen = world();
        seen.source = None;
        assert_eq!(told(&decide(&seen)), "OCIRepository.source.toolkit.fluxcd.io \"myapp\" not found");
        let mut seen = world();
        seen.object["spec"]["postBuild"] = json!({"substituteFrom": [{"kind": "ConfigMap", "name": "c"}]});
        let refused = decide(&seen);
        assert_eq!(told(&refused), "spec.postBuild.substituteFrom is not supported yet: remove it");
        assert!(api::is_true(&json!({"status": refused.status}), "Stalled") && refused.actions.is_empty());
        let mut seen = world();
        seen.object["spec"]["postBuild"] = json!({"substitute": {"a-b": "1"}});
        let failed = decide(&seen);
        assert!(told(&failed).starts_with("post build failed for '"), "{}", told(&failed));
        assert!(matches!(&failed.actions[..], [Action::Emit { reason, .. }] if reason == "BuildFailed"));
        let mut seen = world();
        seen.dependencies = vec![("flux-system/a".into(), None)];
        assert_eq!(told(&decide(&seen)), "dependency 'flux-system/a' not found");
        let mut seen = world();
        seen.failure = Some("no".into());
        let decision = decide(&seen);
        assert!(matches!(&decision.actions[..], [Action::Emit { reason, .. }] if reason == "ReconciliationFailed"));
        assert_eq!(told(&decision), "no");
        let seen = after(seen, &decision);
        assert!(decide(&seen).actions.is_empty(), "the same failure is told once");
        let mut seen = world();
        seen.object["spec"]["suspend"] = json!(true);
        assert_eq!(told(&decide(&seen)), "reconciliation is suspended");
    }
}
