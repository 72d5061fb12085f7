//! What is wrong with webhook configurations, policies and bindings. Kubernetes
//! `pkg/apis/admissionregistration/validation/validation.go`.

use std::collections::BTreeMap;

use cel::Type;
use schema::Violation;
use serde_json::{Value, json};

use super::expression::{compile, environment};
use crate::names::{self, Rule};
use crate::object::meta;
use crate::webhook_client;

const FAILURE: [&str; 2] = ["Fail", "Ignore"];
const MATCH: [&str; 2] = ["Equivalent", "Exact"];
const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES: [&str; 3] = ["*", "Cluster", "Namespaced"];
const REASONS: [&str; 3] = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn one_of(value: &Value, allowed: &[&str], field: &str, found: &mut Vec<Violation>) {
    if !value.as_str().is_some_and(|value| allowed.contains(&value)) {
        let allowed: Vec<String> = allowed.iter().map(|one| (*one).to_owned()).collect();
        found.push(Violation::not_supported(field, value, &allowed));
    }
}

/// Returns what is wrong with an object of the group.
pub(crate) fn check(kind: &str, object: &Value, old: Option<&Value>) -> Vec<Violation> {
    let mut found = Vec::new();
    match kind {
        "ValidatingAdmissionPolicy" => policy(object, old, &mut found),
        "ValidatingAdmissionPolicyBinding" => binding(object.get("spec").unwrap_or(&Value::Null), &mut found),
        _ => configuration(object, old, &mut found),
    }
    found
}

fn configuration(object: &Value, old: Option<&Value>, found: &mut Vec<Violation>) {
    let hooks = list(object, "webhooks");
    let before = old.map(|old| list(old, "webhooks")).unwrap_or_default();
    // Conditions that nobody touched are let be.
    let conditions = |hooks: &[Value]| hooks.iter().map(|hook| hook.get("matchConditions").cloned()).collect::<Vec<_>>();
    let settled = old.is_some() && conditions(hooks) == conditions(before);
    for (index, hook) in hooks.iter().enumerate() {
        let here = format!("webhooks[{index}]");
        webhook(hook, &here, settled, found);
        versions(list(hook, "admissionReviewVersions"), &format!("{here}.admissionReviewVersions"), found);
        let name = text(hook, "name");
        if !name.is_empty() && hooks[..index].iter().any(|other| text(other, "name") == name) {
            found.push(Violation::duplicate(&format!("{here}.name"), &json!(name)));
        }
    }
}

fn webhook(hook: &Value, here: &str, settled: bool, found: &mut Vec<Violation>) {
    let at = |name: &str| format!("{here}.{name}");
    let name = text(hook, "name");
    if name.is_empty() {
        found.push(Violation::required(&at("name"), ""));
    } else if !names::is_subdomain(name) {
        names::tell(Rule::Subdomain, &at("name"), name, found);
    } else if name.split('.').count() < 3 {
        let why = "should be a domain with at least three segments separated by dots";
        found.push(Violation::invalid(&at("name"), &json!(name), why));
    }
    for (index, one) in list(hook, "rules").iter().enumerate() {
        rule(one, &format!("{here}.rules[{index}]"), found);
    }
    for (field, allowed) in [("failurePolicy", &FAILURE[..]), ("matchPolicy", &MATCH)] {
        if let Some(value) = hook.get(field).filter(|value| !value.is_null()) {
            one_of(value, allowed, &at(field), found);
        }
    }
    match hook.get("sideEffects").filter(|value| !value.is_null()) {
        None => found.push(Violation::required(&at("sideEffects"), "must specify one of None, NoneOnDryRun")),
        Some(value) => one_of(value, &["None", "NoneOnDryRun"], &at("sideEffects"), found),
    }
    if let Some(seconds) = hook.get("timeoutSeconds").filter(|seconds| !seconds.as_i64().is_some_and(|seconds| (1..=30).contains(&seconds)))
    {
        found.push(Violation::invalid(&at("timeoutSeconds"), seconds, "the timeout value must be between 1 and 30 seconds"));
    }
    for field in ["namespaceSelector", "objectSelector"] {
        if let Some(value) = hook.get(field) {
            selector(value, &at(field), found);
        }
    }
    if let Some(value) = hook.get("reinvocationPolicy") {
        one_of(value, &["IfNeeded", "Never"], &at("reinvocationPolicy"), found);
    }
    webhook_client::check(hook.get("clientConfig").unwrap_or(&Value::Null), &at("clientConfig"), found);
    if !settled {
        conditions(list(hook, "matchConditions"), false, &at("matchConditions"), found);
    }
}

