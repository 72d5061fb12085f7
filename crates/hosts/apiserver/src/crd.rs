//! CustomResourceDefinitions: checked, completed, and turned into kinds that are served.

use std::sync::Arc;

use patch::Shape;
use schema::{Schema, SchemaError, Violation, validate};
use serde_json::{Map, Value, json};

use crate::catalog::{Custom, Resource, Scale, Subresources, head};
use crate::kinds::Generation;
use crate::names;
use crate::object::at;

/// The finalizer that keeps a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn versions(definition: &Value) -> Vec<&Value> {
    definition.pointer("/spec/versions").and_then(Value::as_array).map(|list| list.iter().collect()).unwrap_or_default()
}

/// Fills in what a definition may leave out.
pub(crate) fn default(definition: &mut Value) {
    let kind = definition.pointer("/spec/names/kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(Value::Object(names)) = definition.pointer_mut("/spec/names") {
        names.entry("singular").or_insert_with(|| json!(kind.to_lowercase()));
        names.entry("listKind").or_insert_with(|| json!(format!("{kind}List")));
    }
    if let Some(Value::Object(spec)) = definition.pointer_mut("/spec") {
        spec.entry("conversion").or_insert_with(|| json!({"strategy": "None"}));
    }
}

/// Writes the status of a definition: served at once, its names accepted unless another definition has them.
pub(crate) fn establish(definition: &mut Value, now: &str, clash: Option<String>) {
    let storage = versions(definition).into_iter().find(|version| version.get("storage") == Some(&json!(true)));
    let storage = storage.map(|version| text(version, "name").to_owned()).unwrap_or_default();
    let names = definition.pointer("/spec/names").cloned().unwrap_or_default();
    let status = definition.get("status").cloned().unwrap_or_else(|| json!({}));
    let mut stored: Vec<Value> = status.get("storedVersions").and_then(Value::as_array).cloned().unwrap_or_default();
    if !stored.contains(&json!(storage)) {
        stored.push(json!(storage));
    }
    let since = |kind: &str, wanted: &str| {
        let before = status.get("conditions").and_then(Value::as_array).into_iter().flatten().find(|one| text(one, "type") == kind);
        before.filter(|one| text(one, "status") == wanted).map_or_else(|| now.to_owned(), |one| text(one, "lastTransitionTime").to_owned())
    };
    let condition = |kind: &str, status: &str, reason: &str, message: &str| json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since(kind, status)});
    let (mut conditions, accepted) = match clash {
        None => (
            vec![
                condition("NamesAccepted", "True", "NoConflicts", "no conflicts found"),
                condition("Established", "True", "InitialNamesAccepted", "the initial names have been accepted"),
            ],
            names,
        ),
        Some(message) => (
            vec![
                condition("NamesAccepted", "False", "NameConflict", &message),
                condition("Established", "False", "NotAccepted", "not all names are accepted"),
            ],
            json!({"plural": "", "kind": ""}),
        ),
    };
    if !crate::object::meta(definition, "deletionTimestamp").is_empty() {
        conditions.push(condition("Terminating", "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress"));
    }
    definition["status"] = json!({"conditions": conditions, "acceptedNames": accepted, "storedVersions": stored});
}

fn established(definition: &Value) -> bool {
    definition
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().any(|one| text(one, "type") == "Established" && text(one, "status") == "True"))
}

