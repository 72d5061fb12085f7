//! Job and CronJob. Follows kubernetes `pkg/apis/batch/validation/validation.go`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, at, or_null, set, text};
use super::pod;
use crate::names;
use crate::object::meta;
use crate::selector::label_selector_matches;

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    if subject.resource.kind == "CronJob" {
        subject.metadata_update(faults);
        if subject.old.is_none() {
            subject.metadata(faults);
            let name = meta(subject.object, "name");
            if name.len() > 52 {
                faults.invalid("metadata.name", &json!(name), "must be no more than 52 characters");
            }
        }
        return cron_job(subject.spec(), faults);
    }
    subject.metadata(faults);
    generated_selector(subject.object, faults);
    let spec = subject.spec();
    job(spec, "spec", faults);
    match set(spec, "selector") {
        None => faults.required("spec.selector", ""),
        Some(selector) => {
            faults.selector("spec.selector", Some(selector));
            let labels = or_null(spec, &["template", "metadata", "labels"]);
            if !label_selector_matches(selector, labels.as_object()) {
                faults.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
            }
        }
    }
    subject.metadata_update(faults);
    if let Some(old) = subject.old {
        changed(subject.object, old, faults);
    }
}

/// A selector that the server makes selects exactly the labels that it makes.
fn generated_selector(object: &Value, faults: &mut Faults) {
    if at(object, &["spec", "manualSelector"]) == Some(&json!(true)) {
        return;
    }
    let Some(selector) = at(object, &["spec", "selector"]) else { return };
    let (uid, name) = (meta(object, "uid"), meta(object, "name"));
    let labels = or_null(object, &["spec", "template", "metadata", "labels"]);
    let expected =
        [("controller-uid", uid), ("job-name", name), ("batch.kubernetes.io/controller-uid", uid), ("batch.kubernetes.io/job-name", name)];
    for (key, wanted) in expected {
        match labels.get(key).and_then(Value::as_str) {
            None => {
                let why = format!("must be '{wanted}'");
                faults.required(&format!("spec.template.metadata.labels.{key}"), &why);
            }
            Some(found) if found != wanted => {
                faults.invalid(&format!("spec.template.metadata.labels.{key}"), labels, &format!("must be '{wanted}'"));
            }
            Some(_) => {}
        }
    }
    let own: serde_json::Map<String, Value> = expected.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    if !label_selector_matches(selector, Some(&own)) {
        faults.invalid("spec.selector", selector, "`selector` not auto-generated");
    }
}

/// Checks the spec of a Job, which stands in CronJobs too.
fn job(spec: &Value, path: &str, faults: &mut Faults) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "maxFailedIndexes",
        "backoffLimitPerIndex",
    ] {
        faults.not_negative(spec, path, field);
    }
    let mode = text(spec, "completionMode");
    if !matches!(mode, "" | "NonIndexed" | "Indexed") {
        faults.not_supported(&format!("{path}.completionMode"), &json!(mode), &["Indexed", "NonIndexed"]);
    }
    if mode == "Indexed" && set(spec, "completions").is_none() {
        faults.required(&format!("{path}.completions"), "when completion mode is Indexed");
    }
    if let Some(limit) = set(spec, "backoffLimitPerIndex").filter(|_| mode != "Indexed") {
        faults.invalid(&format!("{path}.backoffLimitPerIndex"), limit, "requires indexed completion mode");
    }
    if let Some(by) = set(spec, "managedBy").and_then(Value::as_str).filter(|by| !prefixed(by)) {
        let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        faults.invalid(&format!("{path}.managedBy"), &json!(by), why);
    }
    let replacement = text(spec, "podReplacementPolicy");
    if !matches!(replacement, "" | "Failed" | "TerminatingOrFailed") {
        faults.not_supported(&format!("{path}.podReplacementPolicy"), &json!(replacement), &["Failed", "TerminatingOrFailed"]);
    }
    pod::template(spec.get("template").unwrap_or(&Value::Null), &format!("{path}.template"), faults);
    let field = format!("{path}.template.spec.restartPolicy");
    // Left out, it was filled in as Always.
    match spec.pointer("/template/spec/restartPolicy").and_then(Value::as_str).unwrap_or_default() {
        "" | "Always" => {
            faults.0.retain(|one| one.field != field);
            faults.required(&field, "valid values: \"OnFailure\", \"Never\"");
        }
        "OnFailure" | "Never" => {}
        other => faults.not_supported(&field, &json!(other), &["OnFailure", "Never"]),
    }
}

