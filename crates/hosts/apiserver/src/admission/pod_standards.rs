//! The Pod Security Standards: what a Pod may ask for at each level. Pure. Follows kubernetes/pod-security-admission `policy/`.

use std::collections::BTreeSet;

use serde_json::Value;

/// How much a Pod may ask for; the later, the less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Privileged,
    Baseline,
    Restricted,
}

/// A check that failed: what it is about, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    pub reason: String,
    pub detail: String,
}

/// The minor version of release 1 whose checks are the latest.
pub(super) const LATEST: u32 = 36;

/// Capabilities that a container has anyway.
const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Volumes that are not of a node.
const VOLUMES: &[&str] =
    &["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"];
/// Kernel parameters that touch nobody else, by the version that allows them.
const SYSCTLS: &[(u32, &[&str])] = &[
    (
        0,
        &[
            "kernel.shm_rmid_forced",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.ping_group_range",
            "net.ipv4.ip_unprivileged_port_start",
        ],
    ),
    (27, &["net.ipv4.ip_local_reserved_ports"]),
    (29, &["net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"]),
    (32, &["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"]),
];

/// A Pod under examination.
struct Subject<'a> {
    metadata: &'a Value,
    spec: &'a Value,
    version: u32,
}

type Check = fn(&Subject<'_>) -> Option<Breach>;

/// Returns what of a Pod breaks a level, in the order of the checks' names, those of the lower level first.
pub(super) fn breaches(level: Level, version: u32, metadata: &Value, spec: &Value) -> Vec<Breach> {
    let restricted = level == Level::Restricted;
    let subject = Subject { metadata, spec, version: version.min(LATEST) };
    let version = subject.version;
    let mut checks: Vec<Check> = Vec::new();
    if level >= Level::Baseline {
        checks.push(app_armor);
        if !(restricted && version >= 22) {
            checks.push(capabilities);
        }
        checks.push(host_namespaces);
        if !restricted {
            checks.push(host_paths);
        }
        checks.push(host_ports);
        if version >= 34 {
            checks.push(host_probes);
        }
        checks.push(privileged);
        if !(restricted && version >= 35) {
            checks.push(proc_mount);
        }
        checks.push(se_linux);
        if version < 19 {
            checks.push(seccomp_annotations);
        } else if !restricted {
            checks.push(seccomp);
        }
        checks.extend([sysctls as Check, host_process]);
    }
    if restricted {
        if version >= 8 {
            checks.push(escalation);
        }
        if version >= 22 {
            checks.push(capabilities_restricted);
        }
        if version >= 35 {
            checks.push(proc_mount_restricted);
        }
        checks.extend([volumes as Check, non_root]);
        if version >= 23 {
            checks.push(user);
        }
        if version >= 19 {
            checks.push(seccomp_restricted);
        }
    }
    checks.iter().filter_map(|check| check(&subject)).collect()
}

impl<'a> Subject<'a> {
    fn containers(&self) -> impl Iterator<Item = &'a Value> {
        let spec = self.spec;
        ["initContainers", "containers", "ephemeralContainers"]
            .into_iter()
            .filter_map(move |list| spec.get(list).and_then(Value::as_array))
            .flatten()
    }

    /// Names the containers of which this holds.
    fn named(&self, mut holds: impl FnMut(&Value) -> bool) -> Vec<String> {
        self.containers().filter(|one| holds(one)).map(|one| one["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn windows(&self) -> bool {
        self.version >= 25 && self.spec.pointer("/os/name").is_some_and(|name| name == "windows")
    }

    /// Users of the Pod are none of the node.
    fn own_users(&self) -> bool {
        self.version >= 35 && self.spec.get("hostUsers") == Some(&Value::Bool(false))
    }
}

fn breach(reason: impl Into<String>, detail: String) -> Option<Breach> {
    Some(Breach { reason: reason.into(), detail })
}

fn quoted<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| format!("\"{}\"", item.as_ref())).collect();
    items.join(", ")
}

fn plural<'a>(one: &'a str, many: &'a str, count: usize) -> &'a str {
    if count == 1 { one } else { many }
}

fn containers(names: &[String]) -> String {
    format!("{} {}", plural("container", "containers", names.len()), quoted(names))
}

fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path).and_then(Value::as_str)
}

fn strings<'a>(value: &'a Value, path: &str) -> Vec<&'a str> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Who sets something: the Pod, containers, or both.
fn setters(pod: bool, names: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    if pod {
        found.push("pod".to_owned());
    }
    if !names.is_empty() {
        found.push(containers(names));
    }
    found
}

fn app_armor(pod: &Subject<'_>) -> Option<Breach> {
    let mut values = BTreeSet::new();
    let mut bad = |holder: &Value| match text(holder, "/securityContext/appArmorProfile/type") {
        Some(kind) if !matches!(kind, "RuntimeDefault" | "Localhost") => {
            values.insert(kind.to_owned());
            true
        }
        _ => false,
    };
    let own = bad(pod.spec);
    let names = pod.named(&mut bad);
    let mut setters = setters(own, &names);
    let annotations = pod.metadata.get("annotations").and_then(Value::as_object).into_iter().flatten();
    let mut forbidden: Vec<String> = annotations
        .filter_map(|(key, value)| {
            let value = value.as_str().unwrap_or_default();
            let allowed = value.is_empty() || value == "runtime/default" || value.starts_with("localhost/");
            (key.starts_with("container.apparmor.security.beta.kubernetes.io/") && !allowed).then(|| format!("{key}={value:?}"))
        })
        .collect();
    forbidden.sort();
    let mut told: Vec<String> = values.into_iter().collect();
    if !forbidden.is_empty() {
        setters.push(plural("annotation", "annotations", forbidden.len()).to_owned());
        told.extend(forbidden);
    }
    if setters.is_empty() {
        return None;
    }
    let reason = plural("forbidden AppArmor profile", "forbidden AppArmor profiles", told.len());
    breach(reason, format!("{} must not set AppArmor profile type to {}", setters.join(" and "), quoted(&told)))
}

/// Names the containers that add capabilities that are not allowed, and these.
fn added(pod: &Subject<'_>, allowed: &[&str]) -> (Vec<String>, BTreeSet<String>) {
    let mut found = BTreeSet::new();
    let names = pod.named(|one| {
        let bad: Vec<&str> = strings(one, "/securityContext/capabilities/add").into_iter().filter(|name| !allowed.contains(name)).collect();
        found.extend(bad.iter().map(|name| (*name).to_owned()));
        !bad.is_empty()
    });
    (names, found)
}

fn capabilities(pod: &Subject<'_>) -> Option<Breach> {
    let (names, found) = added(pod, CAPABILITIES);
    let told = || format!("{} must not include {} in securityContext.capabilities.add", containers(&names), quoted(&found));
    if names.is_empty() { None } else { breach("non-default capabilities", told()) }
}

fn capabilities_restricted(pod: &Subject<'_>) -> Option<Breach> {
    if pod.windows() {
        return None;
    }
    let keeping = pod.named(|one| !strings(one, "/securityContext/capabilities/drop").contains(&"ALL"));
    let (adding, found) = added(pod, &["NET_BIND_SERVICE"]);
    let mut told = Vec::new();
    if !keeping.is_empty() {
        told.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", containers(&keeping)));
    }
    if !adding.is_empty() {
        told.push(format!("{} must not include {} in securityContext.capabilities.add", containers(&adding), quoted(&found)));
    }
    if told.is_empty() { None } else { breach("unrestricted capabilities", told.join("; ")) }
}

fn host_namespaces(pod: &Subject<'_>) -> Option<Breach> {
    let shared: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .filter(|field| pod.spec.get(*field) == Some(&Value::Bool(true)))
        .map(|field| format!("{field}=true"))
        .collect();
    if shared.is_empty() { None } else { breach("host namespaces", shared.join(", ")) }
}

fn volumes_of<'a>(pod: &Subject<'a>) -> impl Iterator<Item = &'a Value> {
    pod.spec.get("volumes").and_then(Value::as_array).into_iter().flatten()
}

fn host_paths(pod: &Subject<'_>) -> Option<Breach> {
    let names: Vec<&str> =
        volumes_of(pod).filter(|volume| volume.get("hostPath").is_some()).filter_map(|volume| volume["name"].as_str()).collect();
    let told = || format!("{} {}", plural("volume", "volumes", names.len()), quoted(&names));
    if names.is_empty() { None } else { breach("hostPath volumes", told()) }
}

