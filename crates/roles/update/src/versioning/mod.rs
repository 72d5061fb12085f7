//! Versioning schemes: which text is a version, which one is greater, what a range takes in, and what a file says after an update.
//! Read first: [`Versioning`], [`scheme`]. One scheme is one file and one line in [`scheme`]. Follows Renovate 44's schemes of the
//! same names; what differs stands in KNOWN-DIFFERENCES.md.

mod cargo;
mod collate;
mod debian;
mod distribution;
mod docker;
mod exact;
mod generic;
mod git;
mod github_actions;
mod go_mod_directive;
mod hashicorp;
mod kubernetes_api;
mod loose;
mod node;
mod npm;
mod npm_value;
mod pep440;
mod pep440_value;
mod redhat;
mod regex;
mod same_major;
mod semver;
mod semver_coerced;
mod semver_range;
mod semver_version;
mod sort;
mod ubuntu;

use std::cmp::Ordering;
use std::fmt::Debug;

use model::Timestamp;

/// Longest text that is looked at as a version or a range.
pub(crate) const LONGEST: usize = 1_000;

/// One scheme. Every answer is about texts; nothing panics, whatever the text.
pub trait Versioning: Debug + Send + Sync {
    /// Tells whether a text is a version or a range.
    fn is_valid(&self, text: &str) -> bool;

    /// Tells whether a text is one version, as a registry would name it.
    fn is_version(&self, text: &str) -> bool {
        self.is_valid(text)
    }

    /// Tells whether a text in a file means exactly one version.
    fn is_single_version(&self, text: &str) -> bool {
        self.is_valid(text)
    }

    /// Tells whether a version is no prerelease and is supported.
    fn is_stable(&self, version: &str) -> bool;

    /// Tells whether a version may follow the current one at all.
    fn is_compatible(&self, version: &str, _current: &str) -> bool {
        self.is_version(version)
    }

    /// Returns one number of a version.
    fn number(&self, version: &str, part: Part) -> Result<Option<u64>, VersionError>;

    /// Returns the order of two versions.
    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError>;

    /// Tells whether two versions are the same.
    fn equals(&self, a: &str, b: &str) -> Result<bool, VersionError>;

    /// Tells whether the first version is greater.
    fn is_greater(&self, a: &str, b: &str) -> Result<bool, VersionError>;

    /// Tells whether a version is in a range.
    fn matches(&self, version: &str, range: &str) -> bool;

    /// Returns the greatest version in a range.
    fn newest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError>;

    /// Returns the smallest version in a range.
    fn oldest(&self, versions: &[&str], range: &str) -> Result<Option<String>, VersionError>;

    /// Returns what a file says after an update; `None` when there is nothing to say.
    fn new_value(&self, change: &Change<'_>) -> Result<Option<String>, VersionError>;

    /// Returns the version that titles show for a value.
    fn shown(&self, value: &str) -> String {
        value.to_owned()
    }

    /// Sorts versions, small ones first; equal ones stay in their order.
    fn sort(&self, versions: &mut Vec<String>) -> Result<(), VersionError> {
        *versions = sort::stable(std::mem::take(versions), &|a: &String, b: &String| self.compare(a, b))?;
        Ok(())
    }
}

/// Which number of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first.
    Major,
    /// The second.
    Minor,
    /// The third.
    Patch,
}

impl Part {
    pub(crate) fn at(self) -> usize {
        match self {
            Self::Major => 0,
            Self::Minor => 1,
            Self::Patch => 2,
        }
    }
}

/// A change of a value in a file.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// What the file says.
    pub current_value: &'a str,
    /// Which version that means now.
    pub current_version: Option<&'a str>,
    /// The version to come.
    pub new_version: &'a str,
    /// How a range changes.
    pub strategy: Strategy,
}

/// How a range changes: the option `rangeStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// As the manager prefers; treated as [`Strategy::Replace`].
    Auto,
    /// To the version itself.
    Pin,
    /// So that it begins at the new version.
    Bump,
    /// Only when it does not take the new version in.
    Replace,
    /// So that it takes in more.
    Widen,
    /// Not, as long as it takes the new version in.
    UpdateLockfile,
}

