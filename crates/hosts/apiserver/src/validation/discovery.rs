//! EndpointSlice. Follows kubernetes `pkg/apis/discovery/validation/validation.go` and
//! `pkg/registry/discovery/endpointslice/strategy.go`.

use serde_json::{Value, json};

use super::faults::{Faults, list, set, text};
use super::{Subject, address};
use crate::names::{self, Rule};
use crate::object::pairs;

const TYPES: &[&str] = &["FQDN", "IPv4", "IPv6"];
const MOST_ENDPOINTS: usize = 1_000;
const MOST_PORTS: usize = 20_000;
const MOST_ADDRESSES: usize = 100;
const MOST_HINTS: usize = 8;

/// Checks an EndpointSlice; endpoints that an update leaves as they were may be what they are.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let object = subject.object;
    subject.metadata(faults);
    faults.one_of(object, "", "addressType", TYPES);
    ports(list(object, "ports"), faults);
    let kept = subject.old.is_some_and(|old| old.get("endpoints") == object.get("endpoints"));
    if !kept {
        endpoints(object, faults);
    }
    if let Some(old) = subject.old
        && text(old, "addressType") != text(object, "addressType")
    {
        faults.invalid("addressType", &json!(text(object, "addressType")), "field is immutable");
    }
}

/// Says what is unusual about it, unless the server's own controllers wrote it.
pub(crate) fn warnings(subject: &Subject<'_>) -> Vec<String> {
    let object = subject.object;
    let mut found = Vec::new();
    if subject.old.is_none() && text(object, "addressType") == "FQDN" {
        found.push("spec.addressType: FQDN endpoints are deprecated".to_owned());
    }
    let manager = pairs(object, "labels").and_then(|labels| labels.get("endpointslice.kubernetes.io/managed-by")).and_then(Value::as_str);
    if matches!(manager, Some("endpointslice-controller.k8s.io" | "endpointslicemirroring-controller.k8s.io")) {
        return found;
    }
    for (index, endpoint) in list(object, "endpoints").iter().enumerate() {
        for (at, one) in list(endpoint, "addresses").iter().enumerate() {
            found.extend(address::warn(&format!("endpoints[{index}].addresses[{at}]"), one.as_str().unwrap_or_default()));
        }
    }
    found
}

fn ports(ports: &[Value], faults: &mut Faults) {
    faults.at_most("ports", ports, MOST_PORTS);
    let mut seen: Vec<&str> = Vec::new();
    for (index, port) in ports.iter().take(MOST_PORTS).enumerate() {
        let here = format!("ports[{index}]");
        let name = text(port, "name");
        if !name.is_empty() {
            faults.name(&format!("{here}.name"), Rule::Label, name);
        }
        if seen.contains(&name) {
            faults.duplicate(&format!("{here}.name"), &json!(name));
        } else {
            seen.push(name);
        }
        match set(port, "protocol") {
            None => faults.required(&format!("{here}.protocol"), ""),
            Some(protocol) if matches!(protocol.as_str(), Some("SCTP" | "TCP" | "UDP")) => {}
            Some(other) => faults.not_supported(&format!("{here}.protocol"), other, &["SCTP", "TCP", "UDP"]),
        }
        faults.qualified(&format!("{here}.appProtocol"), set(port, "appProtocol"));
    }
}

fn endpoints(object: &Value, faults: &mut Faults) {
    let all = list(object, "endpoints");
    if all.len() > MOST_ENDPOINTS {
        return faults.at_most("endpoints", all, MOST_ENDPOINTS);
    }
    for (index, one) in all.iter().enumerate() {
        endpoint(one, text(object, "addressType"), &format!("endpoints[{index}]"), faults);
    }
}

fn endpoint(endpoint: &Value, kind: &str, path: &str, faults: &mut Faults) {
    let field = format!("{path}.addresses");
    let addresses = list(endpoint, "addresses");
    if addresses.is_empty() {
        faults.required(&field, "must contain at least 1 address");
    }
    faults.at_most(&field, addresses, MOST_ADDRESSES);
    for (at, one) in addresses.iter().enumerate() {
        one_address(one.as_str().unwrap_or_default(), kind, &field, at, faults);
    }
    if let Some(node) = set(endpoint, "nodeName").and_then(Value::as_str) {
        faults.name(&format!("{path}.nodeName"), Rule::Subdomain, node);
    }
    if let Some(host) = set(endpoint, "hostname").and_then(Value::as_str) {
        faults.name(&format!("{path}.hostname"), Rule::Label, host);
    }
    if let Some(hints) = set(endpoint, "hints") {
        self::hints(hints, &format!("{path}.hints"), faults);
    }
}

