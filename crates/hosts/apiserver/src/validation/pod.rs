//! What a Pod's spec must satisfy, wherever it stands: alone or as a template.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidatePodSpec`, in its order.

use serde_json::{Value, json};

use super::core::resource_name;
use super::faults::{Faults, list, set, text};
use super::pod_parts;
use crate::names::{self, Rule};

/// Checks a template: its labels and its spec.
pub(crate) fn template(template: &Value, path: &str, faults: &mut Faults) {
    let metadata = template.get("metadata").unwrap_or(&Value::Null);
    faults.labels(&format!("{path}.labels"), set(metadata, "labels"));
    faults.annotations(&format!("{path}.annotations"), set(metadata, "annotations"));
    let spec_path = format!("{path}.spec");
    let spec = template.get("spec").unwrap_or(&Value::Null);
    self::spec(spec, &spec_path, faults);
    if !list(spec, "ephemeralContainers").is_empty() {
        faults.forbidden(&format!("{spec_path}.ephemeralContainers"), "ephemeral containers not allowed in pod template");
    }
}

/// Checks a spec.
pub(crate) fn spec(spec: &Value, path: &str, faults: &mut Faults) {
    let volumes = volumes(spec, path, faults);
    if list(spec, "containers").is_empty() {
        faults.required(&format!("{path}.containers"), "");
    }
    let mut seen: Vec<&str> = Vec::new();
    for kind in ["containers", "initContainers"] {
        for (index, one) in list(spec, kind).iter().enumerate() {
            container(one, kind, &format!("{path}.{kind}[{index}]"), &volumes, &mut seen, faults);
        }
    }
    faults.one_of(spec, path, "restartPolicy", &["Always", "OnFailure", "Never"]);
    faults.one_of(spec, path, "dnsPolicy", &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]);
    faults.labels(&format!("{path}.nodeSelector"), set(spec, "nodeSelector"));
    pod_parts::security(spec, path, faults);
    for (index, secret) in list(spec, "imagePullSecrets").iter().enumerate() {
        if set(secret, "name").is_some() && text(secret, "name").is_empty() {
            faults.required(&format!("{path}.imagePullSecrets[{index}].name"), "");
        }
    }
    pod_parts::affinity(spec, path, faults);
    pod_parts::dns(spec, path, faults);
    pod_parts::gates(spec, path, faults);
    for (index, constraint) in list(spec, "topologySpreadConstraints").iter().enumerate() {
        spread(constraint, &format!("{path}.topologySpreadConstraints[{index}]"), faults);
    }
    for (field, rule) in [("serviceAccountName", Rule::Subdomain), ("nodeName", Rule::Subdomain)] {
        let value = text(spec, field);
        if !value.is_empty() {
            faults.name(&format!("{path}.{field}"), rule, value);
        }
    }
    if let Some(seconds) =
        set(spec, "activeDeadlineSeconds").filter(|value| !value.as_i64().is_some_and(|n| (1..=i64::from(i32::MAX)).contains(&n)))
    {
        faults.invalid(&format!("{path}.activeDeadlineSeconds"), seconds, "must be between 1 and 2147483647, inclusive");
    }
    for field in ["hostname", "subdomain"] {
        let value = text(spec, field);
        if !value.is_empty() {
            faults.name(&format!("{path}.{field}"), Rule::Label, value);
        }
    }
    for (index, one) in list(spec, "tolerations").iter().enumerate() {
        toleration(one, &format!("{path}.tolerations[{index}]"), faults);
    }
    pod_parts::aliases(spec, path, faults);
    let class = text(spec, "priorityClassName");
    if !class.is_empty() {
        faults.name(&format!("{path}.priorityClassName"), Rule::Subdomain, class);
    }
    faults.one_of_if_set(spec, path, "preemptionPolicy", &["PreemptLowerPriority", "Never"]);
    pod_parts::system(spec, path, faults);
}

fn spread(constraint: &Value, path: &str, faults: &mut Faults) {
    if let Some(skew) = constraint.get("maxSkew").filter(|skew| skew.as_i64().is_none_or(|number| number <= 0)) {
        faults.invalid(&format!("{path}.maxSkew"), skew, "must be greater than zero");
    }
    let key = text(constraint, "topologyKey");
    if key.is_empty() {
        faults.required(&format!("{path}.topologyKey"), "can not be empty");
    }
    let action = text(constraint, "whenUnsatisfiable");
    if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
        faults.not_supported(&format!("{path}.whenUnsatisfiable"), &json!(action), &["DoNotSchedule", "ScheduleAnyway"]);
    }
    faults.selector(&format!("{path}.labelSelector"), set(constraint, "labelSelector"));
}

