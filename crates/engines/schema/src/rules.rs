//! `x-kubernetes-validations`: rules compiled once, and what they say of an object. apiextensions-apiserver
//! `pkg/apiserver/schema/cel/{compilation,validation}.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::{Environment, PER_CALL_LIMIT, Program, Type as CelType, Value};
use serde_json::Value as Json;

use crate::declared::Declared;
use crate::validate::{child, counterpart};
use crate::{Cause, Schema, Violation, field_path, typed};

/// What all rules of one object may cost together. Kubernetes `apiserver/pkg/apis/cel/config.go` (RuntimeCELCostBudget).
const BUDGET: u64 = 10_000_000;
/// A message that an expression makes is not longer than this.
const LONGEST_MESSAGE: usize = 5 * 1024;

/// One rule as it stands in a schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule {
    pub rule: String,
    pub message: String,
    pub message_expression: String,
    pub reason: Option<String>,
    pub field_path: String,
    pub optional_old_self: Option<bool>,
}

/// A rule that was compiled, or why it could not be.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub rule: Rule,
    pub program: Option<Program>,
    pub error: Option<String>,
    pub cost: u64,
    pub cardinality: u64,
    pub message: Option<Program>,
    pub message_error: Option<String>,
    pub message_cost: u64,
    field: Option<String>,
}

impl Rule {
    /// Reads the rules of a node.
    pub fn list(raw: &Json) -> Vec<Self> {
        raw.as_array().into_iter().flatten().map(Self::read).collect()
    }

    fn read(raw: &Json) -> Self {
        let text = |name: &str| raw.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        Self {
            rule: text("rule"),
            message: text("message"),
            message_expression: text("messageExpression"),
            reason: raw.get("reason").and_then(Json::as_str).map(str::to_owned),
            field_path: text("fieldPath"),
            optional_old_self: raw.get("optionalOldSelf").and_then(Json::as_bool),
        }
    }

    /// Returns the rule as messages quote it: the fields of the server's own struct.
    pub fn quoted(&self) -> String {
        format!(
            "{{\"Rule\":{},\"Message\":{},\"MessageExpression\":{},\"Reason\":{},\"FieldPath\":{},\"OptionalOldSelf\":{}}}",
            quote(&self.rule),
            quote(&self.message),
            quote(&self.message_expression),
            self.reason.as_ref().map_or_else(|| "null".to_owned(), |reason| quote(reason)),
            quote(&self.field_path),
            self.optional_old_self.map_or_else(|| "null".to_owned(), |one| one.to_string()),
        )
    }

    fn named(&self) -> &str {
        if self.message.is_empty() { self.rule.trim() } else { self.message.trim() }
    }

    fn fallback(&self) -> String {
        if self.message.is_empty() { format!("failed rule: {}", self.named()) } else { self.message.trim().to_owned() }
    }
}

/// Writes a text as Go's JSON encoder does.
fn quote(text: &str) -> String {
    Json::from(text).to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Compiles the rules of a node.
pub(crate) fn compile(schema: &Schema, rules: Vec<Rule>, root: bool) -> Vec<Compiled> {
    let declared = Declared::of(schema, root, "object");
    rules.into_iter().map(|rule| compile_one(schema, rule, declared.as_ref())).collect()
}

fn compile_one(schema: &Schema, rule: Rule, declared: Option<&Declared>) -> Compiled {
    let mut found = Compiled {
        program: None,
        error: None,
        cost: 0,
        cardinality: declared.map_or(1, Declared::cardinality),
        message: None,
        message_error: None,
        message_cost: 0,
        field: None,
        rule,
    };
    if found.rule.rule.trim().is_empty() {
        return found;
    }
    let Some(declared) = declared else {
        found.error = Some("failed to convert to declType for CEL validation rules".to_owned());
        return found;
    };
    let old = if found.rule.optional_old_self == Some(true) { CelType::optional(declared.kind.clone()) } else { declared.kind.clone() };
    let environment = Environment::default().with("self", declared.kind.clone()).with("oldSelf", old);
    match environment.compile(&found.rule.rule) {
        Err(issues) => found.error = Some(format!("compilation failed: {issues}")),
        Ok(program) if *program.output() != CelType::Bool => found.error = Some("cel expression must evaluate to a bool".to_owned()),
        Ok(program) => {
            found.cost = program.estimate(declared).most;
            found.program = Some(program);
        }
    }
    if found.program.is_none() {
        return found;
    }
    if !found.rule.message_expression.is_empty() {
        match environment.compile(&found.rule.message_expression) {
            Err(issues) => found.message_error = Some(format!("messageExpression compilation failed: {issues}")),
            Ok(program) if *program.output() != CelType::String => {
                found.message_error = Some("messageExpression must evaluate to a string".to_owned());
            }
            Ok(program) => {
                found.message_cost = program.estimate(declared).most;
                found.message = Some(program);
            }
        }
    }
    if !found.rule.field_path.is_empty() {
        found.field = field_path(&found.rule.field_path, schema, true).ok().map(|(path, _)| path);
    }
    found
}

impl Compiled {
    /// Tells whether the rule looks at the value before the change.
    pub fn uses_old(&self) -> bool {
        self.program.as_ref().is_some_and(|program| program.uses("oldSelf"))
    }
}

/// Where in an object a check stands, and what was there before.
#[derive(Clone, Copy)]
struct Place<'a> {
    value: &'a Json,
    /// What the rules may compare with.
    old: Option<&'a Json>,
    /// Whether the value, or the part around it, is as it was: what it fails then, it failed before.
    unchanged: bool,
    root: bool,
}

