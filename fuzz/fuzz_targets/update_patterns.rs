//! No pattern makes matching panic or run for long, and a list of one pattern is that pattern.
#![no_main]

use libfuzzer_sys::fuzz_target;
use update::pattern::{Pattern, Patterns, Subject};

fuzz_target!(|input: (&str, &str)| {
    let (pattern, text) = input;
    let subject = Subject::new(text);
    let alone = Pattern::parse(pattern).map(|pattern| pattern.matches(&subject));
    let list = Patterns::parse(&[pattern.to_owned()]).map(|list| list.matches(&subject));
    assert_eq!(alone, list);
});
