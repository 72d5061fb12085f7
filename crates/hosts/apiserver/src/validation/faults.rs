//! What is wrong with an object, collected in the order in which Kubernetes finds it, and short ways to look at fields.

use schema::Violation;
use serde_json::{Value, json};

use crate::names;
use crate::typed::{self, Struct, Type};

/// The faults of one object, and what it is, for those that show a part of it.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub Vec<Violation>, pub Option<&'static Struct>);

impl Faults {
    /// Returns the type of what stands at a place.
    fn form(&self, field: &str) -> Option<&'static Type> {
        let mut form: Option<&'static Type> = None;
        for part in field.split('.') {
            let (name, index) = part.split_once('[').map_or((part, 0), |(name, rest)| (name, 1 + rest.matches('[').count()));
            let owner = match form {
                None => self.1?,
                Some(form) => match form.base() {
                    Type::Struct(owner) => typed::by_name(owner)?,
                    _ => return None,
                },
            };
            let mut here = &owner.field(name)?.form;
            for _ in 0..index {
                let (Type::List(inner) | Type::Map(inner)) = here.base() else { return None };
                here = inner;
            }
            form = Some(here);
        }
        form
    }

    pub fn required(&mut self, field: &str, why: &str) {
        self.0.push(Violation::required(field, why));
    }

    pub fn invalid(&mut self, field: &str, value: &Value, why: &str) {
        match self.form(field).filter(|_| value.as_object().is_some_and(|map| !map.is_empty())).map(Type::base) {
            // Structs that all versions share are shown as JSON has them, all others as their inner form.
            Some(form @ Type::Struct(name)) if name.starts_with("meta.") => self.invalid_struct(field, form, value, why),
            Some(form @ Type::Struct(_)) => self.invalid_inner(field, form, value, why),
            _ => self.0.push(Violation::invalid(field, value, why)),
        }
    }

    /// A value that Kubernetes shows as JSON of its struct, in Go's order.
    pub fn invalid_struct(&mut self, field: &str, form: &Type, value: &Value, why: &str) {
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        let text = format!("Invalid value: {}{why}", typed::in_go_order(form, value));
        self.0.push(Violation { field: field.to_owned(), cause: schema::Cause::Invalid, text });
    }

    /// A value that Kubernetes shows as JSON of a struct of its own, which has Go's names.
    pub fn invalid_inner(&mut self, field: &str, form: &Type, value: &Value, why: &str) {
        let text = format!("Invalid value: {}: {why}", typed::in_gos_names(form, value));
        self.0.push(Violation { field: field.to_owned(), cause: schema::Cause::Invalid, text });
    }

    /// A list that Kubernetes shows as JSON of its own structs.
    pub fn invalid_list(&mut self, field: &str, value: &Value, why: &str) {
        match self.form(field) {
            Some(form) => self.invalid_inner(field, form, value, why),
            None => self.invalid(field, value, why),
        }
    }

    /// A place that is wrong as it is, whatever stands there.
    pub fn wrong(&mut self, field: &str, why: &str) {
        self.0.push(Violation { field: field.to_owned(), cause: schema::Cause::Invalid, text: format!("Invalid value: {why}") });
    }

    pub fn forbidden(&mut self, field: &str, why: &str) {
        self.0.push(Violation::forbidden(field, why));
    }

    pub fn not_supported(&mut self, field: &str, value: &Value, allowed: &[&str]) {
        let allowed: Vec<String> = allowed.iter().map(|one| (*one).to_owned()).collect();
        self.0.push(Violation::not_supported(field, value, &allowed));
    }

    pub fn duplicate(&mut self, field: &str, value: &Value) {
        self.0.push(Violation::duplicate(field, value));
    }

    pub fn too_long(&mut self, field: &str, most: u64) {
        self.0.push(Violation::too_long(field, most));
    }

    /// A list that must not be longer than this.
    pub fn at_most(&mut self, field: &str, list: &[Value], most: usize) {
        if list.len() > most {
            self.0.push(Violation::too_many(field, list.len(), most as u64));
        }
    }

    pub fn not_found(&mut self, field: &str, value: &Value) {
        self.0.push(Violation::not_found(field, value));
    }

    /// A number that must not be negative, when it is there.
    pub fn not_negative(&mut self, object: &Value, path: &str, name: &str) {
        if let Some(value) = object.get(name).filter(|value| value.as_i64().is_some_and(|number| number < 0)) {
            self.invalid(&format!("{path}.{name}"), value, "must be greater than or equal to 0");
        }
    }

    /// A text that must be one of these, and there.
    pub fn one_of(&mut self, object: &Value, path: &str, name: &str, allowed: &[&str]) {
        let value = text(object, name);
        if value.is_empty() {
            self.required(&child(path, name), "");
        } else if !allowed.contains(&value) {
            self.not_supported(&child(path, name), &json!(value), allowed);
        }
    }

    /// A text that must be one of these when it is there.
    pub fn one_of_if_set(&mut self, object: &Value, path: &str, name: &str, allowed: &[&str]) {
        if !text(object, name).is_empty() {
            self.one_of(object, path, name, allowed);
        }
    }

    /// A port number.
    pub fn port_number(&mut self, field: &str, value: &Value) {
        if !value.as_i64().is_some_and(|number| (1..=65535).contains(&number)) {
            self.invalid(field, value, "must be between 1 and 65535, inclusive");
        }
    }

    /// The name of a port. Follows AM `pkg/util/validation/validation.go` `IsValidPortName`.
    pub fn port_name(&mut self, field: &str, name: &str) {
        let value = json!(name);
        if name.len() > 15 {
            self.invalid(field, &value, "must be no more than 15 characters");
        }
        let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if name.is_empty() || !name.bytes().all(|byte| lower(byte) || byte == b'-') {
            self.invalid(field, &value, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
        }
        if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
            self.invalid(field, &value, "must contain at least one letter (a-z)");
        }
        if name.contains("--") {
            self.invalid(field, &value, "must not contain consecutive hyphens");
        }
        if !name.is_empty() && (name.starts_with('-') || name.ends_with('-')) {
            self.invalid(field, &value, "must not begin or end with a hyphen");
        }
    }

    /// A number or name of a port.
    pub fn port(&mut self, field: &str, value: &Value) {
        match value {
            Value::String(name) => self.port_name(field, name),
            number => self.port_number(field, number),
        }
    }

    /// A name that must follow a rule.
    pub fn name(&mut self, field: &str, rule: names::Rule, name: &str) {
        names::faults(rule, name).iter().for_each(|why| self.invalid(field, &json!(name), why));
    }

    /// A name that may have a domain in front, when it is there.
    pub fn qualified(&mut self, field: &str, name: Option<&Value>) {
        if let Some(name) = name.and_then(Value::as_str) {
            names::key_faults(name).iter().for_each(|why| self.invalid(field, &json!(name), why));
        }
    }

    /// Labels, at one place.
    pub fn labels(&mut self, field: &str, labels: Option<&Value>) {
        for (key, value) in labels.and_then(Value::as_object).into_iter().flatten() {
            names::key_faults(key).iter().for_each(|why| self.invalid(field, &json!(key), why));
            let value = value.as_str().unwrap_or_default();
            names::value_faults(value).iter().for_each(|why| self.invalid(field, &json!(value), why));
        }
    }

    /// Annotations, at one place.
    pub fn annotations(&mut self, field: &str, annotations: Option<&Value>) {
        const MOST: usize = 256 * 1024;
        let mut size = 0;
        for (key, value) in annotations.and_then(Value::as_object).into_iter().flatten() {
            size += key.len() + value.as_str().map_or(0, str::len);
            names::key_faults(&key.to_lowercase()).iter().for_each(|why| self.invalid(field, &json!(key), why));
        }
        if size > MOST {
            self.0.push(Violation::too_long(field, MOST as u64));
        }
    }

    /// A label selector. Follows AM `pkg/apis/meta/v1/validation/validation.go`.
    pub fn selector(&mut self, field: &str, selector: Option<&Value>) {
        let Some(selector) = selector else { return };
        self.labels(&format!("{field}.matchLabels"), selector.get("matchLabels"));
        for (index, one) in list(selector, "matchExpressions").iter().enumerate() {
            let here = format!("{field}.matchExpressions[{index}]");
            let filled = !list(one, "values").is_empty();
            match text(one, "operator") {
                "In" | "NotIn" if !filled => {
                    self.required(&format!("{here}.values"), "must be specified when `operator` is 'In' or 'NotIn'");
                }
                "In" | "NotIn" => {}
                "Exists" | "DoesNotExist" if filled => {
                    self.forbidden(&format!("{here}.values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
                }
                "Exists" | "DoesNotExist" => {}
                other => self.invalid(&format!("{here}.operator"), &json!(other), "not a valid selector operator"),
            }
            let key = text(one, "key");
            names::key_faults(key).iter().for_each(|why| self.invalid(&format!("{here}.key"), &json!(key), why));
            for (at, value) in list(one, "values").iter().enumerate() {
                let value = value.as_str().unwrap_or_default();
                names::value_faults(value).iter().for_each(|why| self.invalid(&format!("{here}.values[{at}]"), &json!(value), why));
            }
        }
    }

    /// A field that may not change.
    pub fn immutable(&mut self, object: &Value, old: &Value, path: &[&str]) {
        let (before, after) = (at(old, path), at(object, path));
        if before != after {
            self.invalid(&path.join("."), after.unwrap_or(&Value::Null), "field is immutable");
        }
    }
}

/// Returns the path of a field inside another.
pub(crate) fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Returns a text, empty when it is not there.
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns a list, empty when it is not there.
pub(crate) fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Returns a value that is there and not null.
pub(crate) fn set<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// Returns a value by field names; null counts as absent.
pub(crate) fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    crate::object::at(object, path).filter(|value| !value.is_null())
}

/// Returns the value at a path, null when it is not there.
pub(crate) fn or_null<'a>(object: &'a Value, path: &[&str]) -> &'a Value {
    crate::object::at(object, path).unwrap_or(&Value::Null)
}
