//! Specs of volumes and claims as Kubernetes keeps them inside, which is how some of its errors show them: fields by Go's names, in the
//! order of the inner structs, and what changed as a unified diff. Follows kubernetes `pkg/apis/core/types.go` and apimachinery
//! `pkg/util/diff/diff.go`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::typed::{self, Type};

/// The inner structs, one a line: the name, then the fields; `Go=json` where the names are different words.
const FORMS: &str = "\
PersistentVolumeSpec Capacity GCEPersistentDisk AWSElasticBlockStore HostPath Glusterfs NFS RBD Quobyte ISCSI FlexVolume Cinder CephFS FC Flocker AzureFile VsphereVolume AzureDisk PhotonPersistentDisk PortworxVolume ScaleIO Local StorageOS CSI AccessModes ClaimRef PersistentVolumeReclaimPolicy StorageClassName MountOptions VolumeMode NodeAffinity VolumeAttributesClassName
PersistentVolumeSource GCEPersistentDisk AWSElasticBlockStore HostPath Glusterfs NFS RBD Quobyte ISCSI FlexVolume Cinder CephFS FC Flocker AzureFile VsphereVolume AzureDisk PhotonPersistentDisk PortworxVolume ScaleIO Local StorageOS CSI
PersistentVolumeClaimSpec AccessModes Selector Resources VolumeName StorageClassName VolumeMode DataSource DataSourceRef VolumeAttributesClassName
GCEPersistentDiskVolumeSource PDName FSType Partition ReadOnly
AWSElasticBlockStoreVolumeSource VolumeID FSType Partition ReadOnly
HostPathVolumeSource Path Type
GlusterfsPersistentVolumeSource EndpointsName=endpoints Path ReadOnly EndpointsNamespace
NFSVolumeSource Server Path ReadOnly
RBDPersistentVolumeSource CephMonitors=monitors RBDImage=image FSType RBDPool=pool RadosUser=user Keyring SecretRef ReadOnly
QuobyteVolumeSource Registry Volume ReadOnly User Group Tenant
ISCSIPersistentVolumeSource TargetPortal IQN Lun ISCSIInterface FSType ReadOnly Portals DiscoveryCHAPAuth=chapAuthDiscovery SessionCHAPAuth=chapAuthSession SecretRef InitiatorName
FlexPersistentVolumeSource Driver FSType SecretRef ReadOnly Options
CinderPersistentVolumeSource VolumeID FSType ReadOnly SecretRef
CephFSPersistentVolumeSource Monitors Path User SecretFile SecretRef ReadOnly
FCVolumeSource TargetWWNs Lun FSType ReadOnly WWIDs
FlockerVolumeSource DatasetName DatasetUUID
AzureFilePersistentVolumeSource SecretName ShareName ReadOnly SecretNamespace
VsphereVirtualDiskVolumeSource VolumePath FSType StoragePolicyName StoragePolicyID
AzureDiskVolumeSource DiskName DataDiskURI=diskURI CachingMode FSType ReadOnly Kind
PhotonPersistentDiskVolumeSource PdID FSType
PortworxVolumeSource VolumeID FSType ReadOnly
ScaleIOPersistentVolumeSource Gateway System SecretRef SSLEnabled ProtectionDomain StoragePool StorageMode VolumeName FSType ReadOnly
LocalVolumeSource Path FSType
StorageOSPersistentVolumeSource VolumeName VolumeNamespace FSType ReadOnly SecretRef
CSIPersistentVolumeSource Driver VolumeHandle ReadOnly FSType VolumeAttributes ControllerPublishSecretRef NodeStageSecretRef NodePublishSecretRef ControllerExpandSecretRef NodeExpandSecretRef
ObjectReference Kind Namespace Name UID APIVersion ResourceVersion FieldPath
VolumeNodeAffinity Required
NodeSelector NodeSelectorTerms
NodeSelectorTerm MatchExpressions MatchFields
NodeSelectorRequirement Key Operator Values
VolumeResourceRequirements Limits Requests
TypedLocalObjectReference APIGroup Kind Name
TypedObjectReference APIGroup Kind Name Namespace
SecretReference Name Namespace
LocalObjectReference Name
VolumeAttachmentSpec Attacher Source NodeName
VolumeAttachmentSource PersistentVolumeName InlineVolumeSpec
CSINodeDriver Name NodeID TopologyKeys Allocatable
VolumeNodeResources Count
CertificateSigningRequestCondition Type Status Reason Message LastUpdateTime LastTransitionTime
HorizontalPodAutoscalerBehavior ScaleUp ScaleDown
HPAScalingRules StabilizationWindowSeconds SelectPolicy Policies Tolerance
HPAScalingPolicy Type Value PeriodSeconds
PodDisruptionBudgetSpec MinAvailable Selector MaxUnavailable UnhealthyPodEvictionPolicy
Toleration Key Operator Value Effect TolerationSeconds
Taint Key Value Effect TimeAdded
NodeConfigSource ConfigMap
ConfigMapNodeConfigSource Namespace Name UID ResourceVersion KubeletConfigKey";

