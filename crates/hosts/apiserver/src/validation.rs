//! What makes an object wrong, beyond its schema.

use schema::{Cause, Violation, validate, validate_all};
use serde_json::{Map, Value, json};

use crate::catalog::Resource;
use crate::names::{self, Rule};
use crate::object::{at, finalizers, meta, pairs};
use crate::selector::label_selector_matches;
use crate::{admission, crd};

/// Returns everything that is wrong with a new or changed object; warnings say what is let pass.
pub(crate) fn check(resource: &Resource, object: &Value, old: Option<&Value>, warnings: &mut Vec<String>) -> Vec<Violation> {
    let mut found = metadata(resource, object);
    if let Some(old) = old {
        found.extend(changed_metadata(object, old));
    }
    if let Some(custom) = &resource.custom {
        for field in ["name", "generateName"] {
            let bounds = custom.metadata.as_ref().and_then(|metadata| metadata.properties.get(field));
            if let (Some(bounds), Some(value)) = (bounds, object.get("metadata").and_then(|metadata| metadata.get(field))) {
                let path = format!("metadata.{field}");
                let wrong = validate(bounds, value, None).into_iter();
                found.extend(wrong.map(|one| Violation {
                    text: one.text.replace(":  in body", &format!(": {path} in body")),
                    field: path.clone(),
                    ..one
                }));
            }
        }
        let (wrong, let_pass) = validate_all(&resource.schema, object, old);
        found.extend(wrong);
        warnings.extend(let_pass);
        return found;
    }
    if resource.kind == "CustomResourceDefinition" {
        let before = old.map(crd::warnings).unwrap_or_default();
        warnings.extend(crd::warnings(object).into_iter().filter(|warning| !before.contains(warning)));
    }
    // What a kind's schema requires is only looked at where people write: controllers fill the status.
    for part in ["spec", "roleRef", "subjects", "rules", "webhooks", "involvedObject"] {
        if let (Some(schema), Some(value)) = (resource.schema.properties.get(part), object.get(part)) {
            let before = old.and_then(|old| old.get(part));
            // Upstream reads its own kinds into Go lists, where an entry may come twice.
            let violations = validate(schema, value, before).into_iter().filter(|violation| violation.cause != Cause::Duplicate);
            found.extend(violations.map(|violation| Violation {
                field: if violation.field.starts_with('[') {
                    format!("{part}{}", violation.field)
                } else {
                    format!("{part}.{}", violation.field)
                },
                ..violation
            }));
        }
    }
    native(resource, object, old, &mut found);
    found
}

fn rule(resource: &Resource) -> Rule {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Namespace") => Rule::Label,
        ("", "Service") => Rule::Label1035,
        ("rbac.authorization.k8s.io", _) => Rule::Segment,
        _ => Rule::Subdomain,
    }
}

fn metadata(resource: &Resource, object: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    let name = meta(object, "name");
    if name.is_empty() {
        found.push(Violation::required("metadata.name", "name or generateName is required"));
    } else {
        found.extend(names::faults(rule(resource), name).iter().map(|why| Violation::invalid("metadata.name", &json!(name), why)));
    }
    for (key, value) in pairs(object, "labels").into_iter().flatten() {
        let mut fault = |text: &str, why: &str| found.push(Violation::invalid("metadata.labels", &json!(text), why));
        names::key_faults(key).iter().for_each(|why| fault(key, why));
        let value = value.as_str().unwrap_or_default();
        names::value_faults(value).iter().for_each(|why| fault(value, why));
    }
    let mut size = 0;
    for (key, value) in pairs(object, "annotations").into_iter().flatten() {
        size += key.len() + value.as_str().map_or(0, str::len);
        found.extend(names::key_faults(&key.to_lowercase()).iter().map(|why| Violation::invalid("metadata.annotations", &json!(key), why)));
    }
    if size > 256 * 1024 {
        found.push(Violation::too_long("metadata.annotations", 256 * 1024));
    }
    owners(object, &mut found);
    let list = finalizers(object);
    for (index, one) in list.iter().enumerate() {
        let standard = matches!(*one, "orphan" | "foregroundDeletion" | "kubernetes");
        // Custom kinds take any qualified name; only Kubernetes' own demand a domain in front.
        if !standard && !one.contains('/') && resource.custom.is_none() {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            found.push(Violation::invalid(&format!("metadata.finalizers[{index}]"), &json!(one), why));
        } else if !standard {
            found.extend(names::key_faults(one).iter().map(|why| Violation::invalid("metadata.finalizers", &json!(one), why)));
        }
    }
    if list.contains(&"orphan") && list.contains(&"foregroundDeletion") {
        found.push(Violation::invalid("metadata.finalizers", &json!(list), "finalizer orphan and foregroundDeletion cannot be both set"));
    }
    found
}

