//! Generated expressions, and what the real expr-lang/expr v1.17.8 answered to them (`record/main.go`): the type and the value
//! as Go prints it, or the whole text of the error. What we answer otherwise on purpose stands in `different.jsonl` with both
//! answers.

use std::collections::BTreeMap;

use expr::{Refusal, Scope, Value, eval};
use serde_json::json;

struct Environment(Value);

impl Environment {
    fn new() -> Self {
        let json = json!({
            "s": "hello", "t": "a,b,c", "u": "1.10", "n": 3.5, "k": 2, "b": true, "nilv": null, "l": [1, 2, 3], "ls": ["b", "a", "c"],
            "e": [], "m": {"a": 1, "b": {"c": "d"}, "x": null},
            "xs": [{"a": 1, "tag": "2.0", "p": ["x"]}, {"a": 2, "tag": "1.9", "p": []}, {"a": 1, "tag": "v2", "p": ["x", "y"]}],
            "notx": 5, "nilable": {"v": null},
        });
        Self(Value::from_json(&json))
    }
}

impl Scope for Environment {
    fn name(&self, name: &str) -> Option<Value> {
        match &self.0 {
            // The only whole number of the environment; the others are floats, as JSON's numbers are in Go.
            _ if name == "i" => Some(Value::Int(4)),
            Value::Map(map) => map.entries.get(name).cloned(),
            _ => None,
        }
    }

    fn call(&self, _name: &str, _arguments: &[Value]) -> Option<Result<Value, Refusal>> {
        None
    }

    fn names(&self) -> Vec<&str> {
        match &self.0 {
            Value::Map(map) => map.entries.keys().map(|key| &**key).chain(["i"]).collect(),
            _ => Vec::new(),
        }
    }
}

fn answer(source: &str, environment: &Environment) -> (String, String) {
    match eval(source, environment) {
        Ok(value) => (value.type_shown().to_owned(), value.to_string()),
        Err(halt) => ("error".to_owned(), halt.to_string()),
    }
}

#[test]
fn answers_are_those_of_the_real_one() {
    let environment = Environment::new();
    let mut different: BTreeMap<String, (String, String)> = BTreeMap::new();
    for line in include_str!("different.jsonl").lines() {
        let (source, ours): (String, (String, String)) = serde_json::from_str(line).expect(line);
        different.insert(source, ours);
    }
    let mut counted = 0;
    for line in include_str!("recorded.jsonl").lines() {
        let (source, of, value): (String, String, String) = serde_json::from_str(line).expect(line);
        let wanted = different.remove(&source).unwrap_or((of, value));
        assert_eq!(answer(&source, &environment), wanted, "{source}");
        counted += 1;
    }
    assert!(counted > 3_000);
    assert!(different.is_empty(), "these are recorded no longer: {different:?}");
}
