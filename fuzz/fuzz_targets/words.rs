//! No version, pattern, duration, quantity, time, template or selector makes its reader panic or run for long.
#![no_main]

use golang::glob::{Forge, Ignore, MinimatchOptions, codeowners, doublestar, minimatch};
use golang::{Constraint, FieldSelector, JsonPath, LabelSelector, Quantity, Version, envsubst, parse_duration_signed, regexp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (pattern, text) = input;
    let version = Version::lenient(text);
    if let (Ok(constraint), Some(version)) = (Constraint::parse(pattern), version) {
        assert_eq!(constraint.matches(&version), constraint.why_not(&version).is_empty());
        let _ = constraint.nearest(&[version]);
    }
    let _ = (Version::strict(pattern), parse_duration_signed(pattern), Quantity::parse(pattern).map(|quantity| quantity.to_string()));
    let _ = golang::time::parse(pattern, text).map(|moment| moment.format(pattern));
    let _ = regexp(pattern).map(|regex| regex.is_match(text));
    let _ = envsubst(pattern, &|name| (name.len() < 4).then(|| text.to_owned()), false);
    let _ = JsonPath::parse(pattern, true).map(|path| path.text(&serde_json::json!({"a": {"b": [1, text, null]}, "l": [{"n": 1}]})));
    let _ = (LabelSelector::parse(pattern).map(|selector| selector.to_string()), FieldSelector::parse(pattern));
    for dot in [false, true] {
        let _ = minimatch(pattern, MinimatchOptions { dot, nocase: dot }).map(|glob| glob.matches(text));
    }
    let _ = doublestar(pattern).map(|glob| glob.matches(text));
    for forge in [Forge::GitHub, Forge::GitLab, Forge::Gitea] {
        let _ = codeowners(pattern, forge).map(|glob| glob.matches(text));
    }
    let mut ignore = Ignore::default();
    if ignore.add("", pattern).is_ok() {
        ignore.ignores(text, false);
    }
});