fn versions(versions: &[Value], field: &str, found: &mut Vec<Violation>) {
    if versions.is_empty() {
        found.push(Violation::required(field, "must specify one of v1, v1beta1"));
        return;
    }
    for (index, version) in versions.iter().enumerate() {
        let here = format!("{field}[{index}]");
        if versions[..index].contains(version) {
            found.push(Violation::invalid(&here, version, "duplicate version"));
        } else {
            names::tell(Rule::Label1035, &here, version.as_str().unwrap_or_default(), found);
        }
    }
    if !versions.iter().any(|version| version == "v1" || version == "v1beta1") {
        found.push(Violation::invalid(field, &json!(versions), "must include at least one of v1, v1beta1"));
    }
}

/// Checks a label selector. apimachinery `pkg/apis/meta/v1/validation/validation.go`.
fn selector(selector: &Value, here: &str, found: &mut Vec<Violation>) {
    for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
        let field = format!("{here}.matchLabels");
        found.extend(names::key_faults(key).iter().map(|why| Violation::invalid(&field, &json!(key), why)));
        let value = value.as_str().unwrap_or_default();
        found.extend(names::value_faults(value).iter().map(|why| Violation::invalid(&field, &json!(value), why)));
    }
    for (index, one) in list(selector, "matchExpressions").iter().enumerate() {
        let here = format!("{here}.matchExpressions[{index}]");
        let values = list(one, "values");
        match text(one, "operator") {
            "In" | "NotIn" if values.is_empty() => {
                found.push(Violation::required(&format!("{here}.values"), "must be specified when `operator` is 'In' or 'NotIn'"));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                found.push(Violation::forbidden(&format!("{here}.values"), why));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => found.push(Violation::invalid(&format!("{here}.operator"), &json!(other), "not a valid selector operator")),
        }
        let key = text(one, "key");
        found.extend(names::key_faults(key).iter().map(|why| Violation::invalid(&format!("{here}.key"), &json!(key), why)));
        for (index, value) in values.iter().enumerate() {
            let faults = names::value_faults(value.as_str().unwrap_or_default());
            found.extend(faults.iter().map(|why| Violation::invalid(&format!("{here}.values[{index}]"), value, why)));
        }
    }
}

fn rule(rule: &Value, here: &str, found: &mut Vec<Violation>) {
    let at = |name: &str| format!("{here}.{name}");
    let starred = |name: &str, what: &str, found: &mut Vec<Violation>| {
        let all = list(rule, name);
        if all.is_empty() {
            found.push(Violation::required(&at(name), ""));
        }
        if all.len() > 1 && all.iter().any(|one| one == "*") {
            found.push(Violation::invalid(&at(name), &json!(all), &format!("if '*' is present, must not specify other {what}")));
        }
    };
    starred("operations", "operations", found);
    for (index, operation) in list(rule, "operations").iter().enumerate() {
        one_of(operation, &OPERATIONS, &format!("{here}.operations[{index}]"), found);
    }
    starred("apiGroups", "API groups", found);
    starred("apiVersions", "API versions", found);
    for (index, _) in list(rule, "apiVersions").iter().enumerate().filter(|(_, version)| *version == "") {
        found.push(Violation::required(&format!("{here}.apiVersions[{index}]"), ""));
    }
    resources(list(rule, "resources"), &at("resources"), found);
    if let Some(scope) = rule.get("scope") {
        one_of(scope, &SCOPES, &at("scope"), found);
    }
}

fn resources(all: &[Value], field: &str, found: &mut Vec<Violation>) {
    if all.is_empty() {
        found.push(Violation::required(field, ""));
    }
    let (mut any_subresource, mut any_resource): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut plain = false;
    for (index, one) in all.iter().enumerate() {
        let here = format!("{field}[{index}]");
        let name = one.as_str().unwrap_or_default();
        if name.is_empty() {
            found.push(Violation::required(&here, ""));
            continue;
        }
        let Some((resource, subresource)) = name.split_once('/') else {
            plain = name != "*";
            continue;
        };
        if any_subresource.contains(&resource) {
            found.push(Violation::invalid(&here, one, &format!("if '{resource}/*' is present, must not specify {name}")));
        }
        if any_resource.contains(&subresource) {
            found.push(Violation::invalid(&here, one, &format!("if '*/{subresource}' is present, must not specify {name}")));
        }
        if subresource == "*" {
            any_subresource.push(resource);
        }
        if resource == "*" {
            any_resource.push(subresource);
        }
    }
    if all.len() > 1 && all.iter().any(|one| one == "*/*") {
        found.push(Violation::invalid(field, &json!(all), "if '*/*' is present, must not specify other resources"));
    }
    if plain && all.iter().any(|one| one == "*") {
        found.push(Violation::invalid(field, &json!(all), "if '*' is present, must not specify other resources without subresources"));
    }
}

