//! Stage: record what was promoted, wait until it runs, verify it, and promote the next.
//! Follows akuity/kargo `pkg/controller/stages/regular_stages.go`, but verification waits for the delivery engine to
//! report the promoted digest, and a run is never adopted across Promotions.

use api::{Condition, generation, set_condition, text};
use model::{Action, ClusterName, Code, Decision, ObjectRef, Timestamp, Verdict};
use serde_json::{Map, Value, json};

use crate::{ARGO, KARGO, MANAGER, analysis, freight, hold, names};

/// How many entries a history keeps.
const HISTORY: usize = 10;

/// Everything that is looked at.
#[derive(Debug, Clone)]
pub struct Observed {
    /// In which cluster the Stage is.
    pub cluster: ClusterName,
    /// The Stage.
    pub object: Value,
    /// The present moment.
    pub now: Timestamp,
    /// ProjectConfigs of the namespace.
    pub configs: Vec<Value>,
    /// The project's Namespace.
    pub project: Option<Value>,
    /// All Freight of the namespace.
    pub freight: Vec<Value>,
    /// All Promotions of this Stage.
    pub promotions: Vec<Value>,
    /// AnalysisRuns of this Stage.
    pub runs: Vec<Value>,
    /// The templates that verification names: name and object.
    pub templates: Vec<(String, Option<Value>)>,
    /// What the target cluster says of [`current_digests`] of the Stage as it was read.
    pub deployed: Verdict,
}

impl Observed {
    /// Returns what the target cluster says of the Freight that this status names. The cluster was asked about the Freight
    /// before; of one that came only now nothing is known.
    fn deployed(&self, status: &Value) -> Verdict {
        if digests_of(status) == current_digests(&self.object) {
            return self.deployed.clone();
        }
        Verdict::Wait {
            code: Code::NotDeployed,
            why: "the target has not been asked about the promoted digest yet".into(),
            until: Some(self.now),
        }
    }
}

/// What a Promotion's steps edit: where a Stage's target is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Clone URL.
    pub repository: String,
    /// Path of the pointer file inside the repository.
    pub path: String,
}

/// Returns what a Stage's promotion template edits first; `None` when it edits nothing, or that depends on more than the
/// Stage's own variables.
pub fn target(stage: &Value) -> Option<Target> {
    let template = &stage["spec"]["promotionTemplate"]["spec"];
    let steps = template["steps"].as_array()?;
    let clone = steps.iter().find(|step| step["uses"] == "git-clone")?;
    let update = steps.iter().find(|step| step["uses"] == "yaml-update")?;
    let mut known = Known { stage: api::name(stage), project: api::namespace(stage), vars: Map::new() };
    let vars = [&stage["spec"]["vars"], &template["vars"]].into_iter().filter_map(Value::as_array).flatten();
    for var in vars {
        if let Ok(value) = expr::template(text(var, &["value"]), &expr::Known::default(), &known, expr::Want::Kept) {
            known.vars.insert(text(var, &["name"]).to_owned(), value);
        }
    }
    let read = |value: &Value| {
        let value = expr::template(value.as_str()?, &expr::Known::default(), &known, expr::Want::Text);
        value.ok()?.as_str().map(str::to_owned)
    };
    let path = crate::steps::normal(&read(&update["config"]["path"])?).ok()?;
    let checkouts = clone["config"]["checkout"].as_array()?;
    let inside = checkouts.iter().find_map(|checkout| {
        let root = crate::steps::normal(&read(&checkout["path"])?).ok()?;
        path.strip_prefix(&format!("{root}/")).map(str::to_owned)
    })?;
    Some(Target { repository: read(&clone["config"]["repoURL"])?, path: inside })
}

/// What is known of a Promotion before there is one.
struct Known<'a> {
    stage: &'a str,
    project: &'a str,
    vars: Map<String, Value>,
}

impl expr::Scope for Known<'_> {
    fn name(&self, name: &str) -> Option<expr::Value> {
        let value = match name {
            "vars" => Value::Object(self.vars.clone()),
            "ctx" => json!({"stage": self.stage, "project": self.project}),
            _ => return None,
        };
        Some(expr::Value::from_json(&value))
    }

    fn call(&self, _name: &str, _arguments: &[expr::Value]) -> Option<Result<expr::Value, expr::Refusal>> {
        None
    }
}

