//! Objects as the server keeps them inside, where some errors show them: every field is there, by Go's name for it, and of a Pod's
//! spec some fields lie elsewhere. Follows kubernetes `pkg/apis/core/types.go`; the other kinds shown so have the fields of
//! their versions.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::table::{Struct, Type};
use super::write::zero;
use super::{by_name, in_go_order};

/// The fields of a Pod's spec in their order inside.
const POD: &[&str] = &[
    "volumes",
    "initContainers",
    "containers",
    "ephemeralContainers",
    "restartPolicy",
    "terminationGracePeriodSeconds",
    "activeDeadlineSeconds",
    "dnsPolicy",
    "nodeSelector",
    "serviceAccountName",
    "automountServiceAccountToken",
    "nodeName",
    "securityContext",
    "imagePullSecrets",
    "hostname",
    "subdomain",
    "setHostnameAsFQDN",
    "affinity",
    "schedulerName",
    "tolerations",
    "hostAliases",
    "priorityClassName",
    "priority",
    "preemptionPolicy",
    "dnsConfig",
    "readinessGates",
    "runtimeClassName",
    "overhead",
    "enableServiceLinks",
    "topologySpreadConstraints",
    "os",
    "schedulingGates",
    "resourceClaims",
    "resources",
    "hostnameOverride",
    "schedulingGroup",
];
/// What lies in the security context inside, but beside it outside.
const MOVED: &[&str] = &["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"];
/// The rest of the security context in its order inside.
const CONTEXT: &[&str] = &[
    "seLinuxOptions",
    "windowsOptions",
    "runAsUser",
    "runAsGroup",
    "runAsNonRoot",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "seccompProfile",
    "appArmorProfile",
    "seLinuxChangePolicy",
];
/// Names that are not the outer ones with a capital.
const NAMES: &[(&str, &str)] = &[
    ("dnsPolicy", "DNSPolicy"),
    ("dnsConfig", "DNSConfig"),
    ("os", "OS"),
    ("gcePersistentDisk", "GCEPersistentDisk"),
    ("awsElasticBlockStore", "AWSElasticBlockStore"),
    ("nfs", "NFS"),
    ("iscsi", "ISCSI"),
    ("rbd", "RBD"),
    ("cephfs", "CephFS"),
    ("fc", "FC"),
    ("storageos", "StorageOS"),
    ("csi", "CSI"),
    ("tty", "TTY"),
    ("seLinuxOptions", "SELinuxOptions"),
    ("seLinuxChangePolicy", "SELinuxChangePolicy"),
    ("fsGroup", "FSGroup"),
    ("fsGroupChangePolicy", "FSGroupChangePolicy"),
    ("ip", "IP"),
    ("httpGet", "HTTPGet"),
    ("httpHeaders", "HTTPHeaders"),
    ("tcpSocket", "TCPSocket"),
    ("grpc", "GRPC"),
    ("gmsaCredentialSpecName", "GMSACredentialSpecName"),
    ("gmsaCredentialSpec", "GMSACredentialSpec"),
    ("pdName", "PDName"),
    ("fsType", "FSType"),
    ("iqn", "IQN"),
    ("iscsiInterface", "ISCSIInterface"),
    ("chapAuthDiscovery", "DiscoveryCHAPAuth"),
    ("chapAuthSession", "SessionCHAPAuth"),
    ("wwids", "WWIDs"),
    ("diskURI", "DataDiskURI"),
    ("sslEnabled", "SSLEnabled"),
    ("apiVersion", "APIVersion"),
    ("apiGroup", "APIGroup"),
];
/// Names that are others in one struct.
const NAMES_OF: &[(&str, &str, &str)] = &[
    ("core.v1.GlusterfsVolumeSource", "endpoints", "EndpointsName"),
    ("core.v1.RBDVolumeSource", "monitors", "CephMonitors"),
    ("core.v1.RBDVolumeSource", "image", "RBDImage"),
    ("core.v1.RBDVolumeSource", "pool", "RBDPool"),
    ("core.v1.RBDVolumeSource", "user", "RadosUser"),
];

/// Returns a value as the JSON text of the struct inside.
pub(crate) fn in_gos_names(form: &Type, value: &Value) -> String {
    let mut writer = Writer { out: String::new(), lines: false };
    writer.put(form, value, 0);
    writer.out
}

/// Returns a value as the JSON text of the struct inside, a line for each field.
pub(crate) fn in_lines(form: &Type, value: &Value) -> String {
    let mut writer = Writer { out: String::new(), lines: true };
    writer.put(form, value, 0);
    writer.out
}

/// A field as it is written: its name, what it is, its value.
type Written<'a> = (Cow<'a, str>, &'a Type, Cow<'a, Value>);

struct Writer {
    out: String,
    lines: bool,
}

impl Writer {
    fn put(&mut self, form: &Type, value: &Value, depth: usize) {
        match (form.base(), value) {
            (Type::Struct(name), Value::Object(map)) if by_name(name).is_some() => {
                let fields = fields(name, map);
                self.block(('{', '}'), fields, depth, |writer, (name, form, value), depth| {
                    writer.key(&name);
                    writer.put(form, &value, depth);
                });
            }
            (Type::List(inner), Value::Array(list)) => {
                self.block(('[', ']'), list.iter().collect(), depth, |writer, one, depth| writer.put(inner, one, depth));
            }
            (Type::Map(inner), Value::Object(map)) => {
                self.block(('{', '}'), map.iter().collect(), depth, |writer, (name, one), depth| {
                    writer.key(name);
                    writer.put(inner, one, depth);
                });
            }
            (form, value) => self.out.push_str(&in_go_order(form, value)),
        }
    }

