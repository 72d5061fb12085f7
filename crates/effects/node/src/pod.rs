//! What a Pod of a Job becomes on this machine: the program, its variables, its files and its user, or why it cannot run.
//! Read first: [`program`]. Everything here is a value; the node acts.

use std::collections::BTreeMap;

use api::text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::Image;
use serde_json::Value;

/// What a container is, besides its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub folder: String,
    pub user: (u32, u32),
    pub memory: i64,
    /// Files to show read-only: path in the container and content.
    pub files: Vec<(String, Vec<u8>)>,
    /// Empty folders that may be written.
    pub folders: Vec<String>,
}

/// Secrets and ConfigMaps by `Kind/name`.
pub(crate) type Material = BTreeMap<String, Value>;

/// Most memory of a container that names no limit, in bytes.
const MEMORY: i64 = 512 << 20;
/// The user of an image that names none and must not be root.
const NOBODY: u32 = 65_534;

/// Returns the Secrets and ConfigMaps that a Pod needs: kind, name, and whether it may be missing.
pub(crate) fn needs(pod: &Value) -> Vec<(&'static str, String, bool)> {
    let mut found = Vec::new();
    let mut add = |kind: &'static str, reference: &Value, field: &str| {
        if let Some(name) = reference[field].as_str() {
            found.push((kind, name.to_owned(), reference["optional"] == true));
        }
    };
    for container in containers(pod) {
        for from in list(&container["envFrom"]) {
            add("Secret", &from["secretRef"], "name");
            add("ConfigMap", &from["configMapRef"], "name");
        }
        for variable in list(&container["env"]) {
            add("Secret", &variable["valueFrom"]["secretKeyRef"], "name");
            add("ConfigMap", &variable["valueFrom"]["configMapKeyRef"], "name");
        }
    }
    for volume in list(&pod["spec"]["volumes"]) {
        add("Secret", &volume["secret"], "secretName");
        add("ConfigMap", &volume["configMap"], "name");
    }
    found
}

/// Begin of the name of the volume with the token of a Pod's account.
const TOKEN_VOLUME: &str = "kube-api-access-";

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(crate) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    list(&pod["spec"]["containers"])
}

/// Returns the field of a Pod that a container here cannot honour.
pub(crate) fn unsupported(pod: &Value) -> Option<String> {
    let spec = &pod["spec"];
    for field in [
        "initContainers",
        "hostPID",
        "hostIPC",
        "runtimeClassName",
        "shareProcessNamespace",
        "hostAliases",
        "affinity",
        "topologySpreadConstraints",
    ] {
        if !matches!(&spec[field], Value::Null | Value::Bool(false)) && spec[field].as_array().is_none_or(|all| !all.is_empty()) {
            return Some(format!("spec.{field}"));
        }
    }
    if containers(pod).count() != 1 {
        return Some("spec.containers: exactly one".to_owned());
    }
    let container = &spec["containers"][0];
    for field in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "volumeDevices", "stdin", "tty"] {
        if !matches!(&container[field], Value::Null | Value::Bool(false)) {
            return Some(format!("spec.containers[0].{field}"));
        }
    }
    if container["securityContext"]["privileged"] == true {
        return Some("spec.containers[0].securityContext.privileged".to_owned());
    }
    if list(&container["securityContext"]["capabilities"]["add"]).next().is_some() {
        return Some("spec.containers[0].securityContext.capabilities.add".to_owned());
    }
    for profile in [&spec["securityContext"], &container["securityContext"]] {
        if profile["seccompProfile"]["type"] == "Localhost" {
            return Some("securityContext.seccompProfile.type Localhost".to_owned());
        }
    }
    for volume in list(&spec["volumes"]) {
        if text(volume, &["name"]).starts_with(TOKEN_VOLUME) {
            // Admission gives it to every Pod that does not refuse it; there is no API server that a container here reaches.
            continue;
        }
        let kinds = volume.as_object().into_iter().flat_map(|fields| fields.keys());
        if let Some(kind) = kinds.into_iter().find(|kind| !["name", "secret", "configMap", "emptyDir"].contains(&kind.as_str())) {
            return Some(format!("spec.volumes: {kind}"));
        }
    }
    None
}