/// Returns the digests of the Freight that a Stage runs now, or is to run.
pub fn current_digests(stage: &Value) -> Vec<String> {
    digests_of(&stage["status"])
}

fn digests_of(status: &Value) -> Vec<String> {
    let items = status["freightHistory"][0]["items"].as_object();
    let images = items.into_iter().flat_map(|items| items.values()).filter_map(|item| item["images"].as_array()).flatten();
    images.filter_map(|image| image["digest"].as_str().map(str::to_owned)).collect()
}

/// Decides whether a Kustomization's report means that one of these digests is applied and healthy.
pub fn deployed(digests: &[String], kustomization: Option<&Value>) -> Verdict {
    let wait = |why: String| Verdict::Wait { code: Code::NotDeployed, why, until: None };
    let Some(live) = kustomization else { return wait("no Kustomization syncs the promoted pointer yet".into()) };
    let name = api::name(live);
    let applied = text(live, &["status", "lastAppliedRevision"]);
    let is = |revision: &str| digests.iter().any(|digest| revision == digest || revision.ends_with(&format!("@{digest}")));
    if !is(applied) {
        let attempted = text(live, &["status", "lastAttemptedRevision"]);
        let message = api::find_condition(live, "Ready").map(|ready| text(ready, &["message"])).unwrap_or_default();
        let told = if is(attempted) { format!(": {message}") } else { String::new() };
        return wait(format!("Kustomization {name} has not applied the promoted digest yet{told}"));
    }
    let observed = live["status"]["observedGeneration"].as_i64() == Some(generation(live));
    if !observed || !api::is_true(live, "Ready") {
        return wait(format!("Kustomization {name} is not Ready"));
    }
    Verdict::Pass
}

/// Decides what a Stage does next.
pub fn decide(seen: &Observed) -> Decision<Value> {
    let mut status = seen.object["status"].clone();
    status["observedGeneration"] = json!(generation(&seen.object));
    for annotation in ["kargo.akuity.io/refresh"] {
        if let Some(token) = api::annotation(&seen.object, annotation) {
            status["lastHandledRefresh"] = json!(token);
        }
    }
    if seen.object["spec"]["promotionTemplate"]["spec"]["steps"].as_array().is_none_or(Vec::is_empty) {
        let why = "a Stage without promotionTemplate steps (a control flow Stage) is not supported";
        return Decision::of(status).stall(Code::Unsupported, why, "add steps");
    }
    let mut decision = Decision::of(Value::Null);
    sync_promotions(seen, &mut status, &mut decision);
    let promoting = status["currentPromotion"].is_object();
    let deployed = seen.deployed(&status);
    let health = if status["freightHistory"][0].is_null() { None } else { Some(&deployed) };
    tell_health(seen, &mut status, health, promoting);
    if let Some(current) = current(&status) {
        place(seen, &current, &mut decision);
        if !promoting {
            verify(seen, &mut status, &current, &mut decision);
        }
    }
    status["freightSummary"] = json!(summary(&status));
    promote(seen, &mut status, promoting, &mut decision);
    tell_ready(seen, &mut status, promoting);
    decision.status = status;
    decision
}

fn phase(promotion: &Value) -> &str {
    text(promotion, &["status", "phase"])
}

fn terminal(promotion: &Value) -> bool {
    matches!(phase(promotion), "Succeeded" | "Failed" | "Errored" | "Aborted")
}

/// Takes note of Promotions that ended and names the one that may run.
fn sync_promotions(seen: &Observed, status: &mut Value, decision: &mut Decision<Value>) {
    let mut promotions: Vec<&Value> = seen.promotions.iter().collect();
    promotions.sort_by(|a, b| api::name(a).cmp(api::name(b)));
    let last = text(status, &["lastPromotion", "name"]).to_owned();
    for promotion in promotions.iter().filter(|promotion| terminal(promotion) && api::name(promotion) > last.as_str()) {
        let summary = json!({
            "name": api::name(promotion), "freight": promotion["status"]["freight"], "finishedAt": promotion["status"]["finishedAt"],
            "status": {"phase": phase(promotion), "message": promotion["status"]["message"], "freightCollection": promotion["status"]["freightCollection"]},
        });
        status["lastPromotion"] = summary;
        if phase(promotion) == "Succeeded" {
            push_history(status, &promotion["status"]["freightCollection"]);
            decision.because.push(model::Reason {
                code: None,
                text: format!("{} runs freight {}", api::name(&seen.object), short(text(promotion, &["spec", "freight"]))),
            });
        }
    }
    let next = promotions.iter().find(|promotion| phase(promotion) == "Running").or_else(|| {
        let mut waiting = promotions.iter().filter(|promotion| !terminal(promotion));
        waiting.next().filter(|_| !verification_open(status, seen))
    });
    match next {
        Some(promotion) => {
            status["currentPromotion"] = json!({"name": api::name(promotion), "freight": {"name": promotion["spec"]["freight"]}, "status": {"phase": phase(promotion)}});
        }
        None => {
            status.as_object_mut().map(|fields| fields.remove("currentPromotion"));
        }
    }
}

