//! The containers of a Pod: those that run, those that run before, those that were added.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `validateContainers`, `validateInitContainers`,
//! `validateEphemeralContainers`, `validateContainerCommon`.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::faults::{Faults, list, or_null, set, text};
use super::{Frame, environment, handlers, mounts, required, required_name, resources, restart, security};
use crate::names::Rule;

/// What a container may not have that was added to a running Pod, in Go's order.
const NOT_ADDED: &[&str] = &[
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
];

/// Checks the containers that run.
pub(super) fn regular(spec: &Value, path: &str, frame: &Frame<'_>, faults: &mut Faults) {
    let path = format!("{path}.containers");
    let containers = list(spec, "containers");
    if containers.is_empty() {
        return faults.required(&path, "");
    }
    let mut names = HashSet::new();
    for (index, one) in containers.iter().enumerate() {
        let here = format!("{path}[{index}]");
        common(one, &here, frame, faults);
        if !names.insert(text(one, "name")) {
            faults.duplicate(&format!("{here}.name"), &json!(text(one, "name")));
        }
        handlers::lifecycle(one, &here, frame, faults);
        handlers::probes(one, &here, frame, faults);
        restart::policy(one, &here, faults);
    }
    host_ports(containers, &path, faults);
}

/// Checks the containers that run before the others.
pub(super) fn initial(spec: &Value, path: &str, frame: &Frame<'_>, faults: &mut Faults) {
    let path = format!("{path}.initContainers");
    let mut names: HashSet<&str> = list(spec, "containers").iter().map(|one| text(one, "name")).collect();
    for (index, one) in list(spec, "initContainers").iter().enumerate() {
        let (here, name) = (format!("{path}[{index}]"), text(one, "name"));
        common(one, &here, frame, faults);
        restart::initial_policy(one, &here, faults);
        if names.contains(name) {
            faults.duplicate(&format!("{here}.name"), &json!(name));
        } else if !name.is_empty() {
            names.insert(name);
        }
        // They run one after another: each is looked at by itself, as if it were the first.
        host_ports(std::slice::from_ref(one), &path, faults);
        let stays = text(one, "restartPolicy") == "Always";
        if stays {
            handlers::lifecycle(one, &here, frame, faults);
            handlers::probes(one, &here, frame, faults);
        } else {
            for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                if set(one, field).is_some() {
                    faults.forbidden(&format!("{here}.{field}"), "may not be set for init containers without restartPolicy=Always");
                }
            }
            restart::initial_resize(one, &here, faults);
        }
    }
}

/// Checks the containers that were added to a running Pod.
pub(super) fn ephemeral(spec: &Value, path: &str, frame: &Frame<'_>, faults: &mut Faults) {
    let others: HashSet<&str> =
        ["containers", "initContainers"].iter().flat_map(|kind| list(spec, kind)).map(|one| text(one, "name")).collect();
    let mut names = others.clone();
    for (index, one) in list(spec, "ephemeralContainers").iter().enumerate() {
        let (here, name) = (format!("{path}.ephemeralContainers[{index}]"), text(one, "name"));
        common(one, &here, frame, faults);
        trimmed_image(one, &here, faults);
        if !names.insert(name) {
            faults.duplicate(&format!("{here}.name"), &json!(name));
        }
        let target = text(one, "targetContainerName");
        if !target.is_empty() && !others.contains(target) {
            faults.not_found(&format!("{here}.targetContainerName"), &json!(target));
        }
        for field in NOT_ADDED {
            // Of these only the resources are a struct in Go, which is always there.
            if set(one, field).is_some_and(|value| *field != "resources" || *value != json!({})) {
                faults.forbidden(&format!("{here}.{field}"), "cannot be set for an Ephemeral Container");
            }
        }
        for (number, mount) in list(one, "volumeMounts").iter().enumerate() {
            for field in ["subPath", "subPathExpr"].iter().filter(|field| !text(mount, field).is_empty()) {
                faults.forbidden(&format!("{here}.volumeMounts[{number}].{field}"), "cannot be set for an Ephemeral Container");
            }
        }
    }
}

/// Space around the name of an image: let pass in templates.
pub(super) fn trimmed_image(container: &Value, path: &str, faults: &mut Faults) {
    let image = text(container, "image");
    if image.trim() != image {
        faults.invalid(&format!("{path}.image"), &json!(image), "must not have leading or trailing whitespace");
    }
}

/// What every container must satisfy.
fn common(one: &Value, path: &str, frame: &Frame<'_>, faults: &mut Faults) {
    required_name(one, "name", Rule::Label, path, faults);
    required(one, &["image"], path, faults);
    faults.one_of(one, path, "terminationMessagePolicy", &["File", "FallbackToLogsOnError"]);
    ports(one, path, faults);
    environment::check(one, path, faults);
    mounts::check(one, &frame.volumes, path, faults);
    faults.one_of(one, path, "imagePullPolicy", &["Always", "IfNotPresent", "Never"]);
    resources::of_container(or_null(one, &["resources"]), &frame.claims, &format!("{path}.resources"), faults);
    restart::resize(one, frame.restart_policy, path, faults);
    if let Some(context) = set(one, "securityContext") {
        security::of_container(context, frame.host_users, &format!("{path}.securityContext"), faults);
    }
}

fn ports(one: &Value, path: &str, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for (index, port) in list(one, "ports").iter().enumerate() {
        let (here, name) = (format!("{path}.ports[{index}]"), text(port, "name"));
        if !name.is_empty() {
            let before = faults.0.len();
            faults.port_name(&format!("{here}.name"), name);
            if faults.0.len() == before && !seen.insert(name) {
                faults.duplicate(&format!("{here}.name"), &json!(name));
            }
        }
        let number = |field: &str| port.get(field).filter(|number| number.as_i64() != Some(0) && !number.is_null());
        match number("containerPort") {
            None => faults.required(&format!("{here}.containerPort"), ""),
            Some(number) => faults.port_number(&format!("{here}.containerPort"), number),
        }
        if let Some(number) = number("hostPort") {
            faults.port_number(&format!("{here}.hostPort"), number);
        }
        faults.one_of(port, &here, "protocol", &["SCTP", "TCP", "UDP"]);
    }
}

/// A port of the host is taken once.
fn host_ports(containers: &[Value], path: &str, faults: &mut Faults) {
    let mut taken = HashSet::new();
    for (index, container) in containers.iter().enumerate() {
        for (number, port) in list(container, "ports").iter().enumerate() {
            let Some(host) = set(port, "hostPort").and_then(Value::as_i64).filter(|host| *host != 0) else { continue };
            let place = format!("{}/{}/{host}", text(port, "protocol"), text(port, "hostIP"));
            if taken.contains(&place) {
                faults.duplicate(&format!("{path}[{index}].ports[{number}].hostPort"), &json!(place));
            }
            taken.insert(place);
        }
    }
}