static BY_NAME: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let parts = FORMS.lines().map(|line| line.split(' '));
    parts.filter_map(|mut words| Some((words.next()?, words.collect()))).collect()
});

/// Returns a value as JSON of the inner struct.
pub(crate) fn shown(form: &Type, value: &Value) -> String {
    match (form.base(), value) {
        (Type::Struct(name), Value::Object(_)) => match BY_NAME.get(name.rsplit('.').next().unwrap_or_default()) {
            Some(fields) => {
                let fields: Vec<String> = fields.iter().map(|field| member(name, field, value)).collect();
                format!("{{{}}}", fields.join(","))
            }
            None => typed::in_go_order(form, value),
        },
        (Type::List(inner), Value::Array(list)) if !list.is_empty() => {
            let items: Vec<String> = list.iter().map(|one| shown(inner, one)).collect();
            format!("[{}]", items.join(","))
        }
        // Quantities and maps of them are written alike everywhere.
        _ => typed::in_go_order(form, value),
    }
}

fn member(form: &str, field: &str, value: &Value) -> String {
    let (go, json) = field.split_once('=').unwrap_or((field, field));
    let known = typed::by_name(form).and_then(|form| form.members().iter().find(|one| one.name.eq_ignore_ascii_case(json)));
    let Some(known) = known else { return format!("{go:?}:null") };
    let inner = match value.get(known.name) {
        Some(here) => shown(&known.form, here),
        None => shown(&known.form, &typed::zero(&known.form)),
    };
    format!("{go:?}:{inner}")
}

/// Returns what changed between two values as Kubernetes shows it: a unified diff of their inner structs, with three lines around.
pub(crate) fn diff(form: &Type, old: &Value, new: &Value) -> String {
    let (old, new) = (indented(&shown(form, old)), indented(&shown(form, new)));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    unified(&old, &new)
}

/// Writes JSON text over several lines, one space deeper each time, as `json.MarshalIndent` does.
fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut rest = text.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&" ".repeat(depth));
    };
    while let Some(one) = rest.next() {
        if quoted {
            out.push(one);
            (quoted, escaped) = (escaped || one != '"', !escaped && one == '\\');
            continue;
        }
        match one {
            '{' | '[' if rest.peek().is_some_and(|next| matches!(next, '}' | ']')) => {
                out.push(one);
                out.extend(rest.next());
            }
            '{' | '[' => {
                depth += 1;
                out.push(one);
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(one);
            }
            ',' => {
                out.push(one);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                quoted = one == '"';
                out.push(one);
            }
        }
    }
    out
}

/// A stretch of lines that both have, or that stand on one side each: places in the old and the new text.
struct Stretch {
    same: bool,
    old: std::ops::Range<usize>,
    new: std::ops::Range<usize>,
}

fn unified(old: &[&str], new: &[&str]) -> String {
    const AROUND: usize = 3;
    let mut blocks = Vec::new();
    matching(old, new, 0..old.len(), 0..new.len(), &mut blocks);
    let mut out = String::new();
    for group in grouped(stretches(&blocks, old.len(), new.len()), AROUND) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let (left, right) = (range(first.old.start, last.old.end), range(first.new.start, last.new.end));
        out.push_str(&format!("@@ -{left} +{right} @@\n"));
        for stretch in &group {
            let mut put = |mark: char, lines: &[&str]| lines.iter().for_each(|line| out.push_str(&format!("{mark}{line}\n")));
            if stretch.same {
                put(' ', &old[stretch.old.clone()]);
            } else {
                put('-', &old[stretch.old.clone()]);
                put('+', &new[stretch.new.clone()]);
            }
        }
    }
    out
}

fn range(from: usize, to: usize) -> String {
    match to - from {
        1 => format!("{}", from + 1),
        0 => format!("{from},0"),
        length => format!("{},{length}", from + 1),
    }
}

/// Finds the longest run of lines that both have, then those before and after it. Follows go-difflib `difflib/difflib.go`
/// (`findLongestMatch`); of runs of the same length the first in the old text counts, then the first in the new.
fn matching(
    old: &[&str],
    new: &[&str],
    left: std::ops::Range<usize>,
    right: std::ops::Range<usize>,
    blocks: &mut Vec<(usize, usize, usize)>,
) {
    let Some((at, there, length)) = longest(old, new, &left, &right) else { return };
    matching(old, new, left.start..at, right.start..there, blocks);
    blocks.push((at, there, length));
    matching(old, new, at + length..left.end, there + length..right.end, blocks);
}

