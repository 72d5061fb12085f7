//! As whom a Pod and its containers run, and what is kept from them.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `validatePodSpecSecurityContext`, `ValidateSecurityContext`,
//! `validateHostUsers`.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::faults::{Faults, at, list, set, text};
use super::{every_container, is_true, paths, windows};
use crate::typed::Type;

/// So long the path of a profile may be: Linux's longest path.
const LONGEST_PROFILE: usize = 4095;
const TYPES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];

/// Checks as whom a Pod runs.
pub(super) fn of_pod(spec: &Value, old: Option<&Value>, path: &str, faults: &mut Faults) {
    let Some(context) = set(spec, "securityContext") else { return };
    let path = format!("{path}.securityContext");
    ids(context, &path, &["fsGroup", "runAsUser", "runAsGroup"], faults);
    for (index, group) in list(context, "supplementalGroups").iter().enumerate() {
        id(group, &format!("{path}.supplementalGroups[{index}]"), faults);
    }
    if is_true(spec, "shareProcessNamespace") && is_true(spec, "hostPID") {
        let field = format!("{path}.shareProcessNamespace");
        faults.invalid(&field, &json!(true), "ShareProcessNamespace and HostPID cannot both be enabled");
    }
    sysctls(spec, context, &format!("{path}.sysctls"), faults);
    one_of(context, "fsGroupChangePolicy", &["Always", "OnRootMismatch"], &path, faults);
    seccomp(context, &path, faults);
    windows::options(context, &path, faults);
    app_armor(context, &path, faults);
    one_of(context, "supplementalGroupsPolicy", &["Merge", "Strict"], &path, faults);
    // The other policy belongs to a feature that is switched off, but where there is a policy already, any is let pass.
    let known = old.is_some_and(|old| at(old, &["securityContext", "seLinuxChangePolicy"]).is_some());
    let policies: &[&str] = if known { &["MountOption", "Recursive"] } else { &["Recursive"] };
    one_of(context, "seLinuxChangePolicy", policies, &path, faults);
}

/// A text that must be one of these when the field is there at all.
fn one_of(holder: &Value, field: &str, allowed: &[&str], path: &str, faults: &mut Faults) {
    if let Some(value) = set(holder, field).filter(|value| !allowed.contains(&value.as_str().unwrap_or_default())) {
        faults.not_supported(&format!("{path}.{field}"), value, allowed);
    }
}

