//! Addresses and ranges of addresses: what is wrong with them, what is only unusual.
//! Follows apimachinery `pkg/util/validation/ip.go` and kubernetes `pkg/apis/core/validation/validation.go` `ValidateEndpointIP`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::json;

use super::faults::Faults;

const ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const RANGE: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/// Reads an address as older fields take it: parts of IPv4 may begin with zeros.
pub(crate) fn sloppy(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| {
        let parts: Vec<u8> = text.split('.').map(zero_padded).collect::<Option<_>>()?;
        <[u8; 4]>::try_from(parts).ok().map(|parts| IpAddr::V4(parts.into()))
    })
}

fn zero_padded(digits: &str) -> Option<u8> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let significant = digits.trim_start_matches('0');
    plain.then(|| if significant.is_empty() { Some(0) } else { significant.parse().ok() })?
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(six) if six.to_ipv4_mapped().is_some())
}

/// Returns what is wrong with an address, whatever its form.
fn address_fault(text: &str) -> Option<&'static str> {
    match (sloppy(text), text.parse::<IpAddr>()) {
        (None, _) => Some(ADDRESS),
        (Some(_), Err(_)) => Some("must not have leading 0s"),
        (Some(_), Ok(address)) => is_mapped(address).then_some("must not be an IPv4-mapped IPv6 address"),
    }
}

/// Checks an address in one of the older fields, unless it was there before. Returns whether it is right.
pub(crate) fn check(field: &str, text: &str, known: &[&str], faults: &mut Faults) -> bool {
    let fault = address_fault(text).filter(|_| !known.contains(&text));
    if let Some(why) = fault {
        faults.invalid(field, &json!(text), why);
    }
    fault.is_none()
}

/// Returns what is wrong with an address that must be written in the one canonical way.
pub(crate) fn canonical_fault(text: &str) -> Option<String> {
    if let Some(why) = address_fault(text) {
        return Some(why.to_owned());
    }
    let canonical = sloppy(text)?.to_string();
    (canonical != text).then(|| format!("must be in canonical form ({canonical:?})"))
}

