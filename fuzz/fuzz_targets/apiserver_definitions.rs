//! No definition of a kind, and no object against one, makes the server fail.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/hosts/apiserver/tests/smoke/mod.rs"]
mod smoke;

fuzz_target!(|bytes: &[u8]| smoke::definitions::check(bytes));