    fn key(&mut self, name: &str) {
        self.out.push_str(&in_go_order(&Type::Text, &json!(name)));
        self.out.push_str(if self.lines { ": " } else { ":" });
    }

    fn block<T>(&mut self, (open, close): (char, char), items: Vec<T>, depth: usize, write: impl Fn(&mut Self, T, usize)) {
        self.out.push(open);
        let filled = !items.is_empty();
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            write(self, item, depth + 1);
        }
        if filled {
            self.line(depth);
        }
        self.out.push(close);
    }

    fn line(&mut self, depth: usize) {
        if self.lines {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', depth));
        }
    }
}

fn fields<'a>(name: &'a str, map: &'a Map<String, Value>) -> Vec<Written<'a>> {
    let Some(form) = by_name(name) else { return Vec::new() };
    // What belongs to the machinery is the same inside.
    if name.starts_with("meta.v1.") {
        let there =
            form.members().iter().filter_map(|field| Some((Cow::Borrowed(field.name), &field.form, Cow::Borrowed(map.get(field.name)?))));
        return there.collect();
    }
    match name {
        "core.v1.PodSpec" => pod(form, map),
        "core.v1.PodSecurityContext" => context(form, map),
        // The metadata are inlined.
        "core.v1.PodTemplateSpec" | "core.v1.PersistentVolumeClaimTemplate" => {
            let metadata = map.get("metadata").and_then(Value::as_object).map(|metadata| fields("meta.v1.ObjectMeta", metadata));
            metadata.into_iter().flatten().chain(named(form, &["spec"], map)).collect()
        }
        _ => {
            let mut names: Vec<&str> = form.members().iter().map(|field| field.name).collect();
            if name == "core.v1.Volume"
                && let Some(from) = names.iter().position(|name| *name == "quobyte")
                && let Some(to) = names.iter().position(|name| *name == "flexVolume")
            {
                names[to..=from].rotate_right(1);
            }
            named(form, &names, map)
        }
    }
}

fn named<'a>(form: &'static Struct, names: &[&'a str], map: &'a Map<String, Value>) -> Vec<Written<'a>> {
    let written = names.iter().filter_map(|name| {
        let field = form.field(name)?;
        let value = map.get(*name).map_or_else(|| Cow::Owned(zero(&field.form)), Cow::Borrowed);
        Some((Cow::Owned(go_name(form.name, name)), &field.form, value))
    });
    written.collect()
}

/// A Pod's spec always has a security context inside.
fn pod<'a>(form: &'static Struct, map: &'a Map<String, Value>) -> Vec<Written<'a>> {
    let mut fields = named(form, POD, map);
    let mut merged = map.get("securityContext").and_then(Value::as_object).cloned().unwrap_or_default();
    for name in MOVED {
        if let Some(value) = map.get(*name) {
            merged.insert((*name).to_owned(), value.clone());
        }
    }
    if let Some((_, _, value)) = fields.iter_mut().find(|(name, _, _)| name == "SecurityContext") {
        *value = Cow::Owned(Value::Object(merged));
    }
    fields
}

fn context<'a>(form: &'static Struct, map: &'a Map<String, Value>) -> Vec<Written<'a>> {
    let moved = by_name("core.v1.PodSpec").map(|spec| named(spec, MOVED, map));
    moved.into_iter().flatten().chain(named(form, CONTEXT, map)).collect()
}

fn go_name(form: &str, name: &str) -> String {
    let own = NAMES_OF.iter().find(|(of, from, _)| *of == form && *from == name).map(|(_, _, to)| *to);
    if let Some(other) = own.or_else(|| NAMES.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)) {
        return other.to_owned();
    }
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_structs_have_every_field_by_gos_name() {
        let policy = json!({"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [1, 2]}}]});
        assert_eq!(
            in_gos_names(&Type::Struct("batch.v1.PodFailurePolicy"), &policy),
            r#"{"Rules":[{"Action":"Ignore","OnExitCodes":{"ContainerName":null,"Operator":"In","Values":[1,2]},"OnPodConditions":null}]}"#
        );
    }

    #[test]
    fn a_pods_spec_has_its_fields_where_they_lie_inside() {
        let spec = json!({"containers": [], "hostNetwork": true, "dnsPolicy": "None", "securityContext": {"fsGroup": 1}});
        let text = in_gos_names(&Type::Struct("core.v1.PodSpec"), &spec);
        let context = r#""SecurityContext":{"HostNetwork":true,"HostPID":false,"HostIPC":false,"ShareProcessNamespace":null,"HostUsers":null,"SELinuxOptions":null,"#;
        assert!(text.starts_with(r#"{"Volumes":null,"InitContainers":null,"Containers":[],"#) && text.contains(context), "{text}");
        assert!(text.contains(r#""DNSPolicy":"None""#) && text.contains(r#""FSGroup":1"#) && !text.contains("hostNetwork"), "{text}");
    }

    #[test]
    fn lines_are_gos() {
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"accessModes": []}});
        let text = in_lines(&Type::Struct("core.v1.PersistentVolumeClaimTemplate"), &template);
        assert!(
            text.starts_with("{\n \"labels\": {\n  \"a\": \"b\"\n },\n \"Spec\": {\n  \"AccessModes\": [],\n  \"Selector\": null,"),
            "{text}"
        );
    }
}
