//! The kinds of `networking.k8s.io`. Follows kubernetes `pkg/apis/networking/validation/validation.go`: when they check their
//! metadata.

use super::faults::Faults;
use super::{Subject, ingress, ingress_class, ip_address, network_policy, service_cidr};

/// Checks an object of these kinds.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let kind = subject.resource.kind.as_str();
    if kind == "IPAddress" {
        return ip_address::check(subject, faults);
    }
    subject.metadata_update(faults);
    if kind == "Ingress" || subject.old.is_none() {
        subject.metadata(faults);
    }
    let old = subject.old.map(|old| old.get("spec").unwrap_or(&serde_json::Value::Null));
    match kind {
        "NetworkPolicy" => network_policy::check(subject.spec(), old, faults),
        "Ingress" => ingress::check(subject, faults),
        "IngressClass" => ingress_class::check(subject, faults),
        "ServiceCIDR" => service_cidr::check(subject.spec(), old, faults),
        _ => {}
    }
}
