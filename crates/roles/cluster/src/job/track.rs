//! How the ends of Pods are counted, each once. Follows kubernetes/kubernetes `pkg/controller/job/job_controller.go`
//! (trackJobStatusAndRemoveFinalizers): what upstream does by two writes of the status in one pass takes two passes here.

use std::collections::BTreeSet;

use model::Action;
use serde_json::{Value, json};

use super::census::{Census, amount, index, is_held, is_phase};
use super::conditions::Finish;
use super::policy::{Failing, failing};
use super::{Observed, let_go};
use crate::owned::{count, tell};

/// Most uids in the status at once.
const MOST: usize = 500;

/// What becomes of a Pod that has ended.
enum Fate {
    /// It stays.
    Stays,
    /// It goes and counts for nothing.
    Goes,
    /// It goes; it is told already.
    Told,
    /// It is told first.
    Succeeded,
    Failed,
}

/// Writes the counts and the end of the Job into the status, and lets Pods go whose end it tells.
pub(super) fn track(seen: &Observed, census: &Census<'_>, finish: Option<&Finish>, terminating: i64, status: &mut Value) -> Vec<Action> {
    let (mut gone, mut succeeded, mut failed) = (BTreeSet::new(), Vec::new(), Vec::new());
    let (mut actions, mut full) = (Vec::new(), false);
    for pod in census.pods.iter().filter(|pod| is_held(pod)) {
        match fate(census, finish, pod) {
            Fate::Stays => {}
            Fate::Told | Fate::Goes => {
                gone.insert(api::uid(pod));
                actions.push(let_go(&seen.cluster, pod));
            }
            Fate::Succeeded => succeeded.push(api::uid(pod)),
            Fate::Failed => failed.push(api::uid(pod)),
        }
        if census.told_succeeded.len() + census.told_failed.len() + succeeded.len() + failed.len() >= MOST {
            full = true;
            break;
        }
    }
    let held: BTreeSet<&str> = census.pods.iter().filter(|pod| is_held(pod)).map(api::uid).filter(|uid| !gone.contains(uid)).collect();
    let mut left = 0;
    for (field, told, fresh) in [("succeeded", &census.told_succeeded, succeeded), ("failed", &census.told_failed, failed)] {
        let counted = amount(told.iter().filter(|uid| !held.contains(*uid)));
        status[field] = json!(count(&status[field], 0) + counted);
        let waiting: Vec<&str> = told.iter().copied().filter(|uid| held.contains(uid)).chain(fresh).collect();
        left += waiting.len();
        if !status["uncountedTerminatedPods"].is_object() {
            status["uncountedTerminatedPods"] = json!({});
        }
        let Some(uncounted) = status["uncountedTerminatedPods"].as_object_mut() else { continue };
        uncounted.remove(field);
        if !waiting.is_empty() {
            uncounted.insert(field.to_owned(), json!(waiting));
        }
    }
    write_indexes(census, status);
    if let Some(finish) = finish {
        finish.announce(status, seen.now);
        if left == 0 && !full && terminating == 0 {
            finish.enact(status, seen.now);
            actions.extend(said(seen, census, finish, status));
        }
    }
    actions
}

fn fate(census: &Census<'_>, finish: Option<&Finish>, pod: &Value) -> Fate {
    let uid = api::uid(pod);
    let is_failed = census.is_failed(pod);
    if census.told_succeeded.contains(uid) || census.told_failed.contains(uid) {
        return Fate::Told;
    }
    if is_phase(pod, "Succeeded") {
        return match index(pod).filter(|_| census.is_indexed()) {
            // The index alone keeps it from being counted again.
            Some(index) if census.counts(pod) && !census.indexes_before.has(index) => Fate::Stays,
            Some(_) => Fate::Goes,
            None if census.is_indexed() => Fate::Goes,
            None => Fate::Succeeded,
        };
    }
    if finish.is_none() && !is_failed {
        return Fate::Stays;
    }
    let is_kept = index(pod).and_then(|index| census.kept.get(&index)).is_some_and(|kept| api::uid(kept) == uid);
    if finish.is_none() && is_kept {
        return Fate::Stays;
    }
    let counts = is_failed || finish.is_some_and(|finish| !finish.succeeds);
    if !counts || !census.counts(pod) || failing(census.spec, pod) == Failing::Ignored {
        return Fate::Goes;
    }
    Fate::Failed
}

fn write_indexes(census: &Census<'_>, status: &mut Value) {
    if !census.is_indexed() {
        return;
    }
    status["succeeded"] = json!(census.indexes.total());
    let written = census.indexes.to_string();
    if let Some(fields) = status.as_object_mut() {
        fields.remove("completedIndexes");
        if !written.is_empty() {
            fields.insert("completedIndexes".to_owned(), json!(written));
        }
        if let Some(failed) = &census.failed_indexes {
            fields.insert("failedIndexes".to_owned(), json!(failed.to_string()));
        }
    }
}

/// What is said when a Job has ended.
fn said(seen: &Observed, census: &Census<'_>, finish: &Finish, status: &Value) -> Vec<Action> {
    let event =
        |severity: &str, reason: &str, message: &str| tell(&seen.cluster, &seen.object, severity, reason, message.to_owned(), seen.now);
    if !finish.succeeds {
        return vec![event("Warning", &finish.reason, &finish.message)];
    }
    let too_many = census.completions().is_some_and(|wanted| count(&status["succeeded"], 0) > wanted);
    let warning = "Too many succeeded pods running after completion count reached";
    let warning = too_many.then(|| event("Warning", "TooManySucceededPods", warning));
    warning.into_iter().chain([event("Normal", "Completed", "Job completed")]).collect()
}