struct Check {
    left: u64,
    found: Vec<Violation>,
    warnings: Vec<String>,
    stopped: bool,
}

/// Returns what the rules of a schema say of an object, and warnings of what they let pass because it did not change.
pub fn check_rules(schema: &Schema, value: &Json, old: Option<&Json>) -> (Vec<Violation>, Vec<String>) {
    let mut check = Check { left: BUDGET, found: Vec::new(), warnings: Vec::new(), stopped: false };
    if schema.has_rules {
        check.node(schema, Place { value, old, unchanged: old == Some(value), root: true }, "");
    }
    (check.found, check.warnings)
}

impl Check {
    fn node(&mut self, schema: &Schema, place: Place<'_>, path: &str) {
        if place.value.is_null() || self.stopped {
            return;
        }
        self.rules(schema, place, path);
        match place.value {
            Json::Object(map) => {
                for (name, inner) in map {
                    let (field, here) = match (schema.properties.get(name), &schema.additional) {
                        (Some(field), _) => (field, child(path, name)),
                        (None, Some(field)) => (field, format!("{path}[{name}]")),
                        (None, None) => continue,
                    };
                    if !field.has_rules {
                        continue;
                    }
                    let before = place.old.and_then(|old| old.get(name));
                    let unchanged = if before.is_some() { before == Some(inner) } else { place.unchanged };
                    let old = before.filter(|_| !schema.atomic);
                    self.node(field, Place { value: inner, old, unchanged, root: field.embedded }, &here);
                }
            }
            Json::Array(items) => {
                let Some(item) = schema.items.as_ref().filter(|item| item.has_rules) else { return };
                for (index, inner) in items.iter().enumerate() {
                    let old = counterpart(schema, inner, place.old);
                    let unchanged = old.map_or(place.unchanged, |old| old == inner);
                    self.node(item, Place { value: inner, old, unchanged, root: item.embedded }, &format!("{path}[{index}]"));
                }
            }
            _ => {}
        }
    }

