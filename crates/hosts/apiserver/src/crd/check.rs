//! Everything that may be wrong with a CustomResourceDefinition. apiextensions-apiserver
//! `pkg/apis/apiextensions/validation/validation.go`; the paths are those of its inner form, in which what all versions have
//! in common stands at the top (`pkg/apis/apiextensions/v1/conversion.go`).

use schema::{Cause, Definition, Schema, Type, Violation, check_definition, field_path};
use serde_json::{Value, json};

use super::{established, text, versions};
use crate::names::{self, Rule};
use crate::object::{at, meta, pairs};
use crate::webhook_client;

/// The annotation by which groups of Kubernetes' own are approved.
const APPROVED: &str = "api-approved.kubernetes.io";
/// So many fields may be selected by.
const SELECTABLE: usize = 8;
const COLUMN_TYPES: &str = "boolean,date,integer,number,string";
const COLUMN_FORMATS: &str = "byte,date,date-time,double,float,int32,int64,password";

/// Which parts all versions have in common.
struct Common {
    schema: bool,
    subresources: bool,
    columns: bool,
    selectable: bool,
}

impl Common {
    fn of(list: &[&Value]) -> Self {
        let same = |name: &str| list.windows(2).all(|pair| pair[0].get(name) == pair[1].get(name));
        Self {
            schema: same("schema"),
            subresources: same("subresources"),
            columns: same("additionalPrinterColumns"),
            selectable: same("selectableFields"),
        }
    }
}

/// Returns everything that is wrong with a definition.
pub(crate) fn check(definition: &Value, old: Option<&Value>) -> Vec<Violation> {
    let mut found = Vec::new();
    let empty = json!({});
    let spec = definition.get("spec").unwrap_or(&empty);
    let old_spec = old.map(|old| old.get("spec").unwrap_or(&empty));
    if old.is_none() {
        let wanted = format!("{}.{}", text(spec.get("names").unwrap_or(&empty), "plural"), text(spec, "group"));
        for field in ["generateName", "name"] {
            let name = meta(definition, field);
            if !name.is_empty() && name != wanted {
                found.push(Violation::invalid(&format!("metadata.{field}"), &json!(name), "must be spec.names.plural+\".\"+spec.group"));
            }
        }
    }
    check_spec(spec, old_spec, &mut found);
    if let (Some(old), Some(old_spec)) = (old, old_spec) {
        let mut fixed: Vec<&[&str]> = vec![&["group"], &["names", "plural"]];
        if established(old) {
            fixed = vec![&["scope"], &["names", "kind"], &["group"], &["names", "plural"]];
        }
        for path in fixed {
            let (before, after) = (at(old_spec, path), at(spec, path));
            if before != after {
                found.push(Violation::invalid(&format!("spec.{}", path.join(".")), after.unwrap_or(&Value::Null), "field is immutable"));
            }
        }
    }
    check_stored(definition, &mut found);
    approval(definition, old, &mut found);
    if spec.get("preserveUnknownFields") == Some(&json!(true))
        && old_spec.is_none_or(|old| old.get("preserveUnknownFields") != Some(&json!(true)))
    {
        let why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        found.push(Violation::invalid("spec.preserveUnknownFields", &json!(true), why));
    }
    found
}

fn check_spec(spec: &Value, old: Option<&Value>, found: &mut Vec<Violation>) {
    let empty = json!({});
    let group = text(spec, "group");
    if group.is_empty() {
        found.push(Violation::required("spec.group", ""));
    } else if let Some(why) = names::joined(Rule::Subdomain, group) {
        found.push(Violation::invalid("spec.group", &json!(group), &why));
    } else if !group.contains('.') {
        found.push(Violation::invalid("spec.group", &json!(group), "should be a domain with at least one dot"));
    }
    match text(spec, "scope") {
        "Cluster" | "Namespaced" => {}
        "" => found.push(Violation::required("spec.scope", "")),
        other => found.push(Violation::not_supported("spec.scope", &json!(other), &["Cluster".to_owned(), "Namespaced".to_owned()])),
    }
    let list: Vec<&Value> = spec.get("versions").and_then(Value::as_array).into_iter().flatten().collect();
    let common = Common::of(&list);
    for (index, version) in list.iter().enumerate() {
        if at(version, &["schema", "openAPIV3Schema"]).is_none() {
            found.push(Violation::required(&format!("spec.versions[{index}].schema.openAPIV3Schema"), ""));
        }
    }
    let schema_of = |spec: &Value, name: &str| -> Option<Value> {
        let list = spec.get("versions").and_then(Value::as_array)?;
        list.iter().find(|one| text(one, "name") == name).and_then(|one| at(one, &["schema", "openAPIV3Schema"])).cloned()
    };
    let unchanged = |version: &Value| {
        let name = text(version, "name");
        old.is_some_and(|old| schema_of(old, name).is_some() && schema_of(old, name) == schema_of(spec, name))
    };
    for (index, version) in list.iter().enumerate() {
        let here = format!("spec.versions[{index}]");
        let name = text(version, "name");
        if let Some(why) = names::joined(Rule::Label1035, name) {
            found.push(Violation::invalid(&format!("{here}.name"), &json!(name), &why));
        }
        deprecation(version, &here, found);
        parts(version, &common, false, &here, unchanged(version), found);
    }
    check_versions(&list, found);
    let all_names = spec.get("names").unwrap_or(&empty);
    for field in ["plural", "singular", "kind", "listKind"] {
        if text(all_names, field).is_empty() {
            found.push(Violation::required(&format!("spec.names.{field}"), ""));
        }
    }
    check_names(all_names, "spec.names", found);
    if let Some(first) = list.first() {
        parts(first, &common, true, "spec", unchanged(first), found);
    }
    conversion(spec, found);
}

