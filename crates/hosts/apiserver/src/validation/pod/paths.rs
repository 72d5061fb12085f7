//! Paths and modes of the files in a volume.
//! Follows kubernetes `pkg/apis/core/validation/validation.go`, from `validateLocalDescendingPath` on.

use serde_json::{Value, json};

use super::super::faults::{Faults, set};

/// A path that does not climb.
pub(super) fn no_backsteps(path: &str, field: &str, faults: &mut Faults) {
    if climbs(path) {
        faults.invalid(field, &json!(path), "must not contain '..'");
    }
}

/// Tells whether a path has an element `..`.
pub(super) fn climbs(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

/// A relative path that does not climb.
pub(super) fn descending(path: &str, field: &str, faults: &mut Faults) {
    if path.starts_with('/') {
        faults.invalid(field, &json!(path), "must be a relative path");
    }
    no_backsteps(path, field, faults);
}

/// A relative path whose names do not begin with what is the node's own.
pub(super) fn local(path: &str, field: &str, faults: &mut Faults) {
    descending(path, field, faults);
    if path.starts_with("..") && !path.starts_with("../") {
        faults.invalid(field, &json!(path), "must not start with '..'");
    }
}

/// The bits of a file's mode, when they are there.
pub(super) fn mode(holder: &Value, name: &str, path: &str, faults: &mut Faults) {
    if let Some(mode) = set(holder, name).filter(|mode| !mode.as_i64().is_some_and(|mode| (0..=0o777).contains(&mode))) {
        faults.invalid(&format!("{path}.{name}"), mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}
