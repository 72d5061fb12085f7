//! What a load balancer tells of itself in the status of a Service or an Ingress. Follows kubernetes
//! `pkg/apis/core/validation/validation.go` `ValidateLoadBalancerStatus` and
//! `pkg/apis/networking/validation/validation.go` `ValidateIngressLoadBalancerStatus`.

use serde_json::{Value, json};

use super::faults::{Faults, at, list, set, text};
use super::{Subject, address};
use crate::names::Rule;

const FIELD: &str = "status.loadBalancer.ingress";

/// Where a load balancer is reached.
fn places(object: &Value) -> &[Value] {
    at(object, &["status", "loadBalancer"]).map(|status| list(status, "ingress")).unwrap_or_default()
}

/// Checks the status of a Service, where an address also says how it is reached.
pub(super) fn of_service(subject: &Subject<'_>, faults: &mut Faults) {
    let places = places(subject.object);
    if text(subject.spec(), "type") != "LoadBalancer" && !places.is_empty() {
        return faults.forbidden(FIELD, "may only be used when `spec.type` is 'LoadBalancer'");
    }
    for (index, one) in places.iter().enumerate() {
        let here = format!("{FIELD}[{index}]");
        ip(one, subject.old, &here, faults);
        mode(one, &format!("{here}.ipMode"), faults);
        host(one, &here, faults);
    }
}

/// Checks the status of an Ingress.
pub(super) fn of_ingress(subject: &Subject<'_>, faults: &mut Faults) {
    for (index, one) in places(subject.object).iter().enumerate() {
        let here = format!("{FIELD}[{index}]");
        ip(one, subject.old, &here, faults);
        host(one, &here, faults);
    }
}

/// Says which addresses are unusual.
pub(super) fn warnings(object: &Value) -> Vec<String> {
    let each = places(object).iter().enumerate();
    each.filter_map(|(index, one)| address::warn(&format!("{FIELD}[{index}]"), text(one, "ip"))).collect()
}

fn ip(one: &Value, old: Option<&Value>, path: &str, faults: &mut Faults) {
    let ip = text(one, "ip");
    if !ip.is_empty() {
        let known: Vec<&str> = old.map(|old| places(old).iter().map(|one| text(one, "ip")).collect()).unwrap_or_default();
        address::check(&format!("{path}.ip"), ip, &known, faults);
    }
}

fn mode(one: &Value, field: &str, faults: &mut Faults) {
    match (text(one, "ip"), set(one, "ipMode")) {
        ("", None) => {}
        (_, None) => faults.required(field, "must be specified when `ip` is set"),
        ("", Some(_)) => faults.forbidden(field, "may not be specified when `ip` is not set"),
        (_, Some(mode)) if matches!(mode.as_str(), Some("Proxy" | "VIP")) => {}
        (_, Some(mode)) => faults.not_supported(field, mode, &["Proxy", "VIP"]),
    }
}

fn host(one: &Value, path: &str, faults: &mut Faults) {
    let (name, field) = (text(one, "hostname"), format!("{path}.hostname"));
    if name.is_empty() {
        return;
    }
    faults.name(&field, Rule::Subdomain, name);
    if address::sloppy(name).is_some() {
        faults.invalid(&field, &json!(name), "must be a DNS name, not an IP address");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_an_address_or_a_name() {
        for (place, wanted) in [
            (json!({"ip": "1.2.3.4", "ipMode": "VIP"}), None),
            (json!({"hostname": "a.b"}), None),
            (json!({"ip": "1.2.3.4"}), Some("p.ipMode: Required value: must be specified when `ip` is set")),
            (json!({"hostname": "a", "ipMode": "VIP"}), Some("p.ipMode: Forbidden: may not be specified when `ip` is not set")),
            (json!({"ip": "1.2.3.4", "ipMode": "No"}), Some("p.ipMode: Unsupported value: \"No\": supported values: \"Proxy\", \"VIP\"")),
            (json!({"hostname": "1.2.3.4"}), Some("p.hostname: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address")),
        ] {
            let mut faults = Faults::default();
            ip(&place, None, "p", &mut faults);
            mode(&place, "p.ipMode", &mut faults);
            host(&place, "p", &mut faults);
            assert_eq!(faults.0.iter().map(schema::Violation::sentence).next().as_deref(), wanted);
        }
    }
}
