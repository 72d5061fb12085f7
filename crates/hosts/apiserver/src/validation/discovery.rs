//! EndpointSlice. Follows kubernetes `pkg/apis/discovery/validation/validation.go`.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, text};
use crate::names::Rule;

const TYPES: &[&str] = &["FQDN", "IPv4", "IPv6"];

/// Checks an EndpointSlice.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let object = subject.object;
    subject.metadata(faults);
    let kind = text(object, "addressType");
    faults.one_of(object, "", "addressType", TYPES);
    for (index, endpoint) in list(object, "endpoints").iter().enumerate() {
        let here = format!("endpoints[{index}]");
        let addresses = list(endpoint, "addresses");
        if addresses.is_empty() {
            faults.required(&format!("{here}.addresses"), "must contain at least 1 address");
        } else if addresses.len() > 100 {
            faults.0.push(schema::Violation::too_many(&format!("{here}.addresses"), addresses.len(), 100));
        }
        for (at, one) in addresses.iter().enumerate() {
            let field = format!("{here}.addresses[{at}]");
            let value = one.as_str().unwrap_or_default();
            match (kind, value.parse::<IpAddr>()) {
                ("IPv4", Ok(IpAddr::V4(_))) | ("IPv6", Ok(IpAddr::V6(_))) => special(&field, value, faults),
                ("IPv4", _) => faults.invalid(&field, one, "must be a valid IPv4 address"),
                ("IPv6", _) => faults.invalid(&field, one, "must be a valid IPv6 address"),
                ("FQDN", _) => faults.name(&field, Rule::Subdomain, value),
                _ => {}
            }
        }
        let host = text(endpoint, "hostname");
        if !host.is_empty() {
            faults.name(&format!("{here}.hostname"), Rule::Label, host);
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for (index, port) in list(object, "ports").iter().enumerate() {
        let here = format!("ports[{index}]");
        let name = text(port, "name");
        if !name.is_empty() {
            faults.name(&format!("{here}.name"), Rule::Label, name);
        }
        if seen.contains(&name) {
            faults.duplicate(&format!("{here}.name"), &json!(name));
        }
        seen.push(name);
        faults.one_of(port, &here, "protocol", &["SCTP", "TCP", "UDP"]);
    }
    if let Some(old) = subject.old {
        faults.immutable(object, old, &["addressType"]);
        subject.metadata_update(faults);
    }
}

/// An address that a service may lead to.
pub(crate) fn address(field: &str, value: &str, faults: &mut Faults) {
    if value.parse::<IpAddr>().is_err() {
        return faults.invalid(field, &json!(value), "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    }
    special(field, value, faults);
}

/// Addresses that mean this machine, none, or many.
fn special(field: &str, value: &str, faults: &mut Faults) {
    let Ok(address) = value.parse::<IpAddr>() else { return };
    let shown: Value = json!(value);
    let local = |address: &IpAddr| match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => (six.segments()[0] & 0xffc0) == 0xfe80,
    };
    let group = |address: &IpAddr| match address {
        IpAddr::V4(four) => four.octets()[..3] == [224, 0, 0],
        IpAddr::V6(six) => (six.segments()[0] & 0xff0f) == 0xff02,
    };
    if address.is_unspecified() {
        faults.invalid(field, &shown, &format!("may not be unspecified ({value})"));
    }
    if address.is_loopback() {
        faults.invalid(field, &shown, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    if local(&address) {
        faults.invalid(field, &shown, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if group(&address) {
        faults.invalid(field, &shown, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}