impl Strategy {
    /// Reads the option's value.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "auto" => Self::Auto,
            "pin" => Self::Pin,
            "bump" => Self::Bump,
            "replace" => Self::Replace,
            "widen" => Self::Widen,
            "update-lockfile" => Self::UpdateLockfile,
            _ => return None,
        })
    }
}

/// A text that a scheme has no answer about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// It is no version.
    #[error("{0:?} is no version")]
    NotAVersion(String),
    /// It is no range.
    #[error("{0:?} is no range")]
    NotARange(String),
}

impl VersionError {
    pub(crate) fn version(text: &str) -> Self {
        Self::NotAVersion(text.chars().take(100).collect())
    }

    pub(crate) fn range(text: &str) -> Self {
        Self::NotARange(text.chars().take(100).collect())
    }
}

/// A name that no scheme has, or a setting that it refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemeError {
    /// There is no such scheme here.
    #[error("the versioning {0:?} is not supported")]
    Unknown(String),
    /// `regex:` without a usable expression.
    #[error("the versioning {scheme:?} is not usable: {why}")]
    Unusable {
        /// The whole setting.
        scheme: String,
        /// What is wrong with it.
        why: String,
    },
}

/// All names that [`scheme`] knows; `regex` takes an expression behind a colon.
pub const SCHEMES: [&str; 21] = [
    "cargo",
    "debian",
    "docker",
    "exact",
    "git",
    "github-actions",
    "go-mod-directive",
    "gomod",
    "hashicorp",
    "helm",
    "kubernetes-api",
    "loose",
    "node",
    "npm",
    "pep440",
    "redhat",
    "regex",
    "same-major",
    "semver",
    "semver-coerced",
    "ubuntu",
];

/// Finds a scheme by the value of the option `versioning`. `now` tells which releases of a distribution or of Node.js are out.
pub fn scheme(name: &str, now: Timestamp) -> Result<Box<dyn Versioning>, SchemeError> {
    let (plain, setting) = name.split_once(':').map_or((name, None), |(plain, setting)| (plain, Some(setting)));
    Ok(match plain {
        "cargo" => Box::new(cargo::Cargo),
        "debian" => Box::new(debian::Debian::at(now)),
        "docker" => Box::new(docker::Docker),
        "exact" => Box::new(exact::Exact),
        "git" => Box::new(git::Git),
        "github-actions" => Box::new(github_actions::GithubActions),
        "go-mod-directive" => Box::new(go_mod_directive::GoModDirective),
        "hashicorp" => Box::new(hashicorp::Hashicorp),
        "kubernetes-api" => Box::new(kubernetes_api::scheme()),
        "loose" => Box::new(loose::Loose),
        "node" => Box::new(node::Node { now }),
        // Helm's ranges are npm's.
        "npm" | "helm" => Box::new(npm::Npm),
        "pep440" => Box::new(pep440::Pep440),
        "redhat" => Box::new(redhat::Redhat),
        "regex" => Box::new(regex::Expression::new(setting).map_err(|why| SchemeError::Unusable { scheme: short(name), why })?),
        "same-major" => Box::new(same_major::SameMajor),
        // Go's modules are semantic versions with a leading v.
        "semver" | "gomod" => Box::new(semver::Semver),
        "semver-coerced" => Box::new(semver_coerced::SemverCoerced),
        "ubuntu" => Box::new(ubuntu::Ubuntu { now }),
        _ => return Err(SchemeError::Unknown(short(name))),
    })
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Most schemes write a version as the registry has it. A file without the `v` that its version has stays without.
pub(crate) fn plain_value(change: &Change<'_>) -> String {
    let bare = change.current_version.and_then(|version| version.strip_prefix('v')) == Some(change.current_value);
    let new = change.new_version;
    if bare { new.strip_prefix('v').unwrap_or(new).to_owned() } else { new.to_owned() }
}
