//! No patch in any of the four forms makes the server fail or leaves an object that cannot be written again.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/hosts/apiserver/tests/smoke/mod.rs"]
mod smoke;

fuzz_target!(|bytes: &[u8]| smoke::patches::check(bytes));
