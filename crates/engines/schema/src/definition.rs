//! Whether the schema of a CustomResourceDefinition may be served. apiextensions-apiserver
//! `pkg/apis/apiextensions/validation/{validation,cel_validation}.go`, `pkg/apiserver/schema/defaulting/validation.go`.

use serde_json::{Value, json};

use crate::rules::{Compiled, Rule};
use crate::structural::{self, additional};
use crate::{Schema, Violation, field_path, prune, validate, validate_rules};

/// The schema of a definition and what its check depends on.
#[derive(Debug, Clone, Copy)]
pub struct Definition<'a> {
    /// The `openAPIV3Schema`.
    pub raw: &'a Value,
    /// The path of what holds it, such as `spec.validation`.
    pub path: &'a str,
    /// Whether the version has a status subresource.
    pub status: bool,
    /// Whether the schema was there before: then costly rules are let be.
    pub unchanged: bool,
}

/// What one rule may cost, and all of a schema together.
const RULE_LIMIT: u64 = 10_000_000;
const SCHEMA_LIMIT: u64 = 100_000_000;
const AT_ROOT: &[&str] = &[
    "description",
    "type",
    "format",
    "title",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "required",
    "items",
    "properties",
    "externalDocs",
    "example",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];
const AT_ROOT_GO: &str = "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]";
const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
const REASONS: [&str; 4] = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

fn text<'a>(node: &'a Value, name: &str) -> &'a str {
    node.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn flag(node: &Value, name: &str) -> bool {
    node.get(name) == Some(&json!(true))
}

fn texts<'a>(node: &'a Value, name: &str) -> Vec<&'a str> {
    node.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_set(node: &Value, name: &str) -> bool {
    node.get(name).is_some_and(|value| !value.is_null())
}

/// Returns everything that is wrong with the schema of a definition.
pub fn check_definition(definition: &Definition<'_>) -> Vec<Violation> {
    let Definition { raw, path, .. } = *definition;
    let here = format!("{path}.openAPIV3Schema");
    let mut found = Vec::new();
    if definition.status {
        root(raw, &here, &mut found);
    }
    if flag(raw, "nullable") {
        found.push(Violation::forbidden(&format!("{here}.nullable"), "nullable cannot be true at the root"));
    }
    let (mut compiled, mut refused) = (None, None);
    let broken = structural::check(raw, &here);
    if broken.is_empty() {
        match Schema::compile(raw, &here) {
            Ok(schema) => {
                let wrong = defaults(&schema, raw, &here, true, false);
                if wrong.is_empty() {
                    compiled = Some(schema);
                }
                found.extend(wrong);
            }
            Err(error) => refused = Some(Violation::invalid(&here, &json!(""), &error.to_string())),
        }
    }
    found.extend(broken);
    let mut walk = Walk { definition, schema: Vec::new(), rules: Vec::new(), total: 0, costly: Vec::new() };
    let context =
        Context { schema: compiled.as_ref(), cardinality: Some(1), defaults: None, inside_meta: false, uncorrelated: None, root: true };
    walk.node(raw, &here, &context, 0);
    found.append(&mut walk.schema);
    found.append(&mut walk.rules);
    // What is wrong with it was told above, as a rule.
    found.extend(refused.filter(|_| found.is_empty()));
    if walk.total > SCHEMA_LIMIT {
        let why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
        found.extend(walk.costly.iter().map(|(field, _)| Violation::forbidden(field, why)));
        let name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        found.push(Violation::forbidden(&here, &too_costly(name, walk.total, SCHEMA_LIMIT)));
    }
    found
}

