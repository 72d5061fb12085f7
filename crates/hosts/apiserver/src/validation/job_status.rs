//! What may be said of a Job while it runs and when it is over. What did not change is not looked at, so that a status that is
//! wrong already can still be mended. Follows kubernetes `pkg/apis/batch/validation/validation.go` `validateJobStatus` and
//! `ValidateJobStatusUpdate`, `pkg/registry/batch/job/strategy.go` `getStatusValidationOptions`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, at, list, set, text};

const NONE: &Value = &Value::Null;

/// A status, by what is asked of it.
struct Told<'a>(&'a Value);

impl<'a> Told<'a> {
    fn of(job: &'a Value) -> Self {
        Self(job.get("status").unwrap_or(NONE))
    }

    fn is(&self, condition: &str, value: &str) -> bool {
        list(self.0, "conditions").iter().any(|one| text(one, "type") == condition && text(one, "status") == value)
    }

    fn complete(&self) -> bool {
        self.is("Complete", "True")
    }

    fn failed(&self) -> bool {
        self.is("Failed", "True")
    }

    fn finished(&self) -> bool {
        self.complete() || self.failed()
    }

    fn target(&self) -> bool {
        self.is("FailureTarget", "True")
    }

    fn met(&self) -> bool {
        self.is("SuccessCriteriaMet", "True")
    }

    fn field(&self, name: &str) -> Option<&'a Value> {
        set(self.0, name)
    }

    fn number(&self, name: &str) -> i64 {
        self.field(name).and_then(Value::as_i64).unwrap_or(0)
    }

    fn uncounted(&self, name: &str) -> &'a [Value] {
        self.field("uncountedTerminatedPods").map(|pods| list(pods, name)).unwrap_or_default()
    }
}

/// Checks the status of a Job.
pub(super) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let (spec, now, old) = (subject.spec(), Told::of(subject.object), Told::of(subject.old.unwrap_or(NONE)));
    for field in ["active", "succeeded", "failed", "ready", "terminating"] {
        faults.not_negative(now.0, "status", field);
    }
    uncounted(&now, faults);
    let changed = |name: &str| now.field(name) != old.field(name);
    let (complete, failed) = (now.complete() != old.complete(), now.failed() != old.failed());
    let finished = now.finished() != old.finished();
    refuse((complete || failed) && now.complete() && now.failed(), "cannot set Complete=True and Failed=true conditions", faults);
    let targeted = now.target() != old.target();
    refuse((complete || targeted) && now.complete() && now.target(), "cannot set Complete=True and FailureTarget=true conditions", faults);
    times(&now, complete, changed("startTime"), changed("completionTime"), faults);
    let without_target = (failed || changed("failedIndexes")) && now.failed() && !now.target();
    refuse(without_target, "cannot set Failed=True condition without the FailureTarget=true condition", faults);
    let without_criteria = (complete || now.met() != old.met()) && now.complete() && !now.met();
    refuse(without_criteria, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition", faults);
    over(spec, &now, finished, &changed, faults);
    indexes(spec, &now, &changed, faults);
    if (finished || changed("terminating")) && now.number("terminating") > 0 && now.finished() {
        faults.invalid("status.terminating", &json!(now.number("terminating")), "terminating>0 is invalid for finished job");
    }
    if (changed("ready") || changed("active")) && now.field("ready").is_some() && now.number("ready") > now.number("active") {
        faults.invalid("status.ready", &json!(now.number("ready")), "cannot set more ready pods than active");
    }
    refuse(now.met() && now.failed(), "cannot set SuccessCriteriaMet=True and Failed=true conditions", faults);
    refuse(now.met() && now.target(), "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions", faults);
    let policy = set(spec, "successPolicy").is_some();
    refuse(
        policy && !now.met() && now.complete(),
        "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True",
        faults,
    );
    update(spec, &now, &old, faults);
}