fn conditions(all: &[Value], params: bool, field: &str, found: &mut Vec<Violation>) {
    if all.len() > 64 {
        found.push(Violation::too_many(field, all.len(), 64));
    }
    let environment = environment(params, &BTreeMap::new(), None);
    for (index, condition) in all.iter().enumerate() {
        let here = format!("{field}[{index}]");
        let (expression, name) = (text(condition, "expression").trim(), text(condition, "name"));
        if expression.is_empty() {
            found.push(Violation::required(&format!("{here}.expression"), ""));
        } else if let Err(why) = compile(&environment, expression, &[Type::Bool]) {
            found.push(Violation::invalid(&format!("{here}.expression"), &json!(expression), &why));
        }
        if name.is_empty() {
            found.push(Violation::required(&format!("{here}.name"), ""));
            continue;
        }
        let faults = names::key_faults(name);
        found.extend(faults.iter().map(|why| Violation::invalid(&format!("{here}.name"), &json!(name), why)));
        if all[..index].iter().any(|other| text(other, "name") == name) {
            found.push(Violation::duplicate(&format!("{here}.name"), &json!(name)));
        }
    }
}

fn policy(object: &Value, old: Option<&Value>, found: &mut Vec<Violation>) {
    let empty = json!({});
    let spec = object.get("spec").unwrap_or(&empty);
    match spec.get("failurePolicy") {
        None => found.push(Violation::required("spec.failurePolicy", "")),
        Some(value) => one_of(value, &FAILURE, "spec.failurePolicy", found),
    }
    let params = spec.get("paramKind").filter(|kind| kind.is_object());
    if let Some(kind) = params {
        param_kind(kind, found);
    }
    match spec.get("matchConstraints") {
        None => found.push(Violation::required("spec.matchConstraints", "")),
        Some(constraints) => {
            match_resources(constraints, "spec.matchConstraints", found);
            if list(constraints, "resourceRules").is_empty() {
                found.push(Violation::required("spec.matchConstraints.resourceRules", ""));
            }
        }
    }
    let part = |object: &Value, name: &str| object.get("spec").and_then(|spec| spec.get(name)).cloned();
    let settled = old.is_some_and(|old| ["matchConditions", "paramKind"].iter().all(|name| part(old, name) == part(object, name)));
    if !settled {
        conditions(list(spec, "matchConditions"), params.is_some(), "spec.matchConditions", found);
    }
    let types = variables(spec, params.is_some(), found);
    let (validations, annotations) = (list(spec, "validations"), list(spec, "auditAnnotations"));
    if validations.is_empty() && annotations.is_empty() {
        let why = "validations or auditAnnotations must contain at least one item";
        found.push(Violation::required("spec.validations", why));
        found.push(Violation::required("spec.auditAnnotations", why));
        return;
    }
    for (index, one) in validations.iter().enumerate() {
        validation(one, params.is_some(), &types, &format!("spec.validations[{index}]"), found);
    }
    if annotations.len() > 20 {
        found.push(Violation::invalid("spec.auditAnnotations", &json!(annotations), "must not have more than 20 auditAnnotations"));
    }
    for (index, one) in annotations.iter().enumerate() {
        let here = format!("spec.auditAnnotations[{index}]");
        annotation(meta(object, "name"), one, params.is_some(), &types, &here, found);
        if annotations[..index].iter().any(|other| text(other, "key") == text(one, "key")) {
            found.push(Violation::duplicate(&format!("{here}.key"), &json!(text(one, "key"))));
        }
    }
}