fn root(raw: &Value, here: &str, found: &mut Vec<Violation>) {
    for (name, value) in raw.as_object().into_iter().flatten() {
        let unsaid = value.is_null() || *value == json!(false) || *value == json!("") || *value == json!([]) || *value == json!({});
        if unsaid {
            continue;
        }
        if name == "type" && *value != json!("object") {
            let why = "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled";
            found.push(Violation::invalid(&format!("{here}.type"), value, why));
            return;
        }
        if !AT_ROOT.contains(&name.as_str()) {
            let why = format!("only {AT_ROOT_GO} fields are allowed at the root of the schema if the status subresource is enabled");
            found.push(Violation::invalid(here, raw, &why));
            return;
        }
    }
}

fn too_costly(name: &str, cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    let factor = if factor > 100.0 {
        "more than 100x".to_owned()
    } else if factor < 1.5 {
        format!("{factor:.6}x")
    } else {
        format!("{factor:.1}x")
    };
    format!(
        "{name} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    )
}

/// Defaults must be valid and know no undeclared fields.
fn defaults(schema: &Schema, raw: &Value, path: &str, root: bool, inside_meta: bool) -> Vec<Violation> {
    let mut found = Vec::new();
    let inside_meta = inside_meta && !schema.embedded;
    if let Some(value) = &schema.default {
        let here = format!("{path}.default");
        if !inside_meta && !prune(schema, &mut value.clone(), schema.embedded || root).is_empty() {
            found.push(Violation::invalid(&here, value, "must not have unknown fields"));
        }
        let mut wrong = validate(schema, value, None);
        validate_rules(schema, value, None, &mut wrong);
        found.extend(wrong.into_iter().map(|violation| {
            let field = match violation.field.as_str() {
                "" | "<nil>" => here.clone(),
                below if below.starts_with('[') => format!("{here}{below}"),
                below => format!("{here}.{below}"),
            };
            Violation { field, ..violation }
        }));
    }
    let (items, properties) = (raw.get("items"), raw.get("properties"));
    if let (Some(items), Some(raw)) = (&schema.items, items) {
        found.extend(defaults(items, raw, &format!("{path}.items"), false, inside_meta));
    }
    for (name, field) in &schema.properties {
        let Some(raw) = properties.and_then(|properties| properties.get(name)) else { continue };
        let meta = (root || schema.embedded) && matches!(name.as_str(), "metadata" | "apiVersion" | "kind");
        found.extend(defaults(field, raw, &format!("{path}.properties[{name}]"), false, inside_meta || meta));
    }
    found
}

/// What is known of a node from above.
#[derive(Clone)]
struct Context<'a> {
    schema: Option<&'a Schema>,
    /// How often the node may stand in an object; `None` is without bound.
    cardinality: Option<u64>,
    /// Why there must be no defaults.
    defaults: Option<String>,
    inside_meta: bool,
    /// The list or map within which nothing can be compared with what was before.
    uncorrelated: Option<String>,
    root: bool,
}

struct Walk<'a> {
    definition: &'a Definition<'a>,
    schema: Vec<Violation>,
    rules: Vec<Violation>,
    total: u64,
    costly: Vec<(String, u64)>,
}

