//! What `kubectl get` shows of Kubernetes' own kinds. Follows kubernetes `pkg/printers/internalversion/printers.go`.

use model::Timestamp;
use serde_json::{Value, json};

use crate::catalog::Resource;
use crate::object::{meta, parse_time};

mod more;
mod pod;

/// One cell with what its column says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub name: String,
    pub kind: String,
    pub format: String,
    pub description: String,
    pub priority: i64,
    pub value: Value,
}

impl Cell {
    /// Returns the name.
    pub fn name(object: &Value) -> Self {
        Self { format: "name".to_owned(), ..text("Name", meta(object, "name")) }
    }

    /// Returns the age.
    pub fn age(object: &Value, now: Timestamp) -> Self {
        text("Age", &since(meta(object, "creationTimestamp"), now))
    }

    fn wide(mut self) -> Self {
        self.priority = 1;
        self
    }
}

fn text(name: &str, value: &str) -> Cell {
    Cell {
        name: name.to_owned(),
        kind: "string".to_owned(),
        format: String::new(),
        description: String::new(),
        priority: 0,
        value: json!(value),
    }
}

fn number(name: &str, value: i64) -> Cell {
    Cell { kind: "integer".to_owned(), value: json!(value), ..text(name, "") }
}

/// Returns how long ago something was.
fn since(time: &str, now: Timestamp) -> String {
    parse_time(time).map_or_else(|| "<unknown>".to_owned(), |time| duration(now.as_second() - time.as_second()))
}

/// Returns a number of seconds as people read it: `5m30s`, `3d4h`.
pub(crate) fn duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let two = |large: i64, unit: &str, small: i64, part: &str| {
        if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{part}") }
    };
    match () {
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 24 * 8 => two(hours / 24, "d", hours % 24, "h"),
        () if hours < 24 * 365 * 2 => format!("{}d", hours / 24),
        () if hours < 24 * 365 * 8 => two(hours / 24 / 365, "y", hours / 24 % 365, "d"),
        () => format!("{}y", hours / 24 / 365),
    }
}

fn str_at<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn int_at(object: &Value, path: &str) -> i64 {
    object.pointer(path).and_then(Value::as_i64).unwrap_or(0)
}

fn list_at<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn or<'a>(value: &'a str, instead: &'a str) -> &'a str {
    if value.is_empty() { instead } else { value }
}

