//! Random patches and replacements for resources that are there.

use serde_json::{Value, json};

use super::dice::Dice;
use super::resources::{self, CONTAINERS, IMAGES, Known, NAMES};
use super::text::{any_scalar, any_text};

/// Makes a strategic merge patch for a resource.
pub fn strategic(dice: &mut Dice, known: &Known) -> Value {
    let mut patch = json!({"apiVersion": known.api_version, "kind": known.kind, "metadata": {"name": known.name}});
    if !known.namespace.is_empty() {
        patch["metadata"]["namespace"] = json!(known.namespace);
    }
    if dice.one_in(20) {
        patch["$patch"] = json!(dice.word(&["delete", "replace"]));
        return patch;
    }
    if dice.one_in(3) {
        patch["metadata"]["labels"] = json!({"tier": any_scalar(dice), "new": "label"});
    }
    if dice.one_in(4) {
        patch["metadata"]["annotations"] = json!({"a": any_text(dice), "gone": null});
    }
    match known.kind.as_str() {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => {
            patch["spec"] = json!({"template": {"spec": pod_patch(dice)}});
            if dice.one_in(3) && known.kind != "Job" {
                patch["spec"]["replicas"] = json!(dice.below(9));
            }
            if dice.one_in(8) {
                patch["spec"]["strategy"] = json!({"$patch": "replace", "type": "Recreate"});
            }
        }
        "CronJob" => patch["spec"] = json!({"jobTemplate": {"spec": {"template": {"spec": pod_patch(dice)}}}}),
        "Pod" => patch["spec"] = pod_patch(dice),
        "ConfigMap" => patch["data"] = data_patch(dice),
        "Secret" => patch["stringData"] = resources::texts(dice, 2),
        "Service" => {
            patch["spec"] = json!({"ports": [{"port": *dice.pick(&[80, 81]), "name": "patched"}], "selector": {"app": dice.word(&NAMES)}})
        }
        "RoleBinding" | "ClusterRoleBinding" => patch["subjects"] = json!([{"kind": "User", "name": "somebody"}]),
        "Thing" => patch["spec"] = resources::spec(dice),
        _ => patch["spec"] = json!({"added": any_scalar(dice)}),
    }
    patch
}

/// Sets one entry to null now and then, which takes it away.
fn data_patch(dice: &mut Dice) -> Value {
    let mut texts = resources::texts(dice, 3);
    if dice.one_in(3)
        && let Some(map) = texts.as_object_mut()
    {
        map.insert("a".to_owned(), Value::Null);
    }
    texts
}

fn pod_patch(dice: &mut Dice) -> Value {
    let mut pod = json!({});
    if !dice.one_in(4) {
        let names = dice.some(&CONTAINERS[..2], 2);
        pod["containers"] = names.iter().map(|name| container_patch(dice, name)).collect();
    }
    if dice.one_in(5) {
        pod["initContainers"] = json!([container_patch(dice, "init")]);
    }
    if dice.one_in(4) {
        pod["volumes"] = json!([resources::volume(dice, "one")]);
        if dice.one_in(3) {
            pod["volumes"] =
                json!([{"name": "two", "$patch": dice.word(&["delete", "replace", "merge"])}, resources::volume(dice, "three")]);
        }
    }
    if dice.one_in(6) {
        pod["tolerations"] = json!([{"key": "b", "operator": "Exists"}]);
    }
    if dice.one_in(8) {
        pod["hostAliases"] = json!([{"ip": "127.0.0.1", "hostnames": ["c"]}, {"ip": "127.0.0.2", "hostnames": ["d"]}]);
    }
    if dice.one_in(8) {
        pod["imagePullSecrets"] = json!([{"name": dice.word(&NAMES)}]);
    }
    if dice.one_in(8) {
        pod["topologySpreadConstraints"] =
            json!([{"topologyKey": "zone", "whenUnsatisfiable": dice.word(&["DoNotSchedule", "ScheduleAnyway"]), "maxSkew": 2}]);
    }
    if dice.one_in(6) {
        pod["serviceAccountName"] = if dice.one_in(3) { Value::Null } else { json!(dice.word(&NAMES)) };
    }
    if dice.one_in(8) {
        pod["affinity"] = json!({"nodeAffinity": {"$patch": "replace"}});
    }
    pod
}

