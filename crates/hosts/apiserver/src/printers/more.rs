//! What `kubectl get` shows of the rarer kinds.

use serde_json::{Value, json};

use super::{Cell, int_at, list_at, number, or, str_at, text};
use crate::catalog::Resource;
use crate::object::meta;

fn flag(name: &str, value: Option<&Value>) -> Cell {
    Cell { kind: "boolean".to_owned(), value: json!(value == Some(&json!(true))), ..text(name, "") }
}

/// Access modes as `kubectl` shortens them.
fn modes(object: &Value, path: &str) -> String {
    let mut short: Vec<&str> = Vec::new();
    for mode in list_at(object, path) {
        let word = match mode.as_str().unwrap_or_default() {
            "ReadWriteOnce" => "RWO",
            "ReadOnlyMany" => "ROX",
            "ReadWriteMany" => "RWX",
            "ReadWriteOncePod" => "RWOP",
            _ => continue,
        };
        if !short.contains(&word) {
            short.push(word);
        }
    }
    short.join(",")
}

/// Returns the cells of an object.
pub(super) fn cells(resource: &Resource, object: &Value, name: Cell, age: Cell) -> Vec<Cell> {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "PersistentVolumeClaim") => claim(object, name, age),
        ("", "PersistentVolume") => volume(object, name, age),
        ("", "ResourceQuota") => quota(object, name, age),
        ("", "Endpoints") => vec![name, text("Endpoints", &endpoints(object)), age],
        ("", "PodTemplate") => {
            let containers = list_at(object, "/template/spec/containers");
            let all = |field: &str| containers.iter().map(|one| str_at(one, field)).collect::<Vec<_>>().join(",");
            vec![
                name,
                text("Containers", &all("/name")),
                text("Images", &all("/image")),
                text("Pod Labels", &super::labels(object.pointer("/template/metadata/labels"))),
            ]
        }
        ("apps", "ControllerRevision") => {
            let owner = list_at(object, "/metadata/ownerReferences").iter().find(|one| one["controller"] == json!(true));
            let shown = owner.map_or_else(|| "<none>".to_owned(), controller);
            vec![
                name,
                text("Controller", &shown),
                Cell { kind: "string".to_owned(), ..number("Revision", int_at(object, "/revision")) },
                age,
            ]
        }
        ("policy", _) => {
            let or_none = |path: &str| match object.pointer(path) {
                None | Some(Value::Null) => "N/A".to_owned(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            vec![
                name,
                text("Min Available", &or_none("/spec/minAvailable")),
                text("Max Unavailable", &or_none("/spec/maxUnavailable")),
                number("Allowed Disruptions", int_at(object, "/status/disruptionsAllowed")),
                age,
            ]
        }
        ("autoscaling", _) => autoscaler(object, name, age),
        ("networking.k8s.io", "IngressClass") => {
            let parameters = match object.pointer("/spec/parameters").filter(|one| !one.is_null()) {
                None => "<none>".to_owned(),
                Some(one) => {
                    let group = str_at(one, "/apiGroup");
                    let kind = if group.is_empty() { str_at(one, "/kind").to_owned() } else { format!("{}.{group}", str_at(one, "/kind")) };
                    format!("{kind}/{}", str_at(one, "/name"))
                }
            };
            vec![name, text("Controller", str_at(object, "/spec/controller")), text("Parameters", &parameters), age]
        }
        ("networking.k8s.io", "ServiceCIDR") => {
            let ranges: Vec<&str> = list_at(object, "/spec/cidrs").iter().filter_map(Value::as_str).collect();
            vec![name, text("CIDRs", &ranges.join(",")), age]
        }
        ("networking.k8s.io", "IPAddress") => {
            let parent = |field: &str| str_at(object, &format!("/spec/parentRef/{field}"));
            let place = [parent("group"), parent("resource"), parent("namespace"), parent("name")];
            let shown: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
            vec![name, text("ParentRef", &shown.join("/")), age]
        }
        ("discovery.k8s.io", _) => slice(object, name, age),
        ("scheduling.k8s.io", _) => vec![
            name,
            number("Value", int_at(object, "/value")),
            flag("Global-Default", object.get("globalDefault")),
            age,
            text("PreemptionPolicy", str_at(object, "/preemptionPolicy")),
        ],
        ("node.k8s.io", _) => vec![name, text("Handler", str_at(object, "/handler")), age],
        ("storage.k8s.io", kind) => storage(kind, object, name, age),
        ("admissionregistration.k8s.io", kind) => policies(kind, object, name, age),
        ("certificates.k8s.io", _) => signing(object, name, age),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema") => vec![
            name,
            text("PriorityLevel", str_at(object, "/spec/priorityLevelConfiguration/name")),
            Cell { value: json!(int_at(object, "/spec/matchingPrecedence")), ..text("MatchingPrecedence", "") },
            text("DistinguisherMethod", or(str_at(object, "/spec/distinguisherMethod/type"), "<none>")),
            age,
            text("MissingPL", "?"),
        ],
        ("resource.k8s.io", "ResourceClaim") => {
            let allocated = object.pointer("/status/allocation").is_some_and(Value::is_object);
            let reserved = !list_at(object, "/status/reservedFor").is_empty();
            let state = match (allocated, reserved, meta(object, "deletionTimestamp").is_empty()) {
                (_, _, false) => "deleted",
                (true, true, true) => "allocated,reserved",
                (true, false, true) => "allocated",
                _ => "pending",
            };
            vec![name, text("State", state), age]
        }
        ("resource.k8s.io", "ResourceSlice") => vec![
            name,
            text("Node", str_at(object, "/spec/nodeName")),
            text("Driver", str_at(object, "/spec/driver")),
            text("Pool", str_at(object, "/spec/pool/name")),
            age,
        ],
        ("resource.k8s.io" | "flowcontrol.apiserver.k8s.io", _) => vec![name, age],
        // Kinds without columns of their own are shown by AS `pkg/registry/rest/table.go`.
        _ => vec![name, Cell { kind: "date".to_owned(), ..text("Created At", meta(object, "creationTimestamp")) }],
    }
}

