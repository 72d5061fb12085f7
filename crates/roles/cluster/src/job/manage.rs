//! Which Pods a Job makes and removes now. Follows kubernetes/kubernetes `pkg/controller/job/job_controller.go` (manageJob).

use std::collections::BTreeSet;

use model::{Action, Code, Timestamp};
use serde_json::{Value, json};

use super::census::{Census, FAILURES, IGNORED, INDEX, TRACKING, amount, failures, index, is_held, is_phase, number};
use super::indexes::Indexes;
use super::policy::{Failing, failing};
use super::{Observed, backoff, let_go};
use crate::owned::{count, create, created, delete, is_leaving, is_ready, letters, pod, tell};

/// Most Pods of one Job on one machine, and most that are made or removed at once.
const MOST: usize = 500;
/// Longest begin of a generated name.
const BASE: usize = 58;

/// What is done with the Pods, and how many there are then.
pub(super) struct Plan {
    pub(super) actions: Vec<Action>,
    pub(super) active: i64,
    pub(super) ready: i64,
    pub(super) terminating: i64,
    pub(super) next: Option<Timestamp>,
    /// Why no more is done now.
    pub(super) because: Option<(Code, String)>,
}

impl Plan {
    fn of(census: &Census<'_>) -> Self {
        let active = amount(census.active.iter());
        Self { actions: Vec::new(), active, ready: census.ready, terminating: census.terminating, next: None, because: None }
    }

    pub(super) fn look_again(&mut self, at: Timestamp) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    fn remove(&mut self, seen: &Observed, pods: &[&Value], counted: bool) {
        for pod in pods {
            if !counted && is_held(pod) {
                // What is removed because there are too many has not failed.
                self.actions.push(let_go(&seen.cluster, pod));
            }
            self.actions.push(delete(&seen.cluster, pod));
            let message = format!("Deleted pod: {}", api::name(pod));
            self.actions.push(tell(&seen.cluster, &seen.object, "Normal", "SuccessfulDelete", message, seen.now));
        }
        self.active -= amount(pods.iter());
        self.terminating += amount(pods.iter());
        self.ready -= amount(pods.iter().filter(|pod| is_ready(pod)));
    }
}

/// Removes what still runs when the Job has come to its end.
pub(super) fn remove_all(seen: &Observed, census: &Census<'_>) -> Plan {
    let mut plan = Plan::of(census);
    plan.remove(seen, &census.active, true);
    plan
}

/// Makes and removes Pods of a Job that goes on.
pub(super) fn manage(seen: &Observed, census: &Census<'_>) -> Plan {
    let mut plan = Plan::of(census);
    if census.spec["suspend"] == true {
        plan.remove(seen, &surplus(census, usize::MAX), false);
        return plan;
    }
    let most = amount(0..MOST);
    let wanted = wanted(census, plan.active).min(plan.active.max(most));
    let too_many = surplus(census, usize::try_from(plan.active - wanted).unwrap_or(0));
    if !too_many.is_empty() {
        plan.remove(seen, too_many.get(..MOST).unwrap_or(&too_many), false);
        return plan;
    }
    let leaving = if census.awaits_failure() { plan.terminating } else { 0 };
    if count(&census.spec["parallelism"], 1) > most && plan.active >= most {
        plan.because = Some((Code::Unsupported, format!("spec.parallelism: no more than {most} Pods of a Job run at once here")));
    }
    let missing = usize::try_from(wanted - leaving - plan.active).unwrap_or(0).min(MOST);
    if missing == 0 {
        return plan;
    }
    if !census.limits_each_index()
        && let Some(at) = census.pause().filter(|at| *at > seen.now)
    {
        plan.look_again(at);
        plan.because = Some((Code::Unhealthy, format!("the next Pod waits until {at}, because the last one failed")));
        return plan;
    }
    let places: Vec<Option<i64>> =
        if census.is_indexed() { free(seen, census, missing, &mut plan).into_iter().map(Some).collect() } else { vec![None; missing] };
    let mut names: BTreeSet<String> = census.pods.iter().map(|pod| api::name(pod).to_owned()).collect();
    let mut slot = 0;
    for place in places {
        let name = fresh_name(&seen.object, place, &names, &mut slot);
        let message = format!("Created pod: {name}");
        plan.actions.push(create(&seen.cluster, make(&seen.object, census, &name, place)));
        plan.actions.push(tell(&seen.cluster, &seen.object, "Normal", "SuccessfulCreate", message, seen.now));
        plan.active += 1;
        names.insert(name);
    }
    plan
}

fn wanted(census: &Census<'_>, active: i64) -> i64 {
    let parallelism = count(&census.spec["parallelism"], 1);
    match census.completions() {
        None if census.succeeded > 0 => active,
        None => parallelism,
        Some(completions) => (completions - census.succeeded).min(parallelism).max(0),
    }
}