fn owners(object: &Value, found: &mut Vec<Violation>) {
    let list = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for owner in list {
        for (field, why) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if owner.get(field).and_then(Value::as_str).unwrap_or_default().is_empty() {
                found.push(Violation::invalid(&format!("metadata.ownerReferences.{field}"), &json!(""), why));
            }
        }
    }
    let controllers: Vec<&Value> = list.iter().filter(|owner| owner.get("controller") == Some(&json!(true))).collect();
    if let [first, second, ..] = controllers[..] {
        let named =
            |owner: &Value| format!("{}/{}", owner["kind"].as_str().unwrap_or_default(), owner["name"].as_str().unwrap_or_default());
        let why = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {} and {}",
            named(first),
            named(second)
        );
        found.push(Violation::invalid("metadata.ownerReferences", &json!(list), &why));
    }
}

fn changed_metadata(object: &Value, old: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    if meta(old, "deletionTimestamp").is_empty() {
        return found;
    }
    let before = finalizers(old);
    let added: Vec<&str> = finalizers(object).into_iter().filter(|one| !before.contains(one)).collect();
    if !added.is_empty() {
        let why = format!("no new finalizers can be added if the object is being deleted, found new finalizers {added:?}");
        found.push(Violation::forbidden("metadata.finalizers", &why));
    }
    found
}

fn immutable(object: &Value, old: &Value, path: &[&str], found: &mut Vec<Violation>) {
    let (before, after) = (at(old, path), at(object, path));
    if before != after {
        found.push(Violation::invalid(&path.join("."), after.unwrap_or(&Value::Null), "field is immutable"));
    }
}

fn native(resource: &Resource, object: &Value, old: Option<&Value>, found: &mut Vec<Violation>) {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "ConfigMap") => data(object, old, &["data", "binaryData"], found),
        ("", "Secret") => secret(object, old, found),
        ("", "Pod") => {
            pod(object.get("spec"), "spec", found);
            if let Some(old) = old {
                pod_change(object, old, found);
            }
        }
        ("", "Service") => service(object, found),
        ("apps", "ControllerRevision") => {}
        ("apps", kind) => workload(kind, object, old, found),
        ("batch", "Job") => job(object, old, found),
        ("rbac.authorization.k8s.io", kind) => rbac(kind, object, old, found),
        ("apiextensions.k8s.io", _) => found.extend(crd::check(object, old)),
        ("admissionregistration.k8s.io", kind) => found.extend(admission::check(kind, object, old)),
        _ => {}
    }
}

fn data(object: &Value, old: Option<&Value>, fields: &[&str], found: &mut Vec<Violation>) {
    let mut size = 0;
    let empty = Map::new();
    let first = object.get(fields[0]).and_then(Value::as_object).unwrap_or(&empty);
    for field in fields {
        for (key, value) in object.get(*field).and_then(Value::as_object).into_iter().flatten() {
            size += key.len() + value.as_str().map_or(0, str::len);
            let here = format!("{field}[{key}]");
            if let Some(why) = names::config_key_fault(key) {
                found.push(Violation::invalid(&here, &json!(key), &why));
            }
            if *field == "binaryData" && first.contains_key(key) {
                found.push(Violation::invalid(&format!("data[{key}]"), &json!(key), "duplicate of key present in binaryData"));
            }
        }
    }
    if size > 1024 * 1024 * 2 {
        found.push(Violation::too_long("", 1024 * 1024));
    }
    let Some(old) = old.filter(|old| old.get("immutable") == Some(&json!(true))) else { return };
    if object.get("immutable") != Some(&json!(true)) {
        found.push(Violation::forbidden("immutable", "field is immutable when `immutable` is set"));
    }
    for field in fields {
        if object.get(*field) != old.get(*field) {
            found.push(Violation::forbidden(field, "field is immutable when `immutable` is set"));
        }
    }
}

fn secret(object: &Value, old: Option<&Value>, found: &mut Vec<Violation>) {
    data(object, old, &["data"], found);
    if let Some(old) = old {
        immutable(object, old, &["type"], found);
    }
    let has = |key: &str| object.get("data").is_some_and(|data| data.get(key).is_some());
    let mut needs = |key: &str| {
        if !has(key) {
            found.push(Violation::required(&format!("data[{key}]"), ""));
        }
    };
    match object.get("type").and_then(Value::as_str) {
        Some("kubernetes.io/service-account-token") => {
            let account =
                pairs(object, "annotations").and_then(|all| all.get("kubernetes.io/service-account.name")).and_then(Value::as_str);
            if account.unwrap_or_default().is_empty() {
                found.push(Violation::required("metadata.annotations[kubernetes.io/service-account.name]", ""));
            }
        }
        Some("kubernetes.io/dockerconfigjson") => needs(".dockerconfigjson"),
        Some("kubernetes.io/dockercfg") => needs(".dockercfg"),
        Some("kubernetes.io/ssh-auth") => needs("ssh-privatekey"),
        Some("kubernetes.io/tls") => {
            needs("tls.crt");
            needs("tls.key");
        }
        Some("kubernetes.io/basic-auth") if !has("username") && !has("password") => {
            found.push(Violation::required("data[username]", ""));
            found.push(Violation::required("data[password]", ""));
        }
        _ => {}
    }
}

