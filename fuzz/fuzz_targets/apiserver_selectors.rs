//! No label or field selector makes the server fail, and each selects the same in one piece and in pages.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/hosts/apiserver/tests/smoke/mod.rs"]
mod smoke;

fuzz_target!(|bytes: &[u8]| smoke::selectors::check(bytes));