/// Returns everything that is wrong with a definition.
pub(crate) fn check(definition: &Value, old: Option<&Value>) -> Vec<Violation> {
    let mut found = Vec::new();
    let empty = json!({});
    let spec = definition.get("spec").unwrap_or(&empty);
    let names = spec.get("names").unwrap_or(&empty);
    let (group, plural) = (text(spec, "group"), text(names, "plural"));
    let wanted = format!("{plural}.{group}");
    let name = crate::object::meta(definition, "name");
    if name != wanted {
        found.push(Violation::invalid("metadata.name", &json!(name), "must be spec.names.plural+\".\"+spec.group"));
    }
    check_names(spec, names, &mut found);
    let list = versions(definition);
    if list.iter().filter(|version| version.get("storage") == Some(&json!(true))).count() != 1 {
        found.push(Violation::invalid("spec.versions", &json!(list), "must have exactly one version marked as storage version"));
    }
    for (index, version) in list.iter().enumerate() {
        let name = text(version, "name");
        if !names::is_label_1035(name) {
            found.push(Violation::invalid(&format!("spec.versions[{index}].name"), &json!(name), names::LABEL_1035));
        }
        if list[..index].iter().any(|other| text(other, "name") == name) {
            found.push(Violation::invalid("spec.versions", &json!(list), "must contain unique version names"));
        }
    }
    if let Some(strategy) = at(spec, &["conversion", "strategy"]).filter(|strategy| *strategy != "None") {
        let supported = [String::from("None")];
        found.push(Violation::not_supported("spec.conversion.strategy", strategy, &supported));
    }
    if spec.get("preserveUnknownFields") == Some(&json!(true)) {
        found.push(Violation::invalid("spec.preserveUnknownFields", &json!(true), "must be false in order to use defaults in the schema"));
    }
    if let Some(old) = old.filter(|old| established(old)) {
        for path in [&["scope"][..], &["names", "kind"], &["group"], &["names", "plural"]] {
            let before = old.get("spec").and_then(|spec| at(spec, path));
            let after = at(spec, path);
            if before != after {
                found.push(Violation::invalid(&format!("spec.{}", path.join(".")), after.unwrap_or(&Value::Null), "field is immutable"));
            }
        }
        check_stored(definition, &list, &mut found);
    }
    if found.is_empty()
        && let Err(violations) = resources(definition)
    {
        found = violations;
    }
    found
}

fn check_names(spec: &Value, names: &Value, found: &mut Vec<Violation>) {
    let group = text(spec, "group");
    if group.is_empty() {
        found.push(Violation::required("spec.group", ""));
    } else if !names::is_subdomain(group) {
        found.push(Violation::invalid("spec.group", &json!(group), names::SUBDOMAIN));
    } else if !group.contains('.') {
        found.push(Violation::invalid("spec.group", &json!(group), "should be a domain with at least one dot"));
    }
    match text(spec, "scope") {
        "Cluster" | "Namespaced" => {}
        "" => found.push(Violation::required("spec.scope", "")),
        other => found.push(Violation::not_supported("spec.scope", &json!(other), &["Cluster".to_owned(), "Namespaced".to_owned()])),
    }
    for field in ["plural", "singular", "kind", "listKind"] {
        let name = text(names, field);
        let path = format!("spec.names.{field}");
        if name.is_empty() {
            found.push(Violation::required(&path, ""));
        } else if !names::is_label_1035(&if field.to_lowercase().ends_with("kind") { name.to_lowercase() } else { name.to_owned() }) {
            found.push(Violation::invalid(&path, &json!(name), names::LABEL_1035));
        }
    }
    if !text(names, "kind").is_empty() && text(names, "kind") == text(names, "listKind") {
        found.push(Violation::invalid("spec.names.listKind", &json!(text(names, "listKind")), "kind and listKind may not be the same"));
    }
    for field in ["shortNames", "categories"] {
        for (index, name) in names.get(field).and_then(Value::as_array).into_iter().flatten().enumerate() {
            if !name.as_str().is_some_and(names::is_label_1035) {
                found.push(Violation::invalid(&format!("spec.names.{field}[{index}]"), name, names::LABEL_1035));
            }
        }
    }
}

fn check_stored(definition: &Value, list: &[&Value], found: &mut Vec<Violation>) {
    for (index, stored) in definition.pointer("/status/storedVersions").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if !list.iter().any(|version| version.get("name") == Some(stored)) {
            let name = stored.as_str().unwrap_or_default();
            let why = format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
            );
            found.push(Violation::invalid(&format!("status.storedVersions[{index}]"), stored, &why));
        }
    }
}

