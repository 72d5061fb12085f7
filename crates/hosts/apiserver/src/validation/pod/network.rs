//! How a Pod is called on the network and finds others there.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `validatePodHostNetworkDeps`, `validatePodDNSConfig`,
//! `validatePodHostName`, `ValidateHostAliases`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use super::super::faults::{Faults, list, or_null, set, text};
use super::is_true;
use crate::names::Rule;

const SERVERS: usize = 3;
const SEARCHES: usize = 32;
/// So many characters all search paths may have together.
const SEARCH_LENGTH: usize = 2048;
/// So many characters a name that overrides all others may have.
const LONGEST_NAME: usize = 64;

/// On the host's network a container's port is the host's; a template may leave it open, it is filled in when the Pod is made.
pub(super) fn host_ports(spec: &Value, in_pod: bool, path: &str, faults: &mut Faults) {
    if !is_true(spec, "hostNetwork") {
        return;
    }
    for (index, container) in list(spec, "containers").iter().enumerate() {
        for (number, port) in list(container, "ports").iter().enumerate() {
            let of = |name: &str| port.get(name).and_then(Value::as_i64).unwrap_or_default();
            if (in_pod || of("hostPort") != 0) && of("hostPort") != of("containerPort") {
                let field = format!("{path}.containers[{index}].ports[{number}].hostPort");
                faults.invalid(&field, &json!(of("hostPort")), "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

/// Checks how a Pod finds names.
pub(super) fn dns(spec: &Value, path: &str, faults: &mut Faults) {
    let here = format!("{path}.dnsConfig");
    let config = set(spec, "dnsConfig");
    if text(spec, "dnsPolicy") == "None" {
        let Some(config) = config else {
            return faults.required(&here, "must provide `dnsConfig` when `dnsPolicy` is None");
        };
        if list(config, "nameservers").is_empty() {
            let why = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            return faults.required(&format!("{here}.nameservers"), why);
        }
    }
    let Some(config) = config else { return };
    let servers = list(config, "nameservers");
    if servers.len() > SERVERS {
        faults.invalid(&format!("{here}.nameservers"), &json!(servers), "must not have more than 3 nameservers");
    }
    for (index, server) in servers.iter().enumerate() {
        address(server.as_str().unwrap_or_default(), &format!("{here}.nameservers[{index}]"), faults);
    }
    searches(config, &format!("{here}.searches"), faults);
    for (index, option) in list(config, "options").iter().enumerate() {
        if text(option, "name").is_empty() {
            faults.required(&format!("{here}.options[{index}]"), "must not be empty");
        }
    }
}

fn searches(config: &Value, path: &str, faults: &mut Faults) {
    const FORM: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
    let searches: Vec<&str> = list(config, "searches").iter().filter_map(Value::as_str).collect();
    let shown = or_null(config, &["searches"]);
    if searches.len() > SEARCHES {
        faults.invalid(path, shown, "must not have more than 32 search paths");
    }
    if searches.join(" ").len() > SEARCH_LENGTH {
        faults.invalid(path, shown, "must not have more than 2048 characters (including spaces) in the search list");
    }
    for (index, search) in searches.iter().enumerate().filter(|(_, search)| **search != ".") {
        let (search, field) = (search.strip_suffix('.').unwrap_or(search), format!("{path}[{index}]"));
        if search.len() > 253 {
            faults.invalid(&field, &json!(search), "must be no more than 253 characters");
        }
        if !search.split('.').all(is_search_label) {
            faults.invalid(&field, &json!(search), FORM);
        }
    }
}

fn is_search_label(label: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = label.strip_prefix('_').unwrap_or(label).as_bytes();
    let (Some(first), Some(last)) = (label.first(), label.last()) else { return false };
    lower(*first) && lower(*last) && label.iter().all(|byte| lower(*byte) || matches!(byte, b'-' | b'_'))
}

/// An address, in no form that others might read differently. Follows apimachinery `pkg/util/validation/ip.go` `parseIP`.
fn address(value: &str, field: &str, faults: &mut Faults) {
    let why = match (parse_address(value), value.parse::<IpAddr>()) {
        (None, _) => "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        (Some(_), Err(_)) => "must not have leading 0s",
        (Some(_), Ok(IpAddr::V6(address))) if address.to_ipv4_mapped().is_some() => "must not be an IPv4-mapped IPv6 address",
        (Some(_), Ok(_)) => return,
    };
    faults.invalid(field, &json!(value), why);
}

/// Reads an address as old versions did: numbers may have zeros in front. Follows `k8s.io/utils/net` `ParseIPSloppy`.
fn parse_address(text: &str) -> Option<IpAddr> {
    let (start, last) = text.rsplit_once(':').map_or(("", text), |(start, last)| (start, last));
    let plain = if last.contains('.') { plain_v4(last)? } else { last.to_owned() };
    match start {
        "" if !text.contains(':') => plain.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        _ => format!("{start}:{plain}").parse::<Ipv6Addr>().ok().map(IpAddr::V6),
    }
}

fn plain_v4(text: &str) -> Option<String> {
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u8>().ok()).flatten();
    let numbers: Option<Vec<String>> = text.split('.').map(|part| Some(number(part)?.to_string())).collect();
    Some(numbers?.join("."))
}

/// Checks the name that a Pod is called by, whatever else names it.
pub(super) fn hostname_override(spec: &Value, path: &str, faults: &mut Faults) {
    let Some(name) = set(spec, "hostnameOverride").and_then(Value::as_str) else { return };
    let field = format!("{path}.hostnameOverride");
    if is_true(spec, "setHostnameAsFQDN") {
        faults.forbidden(&field, "may not be specified when setHostnameAsFQDN is true");
    }
    if is_true(spec, "hostNetwork") {
        faults.forbidden(&field, "may not be specified when hostNetwork is true");
    }
    if name.len() > LONGEST_NAME {
        faults.too_long(&field, LONGEST_NAME as u64);
    }
    faults.name(&field, Rule::Subdomain, name);
}

/// Checks the names that a Pod gives to addresses.
pub(super) fn aliases(spec: &Value, path: &str, faults: &mut Faults) {
    for (index, alias) in list(spec, "hostAliases").iter().enumerate() {
        let here = format!("{path}.hostAliases[{index}]");
        address(text(alias, "ip"), &format!("{here}.ip"), faults);
        for (number, name) in list(alias, "hostnames").iter().filter_map(Value::as_str).enumerate() {
            faults.name(&format!("{here}.hostnames[{number}]"), Rule::Subdomain, name);
        }
    }
}
