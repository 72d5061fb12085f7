//! Where a volume comes from: each sort of source.
//! Follows kubernetes `pkg/apis/core/validation/validation.go`, from `validateHostPathVolumeSource` to `validateEphemeralVolumeSource`.

use serde_json::{Value, json};

use super::super::claim;
use super::super::faults::{Faults, child, list, or_null, set, text};
use super::{is_true, name, paths, required, required_name};
use crate::names::Rule;

pub(super) fn empty_dir(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    if set(source, "sizeLimit").and_then(Value::as_str).and_then(crate::quantity::nanos).is_some_and(|nanos| nanos < 0) {
        faults.forbidden(&format!("{path}.sizeLimit"), "SizeLimit field must be a valid resource quantity");
    }
}

pub(super) fn host_path(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    const TYPES: &[&str] = &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    if text(source, "path").is_empty() {
        return faults.required(&format!("{path}.path"), "");
    }
    paths::no_backsteps(text(source, "path"), &format!("{path}.path"), faults);
    if let Some(kind) = set(source, "type").filter(|kind| !TYPES.contains(&kind.as_str().unwrap_or_default())) {
        faults.not_supported(&format!("{path}.type"), kind, TYPES);
    }
}

pub(super) fn git_repo(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["repository"], path, faults);
    paths::descending(text(source, "directory"), &format!("{path}.directory"), faults);
}

pub(super) fn gce(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["pdName"], path, faults);
    partition(source, path, faults);
}

pub(super) fn aws(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["volumeID"], path, faults);
    partition(source, path, faults);
}

fn partition(source: &Value, path: &str, faults: &mut Faults) {
    if let Some(number) = set(source, "partition").filter(|number| !is_byte(number)) {
        faults.invalid(&format!("{path}.partition"), number, "must be between 1 and 255, inclusive");
    }
}

fn is_byte(number: &Value) -> bool {
    number.as_i64().is_some_and(|number| (0..=255).contains(&number))
}

pub(super) fn nfs(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["server", "path"], path, faults);
    if !text(source, "path").starts_with('/') {
        faults.invalid(&format!("{path}.path"), &json!(text(source, "path")), "must be an absolute path");
    }
}

pub(super) fn iscsi(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["targetPortal", "iqn"], path, faults);
    let iqn = text(source, "iqn");
    if !iqn.is_empty()
        && let Some(why) = initiator_fault(iqn)
    {
        faults.invalid(&format!("{path}.iqn"), &json!(iqn), why);
    }
    if let Some(lun) = set(source, "lun").filter(|lun| !is_byte(lun)) {
        faults.invalid(&format!("{path}.lun"), lun, "must be between 0 and 255, inclusive");
    }
    if (is_true(source, "chapAuthDiscovery") || is_true(source, "chapAuthSession")) && set(source, "secretRef").is_none() {
        faults.required(&format!("{path}.secretRef"), "");
    }
    if let Some(name) = set(source, "initiatorName").and_then(Value::as_str)
        && let Some(why) = initiator_fault(name)
    {
        faults.invalid(&format!("{path}.initiatorname"), &json!(name), why);
    }
}

/// Returns what is wrong with the name of one who speaks iSCSI.
fn initiator_fault(name: &str) -> Option<&'static str> {
    let letters = |rest: &str, most: usize| {
        let mut rest = rest.chars();
        rest.next().is_some() && rest.as_str().len() == most && rest.all(|letter| letter.is_ascii_alphanumeric())
    };
    let right = match (name.get(..3), name.get(3..)) {
        (Some("iqn"), Some(rest)) => is_qualified(rest),
        (Some("eui"), Some(rest)) => letters(rest, 16),
        (Some("naa"), Some(rest)) => letters(rest, 32),
        _ => return Some("must be valid format starting with iqn, eui, or naa"),
    };
    (!right).then_some("must be valid format")
}

/// Tells whether this is what follows `iqn`: a month, a domain, and a name.
fn is_qualified(rest: &str) -> bool {
    let (month, rest) = rest.split_at_checked(9).unwrap_or_default();
    let form = month.bytes().zip(b".0000-00.").all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form });
    let Some((domain, name)) = rest.split_once(':') else { return false };
    let inside = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
    let outside = |letter: char| letter.is_ascii_whitespace() || ",;*&$|".contains(letter);
    form && !domain.is_empty() && domain.chars().all(inside) && !name.is_empty() && !name.contains(outside)
}

pub(super) fn glusterfs(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["endpoints", "path"], path, faults);
}

pub(super) fn flocker(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    let (name, uuid) = (text(source, "datasetName"), text(source, "datasetUUID"));
    if name.is_empty() && uuid.is_empty() {
        faults.required(path, "one of datasetName and datasetUUID is required");
    }
    if !name.is_empty() && !uuid.is_empty() {
        faults.invalid(path, &json!("resource"), "datasetName and datasetUUID can not be specified simultaneously");
    }
    if name.contains('/') {
        faults.invalid(&format!("{path}.datasetName"), &json!(name), "must not contain '/'");
    }
}

pub(super) fn claim(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["claimName"], path, faults);
}

pub(super) fn rbd(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    monitors(source, path, faults);
    required(source, &["image"], path, faults);
}

pub(super) fn cinder(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["volumeID"], path, faults);
    secret_ref(source, path, faults);
}

fn secret_ref(source: &Value, path: &str, faults: &mut Faults) {
    if let Some(secret) = set(source, "secretRef") {
        required(secret, &["name"], &format!("{path}.secretRef"), faults);
    }
}

pub(super) fn ceph(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    monitors(source, path, faults);
}

fn monitors(source: &Value, path: &str, faults: &mut Faults) {
    if list(source, "monitors").is_empty() {
        faults.required(&format!("{path}.monitors"), "");
    }
}

