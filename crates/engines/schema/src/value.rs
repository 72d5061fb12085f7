//! What a schema says of a value, as upstream's validators say it: each kind of bound is looked at on its own, also where the
//! type is wrong. Follows kube-openapi `pkg/validation/validate/{schema,type,validator,values,object_validator,slice_validator,
//! schema_props}.go` and, for what is let be, apiextensions-apiserver `pkg/apiserver/validation/ratcheting.go`.

use std::collections::HashSet;

use serde_json::{Number, Value, json};

use crate::validate::{child, counterpart};
use crate::{Cause, DEPTH, Limits, Schema, Type, Violation, format};

/// What was found, and how much was right: of several schemas, one of which must hold, the one is told of that came closest.
#[derive(Default)]
struct Outcome {
    faults: Vec<Violation>,
    right: u64,
}

impl Outcome {
    fn merge(&mut self, other: Self) {
        self.faults.extend(other.faults);
        self.right += other.right;
    }

    fn is_valid(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Where a value stands, and what was there before.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    old: Option<&'a Value>,
    depth: usize,
}

/// Returns everything that is wrong with a value; what was so before is let be, or a tightened schema would lock objects.
pub(crate) fn check(schema: &Schema, value: &Value, old: Option<&Value>) -> Vec<Violation> {
    let mut found = node(schema, value, Place { path: "", old, depth: 0 }).faults;
    let mut told = HashSet::new();
    found.retain(|one| told.insert((one.field.clone(), one.text.clone())));
    found
}

/// A type and a format as messages name them.
fn words(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Null => ("null", ""),
        Value::Bool(_) => ("boolean", ""),
        Value::Number(number) if number.is_i64() => ("integer", "int64"),
        Value::Number(_) => ("number", "float64"),
        Value::String(_) => ("string", ""),
        Value::Array(_) => ("array", ""),
        Value::Object(_) => ("object", ""),
    }
}

/// Says that something is wrong with the whole of a schema.
fn whole(text: String) -> Violation {
    Violation { field: "<nil>".to_owned(), cause: Cause::Invalid, text: format!("Invalid value: \"\": {text}") }
}