fn cron_job(spec: &Value, faults: &mut Faults) {
    let schedule = text(spec, "schedule");
    if schedule.is_empty() {
        faults.required("spec.schedule", "");
    } else if let Some(why) = schedule_fault(schedule) {
        faults.invalid("spec.schedule", &json!(schedule), &why);
    }
    if schedule.contains("TZ") {
        faults.invalid("spec.schedule", &json!(schedule), "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    }
    if let Some(zone) = set(spec, "timeZone").and_then(Value::as_str)
        && let Some(why) = zone_fault(zone)
    {
        faults.invalid("spec.timeZone", &json!(zone), &why);
    }
    faults.not_negative(spec, "spec", "startingDeadlineSeconds");
    let policy = text(spec, "concurrencyPolicy");
    match policy {
        "Allow" | "Forbid" | "Replace" => {}
        "" => faults.required("spec.concurrencyPolicy", ""),
        other => faults.not_supported("spec.concurrencyPolicy", &json!(other), &["Allow", "Forbid", "Replace"]),
    }
    job(spec.pointer("/jobTemplate/spec").unwrap_or(&Value::Null), "spec.jobTemplate.spec", faults);
    faults.not_negative(spec, "spec", "successfulJobsHistoryLimit");
    faults.not_negative(spec, "spec", "failedJobsHistoryLimit");
}

/// Tells whether a text is a domain, a slash and a path.
fn prefixed(text: &str) -> bool {
    text.split_once('/').is_some_and(|(domain, path)| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"/%:@!$&'()*+,;=-._~".contains(&byte);
        names::is_subdomain(domain) && !path.is_empty() && path.bytes().all(known)
    })
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

fn changed(object: &Value, old: &Value, faults: &mut Faults) {
    let indexed = text(or_null(old, &["spec"]), "completionMode") == "Indexed";
    if !indexed {
        faults.immutable(object, old, &["spec", "completions"]);
    }
    faults.immutable(object, old, &["spec", "selector"]);
    template_change(object, old, faults);
    faults.immutable(object, old, &["spec", "completionMode"]);
    for field in ["podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
        faults.immutable(object, old, &["spec", field]);
    }
}

/// While a Job is suspended and has not begun, its scheduling may change, nothing else of its template.
fn template_change(object: &Value, old: &Value, faults: &mut Faults) {
    let waits = at(old, &["spec", "suspend"]) == Some(&json!(true)) && at(old, &["status", "startTime"]).is_none();
    let part = |job: &Value| {
        let mut template = or_null(job, &["spec", "template"]).clone();
        if waits {
            for field in ["labels", "annotations"] {
                if let Some(Value::Object(map)) = template.get_mut("metadata") {
                    map.remove(field);
                }
            }
            if let Some(Value::Object(map)) = template.get_mut("spec") {
                for field in ["nodeSelector", "tolerations", "schedulingGates", "affinity"] {
                    map.remove(field);
                }
                for list in ["containers", "initContainers"] {
                    for one in map.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                        if let Value::Object(one) = one {
                            one.remove("resources");
                        }
                    }
                }
            }
        }
        template
    };
    let (now, before) = (part(object), part(old));
    if now != before && waits {
        // What may change is left out, so that the rest is told as the spec.
        let form = crate::typed::by_name("core.v1.PodTemplateSpec").and_then(|template| template.field("spec"));
        let shown = or_null(object, &["spec", "template", "spec"]);
        return match form {
            Some(field) => faults.invalid_struct("spec.template.spec", &field.form, shown, "field is immutable"),
            None => faults.invalid("spec.template.spec", shown, "field is immutable"),
        };
    }
    if now != before {
        let form = crate::typed::by_name("batch.v1.JobSpec").and_then(|spec| spec.field("template"));
        let shown = or_null(object, &["spec", "template"]);
        match form {
            Some(field) => faults.invalid_struct("spec.template", &field.form, shown, "field is immutable"),
            None => faults.invalid("spec.template", shown, "field is immutable"),
        }
    }
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