/// Puts a container together.
pub(crate) fn program(pod: &Value, image: &Image, material: &Material) -> Result<Program, String> {
    let container = &pod["spec"]["containers"][0];
    let environment = environment(pod, container, image, material)?;
    let (files, folders) = volumes(pod, container, material)?;
    let expand = |words: &Value| list(words).filter_map(Value::as_str).map(|word| expanded(word, &environment)).collect::<Vec<_>>();
    let (command, args) = (expand(&container["command"]), expand(&container["args"]));
    let mut arguments = if command.is_empty() { image.config.entrypoint.clone() } else { command.clone() };
    if !args.is_empty() {
        arguments.extend(args);
    } else if command.is_empty() {
        arguments.extend(image.config.cmd.iter().cloned());
    }
    if arguments.is_empty() {
        return Err("the image names no program and neither does the container".to_owned());
    }
    let folder = container["workingDir"].as_str().unwrap_or(&image.config.working_dir);
    let folder = if folder.is_empty() { "/" } else { folder }.to_owned();
    let limit = container["resources"]["limits"]["memory"].as_str().map(bytes).transpose()?;
    Ok(Program { arguments, environment, folder, user: user(pod, container, image)?, memory: limit.unwrap_or(MEMORY), files, folders })
}

fn environment(pod: &Value, container: &Value, image: &Image, material: &Material) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::from([
        ("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ("HOSTNAME".to_owned(), api::name(pod).to_owned()),
    ]);
    for line in &image.config.env {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        found.insert(name.to_owned(), value.to_owned());
    }
    for from in list(&container["envFrom"]) {
        let prefix = from["prefix"].as_str().unwrap_or_default();
        for (kind, reference) in [("Secret", &from["secretRef"]), ("ConfigMap", &from["configMapRef"])] {
            let Some(name) = reference["name"].as_str() else { continue };
            let Some(object) = material.get(&format!("{kind}/{name}")) else { continue };
            for (key, value) in object["data"].as_object().into_iter().flatten() {
                found.insert(format!("{prefix}{key}"), plain(kind, value)?);
            }
        }
    }
    for variable in list(&container["env"]) {
        let name = text(variable, &["name"]).to_owned();
        if let Some(value) = variable["value"].as_str() {
            let value = expanded(value, &found);
            found.insert(name, value);
            continue;
        }
        let from = &variable["valueFrom"];
        let value = if let Some(path) = from["fieldRef"]["fieldPath"].as_str() { Some(field(pod, path)?) } else { keyed(from, material)? };
        match value {
            Some(value) => drop(found.insert(name, value)),
            None if from.is_null() => drop(found.insert(name, String::new())),
            None => {}
        }
    }
    Ok(found)
}

fn keyed(from: &Value, material: &Material) -> Result<Option<String>, String> {
    for (kind, reference) in [("Secret", &from["secretKeyRef"]), ("ConfigMap", &from["configMapKeyRef"])] {
        let Some(name) = reference["name"].as_str() else { continue };
        let key = text(reference, &["key"]);
        return match material.get(&format!("{kind}/{name}")).map(|object| &object["data"][key]).filter(|value| !value.is_null()) {
            Some(value) => plain(kind, value).map(Some),
            None if reference["optional"] == true => Ok(None),
            None => Err(format!("couldn't find key {key} in {kind} {name}")),
        };
    }
    if from.is_object() {
        return Err(format!(
            "valueFrom {} is not supported",
            from.as_object().and_then(|fields| fields.keys().next()).cloned().unwrap_or_default()
        ));
    }
    Ok(None)
}

