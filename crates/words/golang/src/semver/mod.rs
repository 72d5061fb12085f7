//! Versions and constraints as github.com/Masterminds/semver/v3 has them (`version.go`, `constraints.go`).
//! Read first: [`Version`], [`Constraint`].

mod constraint;
mod nearest;
mod version;

pub use constraint::{Constraint, ConstraintError};
pub use version::{Version, VersionError};

#[cfg(test)]
mod tests {
    use super::*;

    fn check(constraint: &str, version: &str, expected: bool) {
        let parsed = Constraint::parse(constraint).expect(constraint);
        assert_eq!(parsed.matches(&Version::lenient(version).expect(version)), expected, "{constraint} {version}");
    }

    #[test]
    fn constraints_are_masterminds() {
        for (constraint, version, expected) in [
            ("^0.0.0", "0.5.123", false),
            ("^0.0.0", "0.0.0", true),
            ("^0.0", "0.5.123", false),
            ("^0.5.0", "0.5.123", true),
            ("^0.5.0", "0.6.0", false),
            ("~0", "0.5.123", true),
            ("0.x", "0.5.123", true),
            ("^0", "0.5.123", true),
            (">=0.0.0", "0.5.123", true),
            ("*", "0.5.123", true),
            ("*", "1.0.0-rc.1", false),
            ("~0.0.0", "1.2.3", true),
            ("^1.2.3", "1.9.0", true),
            ("^1.2.3", "2.0.0", false),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            ("1.2 - 1.4.5", "1.4.5", true),
            (">1.0, <2", "0.5.123", false),
            (">1.0, <2", "1.5.0", true),
            ("!=1.2", "1.2.3", false),
            ("=> 1.0 || < 0.5", "0.4.0", true),
            (">=1.0.0-0", "1.1.0-rc.1", true),
            ("<=1.2", "1.2.9", true),
            (">1.2", "1.2.9", false),
            ("1.2.3", "v1.2.3", true),
        ] {
            check(constraint, version, expected);
        }
        for bad in ["", "nonsense", "^^1", "1.2.3.4", ">", "1.x-"] {
            assert!(Constraint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_says_why() {
        for (constraint, version, why) in [
            ("^0.0.0", "0.5.123", "\"0.5.123\" does not have same minor version as \"0.0.0\""),
            ("^1.2", "2.0.0", "\"2.0.0\" does not have same major version as \"1.2\""),
            ("*", "1.0.0-rc.1", "\"1.0.0-rc.1\" is a prerelease version and the constraint is only looking for release versions"),
            ("> 1, < 2 || 5.x", "3.0.0", "\"3.0.0\" is greater than or equal to \"2\"; \"3.0.0\" is less than \"5.x\""),
            ("1.0 - 2.0", "1.5.0", ""),
        ] {
            let reasons = Constraint::parse(constraint).expect(constraint).why_not(&Version::lenient(version).expect(version));
            assert_eq!(reasons.join("; "), why, "{constraint} {version}");
        }
        for (text, why) in [
            ("1.2.3.4", "invalid semantic version"),
            ("1.2.3-01", "version segment starts with 0"),
            (
                "99999999999999999999",
                "error parsing version segment: strconv.ParseUint: parsing \"99999999999999999999\": value out of range",
            ),
        ] {
            assert_eq!(Version::parse_lenient(text).map_err(|error| error.to_string()).err().as_deref(), Some(why), "{text}");
        }
    }

    #[test]
    fn the_nearest_constraint_is_one_that_matches() {
        for (constraint, versions, nearest) in [
            ("^0.0.0", "0.5.123 0.4.0", Some("^0")),
            ("^0.5.0", "0.5.123", None),
            ("^1.2.0", "1.1.0", Some("^1")),
            ("~1.2.3", "1.3.0", Some("^1")),
            ("1.2.3", "1.2.9", Some("~1.2.3")),
            ("^2", "3.0.0 1.0.0", Some(">=2.0.0")),
            (">=1.0.0", "1.1.0-rc.1", Some("^1.0.0-0")),
            ("^5.0.0", "1.0.0", Some("*")),
            ("<1.0.0", "1.0.0", Some("<=1.0.0")),
            ("^1", "", None),
        ] {
            let versions: Vec<_> = versions.split_whitespace().filter_map(Version::lenient).collect();
            assert_eq!(Constraint::parse(constraint).expect(constraint).nearest(&versions).as_deref(), nearest, "{constraint}");
        }
    }

    #[test]
    fn versions_order_by_precedence() {
        let mut versions: Vec<_> =
            ["1.0.0", "1.0.0-rc.2", "1.0.0-rc.10", "0.9.9", "1.0.0-alpha"].iter().filter_map(|v| Version::strict(v)).collect();
        versions.sort();
        assert_eq!(
            versions.iter().map(Version::original).collect::<Vec<_>>(),
            ["0.9.9", "1.0.0-alpha", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0"]
        );
        assert!(Version::strict("1.2").is_none() && Version::strict("v1.2.3").is_none() && Version::strict("01.2.3").is_none());
        assert_eq!(Version::lenient("v1.2").expect("lenient").to_string(), "1.2.0");
    }
}
