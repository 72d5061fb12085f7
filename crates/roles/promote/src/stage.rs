//! Stage: record what was promoted, wait until it runs, verify it, and promote the next.
//! Follows akuity/kargo `pkg/controller/stages/regular_stages.go`, but verification waits for the delivery engine to
//! report the promoted digest, and a run is never adopted across Promotions.

use api::{Condition, generation, set_condition, text};
use model::{Action, ClusterName, Code, Decision, ObjectRef, Timestamp, Verdict};
use serde_json::{Value, json};

use crate::automation::{self, automatic};
use crate::events::Told;
use crate::{ARGO, KARGO, MANAGER, analysis, freight, history, hold, names};

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
    /// The revision that the target cluster runs, where it is at rest with one.
    pub running: Option<String>,
}

impl Observed {
    /// Returns what the target cluster says of the Freight that this status names. The cluster was asked about the Freight
    /// before; of one that came only now nothing is known.
    fn deployed(&self, status: &Value) -> Verdict {
        if digests_of(status) == current_digests(&self.object) {
            return self.drifted(status).unwrap_or_else(|| self.deployed.clone());
        }
        Verdict::Wait {
            code: Code::NotDeployed,
            why: "the target has not been asked about the promoted digest yet".into(),
            until: Some(self.now),
        }
    }
}

impl Observed {
    /// Tells that what was promoted did run, and that something else runs since: somebody has moved the pointer. That is theirs
    /// to do; it is said, and not undone.
    fn drifted(&self, status: &Value) -> Option<Verdict> {
        let ran = !text(&status["freightHistory"][0]["verificationHistory"][0], &["phase"]).is_empty();
        let running = self.running.as_deref().filter(|_| ran && self.deployed != Verdict::Pass)?;
        let promoted = digests_of(status);
        if promoted.iter().any(|digest| running.ends_with(digest.as_str())) {
            return None;
        }
        let digest = running.rsplit_once('@').map_or(running, |(_, digest)| digest);
        let known = self.freight.iter().find(|freight| images(freight).any(|image| image["digest"] == digest));
        let known = known.map(|freight| format!(" (freight {})", short(api::name(freight)))).unwrap_or_default();
        let stage = api::name(&self.object);
        let why = format!("{stage} runs {}{known}, which was not promoted: its pointer was edited by hand", brief(running));
        Some(Verdict::Wait { code: Code::Drifted, why, until: None })
    }
}

fn images(freight: &Value) -> impl Iterator<Item = &Value> {
    freight["images"].as_array().into_iter().flatten()
}

