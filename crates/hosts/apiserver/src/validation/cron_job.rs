//! CronJob. Follows kubernetes/kubernetes `pkg/apis/batch/validation/validation.go`, from `ValidateCronJobCreate` on.

use golang::cron::Schedule;
use golang::time::Zone;
use serde_json::{Value, json};

use super::faults::{Faults, or_null, set, text};
use super::{Subject, job};
use crate::object::meta;
use crate::typed::Type;

/// Checks a CronJob.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    if let Some(old) = subject.old {
        subject.metadata_update(faults);
        return spec(subject.spec(), Some(or_null(old, &["spec"])), faults);
    }
    subject.metadata(faults);
    spec(subject.spec(), None, faults);
    let name = meta(subject.object, "name");
    // The names of its Jobs are eleven characters longer.
    if name.len() > 52 {
        faults.invalid("metadata.name", &json!(name), "must be no more than 52 characters");
    }
}

fn spec(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    let zone = set(spec, "timeZone").and_then(Value::as_str);
    schedule(text(spec, "schedule"), old.map(|old| text(old, "schedule")), zone.is_some(), faults);
    faults.not_negative(spec, "spec", "startingDeadlineSeconds");
    if let Some(zone) = zone.filter(|_| old.is_none_or(|old| old.get("timeZone") != spec.get("timeZone")))
        && let Some(why) = zone_fault(zone)
    {
        faults.invalid("spec.timeZone", &json!(zone), &why);
    }
    faults.one_of(spec, "spec", "concurrencyPolicy", &["Allow", "Forbid", "Replace"]);
    template(or_null(spec, &["jobTemplate", "spec"]), old.map(|old| or_null(old, &["jobTemplate", "spec"])), faults);
    faults.not_negative(spec, "spec", "successfulJobsHistoryLimit");
    faults.not_negative(spec, "spec", "failedJobsHistoryLimit");
}

/// A time zone inside the schedule is let pass only where it has always been.
fn schedule(schedule: &str, old: Option<&str>, zone_beside: bool, faults: &mut Faults) {
    if schedule.is_empty() {
        return faults.required("spec.schedule", "");
    }
    if let Err(why) = Schedule::parse(schedule, Zone::Utc) {
        faults.invalid("spec.schedule", &json!(schedule), &why);
    }
    let was_zoned = old.is_some_and(|old| old.contains("TZ"));
    if !schedule.contains("TZ") {
        return;
    }
    if !was_zoned {
        faults.invalid("spec.schedule", &json!(schedule), "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    } else if zone_beside {
        faults.invalid("spec.schedule", &json!(schedule), "cannot use both timeZone field and TZ or CRON_TZ in schedule");
    }
}

/// The Jobs that it makes: their selector is always the server's.
fn template(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    const PATH: &str = "spec.jobTemplate.spec";
    job::spec(spec, old, PATH, faults);
    if let Some(selector) = set(spec, "selector") {
        let form = Type::Struct("meta.v1.LabelSelector");
        faults.invalid_struct(&format!("{PATH}.selector"), &form, selector, "`selector` will be auto-generated");
    }
    if let Some(manual) = set(spec, "manualSelector").filter(|manual| **manual == json!(true)) {
        faults.not_supported(&format!("{PATH}.manualSelector"), manual, &["nil", "false"]);
    }
}

/// Returns what is wrong with the name of a time zone.
fn zone_fault(zone: &str) -> Option<String> {
    if zone.is_empty() {
        return Some("timeZone must be nil or non-empty string".to_owned());
    }
    let part = |part: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
        !matches!(part, "" | "." | "..") && !part.starts_with('-') && part.len() <= 14 && part.bytes().all(known)
    };
    if !zone.split('/').all(part) {
        return Some(format!("unknown time zone {zone}"));
    }
    if zone.eq_ignore_ascii_case("local") {
        return Some("timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones".to_owned());
    }
    Zone::find(zone).err().map(|error| error.to_string())
}