impl Walk<'_> {
    fn node(&mut self, node: &Value, path: &str, context: &Context<'_>, depth: usize) {
        if depth > crate::DEPTH {
            return;
        }
        let at = |name: &str| format!("{path}.{name}");
        self.standard(node, path, context);
        if flag(node, "uniqueItems") {
            let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.schema.push(Violation::forbidden(&at("uniqueItems"), why));
        }
        let properties = node.get("properties").and_then(Value::as_object).filter(|map| !map.is_empty());
        let below = match (context.cardinality, most_elements(node)) {
            (Some(cardinality), Some(most)) => Some(cardinality.saturating_mul(most)),
            _ => None,
        };
        if let Some(value) = node.get("additionalProperties").filter(|value| !value.is_null()) {
            if properties.is_some() && *value != json!(true) {
                self.schema
                    .push(Violation::forbidden(&at("additionalProperties"), "additionalProperties and properties are mutual exclusive"));
            }
            if value.is_object() {
                let schema = context.schema.and_then(|schema| schema.additional.as_deref());
                let defaults = if context.inside_meta {
                    Some("inside additionalProperties applying to object metadata".to_owned())
                } else {
                    context.defaults.clone()
                };
                let inner = Context { schema, cardinality: below, defaults, root: false, ..context.clone() };
                self.node(value, &at("additionalProperties"), &inner, depth + 1);
            }
        }
        for (name, field) in properties.into_iter().flatten() {
            let schema = context.schema.and_then(|schema| schema.properties.get(name)).map(AsRef::as_ref);
            let mut inner = Context { schema, cardinality: below, root: false, ..context.clone() };
            if text(node, "x-kubernetes-map-type") == "atomic" && inner.uncorrelated.is_none() {
                inner.uncorrelated = Some(path.to_owned());
            }
            let meta = matches!(name.as_str(), "metadata" | "kind" | "apiVersion");
            if meta && (context.root || flag(node, "x-kubernetes-embedded-resource")) {
                inner.inside_meta = true;
                if context.root {
                    inner.defaults = Some(format!("in top-level {name}"));
                }
            }
            self.node(field, &format!("{path}.properties[{name}]"), &inner, depth + 1);
        }
        let loose = Context { schema: None, root: false, ..context.clone() };
        if let Some(inner) = node.get("not").filter(|inner| inner.is_object()) {
            self.node(inner, &at("not"), &loose, depth + 1);
        }
        for name in ["allOf", "oneOf", "anyOf"] {
            for (index, inner) in node.get(name).and_then(Value::as_array).into_iter().flatten().enumerate() {
                self.node(inner, &format!("{path}.{name}[{index}]"), &loose, depth + 1);
            }
        }
        if let Some(items) = node.get("items").filter(|items| items.is_object()) {
            let schema = context.schema.and_then(|schema| schema.items.as_deref());
            let mut inner = Context { schema, cardinality: below, root: false, ..context.clone() };
            if text(node, "x-kubernetes-list-type") != "map" && inner.uncorrelated.is_none() {
                inner.uncorrelated = Some(path.to_owned());
            }
            self.node(items, &at("items"), &inner, depth + 1);
        }
        self.extensions(node, path);
        self.list_map(node, path);
        self.validations(node, path, context);
    }

    fn standard(&mut self, node: &Value, path: &str, context: &Context<'_>) {
        let at = |name: &str| format!("{path}.{name}");
        let kind = text(node, "type");
        if !kind.is_empty() && !TYPES.contains(&kind) {
            self.schema.push(Violation::not_supported(&at("type"), &json!(kind), &TYPES.map(str::to_owned)));
        }
        if let Some(reason) = context.defaults.as_ref().filter(|_| is_set(node, "default")) {
            self.schema.push(Violation::forbidden(&at("default"), &format!("must not be set {reason}")));
        }
        for name in ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] {
            let empty = |value: &Value| value.is_null() || *value == json!("") || *value == json!({});
            if node.get(name).is_some_and(|value| !empty(value)) {
                self.schema.push(Violation::forbidden(&at(name), &format!("{name} is not supported")));
            }
        }
        if kind == "null" {
            self.schema.push(Violation::forbidden(&at("type"), "type cannot be set to null, use nullable as an alternative"));
        }
        if node.get("items").is_some_and(Value::is_array) {
            self.schema.push(Violation::forbidden(&at("items"), "items must be a schema object and not an array"));
        }
        if context.inside_meta && flag(node, "x-kubernetes-embedded-resource") {
            self.schema.push(Violation::forbidden(&at("x-kubernetes-embedded-resource"), "must not be used inside of resource meta"));
        }
    }

    fn extensions(&mut self, node: &Value, path: &str) {
        let at = |name: &str| format!("{path}.{name}");
        if node.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(false)) {
            self.schema.push(Violation::invalid(&at("x-kubernetes-preserve-unknown-fields"), &json!(false), "must be true or undefined"));
        }
        self.typed(node, path, "x-kubernetes-map-type", "object");
        let (map_type, list_type) = (text(node, "x-kubernetes-map-type"), text(node, "x-kubernetes-list-type"));
        if is_set(node, "x-kubernetes-map-type") && !matches!(map_type, "atomic" | "granular") {
            let allowed = ["atomic", "granular"].map(str::to_owned);
            self.schema.push(Violation::not_supported(&at("x-kubernetes-map-type"), &json!(map_type), &allowed));
        }
        let typed = self.typed(node, path, "x-kubernetes-list-type", "array");
        if typed
            && list_type == "set"
            && let Some(items) = node.get("items").filter(|items| items.is_object())
        {
            let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
            let item_type = items.get("x-kubernetes-list-type").cloned().unwrap_or(Value::Null);
            match text(items, "type") {
                "array" if !item_type.is_null() && item_type != json!("atomic") => {
                    self.schema.push(Violation::invalid(&format!("{path}.items.x-kubernetes-list-type"), &item_type, why));
                }
                // The value told is the list type, as upstream has it.
                "object" if text(items, "x-kubernetes-map-type") != "atomic" => {
                    self.schema.push(Violation::invalid(&format!("{path}.items.x-kubernetes-map-type"), &item_type, why));
                }
                _ => {}
            }
        }
        if is_set(node, "x-kubernetes-list-type") && !matches!(list_type, "atomic" | "set" | "map") {
            let allowed = ["atomic", "set", "map"].map(str::to_owned);
            self.schema.push(Violation::not_supported(&at("x-kubernetes-list-type"), &json!(list_type), &allowed));
        }
    }

    /// Tells whether a node with an extension has the type that the extension wants.
    fn typed(&mut self, node: &Value, path: &str, extension: &str, wanted: &str) -> bool {
        let kind = text(node, "type");
        if !is_set(node, extension) || kind == wanted {
            return true;
        }
        let (field, why) = (format!("{path}.type"), format!("must be {wanted} if {extension} is specified"));
        self.schema.push(match kind {
            "" => Violation::required(&field, &why),
            kind => Violation::invalid(&field, &json!(kind), &why),
        });
        false
    }

    fn list_map(&mut self, node: &Value, path: &str) {
        let at = |name: &str| format!("{path}.{name}");
        let list_type = text(node, "x-kubernetes-list-type");
        let keys = texts(node, "x-kubernetes-list-map-keys");
        if !keys.is_empty() && list_type != "map" {
            let why = "must be map if x-kubernetes-list-map-keys is non-empty";
            self.schema.push(match list_type {
                "" => Violation::required(&at("x-kubernetes-list-type"), why),
                other => Violation::invalid(&at("x-kubernetes-list-type"), &json!(other), why),
            });
        }
        let items = node.get("items").filter(|items| items.is_object());
        if list_type == "map" {
            if keys.is_empty() {
                let why = "must not be empty if x-kubernetes-list-type is map";
                self.schema.push(Violation::required(&at("x-kubernetes-list-map-keys"), why));
            }
            match items {
                None => self.schema.push(Violation::required(&at("items"), "must have a schema if x-kubernetes-list-type is map")),
                Some(items) if text(items, "type") != "object" => {
                    let why = "must be object if parent array's x-kubernetes-list-type is map";
                    self.schema.push(Violation::invalid(&format!("{path}.items.type"), &json!(text(items, "type")), why));
                }
                Some(items) => self.keys(items, &keys, path),
            }
        }
        let Some(items) = items.filter(|_| matches!(list_type, "set" | "map")) else { return };
        if flag(items, "nullable") {
            let why = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
            self.schema.push(Violation::forbidden(&format!("{path}.items.nullable"), &why));
        }
        if list_type == "set" {
            return;
        }
        let required = texts(items, "required");
        for key in keys {
            let Some(field) = items.get("properties").and_then(|properties| properties.get(key)) else { continue };
            let here = format!("{path}.items.properties[{key}]");
            if !required.contains(&key) && !is_set(field, "default") {
                let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                self.schema.push(Violation::required(&format!("{here}.default"), why));
            }
            if flag(field, "nullable") {
                let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
                self.schema.push(Violation::forbidden(&format!("{here}.nullable"), why));
            }
        }
    }

    fn keys(&mut self, items: &Value, keys: &[&str], path: &str) {
        let field = format!("{path}.x-kubernetes-list-map-keys");
        for (index, key) in keys.iter().enumerate() {
            match items.get("properties").and_then(|properties| properties.get(*key)) {
                Some(property) if matches!(text(property, "type"), "array" | "object") => {
                    let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                    let here = format!("{path}.items.properties[{key}].type");
                    self.schema.push(Violation::invalid(&here, &json!(text(items, "type")), why));
                }
                Some(_) => {}
                None => self.schema.push(Violation::invalid(&field, &json!(keys), "entries must all be names of item properties")),
            }
            if keys[..index].contains(key) {
                self.schema.push(Violation::invalid(&field, &json!(keys), "must not contain duplicate entries"));
            }
        }
    }

    fn validations(&mut self, node: &Value, path: &str, context: &Context<'_>) {
        let rules = Rule::list(node.get("x-kubernetes-validations").unwrap_or(&Value::Null));
        for (index, rule) in rules.iter().enumerate() {
            self.rule(rule, node, &format!("{path}.x-kubernetes-validations[{index}]"));
        }
        let Some(schema) = context.schema.filter(|_| self.schema.is_empty()) else { return };
        for (index, compiled) in schema.rules.iter().enumerate() {
            self.compiled(compiled, &format!("{path}.x-kubernetes-validations[{index}]"), context);
        }
    }

    fn rule(&mut self, rule: &Rule, node: &Value, here: &str) {
        let at = |name: &str| format!("{here}.{name}");
        let breaks = |text: &str| text.contains(['\n', '\r']);
        let (text, message) = (rule.rule.trim(), rule.message.trim());
        if text.is_empty() {
            self.schema.push(Violation::required(&at("rule"), "rule is not specified"));
        } else if !rule.message.is_empty() && message.is_empty() {
            self.schema.push(Violation::invalid(&at("message"), &json!(rule.message), "must be non-empty if specified"));
        } else if breaks(message) {
            self.schema.push(Violation::invalid(&at("message"), &json!(rule.message), "must not contain line breaks"));
        } else if breaks(text) && message.is_empty() {
            self.schema.push(Violation::required(&at("message"), "message must be specified if rule contains line breaks"));
        }
        if !rule.message_expression.is_empty() && rule.message_expression.trim().is_empty() {
            self.schema.push(Violation::required(&at("messageExpression"), "messageExpression must be non-empty if specified"));
        }
        if let Some(reason) = rule.reason.as_ref().filter(|reason| !REASONS.contains(&reason.as_str())) {
            self.schema.push(Violation::not_supported(&at("reason"), &json!(reason), &REASONS.map(str::to_owned)));
        }
        if rule.field_path.is_empty() {
            return;
        }
        let mut wrong = |why: &str| self.schema.push(Violation::invalid(&at("fieldPath"), &json!(rule.field_path), why));
        if rule.field_path.trim().is_empty() {
            wrong("must be non-empty if specified");
        }
        if rule.field_path.contains('\n') {
            wrong("must not contain line breaks");
        }
        if Schema::compile(node, "").is_ok_and(|schema| field_path(&rule.field_path, &schema, true).is_err()) {
            wrong("must be a valid path");
        }
    }

    fn compiled(&mut self, compiled: &Compiled, here: &str, context: &Context<'_>) {
        let (rule, expression) = (format!("{here}.rule"), format!("{here}.messageExpression"));
        let cost = compiled.cost.saturating_mul(context.cardinality.unwrap_or(compiled.cardinality));
        self.observe(&rule, "estimated rule cost", cost);
        let quoted = |why: &str| format!("Invalid value: {}: {why}", compiled.rule.quoted());
        let invalid = |field: &str, why: &str| Violation { field: field.to_owned(), cause: crate::Cause::Invalid, text: quoted(why) };
        if let Some(error) = &compiled.error {
            self.rules.push(invalid(&rule, error));
        }
        match &compiled.message_error {
            Some(error) => self.rules.push(invalid(&expression, error)),
            None if compiled.message.is_some() => self.observe(&expression, "estimated messageExpression cost", compiled.message_cost),
            None => {}
        }
        if compiled.uses_old() {
            if let Some(path) = &context.uncorrelated {
                let why = format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {path}");
                self.rules.push(Violation::invalid(&rule, &json!(compiled.rule.rule), &why));
            }
        } else if let Some(set) = compiled.rule.optional_old_self {
            let field = format!("{here}.optionalOldSelf");
            self.rules.push(Violation::invalid(&field, &json!(set), "may not be set if oldSelf is not used in rule"));
        }
    }

    fn observe(&mut self, field: &str, name: &str, cost: u64) {
        if !self.definition.unchanged && cost > RULE_LIMIT {
            self.rules.push(Violation::forbidden(field, &too_costly(name, cost, RULE_LIMIT)));
        }
        self.total = self.total.saturating_add(cost);
        if cost >= SCHEMA_LIMIT / 100 {
            self.costly.push((field.to_owned(), cost));
            self.costly.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
            self.costly.truncate(4);
        }
    }
}

