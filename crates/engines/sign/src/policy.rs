//! Whose signatures count. Read first: [`Policy`].

use golang::{RegexpError, regexp};
use model::Timestamp;
use regex::Regex;

/// Whose signatures count, and what time it is.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The identities of which any one is enough; with none, everything is refused.
    pub identities: Vec<IdentityMatch>,
    /// The present moment; evidence from after it is refused.
    pub now: Timestamp,
}

/// One identity: both halves have to match.
#[derive(Debug, Clone)]
pub struct IdentityMatch {
    /// Who vouches: the OIDC issuer's URL.
    pub issuer: Match,
    /// Who signed: the certificate's subject alternative name, such as a workflow file at a branch.
    pub subject: Match,
}

/// How a text is compared.
#[derive(Debug, Clone)]
pub enum Match {
    /// The whole text is equal.
    Exact(String),
    /// The pattern is found anywhere in the text, as Go's `MatchString` does: it is anchored only where it says so.
    Regexp(Regex),
}

impl Match {
    /// Compiles a pattern with the meaning of Go's regexp package.
    pub fn regexp(pattern: &str) -> Result<Self, RegexpError> {
        Ok(Self::Regexp(regexp(pattern)?))
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => wanted == text,
            Self::Regexp(pattern) => pattern.is_match(text),
        }
    }
}

impl std::fmt::Display for Match {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Regexp(pattern) => write!(f, "/{pattern}/"),
        }
    }
}

impl Policy {
    /// Returns the policy of one identity.
    pub fn one(issuer: Match, subject: Match, now: Timestamp) -> Self {
        Self { identities: vec![IdentityMatch { issuer, subject }], now }
    }

    pub(crate) fn allows(&self, issuer: &str, subject: &str) -> bool {
        // An empty half is no identity, whatever a pattern says about it.
        let named = !issuer.is_empty() && !subject.is_empty();
        named && self.identities.iter().any(|each| each.issuer.fits(issuer) && each.subject.fits(subject))
    }

    pub(crate) fn wanted(&self) -> String {
        let all: Vec<String> = self.identities.iter().map(|each| format!("{} from {}", each.subject, each.issuer)).collect();
        all.join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_unanchored_and_both_halves_count() {
        let issuer = || Match::Exact("https://gitea.internal".to_owned());
        let subject = "https://gitea.internal/org/app/.gitea/workflows/build.yml@refs/heads/main";
        for (pattern, issuer, expected) in [
            (r"org/app", issuer(), true),
            (r"^https://gitea\.internal/org/app/", issuer(), true),
            (r"^org/app", issuer(), false),
            (r".*", Match::Exact("https://gitea.internal/".to_owned()), false),
            (r"(?i)ORG/APP", issuer(), true),
        ] {
            let policy = Policy::one(issuer, Match::regexp(pattern).expect(pattern), Timestamp::UNIX_EPOCH);
            assert_eq!(policy.allows("https://gitea.internal", subject), expected, "{pattern}");
        }
        let any = Policy::one(Match::regexp(".*").expect("compiles"), Match::regexp(".*").expect("compiles"), Timestamp::UNIX_EPOCH);
        assert!(!any.allows("https://gitea.internal", ""));
        assert!(Match::regexp("(?=x)").is_err());
    }
}