fn volumes(pod: &Subject<'_>) -> Option<Breach> {
    let (mut names, mut kinds) = (Vec::new(), BTreeSet::new());
    for volume in volumes_of(pod) {
        let fields = volume.as_object().into_iter().flat_map(|map| map.keys()).map(String::as_str);
        let fields: Vec<&str> = fields.filter(|field| *field != "name").collect();
        if fields.iter().any(|field| VOLUMES.contains(field)) {
            continue;
        }
        names.push(volume["name"].as_str().unwrap_or_default());
        kinds.insert(fields.first().copied().unwrap_or("unknown").to_owned());
    }
    if names.is_empty() {
        return None;
    }
    let (volumes, uses) = (plural("volume", "volumes", names.len()), plural("uses", "use", names.len()));
    let types = plural("restricted volume type", "restricted volume types", kinds.len());
    breach("restricted volume types", format!("{volumes} {} {uses} {types} {}", quoted(&names), quoted(&kinds)))
}

fn host_ports(pod: &Subject<'_>) -> Option<Breach> {
    let mut ports = BTreeSet::new();
    let names = pod.named(|one| {
        let bad = one.get("ports").and_then(Value::as_array).into_iter().flatten();
        let bad: Vec<String> =
            bad.filter_map(|port| port.get("hostPort")?.as_i64()).filter(|port| *port != 0).map(|port| port.to_string()).collect();
        ports.extend(bad.iter().cloned());
        !bad.is_empty()
    });
    if names.is_empty() {
        return None;
    }
    let (uses, what) = (plural("uses", "use", names.len()), plural("hostPort", "hostPorts", ports.len()));
    let ports: Vec<String> = ports.into_iter().collect();
    breach("hostPort", format!("{} {uses} {what} {}", containers(&names), ports.join(", ")))
}

