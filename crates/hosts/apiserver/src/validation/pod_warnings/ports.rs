//! Ports that get in each other's way. Follows kubernetes `pkg/api/pod/warnings.go`, from `allPorts` on.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::faults::{list, text};
use super::super::pod::every_container;
use super::Said;

struct Port<'a> {
    path: String,
    name: &'a str,
    number: i64,
    host: i64,
    protocol: &'a str,
    address: &'a str,
}

/// So much is said of ports that get in each other's way, which of many could be said in the square of their number; and with
/// so many before it that are the same port a definition is compared.
const MOST: usize = 1_000;

/// Looks at the ports of all containers.
pub(super) fn check(path: &str, spec: &Value, said: &mut Said) {
    let all = ports(path, spec);
    let mut before: HashMap<(i64, &str), Vec<&Port<'_>>> = HashMap::new();
    let begin = said.len();
    for port in &all {
        if !port.address.is_empty() && port.host == 0 {
            let shown = format!(
                "{{Name:{} HostPort:{} ContainerPort:{} Protocol:{} HostIP:{}}}",
                port.name, port.host, port.number, port.protocol, port.address
            );
            said.push(format!("{}: hostIP set without hostPort: {shown}", port.path));
        }
        let others = before.entry((port.number, port.protocol)).or_default();
        let clashes =
            others.iter().filter_map(|other| Some(format!("{}: {} port definition with {}", port.path, clash(port, other)?, other.path)));
        said.extend(clashes.take(MOST.saturating_sub(said.len() - begin)));
        if others.len() < MOST {
            others.push(port);
        }
    }
    let mut names: HashMap<&str, &str> = HashMap::new();
    for port in all.iter().filter(|port| !port.name.is_empty()) {
        if let Some(other) = names.get(port.name) {
            let name = json!(port.name);
            said.push(format!(
                "{}: duplicate port name {name} with {other}, services and probes that select ports by name will use {other}",
                port.path
            ));
        } else {
            names.insert(port.name, &port.path);
        }
    }
}

fn ports<'a>(path: &str, spec: &'a Value) -> Vec<Port<'a>> {
    let of = |(container, path): (&'a Value, String)| {
        list(container, "ports").iter().enumerate().map(move |(index, port)| {
            let number = |field: &str| port.get(field).and_then(Value::as_i64).unwrap_or_default();
            Port {
                path: format!("{path}.ports[{index}]"),
                name: text(port, "name"),
                number: number("containerPort"),
                host: number("hostPort"),
                protocol: text(port, "protocol"),
                address: text(port, "hostIP"),
            }
        })
    };
    every_container(spec, path).flat_map(of).collect()
}

/// Returns how two definitions of one port get in each other's way.
fn clash(one: &Port<'_>, other: &Port<'_>) -> Option<&'static str> {
    if one.address == other.address && one.host == other.host {
        Some("duplicate")
    } else if one.host == 0 || other.host == 0 {
        Some("overlapping")
    } else if one.host == other.host && one.address.is_empty() != other.address.is_empty() {
        Some("dangerously ambiguous")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_ports_in_each_others_way_so_much_is_said() {
        let spec = |ports: Vec<Value>| json!({"containers": [{"name": "c", "ports": ports}]});
        let said = |spec: Value| {
            let mut said = Said::new();
            check("spec", &spec, &mut said);
            said
        };
        let port = |number: usize| json!({"containerPort": number, "protocol": "TCP"});
        let two = said(spec(vec![port(1), port(2), port(1)]));
        assert_eq!(two, ["spec.containers[0].ports[2]: duplicate port definition with spec.containers[0].ports[0]"]);
        assert_eq!(said(spec(vec![port(80); 20_000])).len(), MOST);
        assert_eq!(said(spec((0..20_000).map(port).collect())).len(), 0);
    }
}
