use std::fmt;
use std::str::FromStr;

use model::Digest;
use serde::{Deserialize, Serialize};

/// Where content lies in a registry: `host/name[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    /// Host and, where given, port. `docker.io` when the text names none.
    pub host: String,
    /// The repository's name inside the registry.
    pub repository: Name,
    /// The tag, if one is named.
    pub tag: Option<Tag>,
    /// The digest, if one is named; it wins over the tag.
    pub digest: Option<Digest>,
}

/// A repository's name inside its registry: lower-case parts between slashes, 255 characters at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

/// A text that is no reference, name or tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: {why}")]
pub struct ReferenceError {
    what: &'static str,
    text: String,
    why: &'static str,
}

fn refused(what: &'static str, text: &str, why: &'static str) -> ReferenceError {
    ReferenceError { what, text: text.chars().take(300).collect(), why }
}

/// Tells whether a tag is one that clients keep beside what they are about, and rewrite: the referrers' fallback
/// (`sha256-<hex>`), and cosign's legacy signatures and attestations (`sha256-<hex>.sig`, `.att`, `.sbom`). Such a tag names no version.
pub fn is_attachment(tag: &str) -> bool {
    let rest = tag.strip_prefix("sha256-").or_else(|| tag.strip_prefix("sha512-"));
    rest.is_some_and(|rest| rest.split('.').next().is_some_and(|hex| hex.len() >= 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())))
}

impl Reference {
    /// Reads the form that Flux uses in `spec.url`: `oci://host/name`.
    pub fn from_oci_url(url: &str) -> Result<Self, ReferenceError> {
        let rest = url.strip_prefix("oci://").ok_or_else(|| refused("OCI address", url, "it must start with oci://"))?;
        rest.parse()
    }

    /// Returns the reference to another version of the same repository.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// Returns the reference to another tag of the same repository.
    #[must_use]
    pub fn with_tag(&self, tag: Tag) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }

    /// Returns `host/name`, without tag and digest.
    pub fn location(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// Returns what stands after `manifests/` in the distribution API: the digest, else the tag, else `latest`.
    pub fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.to_string(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// Returns the host that answers the distribution API, which for Docker's own registry has another name.
    pub fn api_host(&self) -> &str {
        if self.host == "docker.io" { "registry-1.docker.io" } else { &self.host }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let parsed = digest.parse().map_err(|_| refused("reference", text, "what follows @ is no sha256 digest"))?;
                (rest, Some(parsed))
            }
            None => (text, None),
        };
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag.parse()?)),
            _ => (rest, None),
        };
        let (host, name) = split_host(path);
        if !good_host(&host) {
            return Err(refused("reference", text, "its host is malformed"));
        }
        Ok(Self { repository: name.parse()?, host, tag, digest })
    }
}

/// Docker's rule: the first part is a host only if it looks like one.
fn split_host(path: &str) -> (String, String) {
    match path.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            let host = if first == "index.docker.io" { "docker.io" } else { first };
            let name = if host == "docker.io" && !rest.contains('/') { format!("library/{rest}") } else { rest.to_owned() };
            (host.to_owned(), name)
        }
        Some(_) => ("docker.io".to_owned(), path.to_owned()),
        None => ("docker.io".to_owned(), format!("library/{path}")),
    }
}

fn good_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let good_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let good_name = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            name.len() <= 253
                && name.split('.').all(|part| {
                    !part.is_empty()
                        && !part.starts_with('-')
                        && !part.ends_with('-')
                        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                })
        }
    };
    good_port && good_name
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Name {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.len() > 255 {
            return Err(refused("repository name", text, "it is longer than 255 characters"));
        }
        if !text.split('/').all(good_part) {
            return Err(refused("repository name", text, "parts are lower-case letters and digits, joined by . _ __ or dashes"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn good_part(part: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    if !bytes.first().is_some_and(alphanumeric) || !bytes.last().is_some_and(alphanumeric) {
        return false;
    }
    bytes.split(alphanumeric).all(|joint| matches!(joint, b"" | b"." | b"_" | b"__") || joint.iter().all(|byte| *byte == b'-'))
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let good = (1..=128).contains(&text.len())
            && text.bytes().next().is_some_and(word)
            && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-');
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(refused("tag", text, "expected 1 to 128 of letters, digits, _ . - and no . or - first"))
        }
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = ReferenceError;
            fn try_from(text: String) -> Result<Self, ReferenceError> {
                text.parse()
            }
        }
    };
}
text_type!(Name);
text_type!(Tag);

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_print_as_they_mean() {
        let digest = Digest::of(b"");
        let cases = [
            ("registry.internal/deployments/myapp:0.5.1", "registry.internal/deployments/myapp:0.5.1".to_owned()),
            (&format!("localhost:5000/a@{digest}"), format!("localhost:5000/a@{digest}")),
            (&format!("r.io/a/b:1@{digest}"), format!("r.io/a/b:1@{digest}")),
            ("nginx", "docker.io/library/nginx".to_owned()),
            ("org/app:v1", "docker.io/org/app:v1".to_owned()),
            ("[::1]:5000/app", "[::1]:5000/app".to_owned()),
        ];
        for (text, wanted) in cases {
            assert_eq!(text.parse::<Reference>().expect(text).to_string(), wanted);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for bad in [
            "",
            "r.io/",
            "r.io/A",
            "r.io/a..b",
            "r.io/a:",
            "r.io/a:-1",
            "r.io/a@sha256:1",
            "r.io/a/../b",
            "r_x.io/a",
            "r.io:0/a",
            "r.io/a___b",
            "r.io/a b",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
        assert!("a__b/c--d/e.f".parse::<Name>().is_ok());
        assert!("a".repeat(256).parse::<Name>().is_err());
        assert!("a".repeat(129).parse::<Tag>().is_err());
        assert!(Reference::from_oci_url("oci://r.io/a").is_ok() && Reference::from_oci_url("https://r.io/a").is_err());
    }
}