fn host_probes(pod: &Subject<'_>) -> Option<Breach> {
    let (mut names, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    for one in pod.containers() {
        for probe in ["/livenessProbe", "/readinessProbe", "/startupProbe", "/lifecycle/postStart", "/lifecycle/preStop"] {
            for way in ["httpGet", "tcpSocket"] {
                if let Some(host) = text(one, &format!("{probe}/{way}/host")).filter(|host| !host.is_empty()) {
                    names.insert(one["name"].as_str().unwrap_or_default().to_owned());
                    hosts.insert(host.to_owned());
                }
            }
        }
    }
    if names.is_empty() {
        return None;
    }
    let names: Vec<String> = names.into_iter().collect();
    let what = plural("probe or lifecycle host", "probe or lifecycle hosts", hosts.len());
    let uses = plural("uses", "use", names.len());
    breach("probe or lifecycle host", format!("{} {uses} {what} {}", containers(&names), quoted(&hosts)))
}

fn is_true(value: &Value, path: &str) -> bool {
    value.pointer(path) == Some(&Value::Bool(true))
}

fn privileged(pod: &Subject<'_>) -> Option<Breach> {
    let names = pod.named(|one| is_true(one, "/securityContext/privileged"));
    if names.is_empty() {
        return None;
    }
    breach("privileged", format!("{} must not set securityContext.privileged=true", containers(&names)))
}

fn proc_mount(pod: &Subject<'_>) -> Option<Breach> {
    if pod.own_users() { None } else { proc_mount_restricted(pod) }
}

fn proc_mount_restricted(pod: &Subject<'_>) -> Option<Breach> {
    let mut kinds = BTreeSet::new();
    let names = pod.named(|one| match text(one, "/securityContext/procMount") {
        Some(kind) if kind != "Default" => {
            kinds.insert(kind.to_owned());
            true
        }
        _ => false,
    });
    if names.is_empty() {
        return None;
    }
    breach("procMount", format!("{} must not set securityContext.procMount to {}", containers(&names), quoted(&kinds)))
}

fn se_linux(pod: &Subject<'_>) -> Option<Breach> {
    let (mut types, mut user, mut role) = (BTreeSet::new(), false, false);
    let mut bad = |holder: &Value| {
        let Some(options) = holder.pointer("/securityContext/seLinuxOptions") else { return false };
        let field = |name: &str| options.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = field("type");
        let allowed = matches!(kind, "" | "container_t" | "container_init_t" | "container_kvm_t")
            || (pod.version >= 31 && kind == "container_engine_t");
        if !allowed {
            types.insert(kind.to_owned());
        }
        user |= !field("user").is_empty();
        role |= !field("role").is_empty();
        !allowed || !field("user").is_empty() || !field("role").is_empty()
    };
    let own = bad(pod.spec);
    let names = pod.named(&mut bad);
    let setters = setters(own, &names);
    if setters.is_empty() {
        return None;
    }
    let mut told = Vec::new();
    if !types.is_empty() {
        told.push(format!("{} {}", plural("type", "types", types.len()), quoted(&types)));
    }
    if user {
        told.push("user may not be set".to_owned());
    }
    if role {
        told.push("role may not be set".to_owned());
    }
    breach("seLinuxOptions", format!("{} set forbidden securityContext.seLinuxOptions: {}", setters.join(" and "), told.join("; ")))
}

fn seccomp_annotations(pod: &Subject<'_>) -> Option<Breach> {
    let mut forbidden = BTreeSet::new();
    let mut keys = vec!["seccomp.security.alpha.kubernetes.io/pod".to_owned()];
    keys.extend(pod.named(|_| true).into_iter().map(|name| format!("container.seccomp.security.alpha.kubernetes.io/{name}")));
    for key in keys {
        let value = pod.metadata.get("annotations").and_then(|all| all.get(&key)).and_then(Value::as_str);
        let allowed = |value: &str| matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/");
        if let Some(value) = value.filter(|value| !allowed(value)) {
            forbidden.insert(format!("{key}={value:?}"));
        }
    }
    if forbidden.is_empty() {
        return None;
    }
    let forbidden: Vec<String> = forbidden.into_iter().collect();
    let what = plural("annotation", "annotations", forbidden.len());
    breach("seccompProfile", format!("forbidden {what} {}", forbidden.join(", ")))
}

fn seccomp(pod: &Subject<'_>) -> Option<Breach> {
    let mut values = BTreeSet::new();
    let mut bad = |holder: &Value| match holder.pointer("/securityContext/seccompProfile") {
        Some(profile) => {
            let kind = profile["type"].as_str().unwrap_or_default();
            let bad = !matches!(kind, "Localhost" | "RuntimeDefault");
            if bad {
                values.insert(kind.to_owned());
            }
            bad
        }
        None => false,
    };
    let own = bad(pod.spec);
    let names = pod.named(&mut bad);
    let setters = setters(own, &names);
    if setters.is_empty() {
        return None;
    }
    let told = format!("{} must not set securityContext.seccompProfile.type to {}", setters.join(" and "), quoted(&values));
    breach("seccompProfile", told)
}

fn seccomp_restricted(pod: &Subject<'_>) -> Option<Breach> {
    if pod.windows() {
        return None;
    }
    if let Some(found) = seccomp(pod) {
        return Some(found);
    }
    if pod.spec.pointer("/securityContext/seccompProfile").is_some() {
        return None;
    }
    let names = pod.named(|one| one.pointer("/securityContext/seccompProfile").is_none());
    if names.is_empty() {
        return None;
    }
    let told = "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"";
    breach("seccompProfile", format!("pod or {} {told}", containers(&names)))
}

fn sysctls(pod: &Subject<'_>) -> Option<Breach> {
    let allowed = |name: &str| SYSCTLS.iter().any(|(since, names)| *since <= pod.version && names.contains(&name));
    let all = pod.spec.pointer("/securityContext/sysctls").and_then(Value::as_array).into_iter().flatten();
    let bad: Vec<&str> = all.filter_map(|one| one["name"].as_str()).filter(|name| !allowed(name)).collect();
    if bad.is_empty() { None } else { breach("forbidden sysctls", bad.join(", ")) }
}

fn host_process(pod: &Subject<'_>) -> Option<Breach> {
    let path = "/securityContext/windowsOptions/hostProcess";
    let setters = setters(is_true(pod.spec, path), &pod.named(|one| is_true(one, path)));
    if setters.is_empty() {
        return None;
    }
    breach("hostProcess", format!("{} must not set securityContext.windowsOptions.hostProcess=true", setters.join(" and ")))
}

fn escalation(pod: &Subject<'_>) -> Option<Breach> {
    if pod.windows() {
        return None;
    }
    let names = pod.named(|one| one.pointer("/securityContext/allowPrivilegeEscalation") != Some(&Value::Bool(false)));
    if names.is_empty() {
        return None;
    }
    breach("allowPrivilegeEscalation != false", format!("{} must set securityContext.allowPrivilegeEscalation=false", containers(&names)))
}

fn non_root(pod: &Subject<'_>) -> Option<Breach> {
    if pod.own_users() {
        return None;
    }
    let path = "/securityContext/runAsNonRoot";
    let says = |holder: &Value| holder.pointer(path).and_then(Value::as_bool);
    let setters = setters(says(pod.spec) == Some(false), &pod.named(|one| says(one) == Some(false)));
    if !setters.is_empty() {
        return breach("runAsNonRoot != true", format!("{} must not set securityContext.runAsNonRoot=false", setters.join(" and ")));
    }
    if says(pod.spec) == Some(true) {
        return None;
    }
    let names = pod.named(|one| says(one).is_none());
    if names.is_empty() {
        return None;
    }
    breach("runAsNonRoot != true", format!("pod or {} must set securityContext.runAsNonRoot=true", containers(&names)))
}

fn user(pod: &Subject<'_>) -> Option<Breach> {
    if pod.own_users() {
        return None;
    }
    let root = |holder: &Value| holder.pointer("/securityContext/runAsUser").and_then(Value::as_i64) == Some(0);
    let setters = setters(root(pod.spec), &pod.named(root));
    if setters.is_empty() {
        return None;
    }
    breach("runAsUser=0", format!("{} must not set runAsUser=0", setters.join(" and ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reasons(level: Level, version: u32, spec: &Value) -> Vec<String> {
        breaches(level, version, &json!({}), spec).into_iter().map(|one| one.reason).collect()
    }

    #[test]
    fn levels_ask_for_more_and_more() {
        let plain = json!({"containers": [{"name": "a"}, {"name": "b"}]});
        assert!(reasons(Level::Baseline, LATEST, &plain).is_empty());
        let all = ["allowPrivilegeEscalation != false", "unrestricted capabilities", "runAsNonRoot != true", "seccompProfile"];
        assert_eq!(reasons(Level::Restricted, LATEST, &plain), all);
        assert_eq!(reasons(Level::Restricted, 7, &plain), ["runAsNonRoot != true"]);
        let first = &breaches(Level::Restricted, LATEST, &json!({}), &plain)[0];
        assert_eq!(first.detail, r#"containers "a", "b" must set securityContext.allowPrivilegeEscalation=false"#);
        let good = json!({
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "a", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
        });
        assert!(reasons(Level::Restricted, LATEST, &good).is_empty());
    }

    #[test]
    fn what_reaches_for_the_node_is_beyond_the_baseline() {
        let greedy = json!({
            "hostPID": true,
            "volumes": [{"name": "v", "hostPath": {"path": "/"}}],
            "containers": [{
                "name": "a", "ports": [{"containerPort": 1, "hostPort": 2}],
                "securityContext": {"privileged": true, "capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}},
            }],
        });
        let found = breaches(Level::Baseline, LATEST, &json!({}), &greedy);
        let told: Vec<String> = found.into_iter().map(|one| format!("{} ({})", one.reason, one.detail)).collect();
        assert_eq!(
            told,
            [
                r#"non-default capabilities (container "a" must not include "SYS_ADMIN" in securityContext.capabilities.add)"#,
                "host namespaces (hostPID=true)",
                r#"hostPath volumes (volume "v")"#,
                r#"hostPort (container "a" uses hostPort 2)"#,
                r#"privileged (container "a" must not set securityContext.privileged=true)"#,
            ]
        );
        assert!(reasons(Level::Privileged, LATEST, &greedy).is_empty());
    }
}