fn push_history(status: &mut Value, collection: &Value) {
    let mut history = status["freightHistory"].as_array().cloned().unwrap_or_default();
    history.insert(0, collection.clone());
    history.truncate(HISTORY);
    status["freightHistory"] = Value::Array(history);
}

/// The next Promotion waits while what was promoted before is still being verified.
fn verification_open(status: &Value, seen: &Observed) -> bool {
    let Some(newest) = status["freightHistory"].get(0) else { return false };
    let asked = seen.object["spec"]["verification"].is_object();
    let phase = text(&newest["verificationHistory"][0], &["phase"]);
    asked && seen.deployed(status) == Verdict::Pass && matches!(phase, "" | "Pending" | "Running")
}

struct Current {
    collection: String,
    freight: Vec<String>,
}

fn current(status: &Value) -> Option<Current> {
    let newest = status["freightHistory"].get(0)?;
    let items = newest["items"].as_object()?;
    let freight = items.values().map(|item| text(item, &["name"]).to_owned()).collect();
    Some(Current { collection: text(newest, &["id"]).to_owned(), freight })
}

/// Writes where each Freight is, into the Freight itself.
fn place(seen: &Observed, current: &Current, decision: &mut Decision<Value>) {
    let stage = api::name(&seen.object);
    for freight in &seen.freight {
        let here = current.freight.iter().any(|name| name == api::name(freight));
        let noted = freight["status"]["currentlyIn"][stage].is_object();
        if here && !noted {
            decision.actions.push(note_freight(seen, freight, json!({"currentlyIn": {stage: {"since": seen.now.to_string()}}})));
        } else if noted && !here {
            let mut patch = json!({"currentlyIn": {stage: null}});
            if let Some(soak) = soaked(freight, stage, seen.now) {
                patch["verifiedIn"] = json!({stage: {"longestSoak": soak}});
            }
            decision.actions.push(note_freight(seen, freight, patch));
        }
    }
}

fn soaked(freight: &Value, stage: &str, now: Timestamp) -> Option<String> {
    freight["status"]["verifiedIn"][stage].as_object()?;
    let since: Timestamp = text(&freight["status"]["currentlyIn"][stage], &["since"]).parse().ok()?;
    let soak = std::time::Duration::try_from(now.duration_since(since)).ok()?;
    let longest = golang::parse_duration(text(&freight["status"]["verifiedIn"][stage], &["longestSoak"])).unwrap_or_default();
    Some(golang::format_duration(std::time::Duration::from_secs(soak.max(longest).as_secs())))
}

fn note_freight(seen: &Observed, freight: &Value, status: Value) -> Action {
    let object = ObjectRef {
        api_version: KARGO.into(),
        kind: "Freight".into(),
        namespace: api::namespace(&seen.object).into(),
        name: api::name(freight).into(),
    };
    let patch = json!({"status": status});
    Action::Patch { cluster: seen.cluster.clone(), manager: MANAGER.into(), object, patch, subresource: Some("status".into()) }
}

fn tell_health(seen: &Observed, status: &mut Value, deployed: Option<&Verdict>, promoting: bool) {
    let (word, condition, message) = match deployed {
        None => ("Unknown", "Unknown", "Stage has no Freight".to_owned()),
        Some(_) if promoting => ("Unknown", "Unknown", "Stage has a Promotion in progress".to_owned()),
        Some(Verdict::Pass) => ("Healthy", "True", "Stage is healthy".to_owned()),
        Some(Verdict::Wait { why, .. }) => ("Progressing", "Unknown", why.clone()),
        Some(Verdict::Refuse { why, .. }) => ("Unhealthy", "False", why.clone()),
    };
    status["health"] = json!({"status": word});
    if word != "Healthy" {
        status["health"]["issues"] = json!([message]);
    }
    let condition = Condition { kind: "Healthy", status: condition, reason: word, message: &message };
    set_condition(status, &condition, generation(&seen.object), seen.now);
}