/// Cuts a revision's digest to twelve characters.
fn brief(revision: &str) -> &str {
    let end = revision.find("sha256:").map_or(revision.len(), |at| (at + 19).min(revision.len()));
    &revision[..end]
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
    if let Some(why) = api::refusal(&seen.object) {
        return Decision::of(status).wait(Code::Unsupported, why, None);
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
    for why in seen.configs.iter().filter_map(api::refusal) {
        wait(&mut decision, Code::Unsupported, format!("the ProjectConfig: {why}"));
    }
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
    promotions.sort_by_key(|promotion| names::order(promotion));
    let last = text(status, &["lastPromotion", "name"]).to_owned();
    let before = promotions.iter().find(|promotion| api::name(promotion) == last).map_or_else(
        // It was cleared away: its name still tells when it was wanted.
        || names::order(&json!({"metadata": {"name": last, "creationTimestamp": status["lastPromotion"]["finishedAt"]}})),
        |promotion| names::order(promotion),
    );
    for promotion in promotions.iter().filter(|promotion| terminal(promotion) && (last.is_empty() || names::order(promotion) > before)) {
        status["lastPromotion"] = history::summary(promotion);
        automation::heed(status, promotion, seen.now);
        if phase(promotion) == "Succeeded" {
            history::push(status, &promotion["status"]["freightCollection"]);
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
    // A hold stands wherever the Stage is shown.
    let message = match hold::paused(&seen.object, seen.project.as_ref(), seen.now) {
        Verdict::Wait { why, .. } => format!("{message}; {why}"),
        Verdict::Pass | Verdict::Refuse { .. } => message.to_owned(),
    };
    set_condition(status, &Condition { kind: "Ready", status: state, reason, message: &message }, generation(&seen.object), seen.now);
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
    let promotion = brought_by(status, &seen.promotions);
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
        phase => {
            let why = format!("verification of freight {word} at {stage} is {phase}: {}", text(live, &["status", "message"]));
            wait(decision, Code::VerificationFailed, why);
            tell_failure(seen, current, phase, text(live, &["status", "message"]), decision);
            roll_back(seen, status, phase, decision);
        }
    }
}

/// Goes back to what was good before, where the Stage's policy says so. The Promotion's name is of the moment at which the
/// verification ended, so that whoever decides this twice decides the same.
fn roll_back(seen: &Observed, status: &Value, phase: &str, decision: &mut Decision<Value>) {
    let brought = brought_by(status, &seen.promotions);
    let last = seen.promotions.iter().find(|promotion| api::name(promotion) == brought);
    if !automation::rolls_back(&seen.object, &seen.configs, phase, last) || !seen.promotions.iter().all(terminal) {
        return;
    }
    let stage = json!({"metadata": seen.object["metadata"], "status": status});
    let Some(good) = automation::last_good(&stage, &seen.freight) else {
        return wait(
            decision,
            Code::NoFreight,
            format!("{} cannot go back: no Freight was verified there before", api::name(&seen.object)),
        );
    };
    if hold::paused(&seen.object, seen.project.as_ref(), seen.now) != Verdict::Pass {
        return;
    }
    let ended = text(&status["freightHistory"][0]["verificationHistory"][0], &["finishTime"]).parse().unwrap_or(seen.now);
    let mut object = promotion_of(&seen.object, api::name(good), ended, "controller:kargo");
    object["metadata"]["annotations"][automation::ROLLBACK] = json!("true");
    object["metadata"]["annotations"][automation::HOLD] = json!(freight::origin(good));
    decision.because.push(model::Reason {
        code: None,
        text: format!("{} goes back to freight {}, verified there before", api::name(&seen.object), short(api::name(good))),
    });
    let message = format!("Rolled back Stage {:?} after verification is {phase}", api::name(&seen.object));
    let created = told(seen, "PromotionCreated", &message).of_promotion(&object, Some(good));
    decision.actions.push(Action::Create { cluster: seen.cluster.clone(), manager: MANAGER.into(), object });
    decision.actions.push(created);
}

fn wait(decision: &mut Decision<Value>, code: Code, why: String) {
    decision.because.push(model::Reason { code: Some(code), text: why });
}

/// Returns the name of the Promotion that brought what the Stage runs: the newest that succeeded with that Freight. One that failed
/// since has brought nothing.
pub fn brought_by(status: &Value, promotions: &[Value]) -> String {
    let current: Vec<String> = current(status).map(|current| current.freight).unwrap_or_default();
    let succeeded = promotions
        .iter()
        .filter(|one| phase(one) == "Succeeded" && current.iter().any(|freight| one["spec"]["freight"] == freight.as_str()));
    let newest = succeeded.max_by_key(|one| names::order(one));
    newest.map_or_else(|| text(status, &["lastPromotion", "name"]), api::name).to_owned()
}

/// `<stage>.<ulid of the Promotion>.<collection>`: one run for each Promotion, whoever asks again.
fn run_name(stage: &Value, promotion: &str, collection: &str) -> String {
    format!("{}.{}.{collection}", api::name(stage), names::ulid_of(promotion))
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
            tell_failure(seen, current, "Error", &why, decision);
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
        decision.actions.push(told(seen, "FreightVerificationSucceeded", "Freight verification succeeded").of_freight(freight));
    }
}

/// Starts an Event of this Stage's controller.
fn told<'a>(seen: &'a Observed, reason: &'a str, message: &'a str) -> Told<'a> {
    Told {
        cluster: &seen.cluster,
        project: api::namespace(&seen.object),
        actor: "controller:stage-controller",
        reason,
        message,
        at: seen.now,
        stage: api::name(&seen.object),
    }
}

