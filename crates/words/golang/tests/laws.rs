//! What holds for every text: nothing panics, versions are ordered, what is printed is read as the same again.

use golang::glob::{Forge, Ignore, MinimatchOptions, codeowners, doublestar, minimatch};
use golang::time::{Zone, parse, parse_rfc3339};
use golang::{
    Constraint, FieldSelector, JsonPath, LabelSelector, Quantity, Version, envsubst, format_duration_signed, parse_duration_signed, regexp,
};
use proptest::prelude::*;
use serde_json::json;

fn version() -> impl Strategy<Value = Version> {
    "v?[0-3](\\.[0-3](\\.[0-3])?)?(-(rc|alpha|0|[1-9])(\\.[0-9])?)?".prop_filter_map("a version", |text| Version::lenient(&text))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}", other in "\\PC{0,20}") {
        let _ = (Version::parse_strict(&text), Version::parse_lenient(&text), Constraint::parse(&text));
        let _ = (parse_duration_signed(&text), Quantity::parse(&text), parse_rfc3339(&text), parse(&other, &text));
        let _ = (LabelSelector::parse(&text), FieldSelector::parse(&text), Zone::find(&text));
        let _ = regexp(&text).map(|regex| regex.is_match(&other));
        let _ = envsubst(&text, &|name| Some(name.to_owned()), true);
        let _ = JsonPath::parse(&text, true).map(|path| path.text(&json!({"a": [1, {"b": "x"}]})));
        let _ = minimatch(&text, MinimatchOptions::default()).map(|glob| glob.matches(&other));
        let _ = doublestar(&text).map(|glob| glob.matches(&other));
        for forge in [Forge::GitHub, Forge::GitLab, Forge::Gitea] {
            let _ = codeowners(&text, forge).map(|glob| glob.matches(&other));
        }
        let mut ignore = Ignore::default();
        if ignore.add("a/b", &text).is_ok() {
            ignore.ignores(&other, true);
        }
    }

    #[test]
    fn patterns_of_many_pieces_end(pieces in proptest::collection::vec(
        prop::sample::select(vec!["a", "b", "*", "**", "/", "?", "[ab]", "[!a]", "{a,b}", "{1..3}", "!(a|", "@(", "*(a|b)", "+(a)", ")", "|", "\\", ".", "{", "}"]), 0..20)) {
        let pattern = pieces.concat();
        for dot in [false, true] {
            let _ = minimatch(&pattern, MinimatchOptions { dot, nocase: dot }).map(|glob| glob.matches("a/b/ab/.a/aabb"));
        }
        let _ = doublestar(&pattern).map(|glob| glob.matches("a/b/ab/.a/aabb"));
        let _ = regexp(&pattern).map(|regex| regex.is_match("aabb"));
    }

    #[test]
    fn versions_are_ordered(a in version(), b in version(), c in version()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert!(!(a <= b && b <= c) || a <= c);
        prop_assert_eq!(Version::strict(&a.to_string()).map(|again| again.to_string()), Some(a.to_string()));
    }

    #[test]
    fn narrower_constraints_imply_wider_ones(base in version(), version in version()) {
        let base = base.to_string();
        let matches = |operator: &str| Constraint::parse(&[operator, &base].concat()).is_ok_and(|constraint| constraint.matches(&version));
        let both = |text: String| Constraint::parse(&text).is_ok_and(|constraint| constraint.matches(&version));
        let (range, either) = (both(format!(">={base}, <={base}")), both(format!("{base} || >{base}")));
        let exact = matches("=");
        prop_assert!(!exact || [">=", "<=", "^", "~"].into_iter().all(matches));
        // `~0.0.0` is the one tilde that goes beyond its caret, and the carets of 0.0 are as narrow as can be.
        prop_assert!(!matches("~") || base.starts_with("0.0.") || matches("^"));
        prop_assert!(!matches("^") || matches(">="));
        prop_assert!(!(matches(">") && matches("<=")));
        prop_assert_eq!(range, exact);
        prop_assert_eq!(either, matches(">="));
    }

    #[test]
    fn a_constraint_says_why_exactly_when_it_does_not_match(
        constraint in "(=|!=|>|<|>=|<=|~|\\^)?[0-3](\\.[0-3x](\\.[0-3*])?)?(-rc)?( (>|<|!=)[0-3]\\.[0-3])?( \\|\\| \\^[0-3])?", version in version(),
    ) {
        let parsed = Constraint::parse(&constraint);
        prop_assert!(parsed.is_ok(), "{}", constraint);
        let parsed = parsed.expect("checked above");
        prop_assert_eq!(parsed.matches(&version), parsed.why_not(&version).is_empty());
        let again = Constraint::parse(&parsed.to_string()).expect("what is printed is a constraint");
        prop_assert_eq!(again.matches(&version), parsed.matches(&version));
        if let Some(nearest) = parsed.nearest(std::slice::from_ref(&version)) {
            prop_assert!(!parsed.matches(&version) && Constraint::parse(&nearest).is_ok_and(|nearest| nearest.matches(&version)));
        }
    }

    #[test]
    fn what_is_printed_is_read_as_the_same(nanoseconds in any::<i64>(), milli in -1_000_000_000_i64..1_000_000_000, seconds in -60_000_000_000_i64..250_000_000_000) {
        prop_assert_eq!(parse_duration_signed(&format_duration_signed(nanoseconds)), Ok(nanoseconds));
        let quantity = Quantity::parse(&format!("{milli}m")).expect("a quantity");
        prop_assert_eq!(Quantity::parse(&quantity.to_string()), Ok(quantity));
        prop_assert_eq!(quantity.milli(), i128::from(milli));
        let moment = golang::time::Moment::new(seconds, 0, Zone::Utc);
        prop_assert_eq!(parse_rfc3339(&moment.kubernetes()).map(|again| again.seconds), Ok(seconds));
    }
}
