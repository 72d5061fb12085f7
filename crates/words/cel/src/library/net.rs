//! Addresses and networks. kubernetes `apiserver/pkg/cel/library/{ip,cidr}.go`.

use std::net::IpAddr;

use crate::library::Outcome;
use crate::value::{EvalError, Value};

/// Reads an address; zones and mapped addresses are refused.
fn address(text: &str) -> Result<IpAddr, EvalError> {
    if text.contains('%') {
        return Err(EvalError::new(format!("IP address {text:?} with zone value is not allowed")));
    }
    let parsed: IpAddr = text.parse().map_err(|_| {
        let why = if text.is_empty() || !text.contains(['.', ':']) { "unable to parse IP" } else { "unexpected character" };
        EvalError::new(format!("IP Address {text:?} parse error during conversion from string: ParseAddr({text:?}): {why}"))
    })?;
    match parsed {
        IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => {
            Err(EvalError::new(format!("IPv4-mapped IPv6 address {text:?} is not allowed")))
        }
        parsed => Ok(parsed),
    }
}

/// Reads a network.
fn network(text: &str) -> Result<(IpAddr, u8), EvalError> {
    let wrong = |why: &str| {
        EvalError::new(format!("network address parse error during conversion from string: netip.ParsePrefix({text:?}): {why}"))
    };
    let (address, bits) = text.split_once('/').ok_or_else(|| wrong("no '/'"))?;
    let parsed: IpAddr = address.parse().map_err(|_| wrong(&format!("ParseAddr({address:?}): unable to parse IP")))?;
    if matches!(parsed, IpAddr::V6(six) if six.to_ipv4_mapped().is_some()) {
        return Err(EvalError::new(format!("IPv4-mapped IPv6 address {text:?} is not allowed")));
    }
    let plain = !bits.is_empty() && bits.bytes().all(|one| one.is_ascii_digit()) && (bits == "0" || !bits.starts_with('0'));
    let number: u8 = bits.parse().ok().filter(|_| plain).ok_or_else(|| wrong(&format!("bad bits after slash: {bits:?}")))?;
    if number > width(&parsed) {
        return Err(wrong("prefix length out of range"));
    }
    Ok((parsed, number))
}

fn width(address: &IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: &IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(four) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((u32::from(*four) & mask).into())
        }
        IpAddr::V6(six) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((u128::from(*six) & mask).into())
        }
    }
}

fn within(network: &IpAddr, bits: u8, address: &IpAddr) -> bool {
    network.is_ipv4() == address.is_ipv4() && masked(network, bits) == masked(address, bits)
}

pub(crate) fn call(function: &str, member: bool, values: &[Value]) -> Option<Outcome> {
    Some(match (function, values) {
        ("ip", [Value::String(text)]) if !member => address(text).map(Value::Ip),
        ("ip", [Value::Cidr(address, _)]) => Ok(Value::Ip(*address)),
        ("isIP", [Value::String(text)]) => Ok(Value::Bool(address(text).is_ok())),
        ("ip.isCanonical", [Value::String(text)]) => address(text).map(|found| Value::Bool(found.to_string() == text.as_ref())),
        ("cidr", [Value::String(text)]) => network(text).map(|(address, bits)| Value::Cidr(address, bits)),
        ("isCIDR", [Value::String(text)]) => Ok(Value::Bool(network(text).is_ok())),
        ("family", [Value::Ip(address)]) => Ok(Value::Int(if address.is_ipv4() { 4 } else { 6 })),
        ("isUnspecified", [Value::Ip(address)]) => Ok(Value::Bool(address.is_unspecified())),
        ("isLoopback", [Value::Ip(address)]) => Ok(Value::Bool(address.is_loopback())),
        ("isLinkLocalMulticast", [Value::Ip(address)]) => Ok(Value::Bool(match address {
            IpAddr::V4(four) => four.octets()[..3] == [224, 0, 0],
            IpAddr::V6(six) => six.segments()[0] & 0xff0f == 0xff02,
        })),
        ("isLinkLocalUnicast", [Value::Ip(address)]) => Ok(Value::Bool(link_local(address))),
        ("isGlobalUnicast", [Value::Ip(address)]) => {
            let broadcast = matches!(address, IpAddr::V4(four) if four.is_broadcast());
            let other = address.is_unspecified() || address.is_loopback() || address.is_multicast() || link_local(address);
            Ok(Value::Bool(!broadcast && !other))
        }
        ("containsIP", [Value::Cidr(network, bits), Value::Ip(address)]) => Ok(Value::Bool(within(network, *bits, address))),
        ("containsIP", [Value::Cidr(network, bits), Value::String(text)]) => {
            address(text).map(|address| Value::Bool(within(network, *bits, &address)))
        }
        ("containsCIDR", [Value::Cidr(network, bits), Value::Cidr(inner, inner_bits)]) => {
            Ok(Value::Bool(inner_bits >= bits && within(network, *bits, inner)))
        }
        ("containsCIDR", [Value::Cidr(outer, bits), Value::String(text)]) => {
            network(text).map(|(inner, inner_bits)| Value::Bool(inner_bits >= *bits && within(outer, *bits, &inner)))
        }
        ("prefixLength", [Value::Cidr(_, bits)]) => Ok(Value::Int(i64::from(*bits))),
        ("masked", [Value::Cidr(address, bits)]) => Ok(Value::Cidr(masked(address, *bits), *bits)),
        _ => return None,
    })
}

fn link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => six.segments()[0] & 0xffc0 == 0xfe80,
    }
}