fn toleration(one: &Value, path: &str, faults: &mut Faults) {
    let (key, operator) = (text(one, "key"), text(one, "operator"));
    if !key.is_empty() {
        names::key_faults(key).iter().for_each(|why| faults.invalid(&format!("{path}.key"), &json!(key), why));
    }
    if key.is_empty() && operator != "Exists" {
        let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        faults.invalid(&format!("{path}.operator"), &json!(operator), why);
    }
    if set(one, "tolerationSeconds").is_some() && text(one, "effect") != "NoExecute" {
        let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        faults.invalid(&format!("{path}.effect"), &json!(text(one, "effect")), why);
    }
    match operator {
        "" | "Equal" => {
            let value = text(one, "value");
            if let Some(why) = names::value_faults(value).first() {
                faults.invalid(&format!("{path}.operator"), &json!(value), why);
            }
        }
        "Exists" if !text(one, "value").is_empty() => {
            faults.invalid(&format!("{path}.operator"), one, "value must be empty when `operator` is 'Exists'");
        }
        "Exists" => {}
        other => faults.not_supported(&format!("{path}.operator"), &json!(other), &["Equal", "Exists"]),
    }
    faults.one_of_if_set(one, path, "effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
}

fn volumes<'a>(spec: &'a Value, path: &str, faults: &mut Faults) -> Vec<&'a str> {
    let mut seen: Vec<&str> = Vec::new();
    for (index, volume) in list(spec, "volumes").iter().enumerate() {
        let here = format!("{path}.volumes[{index}]");
        source(volume, &here, faults);
        let name = text(volume, "name");
        if name.is_empty() {
            faults.required(&format!("{here}.name"), "");
        } else {
            faults.name(&format!("{here}.name"), Rule::Label, name);
        }
        if !name.is_empty() && seen.contains(&name) {
            faults.duplicate(&format!("{here}.name"), &json!(name));
        } else {
            seen.push(name);
        }
    }
    seen
}

