//! Ports of a Service. Follows kubernetes `pkg/apis/core/validation/validation.go`.

use serde_json::{Value, json};

use super::faults::{Faults, list, set, text};
use crate::names::Rule;

fn node_port(port: &Value) -> Option<&Value> {
    set(port, "nodePort").filter(|number| **number != json!(0))
}

/// Checks each port.
pub(super) fn check(spec: &Value, faults: &mut Faults) {
    let (ports, mut names) = (list(spec, "ports"), Vec::new());
    for (index, port) in ports.iter().enumerate() {
        one(port, ports.len() > 1, &format!("spec.ports[{index}]"), &mut names, faults);
    }
}

fn one<'a>(port: &'a Value, named: bool, path: &str, seen: &mut Vec<&'a str>, faults: &mut Faults) {
    let (name, field) = (text(port, "name"), format!("{path}.name"));
    if named && name.is_empty() {
        faults.required(&field, "");
    } else if !name.is_empty() {
        faults.name(&field, Rule::Label, name);
        if seen.contains(&name) {
            faults.duplicate(&field, &json!(name));
        }
        seen.push(name);
    }
    faults.port_number(&format!("{path}.port"), port.get("port").unwrap_or(&json!(0)));
    faults.one_of(port, path, "protocol", &["SCTP", "TCP", "UDP"]);
    faults.port(&format!("{path}.targetPort"), set(port, "targetPort").unwrap_or(&json!(0)));
    faults.qualified(&format!("{path}.appProtocol"), set(port, "appProtocol"));
}

/// Checks the ports against each other and the type.
pub(super) fn compare(spec: &Value, faults: &mut Faults) {
    let ports = list(spec, "ports");
    let field = |index: usize| format!("spec.ports[{index}]");
    if text(spec, "type") == "ClusterIP" {
        for (index, _) in ports.iter().enumerate().filter(|(_, port)| node_port(port).is_some()) {
            faults.forbidden(&format!("{}.nodePort", field(index)), "may not be used when `type` is 'ClusterIP'");
        }
    }
    let mut seen = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let Some(number) = node_port(port) else { continue };
        let key = (number, text(port, "protocol"));
        if seen.contains(&key) {
            faults.duplicate(&format!("{}.nodePort", field(index)), number);
        }
        seen.push(key);
    }
    seen.clear();
    for (index, port) in ports.iter().enumerate() {
        let key = (port.get("port").unwrap_or(&Value::Null), text(port, "protocol"));
        if seen.contains(&key) {
            faults.0.push(twice(field(index), key.1, key.0));
        }
        seen.push(key);
    }
}

/// Upstream shows a whole port of the struct inside the server, which has no names of its own for JSON.
fn twice(field: String, protocol: &str, port: &Value) -> schema::Violation {
    let shown =
        format!("{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{port},\"TargetPort\":0,\"NodePort\":0}}", json!(protocol));
    schema::Violation { field, cause: schema::Cause::Duplicate, text: format!("Duplicate value: {shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_named_and_different() {
        let told = |ports: Value| {
            let (mut faults, spec) = (Faults::default(), json!({"type": "ClusterIP", "ports": ports}));
            check(&spec, &mut faults);
            compare(&spec, &mut faults);
            faults.0.iter().map(|one| one.sentence().replacen("spec.ports", "", 1)).collect::<Vec<_>>()
        };
        let port = |name: &str, number: i64| json!({"name": name, "port": number, "protocol": "TCP", "targetPort": number});
        assert!(told(json!([port("", 80)])).is_empty());
        assert!(told(json!([port("a", 80), port("b", 81)])).is_empty());
        assert_eq!(told(json!([port("", 80), port("b", 81)])), ["[0].name: Required value"]);
        assert_eq!(told(json!([port("a", 80), port("a", 81)])), ["[1].name: Duplicate value: \"a\""]);
        let twice = "{\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\"TargetPort\":0,\"NodePort\":0}";
        assert_eq!(told(json!([port("a", 80), port("b", 80)])), [format!("[1]: Duplicate value: {twice}")]);
        let node = json!([{"port": 80, "protocol": "TCP", "targetPort": "http", "nodePort": 30000}]);
        assert_eq!(told(node), ["[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]);
    }
}
