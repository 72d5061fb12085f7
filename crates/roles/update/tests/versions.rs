//! Renovate's versioning schemes: facts, orders, ranges and new values as tables, and the laws that hold for any text.

use std::cmp::Ordering;

use proptest::prelude::*;
use update::versioning::{Change, Part, SCHEMES, Strategy, Versioning, scheme};

fn get(name: &str) -> Box<dyn Versioning> {
    scheme(name, "2026-10-10T00:00:00Z".parse().expect("a time")).expect(name)
}

const OWN: &str = r"regex:^(?<compatibility>[a-z]*)-?(?<major>\d+)\.(?<minor>\d+)(\.(?<patch>\d+))?(-(?<prerelease>rc\d+))?(_(?<build>\d+)(\.(?<revision>\d+))?)?$";

/// What is said of one text: valid, version, single version, stable; then its numbers.
fn facts(scheme: &str, text: &str) -> String {
    let scheme = get(scheme);
    let letter = |letter: char, holds: bool| if holds { letter } else { '-' };
    let flags: String = [
        letter('v', scheme.is_valid(text)),
        letter('V', scheme.is_version(text)),
        letter('1', scheme.is_single_version(text)),
        letter('s', scheme.is_stable(text)),
    ]
    .iter()
    .collect();
    let number = |part| match scheme.number(text, part) {
        Ok(Some(number)) => number.to_string(),
        Ok(None) => "-".to_owned(),
        Err(_) => "!".to_owned(),
    };
    format!("{flags} {} {} {}", number(Part::Major), number(Part::Minor), number(Part::Patch))
}