fn tell_ready(seen: &Observed, status: &mut Value, promoting: bool) {
    let object = json!({"status": status});
    let verified = api::is_true(&object, "Verified");
    let healthy = api::is_true(&object, "Healthy");
    let (state, reason, message) = match (promoting, status["freightHistory"][0].is_null(), healthy, verified) {
        (true, ..) => ("False", "ActivePromotion", "Stage has a Promotion in progress"),
        (_, true, ..) => ("False", "NoFreight", "Stage has no current Freight"),
        (_, _, false, _) => ("False", "NotHealthy", "Stage is not healthy"),
        (_, _, _, false) => ("False", "NotVerified", "Stage is not verified"),
        _ => ("True", "Verified", "Stage is healthy and verified"),
    };
    set_condition(status, &Condition { kind: "Ready", status: state, reason, message }, generation(&seen.object), seen.now);
}

fn summary(status: &Value) -> String {
    match status["freightHistory"][0]["items"].as_object() {
        Some(items) if items.len() == 1 => items.values().next().map(|item| text(item, &["name"]).to_owned()).unwrap_or_default(),
        Some(items) => format!("{0}/{0} Fulfilled", items.len()),
        None => "0/1 Fulfilled".to_owned(),
    }
}

/// Verifies what runs: only once the target reports the promoted digest applied and healthy.
fn verify(seen: &Observed, status: &mut Value, current: &Current, decision: &mut Decision<Value>) {
    let deployed = seen.deployed(status);
    if deployed != Verdict::Pass {
        *decision = std::mem::replace(decision, Decision::of(Value::Null)).heed(&deployed);
        return;
    }
    let spec = &seen.object["spec"]["verification"];
    let promotion = text(status, &["lastPromotion", "name"]).to_owned();
    if !spec.is_object() {
        tell_verification(seen, status, "Successful", "", None);
        mark_verified(seen, current, decision);
        return;
    }
    let run = run_name(&seen.object, &promotion, &current.collection);
    let Some(live) = seen.runs.iter().find(|live| api::name(live) == run) else {
        return start_run(seen, status, &run, current, &promotion, decision);
    };
    let phase = match text(live, &["status", "phase"]) {
        "" => "Pending",
        phase => phase,
    };
    tell_verification(seen, status, phase, text(live, &["status", "message"]), Some(live));
    let word = short(&current.freight.concat());
    let stage = api::name(&seen.object);
    match phase {
        "Successful" => mark_verified(seen, current, decision),
        "Pending" | "Running" => wait(decision, Code::Verifying, format!("verification {run} is running")),
        phase => wait(
            decision,
            Code::VerificationFailed,
            format!("verification of freight {word} at {stage} is {phase}: {}", text(live, &["status", "message"])),
        ),
    }
}

fn wait(decision: &mut Decision<Value>, code: Code, why: String) {
    decision.because.push(model::Reason { code: Some(code), text: why });
}

/// `<stage>.<ulid of the Promotion>.<collection>`: one run for each Promotion, whoever asks again.
fn run_name(stage: &Value, promotion: &str, collection: &str) -> String {
    let ulid = promotion.rsplit('.').nth(1).unwrap_or_default();
    format!("{}.{ulid}.{collection}", api::name(stage))
}

fn start_run(seen: &Observed, status: &mut Value, run: &str, current: &Current, promotion: &str, decision: &mut Decision<Value>) {
    let owners: Vec<&Value> = seen.freight.iter().filter(|freight| current.freight.iter().any(|name| name == api::name(freight))).collect();
    match analysis::build(seen, run, &current.collection, promotion, &owners) {
        Ok(object) => {
            tell_verification(seen, status, "Pending", "", None);
            decision.because.push(model::Reason {
                code: None,
                text: format!("verification starts: {} runs what was promoted", api::name(&seen.object)),
            });
            decision.actions.push(Action::Create { cluster: seen.cluster.clone(), manager: MANAGER.into(), object });
        }
        Err(why) => {
            tell_verification(seen, status, "Error", &why, None);
            wait(decision, Code::VerificationFailed, why);
        }
    }
}

