//! Volumes made of Secrets, ConfigMaps, the Pod's own fields and tokens.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `validateSecretVolumeSource`, `validateConfigMapVolumeSource`,
//! `validateDownwardAPIVolumeFile`, `validateProjectionSources`.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::faults::{Faults, list, set, text};
use super::{environment, paths, required};

/// What a file may hold of the Pod's fields.
const FIELDS: &[&str] = &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
/// A token lives so long at least, in seconds.
const SHORTEST: i64 = 600;
/// A token lives so long at most, in seconds.
const LONGEST: i64 = 1 << 32;

pub(super) fn secret(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["secretName"], path, faults);
    keys(source, path, faults);
}

pub(super) fn config_map(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    required(source, &["name"], path, faults);
    keys(source, path, faults);
}

fn keys(source: &Value, path: &str, faults: &mut Faults) {
    paths::mode(source, "defaultMode", path, faults);
    for (index, item) in list(source, "items").iter().enumerate() {
        key_to_path(item, &format!("{path}.items[{index}]"), faults);
    }
}

fn key_to_path(item: &Value, path: &str, faults: &mut Faults) {
    required(item, &["key", "path"], path, faults);
    paths::local(text(item, "path"), &format!("{path}.path"), faults);
    paths::mode(item, "mode", path, faults);
}

pub(super) fn downward_api(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    paths::mode(source, "defaultMode", path, faults);
    list(source, "items").iter().for_each(|file| downward_file(file, path, faults));
}

fn downward_file(file: &Value, path: &str, faults: &mut Faults) {
    required(file, &["path"], path, faults);
    paths::local(text(file, "path"), &format!("{path}.path"), faults);
    match (set(file, "fieldRef"), set(file, "resourceFieldRef")) {
        (Some(field), resource) => {
            environment::field_ref(field, FIELDS, &format!("{path}.fieldRef"), faults);
            if resource.is_some() {
                faults.invalid(path, &json!("resource"), "fieldRef and resourceFieldRef can not be specified simultaneously");
            }
        }
        (None, Some(resource)) => environment::resource_ref(resource, true, &format!("{path}.resourceFieldRef"), faults),
        (None, None) => faults.required(path, "one of fieldRef and resourceFieldRef is required"),
    }
    paths::mode(file, "mode", path, faults);
}

pub(super) fn projected(source: &Value, path: &str, _: bool, faults: &mut Faults) {
    paths::mode(source, "defaultMode", path, faults);
    let mut taken = Taken { path, seen: HashSet::new() };
    for (index, one) in list(source, "sources").iter().enumerate() {
        projection(one, &format!("{path}.sources[{index}]"), &mut taken, faults);
    }
}

/// The paths of a volume that are taken already.
struct Taken<'a> {
    /// Where the volume stands.
    path: &'a str,
    seen: HashSet<&'a str>,
}

impl<'a> Taken<'a> {
    fn take(&mut self, path: &'a str, shown: &str, faults: &mut Faults) {
        if !path.is_empty() && !self.seen.insert(path) {
            faults.invalid(self.path, &json!(shown), "conflicting duplicate paths");
        }
    }
}

fn projection<'a>(source: &'a Value, path: &str, taken: &mut Taken<'a>, faults: &mut Faults) {
    for kind in ["secret", "configMap"] {
        let Some(one) = set(source, kind) else { continue };
        let here = format!("{path}.{kind}");
        required(one, &["name"], &here, faults);
        for (index, item) in list(one, "items").iter().enumerate() {
            key_to_path(item, &format!("{here}.items[{index}]"), faults);
            taken.take(text(item, "path"), text(one, "name"), faults);
        }
    }
    if let Some(downward) = set(source, "downwardAPI") {
        for file in list(downward, "items") {
            downward_file(file, &format!("{path}.downwardAPI"), faults);
            taken.take(text(file, "path"), text(file, "path"), faults);
        }
    }
    if let Some(token) = set(source, "serviceAccountToken") {
        self::token(token, &format!("{path}.serviceAccountToken"), taken.path, faults);
    }
    let kinds = ["secret", "configMap", "downwardAPI", "serviceAccountToken"];
    if kinds.iter().filter(|kind| set(source, kind).is_some()).count() > 1 {
        faults.forbidden(path, "may not specify more than 1 volume type per source");
    }
}

/// The path of a token is told as one of the whole volume.
fn token(token: &Value, path: &str, volume: &str, faults: &mut Faults) {
    let seconds = set(token, "expirationSeconds").and_then(Value::as_i64).unwrap_or_default();
    let field = format!("{path}.expirationSeconds");
    if seconds < SHORTEST {
        faults.invalid(&field, &json!(seconds), "may not specify a duration less than 10 minutes");
    }
    if seconds > LONGEST {
        faults.invalid(&field, &json!(seconds), "may not specify a duration larger than 2^32 seconds");
    }
    if text(token, "path").is_empty() {
        faults.required(&format!("{volume}.path"), "");
    } else {
        paths::local(text(token, "path"), &format!("{volume}.path"), faults);
    }
}
