//! What may prove that somebody signed a digest. Read first: [`Evidence`].

use serde::{Deserialize, Serialize};

use crate::Legacy;

/// A signature as it lies in a registry; nothing about it is checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// A sigstore bundle, attached as a referrer.
    #[serde(with = "text")]
    Bundle(Vec<u8>),
    /// One layer of a manifest under a `.sig` tag.
    Legacy(Legacy),
}

/// Bytes as base64.
pub(crate) mod text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