fn check_versions(list: &[&Value], found: &mut Vec<Violation>) {
    let whole = |why: &str| Violation {
        field: "spec.versions".to_owned(),
        cause: Cause::Invalid,
        text: format!("Invalid value: {}: {why}", super::inner::versions(list)),
    };
    if list.iter().enumerate().any(|(index, one)| list[..index].iter().any(|other| text(other, "name") == text(one, "name"))) {
        found.push(whole("must contain unique version names"));
    }
    if list.iter().filter(|version| version.get("storage") == Some(&json!(true))).count() != 1 {
        found.push(whole("must have exactly one version marked as storage version"));
    }
    if let Some(first) = list.first().map(|first| text(first, "name")).filter(|name| !name.is_empty())
        && let Some(why) = names::joined(Rule::Label1035, first)
    {
        found.push(Violation::invalid("spec.version", &json!(first), &why));
    }
}

fn deprecation(version: &Value, here: &str, found: &mut Vec<Violation>) {
    let Some(warning) = version.get("deprecationWarning").and_then(Value::as_str) else { return };
    let mut say = |why: &str| found.push(Violation::invalid(&format!("{here}.deprecationWarning"), &json!(warning), why));
    if version.get("deprecated") != Some(&json!(true)) {
        return say("can only be set for deprecated versions");
    }
    if warning.len() > 256 {
        say("must be <= 256 characters long");
    }
    if warning.is_empty() {
        say("must not be an empty string");
    }
    if let Some((index, _)) = warning.char_indices().find(|(_, one)| one.is_control() || (one.is_whitespace() && *one != ' ')) {
        say(&format!("must only contain printable UTF-8 characters; non-printable character found at index {index}"));
    }
}

/// Checks schema, subresources, columns and selectable fields of a version: those in common once at the top, the others where
/// they stand.
fn parts(version: &Value, common: &Common, top: bool, here: &str, unchanged: bool, found: &mut Vec<Violation>) {
    let raw = at(version, &["schema", "openAPIV3Schema"]);
    if let Some(raw) = raw.filter(|_| common.schema == top) {
        let path = if top { format!("{here}.validation") } else { format!("{here}.schema") };
        let status = at(version, &["subresources", "status"]).is_some();
        found.extend(check_definition(&Definition { raw, path: &path, status, unchanged }));
    }
    if common.subresources == top
        && let Some(scale) = at(version, &["subresources", "scale"])
    {
        check_scale(scale, &format!("{here}.subresources"), found);
    }
    let list = |name: &str| version.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if common.columns == top {
        for (index, column) in list("additionalPrinterColumns").iter().enumerate() {
            check_column(column, &format!("{here}.additionalPrinterColumns[{index}]"), found);
        }
    }
    let fields = list("selectableFields");
    if common.selectable == top && !fields.is_empty() {
        selectable(fields, raw, &format!("{here}.selectableFields"), found);
    }
}