fn node(schema: &Schema, value: &Value, place: Place<'_>) -> Outcome {
    if place.old == Some(value) {
        return Outcome { faults: Vec::new(), right: 1 };
    }
    let path = place.path;
    let mut found = Outcome::default();
    if place.depth > DEPTH {
        found.faults.push(Violation::invalid(path, &Value::Null, "the object nests too deeply"));
        return found;
    }
    let types = types(schema);
    if value.is_null() {
        if !types.is_empty() && !schema.nullable {
            found.faults.push(Violation::wrong_type(path, "null", &joined(&types)));
        }
        found.faults.extend(not_listed(&schema.limits, value, path));
        return found;
    }
    let format = schema.format.as_deref().and_then(|name| format::known(&types, name));
    if !types.is_empty() || format.is_some() {
        match wrong_type(&types, format, value, path) {
            Some(fault) => found.faults.push(fault),
            None => found.right += 1,
        }
        found.right += 1;
    }
    found.merge(junctors(schema, value, place));
    found.right += 1;
    match value {
        Value::String(text) => {
            found.faults.extend(text_fault(&schema.limits, text, path));
            let format = format.filter(|format| format::is_spelled(format));
            if let Some(format) = format
                && !format::holds(format, text)
            {
                found.faults.push(Violation::wrong_type(path, text, format));
            }
            found.right += 1 + u64::from(format.is_some());
        }
        Value::Number(number) => {
            let bound = match types[..] {
                [only] => Some((only, format)),
                _ => None,
            };
            numbers(&schema.limits, bound, number, path, &mut found.faults);
            found.right += 2;
        }
        Value::Array(list) => {
            found.merge(items(schema, list, place));
            found.right += 2;
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => {}
    }
    found.faults.extend(not_listed(&schema.limits, value, path));
    found.right += 1;
    if let Value::Object(map) = value {
        found.merge(fields(schema, map, place));
        found.right += 1;
    }
    found.right += 1;
    found
}

fn types(schema: &Schema) -> Vec<Type> {
    if schema.int_or_string { vec![Type::Integer, Type::String] } else { schema.kind.into_iter().collect() }
}

fn joined(types: &[Type]) -> String {
    types.iter().map(|one| one.word()).collect::<Vec<_>>().join(",")
}

fn wrong_type(types: &[Type], format: Option<&str>, value: &Value, path: &str) -> Option<Violation> {
    let (word, own_format) = words(value);
    let numeric = types.contains(&Type::Integer) || types.contains(&Type::Number);
    let named = types.iter().any(|one| one.word() == word);
    let whole = types.contains(&Type::Integer) && value.as_f64().is_some_and(|number| !number_is_int(value) && is_whole(number));
    let wide = word == "integer" && types.contains(&Type::Number);
    let fits = named || whole || wide;
    if let Some(format) = format {
        let spelled = value.is_string() || value.is_array();
        if !spelled && !fits && own_format != format {
            return Some(Violation::wrong_type(path, own_format, format));
        }
        if !numeric && value.is_string() {
            return None;
        }
    }
    (!fits).then(|| Violation::wrong_type(path, word, &joined(types)))
}

fn number_is_int(value: &Value) -> bool {
    value.as_number().is_some_and(Number::is_i64)
}

/// Tells whether a number that is written as a float is a whole one that JSON keeps exactly (go-openapi swag
/// `IsFloat64AJSONInteger`).
fn is_whole(number: f64) -> bool {
    const MOST: f64 = 9_007_199_254_740_991.0;
    const NEAR: f64 = 1e-9;
    if !number.is_finite() || number.abs() > MOST {
        return false;
    }
    let cut = number.trunc();
    let off = (number - cut).abs();
    off == 0.0 || (cut != 0.0 && off / (number.abs() + cut.abs()) < NEAR)
}

/// Of a text only the first of these faults is told.
fn text_fault(limits: &Limits, text: &str, path: &str) -> Option<Violation> {
    let value = json!(text);
    let length = text.chars().count() as u64;
    if let Some(most) = limits.max_length.filter(|most| length > *most) {
        return Some(Violation::too_long(path, most));
    }
    if let Some(least) = limits.min_length.filter(|least| length < *least) {
        return Some(Violation::invalid(path, &value, &format!("{path} in body should be at least {least} chars long")));
    }
    match &limits.pattern {
        Some((source, regex)) if !regex.is_match(text) => {
            Some(Violation::invalid(path, &value, &format!("{path} in body should match '{source}'")))
        }
        _ => None,
    }
}

fn not_listed(limits: &Limits, value: &Value, path: &str) -> Option<Violation> {
    let allowed = limits.one_of_values.as_ref().filter(|allowed| !allowed.is_empty())?;
    let same = |one: &Value| match (one, value) {
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (one, other) => one == other,
    };
    if allowed.iter().any(same) {
        return None;
    }
    let words: Vec<String> = allowed.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
    Some(Violation::not_supported(path, value, &words))
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

/// Says that a number is out of the range of its type and format, or a bound of the schema is.
fn out_of_range(number: &Number, bound: Option<(Type, Option<&str>)>, what: &str, path: &str) -> Option<Violation> {
    let (kind, format) = bound?;
    let integer = number.as_i64().or_else(|| {
        let value = float(number);
        (value.fract() == 0.0 && value.abs() < 9.3e18).then_some(value as i64)
    });
    let (word, fits, format) = match (kind, format) {
        (Type::Integer, Some("int32")) => ("integer", integer.is_some_and(|whole| i32::try_from(whole).is_ok()), format),
        (Type::Integer, Some("int64")) => ("integer", integer.is_some(), format),
        (Type::Integer, _) => ("integer", integer.is_some(), None),
        (Type::Number, Some("float")) => ("number", float(number).abs() <= f64::from(f32::MAX), format),
        _ => return None,
    };
    let described = format.map_or_else(|| " (default format)".to_owned(), |format| format!(" with format {format}"));
    (!fits).then(|| whole(format!("{what} value must be of type {word}{described} in {path}")))
}

fn numbers(limits: &Limits, bound: Option<(Type, Option<&str>)>, number: &Number, path: &str, found: &mut Vec<Violation>) {
    let bound = bound.filter(|(kind, _)| matches!(kind, Type::Integer | Type::Number));
    let value = Value::Number(number.clone());
    found.extend(out_of_range(number, bound, "Checked", path));
    // Whole numbers are compared with what is whole of a bound, as long as that fits the type.
    let native = |limit: &Number, out: &Option<Violation>| number.as_i64().filter(|_| out.is_none()).map(|own| (own, cut(limit)));
    if let Some(factor) = &limits.multiple_of {
        let out = out_of_range(factor, bound, "MultipleOf", path);
        let (wrong, factor) = match native(factor, &out) {
            Some((own, factor)) => (factor > 0 && own % factor != 0, json!(factor)),
            None => {
                let (own, by) = (float(number), float(factor));
                let times = if by < 1.0 { 1.0 / by * own } else { own / by };
                (by > 0.0 && !is_whole(times), json!(factor))
            }
        };
        found.extend(out);
        if factor.as_f64().is_some_and(|factor| factor <= 0.0) {
            found.push(Violation::invalid(path, &factor, &format!("factor MultipleOf declared for {path} must be positive: {factor}")));
        } else if wrong {
            found.push(Violation::invalid(path, &value, &format!("{path} in body should be a multiple of {factor}")));
        }
    }
    let least = (&limits.minimum, limits.exclusive_minimum, true);
    let most = (&limits.maximum, limits.exclusive_maximum, false);
    for (limit, exclusive, least) in [least, most] {
        let Some(limit) = limit else { continue };
        let out = out_of_range(limit, bound, if least { "Minimum boundary" } else { "Maximum boundary" }, path);
        let (order, shown) = match native(limit, &out) {
            Some((own, limit)) => (Some(own.cmp(&limit)), json!(limit)),
            None => (float(number).partial_cmp(&float(limit)), json!(limit)),
        };
        found.extend(out);
        if order.is_some_and(|order| if least { order.is_lt() } else { order.is_gt() } || (exclusive && order.is_eq())) {
            let words = match (least, exclusive) {
                (true, false) => "greater than or equal to",
                (true, true) => "greater than",
                (false, false) => "less than or equal to",
                (false, true) => "less than",
            };
            found.push(Violation::invalid(path, &value, &format!("{path} in body should be {words} {shown}")));
        }
    }
}

fn cut(limit: &Number) -> i64 {
    limit.as_i64().unwrap_or_else(|| float(limit) as i64)
}

fn items(schema: &Schema, list: &[Value], place: Place<'_>) -> Outcome {
    let mut found = Outcome::default();
    let path = place.path;
    if let Some(items) = &schema.items {
        for (index, inner) in list.iter().enumerate() {
            let here = format!("{path}[{index}]");
            found.merge(node(items, inner, Place { path: &here, old: counterpart(schema, inner, place.old), depth: place.depth + 1 }));
        }
    }
    if let Some(least) = schema.limits.min_items.filter(|least| (list.len() as u64) < *least) {
        found.faults.push(Violation::invalid(path, &json!(list.len()), &format!("{path} in body should have at least {least} items")));
    }
    if let Some(most) = schema.limits.max_items.filter(|most| list.len() as u64 > *most) {
        found.faults.push(Violation::too_many(path, list.len(), most));
    }
    found
}

fn fields(schema: &Schema, map: &serde_json::Map<String, Value>, place: Place<'_>) -> Outcome {
    let mut found = Outcome::default();
    let path = place.path;
    if let Some(least) = schema.limits.min_properties.filter(|least| (map.len() as u64) < *least) {
        found.faults.push(Violation::invalid(path, &json!(map.len()), &format!("{path} in body should have at least {least} properties")));
    }
    if let Some(most) = schema.limits.max_properties.filter(|most| map.len() as u64 > *most) {
        found.faults.push(Violation::too_many(path, map.len(), most));
    }
    let mut look = |name: &str, inner: &Value, field: &Schema| {
        let here = child(path, name);
        let old = place.old.filter(|_| !schema.atomic).and_then(|old| old.get(name));
        found.merge(node(field, inner, Place { path: &here, old, depth: place.depth + 1 }));
    };
    for (name, inner) in map {
        if let Some(field) = schema.field(name) {
            look(name, inner, field);
        }
    }
    for name in schema.required.iter().filter(|name| !map.contains_key(*name)) {
        found.faults.push(Violation::required(&child(path, name), ""));
    }
    found
}

fn junctors(schema: &Schema, value: &Value, place: Place<'_>) -> Outcome {
    let (limits, path) = (&schema.limits, place.path);
    let mut found = Outcome { faults: Vec::new(), right: 1 };
    let check = |branch: &Schema| node(branch, value, Place { depth: place.depth + 1, ..place });
    if !limits.any_of.is_empty() {
        let mut best: Option<Outcome> = None;
        let mut holds = None;
        for branch in &limits.any_of {
            let tried = check(branch);
            if tried.is_valid() {
                holds = Some(tried);
                break;
            }
            closest(&mut best, tried);
        }
        if holds.is_none() {
            found.faults.push(whole(format!("\"{path}\" must validate at least one schema (anyOf)")));
        }
        found.merge(holds.or(best).unwrap_or_default());
    }
    if !limits.one_of.is_empty() {
        let mut best: Option<Outcome> = None;
        let mut holding = Vec::new();
        for branch in &limits.one_of {
            let tried = check(branch);
            if tried.is_valid() {
                holding.push(tried);
                best = None;
            } else if holding.is_empty() {
                closest(&mut best, tried);
            }
        }
        match holding.len() {
            1 => found.merge(holding.remove(0)),
            0 => {
                found.faults.push(whole(format!("\"{path}\" must validate one and only one schema (oneOf). Found none valid")));
                found.merge(best.unwrap_or_default());
            }
            many => found
                .faults
                .push(whole(format!("\"{path}\" must validate one and only one schema (oneOf). Found {many} valid alternatives"))),
        }
    }
    if !limits.all_of.is_empty() {
        let mut holding = 0;
        for branch in &limits.all_of {
            let tried = check(branch);
            holding += usize::from(tried.is_valid());
            found.merge(tried);
        }
        if holding != limits.all_of.len() {
            let none = if holding == 0 { ". None validated" } else { "" };
            found.faults.push(whole(format!("\"{path}\" must validate all the schemas (allOf){none}")));
        }
    }
    if let Some(branch) = &limits.not
        && check(branch).is_valid()
    {
        found.faults.push(whole(format!("\"{path}\" must not validate the schema (not)")));
    }
    found
}

/// Keeps the outcome with most that was right, the first of equals.
fn closest(best: &mut Option<Outcome>, tried: Outcome) {
    if best.as_ref().is_none_or(|before| tried.right > before.right) {
        *best = Some(tried);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(schema: &Value, value: &Value, old: Option<&Value>) -> Vec<String> {
        let schema = Schema::compile(schema, "openAPIV3Schema").expect("a schema");
        check(&schema, value, old).iter().map(Violation::sentence).collect()
    }

    #[test]
    fn each_bound_is_looked_at_on_its_own() {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "integer", "enum": [1, 2], "maximum": 2},
            "b": {"type": "integer", "format": "int32"},
            "c": {"type": "string", "format": "date"},
        }});
        let wanted = [
            "a: Invalid value: \"string\": a in body must be of type integer: \"string\"",
            "a: Unsupported value: \"x\": supported values: \"1\", \"2\"",
        ];
        assert_eq!(told(&schema, &json!({"a": "x"}), None), wanted);
        let wanted =
            ["a: Invalid value: 3: a in body should be less than or equal to 2", "a: Unsupported value: 3: supported values: \"1\", \"2\""];
        assert_eq!(told(&schema, &json!({"a": 3}), None), wanted);
        let wanted = ["<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in b"];
        assert_eq!(told(&schema, &json!({"b": 2_147_483_648_i64}), None), wanted);
        assert_eq!(told(&schema, &json!({"c": 1}), None), ["c: Invalid value: \"int64\": c in body must be of type date: \"int64\""]);
        assert_eq!(told(&schema, &json!({"a": 1.0, "b": 2.0, "c": "2026-01-31"}), None), [""; 0]);
        // What was so before is let be.
        assert_eq!(told(&schema, &json!({"a": 3, "b": 1}), Some(&json!({"a": 3}))), [""; 0]);
    }

    #[test]
    fn of_several_schemas_the_closest_is_told_of() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}, "c": {"type": "string"}},
            "oneOf": [{"required": ["b"]}, {"required": ["c"], "properties": {"b": {"enum": ["x"]}}}]}}});
        let found = told(&schema, &json!({"a": {"b": "x", "c": "y"}}), None);
        assert_eq!(found, ["<nil>: Invalid value: \"\": \"a\" must validate one and only one schema (oneOf). Found 2 valid alternatives"]);
        let found = told(&schema, &json!({"a": {}}), None);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[1], "a.b: Required value");
    }
}
