//! Where a PersistentVolume lies: one function for each type of volume. Follows kubernetes
//! `pkg/apis/core/validation/validation.go` `ValidatePersistentVolumeSpec`.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::csi;
use super::faults::{Faults, child, list, set, text};
use crate::names::Rule;

type Check = fn(&Value, &str, &mut Faults);

/// The types of volumes in the order in which they are looked at: the field, the field as a second one is told, as its own faults are
/// told, and the check.
const TYPES: &[(&str, &str, &str, Check)] = &[
    ("hostPath", "hostPath", "hostPath", host_path),
    ("gcePersistentDisk", "gcePersistentDisk", "persistentDisk", |one, path, faults| disk(one, path, "pdName", faults)),
    ("awsElasticBlockStore", "awsElasticBlockStore", "awsElasticBlockStore", |one, path, faults| disk(one, path, "volumeID", faults)),
    ("glusterfs", "glusterfs", "glusterfs", glusterfs),
    ("flocker", "flocker", "flocker", flocker),
    ("nfs", "nfs", "nfs", nfs),
    ("rbd", "rbd", "rbd", rbd),
    ("quobyte", "quobyte", "quobyte", quobyte),
    ("cephfs", "cephFS", "cephfs", |one, path, faults| needs_list(one, path, "monitors", faults)),
    ("iscsi", "iscsi", "iscsi", |_, _, _| {}),
    ("cinder", "cinder", "cinder", cinder),
    ("fc", "fc", "fc", fibre_channel),
    ("flexVolume", "flexVolume", "flexVolume", flex),
    ("azureFile", "azureFile", "azureFile", azure_file),
    ("vsphereVolume", "vsphereVolume", "vsphereVolume", |one, path, faults| needs(one, path, &["volumePath"], faults)),
    ("photonPersistentDisk", "photonPersistentDisk", "photonPersistentDisk", |one, path, faults| needs(one, path, &["pdID"], faults)),
    ("portworxVolume", "portworxVolume", "portworxVolume", |one, path, faults| needs(one, path, &["volumeID"], faults)),
    ("azureDisk", "azureDisk", "azureDisk", azure_disk),
    ("scaleIO", "scaleIO", "scaleIO", |one, path, faults| needs(one, path, &["gateway", "system", "volumeName"], faults)),
    ("local", "local", "local", local),
    ("storageos", "storageos", "storageos", storage_os),
    ("csi", "csi", "csi", csi::volume),
];

/// The fields of the types of volumes.
pub(crate) static FIELDS: LazyLock<Vec<&str>> = LazyLock::new(|| TYPES.iter().map(|(field, ..)| *field).collect());

/// Checks that a spec has one type of volume, and what it says.
pub(crate) fn check(spec: &Value, name: &str, path: &str, affine: bool, faults: &mut Faults) {
    let mut count = 0;
    for (field, second, own, check) in TYPES {
        let Some(source) = set(spec, field) else { continue };
        // Upstream does not count before this one.
        if count > 0 && *field != "flexVolume" {
            faults.forbidden(&child(path, second), "may not specify more than 1 volume type");
            continue;
        }
        count += 1;
        let here = child(path, own);
        match *field {
            "iscsi" => iscsi(source, name, &here, faults),
            _ => check(source, &here, faults),
        }
        if *field == "local" && !affine {
            faults.required(&child(path, "nodeAffinity"), "Local volume requires node affinity");
        }
    }
    if count == 0 {
        faults.required(path, "must specify a volume type");
    }
}

/// Texts that must be there.
fn needs(one: &Value, path: &str, fields: &[&str], faults: &mut Faults) {
    for field in fields.iter().filter(|field| text(one, field).is_empty()) {
        faults.required(&child(path, field), "");
    }
}

fn needs_list(one: &Value, path: &str, field: &str, faults: &mut Faults) {
    if list(one, field).is_empty() {
        faults.required(&child(path, field), "");
    }
}

/// A number that must lie between 0 and 255, told in other words.
fn byte(one: &Value, path: &str, field: &str, why: &str, faults: &mut Faults) {
    if let Some(number) = set(one, field).filter(|number| !number.as_i64().is_some_and(|number| (0..=255).contains(&number))) {
        faults.invalid(&child(path, field), number, why);
    }
}

fn no_steps_back(path: &str, field: &str, faults: &mut Faults) {
    if path.split('/').any(|part| part == "..") {
        faults.invalid(field, &json!(path), "must not contain '..'");
    }
}