fn source(volume: &Value, path: &str, faults: &mut Faults) {
    let present: Vec<&String> = volume
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| *name != "name" && !value.is_null())
        .map(|(name, _)| name)
        .collect();
    if present.is_empty() {
        return faults.required(path, "must specify a volume type");
    }
    for more in &present[1..] {
        faults.forbidden(&format!("{path}.{more}"), "may not specify more than 1 volume type");
    }
    let needs: &[(&str, &str)] = match present[0].as_str() {
        "configMap" => &[("name", "name")],
        "secret" => &[("secretName", "secretName")],
        "persistentVolumeClaim" => &[("claimName", "claimName")],
        "hostPath" => &[("path", "path")],
        "csi" => &[("driver", "driver")],
        "nfs" => &[("server", "server"), ("path", "path")],
        _ => &[],
    };
    let inner = &volume[present[0].as_str()];
    for (name, field) in needs {
        if text(inner, name).is_empty() {
            faults.required(&format!("{path}.{}.{field}", present[0]), "");
        }
    }
    if present[0] == "hostPath" {
        const TYPES: &[&str] = &["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"];
        if text(inner, "path").split('/').any(|part| part == "..") {
            faults.invalid(&format!("{path}.hostPath.path"), &inner["path"], "must not contain '..'");
        }
        if !TYPES.contains(&text(inner, "type")) {
            let mut sorted = TYPES.to_vec();
            sorted.sort_unstable();
            faults.not_supported(&format!("{path}.hostPath.type"), &inner["type"], &sorted);
        }
    }
    if let Some(mode) = set(inner, "defaultMode").filter(|mode| !mode.as_i64().is_some_and(|mode| (0..=0o777).contains(&mode))) {
        faults.invalid(&format!("{path}.{}.defaultMode", present[0]), mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

fn container<'a>(one: &'a Value, kind: &str, path: &str, volumes: &[&str], seen: &mut Vec<&'a str>, faults: &mut Faults) {
    let name = text(one, "name");
    if name.is_empty() {
        faults.required(&format!("{path}.name"), "");
    } else {
        faults.name(&format!("{path}.name"), Rule::Label, name);
    }
    if !name.is_empty() && seen.contains(&name) {
        faults.duplicate(&format!("{path}.name"), &json!(name));
    }
    seen.push(name);
    let image = text(one, "image");
    if image.is_empty() {
        faults.required(&format!("{path}.image"), "");
    } else if image.trim() != image {
        faults.invalid(&format!("{path}.image"), &json!(image), "must not have leading or trailing whitespace");
    }
    faults.one_of(one, path, "terminationMessagePolicy", &["File", "FallbackToLogsOnError"]);
    ports(one, path, faults);
    environment(one, path, faults);
    mounts(one, path, volumes, faults);
    faults.one_of(one, path, "imagePullPolicy", &["Always", "IfNotPresent", "Never"]);
    resources(one.get("resources").unwrap_or(&Value::Null), &format!("{path}.resources"), faults);
    if let Some(context) = set(one, "securityContext") {
        pod_parts::container_security(context, &format!("{path}.securityContext"), faults);
    }
    let restartable = text(one, "restartPolicy") == "Always";
    for (field, probe_only) in [("livenessProbe", true), ("readinessProbe", false), ("startupProbe", true)] {
        let Some(probe) = set(one, field) else { continue };
        let here = format!("{path}.{field}");
        if kind == "initContainers" && !restartable {
            faults.forbidden(&here, "may not be set for init containers without restartPolicy=Always");
            continue;
        }
        self::probe(probe, &here, faults);
        if probe_only && let Some(threshold) = set(probe, "successThreshold").filter(|value| **value != json!(1)) {
            faults.invalid(&format!("{here}.successThreshold"), threshold, "must be 1");
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(handler) = one.get("lifecycle").and_then(|lifecycle| set(lifecycle, hook)) {
            self::handler(handler, &format!("{path}.lifecycle.{hook}"), faults);
        }
    }
}

fn ports(one: &Value, path: &str, faults: &mut Faults) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, port) in list(one, "ports").iter().enumerate() {
        let here = format!("{path}.ports[{index}]");
        let name = text(port, "name");
        if !name.is_empty() {
            faults.port_name(&format!("{here}.name"), name);
            if seen.contains(&name) {
                faults.duplicate(&format!("{here}.name"), &json!(name));
            }
            seen.push(name);
        }
        match port.get("containerPort") {
            None | Some(Value::Null) => faults.required(&format!("{here}.containerPort"), ""),
            Some(number) if *number == json!(0) => faults.required(&format!("{here}.containerPort"), ""),
            Some(number) => faults.port_number(&format!("{here}.containerPort"), number),
        }
        if let Some(number) = set(port, "hostPort").filter(|number| **number != json!(0)) {
            faults.port_number(&format!("{here}.hostPort"), number);
        }
        faults.one_of(port, &here, "protocol", &["SCTP", "TCP", "UDP"]);
    }
}

