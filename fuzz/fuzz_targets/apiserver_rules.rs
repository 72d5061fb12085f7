//! No rule in the Common Expression Language makes the evaluator fail, run beyond its budget or differ from itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/hosts/apiserver/tests/smoke/mod.rs"]
mod smoke;

fuzz_target!(|bytes: &[u8]| smoke::rules::check(bytes));