/// How many values may stand directly below a node.
fn most_elements(node: &Value) -> Option<u64> {
    let bound = |name: &str| node.get(name).and_then(Value::as_i64).map(|most| u64::try_from(most).unwrap_or(0));
    match text(node, "type") {
        "object" if is_set(node, "additionalProperties") => bound("maxProperties"),
        "array" => bound("maxItems"),
        _ => Some(1),
    }
}

/// Formats that are checked. apiextensions-apiserver `pkg/apiserver/validation/formats.go`.
const FORMATS: &[&str] = &[
    "bsonobjectid",
    "uri",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "cidr",
    "mac",
    "uuid",
    "uuid3",
    "uuid4",
    "uuid5",
    "isbn",
    "isbn10",
    "isbn13",
    "creditcard",
    "ssn",
    "hexcolor",
    "rgbcolor",
    "byte",
    "password",
    "date",
    "duration",
    "datetime",
    "k8sshortname",
    "k8slongname",
];

/// Returns the formats of a schema that nobody checks, in the order of the schema.
pub fn unrecognized_formats(raw: &Value) -> Vec<String> {
    let mut found = Vec::new();
    formats(raw, 0, &mut found);
    found
}

fn formats(node: &Value, depth: usize, found: &mut Vec<String>) {
    if depth > crate::DEPTH {
        return;
    }
    let format = text(node, "format");
    let known = match text(node, "type") {
        "" | "string" => FORMATS.contains(&format.replace('-', "").as_str()),
        "integer" => matches!(format, "int32" | "int64"),
        "number" => matches!(format, "float" | "double"),
        _ => false,
    };
    if !format.is_empty() && !known {
        found.push(format.to_owned());
    }
    let map = |name: &str| node.get(name).and_then(Value::as_object).into_iter().flatten().map(|(_, inner)| inner);
    let list = |name: &str| node.get(name).and_then(Value::as_array).into_iter().flatten();
    let single = ["items", "not"].into_iter().filter_map(|name| node.get(name)).filter(|inner| inner.is_object());
    let below = map("properties").chain(list("allOf")).chain(list("anyOf")).chain(list("oneOf")).chain(single).chain(additional(node));
    for inner in below {
        formats(inner, depth + 1, found);
    }
}