/// The indexes that are next; one whose last Pod failed waits a while.
fn free(seen: &Observed, census: &Census<'_>, missing: usize, plan: &mut Plan) -> Vec<i64> {
    let leaving = census.pods.iter().filter(|pod| census.awaits_failure() && is_leaving(pod) && !super::is_over(pod));
    let mut taken = census.indexes.with(census.active.iter().copied().chain(leaving).filter_map(index));
    if let Some(failed) = &census.failed_indexes {
        taken = taken.and(failed);
    }
    let found = taken.missing(missing, census.completions().unwrap_or(0));
    let due = |index: &i64| {
        let last = census.kept.get(index)?;
        let failures = usize::try_from(failures(last)).unwrap_or(0) + 1;
        backoff::after(failures, backoff::ended(last)?).filter(|at| *at > seen.now)
    };
    let (later, now): (Vec<i64>, Vec<i64>) = found.into_iter().partition(|index| due(index).is_some());
    if let Some(at) = later.iter().filter_map(due).min() {
        plan.look_again(at);
        if now.is_empty() {
            plan.because = Some((Code::Unhealthy, format!("the next Pod waits until {at}, because the last one of its index failed")));
        }
    }
    now
}

/// The Pods that are too many: at least so many, and all that work at an index that another works at or that is none.
fn surplus<'a>(census: &Census<'a>, at_least: usize) -> Vec<&'a Value> {
    let mut order = census.active.clone();
    // Those that serve least go first: not placed, not running, not ready, young.
    order.sort_by_key(|pod| {
        let placed = !api::text(pod, &["spec", "nodeName"]).is_empty();
        (placed, is_phase(pod, "Running"), is_ready(pod), std::cmp::Reverse(created(pod)))
    });
    let (mut gone, mut left) = (Vec::new(), Vec::new());
    if census.is_indexed() {
        let mut seen = Indexes::default();
        for pod in order.into_iter().rev() {
            match index(pod).filter(|index| census.counts(pod) && !seen.has(*index)) {
                Some(index) => {
                    seen = seen.with([index]);
                    left.push(pod);
                }
                None => gone.push(pod),
            }
        }
        left.reverse();
    } else {
        left = order;
    }
    let more = at_least.saturating_sub(gone.len());
    gone.extend(left.into_iter().take(more));
    gone
}

/// A name that no Pod of the Job has, the same for the same Pods. Pods without a place take one slot after the other.
fn fresh_name(object: &Value, place: Option<i64>, taken: &BTreeSet<String>, slot: &mut usize) -> String {
    let mark = place.map_or_else(|| "-".to_owned(), |index| format!("-{index}-"));
    let begin: String = api::name(object).chars().take(BASE - mark.len()).collect();
    let begin = if place.is_none() { begin.trim_end_matches(['.', '-']) } else { &begin };
    let seed = if place.is_none() { format!("{}/", api::uid(object)) } else { format!("{}{mark}", api::uid(object)) };
    let mut own = 0;
    let slot = if place.is_none() { slot } else { &mut own };
    loop {
        let name = format!("{begin}{mark}{}", letters(&format!("{seed}{slot}"), 5));
        *slot += 1;
        if !taken.contains(&name) {
            return name;
        }
    }
}

fn make(object: &Value, census: &Census<'_>, name: &str, place: Option<i64>) -> Value {
    let mut made = pod(&object["spec"]["template"], object, name);
    for (key, value) in [
        ("job-name", api::name(object)),
        ("batch.kubernetes.io/job-name", api::name(object)),
        ("controller-uid", api::uid(object)),
        ("batch.kubernetes.io/controller-uid", api::uid(object)),
    ] {
        made["metadata"]["labels"][key] = json!(value);
    }
    let mut finalizers = api::texts(&object["spec"]["template"]["metadata"]["finalizers"]);
    if !finalizers.iter().any(|one| one == TRACKING) {
        finalizers.push(TRACKING.to_owned());
    }
    made["metadata"]["finalizers"] = json!(finalizers);
    let Some(index) = place else { return made };
    made["metadata"]["generateName"] = json!(format!("{}-{index}-", api::name(object)));
    made["metadata"]["annotations"][INDEX] = json!(index.to_string());
    made["metadata"]["labels"][INDEX] = json!(index.to_string());
    made["spec"]["hostname"] = json!(format!("{}-{index}", api::name(object)));
    if census.limits_each_index() {
        let (failed, ignored) = census.kept.get(&index).map_or((0, 0), |last| {
            let is_ignored = i64::from(failing(census.spec, last) == Failing::Ignored);
            (number(last, FAILURES) + 1 - is_ignored, number(last, IGNORED) + is_ignored)
        });
        made["metadata"]["annotations"][FAILURES] = json!(failed.to_string());
        if ignored > 0 {
            made["metadata"]["annotations"][IGNORED] = json!(ignored.to_string());
        }
    }
    for list in ["initContainers", "containers"] {
        made["spec"][list].as_array_mut().into_iter().flatten().for_each(tell_index);
    }
    made
}

/// Tells a container at which index it works, unless it sets the variable itself.
fn tell_index(container: &mut Value) {
    let variable = "JOB_COMPLETION_INDEX";
    if !container["env"].is_array() {
        container["env"] = json!([]);
    }
    let Some(all) = container["env"].as_array_mut() else { return };
    if !all.iter().any(|one| one["name"] == variable) {
        let path = format!("metadata.labels['{INDEX}']");
        all.push(json!({"name": variable, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}));
    }
}
