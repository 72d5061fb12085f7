//! What a container is asked, and what is done when it begins and ends.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `validateProbe`, `validateLifecycle`, `validateHandler`.

use serde_json::{Value, json};

use super::super::faults::{Faults, list, set, text};
use super::Frame;

/// Checks the probes of a container.
pub(super) fn probes(container: &Value, path: &str, frame: &Frame<'_>, faults: &mut Faults) {
    for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = set(container, field) else { continue };
        let here = format!("{path}.{field}");
        self::probe(probe, &here, frame, faults);
        if field == "readinessProbe" {
            if let Some(seconds) = set(probe, "terminationGracePeriodSeconds") {
                faults.invalid(&format!("{here}.terminationGracePeriodSeconds"), seconds, "must not be set for readinessProbes");
            }
        } else if let Some(threshold) = set(probe, "successThreshold").filter(|value| value.as_i64() != Some(1)) {
            faults.invalid(&format!("{here}.successThreshold"), threshold, "must be 1");
        }
    }
}

fn probe(probe: &Value, path: &str, frame: &Frame<'_>, faults: &mut Faults) {
    handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], path, frame, faults);
    for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        faults.not_negative(probe, path, field);
    }
    if let Some(seconds) = set(probe, "terminationGracePeriodSeconds").filter(|value| value.as_i64().is_none_or(|number| number <= 0)) {
        faults.invalid(&format!("{path}.terminationGracePeriodSeconds"), seconds, "must be greater than 0");
    }
}

/// Checks what is done when a container begins and ends.
pub(super) fn lifecycle(container: &Value, path: &str, frame: &Frame<'_>, faults: &mut Faults) {
    let Some(lifecycle) = set(container, "lifecycle") else { return };
    for hook in ["postStart", "preStop"] {
        if let Some(handler) = set(lifecycle, hook) {
            self::handler(handler, &["exec", "httpGet", "tcpSocket", "sleep"], &format!("{path}.lifecycle.{hook}"), frame, faults);
        }
    }
}

fn handler(handler: &Value, kinds: &[&str], path: &str, frame: &Frame<'_>, faults: &mut Faults) {
    let mut present = kinds.iter().filter_map(|kind| Some((*kind, set(handler, kind)?)));
    let Some((first, inner)) = present.next() else { return faults.required(path, "must specify a handler type") };
    let here = format!("{path}.{first}");
    let port = |faults: &mut Faults| faults.port(&format!("{here}.port"), inner.get("port").unwrap_or(&json!(0)));
    match first {
        "exec" if list(inner, "command").is_empty() => faults.required(&format!("{here}.command"), ""),
        "httpGet" => {
            if text(inner, "path").is_empty() {
                faults.required(&format!("{here}.path"), "");
            }
            port(faults);
            http(inner, &here, faults);
        }
        "tcpSocket" | "grpc" => port(faults),
        "sleep" => sleep(inner, frame.grace, &here, faults),
        _ => {}
    }
    for (more, _) in present {
        faults.forbidden(&format!("{path}.{more}"), "may not specify more than 1 handler type");
    }
}

fn http(get: &Value, path: &str, faults: &mut Faults) {
    const FORM: &str = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
    let scheme = text(get, "scheme");
    if !matches!(scheme, "HTTP" | "HTTPS") {
        faults.not_supported(&format!("{path}.scheme"), &json!(scheme), &["HTTP", "HTTPS"]);
    }
    for header in list(get, "httpHeaders") {
        let name = text(header, "name");
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            faults.invalid(&format!("{path}.httpHeaders"), &json!(name), FORM);
        }
    }
}

fn sleep(sleep: &Value, grace: Option<i64>, path: &str, faults: &mut Faults) {
    let seconds = set(sleep, "seconds").and_then(Value::as_i64).unwrap_or_default();
    if let Some(grace) = grace.filter(|grace| seconds < 0 || seconds > *grace) {
        let why = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        faults.invalid(path, &json!(seconds), &why);
    }
}