/// Checks names of a definition: those that it asks for, or those that it got.
pub(crate) fn check_names(all: &Value, place: &str, found: &mut Vec<Violation>) {
    for field in ["plural", "singular"] {
        let name = text(all, field);
        if let Some(why) = names::joined(Rule::Label1035, name).filter(|_| !name.is_empty()) {
            found.push(Violation::invalid(&format!("{place}.{field}"), &json!(name), &why));
        }
    }
    for field in ["kind", "listKind"] {
        let name = text(all, field);
        if let Some(why) = names::joined(Rule::Label1035, &name.to_lowercase()).filter(|_| !name.is_empty()) {
            let why = format!("may have mixed case, but should otherwise match: {why}");
            found.push(Violation::invalid(&format!("{place}.{field}"), &json!(name), &why));
        }
    }
    for (index, name) in all.get("shortNames").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if let Some(why) = names::joined(Rule::Label1035, name.as_str().unwrap_or_default()) {
            found.push(Violation::invalid(&format!("{place}.shortNames[{index}]"), name, &why));
        }
    }
    if !text(all, "kind").is_empty() && text(all, "kind") == text(all, "listKind") {
        found.push(Violation::invalid(
            &format!("{place}.listKind"),
            &json!(text(all, "listKind")),
            "kind and listKind may not be the same",
        ));
    }
    for (index, name) in all.get("categories").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if let Some(why) = names::joined(Rule::Label1035, name.as_str().unwrap_or_default()) {
            found.push(Violation::invalid(&format!("{place}.categories[{index}]"), name, &why));
        }
    }
}

fn simple_path(path: &str, field: &str) -> Option<Violation> {
    (!path.starts_with('.')).then(|| Violation::invalid(field, &json!(path), "must be a simple json path starting with ."))
}

fn check_scale(scale: &Value, here: &str, found: &mut Vec<Violation>) {
    for (name, below, required) in [
        ("specReplicasPath", &[".spec."][..], true),
        ("statusReplicasPath", &[".status."], true),
        ("labelSelectorPath", &[".spec.", ".status."], false),
    ] {
        let (path, field) = (text(scale, name), format!("{here}.scale.{name}"));
        if path.is_empty() {
            found.extend(required.then(|| Violation::required(&field, "")));
            continue;
        }
        if let Some(fault) = simple_path(path, &field) {
            found.push(fault);
        } else if !below.iter().any(|below| path.starts_with(below)) {
            let place = match below {
                [only] => only.trim_end_matches('.').to_owned(),
                _ => "either .spec or .status".to_owned(),
            };
            found.push(Violation::invalid(&field, &json!(path), &format!("should be a json path under {place}")));
        }
    }
}

fn check_column(column: &Value, here: &str, found: &mut Vec<Violation>) {
    if text(column, "name").is_empty() {
        found.push(Violation::required(&format!("{here}.name"), ""));
    }
    let (kind, format, path) = (text(column, "type"), text(column, "format"), text(column, "jsonPath"));
    if kind.is_empty() {
        found.push(Violation::required(&format!("{here}.type"), &format!("must be one of {COLUMN_TYPES}")));
    } else if !COLUMN_TYPES.split(',').any(|one| one == kind) {
        found.push(Violation::invalid(&format!("{here}.type"), &json!(kind), &format!("must be one of {COLUMN_TYPES}")));
    }
    if !format.is_empty() && !COLUMN_FORMATS.split(',').any(|one| one == format) {
        found.push(Violation::invalid(&format!("{here}.format"), &json!(format), &format!("must be one of {COLUMN_FORMATS}")));
    }
    let field = format!("{here}.JSONPath");
    if path.is_empty() {
        found.push(Violation::required(&field, ""));
    } else {
        found.extend(simple_path(path, &field));
    }
}

fn selectable(fields: &[Value], raw: Option<&Value>, here: &str, found: &mut Vec<Violation>) {
    let Some(schema) = raw.and_then(|raw| Schema::compile(raw, "").ok()) else { return };
    let mut unique: Vec<String> = Vec::new();
    for (index, one) in fields.iter().enumerate() {
        let (path, field) = (text(one, "jsonPath"), format!("{here}[{index}].jsonPath"));
        if path.is_empty() {
            found.push(Violation::required(&field, ""));
            continue;
        }
        let (normal, target) = match field_path(path, &schema, false) {
            Ok(known) => known,
            Err(why) => {
                found.push(Violation::invalid(&field, &json!(path), &format!("is an invalid path: {why}")));
                continue;
            }
        };
        if normal.split('.').next() == Some("metadata") {
            found.push(Violation::invalid(&field, &json!(path), "must not point to fields in metadata"));
        }
        if !matches!(target.kind, Some(Type::String | Type::Boolean | Type::Integer)) {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            found.push(Violation::invalid(&field, &json!(path), why));
        }
        if unique.contains(&normal) {
            found.push(Violation::duplicate(&field, &json!(path)));
        } else {
            unique.push(normal);
        }
    }
    if unique.len() > SELECTABLE {
        found.push(Violation::too_many(here, unique.len(), SELECTABLE as u64));
    }
}

