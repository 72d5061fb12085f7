use std::fmt;
use std::str::FromStr;

use model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};

/// A digest of one of the two algorithms that the distribution specification registers. [`Digest`] is the one we make ourselves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AnyDigest(String);

impl AnyDigest {
    /// Returns the whole name, `sha256:…` or `sha512:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the SHA-256 digest that this is, if it is one.
    pub fn sha256(&self) -> Option<Digest> {
        self.0.parse().ok()
    }

    /// Tells whether these bytes have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        if self.0.starts_with("sha512:") { Self::sha512_of(bytes) == *self } else { Digest::of(bytes).as_str() == self.0 }
    }

    /// Returns the SHA-512 digest of these bytes.
    pub fn sha512_of(bytes: &[u8]) -> Self {
        Self(format!("sha512:{}", hex::encode(Sha512::digest(bytes))))
    }
}

impl FromStr for AnyDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower_hex = |hex: &str| hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let good = match text.split_once(':') {
            Some(("sha256", hex)) => hex.len() == 64 && lower_hex(hex),
            Some(("sha512", hex)) => hex.len() == 128 && lower_hex(hex),
            _ => false,
        };
        if good {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(150).collect();
        Err(format!("{shown:?} is no digest: expected sha256: and 64 or sha512: and 128 lower-case hex characters"))
    }
}

impl TryFrom<String> for AnyDigest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<AnyDigest> for String {
    fn from(digest: AnyDigest) -> Self {
        digest.0
    }
}

impl From<Digest> for AnyDigest {
    fn from(digest: Digest) -> Self {
        Self(digest.into())
    }
}

impl fmt::Display for AnyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
