//! Endpoints. Follows kubernetes `pkg/apis/core/validation/validation.go` and `pkg/registry/core/endpoint/strategy.go`.

use serde_json::Value;

use super::faults::{Faults, list, set, text};
use super::{Subject, address};
use crate::names::Rule;
use crate::object::pairs;

const ADDRESSES: &[&str] = &["addresses", "notReadyAddresses"];

/// Checks the subsets, which an update may leave as they were, whatever they are.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    if subject.old.is_some_and(|old| old.get("subsets") == subject.object.get("subsets")) {
        return;
    }
    for (index, one) in list(subject.object, "subsets").iter().enumerate() {
        subset(one, &format!("subsets[{index}]"), faults);
    }
}

/// Says which addresses are unusual, unless the server's own controller wrote them.
pub(crate) fn warnings(object: &Value) -> Vec<String> {
    let manager = pairs(object, "labels").and_then(|labels| labels.get("endpoints.kubernetes.io/managed-by")).and_then(Value::as_str);
    if manager == Some("endpoint-controller") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, subset) in list(object, "subsets").iter().enumerate() {
        for name in ADDRESSES {
            let each = list(subset, name).iter().enumerate();
            found.extend(each.filter_map(|(at, one)| address::warn(&format!("subsets[{index}].{name}[{at}].ip"), text(one, "ip"))));
        }
    }
    found
}

fn subset(subset: &Value, path: &str, faults: &mut Faults) {
    if ADDRESSES.iter().all(|name| list(subset, name).is_empty()) {
        faults.required(path, "must specify `addresses` or `notReadyAddresses`");
    }
    for name in ADDRESSES {
        for (at, one) in list(subset, name).iter().enumerate() {
            one_address(one, &format!("{path}.{name}[{at}]"), faults);
        }
    }
    let ports = list(subset, "ports");
    for (at, one) in ports.iter().enumerate() {
        port(one, ports.len() > 1, &format!("{path}.ports[{at}]"), faults);
    }
}

fn one_address(one: &Value, path: &str, faults: &mut Faults) {
    let (field, ip) = (format!("{path}.ip"), text(one, "ip"));
    address::check(&field, ip, &[], faults);
    let host = text(one, "hostname");
    if !host.is_empty() {
        faults.name(&format!("{path}.hostname"), Rule::Label, host);
    }
    if let Some(node) = set(one, "nodeName").and_then(Value::as_str) {
        faults.name(&format!("{path}.nodeName"), Rule::Subdomain, node);
    }
    address::check_endpoint(&field, ip, faults);
}

fn port(port: &Value, named: bool, path: &str, faults: &mut Faults) {
    let name = text(port, "name");
    if named && name.is_empty() {
        faults.required(&format!("{path}.name"), "");
    } else if !name.is_empty() {
        faults.name(&format!("{path}.name"), Rule::Label, name);
    }
    faults.port_number(&format!("{path}.port"), port.get("port").unwrap_or(&Value::Null));
    faults.one_of(port, path, "protocol", &["SCTP", "TCP", "UDP"]);
    faults.qualified(&format!("{path}.appProtocol"), set(port, "appProtocol"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(one: &Value) -> Vec<String> {
        let mut faults = Faults::default();
        subset(one, "s", &mut faults);
        faults.0.iter().map(schema::Violation::sentence).collect()
    }

    #[test]
    fn subsets_have_addresses_and_ports() {
        let valid =
            json!({"addresses": [{"ip": "10.1.2.3", "hostname": "h", "nodeName": "a.b"}], "ports": [{"port": 80, "protocol": "TCP"}]});
        assert!(told(&valid).is_empty());
        let wrong =
            json!({"addresses": [{"ip": "v1"}, {"ip": "127.0.0.1"}], "ports": [{"port": 80, "protocol": "TCP", "appProtocol": "a/b/c"}]});
        let wrong = told(&wrong);
        assert_eq!(wrong[0], "s.addresses[0].ip: Invalid value: \"v1\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
        assert_eq!(wrong[1], "s.addresses[0].ip: Invalid value: \"v1\": must be a valid IP address");
        assert_eq!(wrong[2], "s.addresses[1].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)");
        assert!(wrong[3].starts_with("s.ports[0].appProtocol: Invalid value: \"a/b/c\": a valid label key must consist of"));
        assert_eq!(told(&json!({})), ["s: Required value: must specify `addresses` or `notReadyAddresses`"]);
    }
}
