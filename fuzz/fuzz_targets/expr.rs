//! No expression and no template makes the evaluator panic or run for long, and what is printed is read as the same again.
#![no_main]

use expr::{Known, Program, Refusal, Scope, Value, Want};
use libfuzzer_sys::fuzz_target;

struct Here;

impl Scope for Here {
    fn name(&self, name: &str) -> Option<Value> {
        let values = serde_json::json!({"s": "hello", "n": 3.5, "l": [1, 2, 3], "m": {"a": {"b": [1, "x", null]}}, "b": true});
        values.get(name).map(Value::from_json)
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Refusal>> {
        (name == "f").then(|| Ok(arguments.first().cloned().unwrap_or(Value::Nil)))
    }
}

fuzz_target!(|text: &str| {
    let known = Known::default();
    if let Ok(program) = Program::compile(text, &known) {
        let _ = program.run(&Here);
        let printed = program.to_string();
        // Brackets of the printer may nest deeper than what is read.
        if let Ok(again) = Program::compile(&printed, &known) {
            assert_eq!(again.to_string(), printed);
        }
    }
    for want in [Want::Coerced, Want::Kept, Want::Text] {
        let _ = expr::template(text, &known, &Here, want);
    }
    let _ = expr::argo::condition_holds(text, &Value::Float(0.5));
});
