//! Service. Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidateService`.

use serde_json::{Value, json};

use super::Subject;
use super::faults::{Faults, list, set, text};
use crate::names::Rule;

/// Checks a Service.
pub(crate) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    subject.metadata_update(faults);
    if let Some(old) = subject.old {
        changed(subject.object, old, faults);
    }
    subject.metadata(faults);
    let spec = subject.spec();
    let kind = text(spec, "type");
    let headless = text(spec, "clusterIP") == "None";
    let ports = list(spec, "ports");
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            faults.invalid("spec.clusterIPs[0]", &json!("None"), &format!("may not be set to 'None' for {kind} services"));
        }
        "ExternalName" => external_name(spec, faults),
        _ => {}
    }
    if ports.is_empty() && !headless && kind != "ExternalName" {
        faults.required("spec.ports", "");
    }
    let mut names: Vec<&str> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        one_port(port, ports.len() > 1, &format!("spec.ports[{index}]"), &mut names, faults);
    }
    faults.labels("spec.selector", set(spec, "selector"));
    match text(spec, "sessionAffinity") {
        "" => faults.required("spec.sessionAffinity", ""),
        "ClientIP" | "None" => {}
        other => faults.not_supported("spec.sessionAffinity", &json!(other), &["ClientIP", "None"]),
    }
    for (index, address) in list(spec, "externalIPs").iter().enumerate() {
        super::discovery::address(&format!("spec.externalIPs[{index}]"), address.as_str().unwrap_or_default(), faults);
    }
    if kind.is_empty() {
        faults.required("spec.type", "");
    } else if !matches!(kind, "ClusterIP" | "ExternalName" | "LoadBalancer" | "NodePort") {
        faults.not_supported("spec.type", &json!(kind), &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    }
    duplicates(ports, faults);
    node_ports(spec, kind, faults);
    policies(spec, kind, faults);
    let address = text(spec, "clusterIP");
    if !matches!(address, "" | "None") && kind != "ExternalName" && address.parse::<std::net::IpAddr>().is_err() {
        let why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        faults.invalid("spec.clusterIPs[0]", &json!(address), why);
    }
}

fn external_name(spec: &Value, faults: &mut Faults) {
    if !text(spec, "clusterIP").is_empty() {
        faults.forbidden("spec.clusterIPs", "may not be set for ExternalName services");
    }
    let name = text(spec, "externalName").trim_end_matches('.');
    if name.is_empty() {
        faults.required("spec.externalName", "");
    } else {
        faults.name("spec.externalName", Rule::Subdomain, name);
    }
}

fn one_port<'a>(port: &'a Value, named: bool, path: &str, seen: &mut Vec<&'a str>, faults: &mut Faults) {
    let name = text(port, "name");
    if named && name.is_empty() {
        faults.required(&format!("{path}.name"), "");
    } else if !name.is_empty() {
        faults.name(&format!("{path}.name"), Rule::Label, name);
        if seen.contains(&name) {
            faults.duplicate(&format!("{path}.name"), &json!(name));
        }
        seen.push(name);
    }
    faults.port_number(&format!("{path}.port"), port.get("port").unwrap_or(&json!(0)));
    faults.one_of(port, path, "protocol", &["SCTP", "TCP", "UDP"]);
    let target = port.get("targetPort").unwrap_or(&Value::Null);
    if !target.is_null() {
        faults.port(&format!("{path}.targetPort"), target);
    }
    let protocol = text(port, "appProtocol");
    if !protocol.is_empty() {
        crate::names::key_faults(protocol).iter().for_each(|why| faults.invalid(&format!("{path}.appProtocol"), &json!(protocol), why));
    }
}

fn duplicates(ports: &[Value], faults: &mut Faults) {
    let mut seen: Vec<(&Value, &str)> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let key = (port.get("port").unwrap_or(&Value::Null), text(port, "protocol"));
        if seen.contains(&key) {
            let shown = format!("{{\"protocol\":{},\"port\":{}}}", json!(key.1), key.0);
            let text = format!("Duplicate value: {shown}");
            faults.0.push(schema::Violation { field: format!("spec.ports[{index}]"), cause: schema::Cause::Duplicate, text });
        }
        seen.push(key);
    }
}