#[test]
fn texts_are_versions_or_not() {
    for (scheme, text, expected) in [
        ("docker", "1.4.2", "vV1s 1 4 2"),
        ("docker", "v1.4-alpine", "vV1s 1 4 -"),
        ("docker", "1.25rc1", "vV1- 1 25 -"),
        ("docker", "latest", "---- - - -"),
        ("docker", "deadbee", "---- - - -"),
        ("docker", "1234567", "vV1s 1234567 - -"),
        ("docker", "1.", "---- - - -"),
        ("docker", "1.2.3+b", "---- - - -"),
        ("docker", "20240101123456789012", "vV1s 18446744073709551615 - -"),
        ("loose", "v1.2.3-anything at all", "vV1s 1 2 3"),
        ("loose", "1.2.3.4.5.6.7", "---- - - -"),
        ("loose", "r5", "---- - - -"),
        ("semver", "v1.2.3-rc.1+b", "vV1- 1 2 3"),
        ("semver", "1.2", "---- ! ! !"),
        ("semver", "^1.0.0", "---- ! ! !"),
        ("gomod", "v2.0.0+incompatible", "vV1s 2 0 0"),
        ("semver-coerced", "release-1.2", "vV-- 1 2 0"),
        ("semver-coerced", "v1.2-rc.1", "vV1- 1 2 0"),
        ("semver-coerced", "v1", "vV1s 1 0 0"),
        ("semver-coerced", "main", "---- - - -"),
        ("npm", "^1.2 || 3.x", "v--- ! ! !"),
        ("npm", "=1.2.3", "v-1- ! ! !"),
        ("helm", "~1.2.0", "v--- ! ! !"),
        ("npm", "latest", "---- ! ! !"),
        ("cargo", "1.2", "v--- ! ! !"),
        ("cargo", "=1.2.3", "v-1- ! ! !"),
        ("cargo", "1.2.3", "vV-s 1 2 3"),
        ("hashicorp", "~> 1.2, != 1.4", "---- ! ! !"),
        ("hashicorp", "~> 1.2, < 2", "v--- ! ! !"),
        ("hashicorp", "1.2.3", "vV1s 1 2 3"),
        ("pep440", "1!2.0rc1.post2.dev3+local.4", "vV1- 2 0 0"),
        ("pep440", ">=1.0,!=1.5", "v--- ! ! !"),
        ("pep440", "==1.0", "v-1- ! ! !"),
        ("pep440", "1.0.post1", "vV1s 1 0 0"),
        ("redhat", "v1.2.3.GA-4.5", "vV1s 1 2 3"),
        ("redhat", "9.1-1.1669", "vV1s 9 1 0"),
        ("redhat", "1.2.3.4", "---- - - -"),
        ("kubernetes-api", "apps/v1beta2", "vV1- 1 0 0"),
        ("kubernetes-api", ">=v1 <v3", "v--- - - -"),
        ("kubernetes-api", "v1gamma1", "---- - - -"),
        ("github-actions", "v4", "vV-s 4 0 0"),
        ("github-actions", "4.1", "vV-s 4 1 0"),
        ("github-actions", "v4.1.2-rc.1", "vV1- 4 1 2"),
        ("github-actions", "main", "---- - - -"),
        ("exact", "anything", "vV1s - - -"),
        ("exact", "", "---s - - -"),
        ("git", "0A1b2c3", "vV1s 1 0 0"),
        ("git", "main", "---- - - -"),
        ("node", "22.1.0", "vV1s 22 1 0"),
        ("node", "23.1.0", "vV1- 23 1 0"),
        ("node", "iron", "v--- ! ! !"),
        ("debian", "bookworm", "vV1s 12 - -"),
        ("debian", "oldstable", "vV1s 12 - -"),
        ("debian", "10", "vV1- 10 - -"),
        ("debian", "trixie-20260101", "vV1s 13 - -"),
        ("debian", "duke", "---- - - -"),
        ("debian", "12.5", "---- - - -"),
        ("ubuntu", "24.04", "vV1s 24 4 -"),
        ("ubuntu", "noble", "vV1s 24 4 -"),
        ("ubuntu", "25.10", "vV1- 25 10 -"),
        ("ubuntu", "24.04.1", "vV1s 24 4 1"),
        ("ubuntu", "latest", "---- - - -"),
        ("go-mod-directive", "1.21", "v--- ! ! !"),
        ("go-mod-directive", "1.21.3", "vV1s 1 21 3"),
        ("same-major", "1.2.3", "vV1s 1 2 3"),
        (OWN, "app-1.2-rc1", "vV1- 1 2 0"),
        (OWN, "=app-1.2", "v-1- - - -"),
        (OWN, "app", "---- - - -"),
    ] {
        assert_eq!(facts(scheme, text), expected, "{scheme} {text}");
    }
}

#[test]
fn lists_are_sorted() {
    for (scheme, sorted) in [
        ("docker", "1.2.3-b 1.2.3-a 1.2.3 1.3.0a1 1.3.0b1 1.3.0 1.4.0 1.4 1 2 20240101"),
        ("docker", "1.0.0-ALPINE 1.0.0-alpine 1.0.0-1 1.0.0-_ 1.0.0"),
        ("loose", "1 1.2 1.2.3-alpha.9 1.2.3-alpha.10 1.2.3-beta 1.2.3 1.2.3.1 1.10 9007199254740992 9007199254740993"),
        ("semver", "1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.2.0 1.10.0"),
        ("semver-coerced", "v1 release-1.1 1.2.3.4 1.10"),
        ("pep440", "1.0.dev1 1.0a1.dev1 1.0a1 1.0a2 1.0b1 1.0rc1 1.0 1.0+local 1.0+1 1.0.post1 1.0.1 1!0.1"),
        ("redhat", "1.2 1.2-1 1.2-1.5 1.2-10 1.2.1 1.10"),
        ("kubernetes-api", "v1alpha1 v1alpha2 v1beta1 v1beta10 v1 v2"),
        ("github-actions", "3.9.9 v4 v4.0.1 v4.1 v5"),
        ("debian", "10 bullseye 12 trixie"),
        ("ubuntu", "20.04 focal-20240101 jammy 24.04"),
        (OWN, "a-1.2-rc1 a-1.2 a-1.2_3 a-1.2_3.1 a-1.10"),
    ] {
        let expected: Vec<String> = sorted.split(' ').map(str::to_owned).collect();
        let mut found: Vec<String> = expected.iter().rev().cloned().collect();
        get(scheme).sort(&mut found).expect("sorts");
        assert_eq!(found, expected, "{scheme}");
    }
    // Nothing is greater than a commit, so each list is turned round, as upstream does.
    let mut commits = vec!["aaaaaaa".to_owned(), "bbbbbbb".to_owned(), "ccccccc".to_owned()];
    get("git").sort(&mut commits).expect("sorts");
    assert_eq!(commits, ["ccccccc", "bbbbbbb", "aaaaaaa"]);
}

