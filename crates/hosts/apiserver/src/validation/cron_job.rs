//! CronJob. Follows kubernetes/kubernetes `pkg/apis/batch/validation/validation.go`, from `ValidateCronJobCreate` on.

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
    template(or_null(spec, &["jobTemplate", "spec"]), faults);
    faults.not_negative(spec, "spec", "successfulJobsHistoryLimit");
    faults.not_negative(spec, "spec", "failedJobsHistoryLimit");
}

/// A time zone inside the schedule is let pass only where it has always been.
fn schedule(schedule: &str, old: Option<&str>, zone_beside: bool, faults: &mut Faults) {
    if schedule.is_empty() {
        return faults.required("spec.schedule", "");
    }
    if let Some(why) = schedule_fault(schedule) {
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
fn template(spec: &Value, faults: &mut Faults) {
    const PATH: &str = "spec.jobTemplate.spec";
    job::spec(spec, PATH, faults);
    if let Some(selector) = set(spec, "selector") {
        let form = Type::Struct("meta.v1.LabelSelector");
        faults.invalid_struct(&format!("{PATH}.selector"), &form, selector, "`selector` will be auto-generated");
    }
    if let Some(manual) = set(spec, "manualSelector").filter(|manual| **manual == json!(true)) {
        faults.not_supported(&format!("{PATH}.manualSelector"), manual, &["nil", "false"]);
    }
}

/// Returns what is wrong with the name of a time zone, as far as its form tells: there is no list of zones here.
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
    let local = zone.eq_ignore_ascii_case("local");
    local.then(|| "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones".to_owned())
}

/// Returns what robfig/cron says of a schedule (`parser.go`).
fn schedule_fault(schedule: &str) -> Option<String> {
    const BOUNDS: [(&str, u32, u32); 5] = [("minute", 0, 59), ("hour", 0, 23), ("dom", 1, 31), ("month", 1, 12), ("dow", 0, 6)];
    const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    if schedule.starts_with('@') {
        let known = matches!(schedule, "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@midnight" | "@hourly");
        return (!known && !schedule.starts_with("@every ")).then(|| format!("unrecognized descriptor: {schedule}"));
    }
    // A time zone in front is cron's, though Kubernetes does not take it.
    let zoned = schedule.starts_with("TZ=") || schedule.starts_with("CRON_TZ=");
    let schedule = if zoned { schedule.split_once(' ').map_or("", |(_, rest)| rest) } else { schedule };
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != 5 {
        return Some(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
    }
    let number = |text: &str, field: &str| -> Result<u32, String> {
        let names = match field {
            "month" => MONTHS.iter().position(|name| text.eq_ignore_ascii_case(name)).map(|at| at + 1),
            "dow" => DAYS.iter().position(|name| text.eq_ignore_ascii_case(name)),
            _ => None,
        };
        match names.and_then(|at| u32::try_from(at).ok()) {
            Some(number) => Ok(number),
            None => text.parse().map_err(|_| format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax")),
        }
    };
    let one = |text: &str, (field, least, most): (&str, u32, u32)| -> Result<(), String> {
        let (range, step) = text.split_once('/').map_or((text, None), |(range, step)| (range, Some(step)));
        let (start, end) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (least, most),
            Some((start, end)) => (number(start, field)?, number(end, field)?),
            None => {
                let start = number(range, field)?;
                (start, if step.is_some() { most } else { start })
            }
        };
        if start < least {
            return Err(format!("beginning of range ({start}) below minimum ({least}): {text}"));
        }
        if end > most {
            return Err(format!("end of range ({end}) above maximum ({most}): {text}"));
        }
        if start > end {
            return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
        }
        if step.map(|step| number(step, "")).transpose()? == Some(0) {
            return Err(format!("step of range should be a positive number: {text}"));
        }
        Ok(())
    };
    fields
        .iter()
        .zip(BOUNDS)
        .flat_map(|(field, bounds)| field.split(',').map(move |part| (part, bounds)))
        .find_map(|(part, bounds)| one(part, bounds).err())
}

#[cfg(test)]
mod tests {
    use super::schedule_fault;

    #[test]
    fn schedules_are_refused_in_crons_words() {
        for good in ["*/5 * * * *", "0 0 1 jan sun", "1-5,7 3 * * 1-5", "@daily", "@every 1h"] {
            assert_eq!(schedule_fault(good), None, "{good}");
        }
        for (bad, wanted) in [
            ("* * *", "expected exactly 5 fields, found 3: [* * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"),
            ("@often", "unrecognized descriptor: @often"),
        ] {
            assert_eq!(schedule_fault(bad).as_deref(), Some(wanted));
        }
    }
}