/// Checks as whom a container runs.
pub(super) fn of_container(context: &Value, host_users: bool, path: &str, faults: &mut Faults) {
    ids(context, path, &["runAsUser", "runAsGroup"], faults);
    one_of(context, "procMount", &["Default", "Unmasked"], path, faults);
    if host_users && text(context, "procMount") == "Unmasked" {
        faults.invalid(&format!("{path}.procMount"), &json!("Unmasked"), "`hostUsers` must be false to use `Unmasked`");
    }
    seccomp(context, path, faults);
    if context.get("allowPrivilegeEscalation") == Some(&json!(false)) {
        let form = Type::Struct("core.v1.SecurityContext");
        if is_true(context, "privileged") {
            faults.invalid_inner(path, &form, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
        }
        let added = at(context, &["capabilities", "add"]).and_then(Value::as_array).into_iter().flatten();
        for _ in added.filter(|one| **one == "CAP_SYS_ADMIN") {
            let why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            faults.invalid_inner(path, &form, context, why);
        }
    }
    windows::options(context, path, faults);
    app_armor(context, path, faults);
}

fn ids(context: &Value, path: &str, fields: &[&str], faults: &mut Faults) {
    for field in fields {
        if let Some(value) = set(context, field) {
            id(value, &format!("{path}.{field}"), faults);
        }
    }
}

fn id(value: &Value, field: &str, faults: &mut Faults) {
    if !value.as_i64().is_some_and(|number| (0..=i64::from(i32::MAX)).contains(&number)) {
        faults.invalid(field, value, "must be between 0 and 2147483647, inclusive");
    }
}

fn seccomp(context: &Value, path: &str, faults: &mut Faults) {
    let Some(profile) = set(context, "seccompProfile") else { return };
    let (kind, path) = (text(profile, "type"), format!("{path}.seccompProfile"));
    if kind.is_empty() {
        faults.required(&format!("{path}.type"), "type is required when seccompProfile is set");
    } else if !TYPES.contains(&kind) {
        faults.not_supported(&format!("{path}.type"), &json!(kind), TYPES);
    }
    let field = format!("{path}.localhostProfile");
    match (kind == "Localhost", set(profile, "localhostProfile").and_then(Value::as_str)) {
        (true, None) => faults.required(&field, "must be set when seccomp type is Localhost"),
        (true, Some(file)) => paths::descending(file, &field, faults),
        (false, Some(_)) => {
            let form = Type::Struct("core.v1.SeccompProfile");
            faults.invalid_inner(&field, &form, profile, "can only be set when seccomp type is Localhost");
        }
        (false, None) => {}
    }
}

fn app_armor(context: &Value, path: &str, faults: &mut Faults) {
    const MISSING: &str = "must be set when AppArmor type is Localhost";
    let Some(profile) = set(context, "appArmorProfile") else { return };
    let path = format!("{path}.appArmorProfile");
    let (field, file) = (format!("{path}.localhostProfile"), set(profile, "localhostProfile").and_then(Value::as_str));
    match (text(profile, "type"), file) {
        ("Localhost", None) => faults.required(&field, MISSING),
        ("Localhost", Some(file)) => {
            if file.trim() != file {
                faults.invalid(&field, &json!(file), "must not be padded with whitespace");
            } else if file.is_empty() {
                faults.required(&field, MISSING);
            }
            if file.len() > LONGEST_PROFILE {
                faults.too_long(&field, LONGEST_PROFILE as u64);
            }
        }
        ("RuntimeDefault" | "Unconfined", Some(file)) => {
            faults.invalid(&field, &json!(file), "can only be set when AppArmor type is Localhost");
        }
        ("RuntimeDefault" | "Unconfined", None) => {}
        ("", _) => faults.required(&format!("{path}.type"), "type is required when appArmorProfile is set"),
        (other, _) => faults.not_supported(&format!("{path}.type"), &json!(other), TYPES),
    }
}

/// What is set in the kernel for a Pod alone.
fn sysctls(spec: &Value, context: &Value, path: &str, faults: &mut Faults) {
    const FORM: &str =
        "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
    let mut seen = HashSet::new();
    for (index, one) in list(context, "sysctls").iter().enumerate() {
        let (name, field) = (text(one, "name"), format!("{path}[{index}].name"));
        if name.is_empty() {
            faults.required(&field, "");
        } else if name.len() > 253 || !name.split(['.', '/']).all(is_sysctl_part) {
            faults.invalid(&field, &json!(name), FORM);
        } else if seen.contains(name) {
            faults.duplicate(&field, &json!(name));
        }
        for (flag, space) in [("hostNetwork", "net"), ("hostIPC", "ipc")] {
            if is_true(spec, flag) && kernel_namespace(name) == space {
                faults.invalid(&field, &json!(name), &format!("may not be specified when '{flag}' is true"));
            }
        }
        seen.insert(name);
    }
}

fn is_sysctl_part(part: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    edge(part.as_bytes().first()) && edge(part.as_bytes().last()) && part.bytes().all(inside)
}

/// Returns the namespace of the kernel to which a setting belongs. Follows `component-helpers/node/util/sysctl/namespace.go`.
fn kernel_namespace(name: &str) -> &'static str {
    const IPC: &[&str] = &["sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced", "shm", "msgmax", "msgmnb", "msgmni", "msg"];
    // Where slashes part the name, dots stand for slashes.
    let parted_by_slashes = name.find(['.', '/']).is_some_and(|place| name[place..].starts_with('/'));
    let swapped = |letter: char| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let name: String = if parted_by_slashes { name.chars().map(swapped).collect() } else { name.to_owned() };
    let name = name.split('*').next().unwrap_or_default();
    if name.starts_with("net.") {
        "net"
    } else if name.starts_with("fs.mqueue.") || name.strip_prefix("kernel.").is_some_and(|rest| IPC.contains(&rest)) {
        "ipc"
    } else {
        ""
    }
}

/// A Pod with users of its own shares no other namespace with the host. Upstream spells two of the fields in Go.
pub(super) fn host_users(spec: &Value, path: &str, faults: &mut Faults) {
    const WHY: &str = "when `hostUsers` is false";
    if spec.get("hostUsers") != Some(&json!(false)) {
        return;
    }
    for (field, told) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
        if is_true(spec, field) {
            faults.forbidden(&format!("{path}.{told}"), WHY);
        }
    }
    for (_, here) in every_container(spec, path).filter(|(container, _)| !list(container, "volumeDevices").is_empty()) {
        faults.forbidden(&format!("{here}.volumeDevices"), WHY);
    }
}