fn one_address(value: &str, kind: &str, list: &str, at: usize, faults: &mut Faults) {
    let field = format!("{list}[{at}]");
    let of_family = |is_ipv4: bool, faults: &mut Faults| {
        if address::sloppy(value).is_some_and(|address| address.is_ipv4() != is_ipv4) {
            // Upstream names the list.
            faults.invalid(list, &json!(value), if is_ipv4 { "must be an IPv4 address" } else { "must be an IPv6 address" });
        }
        address::check_endpoint(&field, value, faults);
    };
    match kind {
        "IPv4" if address::check(&field, value, &[], faults) => of_family(true, faults),
        "IPv6" => match address::canonical_fault(value) {
            Some(why) => faults.invalid(&field, &json!(value), &why),
            None => of_family(false, faults),
        },
        "FQDN" => domain(&field, value, faults),
        _ => {}
    }
}

/// A name with at least two parts. Follows AM `pkg/util/validation/validation.go` `IsFullyQualifiedDomainName`.
fn domain(field: &str, name: &str, faults: &mut Faults) {
    if name.is_empty() {
        return faults.required(field, "");
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let wrong = names::faults(Rule::Subdomain, name);
    if !wrong.is_empty() {
        return faults.invalid(field, &json!(name), &wrong.join(","));
    }
    if !name.contains('.') {
        return faults.invalid(field, &json!(name), "should be a domain with at least two segments separated by dots");
    }
    let part = name.split('.').map(|part| (part, names::faults(Rule::Label, part))).find(|(_, wrong)| !wrong.is_empty());
    if let Some((part, wrong)) = part {
        faults.invalid(field, &json!(part), &wrong.join(","));
    }
}

fn hints(hints: &Value, path: &str, faults: &mut Faults) {
    for name in ["forZones", "forNodes"] {
        let field = format!("{path}.{name}");
        let all = list(hints, name);
        if all.len() > MOST_HINTS {
            return faults.at_most(&field, all, MOST_HINTS);
        }
        let mut seen: Vec<&str> = Vec::new();
        for (index, one) in all.iter().enumerate() {
            let (place, value) = (format!("{field}[{index}].name"), text(one, "name"));
            if seen.contains(&value) {
                faults.duplicate(&place, &json!(value));
            } else {
                seen.push(value);
            }
            let wrong = if name == "forZones" { names::value_faults(value) } else { names::faults(Rule::Subdomain, value) };
            wrong.iter().for_each(|why| faults.invalid(&place, &json!(value), why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &str, one: Value) -> Vec<String> {
        let mut faults = Faults::default();
        endpoints(&json!({"addressType": kind, "endpoints": [one]}), &mut faults);
        faults.0.iter().map(schema::Violation::sentence).collect()
    }

    #[test]
    fn addresses_are_of_their_type() {
        for (kind, address, wanted) in [
            ("IPv4", "10.1.2.3", None),
            ("IPv6", "2001:db8::1", None),
            ("FQDN", "a.b", None),
            ("IPv4", "a/b", Some("[0]: Invalid value: \"a/b\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")),
            ("IPv4", "2001:db8::1", Some(": Invalid value: \"2001:db8::1\": must be an IPv4 address")),
            ("IPv6", "2001:DB8::1", Some("[0]: Invalid value: \"2001:DB8::1\": must be in canonical form (\"2001:db8::1\")")),
            ("FQDN", "a", Some("[0]: Invalid value: \"a\": should be a domain with at least two segments separated by dots")),
        ] {
            let wanted: Vec<String> = wanted.into_iter().map(|wanted| format!("endpoints[0].addresses{wanted}")).collect();
            assert_eq!(told(kind, json!({"addresses": [address]})), wanted);
        }
        assert_eq!(told("IPv4", json!({})), ["endpoints[0].addresses: Required value: must contain at least 1 address"]);
    }

    #[test]
    fn hints_are_few_and_different() {
        let zones = |names: &[&str]| {
            let names: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
            told("IPv4", json!({"addresses": ["10.1.2.3"], "hints": {"forZones": names}}))
        };
        assert!(zones(&["a", "b"]).is_empty());
        assert_eq!(zones(&["a", "a"]), ["endpoints[0].hints.forZones[1].name: Duplicate value: \"a\""]);
        assert_eq!(zones(&["a"; 9]), ["endpoints[0].hints.forZones: Too many: 9: must have at most 8 items"]);
    }
}