fn longest(old: &[&str], new: &[&str], left: &std::ops::Range<usize>, right: &std::ops::Range<usize>) -> Option<(usize, usize, usize)> {
    // From this many lines on, go-difflib takes no line as a beginning that is more than one in a hundred.
    let popular = |line: &str| new.len() >= 200 && new.iter().filter(|one| **one == line).count() > new.len() / 100 + 1;
    let mut best: Option<(usize, usize, usize)> = None;
    let mut before: HashMap<usize, usize> = HashMap::new();
    for at in left.clone() {
        let mut now = HashMap::new();
        for there in right.clone().filter(|there| old[at] == new[*there] && !popular(old[at])) {
            let length = there.checked_sub(1).and_then(|there| before.get(&there)).copied().unwrap_or(0) + 1;
            now.insert(there, length);
            if best.is_none_or(|(_, _, most)| length > most) {
                best = Some((at + 1 - length, there + 1 - length, length));
            }
        }
        before = now;
    }
    let (mut at, mut there, mut length) = best?;
    while at > left.start && there > right.start && old[at - 1] == new[there - 1] {
        (at, there, length) = (at - 1, there - 1, length + 1);
    }
    while at + length < left.end && there + length < right.end && old[at + length] == new[there + length] {
        length += 1;
    }
    Some((at, there, length))
}

fn stretches(blocks: &[(usize, usize, usize)], old: usize, new: usize) -> Vec<Stretch> {
    let (mut at, mut there) = (0, 0);
    let mut found: Vec<Stretch> = Vec::new();
    for (left, right, length) in blocks.iter().copied().chain([(old, new, 0)]) {
        if at < left || there < right {
            found.push(Stretch { same: false, old: at..left, new: there..right });
        }
        match found.last_mut() {
            Some(last) if last.same && length > 0 => {
                (last.old.end, last.new.end) = (left + length, right + length);
            }
            _ if length > 0 => found.push(Stretch { same: true, old: left..left + length, new: right..right + length }),
            _ => {}
        }
        (at, there) = (left + length, right + length);
    }
    found
}

/// Cuts long stretches that both have, so that so many lines stand around each change.
fn grouped(stretches: Vec<Stretch>, around: usize) -> Vec<Vec<Stretch>> {
    let count = stretches.len();
    let mut groups = Vec::new();
    let mut group: Vec<Stretch> = Vec::new();
    for (index, mut one) in stretches.into_iter().enumerate() {
        if !one.same {
            group.push(one);
            continue;
        }
        let length = one.old.len();
        if index == 0 {
            let skip = length.saturating_sub(around);
            (one.old.start, one.new.start) = (one.old.start + skip, one.new.start + skip);
        } else if index + 1 == count {
            let skip = length.saturating_sub(around);
            (one.old.end, one.new.end) = (one.old.end - skip, one.new.end - skip);
        } else if length > around * 2 {
            let head = Stretch { same: true, old: one.old.start..one.old.start + around, new: one.new.start..one.new.start + around };
            group.push(head);
            groups.push(std::mem::take(&mut group));
            (one.old.start, one.new.start) = (one.old.end - around, one.new.end - around);
        }
        group.push(one);
    }
    if group.iter().any(|one| !one.same) {
        groups.push(group);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_told_as_the_real_server_tells_it() {
        let form = Type::Struct("core.v1.PersistentVolumeClaimSpec");
        let old = json!({"accessModes": ["ReadWriteOnce"], "selector": {"matchLabels": {"a": "b"}}, "volumeName": "v",
            "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "s", "volumeMode": "Block"});
        let mut new = old.clone();
        new["storageClassName"] = Value::Null;
        let wanted = "@@ -14,7 +14,7 @@\n   }\n  },\n  \"VolumeName\": \"v\",\n- \"StorageClassName\": \"s\",\n+ \"StorageClassName\": null,\n  \"VolumeMode\": \"Block\",\n  \"DataSource\": null,\n  \"DataSourceRef\": null,\n";
        assert_eq!(diff(&form, &old, &new), wanted);
    }

    #[test]
    fn changes_far_apart_are_told_apart() {
        let old: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let mut new = old.clone();
        new[2] = "x";
        new.remove(15);
        let wanted = "@@ -1,6 +1,6 @@\n 0\n 1\n-2\n+x\n 3\n 4\n 5\n@@ -13,7 +13,6 @@\n 12\n 13\n 14\n-15\n 16\n 17\n 18\n";
        assert_eq!(unified(&old, &new), wanted);
        assert_eq!(unified(&old, &old), "");
    }
}