fn param_kind(kind: &Value, found: &mut Vec<Violation>) {
    let (api_version, name) = (text(kind, "apiVersion"), text(kind, "kind"));
    let field = "spec.paramKind.apiVersion";
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if api_version.is_empty() {
        found.push(Violation::required(field, ""));
    } else if version.contains('/') {
        found.push(Violation::invalid(field, &json!(api_version), &format!("unexpected GroupVersion string: {api_version}")));
    } else {
        if !group.is_empty() && !names::is_subdomain(group) {
            found.push(Violation::invalid(field, &json!(group), &names::faults(Rule::Subdomain, group).join(",")));
        }
        if version.is_empty() {
            found.push(Violation::invalid(field, &json!(api_version), "version must be specified"));
        } else if !names::is_label_1035(version) {
            found.push(Violation::invalid(field, &json!(version), &names::faults(Rule::Label1035, version).join(",")));
        }
    }
    if name.is_empty() {
        found.push(Violation::required("spec.paramKind.kind", ""));
    } else if !names::is_label_1035(&name.to_lowercase()) {
        let faults = names::faults(Rule::Label1035, &name.to_lowercase());
        let why = format!("may have mixed case, but should otherwise match: {}", faults.join(","));
        found.push(Violation::invalid("spec.paramKind.kind", &json!(name), &why));
    }
}

fn match_resources(constraints: &Value, here: &str, found: &mut Vec<Violation>) {
    match constraints.get("matchPolicy") {
        None => found.push(Violation::required(&format!("{here}.matchPolicy"), "")),
        Some(value) => one_of(value, &MATCH, &format!("{here}.matchPolicy"), found),
    }
    for field in ["namespaceSelector", "objectSelector"] {
        match constraints.get(field) {
            None => found.push(Violation::required(&format!("{here}.{field}"), "")),
            Some(value) => selector(value, &format!("{here}.{field}"), found),
        }
    }
    for field in ["resourceRules", "excludeResourceRules"] {
        for (index, one) in list(constraints, field).iter().enumerate() {
            let here = format!("{here}.{field}[{index}]");
            let named = list(one, "resourceNames");
            for (index, name) in named.iter().enumerate() {
                let field = format!("{here}.resourceNames[{index}]");
                let faults = names::faults(Rule::Segment, name.as_str().unwrap_or_default());
                found.extend(faults.iter().map(|why| Violation::invalid(&field, name, why)));
                if named[..index].contains(name) {
                    found.push(Violation::duplicate(&field, name));
                }
            }
            rule(one, &here, found);
        }
    }
}

/// Checks the variables and returns what they are.
fn variables(spec: &Value, params: bool, found: &mut Vec<Violation>) -> BTreeMap<String, Type> {
    let mut types = BTreeMap::new();
    if !list(spec, "variables").is_empty() {
        // They have a place even if none of them is good for anything.
        types.insert(String::new(), Type::Dyn);
    }
    for (index, variable) in list(spec, "variables").iter().enumerate() {
        let here = format!("spec.variables[{index}]");
        let (name, source) = (text(variable, "name"), text(variable, "expression"));
        let word = |one: char| one.is_ascii_alphanumeric() || one == '_';
        if name.trim().is_empty() {
            found.push(Violation::required(&format!("{here}.name"), "name is not specified"));
        } else if !name.chars().all(word) || name.starts_with(|one: char| one.is_ascii_digit()) || cel::is_reserved(name) {
            found.push(Violation::invalid(&format!("{here}.name"), &json!(name), "must be a valid CEL identifier"));
        }
        let field = format!("{here}.expression");
        if source.trim().is_empty() {
            found.push(Violation::required(&field, "expression is not specified"));
            continue;
        }
        match compile(&environment(params, &types, None), source, &[]) {
            Ok(program) => drop(types.insert(name.to_owned(), program.output().clone())),
            Err(why) => {
                types.insert(name.to_owned(), Type::Dyn);
                found.push(Violation::invalid(&field, &json!(source), &why));
            }
        }
    }
    types
}