fn controller(owner: &Value) -> String {
    let (api_version, kind) = (str_at(owner, "/apiVersion"), str_at(owner, "/kind").to_lowercase());
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let qualified = if group.is_empty() { kind } else { format!("{kind}.{group}") };
    format!("{qualified}/{}", str_at(owner, "/name"))
}

fn claim(object: &Value, name: Cell, age: Cell) -> Vec<Cell> {
    let phase = if meta(object, "deletionTimestamp").is_empty() { str_at(object, "/status/phase") } else { "Terminating" };
    let bound = !str_at(object, "/spec/volumeName").is_empty();
    let (capacity, access) = if bound {
        (or(str_at(object, "/status/capacity/storage"), "0").to_owned(), modes(object, "/status/accessModes"))
    } else {
        Default::default()
    };
    vec![
        name,
        text("Status", phase),
        text("Volume", str_at(object, "/spec/volumeName")),
        text("Capacity", &capacity),
        text("Access Modes", &access),
        text("StorageClass", str_at(object, "/spec/storageClassName")),
        text("VolumeAttributesClass", or(str_at(object, "/spec/volumeAttributesClassName"), "<unset>")),
        age,
        text("VolumeMode", or(str_at(object, "/spec/volumeMode"), "<unset>")).wide(),
    ]
}

fn volume(object: &Value, name: Cell, age: Cell) -> Vec<Cell> {
    let phase = if meta(object, "deletionTimestamp").is_empty() { str_at(object, "/status/phase") } else { "Terminating" };
    let claim = match object.pointer("/spec/claimRef").filter(|one| !one.is_null()) {
        None => String::new(),
        Some(one) => format!("{}/{}", str_at(one, "/namespace"), str_at(one, "/name")),
    };
    vec![
        name,
        text("Capacity", str_at(object, "/spec/capacity/storage")),
        text("Access Modes", &modes(object, "/spec/accessModes")),
        text("Reclaim Policy", str_at(object, "/spec/persistentVolumeReclaimPolicy")),
        text("Status", phase),
        text("Claim", &claim),
        text("StorageClass", str_at(object, "/spec/storageClassName")),
        text("VolumeAttributesClass", or(str_at(object, "/spec/volumeAttributesClassName"), "<unset>")),
        text("Reason", str_at(object, "/status/reason")),
        age,
        text("VolumeMode", or(str_at(object, "/spec/volumeMode"), "<unset>")).wide(),
    ]
}

fn quota(object: &Value, name: Cell, age: Cell) -> Vec<Cell> {
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for resource in object.pointer("/status/hard").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name) {
        let amount = |part: &str| {
            let value = object.pointer(&format!("/status/{part}")).and_then(|all| all.get(resource)).and_then(Value::as_str);
            value.unwrap_or("0").to_owned()
        };
        let shown = format!("{resource}: {}/{}", amount("used"), amount("hard"));
        if resource.starts_with("limits") { limits.push(shown) } else { requests.push(shown) }
    }
    vec![name, text("Request", &requests.join(", ")), text("Limit", &limits.join(", ")), age]
}