/// Returns the cells of an object; those of nothing still name the columns.
pub(crate) fn cells(resource: &Resource, object: &Value, now: Timestamp) -> Vec<Cell> {
    let name = Cell::name(object);
    let age = Cell::age(object, now);
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => pod::cells(object, now),
        ("apps", "Deployment") => {
            let ready = format!("{}/{}", int_at(object, "/status/readyReplicas"), int_at(object, "/spec/replicas"));
            // Upstream calls these numbers texts.
            let count = |name: &str, path: &str| Cell { kind: "string".to_owned(), ..number(name, int_at(object, path)) };
            let counts = [count("Up-to-date", "/status/updatedReplicas"), count("Available", "/status/availableReplicas")];
            [vec![name, text("Ready", &ready)], counts.to_vec(), vec![age], template(object, true)].concat()
        }
        ("", "ReplicationController") | ("apps", "ReplicaSet") => {
            let counts = [("Desired", "/spec/replicas"), ("Current", "/status/replicas"), ("Ready", "/status/readyReplicas")];
            let mut wide = template(object, true);
            if resource.group.is_empty()
                && let Some(last) = wide.last_mut()
            {
                last.value = json!(labels(object.pointer("/spec/selector")));
            }
            [vec![name], counts.map(|(name, path)| number(name, int_at(object, path))).to_vec(), vec![age], wide].concat()
        }
        ("apps", "StatefulSet") => {
            let ready = format!("{}/{}", int_at(object, "/status/readyReplicas"), int_at(object, "/spec/replicas"));
            [vec![name, text("Ready", &ready), age], template(object, false)].concat()
        }
        ("apps", "DaemonSet") => {
            let counts = [
                ("Desired", "/status/desiredNumberScheduled"),
                ("Current", "/status/currentNumberScheduled"),
                ("Ready", "/status/numberReady"),
                ("Up-to-date", "/status/updatedNumberScheduled"),
                ("Available", "/status/numberAvailable"),
            ];
            let nodes = text("Node Selector", &labels(object.pointer("/spec/template/spec/nodeSelector")));
            [vec![name], counts.map(|(name, path)| number(name, int_at(object, path))).to_vec(), vec![nodes, age], template(object, true)]
                .concat()
        }
        ("batch", "Job") => job(object, now),
        ("batch", "CronJob") => {
            let suspend = if object.pointer("/spec/suspend") == Some(&json!(true)) { "True" } else { "False" };
            let last = match str_at(object, "/status/lastScheduleTime") {
                "" => "<none>".to_owned(),
                time => since(time, now),
            };
            let zone = or(str_at(object, "/spec/timeZone"), "<none>");
            let jobs = object.pointer("/spec/jobTemplate/spec").map(|spec| json!({"spec": spec})).unwrap_or_default();
            let first = vec![
                name,
                text("Schedule", str_at(object, "/spec/schedule")),
                text("Timezone", zone),
                Cell { kind: "boolean".to_owned(), ..text("Suspend", suspend) },
            ];
            let active = number("Active", i64::try_from(list_at(object, "/status/active").len()).unwrap_or(0));
            [first, vec![active, text("Last Schedule", &last), age], template(&jobs, true)].concat()
        }
        ("", "Service") => service(object, age),
        ("", "Namespace") => vec![name, text("Status", str_at(object, "/status/phase")), age],
        ("", "Node") => node(object, age),
        ("", "Secret") => {
            let data = object.get("data").and_then(Value::as_object).map_or(0, serde_json::Map::len);
            let count = Cell { kind: "string".to_owned(), ..number("Data", i64::try_from(data).unwrap_or(0)) };
            vec![name, text("Type", str_at(object, "/type")), count, age]
        }
        ("", "ConfigMap") => {
            let count = |field: &str| object.get(field).and_then(Value::as_object).map_or(0, serde_json::Map::len);
            let data = count("data") + count("binaryData");
            vec![name, Cell { kind: "string".to_owned(), ..number("Data", i64::try_from(data).unwrap_or(0)) }, age]
        }
        ("", "ServiceAccount") => vec![name, age],
        ("" | "events.k8s.io", "Event") => event(object, now),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            let role = format!("{}/{}", str_at(object, "/roleRef/kind"), str_at(object, "/roleRef/name"));
            let subjects = |kind: &str| {
                let all = list_at(object, "/subjects").iter().filter(|subject| subject["kind"] == kind);
                let names = all.map(|subject| {
                    if kind == "ServiceAccount" {
                        format!("{}/{}", str_at(subject, "/namespace"), str_at(subject, "/name"))
                    } else {
                        str_at(subject, "/name").to_owned()
                    }
                });
                names.collect::<Vec<_>>().join(", ")
            };
            let wide = [("Users", "User"), ("Groups", "Group"), ("ServiceAccounts", "ServiceAccount")]
                .map(|(column, kind)| text(column, &subjects(kind)).wide());
            [vec![name, text("Role", &role), age], wide.to_vec()].concat()
        }
        ("rbac.authorization.k8s.io", _) | ("apiextensions.k8s.io", _) => {
            vec![name, Cell { kind: "date".to_owned(), ..text("Created At", meta(object, "creationTimestamp")) }]
        }
        ("admissionregistration.k8s.io", kind) if kind.ends_with("WebhookConfiguration") => {
            vec![name, number("Webhooks", i64::try_from(list_at(object, "/webhooks").len()).unwrap_or(0)), age]
        }
        ("coordination.k8s.io", "Lease") => vec![name, text("Holder", str_at(object, "/spec/holderIdentity")), age],
        ("networking.k8s.io", "NetworkPolicy") => vec![name, text("Pod-Selector", &selector(object.pointer("/spec/podSelector"))), age],
        ("networking.k8s.io", "Ingress") => {
            let hosts: Vec<&str> = list_at(object, "/spec/rules").iter().map(|rule| or(str_at(rule, "/host"), "*")).collect();
            let addresses: Vec<&str> = list_at(object, "/status/loadBalancer/ingress")
                .iter()
                .map(|one| or(str_at(one, "/ip"), str_at(one, "/hostname")))
                .collect();
            let ports = if list_at(object, "/spec/tls").is_empty() { "80" } else { "80, 443" };
            let class = or(str_at(object, "/spec/ingressClassName"), "<none>");
            let hosts = if hosts.is_empty() { "*".to_owned() } else { hosts.join(",") };
            vec![name, text("Class", class), text("Hosts", &hosts), text("Address", &addresses.join(",")), text("Ports", ports), age]
        }
        _ => more::cells(resource, object, name, age),
    }
}

