//! What is decided about a CertificateSigningRequest. Follows kubernetes `pkg/apis/certificates/validation/validation.go`
//! `validateConditions` and `validateCertificateSigningRequestUpdate`. What was wrong before is let be.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, text};
use super::{certificates, inner};
use crate::typed::Type;

const PATH: &str = "status.conditions";
const FORM: Type = Type::List(&Type::Struct("certificates.v1.CertificateSigningRequestCondition"));

fn conditions(object: &Value) -> &[Value] {
    object.get("status").map(|status| list(status, "conditions")).unwrap_or_default()
}

fn of_type<'a>(object: &'a Value, kind: &str) -> Vec<&'a Value> {
    conditions(object).iter().filter(|one| text(one, "type") == kind).collect()
}

fn is_both(object: &Value) -> bool {
    !of_type(object, "Approved").is_empty() && !of_type(object, "Denied").is_empty()
}

fn has_twice(all: &[Value]) -> bool {
    all.iter().enumerate().any(|(index, one)| all[..index].iter().any(|other| text(other, "type") == text(one, "type")))
}

/// Checks the conditions.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let all = conditions(subject.object);
    let before = |wrong: fn(&Value) -> bool| subject.old.is_some_and(wrong);
    let (both, twice) = (before(is_both), before(|old| has_twice(conditions(old))));
    let empty = before(|old| conditions(old).iter().any(|one| text(one, "type").is_empty()));
    for (index, one) in all.iter().enumerate() {
        let here = format!("{PATH}[{index}]");
        let kind = text(one, "type");
        if kind.is_empty() && !empty {
            faults.required(&format!("{here}.type"), "");
        }
        let decided = matches!(kind, "Approved" | "Denied" | "Failed");
        faults.one_of(one, &here, "status", if decided { &["True"] } else { &["False", "True", "Unknown"] });
        let earlier = |wanted: &str| all[..index].iter().any(|other| text(other, "type") == wanted);
        if !both && ((kind == "Approved" && earlier("Denied")) || (kind == "Denied" && earlier("Approved"))) {
            faults.invalid(PATH, &json!(kind), "Approved and Denied conditions are mutually exclusive");
        }
        if !twice && earlier(kind) {
            faults.duplicate(&format!("{here}.type"), &json!(kind));
        }
    }
}

fn issued(object: &Value) -> &str {
    object.get("status").map(|status| text(status, "certificate")).unwrap_or_default()
}

fn certificate_fault(encoded: &str) -> Option<String> {
    if encoded.is_empty() {
        return None;
    }
    let blocks = certificates::blocks(encoded);
    for (label, headed) in &blocks {
        if label != "CERTIFICATE" {
            return Some(format!("only CERTIFICATE PEM blocks are allowed, found {label:?}"));
        }
        if *headed {
            return Some("no PEM block headers are permitted".to_owned());
        }
    }
    blocks.is_empty().then(|| "must contain at least one CERTIFICATE PEM block".to_owned())
}

/// Checks the certificate.
pub(crate) fn certificate(subject: &Subject<'_>, faults: &mut Faults) {
    let now = issued(subject.object);
    if subject.old.is_some_and(|old| issued(old) == now || certificate_fault(issued(old)).is_some()) {
        return;
    }
    if let Some(why) = certificate_fault(now) {
        faults.invalid("status.certificate", &json!("<certificate data>"), &why);
    }
}

/// Checks both against what they were: each is said at an endpoint of its own, and a decision is not taken back.
pub(crate) fn changed(subject: &Subject<'_>, faults: &mut Faults) {
    let Some(old) = subject.old else { return };
    for kind in ["Approved", "Denied", "Failed"] {
        if of_type(subject.object, kind).len() < of_type(old, kind).len() {
            faults.forbidden(PATH, &format!("updates may not remove a condition of type {kind:?}"));
        }
    }
    if subject.subresource != "approval" {
        for kind in ["Approved", "Denied"] {
            let (before, now) = (of_type(old, kind), of_type(subject.object, kind));
            if now.len() > before.len() {
                faults.forbidden(PATH, &format!("updates may not add a condition of type {kind:?}"));
            } else if now.len() == before.len() && now != before {
                let what = inner::diff(&FORM, &json!(before), &json!(now));
                faults.forbidden(PATH, &format!("updates may not modify a condition of type {kind:?}\n{what}"));
            }
        }
    }
    let (before, now) = (issued(old), issued(subject.object));
    if before == now {
        return;
    }
    if subject.subresource != "status" {
        faults.forbidden("status.certificate", "updates may not set certificate content");
    } else if !before.is_empty() {
        faults.forbidden("status.certificate", "updates may not modify existing certificate content");
    }
}