fn container_patch(dice: &mut Dice, name: &str) -> Value {
    let mut patch = json!({"name": name});
    if dice.one_in(10) {
        patch["$patch"] = json!(dice.word(&["delete", "replace", "merge"]));
        return patch;
    }
    if dice.one_in(3) {
        patch["image"] = json!(dice.word(&IMAGES));
    }
    if dice.one_in(2) {
        let names = dice.some(&["A", "B", "E"], 2);
        patch["env"] = names.iter().map(|name| resources::variable(dice, name)).collect();
        if dice.one_in(4) {
            patch["env"] = json!([{"name": "A", "$patch": "delete"}, {"name": "F", "value": any_text(dice)}]);
        }
        if dice.one_in(10) {
            patch["env"] = json!([{"$patch": "replace"}, {"name": "G", "value": "g"}]);
        }
    }
    if dice.one_in(3) {
        patch["ports"] = json!([resources::port(dice)]);
        if dice.one_in(4) {
            patch["ports"] = json!([resources::port(dice), resources::port(dice)]);
        }
    }
    if dice.one_in(4) {
        patch["args"] = json!(["--patched"]);
    }
    if dice.one_in(6) {
        patch["volumeMounts"] = json!([{"mountPath": "/one", "readOnly": true}, {"mountPath": "/three", "name": "three"}]);
    }
    if dice.one_in(6) {
        patch["resources"] = json!({"limits": {"cpu": null, "memory": "128Mi"}, "requests": {"cpu": any_scalar(dice)}});
    }
    if dice.one_in(8) {
        patch["livenessProbe"] = if dice.one_in(2) { Value::Null } else { json!({"tcpSocket": {"port": 80}, "httpGet": null}) };
    }
    patch
}

/// Makes a JSON patch for a resource.
pub fn operations(dice: &mut Dice, known: &Known) -> Value {
    let mut made = Vec::new();
    for _ in 0..1 + dice.below(3) {
        made.push(operation(dice, known));
    }
    Value::Array(made)
}

fn operation(dice: &mut Dice, known: &Known) -> Value {
    let mut places = Vec::new();
    collect(&known.value, String::new(), &mut places);
    let there = dice.pick(&places).clone();
    let choice = if dice.calm { dice.below(6) } else { dice.below(10) };
    match choice {
        0 | 1 => json!({"op": "add", "path": "/metadata/annotations", "value": {"a": any_text(dice)}}),
        2 => json!({"op": "add", "path": "/metadata/labels", "value": {"from": "patch", "n": any_text(dice)}}),
        3 if known.is_workload() => {
            json!({"op": "add", "path": "/spec/template/spec/containers/-", "value": resources::container(dice, "added")})
        }
        4 if known.is_workload() => {
            json!({"op": "add", "path": "/spec/template/spec/containers/0", "value": resources::container(dice, "first")})
        }
        5 if known.is_workload() => json!({"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": dice.word(&IMAGES)}),
        6 => json!({"op": "remove", "path": there}),
        7 => json!({"op": "copy", "from": there, "path": "/metadata/copied"}),
        8 => json!({"op": "test", "path": "/metadata/name", "value": known.name}),
        _ if dice.calm => json!({"op": "test", "path": "/kind", "value": known.kind}),
        _ => json!({"op": "replace", "path": there, "value": any_scalar(dice)}),
    }
}

