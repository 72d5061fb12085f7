//! Who may do what with which repository. Rules only add rights; what no rule gives is refused.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Accounts and rights.
#[derive(Clone, Default)]
pub struct Access {
    /// Users that log in with a password.
    pub accounts: Vec<Account>,
    /// The rights.
    pub rules: Vec<Rule>,
}

/// A user that logs in with a password.
#[derive(Clone)]
pub struct Account {
    /// The user name.
    pub name: String,
    /// The password.
    pub password: String,
}

/// Gives rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `*` is everybody, also without login; `authenticated` everybody with a login; `user:NAME`, `group:NAME` and
    /// `workflow:JOB_WORKFLOW_REF` are patterns.
    pub who: String,
    /// Pattern on the repository's name. In every pattern `*` stops at `/` and `**` does not.
    pub repositories: String,
    /// What is allowed.
    pub actions: Vec<Permission>,
}

/// What can be done with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Read.
    Pull,
    /// Upload blobs and manifests.
    Push,
    /// Delete blobs, manifests and tags.
    Delete,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }
}

/// Who somebody is, once that is established.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// `None` without login.
    pub name: Option<String>,
    pub groups: Vec<String>,
    /// `job_workflow_ref` of a workload.
    pub workflow: Option<String>,
}

impl From<&model::Caller> for Identity {
    /// The binary may say which workflow calls by a group `workflow:…`.
    fn from(caller: &model::Caller) -> Self {
        let workflow = caller.groups.iter().find_map(|group| group.strip_prefix("workflow:")).map(str::to_owned);
        Self { name: Some(caller.name.clone()), groups: caller.groups.clone(), workflow }
    }
}

impl Access {
    /// Lets everybody do everything, without login.
    pub fn open() -> Self {
        Self {
            accounts: Vec::new(),
            rules: vec![Rule { who: "*".to_owned(), repositories: "**".to_owned(), actions: Permission::ALL.to_vec() }],
        }
    }

    pub(crate) fn allows(&self, identity: &Identity, repository: &str, permission: Permission) -> bool {
        if identity.groups.iter().any(|group| group == "system:masters") {
            return true;
        }
        self.rules
            .iter()
            .filter(|rule| rule.actions.contains(&permission) && matches(&rule.repositories, repository))
            .any(|rule| is_meant(&rule.who, identity))
    }

    /// Tells whether nobody ever needs a login.
    pub(crate) fn is_open(&self) -> bool {
        Permission::ALL.iter().all(|permission| {
            self.rules.iter().any(|rule| rule.who == "*" && rule.repositories == "**" && rule.actions.contains(permission))
        })
    }

    /// Tells whether the password is this account's, in the same time for every wrong one.
    pub(crate) fn knows(&self, name: &str, password: &str) -> bool {
        let given = Sha256::digest(password.as_bytes());
        let mut known = false;
        for account in self.accounts.iter().filter(|account| account.name == name) {
            known |= verify_slices_are_equal(&Sha256::digest(account.password.as_bytes()), &given).is_ok();
        }
        known
    }
}

fn is_meant(who: &str, identity: &Identity) -> bool {
    match who.split_once(':') {
        None if who == "*" => true,
        None if who == "authenticated" => identity.name.is_some(),
        None => identity.name.as_deref() == Some(who),
        Some(("user", pattern)) => identity.name.as_deref().is_some_and(|name| matches(pattern, name)),
        Some(("group", pattern)) => identity.groups.iter().any(|group| matches(pattern, group)),
        Some(("workflow", pattern)) => identity.workflow.as_deref().is_some_and(|workflow| matches(pattern, workflow)),
        Some(_) => identity.name.as_deref() == Some(who),
    }
}

/// Matches a whole text; `*` stops at `/`, `**` does not. Linear in the text for each star.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    // reach[i] says whether the pattern so far matches the first i bytes of the text.
    let mut reach = vec![false; text.len() + 1];
    reach[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let double = pattern[at..].starts_with(b"**");
        if pattern[at] == b'*' {
            for i in 0..text.len() {
                reach[i + 1] |= reach[i] && (double || text[i] != b'/');
            }
            at += if double { 2 } else { 1 };
            continue;
        }
        for i in (0..text.len()).rev() {
            reach[i + 1] = reach[i] && text[i] == pattern[at];
        }
        reach[0] = false;
        at += 1;
    }
    reach[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stops_at_a_slash() {
        for (pattern, text) in [
            ("**", "a/b"),
            ("a/*", "a/b"),
            ("a/**", "a/b/c"),
            ("*", ""),
            ("a*c", "abc"),
            ("o/r/.gitea/workflows/b.yml@refs/heads/*", "o/r/.gitea/workflows/b.yml@refs/heads/main"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("*", "a/b"), ("a/*", "a/b/c"), ("a/*", "a"), ("a", "ab"), ("", "a"), ("a/*", "b/c")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn only_rules_give_rights() {
        let rule = |who: &str, repositories: &str, actions: &[Permission]| Rule {
            who: who.into(),
            repositories: repositories.into(),
            actions: actions.to_vec(),
        };
        let access = Access {
            accounts: Vec::new(),
            rules: vec![
                rule("*", "**", &[Permission::Pull]),
                rule("workflow:o/r/*@refs/heads/main", "deployments/*", &[Permission::Push]),
                rule("user:ann", "apps/**", &[Permission::Push]),
            ],
        };
        let nobody = Identity::default();
        let job = Identity { workflow: Some("o/r/x.yml@refs/heads/main".into()), name: Some("oidc:x".into()), ..Identity::default() };
        let evil = Identity { workflow: Some("o/r/x.yml@refs/heads/evil".into()), name: Some("oidc:x".into()), ..Identity::default() };
        let ann = Identity { name: Some("ann".into()), ..Identity::default() };
        assert!(access.allows(&nobody, "a/b", Permission::Pull) && !access.allows(&nobody, "a/b", Permission::Push));
        assert!(access.allows(&job, "deployments/x", Permission::Push) && !access.allows(&job, "apps/x", Permission::Push));
        assert!(!access.allows(&evil, "deployments/x", Permission::Push));
        assert!(access.allows(&ann, "apps/a/b", Permission::Push) && !access.allows(&ann, "apps/a/b", Permission::Delete));
        assert!(!access.is_open() && Access::open().is_open());
    }
}
