//! NetworkPolicy. Follows kubernetes `pkg/apis/networking/validation/validation.go`.

use serde_json::{Value, json};

use super::address::{self, Range};
use super::faults::{Faults, list, set, text};

const RULES: &[(&str, &str)] = &[("ingress", "from"), ("egress", "to")];

/// Checks the spec; ranges that stood in the old one may stay.
pub(crate) fn check(spec: &Value, old: Option<&Value>, faults: &mut Faults) {
    let known = old.map(ranges).unwrap_or_default();
    faults.selector("spec.podSelector", set(spec, "podSelector"));
    for (rules, peers) in RULES {
        for (index, rule) in list(spec, rules).iter().enumerate() {
            for (at, one) in list(rule, "ports").iter().enumerate() {
                port(one, &format!("spec.{rules}[{index}].ports[{at}]"), faults);
            }
            for (at, one) in list(rule, peers).iter().enumerate() {
                peer(one, &known, &format!("spec.{rules}[{index}].{peers}[{at}]"), faults);
            }
        }
    }
    let types = list(spec, "policyTypes");
    if types.len() > 2 {
        return faults.invalid("spec.policyTypes", &json!(types), "may not specify more than two policyTypes");
    }
    for (index, kind) in types.iter().enumerate() {
        if !matches!(kind.as_str(), Some("Ingress" | "Egress")) {
            faults.not_supported(&format!("spec.policyTypes[{index}]"), kind, &["Ingress", "Egress"]);
        }
    }
}

/// Says what is unusual about its ranges.
pub(crate) fn warnings(spec: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (rules, peers) in RULES {
        for (index, rule) in list(spec, rules).iter().enumerate() {
            for (at, block) in list(rule, peers).iter().enumerate().filter_map(|(at, peer)| Some((at, set(peer, "ipBlock")?))) {
                let here = format!("spec.{rules}[{index}].{peers}[{at}].ipBlock");
                found.extend(address::warn_range(&format!("{here}.cidr"), text(block, "cidr")));
                for (number, one) in list(block, "except").iter().enumerate() {
                    found.extend(address::warn_range(&format!("{here}.except[{number}]"), one.as_str().unwrap_or_default()));
                }
            }
        }
    }
    found
}

fn ranges(spec: &Value) -> Vec<&str> {
    let blocks = RULES.iter().flat_map(|(rules, peers)| list(spec, rules).iter().flat_map(|rule| list(rule, peers)));
    let blocks = blocks.filter_map(|peer| set(peer, "ipBlock"));
    blocks.flat_map(|block| std::iter::once(text(block, "cidr")).chain(list(block, "except").iter().filter_map(Value::as_str))).collect()
}

fn port(port: &Value, path: &str, faults: &mut Faults) {
    const PROTOCOLS: &[&str] = &["TCP", "UDP", "SCTP"];
    if let Some(protocol) = set(port, "protocol").filter(|protocol| !PROTOCOLS.contains(&protocol.as_str().unwrap_or_default())) {
        faults.not_supported(&format!("{path}.protocol"), protocol, PROTOCOLS);
    }
    let end = set(port, "endPort");
    let field = format!("{path}.endPort");
    match (set(port, "port"), end) {
        (Some(Value::String(name)), end) => {
            if let Some(end) = end {
                faults.invalid(&field, end, "may not be specified when `port` is non-numeric");
            }
            faults.port_name(&format!("{path}.port"), name);
        }
        (Some(number), end) => {
            faults.port_number(&format!("{path}.port"), number);
            if let Some(end) = end {
                if end.as_i64() < number.as_i64() {
                    // Upstream shows the first port here.
                    faults.invalid(&field, number, "must be greater than or equal to `port`");
                }
                faults.port_number(&field, end);
            }
        }
        (None, Some(end)) => faults.invalid(&field, end, "may not be specified when `port` is not specified"),
        (None, None) => {}
    }
}

fn peer(peer: &Value, known: &[&str], path: &str, faults: &mut Faults) {
    let mut count = 0;
    for selector in ["podSelector", "namespaceSelector"] {
        if let Some(value) = set(peer, selector) {
            count += 1;
            faults.selector(&format!("{path}.{selector}"), Some(value));
        }
    }
    let block = set(peer, "ipBlock");
    if let Some(block) = block {
        count += 1;
        self::block(block, known, &format!("{path}.ipBlock"), faults);
    }
    if count == 0 {
        faults.required(path, "must specify a peer");
    } else if count > 1 && block.is_some() {
        faults.forbidden(path, "may not specify both ipBlock and another peer");
    }
}

fn block(block: &Value, known: &[&str], path: &str, faults: &mut Faults) {
    let whole = text(block, "cidr");
    if whole.is_empty() {
        return faults.required(&format!("{path}.cidr"), "");
    }
    address::check_range(&format!("{path}.cidr"), whole, known, faults);
    let Some(whole) = Range::sloppy(whole) else { return };
    for (index, one) in list(block, "except").iter().enumerate() {
        let field = format!("{path}.except[{index}]");
        let part = one.as_str().unwrap_or_default();
        address::check_range(&field, part, known, faults);
        if Range::sloppy(part).is_some_and(|part| !whole.is_wider_than(part)) {
            faults.invalid(&field, one, "must be a strict subset of `cidr`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(spec: &Value, old: Option<&Value>) -> Vec<String> {
        let mut faults = Faults::default();
        check(spec, old, &mut faults);
        faults.0.iter().map(schema::Violation::sentence).collect()
    }

    fn from(block: &Value) -> Value {
        json!({"podSelector": {}, "ingress": [{"from": [{"ipBlock": block}]}], "policyTypes": ["Ingress"]})
    }

    #[test]
    fn ranges_are_checked_unless_they_were_there() {
        assert!(told(&from(&json!({"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]})), None).is_empty());
        let field = "spec.ingress[0].from[0].ipBlock";
        for (block, wanted) in [
            (json!({}), "cidr: Required value"),
            (
                json!({"cidr": "x", "except": ["y"]}),
                "cidr: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
            ),
            (
                json!({"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}),
                "except[0]: Invalid value: \"10.0.0.0/8\": must be a strict subset of `cidr`",
            ),
            (json!({"cidr": "10.1.0.0/8"}), "cidr: Invalid value: \"10.1.0.0/8\": must not have bits set beyond the prefix length"),
        ] {
            assert_eq!(told(&from(&block), None), [format!("{field}.{wanted}")]);
        }
        let old = from(&json!({"cidr": "10.1.0.0/8"}));
        assert!(told(&old, Some(&old)).is_empty());
        assert_eq!(warnings(&old).len(), 1);
    }

    #[test]
    fn ports_are_checked() {
        let of = |port: Value| json!({"podSelector": {}, "egress": [{"ports": [port]}], "policyTypes": ["Egress"]});
        assert!(told(&of(json!({"port": 80, "endPort": 90, "protocol": "SCTP"})), None).is_empty());
        for (port, wanted) in [
            (json!({"protocol": ""}), "protocol: Unsupported value: \"\": supported values: \"TCP\", \"UDP\", \"SCTP\""),
            (json!({"endPort": 5}), "endPort: Invalid value: 5: may not be specified when `port` is not specified"),
            (json!({"port": "http", "endPort": 5}), "endPort: Invalid value: 5: may not be specified when `port` is non-numeric"),
            (json!({"port": 80, "endPort": 5}), "endPort: Invalid value: 80: must be greater than or equal to `port`"),
        ] {
            assert_eq!(told(&of(port), None), [format!("spec.egress[0].ports[0].{wanted}")]);
        }
    }
}