fn node_ports(spec: &Value, kind: &str, faults: &mut Faults) {
    let mut seen: Vec<(&Value, &str)> = Vec::new();
    for (index, port) in list(spec, "ports").iter().enumerate() {
        let Some(number) = set(port, "nodePort").filter(|number| **number != json!(0)) else { continue };
        let field = format!("spec.ports[{index}].nodePort");
        if matches!(kind, "ClusterIP" | "ExternalName") {
            faults.forbidden(&field, &format!("may not be used when `type` is '{kind}'"));
            continue;
        }
        if seen.contains(&(number, text(port, "protocol"))) {
            faults.duplicate(&field, number);
        }
        seen.push((number, text(port, "protocol")));
        if !number.as_i64().is_some_and(|number| (30000..=32767).contains(&number)) {
            faults.invalid(&field, number, "provided port is not in the valid range. The range of valid ports is 30000-32767");
        }
    }
}

fn policies(spec: &Value, kind: &str, faults: &mut Faults) {
    let external = text(spec, "externalTrafficPolicy");
    if !external.is_empty() {
        if !matches!(kind, "NodePort" | "LoadBalancer") && list(spec, "externalIPs").is_empty() {
            faults.invalid("spec.externalTrafficPolicy", &json!(external), "may only be set for externally-accessible services");
        } else if !matches!(external, "Cluster" | "Local") {
            faults.not_supported("spec.externalTrafficPolicy", &json!(external), &["Cluster", "Local"]);
        }
    }
    let internal = text(spec, "internalTrafficPolicy");
    if !internal.is_empty() && !matches!(internal, "Cluster" | "Local") {
        faults.not_supported("spec.internalTrafficPolicy", &json!(internal), &["Cluster", "Local"]);
    }
    let families = text(spec, "ipFamilyPolicy");
    if !matches!(families, "" | "SingleStack" | "PreferDualStack" | "RequireDualStack") {
        let known = ["PreferDualStack", "RequireDualStack", "SingleStack"];
        faults.not_supported("spec.ipFamilyPolicy", &json!(families), &known);
    } else if families == "RequireDualStack" {
        faults.invalid("spec.ipFamilyPolicy", &json!(families), "this cluster is not configured for dual-stack services");
    }
    for (index, family) in list(spec, "ipFamilies").iter().enumerate() {
        match family.as_str().unwrap_or_default() {
            "IPv4" => {}
            "IPv6" => faults.invalid(&format!("spec.ipFamilies[{index}]"), family, "not configured on this cluster"),
            other => faults.not_supported(&format!("spec.ipFamilies[{index}]"), &json!(other), &["IPv4", "IPv6"]),
        }
    }
    let distribution = text(spec, "trafficDistribution");
    if !matches!(distribution, "" | "PreferClose" | "PreferSameNode" | "PreferSameZone") {
        let known = ["PreferClose", "PreferSameNode", "PreferSameZone"];
        faults.not_supported("spec.trafficDistribution", &json!(distribution), &known);
    }
    let local = kind == "LoadBalancer" && external == "Local";
    if let Some(port) = set(spec, "healthCheckNodePort").filter(|port| **port != json!(0) && !local) {
        let why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        faults.invalid("spec.healthCheckNodePort", port, why);
    }
    if kind != "LoadBalancer" {
        if set(spec, "allocateLoadBalancerNodePorts").is_some() {
            faults.forbidden("spec.allocateLoadBalancerNodePorts", "may only be used when `type` is 'LoadBalancer'");
        }
        if !text(spec, "loadBalancerClass").is_empty() {
            faults.forbidden("spec.loadBalancerClass", "may only be used when `type` is 'LoadBalancer'");
        }
        if !list(spec, "loadBalancerSourceRanges").is_empty() {
            faults.forbidden("spec.loadBalancerSourceRanges", "may only be used when `type` is 'LoadBalancer'");
        }
    }
}

/// The address of a service stays, except from or to a name outside.
fn changed(object: &Value, old: &Value, faults: &mut Faults) {
    let spec = |service: &Value| service.get("spec").cloned().unwrap_or_default();
    let (now, before) = (spec(object), spec(old));
    let outside = |spec: &Value| text(spec, "type") == "ExternalName";
    let address = text(&before, "clusterIP");
    if outside(&now) || outside(&before) || address.is_empty() {
        return;
    }
    if text(&now, "clusterIP") != address {
        let shown = list(&now, "clusterIPs").to_vec();
        faults.invalid("spec.clusterIPs[0]", &json!(shown), "may not change once set");
    }
}