fn validation(one: &Value, params: bool, types: &BTreeMap<String, Type>, here: &str, found: &mut Vec<Violation>) {
    let at = |name: &str| format!("{here}.{name}");
    let environment = environment(params, types, None);
    let (source, message, made) = (text(one, "expression"), text(one, "message"), text(one, "messageExpression"));
    if source.trim().is_empty() {
        found.push(Violation::required(&at("expression"), "expression is not specified"));
    } else if let Err(why) = compile(&environment, source, &[Type::Bool]) {
        found.push(Violation::invalid(&at("expression"), &json!(source), &why));
    }
    if !made.is_empty() && made.trim().is_empty() {
        found.push(Violation::invalid(&at("messageExpression"), &json!(made), "must be non-empty if specified"));
    } else if !made.is_empty()
        && let Err(why) = compile(&environment, made, &[Type::String])
    {
        found.push(Violation::invalid(&at("messageExpression"), &json!(made), &why));
    }
    let breaks = |text: &str| text.trim().contains(['\n', '\r']);
    if !message.is_empty() && message.trim().is_empty() {
        found.push(Violation::invalid(&at("message"), &json!(message), "must be non-empty if specified"));
    } else if breaks(message) {
        found.push(Violation::invalid(&at("message"), &json!(message), "must not contain line breaks"));
    }
    if let Some(reason) = one.get("reason") {
        one_of(reason, &REASONS, &at("reason"), found);
    }
}

fn annotation(name: &str, one: &Value, params: bool, types: &BTreeMap<String, Type>, here: &str, found: &mut Vec<Violation>) {
    let (key, source) = (text(one, "key"), text(one, "valueExpression").trim());
    let qualified = format!("{name}/{key}");
    if name.is_empty() {
        found.push(Violation::invalid(&format!("{here}.key"), &json!(key), "requires metadata.name be non-empty"));
    } else {
        let faults = names::key_faults(&qualified);
        found.extend(faults.iter().map(|why| Violation::invalid(&format!("{here}.key"), &json!(qualified), why)));
    }
    let field = format!("{here}.valueExpression");
    if source.is_empty() {
        found.push(Violation::required(&field, "valueExpression is not specified"));
    } else if source.len() > 5 * 1024 {
        found.push(Violation::required(&field, "must not exceed 5120 bytes in length"));
    } else if let Err(why) = compile(&environment(params, types, None), source, &[Type::String, Type::Null]) {
        found.push(Violation::invalid(&field, &json!(text(one, "valueExpression")), &why));
    }
}

fn binding(spec: &Value, found: &mut Vec<Violation>) {
    let name = text(spec, "policyName");
    if name.is_empty() {
        found.push(Violation::required("spec.policyName", ""));
    } else {
        names::tell(Rule::Subdomain, "spec.policyName", name, found);
    }
    if let Some(reference) = spec.get("paramRef").filter(|reference| reference.is_object()) {
        param_ref(reference, found);
    }
    if let Some(constraints) = spec.get("matchResources").filter(|constraints| constraints.is_object()) {
        match_resources(constraints, "spec.matchResources", found);
    }
    let actions = list(spec, "validationActions");
    for (index, action) in actions.iter().enumerate() {
        let field = format!("spec.validationActions[{index}]");
        one_of(action, &["Audit", "Deny", "Warn"], &field, found);
        if actions[..index].contains(action) {
            found.push(Violation::duplicate(&field, action));
        }
    }
    let has = |name: &str| actions.iter().any(|action| action == name);
    if has("Deny") && has("Warn") {
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
        found.push(Violation::invalid("spec.validationActions", &json!(actions), why));
    }
    if actions.is_empty() {
        found.push(Violation::required("spec.validationActions", "at least one validation action is required"));
    }
}

fn param_ref(reference: &Value, found: &mut Vec<Violation>) {
    let (name, chosen) = (text(reference, "name"), reference.get("selector"));
    const EXCLUSIVE: &str = "name and selector are mutually exclusive";
    if !name.is_empty() {
        let faults = names::faults(Rule::Segment, name);
        found.extend(faults.iter().map(|why| Violation::invalid("spec.paramRef.name", &json!(name), why)));
        if chosen.is_some() {
            found.push(Violation::forbidden("spec.paramRef.name", EXCLUSIVE));
        }
    }
    if let Some(chosen) = chosen {
        selector(chosen, "spec.paramRef.selector", found);
        if !name.is_empty() {
            found.push(Violation::forbidden("spec.paramRef.selector", EXCLUSIVE));
        }
    } else if name.is_empty() {
        found.push(Violation::required("spec.paramRef", "one of name or selector must be specified"));
    }
    match reference.get("parameterNotFoundAction").filter(|action| *action != "") {
        None => found.push(Violation::required("spec.paramRef.parameterNotFoundAction", "")),
        Some(action) => one_of(action, &["Deny", "Allow"], "spec.paramRef.parameterNotFoundAction", found),
    }
}