/// Collects pointers to values, but not to those that name the resource.
fn collect(value: &Value, so_far: String, found: &mut Vec<String>) {
    // Upstream keeps notes among the annotations, which a copy would show.
    let named = ["/apiVersion", "/kind", "/metadata/name", "/metadata", "/metadata/namespace", "/metadata/annotations"];
    if !so_far.is_empty() && !named.contains(&so_far.as_str()) {
        found.push(so_far.clone());
    }
    if found.is_empty() && so_far.is_empty() {
        found.push("/metadata/labels/app".to_owned());
    }
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect(value, format!("{so_far}/{}", key.replace('~', "~0").replace('/', "~1")), found));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| collect(value, format!("{so_far}/{at}"), found)),
        _ => {}
    }
}

/// Makes the target of a patch.
pub fn target(dice: &mut Dice, known: &Known, regular: bool) -> Value {
    let mut target = json!({"kind": known.kind});
    match dice.below(if regular { 8 } else { 2 }) {
        0 | 1 => target["name"] = json!(known.name),
        2 => target["name"] = json!(format!("{}.*", &known.name[..2])),
        3 => target = json!({"kind": "Deploy.*|Service"}),
        4 => target["labelSelector"] = json!(dice.word(&["app=web", "app in (web,api)", "!tier", "app!=web", "tier notin (x)", "app"])),
        5 => target["annotationSelector"] = json!("a=value"),
        6 => target = json!({"group": known.group(), "version": known.version()}),
        _ => {}
    }
    target
}

/// Makes a replacement from one resource into others.
pub fn replacement(dice: &mut Dice, source: &Known, other: &Known, newest: bool) -> Value {
    let mut from = json!({"kind": source.kind, "name": source.name});
    if !source.namespace.is_empty() {
        from["namespace"] = json!(source.namespace);
    }
    match dice.below(6) {
        0 => {}
        1 => from["fieldPath"] = json!("kind"),
        2 if source.is_workload() => {
            from["fieldPath"] = json!("spec.template.spec.containers.0.image");
            from["options"] = json!({"delimiter": ":", "index": dice.below(2)});
        }
        3 if source.kind == "ConfigMap" => {
            let key = source.value["data"].as_object().and_then(|data| data.keys().next().cloned()).unwrap_or_default();
            from["fieldPath"] = json!(format!("data.{}", key.replace('.', "\\.")));
        }
        4 if source.is_workload() => from["fieldPath"] = json!("spec.template.metadata.labels.app"),
        _ => from["fieldPath"] = json!("metadata.name"),
    }
    let mut to = json!({"select": {"kind": other.kind, "name": other.name}});
    if dice.one_in(4) {
        to["select"] = json!({"kind": other.kind});
        if dice.one_in(2) {
            to["reject"] = json!([{"name": dice.word(&NAMES)}]);
        }
    }
    let paths: &[&str] = if other.is_workload() {
        &[
            "spec.template.spec.containers.*.image",
            "spec.template.spec.containers.[name=main].image",
            "spec.template.spec.containers.0.name",
            "spec.template.metadata.annotations.made",
            "spec.template.spec.containers.[name=side].env.[name=A].value",
            "metadata.annotations.made",
        ]
    } else {
        &[
            "metadata.annotations.made",
            "metadata.labels.app",
            "data.a",
            "data.made",
            "spec.name",
            "spec.list.-",
            "metadata.annotations.example\\.com/x",
        ]
    };
    to["fieldPaths"] = json!(dice.some(paths, 2));
    match dice.below(6) {
        0 | 1 => to["options"] = json!({"create": true}),
        2 => to["options"] = json!({"delimiter": "/", "index": i64::try_from(dice.below(4)).unwrap_or(0) - 1}),
        3 => to["options"] = json!({"create": true, "delimiter": "-", "index": 0}),
        _ => {}
    }
    if dice.calm {
        to["fieldPaths"] = json!([if other.is_workload() {
            dice.word(&paths[..4])
        } else {
            dice.word(&["metadata.annotations.made", "metadata.labels.made"])
        }]);
        to["options"] = json!({"create": true});
    }
    if newest && dice.one_in(8) {
        return json!({"sourceValue": any_text(dice), "targets": [to]});
    }
    json!({"source": from, "targets": [to]})
}
