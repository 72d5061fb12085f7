//! The keys in the store. A repository's name has no colon, so the parts cannot run into each other.

use oci::{AnyDigest, Name};

/// Secret of the bearer tokens.
pub(crate) const TOKEN_KEY: &str = "key:token";
/// Waiting notifications, by number.
pub(crate) const EVENTS: &str = "event:";
/// Repositories that have had a manifest.
pub(crate) const REPOSITORIES: &str = "repository:";

pub(crate) fn repository(name: &Name) -> String {
    format!("{REPOSITORIES}{name}")
}

pub(crate) fn event(number: u64) -> String {
    format!("{EVENTS}{number:020}")
}

/// A blob that a repository has: its content's SHA-256 digest and size.
pub(crate) fn blob(name: &Name, digest: &AnyDigest) -> String {
    format!("blob:{name}:{digest}")
}

/// Who holds a content: `holder:<content>:<repository>:<digest>`.
pub(crate) fn holder(content: &model::Digest, name: &Name, digest: &AnyDigest) -> String {
    format!("{}{name}:{digest}", holders(content))
}

pub(crate) fn holders(content: &model::Digest) -> String {
    format!("holder:{}:", content.hex())
}

/// Media type, line feed, bytes.
pub(crate) fn manifest(name: &Name, digest: &AnyDigest) -> String {
    format!("manifest:{name}:{digest}")
}

/// The digest that a tag points at.
pub(crate) fn tag(name: &Name, tag: &str) -> String {
    format!("{}{tag}", tags(name))
}

pub(crate) fn tags(name: &Name) -> String {
    format!("tag:{name}:")
}

/// The digest that an immutable tag was given first; outlives the tag.
pub(crate) fn sealed(name: &Name, tag: &str) -> String {
    format!("sealed:{name}:{tag}")
}

/// Which manifests need a blob or a child: `uses:<repository>:<needed>:<manifest>`.
pub(crate) fn uses(name: &Name, needed: &AnyDigest, by: &AnyDigest) -> String {
    format!("{}{by}", users(name, needed))
}

pub(crate) fn users(name: &Name, needed: &AnyDigest) -> String {
    format!("uses:{name}:{needed}:")
}

/// The descriptor of a manifest that is about another one.
pub(crate) fn referrer(name: &Name, subject: &AnyDigest, digest: &AnyDigest) -> String {
    format!("{}{digest}", referrers(name, subject))
}

pub(crate) fn referrers(name: &Name, subject: &AnyDigest) -> String {
    format!("referrer:{name}:{subject}:")
}