/// Tells once that a verification has ended badly: when its phase is not yet what the Stage says.
fn tell_failure(seen: &Observed, current: &Current, phase: &str, message: &str, decision: &mut Decision<Value>) {
    let known = text(&seen.object["status"]["freightHistory"][0]["verificationHistory"][0], &["phase"]);
    if known == phase {
        return;
    }
    let reason = match phase {
        "Failed" => "FreightVerificationFailed",
        "Inconclusive" => "FreightVerificationInconclusive",
        _ => "FreightVerificationErrored",
    };
    for freight in seen.freight.iter().filter(|freight| current.freight.iter().any(|name| name == api::name(freight))) {
        decision.actions.push(told(seen, reason, message).of_freight(freight));
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
        if automatic != Verdict::Pass {
            status.as_object_mut().map(|fields| fields.remove("autoPromotionHolds"));
        }
        match may_promote(seen, status, candidate, promoting, &automatic) {
            Verdict::Pass => {
                let stage = api::name(&seen.object);
                decision
                    .because
                    .push(model::Reason { code: None, text: format!("freight {} may enter {stage}", short(api::name(candidate))) });
                decision.actions.extend(create_promotion(seen, candidate));
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
    match automation::held(&seen.object, status, &freight::origin(candidate)) {
        Verdict::Pass => {}
        held => return held,
    }
    let mut mine: Vec<&Value> = seen.promotions.iter().filter(|promotion| text(promotion, &["spec", "freight"]) == name).collect();
    mine.sort_by_key(|promotion| names::order(promotion));
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

fn create_promotion(seen: &Observed, freight: &Value) -> [Action; 2] {
    let object = promotion_of(&seen.object, api::name(freight), seen.now, "controller:kargo");
    let (origin, stage) = (freight::origin(freight), api::name(&seen.object));
    let message = format!("Automatically promoted Freight from origin {origin:?} for Stage {stage:?}");
    let event = told(seen, "PromotionCreated", &message).of_promotion(&object, Some(freight));
    [Action::Create { cluster: seen.cluster.clone(), manager: MANAGER.into(), object }, event]
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
            running: None,
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

    /// A Stage that runs `new` (digest bb) after `old` (digest aa), both promoted, with this state of the verification.
    fn after_two(phase: &str) -> Observed {
        let mut seen = world();
        let freight = |name: &str, digest: &str, at: &str| {
            json!({"metadata": {"name": name}, "origin": {"kind": "Warehouse", "name": "w"}, "discoveredAt": at,
                "images": [{"repoURL": "r/x", "tag": "1", "digest": digest}], "status": {}})
        };
        let (mut old, new) =
            (freight("oldoldold", "sha256:aa", "2026-01-01T00:00:00Z"), freight("newnewnew", "sha256:bb", "2026-01-01T00:00:01Z"));
        old["status"] = json!({"verifiedIn": {"dev": {"verifiedAt": "2026-01-01T00:00:00Z"}}});
        let entry = |name: &str, digest: &str, phase: &str| json!({"id": name, "items": {"Warehouse/w": {"name": name, "images": [{"repoURL": "r/x", "digest": digest}]}}, "verificationHistory": [{"phase": phase, "finishTime": "2026-01-01T00:00:09Z"}]});
        seen.object["status"] = json!({"freightHistory": [entry("newnewnew", "sha256:bb", phase), entry("oldoldold", "sha256:aa", "Successful")],
            "lastPromotion": {"name": "dev.2.newnewn"}});
        seen.freight = vec![old, new];
        let promoted = |name: &str, freight: &str| json!({"metadata": {"name": name}, "spec": {"stage": "dev", "freight": freight}, "status": {"phase": "Succeeded"}});
        seen.promotions = vec![promoted("dev.1.oldoldo", "oldoldold"), promoted("dev.2.newnewn", "newnewnew")];
        seen.runs = vec![
            json!({"metadata": {"name": run_name(&seen.object, "dev.2.newnewn", "newnewnew")}, "status": {"phase": phase, "message": "tests"}}),
        ];
        seen.deployed = Verdict::Pass;
        seen
    }

    #[test]
    fn a_stage_whose_verification_failed_goes_back_where_its_policy_asks_for_it() {
        let mut seen = after_two("Failed");
        assert!(created(&decide(&seen), "Promotion").is_none());
        seen.configs[0]["spec"]["promotionPolicies"][0]["autoRollback"] = json!({});
        let decision = decide(&seen);
        let back = created(&decision, "Promotion").expect("it goes back");
        assert_eq!(back["spec"]["freight"], "oldoldold");
        assert_eq!(back["metadata"]["annotations"][automation::ROLLBACK], "true");
        assert_eq!(back["metadata"]["annotations"][automation::HOLD], "Warehouse/w");
        assert!(told(&decision).contains("dev goes back to freight oldoldo"), "{}", told(&decision));
        // Decided again it is the same Promotion; while that one is there, nothing more is wanted.
        seen.now = "2026-01-01T01:00:00Z".parse().expect("a time");
        assert_eq!(created(&decide(&seen), "Promotion").expect("still")["metadata"]["name"], back["metadata"]["name"]);
        seen.promotions.push(json!({"metadata": back["metadata"], "spec": back["spec"], "status": {"phase": "Pending"}}));
        assert!(created(&decide(&seen), "Promotion").is_none());
    }

    #[test]
    fn a_pointer_that_somebody_edited_is_told_and_not_fought() {
        let mut seen = after_two("Successful");
        seen.deployed = Verdict::Wait { code: Code::NotDeployed, why: "not applied".into(), until: None };
        seen.running = Some("0.5.1@sha256:aa".into());
        let decision = decide(&seen);
        let expected = "dev runs 0.5.1@sha256:aa (freight oldoldo), which was not promoted: its pointer was edited by hand";
        assert!(told(&decision).contains(expected), "{}", told(&decision));
        assert_eq!(decision.status["health"]["issues"][0], expected);
        assert!(created(&decision, "Promotion").is_none() && created(&decision, "AnalysisRun").is_none());
        // What was never seen to run is only on its way.
        seen.object["status"]["freightHistory"][0]["verificationHistory"] = json!([]);
        assert!(!told(&decide(&seen)).contains("by hand"));
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
    fn what_is_not_supported_stops_a_stage_and_is_told() {
        let mut seen = world();
        seen.object["spec"]["targets"] = json!({"selectors": [{}]});
        let decision = decide(&seen);
        assert!(decision.actions.is_empty() && told(&decision) == "spec.targets is not supported yet: remove it", "{}", told(&decision));
        let mut seen = world();
        let mut config = seen.configs[0].clone();
        config["apiVersion"] = json!(KARGO);
        config["kind"] = json!("ProjectConfig");
        config["spec"]["promotionPolicies"][0]["autoRollback"] = json!({"onPromotion": ["Failed"]});
        seen.configs = vec![config];
        let expected = "the ProjectConfig: spec.promotionPolicies[0].autoRollback.onPromotion is not supported yet: remove it";
        assert!(told(&decide(&seen)).contains(expected), "{}", told(&decide(&seen)));
    }

    #[test]
    fn a_paused_stage_promotes_nothing_and_says_why() {
        let mut seen = world();
        seen.object["metadata"]["annotations"] = json!({hold::PAUSED: api::Note::write("ann", "a fire", seen.now, None)});
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