    fn rules(&mut self, schema: &Schema, place: Place<'_>, path: &str) {
        if schema.rules.is_empty() || self.stopped {
            return;
        }
        let field = if path.is_empty() { "<nil>" } else { path };
        let kind = quote(schema.kind.map_or("", crate::Type::word));
        let mut variables: BTreeMap<String, Value> = BTreeMap::new();
        variables.insert("self".to_owned(), typed::value(schema, place.value, place.root));
        let before = place.old.filter(|old| !old.is_null()).map(|old| typed::value(schema, old, place.root));
        for compiled in schema.rules.iter() {
            let Some(program) = &compiled.program else { continue };
            let optional = compiled.rule.optional_old_self == Some(true);
            if compiled.uses_old() && before.is_none() && !optional {
                continue;
            }
            variables.remove("oldSelf");
            if optional {
                variables.insert("oldSelf".to_owned(), Value::Optional(before.clone().map(Arc::new)));
            } else if let Some(before) = &before {
                variables.insert("oldSelf".to_owned(), before.clone());
            }
            let evaluated = program.evaluate(&variables, PER_CALL_LIMIT);
            let spent = evaluated.cost > self.left;
            self.left = self.left.saturating_sub(evaluated.cost);
            let named = compiled.rule.named();
            if spent {
                let why = "validation failed due to running out of cost budget, no further validation rules will be run";
                self.stop(field, &kind, why);
                return;
            }
            let result = match evaluated.result {
                Ok(result) => result,
                Err(error) if error.0.starts_with("no such overload") => {
                    let why = format!(
                        "'{error}': call arguments did not match a supported operator, function or macro signature for rule: {named}"
                    );
                    self.found.push(invalid(field, &kind, &why));
                    continue;
                }
                Err(error) if error.0.starts_with("operation cancelled: actual cost limit exceeded") => {
                    let why =
                        format!("'{error}': no further validation rules will be run due to call cost exceeds limit for rule: {named}");
                    self.stop(field, &kind, &why);
                    return;
                }
                Err(error) => {
                    self.found.push(invalid(field, &kind, &format!("{error} evaluating rule: {named}")));
                    continue;
                }
            };
            if matches!(result, Value::Bool(true)) {
                continue;
            }
            let Some(detail) = self.message(compiled, &variables, field, &kind) else { return };
            let at = match &compiled.field {
                Some(below) if below.starts_with('[') => format!("{path}{below}"),
                Some(below) => child(path, below),
                None => field.to_owned(),
            };
            let violation = failed(schema, place.value, &at, &detail, compiled.rule.reason.as_deref());
            if place.unchanged && !compiled.uses_old() {
                self.warnings.push(violation.sentence());
            } else {
                self.found.push(violation);
            }
        }
    }

    fn stop(&mut self, field: &str, kind: &str, why: &str) {
        self.found.push(invalid(field, kind, why));
        self.stopped = true;
    }

    /// Returns the message of a rule that failed; `None` when making it has spent the budget.
    fn message(&mut self, compiled: &Compiled, variables: &BTreeMap<String, Value>, field: &str, kind: &str) -> Option<String> {
        let Some(program) = &compiled.message else { return Some(compiled.rule.fallback()) };
        let evaluated = program.evaluate(variables, PER_CALL_LIMIT);
        if evaluated.cost > self.left {
            let why = "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run";
            self.stop(field, kind, why);
            return None;
        }
        self.left -= evaluated.cost;
        if matches!(&evaluated.result, Err(error) if error.0.starts_with("operation cancelled: actual cost limit exceeded")) {
            let expression = quote(&compiled.rule.message_expression);
            let why = format!("no further validation rules will be run due to call cost exceeds limit for messageExpression: {expression}");
            self.stop(field, kind, &why);
            return None;
        }
        let text = evaluated.result.ok().as_ref().and_then(Value::as_text).map(str::trim).map(str::to_owned);
        let usable = text.filter(|text| !text.is_empty() && !text.contains('\n') && text.len() <= LONGEST_MESSAGE);
        Some(usable.unwrap_or_else(|| compiled.rule.fallback()))
    }
}

fn invalid(field: &str, value: &str, why: &str) -> Violation {
    Violation { field: field.to_owned(), cause: Cause::Invalid, text: format!("Invalid value: {value}: {why}") }
}

fn failed(schema: &Schema, value: &Json, field: &str, detail: &str, reason: Option<&str>) -> Violation {
    // Objects and lists are not repeated in messages.
    let shown = match schema.kind {
        Some(crate::Type::Object | crate::Type::Array) => None,
        _ => Some(value.to_string()),
    };
    let (cause, text) = match reason {
        Some("FieldValueForbidden") => (Cause::Forbidden, format!("Forbidden: {detail}")),
        Some("FieldValueRequired") => (Cause::Required, format!("Required value: {detail}")),
        Some("FieldValueDuplicate") => {
            (Cause::Duplicate, shown.map_or_else(|| "Duplicate value".to_owned(), |shown| format!("Duplicate value: {shown}")))
        }
        _ => {
            (Cause::Invalid, shown.map_or_else(|| format!("Invalid value: {detail}"), |shown| format!("Invalid value: {shown}: {detail}")))
        }
    };
    Violation { field: field.to_owned(), cause, text }
}
