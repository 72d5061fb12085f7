//! No text makes a versioning scheme panic, and every comparison of a version with itself says that it is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use update::versioning::{Change, Part, SCHEMES, Strategy, scheme};

fuzz_target!(|input: (u8, &str, &str)| {
    let (choice, a, b) = input;
    let name = SCHEMES[choice as usize % SCHEMES.len()];
    // Every second one makes the first text an expression of one's own.
    let own = format!("regex:{a}");
    let name = if choice > 200 { own.as_str() } else { name };
    let Ok(scheme) = scheme(name, model::Timestamp::UNIX_EPOCH) else { return };
    for text in [a, b] {
        let _ = (scheme.is_valid(text), scheme.is_single_version(text), scheme.is_stable(text), scheme.shown(text));
        let _ = [Part::Major, Part::Minor, Part::Patch].map(|part| scheme.number(text, part));
        if scheme.is_version(text) && name != "git" {
            assert!(scheme.compare(text, text).is_ok_and(|order| order.is_eq()), "{name} {text}");
        }
    }
    let _ = (scheme.is_compatible(a, b), scheme.compare(a, b), scheme.equals(a, b), scheme.is_greater(a, b), scheme.matches(a, b));
    let _ = (scheme.newest(&[a, "1.2.3", b], b), scheme.oldest(&[a, "1.2.3", b], b));
    for strategy in [Strategy::Pin, Strategy::Bump, Strategy::Replace, Strategy::Widen, Strategy::UpdateLockfile] {
        let _ = scheme.new_value(&Change { current_value: a, current_version: Some("1.2.3"), new_version: b, strategy });
        let _ = scheme.new_value(&Change { current_value: a, current_version: None, new_version: "2.3.4", strategy });
    }
});