fn labels(map: Option<&Value>) -> String {
    let parts: Vec<String> = map
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if parts.is_empty() { "<none>".to_owned() } else { parts.join(",") }
}

fn selector(value: Option<&Value>) -> String {
    let Some(value) = value else { return "<none>".to_owned() };
    let mut parts = Vec::new();
    if let Some(Value::Object(map)) = value.get("matchLabels") {
        parts.extend(map.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())));
    }
    for one in list_at(value, "/matchExpressions") {
        let values: Vec<&str> = list_at(one, "/values").iter().filter_map(Value::as_str).collect();
        let key = str_at(one, "/key");
        parts.push(match str_at(one, "/operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    if parts.is_empty() { "<none>".to_owned() } else { parts.join(",") }
}

/// The wide columns of kinds that make Pods.
fn template(object: &Value, with_selector: bool) -> Vec<Cell> {
    let containers = list_at(object, "/spec/template/spec/containers");
    let all = |field: &str| containers.iter().map(|one| str_at(one, field)).collect::<Vec<_>>().join(",");
    let mut found = vec![text("Containers", &all("/name")).wide(), text("Images", &all("/image")).wide()];
    if with_selector {
        found.push(text("Selector", &selector(object.pointer("/spec/selector"))).wide());
    }
    found
}

fn job(object: &Value, now: Timestamp) -> Vec<Cell> {
    let condition = |kind: &str| {
        list_at(object, "/status/conditions").iter().any(|one| str_at(one, "/type") == kind && str_at(one, "/status") == "True")
    };
    let status = match () {
        () if condition("Complete") => "Complete",
        () if condition("Failed") => "Failed",
        () if !meta(object, "deletionTimestamp").is_empty() => "Terminating",
        () if condition("Suspended") => "Suspended",
        () if condition("FailureTarget") => "FailureTarget",
        () if condition("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    };
    let succeeded = int_at(object, "/status/succeeded");
    let completions = match object.pointer("/spec/completions").and_then(Value::as_i64) {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if int_at(object, "/spec/parallelism") > 1 => format!("{succeeded}/1 of {}", int_at(object, "/spec/parallelism")),
        None => format!("{succeeded}/1"),
    };
    let took = match (parse_time(str_at(object, "/status/startTime")), parse_time(str_at(object, "/status/completionTime"))) {
        (None, _) => String::new(),
        (Some(start), None) => duration(now.as_second() - start.as_second()),
        (Some(start), Some(end)) => duration(end.as_second() - start.as_second()),
    };
    let first = vec![
        Cell::name(object),
        text("Status", status),
        text("Completions", &completions),
        text("Duration", &took),
        Cell::age(object, now),
    ];
    [first, template(object, true)].concat()
}

fn service(object: &Value, age: Cell) -> Vec<Cell> {
    let kind = str_at(object, "/spec/type");
    let balancers: Vec<&str> =
        list_at(object, "/status/loadBalancer/ingress").iter().map(|one| or(str_at(one, "/ip"), str_at(one, "/hostname"))).collect();
    let external: Vec<&str> = list_at(object, "/spec/externalIPs").iter().filter_map(Value::as_str).collect();
    let external = match kind {
        "ExternalName" => str_at(object, "/spec/externalName").to_owned(),
        "LoadBalancer" if balancers.is_empty() && external.is_empty() => "<pending>".to_owned(),
        _ if balancers.is_empty() && external.is_empty() => "<none>".to_owned(),
        _ => [balancers, external].concat().join(","),
    };
    let ports: Vec<String> = list_at(object, "/spec/ports")
        .iter()
        .map(|port| {
            let protocol = or(str_at(port, "/protocol"), "TCP");
            match int_at(port, "/nodePort") {
                0 => format!("{}/{protocol}", int_at(port, "/port")),
                node => format!("{}:{node}/{protocol}", int_at(port, "/port")),
            }
        })
        .collect();
    let ports = if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") };
    let address = or(str_at(object, "/spec/clusterIP"), "<none>");
    let first = vec![
        Cell::name(object),
        text("Type", kind),
        text("Cluster-IP", address),
        text("External-IP", &external),
        text("Port(s)", &ports),
        age,
    ];
    [first, vec![text("Selector", &labels(object.pointer("/spec/selector"))).wide()]].concat()
}

fn node(object: &Value, age: Cell) -> Vec<Cell> {
    let ready = list_at(object, "/status/conditions").iter().find(|one| str_at(one, "/type") == "Ready");
    let mut status = match ready.map(|one| str_at(one, "/status")) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if object.pointer("/spec/unschedulable") == Some(&json!(true)) {
        status.push_str(",SchedulingDisabled");
    }
    let roles: Vec<&str> = crate::object::pairs(object, "labels")
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None if key == "kubernetes.io/role" => value.as_str(),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    let roles = if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") };
    let address = |kind: &str| {
        let found = list_at(object, "/status/addresses").iter().find(|one| str_at(one, "/type") == kind);
        found.map_or("<none>", |one| str_at(one, "/address")).to_owned()
    };
    let info = |field: &str| or(str_at(object, &format!("/status/nodeInfo/{field}")), "<unknown>").to_owned();
    vec![
        Cell::name(object),
        text("Status", &status),
        text("Roles", &roles),
        age,
        text("Version", str_at(object, "/status/nodeInfo/kubeletVersion")),
        text("Internal-IP", &address("InternalIP")).wide(),
        text("External-IP", &address("ExternalIP")).wide(),
        text("OS-Image", &info("osImage")).wide(),
        text("Kernel-Version", &info("kernelVersion")).wide(),
        text("Container-Runtime", &info("containerRuntimeVersion")).wide(),
    ]
}

fn event(object: &Value, now: Timestamp) -> Vec<Cell> {
    // Both groups of Event name the same things differently.
    let first = |paths: &[&str]| paths.iter().map(|path| str_at(object, path)).find(|text| !text.is_empty()).unwrap_or_default().to_owned();
    let age = |paths: &[&str]| match first(paths).as_str() {
        "" => "<unknown>".to_owned(),
        time => since(time, now),
    };
    let kind = first(&["/involvedObject/kind", "/regarding/kind"]).to_lowercase();
    let name = first(&["/involvedObject/name", "/regarding/name"]);
    let source = first(&["/source/component", "/deprecatedSource/component", "/reportingComponent", "/reportingController"]);
    let host = first(&["/source/host", "/deprecatedSource/host", "/reportingInstance"]);
    let source = if host.is_empty() { source } else { format!("{source}, {host}") };
    let count = int_at(object, "/count").max(int_at(object, "/deprecatedCount")).max(int_at(object, "/series/count")).max(1);
    vec![
        text(
            "Last Seen",
            &age(&["/series/lastObservedTime", "/lastTimestamp", "/deprecatedLastTimestamp", "/firstTimestamp", "/eventTime"]),
        ),
        text("Type", str_at(object, "/type")),
        text("Reason", str_at(object, "/reason")),
        text("Object", &format!("{kind}/{name}")),
        text("Subobject", &first(&["/involvedObject/fieldPath", "/regarding/fieldPath"])).wide(),
        text("Source", &source).wide(),
        text("Message", first(&["/message", "/note"]).trim()),
        text("First Seen", &age(&["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime"])).wide(),
        Cell { kind: "string".to_owned(), ..number("Count", count) }.wide(),
        Cell::name(object).wide(),
    ]
}

/// What is said of a whole row: that a Pod has ended.
pub(crate) fn conditions(resource: &Resource, object: &Value) -> Option<Value> {
    if resource.kind != "Pod" || resource.custom.is_some() {
        return None;
    }
    let phase = str_at(object, "/status/phase");
    let message = match phase {
        "Succeeded" => "The pod has completed successfully.",
        "Failed" => "The pod failed.",
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": phase, "message": message}]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (seconds, wanted) in [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (135, "2m15s"),
            (7200, "120m"),
            (3600 * 5 + 60, "5h1m"),
            (3600 * 47, "47h"),
            (86_400 * 3 + 3600, "3d1h"),
            (86_400 * 400, "400d"),
        ] {
            assert_eq!(duration(seconds), wanted);
        }
    }
}