fn endpoints(object: &Value) -> String {
    let subsets = list_at(object, "/subsets");
    if subsets.is_empty() {
        return "<none>".to_owned();
    }
    let mut all = Vec::new();
    for subset in subsets {
        for address in list_at(subset, "/addresses") {
            let ip = str_at(address, "/ip");
            let ports = list_at(subset, "/ports");
            if ports.is_empty() {
                all.push(ip.to_owned());
            }
            all.extend(ports.iter().map(|port| format!("{ip}:{}", int_at(port, "/port"))));
        }
    }
    few(&all, 3)
}

/// Shows the first of many.
fn few(all: &[String], most: usize) -> String {
    match all.len().checked_sub(most) {
        Some(more) if more > 0 => format!("{} + {more} more...", all[..most].join(",")),
        _ => all.join(","),
    }
}

fn slice(object: &Value, name: Cell, age: Cell) -> Vec<Cell> {
    let ports: Vec<String> = list_at(object, "/ports")
        .iter()
        .map(|port| match (str_at(port, "/name"), port.get("port").and_then(Value::as_i64)) {
            (_, Some(number)) => number.to_string(),
            ("", None) => "*".to_owned(),
            (name, None) => name.to_owned(),
        })
        .collect();
    let addresses: Vec<String> = list_at(object, "/endpoints")
        .iter()
        .flat_map(|endpoint| list_at(endpoint, "/addresses"))
        .filter_map(|address| address.as_str().map(str::to_owned))
        .collect();
    let unset = |text: String| if text.is_empty() { "<unset>".to_owned() } else { text };
    vec![
        name,
        text("AddressType", str_at(object, "/addressType")),
        text("Ports", &unset(few(&ports, 3))),
        text("Endpoints", &unset(few(&addresses, 3))),
        age,
    ]
}

fn autoscaler(object: &Value, name: Cell, age: Cell) -> Vec<Cell> {
    let target = format!("{}/{}", str_at(object, "/spec/scaleTargetRef/kind"), str_at(object, "/spec/scaleTargetRef/name"));
    let least =
        object.pointer("/spec/minReplicas").and_then(Value::as_i64).map_or_else(|| "<unset>".to_owned(), |number| number.to_string());
    let as_text = |name: &str, path: &str| Cell { kind: "string".to_owned(), ..number(name, int_at(object, path)) };
    vec![
        name,
        text("Reference", &target),
        text("Targets", &targets(object)),
        text("MinPods", &least),
        as_text("MaxPods", "/spec/maxReplicas"),
        as_text("Replicas", "/status/currentReplicas"),
        age,
    ]
}

fn targets(object: &Value) -> String {
    let mut second = object.clone();
    if str_at(object, "/apiVersion") == "autoscaling/v1" {
        crate::autoscalers::to_second(&mut second);
    }
    let object = &second;
    let current = list_at(object, "/status/currentMetrics");
    let shown: Vec<String> = list_at(object, "/spec/metrics")
        .iter()
        .enumerate()
        .map(|(index, metric)| {
            let kind = str_at(metric, "/type");
            let mut field = kind.to_owned();
            if let Some(first) = field.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            let now = |part: &str| current.get(index).and_then(|one| one.pointer(&format!("/{field}/current/{part}")));
            let target = metric.pointer(&format!("/{field}/target")).unwrap_or(&Value::Null);
            let value = |part: &str| match now(part) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => "<unknown>".to_owned(),
            };
            let amount = if let Some(used) = target.get("averageUtilization").and_then(Value::as_i64) {
                let now = now("averageUtilization").map_or_else(|| "<unknown>".to_owned(), |used| format!("{used}%"));
                format!("{now}/{used}%")
            } else if let Some(average) = target.get("averageValue").and_then(Value::as_str) {
                format!("{}/{average}{}", value("averageValue"), if matches!(kind, "External" | "Object") { " (avg)" } else { "" })
            } else {
                format!("{}/{}", value("value"), str_at(target, "/value"))
            };
            match kind {
                "Resource" | "ContainerResource" => format!("{}: {amount}", str_at(metric, &format!("/{field}/name"))),
                _ => amount,
            }
        })
        .collect();
    match &shown[..] {
        [] => "<none>".to_owned(),
        [first, second, rest @ ..] if !rest.is_empty() => format!("{first}, {second} + {} more...", rest.len()),
        _ => shown.join(", "),
    }
}