#[test]
fn versions_may_follow_others() {
    for (scheme, current, new, expected) in [
        ("docker", "1.4.2", "v1.4.9", true),
        ("docker", "1.4.2", "1.5", false),
        ("docker", "1.4.2-alpine", "1.5.0-alpine", true),
        ("docker", "1.4.2-alpine", "1.5.0-debian", false),
        ("docker", "1.4.2", "1.6.0-rc.1", false),
        ("exact", "a", "b", false),
        ("kubernetes-api", "apps/v1beta1", "apps/v1", true),
        ("kubernetes-api", "apps/v1beta1", "batch/v1", false),
        (OWN, "app-1.2", "app-1.3", true),
        (OWN, "app-1.2", "web-1.3", false),
        ("semver", "1.0.0", "2.0.0", true),
        ("semver", "1.0.0", "latest", false),
    ] {
        assert_eq!(get(scheme).is_compatible(new, current), expected, "{scheme} {current} {new}");
    }
}

#[test]
fn ranges_take_versions_in() {
    let versions = "0.9.0 1.0.0 1.2.0 1.2.3 1.3.0-rc.1 1.3.0 2.0.0";
    for (scheme, range, expected) in [
        ("npm", "^1.2", "1.2.0..1.3.0"),
        ("npm", "~1.2.0", "1.2.0..1.2.3"),
        ("npm", ">1.2.x <2 || 0.x", "0.9.0..1.3.0"),
        ("npm", "1.x.5", "1.0.0..1.3.0"),
        ("npm", ">=1.3.0-rc.0", "1.3.0-rc.1..2.0.0"),
        ("npm", "3", "-"),
        ("cargo", "1.2", "1.2.0..1.3.0"),
        ("cargo", ">=1.2, <1.3", "1.2.0..1.2.3"),
        ("hashicorp", "~> 1.2.0", "1.2.0..1.2.3"),
        ("hashicorp", ">= 1.0, != 1.3.0, < 2.0", "1.0.0..1.2.3"),
        ("go-mod-directive", "1.2", "1.2.0..1.3.0"),
        ("same-major", "1.2.0", "1.2.0..1.3.0"),
        ("semver", "1.2.3", "1.2.3..1.2.3"),
        ("github-actions", "v1", "1.0.0..1.3.0"),
        ("github-actions", "1.2", "1.2.0..1.2.3"),
        ("docker", "1.2.3", "1.2.3..1.2.3"),
        ("exact", "1.2.3", "1.2.3..1.2.3"),
    ] {
        let scheme_of = get(scheme);
        let all: Vec<&str> = versions.split(' ').filter(|version| scheme_of.is_version(version)).collect();
        let (oldest, newest) = (scheme_of.oldest(&all, range), scheme_of.newest(&all, range));
        let found = match (oldest, newest) {
            (Ok(Some(oldest)), Ok(Some(newest))) => format!("{oldest}..{newest}"),
            _ => "-".to_owned(),
        };
        assert_eq!(found, expected, "{scheme} {range}");
    }
    for (scheme, version, range, expected) in [
        ("pep440", "1.2.5", "~=1.2.3", true),
        ("pep440", "1.3", "~=1.2.3", false),
        ("pep440", "1.2.5", "==1.2.*,!=1.2.4", true),
        ("pep440", "1.2", "===1.2", true),
        ("pep440", "2.0rc1", "<2.0", false),
        ("node", "20.1.0", "iron", true),
        ("debian", "12", "bookworm", true),
        ("ubuntu", "noble", "24.04", true),
        ("kubernetes-api", "v2", ">v1, <=v2", true),
        (OWN, "app-1.3", ">=app-1.2 <app-2.0", true),
    ] {
        assert_eq!(get(scheme).matches(version, range), expected, "{scheme} {version} {range}");
    }
}