/// The value of a field for a variable; upstream's `fieldpath.ExtractFieldPathAsString` and what it is allowed to be asked.
fn field(pod: &Value, path: &str) -> Result<String, String> {
    let addresses = |list: &str, field: &str| {
        let all = pod["status"][list].as_array().into_iter().flatten();
        all.filter_map(|one| one[field].as_str()).collect::<Vec<_>>().join(",")
    };
    if let Some((map, rest)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        return match map {
            "metadata.labels" | "metadata.annotations" => Ok(text(pod, &["metadata", &map["metadata.".len()..], rest]).to_owned()),
            _ => Err(format!("fieldPath {map:?} does not support subscript")),
        };
    }
    Ok(match path {
        "metadata.name" => api::name(pod).to_owned(),
        "metadata.namespace" => api::namespace(pod).to_owned(),
        "metadata.uid" => api::uid(pod).to_owned(),
        "spec.nodeName" => text(pod, &["spec", "nodeName"]).to_owned(),
        "spec.serviceAccountName" => text(pod, &["spec", "serviceAccountName"]).to_owned(),
        "status.hostIP" => text(pod, &["status", "hostIP"]).to_owned(),
        "status.hostIPs" => addresses("hostIPs", "ip"),
        "status.podIP" => text(pod, &["status", "podIP"]).to_owned(),
        "status.podIPs" => addresses("podIPs", "ip"),
        _ => return Err(format!("unsupported fieldPath: {path}")),
    })
}

