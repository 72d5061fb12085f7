//! No body in any of the three encodings makes the server fail, and what is written is what is read.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/hosts/apiserver/tests/smoke/mod.rs"]
mod smoke;

fuzz_target!(|bytes: &[u8]| smoke::bodies::check(bytes));