#[test]
fn values_change() {
    use Strategy::{Bump, Pin, Replace, UpdateLockfile, Widen};
    for (scheme, value, version, new, strategy, expected) in [
        ("docker", "1.4.2", "1.4.2", "v1.5.0", Replace, Some("v1.5.0")),
        ("semver", "1.4.2", "v1.4.2", "v1.5.0", Replace, Some("1.5.0")),
        ("npm", "^1.0.0", "1.4.2", "2.1.0", Replace, Some("^2.0.0")),
        ("npm", "^1.0.0", "1.4.2", "2.1.0", Bump, Some("^2.1.0")),
        ("npm", "^1.0.0", "1.4.2", "2.1.0", Widen, Some("^1.0.0 || ^2.0.0")),
        ("npm", "^1.0.0", "1.4.2", "1.5.0", UpdateLockfile, Some("^1.0.0")),
        ("npm", ">=1.0.0 <2.0.0", "1.4.2", "2.1.0", Widen, Some(">=1.0.0 <3.0.0")),
        ("npm", "1.0 - 1.5", "1.4.2", "2.1.0", Widen, Some("1.0 - 2.1")),
        ("npm", "~1.4", "1.4.2", "2.1.0-rc.1", Replace, Some("~2.1.0-rc")),
        ("npm", "<= 1.4", "1.4.2", "2.1.0", Replace, Some("<= 2.1")),
        ("npm", "<1.5.1", "1.4.2", "2.1.0", Replace, Some("<2.1.1")),
        ("npm", "1.x", "1.4.2", "2.1.0", Pin, Some("2.x")),
        ("npm", "*", "1.4.2", "2.1.0", Replace, None),
        ("cargo", "1.4", "1.4.2", "2.1.0", Replace, Some("2.0")),
        ("cargo", "=1.4.2", "1.4.2", "2.1.0", Replace, Some("=2.1.0")),
        ("cargo", ">=1.4, <2", "1.4.2", "2.1.0", Widen, Some(">=1.4, <3")),
        ("hashicorp", "~> 1.4", "1.4.2", "2.1.0", Replace, Some("~> 2.0")),
        ("hashicorp", "v1.4.2", "1.4.2", "2.1.0", Replace, Some("v2.1.0")),
        ("pep440", "==1.4.2", "1.4.2", "2.1.0", Replace, Some("==2.1.0")),
        ("pep440", ">=1.0,<2.0", "1.4.2", "2.1.0", Widen, Some(">=1.0,<2.2")),
        ("pep440", "~=1.4", "1.4.2", "2.1.0", Replace, Some("~=2.1")),
        ("pep440", "==1.*", "1.4.2", "2.1.0", Replace, Some("==2.*")),
        ("github-actions", "v4", "v4", "v5.1.0", Replace, Some("v5")),
        ("github-actions", "v4.1", "v4.1", "v5.1.0", Replace, Some("v5.1")),
        ("github-actions", "v4", "v4", "v5.1.0", Pin, Some("v5.1.0")),
        ("node", "iron", "20.1.0", "22.1.0", Replace, Some("jod")),
        ("node", "^20.0.0", "20.1.0", "22.1.0", Replace, Some("^22.0.0")),
        ("debian", "stable", "13", "12", Replace, Some("oldstable")),
        ("debian", "bullseye", "11", "12", Replace, Some("bookworm")),
        ("debian", "11", "11", "bookworm", Replace, Some("12")),
        ("ubuntu", "jammy", "22.04", "24.04", Replace, Some("noble")),
        ("go-mod-directive", "1.19", "1.19.0", "1.21.3", Bump, Some("1.21.3")),
        ("go-mod-directive", "1.19", "1.19.0", "1.19.5", Bump, Some("1.19")),
        ("exact", "a", "a", "b", Replace, Some("a")),
    ] {
        let change = Change { current_value: value, current_version: Some(version), new_version: new, strategy };
        assert_eq!(get(scheme).new_value(&change).expect(value).as_deref(), expected, "{scheme} {value} {new} {strategy:?}");
    }
}