/// Returns the kinds that a definition serves; none before its names are accepted.
pub(crate) fn resources(definition: &Value) -> Result<Vec<Arc<Resource>>, Vec<Violation>> {
    let list = versions(definition);
    let same = list.windows(2).all(|pair| pair[0].get("schema") == pair[1].get("schema"));
    let mut found = Vec::new();
    let mut served = Vec::new();
    for (index, version) in list.iter().enumerate() {
        let path =
            if same { "spec.validation.openAPIV3Schema".to_owned() } else { format!("spec.versions[{index}].schema.openAPIV3Schema") };
        match resource(definition, version, index, &path) {
            Ok(resource) if version.get("served") == Some(&json!(true)) => served.push(Arc::new(resource)),
            Ok(_) => {}
            Err(violations) => {
                for violation in violations {
                    if !found.contains(&violation) {
                        found.push(violation);
                    }
                }
            }
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    let accepted = !definition.pointer("/status/conditions").is_some_and(Value::is_array) || established(definition);
    Ok(if accepted { served } else { Vec::new() })
}

fn resource(definition: &Value, version: &Value, index: usize, path: &str) -> Result<Resource, Vec<Violation>> {
    let spec = definition.get("spec").cloned().unwrap_or_default();
    let names = spec.get("names").cloned().unwrap_or_default();
    let Some(raw_schema) = at(version, &["schema", "openAPIV3Schema"]) else {
        return Err(vec![Violation::required(&format!("spec.versions[{index}].schema.openAPIV3Schema"), "schemas are required")]);
    };
    let mut schema = compile(raw_schema, path).map_err(|violation| vec![violation])?;
    let wrong = defaults(&schema, path);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    // Metadata is ObjectMeta whatever the schema says of it.
    schema.properties.remove("metadata");
    let (group, name) = (text(&spec, "group").to_owned(), text(version, "name").to_owned());
    let texts = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_array).into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let status = at(version, &["subresources", "status"]).is_some();
    let api_version = format!("{group}/{name}");
    let storage = versions(definition).into_iter().find(|version| version.get("storage") == Some(&json!(true)));
    let deprecated = version.get("deprecated") == Some(&json!(true));
    let kind = text(&names, "kind").to_owned();
    let deprecation = deprecated.then(|| match version.get("deprecationWarning").and_then(Value::as_str) {
        Some(warning) => warning.to_owned(),
        None => format!("{api_version} {kind} is deprecated"),
    });
    Ok(Resource {
        plural: text(&names, "plural").to_owned(),
        singular: text(&names, "singular").to_owned(),
        list_kind: text(&names, "listKind").to_owned(),
        short_names: texts(names.get("shortNames")),
        categories: texts(names.get("categories")),
        namespaced: text(&spec, "scope") == "Namespaced",
        subresources: Subresources { status, scale: scale(version)?, others: Vec::new() },
        generation: if status { Generation::Spec } else { Generation::Everything },
        shape: Arc::new(Shape::resource(&schema)),
        schema: Arc::new(schema),
        custom: Some(Custom {
            definition: format!("{}.{group}", text(&names, "plural")),
            storage: storage.map(|version| text(version, "name").to_owned()).unwrap_or_default(),
            columns: columns(version, index)?,
            selectable: version
                .get("selectableFields")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(|field| text(field, "jsonPath").trim_start_matches('.').to_owned())
                .collect(),
            raw_schema: raw_schema.clone(),
            terminating: !crate::object::meta(definition, "deletionTimestamp").is_empty(),
            deprecation,
        }),
        head: head(&api_version, &kind),
        empty: json!({}),
        kind,
        api_version,
        group,
        version: name,
    })
}

fn compile(raw: &Value, path: &str) -> Result<Schema, Violation> {
    if raw.get("type") != Some(&json!("object")) {
        return Err(Violation::invalid(&format!("{path}.type"), raw.get("type").unwrap_or(&Value::Null), "must be object at the root"));
    }
    for (name, _) in at(raw, &["properties", "metadata", "properties"]).and_then(Value::as_object).into_iter().flatten() {
        if name != "name" && name != "generateName" {
            let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
            return Err(Violation::forbidden(&format!("{path}.properties[metadata]"), why));
        }
    }
    Schema::compile(raw, path).map_err(|error| match error {
        SchemaError::NoType { path } => Violation::required(&format!("{path}.type"), "must not be empty for specified object fields"),
        SchemaError::Malformed { path, why } => match why.strip_prefix("Required value: ") {
            Some(why) => Violation::required(&path, why),
            None => match why.strip_prefix("Forbidden: ") {
                Some(why) => Violation::forbidden(&path, why),
                None => Violation::invalid(&path, &Value::Null, &why),
            },
        },
        SchemaError::Unsupported { path, keyword } => {
            Violation::forbidden(&format!("{path}.{keyword}"), "this server does not carry out this keyword; remove it")
        }
    })
}

/// Defaults must be valid and know no undeclared fields.
fn defaults(schema: &Schema, path: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Some(value) = &schema.default {
        let here = format!("{path}.default");
        for violation in validate(schema, value, None) {
            let field = if violation.field.is_empty() { here.clone() } else { format!("{here}.{}", violation.field) };
            found.push(Violation { field, ..violation });
        }
        if !schema::prune(schema, &mut value.clone(), false).is_empty() {
            found.push(Violation::invalid(&here, value, "must not have unknown fields"));
        }
    }
    for (name, field) in &schema.properties {
        found.extend(defaults(field, &format!("{path}.properties[{name}]")));
    }
    if let Some(items) = &schema.items {
        found.extend(defaults(items, &format!("{path}.items")));
    }
    if let Some(additional) = &schema.additional {
        found.extend(defaults(additional, &format!("{path}.additionalProperties")));
    }
    found
}

fn simple_path(path: &str) -> Option<Vec<String>> {
    let rest = path.strip_prefix('.')?;
    let words: Vec<String> = rest.split('.').map(str::to_owned).collect();
    words.iter().all(|word| !word.is_empty() && !word.contains(['[', ']', '*'])).then_some(words)
}

fn scale(version: &Value) -> Result<Option<Scale>, Vec<Violation>> {
    let Some(scale) = at(version, &["subresources", "scale"]) else { return Ok(None) };
    let mut found = Vec::new();
    let mut path = |name: &str, required: bool| -> Option<Vec<String>> {
        let field = format!("spec.subresources.scale.{name}");
        match scale.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()) {
            None if required => found.push(Violation::required(&field, "")),
            None => {}
            Some(text) => match simple_path(text) {
                Some(words) => return Some(words),
                None => found.push(Violation::invalid(&field, &json!(text), "must be a simple json path starting with .")),
            },
        }
        None
    };
    let (replicas, status, selector) = (path("specReplicasPath", true), path("statusReplicasPath", true), path("labelSelectorPath", false));
    match (replicas, status) {
        (Some(replicas), Some(status)) if found.is_empty() => Ok(Some(Scale { replicas, status, selector })),
        _ => Err(found),
    }
}

