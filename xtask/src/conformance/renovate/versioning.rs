//! Facts about versions, pairs, ranges, new values and sorted lists.

use serde_json::{Value, json};
use update::versioning::{Change, Part, Strategy, VersionError, Versioning, scheme};

/// Answers a case anew, and names what differs.
pub fn check(case: &Value) -> Option<String> {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let now = super::RECORDED.parse().expect("a time");
    let scheme = match scheme(text("scheme"), now) {
        Ok(scheme) => scheme,
        Err(error) => return Some(error.to_string()),
    };
    let found = match text("op") {
        "one" => one(&*scheme, text("version")),
        "pair" => pair(&*scheme, text("a"), text("b"), case.get("cmp").is_some()),
        "range" => range(&*scheme, &texts(&case["versions"]), text("range")),
        "newValue" => new_value(&*scheme, case),
        "sort" => json!({"sorted": sorted(&*scheme, &texts(&case["input"]))}),
        other => return Some(format!("the operation {other:?} is not known")),
    };
    let wrong = found.as_object()?.iter().find(|(key, value)| case[key.as_str()] != **value)?;
    Some(format!("{}: {} is {}, expected {}", label(case), wrong.0, wrong.1, case[wrong.0.as_str()]))
}

fn label(case: &Value) -> String {
    let kept = case.as_object().into_iter().flatten().filter(|(key, value)| *key != "versions" && *key != "scheme" && value.is_string());
    kept.map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A failure is recorded as such, without its words.
fn told<T: Into<Value>>(result: Result<T, VersionError>) -> Value {
    result.map_or_else(|_| json!({"error": true}), Into::into)
}

fn one(scheme: &dyn Versioning, version: &str) -> Value {
    json!({
        "isValid": scheme.is_valid(version),
        "isVersion": scheme.is_version(version),
        "isStable": scheme.is_stable(version),
        "isSingleVersion": scheme.is_single_version(version),
        "major": told(scheme.number(version, Part::Major)),
        "minor": told(scheme.number(version, Part::Minor)),
        "patch": told(scheme.number(version, Part::Patch)),
    })
}

fn pair(scheme: &dyn Versioning, a: &str, b: &str, ordered: bool) -> Value {
    let mut found = json!({"compatible": scheme.is_compatible(a, b), "matches": scheme.matches(a, b)});
    if ordered {
        found["cmp"] = told(scheme.compare(a, b).map(|order| order as i8));
        found["gt"] = told(scheme.is_greater(a, b));
        found["equals"] = told(scheme.equals(a, b));
    }
    found
}

fn range(scheme: &dyn Versioning, versions: &[&str], range: &str) -> Value {
    json!({"max": told(scheme.newest(versions, range)), "min": told(scheme.oldest(versions, range))})
}

fn new_value(scheme: &dyn Versioning, case: &Value) -> Value {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let Some(strategy) = Strategy::named(text("rangeStrategy")) else {
        return json!({"newValue": "the strategy is not known"});
    };
    let change = Change {
        current_value: text("currentValue"),
        current_version: case["currentVersion"].as_str(),
        new_version: text("newVersion"),
        strategy,
    };
    json!({"newValue": told(scheme.new_value(&change))})
}

fn sorted(scheme: &dyn Versioning, versions: &[&str]) -> Value {
    let mut all: Vec<String> = versions.iter().map(|version| (*version).to_owned()).collect();
    told(scheme.sort(&mut all).map(|()| all))
}