pub(super) fn quobyte(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    const PAIRS: &str = "must be a host:port pair or multiple pairs separated by commas";
    let registry = text(source, "registry");
    if registry.is_empty() {
        faults.required(&format!("{path}.registry"), PAIRS);
    } else if text(source, "tenant").len() >= 65 {
        faults.required(&format!("{path}.tenant"), "must be a UUID and may not exceed a length of 64 characters");
    } else {
        for _ in registry.split(',').filter(|pair| !is_host_and_port(pair)) {
            faults.invalid(&format!("{path}.registry"), &json!(registry), PAIRS);
        }
    }
    required(source, &["volume"], path, faults);
}

/// Follows Go's `net.SplitHostPort`.
fn is_host_and_port(pair: &str) -> bool {
    match pair.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").is_some_and(|(host, port)| !host.contains(['[', ']']) && !port.contains([':', '[', ']'])),
        None => pair.matches(':').count() == 1 && !pair.contains(['[', ']']),
    }
}

pub(super) fn fibre_channel(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    let (names, ids) = (list(source, "targetWWNs"), list(source, "wwids"));
    let here = format!("{path}.targetWWNs");
    if names.is_empty() && ids.is_empty() {
        faults.required(&here, "must specify either targetWWNs or wwids, but not both");
    }
    if !names.is_empty() && !ids.is_empty() {
        faults.invalid(&here, &json!(names), "targetWWNs and wwids can not be specified simultaneously");
    }
    if names.is_empty() {
        return;
    }
    match set(source, "lun") {
        None => faults.required(&format!("{path}.lun"), "lun is required if targetWWNs is specified"),
        Some(lun) if !is_byte(lun) => faults.invalid(&format!("{path}.lun"), lun, "must be between 0 and 255, inclusive"),
        Some(_) => {}
    }
}

pub(super) fn flex(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["driver"], path, faults);
    for key in source.get("options").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key) {
        let space = format!(".{}", key.split_once('/').map_or(key.as_str(), |(space, _)| space).to_lowercase());
        if space.ends_with(".kubernetes.io") || space.ends_with(".k8s.io") {
            faults.invalid(&format!("{path}.options[{key}]"), &json!(key), "kubernetes.io and k8s.io namespaces are reserved");
        }
    }
}

pub(super) fn azure_file(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["secretName", "shareName"], path, faults);
}

pub(super) fn azure_disk(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    const MANAGED: &str = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    const BLOB: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    required(source, &["diskName", "diskURI"], path, faults);
    for (field, allowed) in [("cachingMode", ["None", "ReadOnly", "ReadWrite"]), ("kind", ["Dedicated", "Managed", "Shared"])] {
        if let Some(value) = set(source, field).filter(|value| !allowed.contains(&value.as_str().unwrap_or_default())) {
            faults.not_supported(&format!("{path}.{field}"), value, &allowed);
        }
    }
    let (place, field) = (text(source, "diskURI"), format!("{path}.diskURI"));
    match set(source, "kind").and_then(Value::as_str) {
        Some("Managed") if !place.starts_with("/subscriptions/") => faults.not_supported(&field, &json!(place), &[MANAGED]),
        Some("Managed") | None => {}
        Some(_) if !place.starts_with("https://") => faults.not_supported(&field, &json!(place), &[BLOB]),
        Some(_) => {}
    }
}

pub(super) fn vsphere(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["volumePath"], path, faults);
}

pub(super) fn photon(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["pdID"], path, faults);
}

pub(super) fn portworx(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["volumeID"], path, faults);
}

pub(super) fn storageos(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required_name(source, "volumeName", Rule::Label, path, faults);
    name(source, "volumeNamespace", Rule::Label, path, faults);
    secret_ref(source, path, faults);
}

pub(super) fn scale_io(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["gateway", "system", "volumeName"], path, faults);
}

pub(super) fn csi(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    const MOST: u64 = 63;
    let (driver, field) = (text(source, "driver"), format!("{path}.driver"));
    if driver.is_empty() {
        faults.required(&field, "");
    } else {
        if driver.len() as u64 > MOST {
            faults.too_long(&field, MOST);
        }
        let why = crate::names::faults(Rule::Subdomain, &driver.to_lowercase());
        why.iter().for_each(|why| faults.invalid(&field, &json!(driver), why));
    }
    let Some(secret) = set(source, "nodePublishSecretRef") else { return };
    required(secret, &["name"], &format!("{path}.nodePublishSecretRef"), faults);
    name(secret, "name", Rule::Subdomain, path, faults);
}

pub(super) fn ephemeral(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    let here = format!("{path}.volumeClaimTemplate");
    let Some(template) = set(source, "volumeClaimTemplate") else { return faults.required(&here, "") };
    let metadata = or_null(template, &["metadata"]);
    let meta_path = child(&here, "metadata");
    faults.annotations(&format!("{meta_path}.annotations"), set(metadata, "annotations"));
    faults.labels(&format!("{meta_path}.labels"), set(metadata, "labels"));
    let others = metadata.as_object().into_iter().flatten().map(|(field, _)| field);
    // A time is a struct in Go: null is its zero value.
    for field in others.filter(|field| !matches!(field.as_str(), "annotations" | "labels") && set(metadata, field).is_some()) {
        faults.forbidden(&format!("{meta_path}.{field}"), "cannot be set");
    }
    claim::spec(or_null(template, &["spec"]), &format!("{here}.spec"), false, faults);
}

pub(super) fn image(source: &Value, path: &str, in_pod: bool, faults: &mut Faults) {
    if in_pod {
        required(source, &["reference"], path, faults);
    }
    faults.one_of(source, path, "pullPolicy", &["Always", "IfNotPresent", "Never"]);
}