fn plain(kind: &str, value: &Value) -> Result<String, String> {
    let text = value.as_str().unwrap_or_default();
    if kind == "ConfigMap" {
        return Ok(text.to_owned());
    }
    let bytes = STANDARD.decode(text).map_err(|error| format!("a Secret's value is no base64: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "a Secret's value is not UTF-8".to_owned())
}

/// `$(NAME)` becomes the variable's value, `$$(NAME)` stays `$(NAME)`.
fn expanded(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix("$(").and_then(|inner| inner.split_once(')')) {
            match environment.get(name) {
                Some(value) => out.push_str(value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

type Volumes = (Vec<(String, Vec<u8>)>, Vec<String>);

fn volumes(pod: &Value, container: &Value, material: &Material) -> Result<Volumes, String> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for mount in list(&container["volumeMounts"]) {
        let (name, path) = (text(mount, &["name"]), text(mount, &["mountPath"]));
        if !mount["subPath"].is_null() {
            return Err("volumeMounts.subPath is not supported".to_owned());
        }
        let volume =
            list(&pod["spec"]["volumes"]).find(|volume| volume["name"] == name).ok_or_else(|| format!("there is no volume {name:?}"))?;
        if volume["emptyDir"].is_object() {
            folders.push(path.to_owned());
            continue;
        }
        for (kind, reference, field) in [("Secret", &volume["secret"], "secretName"), ("ConfigMap", &volume["configMap"], "name")] {
            let Some(name) = reference[field].as_str() else { continue };
            if !reference["items"].is_null() {
                return Err(format!("volume {name:?}: items is not supported"));
            }
            for (key, value) in material.get(&format!("{kind}/{name}")).and_then(|object| object["data"].as_object()).into_iter().flatten()
            {
                let content = if kind == "Secret" {
                    STANDARD.decode(value.as_str().unwrap_or_default()).map_err(|error| error.to_string())?
                } else {
                    value.as_str().unwrap_or_default().into()
                };
                files.push((format!("{}/{key}", path.trim_end_matches('/')), content));
            }
        }
    }
    Ok((files, folders))
}

/// Nobody here is root: an image that names no user runs as nobody.
fn user(pod: &Value, container: &Value, image: &Image) -> Result<(u32, u32), String> {
    let pick = |field: &str| {
        let own = container["securityContext"][field].as_u64();
        own.or_else(|| pod["spec"]["securityContext"][field].as_u64()).and_then(|id| u32::try_from(id).ok())
    };
    let (name, group) = image.config.user.split_once(':').unwrap_or((&image.config.user, ""));
    let number = |text: &str| {
        if text.is_empty() {
            Ok(None)
        } else {
            text.parse::<u32>()
                .map(Some)
                .map_err(|_| format!("the image's user {:?} is no number, so it cannot be told whether it is root", image.config.user))
        }
    };
    let wanted = match pick("runAsUser") {
        Some(user) => Some(user),
        None => number(name)?,
    };
    if wanted == Some(0) {
        return Err("container has runAsNonRoot and image will run as root: containers here never run as root".to_owned());
    }
    let user = wanted.unwrap_or(NOBODY);
    let group = match pick("runAsGroup") {
        Some(group) => group,
        None => number(group)?.unwrap_or(user),
    };
    Ok((user, if group == 0 { user } else { group }))
}

fn bytes(quantity: &str) -> Result<i64, String> {
    let units = [("Ki", 1i64 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("", 1)];
    let found = units.iter().find_map(|(unit, factor)| Some((quantity.strip_suffix(unit)?.parse::<i64>().ok()?, *factor)));
    found
        .and_then(|(count, factor)| count.checked_mul(factor))
        .ok_or_else(|| format!("resources.limits.memory {quantity:?} is not supported"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci::ImageConfig;
    use serde_json::json;

    fn image(user: &str) -> Image {
        Image {
            config: ImageConfig {
                entrypoint: vec!["/check".into()],
                cmd: vec!["x".into()],
                env: vec!["A=1".into()],
                user: user.into(),
                ..ImageConfig::default()
            },
            diff_ids: Vec::new(),
        }
    }

    fn pod(container: Value) -> Value {
        let mut pod = json!({"metadata": {"name": "p", "namespace": "n"}, "spec": {"containers": [{"name": "c", "image": "r/x:1"}]}});
        for (key, value) in container.as_object().expect("a map") {
            pod["spec"]["containers"][0][key] = value.clone();
        }
        pod
    }

    #[test]
    fn a_container_is_put_together() {
        let secret = json!({"data": {"TOKEN": STANDARD.encode("t")}});
        let material = Material::from([("Secret/s".to_owned(), secret)]);
        let pod = pod(
            json!({"args": ["--to=$(TO)", "$$(TO)"], "env": [{"name": "TO", "value": "$(A)b"}, {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
            "envFrom": [{"secretRef": {"name": "s"}}]}),
        );
        let made = program(&pod, &image("7:8"), &material).expect("a program");
        assert_eq!(made.arguments, ["/check", "--to=1b", "$(TO)"]);
        assert_eq!((made.environment["TOKEN"].as_str(), made.environment["N"].as_str(), made.user), ("t", "n", (7, 8)));
        assert_eq!(needs(&pod), [("Secret", "s".to_owned(), false)]);
    }

    #[test]
    fn fields_become_variables() {
        let mut pod = pod(json!({}));
        pod["metadata"]["labels"] = json!({"batch.kubernetes.io/job-completion-index": "3"});
        pod["metadata"]["annotations"] = json!({"a.b/c": "x"});
        pod["spec"]["nodeName"] = json!("containers");
        pod["status"] = json!({"podIP": "10.244.0.7", "podIPs": [{"ip": "10.244.0.7"}, {"ip": "fd00::7"}], "hostIP": "127.0.0.1", "hostIPs": [{"ip": "127.0.0.1"}]});
        for (path, value) in [
            ("metadata.labels['batch.kubernetes.io/job-completion-index']", "3"),
            ("metadata.annotations['a.b/c']", "x"),
            ("metadata.annotations['none']", ""),
            ("metadata.name", "p"),
            ("spec.nodeName", "containers"),
            ("status.podIP", "10.244.0.7"),
            ("status.podIPs", "10.244.0.7,fd00::7"),
            ("status.hostIP", "127.0.0.1"),
            ("status.hostIPs", "127.0.0.1"),
        ] {
            assert_eq!(field(&pod, path).as_deref(), Ok(value), "{path}");
        }
        assert_eq!(field(&pod, "status.phase"), Err("unsupported fieldPath: status.phase".to_owned()));
        assert_eq!(field(&pod, "metadata.name['x']"), Err("fieldPath \"metadata.name\" does not support subscript".to_owned()));
    }

    #[test]
    fn what_cannot_run_is_named() {
        for (container, user, why) in [
            (json!({}), "0", "containers here never run as root"),
            (json!({"securityContext": {"runAsUser": 0}}), "7", "containers here never run as root"),
            (json!({}), "app", "is no number"),
            (
                json!({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
                "",
                "couldn't find key k in Secret s",
            ),
            (json!({"resources": {"limits": {"memory": "1Q"}}}), "", "\"1Q\" is not supported"),
        ] {
            let error = program(&pod(container), &image(user), &Material::new()).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(unsupported(&pod(json!({"livenessProbe": {}}))).as_deref(), Some("spec.containers[0].livenessProbe"));
        assert_eq!(
            unsupported(&json!({"spec": {"containers": [{}], "volumes": [{"name": "v", "hostPath": {}}]}})).as_deref(),
            Some("spec.volumes: hostPath")
        );
    }
}