fn pod(spec: Option<&Value>, path: &str, found: &mut Vec<Violation>) {
    let Some(spec) = spec else {
        found.push(Violation::required(&format!("{path}.containers"), ""));
        return;
    };
    let list = |name: &str| spec.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if list("containers").is_empty() && !found.iter().any(|one| one.field == format!("{path}.containers")) {
        found.push(Violation::required(&format!("{path}.containers"), ""));
    }
    let volumes: Vec<&Value> = list("volumes").iter().filter_map(|volume| volume.get("name")).collect();
    let mut seen: Vec<&Value> = Vec::new();
    for kind in ["initContainers", "containers"] {
        for (index, container) in list(kind).iter().enumerate() {
            let here = format!("{path}.{kind}[{index}]");
            if let Some(name) = container.get("name") {
                if seen.contains(&name) {
                    found.push(Violation::duplicate(&format!("{here}.name"), name));
                }
                if !name.as_str().is_some_and(names::is_label) {
                    found.push(Violation::invalid(&format!("{here}.name"), name, names::LABEL));
                }
                seen.push(name);
            }
            if container.get("image").and_then(Value::as_str).unwrap_or_default().is_empty() {
                found.push(Violation::required(&format!("{here}.image"), ""));
            }
            for (at, mount) in container.get("volumeMounts").and_then(Value::as_array).into_iter().flatten().enumerate() {
                if let Some(name) = mount.get("name").filter(|name| !volumes.contains(name)) {
                    found.push(Violation::not_found(&format!("{here}.volumeMounts[{at}].name"), name));
                }
            }
        }
    }
    if let Some(policy) =
        spec.get("restartPolicy").filter(|policy| !["Always", "OnFailure", "Never"].contains(&policy.as_str().unwrap_or_default()))
    {
        found.push(Violation::not_supported(
            &format!("{path}.restartPolicy"),
            policy,
            &["Always", "OnFailure", "Never"].map(str::to_owned),
        ));
    }
}

/// Almost nothing of a Pod's spec may change once it is there.
fn pod_change(object: &Value, old: &Value, found: &mut Vec<Violation>) {
    const FREE: &[&str] = &["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates"];
    let fixed = |pod: &Value| {
        let mut spec = pod.get("spec").cloned().unwrap_or_default();
        if let Value::Object(map) = &mut spec {
            map.retain(|name, _| !FREE.contains(&name.as_str()));
            if old.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default().is_empty() {
                // Where it runs may be chosen once.
                map.remove("nodeName");
            }
        }
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                if let Value::Object(map) = container {
                    map.remove("image");
                }
            }
        }
        spec
    };
    if fixed(object) != fixed(old) {
        let why = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        found.push(Violation::forbidden("spec", why));
    }
}

