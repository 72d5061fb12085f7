//! No expression makes the evaluator panic or run for long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

struct Empty;

impl expr::Scope for Empty {
    fn name(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, _: &str, _: &[Value]) -> Option<Result<Value, String>> {
        None
    }
}

fuzz_target!(|text: &str| {
    let _ = expr::eval(text, &Empty);
});