fn host_path(one: &Value, path: &str, faults: &mut Faults) {
    const TYPES: &[&str] = &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    if text(one, "path").is_empty() {
        return faults.required(&child(path, "path"), "");
    }
    no_steps_back(text(one, "path"), &child(path, "path"), faults);
    if let Some(kind) = set(one, "type").filter(|kind| !TYPES.contains(&kind.as_str().unwrap_or_default())) {
        faults.not_supported(&child(path, "type"), kind, TYPES);
    }
}

fn local(one: &Value, path: &str, faults: &mut Faults) {
    if text(one, "path").is_empty() {
        return faults.required(&child(path, "path"), "");
    }
    no_steps_back(text(one, "path"), &child(path, "path"), faults);
}

fn disk(one: &Value, path: &str, name: &str, faults: &mut Faults) {
    needs(one, path, &[name], faults);
    byte(one, path, "partition", "must be between 1 and 255, inclusive", faults);
}

fn glusterfs(one: &Value, path: &str, faults: &mut Faults) {
    needs(one, path, &["endpoints", "path"], faults);
    let field = child(path, "endpointsNamespace");
    match set(one, "endpointsNamespace").and_then(Value::as_str) {
        None => {}
        Some("") => faults.invalid(&field, &json!(""), "if the endpointnamespace is set, it must be a valid namespace name"),
        Some(name) => faults.name(&field, Rule::Label, name),
    }
}

fn flocker(one: &Value, path: &str, faults: &mut Faults) {
    let (name, id) = (text(one, "datasetName"), text(one, "datasetUUID"));
    if name.is_empty() && id.is_empty() {
        faults.required(path, "one of datasetName and datasetUUID is required");
    }
    if !name.is_empty() && !id.is_empty() {
        faults.invalid(path, &json!("resource"), "datasetName and datasetUUID can not be specified simultaneously");
    }
    if name.contains('/') {
        faults.invalid(&child(path, "datasetName"), &json!(name), "must not contain '/'");
    }
}

fn nfs(one: &Value, path: &str, faults: &mut Faults) {
    needs(one, path, &["server", "path"], faults);
    let place = text(one, "path");
    if !place.starts_with('/') {
        faults.invalid(&child(path, "path"), &json!(place), "must be an absolute path");
    }
}

fn rbd(one: &Value, path: &str, faults: &mut Faults) {
    needs_list(one, path, "monitors", faults);
    needs(one, path, &["image"], faults);
}

fn quobyte(one: &Value, path: &str, faults: &mut Faults) {
    const PAIRS: &str = "must be a host:port pair or multiple pairs separated by commas";
    let registry = text(one, "registry");
    if registry.is_empty() {
        faults.required(&child(path, "registry"), PAIRS);
    } else if text(one, "tenant").len() >= 65 {
        faults.required(&child(path, "tenant"), "must be a UUID and may not exceed a length of 64 characters");
    } else {
        for _ in registry.split(',').filter(|pair| !is_host_and_port(pair)) {
            faults.invalid(&child(path, "registry"), &json!(registry), PAIRS);
        }
    }
    needs(one, path, &["volume"], faults);
}

/// Tells whether a text splits into host and port, as Go's `net.SplitHostPort` does it: neither has to be there.
fn is_host_and_port(pair: &str) -> bool {
    let Some((host, port)) = pair.rsplit_once(':') else { return false };
    let bare = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']'),
        None => Some(host).filter(|host| !host.contains(':')),
    };
    bare.is_some_and(|host| !host.contains(['[', ']'])) && !port.contains(['[', ']'])
}

fn iscsi(one: &Value, volume: &str, path: &str, faults: &mut Faults) {
    let portal = text(one, "targetPortal");
    needs(one, path, &["targetPortal"], faults);
    let initiator = set(one, "initiatorName").and_then(Value::as_str);
    if initiator.is_some() && volume.len() + 1 + portal.len() > 64 {
        let why = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
        faults.invalid(&child(path, "targetportal"), &json!(portal), why);
    }
    let name = text(one, "iqn");
    if name.is_empty() {
        faults.required(&child(path, "iqn"), "");
    } else if !is_iscsi_name(name) {
        faults.invalid(&child(path, "iqn"), &json!(name), "must be valid format");
    }
    byte(one, path, "lun", "must be between 0 and 255, inclusive", faults);
    let secret = set(one, "secretRef");
    let asks = |field: &str| one.get(field) == Some(&json!(true));
    match secret {
        None if asks("chapAuthDiscovery") || asks("chapAuthSession") => faults.required(&child(path, "secretRef"), ""),
        None => {}
        Some(secret) => needs(secret, &child(path, "secretRef"), &["name"], faults),
    }
    if let Some(name) = initiator.filter(|name| !is_iscsi_name(name)) {
        faults.invalid(&child(path, "initiatorname"), &json!(name), "must be valid format");
    }
}

