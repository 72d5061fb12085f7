//! Specs of volumes and claims as Kubernetes keeps them inside, which is how some of its errors show them: fields by Go's names, in the
//! order of the inner structs, and what changed as a unified diff. Follows kubernetes `pkg/apis/core/types.go` and apimachinery
//! `pkg/util/diff/diff.go`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::difference;
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
    difference::unified(&indented(&shown(form, old)), &indented(&shown(form, new)))
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
}