/// How objects come from one version to another: by their version's name alone, or by a webhook.
fn conversion(spec: &Value, found: &mut Vec<Violation>) {
    let Some(conversion) = spec.get("conversion") else { return };
    let strategies = ["None".to_owned(), "Webhook".to_owned()];
    let strategy = text(conversion, "strategy");
    match strategy {
        "" => found.push(Violation::required("spec.conversion.strategy", "")),
        "None" | "Webhook" => {}
        other => found.push(Violation::not_supported("spec.conversion.strategy", &json!(other), &strategies)),
    }
    let config = at(conversion, &["webhook", "clientConfig"]);
    let reviews = at(conversion, &["webhook", "conversionReviewVersions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let (here, field) = ("spec.conversion.webhookClientConfig", "spec.conversion.conversionReviewVersions");
    if strategy != "Webhook" {
        let why = "should not be set when strategy is not set to Webhook";
        found.extend(config.map(|_| Violation::forbidden(here, why)));
        found.extend((!reviews.is_empty()).then(|| Violation::forbidden(field, why)));
        return;
    }
    match config {
        None => found.push(Violation::required(here, "required when strategy is set to Webhook")),
        Some(config) => webhook_client::check(config, here, found),
    }
    if reviews.is_empty() {
        found.push(Violation::required(field, ""));
        return;
    }
    for (index, version) in reviews.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if reviews[..index].contains(version) {
            found.push(Violation::invalid(&field, version, "duplicate version"));
        } else {
            names::tell(Rule::Label1035, &field, version.as_str().unwrap_or_default(), found);
        }
    }
    if !reviews.iter().any(|version| version == "v1" || version == "v1beta1") {
        found.push(Violation::invalid(field, &json!(reviews), "must include at least one of v1, v1beta1"));
    }
}

fn check_stored(definition: &Value, found: &mut Vec<Violation>) {
    let list = versions(definition);
    let stored: Vec<&Value> = definition.pointer("/status/storedVersions").and_then(Value::as_array).into_iter().flatten().collect();
    if stored.is_empty() {
        found.push(Violation::invalid("status.storedVersions", &Value::Null, "must have at least one stored version"));
        return;
    }
    for version in list.iter().filter(|version| version.get("storage") == Some(&json!(true))) {
        let name = text(version, "name");
        if !stored.iter().any(|one| *one == name) {
            found.push(Violation::invalid("status.storedVersions", &json!(stored), &format!("must have the storage version {name}")));
        }
    }
    for (index, one) in stored.iter().enumerate() {
        if !list.iter().any(|version| version.get("name") == Some(*one)) {
            let name = one.as_str().unwrap_or_default();
            let why = format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
            );
            found.push(Violation::invalid(&format!("status.storedVersions[{index}]"), one, &why));
        }
    }
}

/// How far a group of Kubernetes' own is approved.
#[derive(PartialEq, Eq)]
pub(crate) enum Approval {
    Unprotected,
    Missing,
    Invalid,
    Bypassed,
    Approved,
}

/// Returns how far a definition is approved. apiextensions-apiserver `pkg/apihelpers/helpers.go`.
pub(crate) fn approval_of(definition: &Value) -> Approval {
    let group = definition.pointer("/spec/group").and_then(Value::as_str).unwrap_or_default();
    let protected = ["k8s.io", "kubernetes.io"].iter().any(|own| group == *own || group.ends_with(&format!(".{own}")));
    if !protected {
        return Approval::Unprotected;
    }
    match pairs(definition, "annotations").and_then(|map| map.get(APPROVED)).and_then(Value::as_str).unwrap_or_default() {
        "" => Approval::Missing,
        text if text.starts_with("unapproved") => Approval::Bypassed,
        text if text.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty()) => Approval::Approved,
        _ => Approval::Invalid,
    }
}

fn approval(definition: &Value, old: Option<&Value>, found: &mut Vec<Violation>) {
    let state = approval_of(definition);
    if old.is_some_and(|old| approval_of(old) == state) {
        return;
    }
    let field = format!("metadata.annotations[{APPROVED}]");
    const SEE: &str = "see https://github.com/kubernetes/enhancements/pull/1111";
    match state {
        Approval::Missing => {
            found.push(Violation::required(&field, &format!("protected groups must have approval annotation \"{APPROVED}\", {SEE}")));
        }
        Approval::Invalid => {
            let value = pairs(definition, "annotations").and_then(|map| map.get(APPROVED)).cloned().unwrap_or_default();
            let why = format!(
                "protected groups must have approval annotation \"{APPROVED}\" with either a URL or a reason starting with \"unapproved\", {SEE}"
            );
            found.push(Violation::invalid(&field, &value, &why));
        }
        Approval::Unprotected | Approval::Bypassed | Approval::Approved => {}
    }
}