fn is_iscsi_name(name: &str) -> bool {
    let plain = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    // Any one character stands between the prefix and what follows.
    let after = |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.char_indices().nth(1).map(|(at, _)| &rest[at..]));
    if name.starts_with("iqn") {
        return is_iqn(name);
    }
    after("eui").is_some_and(|rest| plain(rest, 16)) || after("naa").is_some_and(|rest| plain(rest, 32))
}

/// `iqn.2001-04.com.example:disk`: a month, a name turned round, and something of the owner's.
fn is_iqn(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("iqn.") else { return false };
    let Some((date, rest)) = rest.split_once('.') else { return false };
    let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let dated = date.split_once('-').is_some_and(|(year, month)| digits(year, 4) && digits(month, 2));
    let Some((authority, own)) = rest.split_once(':') else { return false };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    dated
        && !authority.is_empty()
        && authority.bytes().all(word)
        && !own.is_empty()
        && !own.contains([',', ';', '*', '&', '$', '|'])
        && !own.contains(char::is_whitespace)
}

fn cinder(one: &Value, path: &str, faults: &mut Faults) {
    needs(one, path, &["volumeID"], faults);
    if let Some(secret) = set(one, "secretRef") {
        needs(secret, &child(path, "secretRef"), &["name", "namespace"], faults);
    }
}

fn fibre_channel(one: &Value, path: &str, faults: &mut Faults) {
    let (targets, ids) = (list(one, "targetWWNs"), list(one, "wwids"));
    let field = child(path, "targetWWNs");
    if targets.is_empty() && ids.is_empty() {
        faults.required(&field, "must specify either targetWWNs or wwids, but not both");
    }
    if !targets.is_empty() && !ids.is_empty() {
        faults.invalid(&field, &json!(targets), "targetWWNs and wwids can not be specified simultaneously");
    }
    if !targets.is_empty() && set(one, "lun").is_none() {
        faults.required(&child(path, "lun"), "lun is required if targetWWNs is specified");
    } else if !targets.is_empty() {
        byte(one, path, "lun", "must be between 0 and 255, inclusive", faults);
    }
}

fn flex(one: &Value, path: &str, faults: &mut Faults) {
    needs(one, path, &["driver"], faults);
    for key in one.get("options").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys) {
        let domain = format!(".{}", key.split('/').next().unwrap_or_default().to_lowercase());
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            let why = "kubernetes.io and k8s.io namespaces are reserved";
            faults.invalid(&format!("{path}.options[{key}]"), &json!(key), why);
        }
    }
}

fn azure_file(one: &Value, path: &str, faults: &mut Faults) {
    needs(one, path, &["secretName", "shareName"], faults);
    if set(one, "secretNamespace").and_then(Value::as_str) == Some("") {
        faults.required(&child(path, "secretNamespace"), "");
    }
}

fn azure_disk(one: &Value, path: &str, faults: &mut Faults) {
    const MANAGED: &str = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    const BLOB: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    needs(one, path, &["diskName", "diskURI"], faults);
    for (field, known) in [("cachingMode", &["None", "ReadOnly", "ReadWrite"]), ("kind", &["Dedicated", "Managed", "Shared"])] {
        if let Some(value) = set(one, field).filter(|value| !known.contains(&value.as_str().unwrap_or_default())) {
            faults.not_supported(&child(path, field), value, known);
        }
    }
    let place = text(one, "diskURI");
    match set(one, "kind").and_then(Value::as_str) {
        Some("Managed") if !place.starts_with("/subscriptions/") => {
            faults.not_supported(&child(path, "diskURI"), &json!(place), &[MANAGED]);
        }
        Some("Managed") | None => {}
        Some(_) if !place.starts_with("https://") => faults.not_supported(&child(path, "diskURI"), &json!(place), &[BLOB]),
        Some(_) => {}
    }
}

fn storage_os(one: &Value, path: &str, faults: &mut Faults) {
    needs(one, path, &["volumeName"], faults);
    for field in ["volumeName", "volumeNamespace"] {
        if !text(one, field).is_empty() {
            faults.name(&child(path, field), Rule::Label, text(one, field));
        }
    }
    if let Some(secret) = set(one, "secretRef") {
        needs(secret, &child(path, "secretRef"), &["name", "namespace"], faults);
    }
}