fn tell_verification(seen: &Observed, status: &mut Value, phase: &str, message: &str, run: Option<&Value>) {
    let newest = &mut status["freightHistory"][0];
    let old = newest["verificationHistory"][0].clone();
    let mut info = json!({"id": old["id"], "startTime": old["startTime"], "phase": phase});
    if info["id"].is_null() {
        info["id"] = json!(uuid(&format!("{}/{}", api::uid(&seen.object), newest["id"])));
    }
    if info["startTime"].is_null() {
        info["startTime"] = json!(seen.now.to_string());
    }
    if !message.is_empty() {
        info["message"] = json!(message);
    }
    if let Some(run) = run {
        info["analysisRun"] = json!({"namespace": api::namespace(run), "name": api::name(run), "phase": phase});
    }
    if !matches!(phase, "Pending" | "Running") {
        info["finishTime"] = if old["finishTime"].is_null() { json!(seen.now.to_string()) } else { old["finishTime"].clone() };
    }
    newest["verificationHistory"] = json!([info]);
    let (state, reason) = match phase {
        "Successful" => ("True", "Verified"),
        "Pending" | "Running" => ("Unknown", "VerificationPending"),
        _ => ("False", "VerificationFailed"),
    };
    let message = if message.is_empty() { format!("verification is {phase}") } else { message.to_owned() };
    set_condition(status, &Condition { kind: "Verified", status: state, reason, message: &message }, generation(&seen.object), seen.now);
}

