//! Drivers of volumes: CSIDriver, CSINode, and what a PersistentVolume says of its driver. Follows kubernetes
//! `pkg/apis/storage/validation/validation.go`, and `pkg/apis/core/validation/validation.go` `ValidateCSIDriverName`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, child, list, set, text};
use super::inner;
use crate::names::{self, Rule};
use crate::typed::Type;

/// The name of a driver.
pub(crate) fn driver_name(name: &str, field: &str, faults: &mut Faults) {
    if name.is_empty() {
        return faults.required(field, "");
    }
    if name.len() > 63 {
        faults.too_long(field, 63);
    }
    names::faults(Rule::Subdomain, &name.to_lowercase()).iter().for_each(|why| faults.invalid(field, &json!(name), why));
}

/// Where a PersistentVolume lies, by its driver.
pub(crate) fn volume(one: &Value, path: &str, faults: &mut Faults) {
    driver_name(text(one, "driver"), &child(path, "driver"), faults);
    if text(one, "volumeHandle").is_empty() {
        faults.required(&child(path, "volumeHandle"), "");
    }
    for field in ["controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef"] {
        if let Some(secret) = set(one, field) {
            named(secret, "name", Rule::Subdomain, &child(path, field), faults);
            named(secret, "namespace", Rule::Label, &child(path, field), faults);
        }
    }
}

fn named(secret: &Value, field: &str, rule: Rule, path: &str, faults: &mut Faults) {
    match text(secret, field) {
        "" => faults.required(&child(path, field), ""),
        name => faults.name(&child(path, field), rule, name),
    }
}

/// Checks a CSIDriver.
pub(crate) fn driver(subject: &Subject<'_>, faults: &mut Faults) {
    match subject.old {
        Some(_) => subject.metadata_update(faults),
        None => subject.metadata(faults),
    }
    let spec = subject.spec();
    let given = |field: &str, told: &str, faults: &mut Faults| {
        if set(spec, field).is_none() {
            faults.required(&format!("spec.{told}"), "");
        }
    };
    given("attachRequired", "attachedRequired", faults);
    given("podInfoOnMount", "podInfoOnMount", faults);
    given("storageCapacity", "storageCapacity", faults);
    let policies = &["File", "None", "ReadWriteOnceWithFSType"];
    if let Some(policy) = set(spec, "fsGroupPolicy").filter(|policy| !policies.contains(&policy.as_str().unwrap_or_default())) {
        faults.not_supported("spec.fsGroupPolicy", policy, policies);
    }
    token_requests(spec, faults);
    for mode in list(spec, "volumeLifecycleModes") {
        if !matches!(mode.as_str(), Some("Persistent" | "Ephemeral")) {
            faults.not_supported("spec.volumeLifecycleModes", mode, &["Persistent", "Ephemeral"]);
        }
    }
    given("seLinuxMount", "seLinuxMount", faults);
    if let Some(period) = set(spec, "nodeAllocatableUpdatePeriodSeconds").filter(|period| period.as_i64().is_some_and(|number| number < 10))
    {
        faults.invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, "must be greater than or equal to 10 seconds");
    }
    if let Some(secrets) = set(spec, "serviceAccountTokenInSecrets").filter(|_| list(spec, "tokenRequests").is_empty()) {
        let why = "serviceAccountTokenInSecrets is set but no tokenRequests are specified";
        faults.invalid("spec.serviceAccountTokenInSecrets", secrets, why);
    }
    let Some(old) = subject.old else { return };
    for (field, told) in [("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")] {
        let now = spec.get(field);
        if now != old.get("spec").and_then(|old| old.get(field)) {
            faults.invalid(&format!("spec.{told}"), now.unwrap_or(&Value::Null), "field is immutable");
        }
    }
}

fn token_requests(spec: &Value, faults: &mut Faults) {
    let mut audiences = BTreeSet::new();
    for (index, request) in list(spec, "tokenRequests").iter().enumerate() {
        let here = format!("spec.tokenRequests[{index}]");
        let audience = text(request, "audience");
        if !audiences.insert(audience) {
            faults.duplicate(&child(&here, "audience"), &json!(audience));
            continue;
        }
        let Some(seconds) = set(request, "expirationSeconds") else { continue };
        let number = seconds.as_i64().unwrap_or(0);
        if number < 600 {
            faults.invalid(&child(&here, "expirationSeconds"), seconds, "may not specify a duration less than 10 minutes");
        }
        if number > 1 << 32 {
            faults.invalid(&child(&here, "expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds");
        }
    }
}

/// Checks a CSINode.
pub(crate) fn node(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata(faults);
    let drivers = list(subject.spec(), "drivers");
    let mut names = BTreeSet::new();
    for (index, driver) in drivers.iter().enumerate() {
        let here = format!("spec.drivers[{index}]");
        node_driver(driver, &here, faults);
        if !names.insert(text(driver, "name")) {
            faults.duplicate(&child(&here, "name"), &json!(text(driver, "name")));
        }
        topology_keys(driver, &here, faults);
    }
    let before = subject.old.and_then(|old| old.get("spec")).map(|old| list(old, "drivers")).unwrap_or_default();
    for old in before {
        for new in drivers.iter().filter(|new| text(new, "name") == text(old, "name")) {
            let (old, new) = (without_count(old), without_count(new));
            if old != new {
                let shown = inner::shown(&Type::Struct("storage.v1.CSINodeDriver"), &new);
                faults.wrong("spec.drivers", &format!("{shown}: field is immutable"));
            }
        }
    }
}

fn node_driver(driver: &Value, path: &str, faults: &mut Faults) {
    driver_name(text(driver, "name"), &child(path, "name"), faults);
    let id = text(driver, "nodeID");
    if id.is_empty() {
        faults.required(&child(path, "nodeID"), "");
    }
    if id.len() > 256 {
        faults.invalid(&child(path, "nodeID"), &json!(id), "must be 256 characters or less");
    }
    if let Some(allocatable) = set(driver, "allocatable") {
        faults.not_negative(allocatable, &child(path, "allocatable"), "count");
    }
}

fn topology_keys(driver: &Value, path: &str, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for key in list(driver, "topologyKeys") {
        let name = key.as_str().unwrap_or_default();
        if name.is_empty() {
            faults.required(path, "");
        }
        if !seen.insert(name) {
            faults.duplicate(path, key);
        }
        names::key_faults(name).iter().for_each(|why| faults.invalid(path, key, why));
    }
}

/// How many volumes fit may change; an empty list of keys is as good as none.
fn without_count(driver: &Value) -> Value {
    let mut driver = driver.clone();
    if let Value::Object(map) = &mut driver {
        map.remove("allocatable");
        if map.get("topologyKeys").is_some_and(|keys| keys.is_null() || keys.as_array().is_some_and(Vec::is_empty)) {
            map.remove("topologyKeys");
        }
    }
    driver
}
