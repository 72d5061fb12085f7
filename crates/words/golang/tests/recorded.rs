//! Generated inputs, and what the originals answered to them (`record/main.go`, `record/minimatch.mjs`): Go's own packages,
//! Masterminds/semver 3.5.0, bmatcuk/doublestar 4.10.4, fluxcd/pkg/envsubst 1.4.0, client-go 0.35.0, minimatch 10.2.6. What we
//! answer otherwise on purpose stands in `recorded/different.jsonl` with our answer.

use std::collections::BTreeMap;

use golang::glob::{MinimatchOptions, doublestar, minimatch};
use golang::{
    Constraint, FieldSelector, JsonPath, LabelSelector, Quantity, Version, envsubst, format_duration_signed, parse_duration_signed, regexp,
};
use serde_json::{Value, json};

const RECORDED: [(&str, &str); 11] = [
    ("version", include_str!("recorded/version.jsonl")),
    ("constraint", include_str!("recorded/constraint.jsonl")),
    ("duration", include_str!("recorded/duration.jsonl")),
    ("quantity", include_str!("recorded/quantity.jsonl")),
    ("envsubst", include_str!("recorded/envsubst.jsonl")),
    ("regexp", include_str!("recorded/regexp.jsonl")),
    ("doublestar", include_str!("recorded/doublestar.jsonl")),
    ("jsonpath", include_str!("recorded/jsonpath.jsonl")),
    ("labels", include_str!("recorded/labels.jsonl")),
    ("fields", include_str!("recorded/fields.jsonl")),
    ("minimatch", include_str!("recorded/minimatch.jsonl")),
];

/// Prints a result as the recorders do.
fn told<T, E: std::fmt::Display>(result: Result<T, E>, shown: impl Fn(T) -> String) -> String {
    result.map_or_else(|error| format!("error {error}"), shown)
}

fn is_one_of(name: &str, pairs: &[(&str, &str)]) -> Option<String> {
    pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

fn each(texts: &Value, answer: impl Fn(&str) -> String) -> String {
    texts.as_array().into_iter().flatten().filter_map(Value::as_str).map(|text| answer(text) + ";").collect()
}

/// Returns our answer to the input of a line.
fn answer(kind: &str, line: &Value) -> String {
    let text = |at: usize| line[at].as_str().unwrap_or_default();
    match kind {
        "version" => told(Version::parse_strict(text(0)), |version| version.to_string()),
        "constraint" => told(Constraint::parse(text(0)), |constraint| {
            let version = Version::lenient(text(1)).expect("only versions are recorded");
            format!("{} {} {constraint}", constraint.matches(&version), constraint.why_not(&version).join("; "))
        }),
        "duration" => told(parse_duration_signed(text(0)).map_err(|error| error.as_go()), format_duration_signed),
        "quantity" => told(Quantity::parse(text(0)), |quantity| format!("{quantity} {}", quantity.value())),
        "envsubst" => {
            let value = |name: &str| is_one_of(name, &[("v", "hello/World.tar.gz"), ("n", "3"), ("e", ""), ("a", "x")]);
            told(envsubst(text(0), &value, true), |text| text)
        }
        "regexp" => told(regexp(text(0)).map_err(|error| error.as_go()), |regex| {
            each(&line[1], |text| regex.find(text).map_or("[]".to_owned(), |hit| format!("[{} {}]", hit.start(), hit.end())))
        }),
        "doublestar" => doublestar(text(0)).map_or("error".to_owned(), |glob| each(&line[1], |path| glob.matches(path).to_string())),
        "jsonpath" => {
            let data = json!({
                "a": {"b": "c", "x": 1.5}, "x": true, "l": [1, 2, 3], "m": {"k.1": "dot", "o": {"p": [1, {"q": null}]}},
                "items": [{"n": "x", "v": 1}, {"n": "y", "v": 2, "d": {"n": "z"}}, {"v": 3.5, "n": null}],
            });
            told(JsonPath::parse(text(0), line[1] == true).and_then(|path| path.text(&data)), |text| text)
        }
        "labels" => LabelSelector::parse(text(0)).map_or("error".to_owned(), |selector| {
            let label = |name: &str| is_one_of(name, &[("a", "x"), ("b", "1"), ("a.b/c", "y")]);
            format!("{} {selector}", selector.matches(label))
        }),
        "fields" => FieldSelector::parse(text(0)).map_or("error".to_owned(), |selector| {
            let field = |name: &str| is_one_of(name, &[("a", "x"), ("b", "y"), ("metadata.name", "x,y")]);
            format!("{} {selector}", selector.matches(field))
        }),
        _ => {
            let options = MinimatchOptions { dot: line[2] == true, nocase: line[3] == true };
            minimatch(text(0), options).map_or("error".to_owned(), |glob| glob.matches(text(1)).to_string())
        }
    }
}

/// Returns the recorded answer of a line; of some only whether it is an error.
fn recorded(kind: &str, line: &Value) -> String {
    let last = line.as_array().and_then(|parts| parts.last()).cloned().unwrap_or_default();
    let last = last.as_str().map_or_else(|| last.to_string(), str::to_owned);
    if matches!(kind, "doublestar" | "fields") && last.starts_with("error") { "error".to_owned() } else { last }
}

fn key(kind: &str, line: &Value) -> String {
    let inputs = line.as_array().map(|parts| &parts[..parts.len() - 1]).unwrap_or_default();
    format!("{kind} {}", Value::from(inputs.to_vec()))
}

#[test]
fn answers_are_those_of_the_originals() {
    let mut different: BTreeMap<String, String> = BTreeMap::new();
    for line in include_str!("recorded/different.jsonl").lines() {
        let (key, ours): (String, String) = serde_json::from_str(line).expect(line);
        different.insert(key, ours);
    }
    let mut wrong = Vec::new();
    for (kind, lines) in RECORDED {
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).expect(line);
            let wanted = different.remove(&key(kind, &line)).unwrap_or_else(|| recorded(kind, &line));
            let ours = answer(kind, &line);
            if ours != wanted {
                wrong.push(json!([key(kind, &line), ours]).to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(different.is_empty(), "these are recorded no longer: {different:?}");
}