/// Checks that an address is none of this machine, of nothing, or of many.
pub(crate) fn check_endpoint(field: &str, text: &str, faults: &mut Faults) {
    let shown = json!(text);
    let Some(address) = sloppy(text) else { return faults.invalid(field, &shown, "must be a valid IP address") };
    let address = address.to_canonical();
    let (near, group) = match address {
        IpAddr::V4(four) => (four.is_link_local(), four.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(six) => ((six.segments()[0] & 0xffc0) == 0xfe80, (six.segments()[0] & 0xff0f) == 0xff02),
    };
    if address.is_unspecified() {
        faults.invalid(field, &shown, &format!("may not be unspecified ({text})"));
    }
    if address.is_loopback() {
        faults.invalid(field, &shown, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    if near {
        faults.invalid(field, &shown, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if group {
        faults.invalid(field, &shown, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// The address as it was written.
    address: IpAddr,
    pub bits: u8,
}

impl Range {
    /// Reads a range as older fields take it: with zeros in front, and with bits behind its length.
    pub fn sloppy(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits) = (sloppy(address)?, zero_padded(bits)?);
        (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some(Self { address, bits })
    }

    fn first(self) -> IpAddr {
        let bits = u32::from(self.bits);
        match self.address {
            IpAddr::V4(four) => Ipv4Addr::from(u32::from(four) & u32::MAX.checked_shl(32 - bits).unwrap_or(0)).into(),
            IpAddr::V6(six) => Ipv6Addr::from(u128::from(six) & u128::MAX.checked_shl(128 - bits).unwrap_or(0)).into(),
        }
    }

    /// Tells whether another range lies in this one and is smaller.
    pub fn is_wider_than(self, other: Self) -> bool {
        let cut = Self { address: other.first(), bits: self.bits };
        self.address.is_ipv4() == other.address.is_ipv4() && self.bits < other.bits && cut.first() == self.first()
    }

    /// Tells whether it is of IPv4, in either way of writing.
    pub fn is_ipv4(self) -> bool {
        self.address.to_canonical().is_ipv4()
    }

    fn canonical(self) -> String {
        match self.first() {
            IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => {
                format!("{}/{}", IpAddr::V6(six).to_canonical(), self.bits.saturating_sub(96))
            }
            first => format!("{first}/{}", self.bits),
        }
    }

    /// Tells whether a text, which reads as this range, also does so strictly.
    fn is_strict(text: &str) -> bool {
        let plain = |bits: &str| bits == "0" || !bits.starts_with('0');
        text.split_once('/').is_some_and(|(address, bits)| address.parse::<IpAddr>().is_ok() && plain(bits))
    }
}

fn range_fault(text: &str) -> Option<&'static str> {
    let Some(range) = Range::sloppy(text) else { return Some(RANGE) };
    if !Range::is_strict(text) {
        Some("must not have leading 0s in IP or prefix length")
    } else if is_mapped(range.address) {
        Some("must not have an IPv4-mapped IPv6 address")
    } else {
        (range.first() != range.address).then_some("must not have bits set beyond the prefix length")
    }
}

/// Checks a range in one of the older fields, unless it was there before.
pub(crate) fn check_range(field: &str, text: &str, known: &[&str], faults: &mut Faults) {
    if let Some(why) = range_fault(text).filter(|_| !known.contains(&text)) {
        faults.invalid(field, &json!(text), why);
    }
}

/// Checks a range that must be written in the one canonical way.
pub(crate) fn check_canonical_range(field: &str, text: &str, faults: &mut Faults) {
    if let Some(why) = range_fault(text) {
        return faults.invalid(field, &json!(text), why);
    }
    if let Some(canonical) = Range::sloppy(text).map(Range::canonical).filter(|canonical| canonical != text) {
        faults.invalid(field, &json!(text), &format!("must be in canonical form ({canonical:?})"));
    }
}

/// Says what is unusual about an address that was let pass.
pub(crate) fn warn(field: &str, text: &str) -> Option<String> {
    let address = sloppy(text)?;
    let canonical = address.to_canonical().to_string();
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) if !is_mapped(address) => {
            (canonical != text).then(|| format!("{field}: IPv6 address {text:?} should be in RFC 5952 canonical format ({canonical:?})"))
        }
        Ok(IpAddr::V4(_)) => None,
        _ => Some(format!("{field}: non-standard IP address {text:?} is invalid: use {canonical:?}")),
    }
}

/// Says what is unusual about a range that was let pass.
pub(crate) fn warn_range(field: &str, text: &str) -> Vec<String> {
    let Some(range) = Range::sloppy(text) else { return Vec::new() };
    let (mut found, canonical) = (Vec::new(), range.canonical());
    if range.first() != range.address {
        let alone = format!("{}/{}", range.address.to_canonical(), if range.address.is_ipv4() { 32 } else { 128 });
        found.push(format!("{field}: CIDR value {text:?} is ambiguous in this context (should be {canonical:?} or {alone:?}?)"));
    }
    if !Range::is_strict(text) || is_mapped(range.address) {
        found.push(format!("{field}: non-standard CIDR value {text:?} is invalid: use {canonical:?}"));
    }
    if found.is_empty() && range.address.is_ipv6() && canonical != text {
        found.push(format!("{field}: IPv6 CIDR value {text:?} should be in RFC 5952 canonical format ({canonical:?})"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_right_or_told_what_is_wrong() {
        for (text, wanted) in [
            ("10.0.0.1", None),
            ("fe80:0::1", None),
            ("10.0.0", Some(ADDRESS)),
            ("1.2.3.256", Some(ADDRESS)),
            ("", Some(ADDRESS)),
            ("fe80::1%eth0", Some(ADDRESS)),
            ("010.0.0.1", Some("must not have leading 0s")),
            ("::ffff:1.2.3.4", Some("must not be an IPv4-mapped IPv6 address")),
        ] {
            assert_eq!(address_fault(text), wanted, "{text}");
        }
        assert_eq!(canonical_fault("FE80::1").as_deref(), Some("must be in canonical form (\"fe80::1\")"));
        assert_eq!(canonical_fault("::1"), None);
    }

    #[test]
    fn ranges_are_right_or_told_what_is_wrong() {
        for (text, wanted) in [
            ("10.0.0.0/8", None),
            ("0.0.0.0/0", None),
            ("2001:db8::/32", None),
            ("10.0.0.0", Some(RANGE)),
            ("10.0.0.0/33", Some(RANGE)),
            ("10.0.0.0/-1", Some(RANGE)),
            ("10.0.0.0/08", Some("must not have leading 0s in IP or prefix length")),
            ("::ffff:10.0.0.0/104", Some("must not have an IPv4-mapped IPv6 address")),
            ("10.1.0.0/8", Some("must not have bits set beyond the prefix length")),
        ] {
            assert_eq!(range_fault(text), wanted, "{text}");
        }
        let range = |text: &str| Range::sloppy(text).expect("a range");
        assert!(range("10.0.0.0/8").is_wider_than(range("10.1.0.0/16")));
        assert!(!range("10.0.0.0/8").is_wider_than(range("10.0.0.0/8")));
        assert!(!range("10.0.0.0/8").is_wider_than(range("11.0.0.0/16")));
    }

    #[test]
    fn what_is_unusual_is_said() {
        assert_eq!(warn("f", "1.2.3.4").or(warn("f", "fe80::1")), None);
        let told = warn("f", "FE80::1").expect("a warning");
        assert_eq!(told, "f: IPv6 address \"FE80::1\" should be in RFC 5952 canonical format (\"fe80::1\")");
        assert_eq!(warn("f", "01.2.3.4").expect("a warning"), "f: non-standard IP address \"01.2.3.4\" is invalid: use \"1.2.3.4\"");
        let told = warn_range("f", "10.1.0.0/8");
        assert_eq!(told, ["f: CIDR value \"10.1.0.0/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.1.0.0/32\"?)"]);
    }
}