fn refuse(wrong: bool, why: &str, faults: &mut Faults) {
    if wrong {
        faults.wrong("status.conditions", why);
    }
}

/// Pods that are not counted yet are each there once.
fn uncounted(now: &Told<'_>, faults: &mut Faults) {
    let mut seen = std::collections::HashSet::new();
    for field in ["succeeded", "failed"] {
        for (index, uid) in now.uncounted(field).iter().enumerate() {
            let place = format!("status.uncountedTerminatedPods.{field}[{index}]");
            if uid.as_str().unwrap_or_default().is_empty() {
                faults.invalid(&place, uid, "must not be empty");
            } else if !seen.insert(uid.as_str()) {
                faults.duplicate(&place, uid);
            }
        }
    }
}

fn times(now: &Told<'_>, complete: bool, start_changed: bool, end_changed: bool, faults: &mut Faults) {
    let end = now.field("completionTime");
    if let Some(end) = end.filter(|_| (complete || end_changed) && !now.complete()) {
        faults.invalid("status.completionTime", end, "cannot set completionTime when there is no Complete=True condition");
    }
    if (complete || end_changed) && end.is_none() && now.complete() {
        faults.required("status.completionTime", "completionTime is required for Complete jobs");
    }
    if let (true, Some(start), Some(end)) = (start_changed || end_changed, now.field("startTime"), end)
        && crate::object::parse_time(end.as_str().unwrap_or_default()) < crate::object::parse_time(start.as_str().unwrap_or_default())
    {
        faults.invalid("status.completionTime", end, "must be equal to or after `startTime`");
    }
}

/// A Job that is over has begun, and nothing of it runs.
fn over(spec: &Value, now: &Told<'_>, finished: bool, changed: &dyn Fn(&str) -> bool, faults: &mut Faults) {
    if (finished || changed("active")) && now.number("active") > 0 && now.finished() {
        faults.invalid("status.active", &json!(now.number("active")), "active>0 is invalid for finished job");
    }
    let nothing_to_do = spec.get("suspend") == Some(&json!(true)) && spec.get("completions") == Some(&json!(0));
    if (finished || changed("startTime")) && !nothing_to_do && now.field("startTime").is_none() && now.finished() {
        faults.required("status.startTime", "startTime is required for finished job");
    }
    let waiting = !now.uncounted("failed").is_empty() || !now.uncounted("succeeded").is_empty();
    if (finished || changed("uncountedTerminatedPods")) && now.finished() && waiting {
        let pods = now.field("uncountedTerminatedPods").unwrap_or(NONE);
        faults.invalid("status.uncountedTerminatedPods", pods, "must be empty for finished job");
    }
}

fn indexes(spec: &Value, now: &Told<'_>, changed: &dyn Fn(&str) -> bool, faults: &mut Faults) {
    let completions = spec.get("completions").and_then(Value::as_i64);
    let done = text(now.0, "completedIndexes");
    let lost = now.field("failedIndexes").and_then(Value::as_str);
    let retried = set(spec, "backoffLimitPerIndex").is_some();
    if let (true, Some(completions)) = (changed("completedIndexes"), completions)
        && let Err(why) = intervals(done, completions)
    {
        faults.invalid("status.completedIndexes", &json!(done), &format!("error parsing completedIndexes: {why}"));
    }
    if let (true, Some(completions), true, Some(lost)) = (changed("failedIndexes"), completions, retried, lost)
        && let Err(why) = intervals(lost, completions)
    {
        faults.invalid("status.failedIndexes", &json!(lost), &format!("error parsing failedIndexes: {why}"));
    }
    if changed("completedIndexes") && !done.is_empty() && text(spec, "completionMode") != "Indexed" {
        let why = "cannot set non-empty completedIndexes when non-indexed completion mode";
        faults.invalid("status.completedIndexes", &json!(done), why);
    }
    let Some(lost) = lost else { return };
    if changed("failedIndexes") && !retried {
        let why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
        faults.invalid("status.failedIndexes", &json!(lost), why);
    }
    if let (true, Some(completions)) = (changed("failedIndexes") || changed("completedIndexes"), completions) {
        let read = |text: &str| -> Vec<(i64, i64)> {
            text.split(',').filter(|_| !text.is_empty()).filter_map(|one| interval(one, completions).ok()).collect()
        };
        if let Some(index) = overlap(&read(done), &read(lost)) {
            faults.invalid("status.failedIndexes", &json!(lost), &format!("failedIndexes and completedIndexes overlap at index: {index}"));
        }
    }
}

