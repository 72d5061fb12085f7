//! Event, of both its groups: the older one asks little of them. Follows kubernetes `pkg/apis/core/validation/events.go`,
//! which tells of fields by the names of the older group.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, set, text};
use crate::names;
use crate::object::meta;

/// An Event, whose fields have other names in each group.
struct Event<'a> {
    object: &'a Value,
    /// Whether it came as one of `events.k8s.io`.
    new: bool,
}

impl<'a> Event<'a> {
    /// Returns a field by its older name.
    fn get(&self, name: &'a str) -> Option<&'a Value> {
        let name = match name {
            name if !self.new => name,
            "involvedObject" => "regarding",
            "message" => "note",
            "reportingComponent" => "reportingController",
            "source" => "deprecatedSource",
            "firstTimestamp" => "deprecatedFirstTimestamp",
            "lastTimestamp" => "deprecatedLastTimestamp",
            "count" => "deprecatedCount",
            name => name,
        };
        set(self.object, name)
    }

    fn text(&self, name: &'a str) -> &'a str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Checks an Event.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let new = !subject.resource.group.is_empty();
    let event = Event { object: subject.object, new };
    always(&event, faults);
    if !new {
        return;
    }
    match subject.old {
        None => {
            subject.metadata(faults);
            created(&event, faults);
        }
        Some(old) => {
            subject.metadata_update(faults);
            updated(&event, &Event { object: old, new }, faults);
        }
    }
}

/// What holds for Events of both groups.
fn always(event: &Event<'_>, faults: &mut Faults) {
    const FIELD: &str = "involvedObject.namespace";
    const WHY: &str = "does not match event.namespace";
    let own = meta(event.object, "namespace");
    let about = event.get("involvedObject").map(|about| text(about, "namespace")).unwrap_or_default();
    if event.get("eventTime").is_none() {
        if if about.is_empty() { own != "default" } else { about != own } {
            faults.invalid(FIELD, &json!(about), WHY);
        }
        return;
    }
    if about.is_empty() && !matches!(own, "default" | "kube-system") {
        faults.invalid(FIELD, &json!(about), WHY);
    }
    let reporter = event.text("reportingComponent");
    let field = if event.new { "reportingController" } else { "reportingComponent" };
    if reporter.is_empty() {
        faults.required(field, "");
    }
    names::key_faults(reporter).iter().for_each(|why| faults.invalid(field, &json!(reporter), why));
    for (name, most) in [("reportingInstance", 128), ("action", 128), ("reason", 128), ("message", 1024)] {
        let value = event.text(name);
        if value.is_empty() && name != "message" {
            faults.required(name, "");
        }
        if value.len() > most {
            faults.invalid(name, &json!(""), &format!("can have at most {most} characters"));
        }
    }
}

fn series(event: &Event<'_>, faults: &mut Faults) {
    let Some(series) = event.get("series") else { return };
    if series.get("count").and_then(Value::as_i64).unwrap_or(0) < 2 {
        faults.invalid("series.count", &json!(""), "should be at least 2");
    }
    if set(series, "lastObservedTime").is_none() {
        faults.required("series.lastObservedTime", "");
    }
}

fn created(event: &Event<'_>, faults: &mut Faults) {
    series(event, faults);
    if event.get("eventTime").is_none() {
        faults.required("eventTime", "");
    }
    let kind = event.text("type");
    if !matches!(kind, "Normal" | "Warning") {
        faults.invalid("type", &json!(""), &format!("has invalid value: {kind}"));
    }
    let filled = |name: &str, value: &Value| match name {
        "source" => !(text(value, "component").is_empty() && text(value, "host").is_empty()),
        "count" => *value != json!(0),
        _ => true,
    };
    for name in ["firstTimestamp", "lastTimestamp", "count", "source"] {
        if event.get(name).is_some_and(|value| filled(name, value)) {
            faults.invalid(name, &json!(""), "needs to be unset");
        }
    }
}

fn updated(event: &Event<'_>, old: &Event<'_>, faults: &mut Faults) {
    if event.get("series") != old.get("series") {
        series(event, faults);
    }
    let all = [
        "involvedObject",
        "reason",
        "message",
        "source",
        "firstTimestamp",
        "lastTimestamp",
        "count",
        "reason",
        "type",
        "eventTime",
        "action",
        "related",
        "reportingComponent",
        "reportingInstance",
    ];
    for name in all {
        let (shown, before) = (inner(name, event.get(name)), inner(name, old.get(name)));
        let field = if name == "reportingComponent" { "reportingController" } else { name };
        if shown != before {
            faults.wrong(field, &format!("{shown}: field is immutable"));
        }
    }
}

/// Returns a field as the struct inside the server holds it, which has no names of its own for JSON.
fn inner(name: &str, value: Option<&Value>) -> String {
    const REFERENCE: &[(&str, &str)] = &[
        ("Kind", "kind"),
        ("Namespace", "namespace"),
        ("Name", "name"),
        ("UID", "uid"),
        ("APIVersion", "apiVersion"),
        ("ResourceVersion", "resourceVersion"),
        ("FieldPath", "fieldPath"),
    ];
    const SOURCE: &[(&str, &str)] = &[("Component", "component"), ("Host", "host")];
    let whole = |fields: &[(&str, &str)]| {
        let of = |field: &str| json!(value.map(|value| text(value, field)).unwrap_or_default());
        let fields: Vec<String> = fields.iter().map(|(shown, field)| format!("{shown:?}:{}", of(field))).collect();
        format!("{{{}}}", fields.join(","))
    };
    match (name, value) {
        ("involvedObject", _) | ("related", Some(_)) => whole(REFERENCE),
        ("source", _) => whole(SOURCE),
        ("count", None) => "0".to_owned(),
        ("firstTimestamp" | "lastTimestamp" | "eventTime" | "related", None) => "null".to_owned(),
        (_, value) => value.map_or_else(|| "\"\"".to_owned(), Value::to_string),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(check: impl FnOnce(&mut Faults)) -> Vec<String> {
        let mut faults = Faults::default();
        check(&mut faults);
        faults.0.iter().map(schema::Violation::sentence).collect()
    }

    fn event() -> Value {
        json!({
            "metadata": {"name": "e", "namespace": "n"}, "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "a.b/c",
            "reportingInstance": "i", "action": "A", "reason": "R", "note": "m", "type": "Normal", "regarding": {"kind": "Pod", "namespace": "n"},
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut object = event();
        object[name] = value;
        object
    }

    fn of(object: &Value) -> Event<'_> {
        Event { object, new: true }
    }

    #[test]
    fn new_events_say_everything() {
        assert!(told(|faults| always(&of(&event()), faults)).is_empty());
        assert!(told(|faults| created(&of(&event()), faults)).is_empty());
        // With a time, another namespace is as good as its own.
        assert!(told(|faults| always(&of(&with("regarding", json!({"namespace": "x"}))), faults)).is_empty());
        for (name, value, wanted) in [
            ("regarding", json!(null), "involvedObject.namespace: Invalid value: \"\": does not match event.namespace"),
            ("action", json!(""), "action: Required value"),
            ("note", json!("x".repeat(1025)), "message: Invalid value: \"\": can have at most 1024 characters"),
        ] {
            assert_eq!(told(|faults| always(&of(&with(name, value)), faults)), [wanted]);
        }
        for (name, value, wanted) in [
            ("type", json!("x"), "type: Invalid value: \"\": has invalid value: x"),
            ("deprecatedCount", json!(1), "count: Invalid value: \"\": needs to be unset"),
            ("deprecatedSource", json!({"host": "h"}), "source: Invalid value: \"\": needs to be unset"),
        ] {
            assert_eq!(told(|faults| created(&of(&with(name, value)), faults)), [wanted]);
        }
        let series = told(|faults| created(&of(&with("series", json!({"count": 1}))), faults));
        assert_eq!(series, ["series.count: Invalid value: \"\": should be at least 2", "series.lastObservedTime: Required value"]);
    }

    #[test]
    fn what_was_told_stays() {
        assert!(told(|faults| updated(&of(&event()), &of(&event()), faults)).is_empty());
        for (name, value, wanted) in [
            ("action", json!("B"), "action: Invalid value: \"B\": field is immutable"),
            ("eventTime", json!(null), "eventTime: Invalid value: null: field is immutable"),
            ("deprecatedSource", json!({"host": "x"}), "source: Invalid value: {\"Component\":\"\",\"Host\":\"x\"}: field is immutable"),
        ] {
            assert_eq!(told(|faults| updated(&of(&with(name, value)), &of(&event()), faults)), [wanted]);
        }
    }
}