fn storage(kind: &str, object: &Value, name: Cell, age: Cell) -> Vec<Cell> {
    match kind {
        "StorageClass" => {
            let mut name = name;
            let default = crate::object::pairs(object, "annotations")
                .is_some_and(|all| all.get("storageclass.kubernetes.io/is-default-class").and_then(Value::as_str) == Some("true"));
            if default {
                name.value = json!(format!("{} (default)", meta(object, "name")));
            }
            vec![
                name,
                text("Provisioner", str_at(object, "/provisioner")),
                text("ReclaimPolicy", or(str_at(object, "/reclaimPolicy"), "Delete")),
                text("VolumeBindingMode", or(str_at(object, "/volumeBindingMode"), "<unset>")),
                Cell { kind: "string".to_owned(), ..flag("AllowVolumeExpansion", object.get("allowVolumeExpansion")) },
                age,
            ]
        }
        "VolumeAttributesClass" => vec![name, text("DriverName", str_at(object, "/driverName")), age],
        "VolumeAttachment" => vec![
            name,
            Cell { format: "name".to_owned(), ..text("Attacher", str_at(object, "/spec/attacher")) },
            text("PV", str_at(object, "/spec/source/persistentVolumeName")),
            text("Node", str_at(object, "/spec/nodeName")),
            flag("Attached", object.pointer("/status/attached")),
            age,
        ],
        "CSINode" => vec![name, number("Drivers", i64::try_from(list_at(object, "/spec/drivers").len()).unwrap_or(0)), age],
        "CSIStorageCapacity" => vec![name, Cell { kind: "date".to_owned(), ..text("Created At", meta(object, "creationTimestamp")) }],
        _ => {
            let joined = |path: &str, field: &str| {
                let all: Vec<&str> = list_at(object, path).iter().map(|one| one.as_str().unwrap_or_else(|| str_at(one, field))).collect();
                if all.is_empty() { "<unset>".to_owned() } else { all.join(",") }
            };
            vec![
                name,
                flag("AttachRequired", object.pointer("/spec/attachRequired")),
                flag("PodInfoOnMount", object.pointer("/spec/podInfoOnMount")),
                flag("StorageCapacity", object.pointer("/spec/storageCapacity")),
                text("TokenRequests", &joined("/spec/tokenRequests", "/audience")),
                flag("RequiresRepublish", object.pointer("/spec/requiresRepublish")),
                text("Modes", &joined("/spec/volumeLifecycleModes", "")),
                age,
            ]
        }
    }
}

fn policies(kind: &str, object: &Value, name: Cell, age: Cell) -> Vec<Cell> {
    let count = |path: &str| i64::try_from(list_at(object, path).len()).unwrap_or(0);
    let kind_of = |path: &str| match object.pointer(path).filter(|one| !one.is_null()) {
        None => "<unset>".to_owned(),
        Some(one) => format!("{}/{}", str_at(one, "/apiVersion"), str_at(one, "/kind")),
    };
    if kind.ends_with("Binding") {
        let reference = match object.pointer("/spec/paramRef").filter(|one| !one.is_null()) {
            None => "<unset>".to_owned(),
            Some(one) if !str_at(one, "/name").is_empty() => {
                let namespace = or(str_at(one, "/namespace"), "*");
                format!("{namespace}/{}", str_at(one, "/name"))
            }
            Some(one) => super::selector(one.get("selector")),
        };
        return vec![name, text("PolicyName", str_at(object, "/spec/policyName")), text("ParamRef", &reference), age];
    }
    let counted = if kind.starts_with("Mutating") {
        number("Mutations", count("/spec/mutations"))
    } else {
        number("Validations", count("/spec/validations"))
    };
    vec![name, counted, text("ParamKind", &kind_of("/spec/paramKind")), age]
}

fn signing(object: &Value, name: Cell, age: Cell) -> Vec<Cell> {
    let mut status: Vec<&str> = list_at(object, "/status/conditions").iter().map(|one| str_at(one, "/type")).collect();
    if status.is_empty() {
        status.push("Pending");
    }
    if !str_at(object, "/status/certificate").is_empty() {
        status.push("Issued");
    }
    let asked = object.pointer("/spec/expirationSeconds").and_then(Value::as_i64).map_or_else(|| "<none>".to_owned(), super::duration);
    vec![
        name,
        age,
        text("SignerName", or(str_at(object, "/spec/signerName"), "<none>")),
        text("Requestor", str_at(object, "/spec/username")),
        text("RequestedDuration", &asked),
        text("Condition", &status.join(",")),
    ]
}