/// Reads `1-3`, or `7` alone.
fn interval(text: &str, completions: i64) -> Result<(i64, i64), String> {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |text: &str| {
        let read = text.parse::<i64>().map_err(|_| format!("cannot convert string to integer for index: {text:?}"))?;
        if read >= completions { Err(format!("too large index: {text:?}")) } else { Ok(read) }
    };
    match parts[..] {
        [alone] => number(alone).map(|index| (index, index)),
        [first, last] => {
            let (first, last) = (number(first)?, number(last)?);
            if first >= last {
                return Err(format!("non-increasing order, previous: {first}, current: {last}"));
            }
            Ok((first, last))
        }
        _ => Err(format!(
            "the fragment {text:?} violates the requirement that an index interval can have at most two parts separated by '-'"
        )),
    }
}

fn intervals(text: &str, completions: i64) -> Result<(), String> {
    let mut last: Option<i64> = None;
    for one in text.split(',').filter(|_| !text.is_empty()) {
        let (first, end) = interval(one, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        last = Some(end);
    }
    Ok(())
}

/// Returns the first index that is in both; both are in order.
fn overlap(done: &[(i64, i64)], lost: &[(i64, i64)]) -> Option<i64> {
    let (mut left, mut right) = (0, 0);
    while let (Some(a), Some(b)) = (done.get(left), lost.get(right)) {
        if a.0 <= b.1 && b.0 <= a.1 {
            return Some(a.0.max(b.0));
        }
        if a.0 <= b.0 { left += 1 } else { right += 1 }
    }
    None
}

/// What was said of a Job's end stays said.
fn update(spec: &Value, now: &Told<'_>, old: &Told<'_>, faults: &mut Faults) {
    for kind in ["Failed", "Complete", "FailureTarget"] {
        let disabled = old.is(kind, "True") && !now.is(kind, "True");
        refuse(disabled, &format!("cannot disable the terminal {kind}=True condition"), faults);
    }
    if now.number("failed") < old.number("failed") {
        faults.invalid("status.failed", &json!(now.number("failed")), "cannot decrease the failed counter");
    }
    // A Job with an index for each Pod that may run can be made smaller.
    let elastic = text(spec, "completionMode") == "Indexed" && at(spec, &["completions"]) == at(spec, &["parallelism"]);
    if !elastic && now.number("succeeded") < old.number("succeeded") {
        faults.invalid("status.succeeded", &json!(now.number("succeeded")), "cannot decrease the succeeded counter");
    }
    if let (Some(end), Some(before)) = (now.field("completionTime"), old.field("completionTime"))
        && end != before
    {
        faults.invalid("status.completionTime", end, "field is immutable");
    }
    let resumes = old.is("Suspended", "True") && now.is("Suspended", "False");
    let (start, before) = (now.field("startTime"), old.field("startTime"));
    if !resumes && before.is_some() && start != before && spec.get("suspend") != Some(&json!(true)) {
        faults.invalid("status.startTime", start.unwrap_or(NONE), "field is immutable for unsuspended job once set");
    }
    refuse(old.met() && !now.met(), "cannot disable the SuccessCriteriaMet=True condition", faults);
    let late = old.complete() && !old.met() && now.met();
    refuse(late, "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions", faults);
}