/// Of a StatefulSet's spec only some fields may change.
fn stateful_change(object: &Value, old: &Value, found: &mut Vec<Violation>) {
    const FREE: &[&str] = &[
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |set: &Value| {
        let spec = set.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        spec.into_iter().filter(|(name, _)| !FREE.contains(&name.as_str())).collect::<Map<String, Value>>()
    };
    if fixed(object) != fixed(old) {
        let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        found.push(Violation::forbidden("spec", why));
    }
}

fn service(object: &Value, found: &mut Vec<Violation>) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or_default();
    let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !types.contains(&kind) {
        found.push(Violation::not_supported("spec.type", &json!(kind), &types.map(str::to_owned)));
    }
    let ports = spec.get("ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let headless = spec.get("clusterIP") == Some(&json!("None"));
    if ports.is_empty() && !headless && kind != "ExternalName" {
        found.push(Violation::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        if ports.len() > 1 && port.get("name").and_then(Value::as_str).unwrap_or_default().is_empty() {
            found.push(Violation::required(&format!("spec.ports[{index}].name"), ""));
        }
        if let Some(number) = port.get("port").filter(|number| !number.as_i64().is_some_and(|number| (1..=65535).contains(&number))) {
            found.push(Violation::invalid(&format!("spec.ports[{index}].port"), number, "must be between 1 and 65535, inclusive"));
        }
    }
    if kind == "ExternalName" && spec.get("externalName").and_then(Value::as_str).unwrap_or_default().is_empty() {
        found.push(Violation::required("spec.externalName", ""));
    }
}

fn not_negative(object: &Value, path: &[&str], found: &mut Vec<Violation>) {
    if let Some(number) = at(object, path).filter(|number| number.as_i64().is_some_and(|number| number < 0)) {
        found.push(Violation::invalid(&path.join("."), number, "must be greater than or equal to 0"));
    }
}

fn workload(kind: &str, object: &Value, old: Option<&Value>, found: &mut Vec<Violation>) {
    not_negative(object, &["spec", "replicas"], found);
    not_negative(object, &["spec", "minReadySeconds"], found);
    if let Some(old) = old {
        if kind == "StatefulSet" {
            stateful_change(object, old, found);
        } else {
            immutable(object, old, &["spec", "selector"], found);
        }
    }
    let labels = at(object, &["spec", "template", "metadata", "labels"]);
    let empty = json!({});
    match at(object, &["spec", "selector"]) {
        Some(selector) if *selector == empty => {
            let why = format!("empty selector is invalid for {}", kind.to_lowercase());
            found.push(Violation::invalid("spec.selector", selector, &why));
        }
        Some(selector) if !label_selector_matches(selector, labels.and_then(Value::as_object)) => {
            found.push(Violation::invalid(
                "spec.template.metadata.labels",
                labels.unwrap_or(&empty),
                "`selector` does not match template `labels`",
            ));
        }
        _ => {}
    }
    if kind == "Deployment"
        && at(object, &["spec", "strategy", "type"]) == Some(&json!("Recreate"))
        && at(object, &["spec", "strategy", "rollingUpdate"]).is_some()
    {
        found.push(Violation::forbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"));
    }
    let spec = at(object, &["spec", "template", "spec"]);
    pod(spec, "spec.template.spec", found);
    if let Some(policy) = spec.and_then(|spec| spec.get("restartPolicy")).filter(|policy| **policy != "Always") {
        found.retain(|one| one.field != "spec.template.spec.restartPolicy");
        found.push(Violation::not_supported("spec.template.spec.restartPolicy", policy, &["Always".to_owned()]));
    }
}

fn job(object: &Value, old: Option<&Value>, found: &mut Vec<Violation>) {
    for field in ["parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"] {
        not_negative(object, &["spec", field], found);
    }
    let spec = at(object, &["spec", "template", "spec"]);
    pod(spec, "spec.template.spec", found);
    let path = "spec.template.spec.restartPolicy";
    match spec.and_then(|spec| spec.get("restartPolicy")) {
        None => found.push(Violation::required(path, "valid values: \"OnFailure\", \"Never\"")),
        Some(policy) if policy == "Always" => {
            let allowed = ["OnFailure", "Never"].map(str::to_owned);
            found.push(Violation::not_supported(path, policy, &allowed));
        }
        Some(_) => {}
    }
    if let Some(old) = old {
        immutable(object, old, &["spec", "selector"], found);
        immutable(object, old, &["spec", "completionMode"], found);
        let suspended = at(old, &["spec", "suspend"]) == Some(&json!(true));
        if !suspended {
            immutable(object, old, &["spec", "template"], found);
        }
        if at(object, &["spec", "completionMode"]) != Some(&json!("Indexed")) {
            immutable(object, old, &["spec", "completions"], found);
        }
    }
}

fn rbac(kind: &str, object: &Value, old: Option<&Value>, found: &mut Vec<Violation>) {
    if kind.ends_with("Binding") {
        if object.get("roleRef").is_none() {
            found.push(Violation::required("roleRef", ""));
        }
        if let Some(old) = old
            && object.get("roleRef") != old.get("roleRef")
        {
            found.push(Violation::invalid("roleRef", object.get("roleRef").unwrap_or(&Value::Null), "cannot change roleRef"));
        }
        return;
    }
    for (index, rule) in object.get("rules").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let filled = |name: &str| rule.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if !filled("verbs") && !found.iter().any(|one| one.field == format!("rules[{index}].verbs")) {
            found.push(Violation::required(&format!("rules[{index}].verbs"), "verbs must contain at least one value"));
        }
        if kind == "Role" && filled("nonResourceURLs") {
            found.push(Violation::invalid(
                &format!("rules[{index}].nonResourceURLs"),
                &rule["nonResourceURLs"],
                "namespaced rules cannot apply to non-resource URLs",
            ));
        }
        if !filled("nonResourceURLs") && !filled("resources") {
            found.push(Violation::required(&format!("rules[{index}].resources"), "resource rules must supply at least one resource"));
        }
        if !filled("nonResourceURLs") && !filled("apiGroups") {
            found.push(Violation::required(&format!("rules[{index}].apiGroups"), "resource rules must supply at least one api group"));
        }
    }
}
