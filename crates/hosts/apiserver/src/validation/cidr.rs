//! Ranges of addresses in fields that are older than strict checks. Follows apimachinery `pkg/util/validation/ip.go`.

use std::net::IpAddr;

/// Said of what is no range.
pub(crate) const FAULT: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/// Returns the address and length of a range; parts of an address may begin with zeros.
pub(crate) fn parse(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let plain = address.parse().ok();
    let address: IpAddr = plain.or_else(|| without_zeros(address)?.parse().ok())?;
    if bits.is_empty() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let bits: u8 = bits.parse().ok()?;
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

/// Returns an IPv4 address, or what ends like one, without zeros before its numbers.
fn without_zeros(address: &str) -> Option<String> {
    let (head, tail) = address.rsplit_once(':').map_or(("", address), |(head, tail)| (head, tail));
    let parts = tail.split('.').map(|part| {
        let bare = part.trim_start_matches('0');
        if bare.is_empty() && !part.is_empty() { "0" } else { bare }
    });
    let tail = parts.collect::<Vec<_>>().join(".");
    tail.contains('.').then(|| if head.is_empty() { tail } else { format!("{head}:{tail}") })
}

pub(crate) fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

/// Returns what is said of a range that is taken and yet not as it should be.
pub(crate) fn warnings(field: &str, text: &str) -> Vec<String> {
    let Some((address, bits)) = parse(text) else { return Vec::new() };
    let mut found = Vec::new();
    let mapped = matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    // To Go an address inside of another family is of that family.
    let (address, bits) = (address.to_canonical(), if mapped { bits.saturating_sub(96) } else { bits });
    let network = masked(address, bits);
    let whole = format!("{network}/{bits}");
    if address != network {
        let most = if address.is_ipv4() { 32 } else { 128 };
        found.push(format!("{field}: CIDR value {text:?} is ambiguous in this context (should be {whole:?} or \"{address}/{most}\"?)"));
    }
    let strict = text.split_once('/').is_some_and(|(head, tail)| head.parse::<IpAddr>().is_ok() && (tail == "0" || !tail.starts_with('0')));
    if !strict || mapped {
        found.push(format!("{field}: non-standard CIDR value {text:?} is invalid: use {whole:?}"));
    }
    let canonical = format!("{address}/{bits}");
    if found.is_empty() && address.is_ipv6() && canonical != text {
        found.push(format!("{field}: IPv6 CIDR value {text:?} should be in RFC 5952 canonical format ({canonical:?})"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_always_were() {
        for (text, fine) in [
            ("10.1.0.0/24", true),
            ("010.001.0.0/24", true),
            ("::/0", true),
            ("::ffff:10.0.0.0/120", true),
            ("10.1.0.0", false),
            ("10.1.0.0/33", false),
            ("10.1.0.0/x", false),
            ("10.1..0/8", false),
            ("", false),
        ] {
            assert_eq!(parse(text).is_some(), fine, "{text}");
        }
    }

    #[test]
    fn odd_ranges_are_warned_of() {
        for (text, wanted) in [
            ("10.1.0.0/24", &[][..]),
            (
                "10.1.0.5/24",
                &["f: CIDR value \"10.1.0.5/24\" is ambiguous in this context (should be \"10.1.0.0/24\" or \"10.1.0.5/32\"?)"],
            ),
            ("010.1.0.0/24", &["f: non-standard CIDR value \"010.1.0.0/24\" is invalid: use \"10.1.0.0/24\""]),
            ("FE80::/64", &["f: IPv6 CIDR value \"FE80::/64\" should be in RFC 5952 canonical format (\"fe80::/64\")"]),
        ] {
            assert_eq!(warnings("f", text), wanted, "{text}");
        }
    }
}
