//! Writing DER, the few forms that certificates and timestamps need. Read first: [`sequence`].

use model::Timestamp;
use x509_cert::der::oid::ObjectIdentifier;

/// Writes one value: tag, length, content.
pub(crate) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 0x80 {
        out.push(length.to_be_bytes()[7]);
    } else {
        let bytes = length.to_be_bytes();
        let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
        let significant = &bytes[first..];
        out.push(0x80 | significant.len().to_be_bytes()[7]);
        out.extend_from_slice(significant);
    }
    out.extend_from_slice(content);
    out
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(0x30, &parts.concat())
}

/// A SET OF, whose members DER sorts.
pub(crate) fn set(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    value(0x31, &parts.concat())
}

/// An explicit tag around values.
pub(crate) fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    value(0xa0 | number, content)
}

pub(crate) fn oid(text: &str) -> Vec<u8> {
    value(0x06, ObjectIdentifier::new_unwrap(text).as_bytes())
}

/// A non-negative integer from its big-endian bytes.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
    let mut content = bytes.get(first..).unwrap_or_default().to_vec();
    if content.first().is_none_or(|byte| *byte >= 0x80) {
        content.insert(0, 0);
    }
    value(0x02, &content)
}

pub(crate) fn boolean_true() -> Vec<u8> {
    vec![0x01, 0x01, 0xff]
}

pub(crate) fn octets(content: &[u8]) -> Vec<u8> {
    value(0x04, content)
}

/// A BIT STRING of whole bytes.
pub(crate) fn bits(content: &[u8]) -> Vec<u8> {
    value(0x03, &[&[0], content].concat())
}

pub(crate) fn utf8(text: &str) -> Vec<u8> {
    value(0x0c, text.as_bytes())
}

/// A certificate's time: two-digit years until 2049, then four.
pub(crate) fn time(time: Timestamp) -> Vec<u8> {
    let text = time.strftime("%Y%m%d%H%M%SZ").to_string();
    if ("1950".."2050").contains(&&text[..4]) { value(0x17, &text.as_bytes()[2..]) } else { value(0x18, text.as_bytes()) }
}

pub(crate) fn generalized_time(time: Timestamp) -> Vec<u8> {
    value(0x18, time.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
}

/// ECDSA with SHA-256 as an algorithm identifier.
pub(crate) fn ecdsa_sha256() -> Vec<u8> {
    sequence(&[oid("1.2.840.10045.4.3.2")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_integers_and_times_are_distinguished() {
        assert_eq!(value(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(value(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(value(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
        for (bytes, expected) in [(&[0, 0, 5][..], &[2, 1, 5][..]), (&[0x80], &[2, 2, 0, 0x80]), (&[0], &[2, 1, 0]), (&[], &[2, 1, 0])] {
            assert_eq!(integer(bytes), expected);
        }
        let at = |text: &str| time(text.parse().expect("a time"));
        assert_eq!(at("2026-01-02T03:04:05Z"), [&[0x17, 13][..], b"260102030405Z"].concat());
        assert_eq!(at("2050-01-02T03:04:05Z"), [&[0x18, 15][..], b"20500102030405Z"].concat());
    }
}