/// An id that is the same whenever the same thing is told.
fn uuid(seed: &str) -> String {
    let digest = model::Digest::of(seed.as_bytes());
    let hex = digest.hex();
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

fn mark_verified(seen: &Observed, current: &Current, decision: &mut Decision<Value>) {
    let stage = api::name(&seen.object);
    for freight in seen.freight.iter().filter(|freight| current.freight.iter().any(|name| name == api::name(freight))) {
        if freight["status"]["verifiedIn"][stage].is_object() {
            continue;
        }
        decision.because.push(model::Reason { code: None, text: format!("freight {} is verified at {stage}", short(api::name(freight))) });
        decision.actions.push(note_freight(seen, freight, json!({"verifiedIn": {stage: {"verifiedAt": seen.now.to_string()}}})));
    }
}

/// Creates a Promotion of the newest Freight that may enter, where a policy says so.
fn promote(seen: &Observed, status: &mut Value, promoting: bool, decision: &mut Decision<Value>) {
    let automatic = automatic(&seen.object, &seen.configs);
    status["autoPromotionEnabled"] = json!(automatic == Verdict::Pass);
    let requests = seen.object["spec"]["requestedFreight"].as_array().cloned().unwrap_or_default();
    for request in &requests {
        let origin = freight::origin(request);
        let mut candidates: Vec<Value> = seen.freight.iter().filter(|freight| freight::origin(freight) == origin).cloned().collect();
        freight::newest_first(&mut candidates);
        let mut held = None;
        let candidate = candidates.iter().find(|candidate| match freight::available(&seen.object, candidate, seen.now) {
            Verdict::Pass => true,
            verdict => {
                held.get_or_insert(verdict);
                false
            }
        });
        if let Some(verdict) = held.filter(|_| candidate.is_none_or(|candidate| is_current(status, candidate))) {
            if let Verdict::Wait { until: Some(until), .. } = &verdict {
                decision.look_again(*until);
            }
            *decision = std::mem::replace(decision, Decision::of(Value::Null)).heed(&verdict);
        }
        let Some(candidate) = candidate else { continue };
        match may_promote(seen, status, candidate, promoting, &automatic) {
            Verdict::Pass => {
                let stage = api::name(&seen.object);
                decision
                    .because
                    .push(model::Reason { code: None, text: format!("freight {} may enter {stage}", short(api::name(candidate))) });
                decision.actions.push(create_promotion(seen, candidate));
            }
            Verdict::Wait { code: Code::Promoting, .. } => {}
            // A pause ends by itself at its time.
            verdict => *decision = std::mem::replace(decision, Decision::of(Value::Null)).heed(&verdict),
        }
    }
}

fn is_current(status: &Value, freight: &Value) -> bool {
    let items = status["freightHistory"][0]["items"].as_object();
    items.into_iter().flat_map(|items| items.values()).any(|item| item["name"] == api::name(freight))
}

fn may_promote(seen: &Observed, status: &Value, candidate: &Value, promoting: bool, automatic: &Verdict) -> Verdict {
    let wait = |code: Code, why: String| Verdict::Wait { code, why, until: None };
    let name = api::name(candidate);
    if is_current(status, candidate) || promoting {
        return wait(Code::Promoting, String::new());
    }
    match hold::paused(&seen.object, seen.project.as_ref(), seen.now) {
        Verdict::Pass => {}
        held => return held,
    }
    if *automatic != Verdict::Pass {
        return automatic.clone();
    }
    let mut mine: Vec<&Value> = seen.promotions.iter().filter(|promotion| text(promotion, &["spec", "freight"]) == name).collect();
    mine.sort_by(|a, b| api::name(a).cmp(api::name(b)));
    match mine.last() {
        None => Verdict::Pass,
        Some(last) if !terminal(last) => wait(Code::Promoting, String::new()),
        // One that succeeded and is not current any more was replaced on purpose; one that failed waits for a person.
        Some(last) if phase(last) == "Succeeded" => wait(Code::Promoting, String::new()),
        Some(last) => {
            wait(Code::PromotionFailed, format!("promotion {} is {}: {}", api::name(last), phase(last), text(last, &["status", "message"])))
        }
    }
}

/// Decides whether the first policy that names the Stage makes it automatic.
fn automatic(stage: &Value, configs: &[Value]) -> Verdict {
    let name = api::name(stage);
    let policies = configs.iter().filter_map(|config| config["spec"]["promotionPolicies"].as_array()).flatten();
    let policy = policies.into_iter().find(|policy| selects(policy, stage));
    if policy.is_some_and(|policy| policy["autoPromotionEnabled"] == true) {
        return Verdict::Pass;
    }
    Verdict::Wait { code: Code::NotAutomatic, why: format!("promotion to {name} is not automatic: a person promotes"), until: None }
}

fn selects(policy: &Value, stage: &Value) -> bool {
    let name = api::name(stage);
    if policy["stage"].is_string() {
        return policy["stage"] == name;
    }
    let selector = &policy["stageSelector"];
    let pattern = text(selector, &["name"]);
    let named = match pattern.split_once(':') {
        Some(("regex" | "regexp", pattern)) => golang::regexp(pattern).is_ok_and(|regex| regex.is_match(name)),
        Some(("glob", pattern)) => golang::glob(pattern, name),
        _ => pattern.is_empty() || pattern == name,
    };
    let labels = selector["matchLabels"].as_object();
    let labelled = labels.into_iter().flatten().all(|(key, value)| api::label(stage, key) == value.as_str());
    // An empty selector selects nothing, and expressions are not supported: refusing to match is the safe side.
    named && labelled && selector.as_object().is_some_and(|selector| !selector.is_empty()) && selector["matchExpressions"].is_null()
}

fn create_promotion(seen: &Observed, freight: &Value) -> Action {
    let object = promotion_of(&seen.object, api::name(freight), seen.now, "controller:kargo");
    Action::Create { cluster: seen.cluster.clone(), manager: MANAGER.into(), object }
}

/// Makes the Promotion of a Freight into a Stage, from the Stage's template; `actor` is who wants it.
pub fn promotion_of(stage: &Value, freight: &str, now: Timestamp, actor: &str) -> Value {
    let template = &stage["spec"]["promotionTemplate"]["spec"];
    let mut vars = stage["spec"]["vars"].as_array().cloned().unwrap_or_default();
    vars.extend(template["vars"].as_array().cloned().unwrap_or_default());
    let mut object = json!({
        "apiVersion": KARGO,
        "kind": "Promotion",
        "metadata": {
            "name": names::promotion(api::name(stage), freight, now),
            "namespace": api::namespace(stage),
            "labels": {"kargo.akuity.io/stage": api::name(stage)},
            "annotations": {"kargo.akuity.io/stage": api::name(stage), "kargo.akuity.io/create-actor": actor},
            "ownerReferences": [{"apiVersion": KARGO, "kind": "Stage", "name": api::name(stage), "uid": api::uid(stage), "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {"stage": api::name(stage), "freight": freight, "steps": template["steps"]},
    });
    if !vars.is_empty() {
        object["spec"]["vars"] = Value::Array(vars);
    }
    object
}

fn short(name: &str) -> String {
    name.chars().take(7).collect()
}

/// The API version of the templates, for whoever reads them.
pub const TEMPLATES: &str = ARGO;

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> Observed {
        let object = json!({
            "apiVersion": KARGO, "kind": "Stage", "metadata": {"name": "dev", "namespace": "p", "uid": "s1", "generation": 1},
            "spec": {
                "requestedFreight": [{"origin": {"kind": "Warehouse", "name": "w"}, "sources": {"direct": true}}],
                "promotionTemplate": {"spec": {"steps": [
                    {"uses": "git-clone", "config": {"repoURL": "https://gitea.internal/org/deployment", "checkout": [{"branch": "main", "path": "./out"}]}},
                    {"uses": "yaml-update", "config": {"path": "./out/clusters/dev/myapp.yaml", "updates": []}},
                ]}},
                "verification": {"analysisTemplates": [{"name": "t"}]},
            },
        });
        let freight = json!({"metadata": {"name": "abcdefgh", "uid": "f1"}, "origin": {"kind": "Warehouse", "name": "w"}, "discoveredAt": "2026-01-01T00:00:00Z",
            "images": [{"repoURL": "r/x", "tag": "0.5.1", "digest": "sha256:aa"}]});
        let template = json!({"metadata": {"name": "t"}, "spec": {"metrics": [{"name": "m", "provider": {"job": {"spec": {"template": {"spec": {}}}}}}]}});
        Observed {
            cluster: ClusterName("management".into()),
            object,
            now: "2026-01-01T00:00:10Z".parse().expect("a time"),
            configs: vec![json!({"spec": {"promotionPolicies": [{"stageSelector": {"name": "dev"}, "autoPromotionEnabled": true}]}})],
            project: None,
            freight: vec![freight],
            promotions: Vec::new(),
            runs: Vec::new(),
            templates: vec![("t".into(), Some(template))],
            deployed: Verdict::Wait { code: Code::NotDeployed, why: "not yet".into(), until: None },
        }
    }

    fn told(decision: &Decision<Value>) -> String {
        decision.because.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join("; ")
    }

    fn created(decision: &Decision<Value>, kind: &str) -> Option<Value> {
        decision.actions.iter().find_map(|action| match action {
            Action::Create { object, .. } if object["kind"] == kind => Some(object.clone()),
            _ => None,
        })
    }

    #[test]
    fn the_target_is_what_the_steps_edit() {
        let found = target(&world().object).expect("a target");
        let expected = Target { repository: "https://gitea.internal/org/deployment".into(), path: "clusters/dev/myapp.yaml".into() };
        assert_eq!(found, expected);
        let mut stage = world().object;
        stage["spec"]["vars"] = json!([{"name": "host", "value": "gitea.internal"}]);
        let template = &mut stage["spec"]["promotionTemplate"]["spec"];
        template["vars"] = json!([{"name": "repository", "value": "https://${{ vars.host }}/org/deployment"}]);
        template["steps"][0]["config"]["repoURL"] = json!("${{ vars.repository }}");
        template["steps"][1]["config"]["path"] = json!("./out/clusters/${{ ctx.stage }}/myapp.yaml");
        assert_eq!(target(&stage), Some(expected));
        stage["spec"]["promotionTemplate"]["spec"]["steps"][0]["config"]["repoURL"] = json!("${{ outputs.x }}");
        assert_eq!(target(&stage), None);
    }

    #[test]
    fn a_stage_promotes_waits_verifies_and_marks() {
        let mut seen = world();
        let first = decide(&seen);
        let mut promotion = created(&first, "Promotion").expect("a promotion");
        seen.object["status"] = first.status;
        // While it runs nothing else starts.
        promotion["status"] = json!({"phase": "Running"});
        seen.promotions = vec![promotion.clone()];
        let second = decide(&seen);
        assert!(second.actions.is_empty());
        assert_eq!(second.status["currentPromotion"]["name"], promotion["metadata"]["name"]);
        seen.object["status"] = second.status;
        // It succeeds: the Freight is here, but nothing is verified before it runs.
        promotion["status"] = json!({"phase": "Succeeded", "finishedAt": "2026-01-01T00:00:11Z", "freightCollection": {
            "id": "c1", "items": {"Warehouse/w": {"name": "abcdefgh", "images": [{"digest": "sha256:aa"}]}}}});
        seen.promotions = vec![promotion];
        // What was asked before was about the Freight before: even a good answer says nothing of this one.
        seen.deployed = Verdict::Pass;
        let third = decide(&seen);
        assert!(created(&third, "AnalysisRun").is_none());
        assert!(told(&third).contains("not been asked about"), "{}", told(&third));
        seen.object["status"] = third.status;
        seen.deployed = Verdict::Wait { code: Code::NotDeployed, why: "not yet".into(), until: None };
        let waiting = decide(&seen);
        assert!(created(&waiting, "AnalysisRun").is_none());
        assert!(told(&waiting).contains("not yet"), "{}", told(&waiting));
        seen.object["status"] = waiting.status;
        assert_eq!(current_digests(&seen.object), ["sha256:aa"]);
        seen.deployed = Verdict::Pass;
        let fourth = decide(&seen);
        let mut run = created(&fourth, "AnalysisRun").expect("a run");
        seen.object["status"] = fourth.status;
        run["status"] = json!({"phase": "Running"});
        seen.runs = vec![run.clone()];
        assert!(created(&decide(&seen), "AnalysisRun").is_none());
        run["status"] = json!({"phase": "Successful"});
        seen.runs = vec![run.clone()];
        let fifth = decide(&seen);
        assert!(told(&fifth).contains("freight abcdefg is verified at dev"), "{}", told(&fifth));
        assert!(api::is_true(&json!({"status": fifth.status}), "Ready"));
        run["status"] = json!({"phase": "Failed", "message": "tests"});
        seen.runs = vec![run];
        assert!(told(&decide(&seen)).contains("verification of freight abcdefg at dev is Failed: tests"));
    }

    #[test]
    fn a_failed_promotion_is_not_tried_again() {
        let mut seen = world();
        let mut promotion = created(&decide(&seen), "Promotion").expect("a promotion");
        promotion["status"] = json!({"phase": "Errored", "message": "no"});
        seen.promotions = vec![promotion];
        let decision = decide(&seen);
        assert!(decision.actions.is_empty() && told(&decision).contains("is Errored: no"), "{}", told(&decision));
        let mut seen = world();
        seen.configs.clear();
        assert!(told(&decide(&seen)).contains("not automatic"));
    }

    #[test]
    fn a_paused_stage_promotes_nothing_and_says_why() {
        let mut seen = world();
        seen.object["metadata"]["annotations"] = json!({hold::PAUSED: hold::note("ann", "a fire", seen.now, None)});
        let decision = decide(&seen);
        assert!(decision.actions.is_empty() && told(&decision).contains("stage dev is paused by ann"), "{}", told(&decision));
        seen.object["metadata"]["annotations"] = json!({});
        seen.project = Some(json!({"metadata": {"annotations": {hold::PAUSED: "all"}}}));
        assert!(decide(&seen).actions.is_empty());
        seen.project = None;
        assert!(created(&decide(&seen), "Promotion").is_some());
        seen.freight[0]["metadata"]["annotations"] = json!({hold::REJECTED: "bad"});
        assert!(created(&decide(&seen), "Promotion").is_none());
    }

    #[test]
    fn deployed_means_applied_and_ready() {
        let digests = ["sha256:aa".to_owned()];
        let live = |revision: &str, ready: &str| {
            json!({"metadata": {"name": "k", "generation": 1}, "status": {"observedGeneration": 1, "lastAppliedRevision": revision,
            "conditions": [{"type": "Ready", "status": ready}]}})
        };
        assert_eq!(deployed(&digests, Some(&live("0.5.1@sha256:aa", "True"))), Verdict::Pass);
        assert_ne!(deployed(&digests, Some(&live("0.5.1@sha256:aa", "False"))), Verdict::Pass);
        assert_ne!(deployed(&digests, Some(&live("0.5.1@sha256:bb", "True"))), Verdict::Pass);
        assert_ne!(deployed(&digests, None), Verdict::Pass);
    }
}
