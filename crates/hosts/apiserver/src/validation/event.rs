//! Event, of both its groups. Follows kubernetes `pkg/apis/core/validation/events.go`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, set, text};
use crate::object::meta;

/// Checks an Event.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let Subject { object, old, .. } = *subject;
    let about = object.get("involvedObject").or_else(|| object.get("regarding")).unwrap_or(&Value::Null);
    let field = if subject.resource.group.is_empty() { "involvedObject" } else { "regarding" };
    let old_style = set(object, "eventTime").is_none();
    if subject.resource.group.is_empty() || old_style {
        legacy(object, about, field, faults);
    }
    if subject.resource.group.is_empty() && old_style {
        return;
    }
    if old.is_none() && !subject.resource.group.is_empty() {
        subject.metadata(faults);
        modern(object, about, faults);
    }
}

fn legacy(object: &Value, about: &Value, field: &str, faults: &mut Faults) {
    let (own, named) = (meta(object, "namespace"), text(about, "namespace"));
    let field = format!("{field}.namespace");
    if named.is_empty() {
        if own != "default" {
            faults.invalid(&field, &json!(named), "does not match event.namespace");
        }
    } else if named != own {
        faults.invalid(&field, &json!(named), "does not match event.namespace");
    }
}

fn modern(object: &Value, about: &Value, faults: &mut Faults) {
    if set(object, "eventTime").is_none() {
        faults.required("eventTime", "");
    }
    let reporting = text(object, "reportingController");
    if reporting.is_empty() {
        faults.required("reportingController", "");
    }
    crate::names::key_faults(reporting).iter().for_each(|why| faults.invalid("reportingController", &json!(reporting), why));
    for (name, most) in [("reportingInstance", 128), ("action", 128), ("reason", 128)] {
        let value = text(object, name);
        if value.is_empty() {
            faults.required(name, "");
        }
        if value.len() > most {
            faults.invalid(name, &json!(value), &format!("can have at most {most} characters"));
        }
    }
    if text(object, "note").len() > 1024 {
        faults.invalid("message", &json!(text(object, "note")), "can have at most 1024 characters");
    }
    let kind = text(object, "type");
    if !matches!(kind, "Normal" | "Warning") {
        faults.invalid("type", &json!(kind), "has invalid value: ");
    }
    let (own, named) = (meta(object, "namespace"), text(about, "namespace"));
    if !named.is_empty() && named != own {
        faults.invalid("involvedObject.namespace", &json!(named), "does not match event.namespace");
    }
}
