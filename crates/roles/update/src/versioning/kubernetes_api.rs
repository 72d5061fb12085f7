//! `kubernetes-api`: `group/v1beta2`. The group stays; betas come after alphas, and the version itself after both.

use super::regex::Expression;

/// Builds the scheme.
pub(crate) fn scheme() -> Expression {
    Expression::new(Some("^(?:(?<compatibility>\\S+)/)?v(?<major>\\d+)(?<prerelease>(?:alpha|beta)\\d+)?$"))
        .expect("the expression is fixed")
}
