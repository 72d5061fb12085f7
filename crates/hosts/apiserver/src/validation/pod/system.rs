//! For which system a Pod is made, and what does not go with it.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `validateOS`, `validateLinux`, `validateWindows`.

use serde_json::{Value, json};

use super::super::faults::{Faults, at, list, set, text};
use super::every_container;

/// What Windows does not know of a Pod: where it is, and where it is told to be.
const OF_PODS: &[(&[&str], &str)] = &[
    (&["securityContext", "appArmorProfile"], "securityContext.appArmorProfile"),
    (&["securityContext", "seLinuxOptions"], "securityContext.seLinuxOptions"),
    (&["hostUsers"], "hostUsers"),
    (&["hostPID"], "hostPID"),
    (&["hostIPC"], "hostIPC"),
    (&["securityContext", "seccompProfile"], "securityContext.seccompProfile"),
    (&["securityContext", "fsGroup"], "securityContext.fsGroup"),
    (&["securityContext", "fsGroupChangePolicy"], "securityContext.fsGroupChangePolicy"),
    (&["securityContext", "sysctls"], "securityContext.sysctls"),
    (&["shareProcessNamespace"], "shareProcessNamespace"),
    (&["securityContext", "runAsUser"], "securityContext.runAsUser"),
    (&["securityContext", "runAsGroup"], "securityContext.runAsGroup"),
    (&["securityContext", "supplementalGroups"], "securityContext.supplementalGroups"),
    (&["securityContext", "supplementalGroupsPolicy"], "securityContext.supplementalGroupsPolicy"),
    (&["securityContext", "seLinuxChangePolicy"], "securityContext.seLinuxChangePolicy"),
];
/// What Windows does not know of a container.
const OF_CONTAINERS: &[&str] = &[
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
];

/// Checks the system.
pub(super) fn check(spec: &Value, path: &str, faults: &mut Faults) {
    let Some(system) = set(spec, "os") else { return };
    match text(system, "name") {
        "" => faults.required(&format!("{path}.os.name"), ""),
        "linux" => linux(spec, path, faults),
        "windows" => windows(spec, path, faults),
        other => faults.not_supported(&format!("{path}.os"), &json!(other), &["linux", "windows"]),
    }
}

fn linux(spec: &Value, path: &str, faults: &mut Faults) {
    const WHY: &str = "windows options cannot be set for a linux pod";
    if at(spec, &["securityContext", "windowsOptions"]).is_some() {
        faults.forbidden(&format!("{path}.securityContext.windowsOptions"), WHY);
    }
    for (container, here) in every_container(spec, path) {
        if at(container, &["securityContext", "windowsOptions"]).is_some() {
            faults.forbidden(&format!("{here}.securityContext.windowsOptions"), WHY);
        }
    }
}

fn windows(spec: &Value, path: &str, faults: &mut Faults) {
    const WHY: &str = "cannot be set for a windows pod";
    for (place, told) in OF_PODS {
        if at(spec, place).is_some() {
            faults.forbidden(&format!("{path}.{told}"), WHY);
        }
    }
    for (container, here) in every_container(spec, path) {
        for field in OF_CONTAINERS.iter().filter(|field| at(container, &["securityContext", field]).is_some()) {
            faults.forbidden(&format!("{here}.securityContext.{field}"), WHY);
        }
    }
}

/// Tokens are for Pods with an account. Follows `validatePodMetadataAndSpec`.
pub(super) fn tokens(spec: &Value, faults: &mut Faults) {
    if !text(spec, "serviceAccountName").is_empty() {
        return;
    }
    for (index, volume) in list(spec, "volumes").iter().enumerate() {
        let sources = at(volume, &["projected", "sources"]).and_then(Value::as_array).into_iter().flatten();
        for (number, _) in sources.enumerate().filter(|(_, source)| set(source, "serviceAccountToken").is_some()) {
            let field = format!("spec.volumes[{index}].projected.sources[{number}].serviceAccountToken");
            faults.forbidden(&field, "must not be specified when serviceAccountName is not set");
        }
    }
}