fn columns(version: &Value, _index: usize) -> Result<Vec<Value>, Vec<Violation>> {
    let mut found = Vec::new();
    let columns: Vec<Value> = version.get("additionalPrinterColumns").and_then(Value::as_array).cloned().unwrap_or_default();
    for (index, column) in columns.iter().enumerate() {
        let here = format!("spec.additionalPrinterColumns[{index}]");
        if !["boolean", "date", "integer", "number", "string"].contains(&text(column, "type")) {
            found.push(Violation::invalid(
                &format!("{here}.type"),
                &json!(text(column, "type")),
                "must be one of boolean,date,integer,number,string",
            ));
        }
        let path = text(column, "jsonPath");
        if !path.starts_with('.') || crate::jsonpath::Path::parse(path).is_none() {
            found.push(Violation::invalid(&format!("{here}.JSONPath"), &json!(path), "must be a simple json path starting with ."));
        }
    }
    if found.is_empty() { Ok(columns) } else { Err(found) }
}

/// Orders versions as Kubernetes does: `v10`, `v2`, `v1`, `v2beta1`, `v1alpha1`, then all others backwards by name.
pub(crate) fn version_rank(version: &str) -> (u8, u64, u64, std::cmp::Reverse<String>) {
    let parsed = || -> Option<(u8, u64, u64)> {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..digits].parse().ok()?;
        let rest = &rest[digits..];
        if rest.is_empty() {
            return Some((3, major, 0));
        }
        let (level, minor) = match rest.strip_prefix("beta") {
            Some(minor) => (2, minor),
            None => (1, rest.strip_prefix("alpha")?),
        };
        Some((level, major, minor.parse().ok()?))
    };
    let (level, major, minor) = parsed().unwrap_or((0, 0, 0));
    (level, major, minor, std::cmp::Reverse(version.to_owned()))
}

/// Returns what another definition of the group already calls its own.
pub(crate) fn clash(definition: &Value, others: &[Value]) -> Option<String> {
    let spec = definition.get("spec")?;
    let mine = spec.get("names")?;
    let name = crate::object::meta(definition, "name");
    let theirs: Vec<&Map<String, Value>> = others
        .iter()
        .filter(|other| {
            crate::object::meta(other, "name") != name && at(other, &["spec", "group"]) == spec.get("group") && established(other)
        })
        .filter_map(|other| at(other, &["status", "acceptedNames"])?.as_object())
        .collect();
    for field in ["plural", "singular", "kind", "listKind"] {
        let wanted = mine.get(field)?;
        let taken = theirs.iter().any(|names| {
            let same = |other: &str| names.get(other) == Some(wanted);
            if field.ends_with("ind") { same("kind") || same("listKind") } else { same("plural") || same("singular") }
        });
        if taken {
            return Some(format!("{wanted} is already in use"));
        }
    }
    None
}