fn environment(one: &Value, path: &str, faults: &mut Faults) {
    for (index, entry) in list(one, "env").iter().enumerate() {
        let here = format!("{path}.env[{index}]");
        let name = text(entry, "name");
        if name.is_empty() {
            faults.required(&format!("{here}.name"), "");
        } else if !name.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'=') {
            let why = "a valid environment variable name must consist only of printable ASCII characters other than '='";
            faults.invalid(&format!("{here}.name"), &json!(name), why);
        }
        if let Some(from) = set(entry, "valueFrom") {
            let sources: Vec<&str> = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"]
                .into_iter()
                .filter(|name| set(from, name).is_some())
                .collect();
            for name in &sources {
                if name.ends_with("KeyRef") && text(&from[*name], "key").is_empty() {
                    faults.required(&format!("{here}.valueFrom.{name}.key"), "");
                }
                if *name == "fieldRef" {
                    pod_parts::downward(&from[*name], &format!("{here}.valueFrom.fieldRef"), faults);
                }
            }
            let field = format!("{here}.valueFrom");
            let shown = json!("");
            match sources.len() {
                0 => faults.invalid(
                    &field,
                    &shown,
                    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef`, or `fileKeyRef`",
                ),
                _ if !text(entry, "value").is_empty() => faults.invalid(&field, &shown, "may not be specified when `value` is not empty"),
                1 => {}
                _ => faults.invalid(&field, &shown, "may not have more than one field specified at a time"),
            }
        }
    }
    for (index, from) in list(one, "envFrom").iter().enumerate() {
        let here = format!("{path}.envFrom[{index}]");
        let sources: Vec<&str> = ["configMapRef", "secretRef"].into_iter().filter(|name| set(from, name).is_some()).collect();
        for name in &sources {
            if text(&from[*name], "name").is_empty() {
                faults.required(&format!("{here}.{name}.name"), "");
            }
        }
        match sources.len() {
            0 => faults.invalid(&here, &json!(""), "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => faults.invalid(&here, &json!(""), "may not have more than one field specified at a time"),
        }
    }
}

fn mounts(one: &Value, path: &str, volumes: &[&str], faults: &mut Faults) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, mount) in list(one, "volumeMounts").iter().enumerate() {
        let here = format!("{path}.volumeMounts[{index}]");
        let name = text(mount, "name");
        if name.is_empty() {
            faults.required(&format!("{here}.name"), "");
        }
        if !volumes.contains(&name) {
            faults.not_found(&format!("{here}.name"), &json!(name));
        }
        let place = text(mount, "mountPath");
        if place.is_empty() {
            faults.required(&format!("{here}.mountPath"), "");
        }
        if seen.contains(&place) {
            faults.invalid(&format!("{here}.mountPath"), &json!(place), "must be unique");
        }
        seen.push(place);
        let inner = text(mount, "subPath");
        if inner.starts_with('/') {
            faults.invalid(&format!("{here}.subPath"), &json!(inner), "must be a relative path");
        }
        if inner.split('/').any(|part| part == "..") {
            faults.invalid(&format!("{here}.subPath"), &json!(inner), "must not contain '..'");
        }
    }
}

/// Checks requests against limits.
fn resources(resources: &Value, path: &str, faults: &mut Faults) {
    let amounts = |name: &str| resources.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let (limits, requests) = (amounts("limits"), amounts("requests"));
    for (name, amount) in &limits {
        let field = format!("{path}.limits[{name}]");
        resource_name(name, &field, faults);
        negative(&field, amount, faults);
    }
    for (name, amount) in &requests {
        let field = format!("{path}.requests[{name}]");
        resource_name(name, &field, faults);
        negative(&field, amount, faults);
        let Some(limit) = limits.get(name) else { continue };
        let (Some(wanted), Some(most)) = (nanos(amount), nanos(limit)) else { continue };
        if name.contains('/') && wanted != most {
            let why = format!("must be equal to {name} limit of {}", limit.as_str().unwrap_or_default());
            faults.invalid(&format!("{path}.requests"), amount, &why);
        } else if wanted > most {
            let why = format!("must be less than or equal to {name} limit of {}", limit.as_str().unwrap_or_default());
            faults.invalid(&format!("{path}.requests"), amount, &why);
        }
    }
}

fn nanos(amount: &Value) -> Option<i128> {
    crate::quantity::nanos(amount.as_str()?)
}

fn negative(field: &str, amount: &Value, faults: &mut Faults) {
    if nanos(amount).is_some_and(|nanos| nanos < 0) {
        faults.invalid(field, amount, "must be greater than or equal to 0");
    }
}

fn probe(probe: &Value, path: &str, faults: &mut Faults) {
    handler(probe, path, faults);
    for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        faults.not_negative(probe, path, field);
    }
    if let Some(seconds) = set(probe, "terminationGracePeriodSeconds").filter(|value| value.as_i64().is_none_or(|number| number <= 0)) {
        faults.invalid(&format!("{path}.terminationGracePeriodSeconds"), seconds, "must be greater than 0");
    }
}

fn handler(handler: &Value, path: &str, faults: &mut Faults) {
    let present: Vec<&str> =
        ["exec", "httpGet", "tcpSocket", "grpc", "sleep"].into_iter().filter(|name| set(handler, name).is_some()).collect();
    let Some(first) = present.first() else { return faults.required(path, "must specify a handler type") };
    for more in &present[1..] {
        faults.forbidden(&format!("{path}.{more}"), "may not specify more than 1 handler type");
    }
    let (inner, here) = (&handler[*first], format!("{path}.{first}"));
    match *first {
        "exec" if list(inner, "command").is_empty() => faults.required(&format!("{here}.command"), ""),
        "httpGet" => {
            if text(inner, "path").is_empty() {
                faults.required(&format!("{here}.path"), "");
            }
            faults.port(&format!("{here}.port"), inner.get("port").unwrap_or(&json!(0)));
            if !matches!(text(inner, "scheme"), "HTTP" | "HTTPS") {
                faults.not_supported(&format!("{here}.scheme"), &json!(text(inner, "scheme")), &["HTTP", "HTTPS"]);
            }
        }
        "tcpSocket" => faults.port(&format!("{here}.port"), inner.get("port").unwrap_or(&json!(0))),
        "grpc" => faults.port_number(&format!("{here}.port"), inner.get("port").unwrap_or(&json!(0))),
        _ => {}
    }
}