#[test]
fn what_is_no_scheme_is_refused() {
    let now = "2026-10-10T00:00:00Z".parse().expect("a time");
    for (name, expected) in [
        ("maven", "the versioning \"maven\" is not supported"),
        ("", "the versioning \"\" is not supported"),
        ("regex:^(?<major>\\d+)(?=x)$", "is not usable"),
        ("regex:(?<major>a{1000}{1000})", "is not usable"),
        ("regex:^.*$", "needs a group major, minor or patch"),
    ] {
        let error = scheme(name, now).expect_err(name).to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(SCHEMES.iter().all(|name| scheme(name, now).is_ok()));
}

/// Asks everything about some texts.
fn ask(scheme: &dyn Versioning, a: &str, b: &str) {
    for text in [a, b] {
        let _ = (scheme.is_valid(text), scheme.is_version(text), scheme.is_single_version(text), scheme.is_stable(text));
        let _ = ([Part::Major, Part::Minor, Part::Patch].map(|part| scheme.number(text, part)), scheme.shown(text));
    }
    let _ = (scheme.is_compatible(a, b), scheme.compare(a, b), scheme.equals(a, b), scheme.is_greater(a, b), scheme.matches(a, b));
    let _ = (scheme.newest(&[a, b, "1.0.0"], b), scheme.oldest(&[a, b, "1.0.0"], b));
    for name in ["auto", "pin", "bump", "replace", "widen", "update-lockfile"] {
        let strategy = Strategy::named(name).expect(name);
        let _ = scheme.new_value(&Change { current_value: a, current_version: Some("1.0.0"), new_version: b, strategy });
        let _ = scheme.new_value(&Change { current_value: a, current_version: None, new_version: "1.2.3", strategy });
    }
    let _ = scheme.sort(&mut vec![a.to_owned(), b.to_owned(), "1.0.0".to_owned()]);
}

const VERSION: &str = "[v=]?[0-3](\\.[0-9]{1,2}){0,3}(-?(rc|a|alpine|x)?\\.?[0-9]{0,2})?(\\+b)?";
const RANGE: &str = "(\\^|~|~>|>=|<|=|)? ?[0-3](\\.([0-9]|x|\\*)){0,2}( - | \\|\\| | |, )?(<= ?[0-3]\\.[0-9])?";

/// Schemes whose comparison is an order of all their versions.
const ORDERED: [&str; 12] =
    ["docker", "loose", "semver", "npm", "cargo", "pep440", "redhat", "semver-coerced", "github-actions", "kubernetes-api", "debian", OWN];

proptest! {
    #[test]
    fn no_text_is_too_strange(a in ".{0,30}", b in ".{0,30}", v in VERSION, r in RANGE) {
        for name in SCHEMES.into_iter().chain([OWN]) {
            let scheme = get(name);
            for (a, b) in [(&a, &b), (&v, &a), (&r, &v), (&b, &r)] {
                ask(&*scheme, a, b);
            }
        }
    }

    #[test]
    fn versions_are_ordered(texts in proptest::collection::vec(VERSION, 3..8), kinds in proptest::collection::vec("(apps/)?v[1-3]((alpha|beta)[1-3])?|1[0-3]|bookworm", 3)) {
        for name in ORDERED {
            let scheme = get(name);
            let mut versions: Vec<String> = texts.iter().chain(&kinds).filter(|text| scheme.is_version(text)).cloned().collect();
            for a in &versions {
                prop_assert_eq!(scheme.compare(a, a), Ok(Ordering::Equal), "{} {}", name, a);
                for b in &versions {
                    let order = scheme.compare(a, b).expect("both are versions");
                    prop_assert_eq!(scheme.compare(b, a), Ok(order.reverse()), "{} {} {}", name, a, b);
                    // `v4` and `4.0.0` are the same version there, and still have their places in a list.
                    let same = name == "github-actions" && scheme.equals(a, b) == Ok(true);
                    prop_assert_eq!(scheme.is_greater(a, b), Ok(order.is_gt() && !same), "{} {} {}", name, a, b);
                }
            }
            scheme.sort(&mut versions).expect("sorts");
            for (at, a) in versions.iter().enumerate() {
                for b in &versions[at..] {
                    prop_assert!(scheme.compare(a, b).is_ok_and(Ordering::is_le), "{} {} {}", name, a, b);
                }
            }
        }
    }

    #[test]
    fn ranges_imply_each_other(major in 0..4u64, minor in 0..4u64, patch in 0..4u64, v in "[0-4]\\.[0-4]\\.[0-4](-rc\\.[12])?") {
        let npm = get("npm");
        let base = format!("{major}.{minor}.{patch}");
        let within = |range: &str| npm.matches(&v, range);
        let plain = !v.contains('-');
        let (caret, tilde, from) = (within(&format!("^{base}")), within(&format!("~{base}")), within(&format!(">={base}")));
        prop_assert!(!within(&base) || (caret && tilde));
        prop_assert!(!caret || from);
        prop_assert!(!tilde || major == 0 || caret);
        if plain {
            prop_assert_ne!(within(&format!("<{base}")), within(&format!(">={base}")));
            prop_assert_ne!(within(&format!(">{base}")), within(&format!("<={base}")));
            prop_assert_eq!(within(&format!(">={base} <3")), within(&format!(">={base}")) && within("<3"));
        }
        prop_assert_eq!(within(&format!("~{base} || 2.x")), within(&format!("~{base}")) || within("2.x"));
        // The same range in other words.
        prop_assert_eq!(get("cargo").matches(&v, &base), within(&format!("^{base}")));
        prop_assert_eq!(get("hashicorp").matches(&v, &format!("~> {base}")), within(&format!("~{base}")));
        if plain {
            let lower = format!(">={major}.{minor}, ==3.*");
            prop_assert_eq!(get("pep440").matches(&v, &lower), within(&format!(">={major}.{minor} 3.x")));
        }
    }

    #[test]
    fn a_new_value_takes_the_new_version_in(value in "(\\^|~|>=|<=|<|)[0-2]\\.[0-4](\\.[0-4])?", new in "[0-3]\\.[0-9]\\.[0-9]") {
        for (name, strategies) in [("npm", &[Strategy::Replace, Strategy::Widen][..]), ("cargo", &[Strategy::Replace, Strategy::Widen])] {
            let scheme = get(name);
            for strategy in strategies {
                let change = Change { current_value: &value, current_version: None, new_version: &new, strategy: *strategy };
                // A lower bound that lies above is not widened: upstream writes the version itself beside it.
                if let Ok(Some(found)) = scheme.new_value(&change) {
                    prop_assert!(scheme.matches(&new, &found) || value.starts_with('>'), "{} {} {} {}", name, value, new, found);
                }
            }
        }
    }
}
