//! The volumes of a Pod: their names, and that each has one source.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `ValidateVolumes`, `validateVolumeSource`.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::super::faults::{Faults, list, set, text};
use super::{projected, required_name, sources};
use crate::names::{self, Rule};
use crate::object;

/// The volumes that are right, by name.
pub(super) type Volumes<'a> = HashMap<&'a str, &'a Value>;

/// A check of one source: its value, its path, whether it stands in a Pod.
type Check = fn(&Value, &str, bool, &mut Faults);

/// The sources in the order in which they are looked for: the field, its name when it is one too many, its name when it is checked.
const SOURCES: &[(&str, &str, &str, Check)] = &[
    ("emptyDir", "emptyDir", "emptyDir", sources::empty_dir),
    ("hostPath", "hostPath", "hostPath", sources::host_path),
    ("gitRepo", "gitRepo", "gitRepo", sources::git_repo),
    ("gcePersistentDisk", "gcePersistentDisk", "persistentDisk", sources::gce),
    ("awsElasticBlockStore", "awsElasticBlockStore", "awsElasticBlockStore", sources::aws),
    ("secret", "secret", "secret", projected::secret),
    ("nfs", "nfs", "nfs", sources::nfs),
    ("iscsi", "iscsi", "iscsi", sources::iscsi),
    ("glusterfs", "glusterfs", "glusterfs", sources::glusterfs),
    ("flocker", "flocker", "flocker", sources::flocker),
    ("persistentVolumeClaim", "persistentVolumeClaim", "persistentVolumeClaim", sources::claim),
    ("rbd", "rbd", "rbd", sources::rbd),
    ("cinder", "cinder", "cinder", sources::cinder),
    ("cephfs", "cephFS", "cephfs", sources::ceph),
    ("quobyte", "quobyte", "quobyte", sources::quobyte),
    ("downwardAPI", "downwarAPI", "downwardAPI", projected::downward_api),
    ("fc", "fc", "fc", sources::fibre_channel),
    ("flexVolume", "flexVolume", "flexVolume", sources::flex),
    ("configMap", "configMap", "configMap", projected::config_map),
    ("azureFile", "azureFile", "azureFile", sources::azure_file),
    ("vsphereVolume", "vsphereVolume", "vsphereVolume", sources::vsphere),
    ("photonPersistentDisk", "photonPersistentDisk", "photonPersistentDisk", sources::photon),
    ("portworxVolume", "portworxVolume", "portworxVolume", sources::portworx),
    ("azureDisk", "azureDisk", "azureDisk", sources::azure_disk),
    ("storageos", "storageos", "storageos", sources::storageos),
    ("projected", "projected", "projected", projected::projected),
    ("scaleIO", "scaleIO", "scaleIO", sources::scale_io),
    ("csi", "csi", "csi", sources::csi),
    ("ephemeral", "ephemeral", "ephemeral", sources::ephemeral),
    ("image", "image", "image", sources::image),
];

/// Checks the volumes of a spec; those that are right are returned.
pub(super) fn check<'a>(spec: &'a Value, metadata: Option<&Value>, path: &str, faults: &mut Faults) -> Volumes<'a> {
    let mut right = Volumes::new();
    let pod = metadata.map_or("", |metadata| text(metadata, "name"));
    let volumes = list(spec, "volumes");
    let made: BTreeSet<String> = volumes
        .iter()
        .filter(|volume| !pod.is_empty() && set(volume, "ephemeral").is_some())
        .map(|volume| format!("{pod}-{}", text(volume, "name")))
        .collect();
    for (index, volume) in volumes.iter().enumerate() {
        let (here, name, before) = (format!("{path}.volumes[{index}]"), text(volume, "name"), faults.0.len());
        source(volume, pod, metadata.is_some(), &here, faults);
        required_name(volume, "name", Rule::Label, &here, faults);
        if right.contains_key(name) {
            faults.duplicate(&format!("{here}.name"), &json!(name));
        }
        if faults.0.len() == before {
            right.insert(name, volume);
        }
        if let Some(claim) =
            object::at(volume, &["persistentVolumeClaim", "claimName"]).and_then(Value::as_str).filter(|claim| made.contains(*claim))
        {
            let why = "must not reference a PVC that gets created for an ephemeral volume";
            faults.invalid(&format!("{here}.persistentVolumeClaim.claimName"), &json!(claim), why);
        }
    }
    right
}

fn source(volume: &Value, pod: &str, in_pod: bool, path: &str, faults: &mut Faults) {
    let mut count = 0;
    for (field, one_too_many, checked, check) in SOURCES {
        let Some(source) = set(volume, field) else { continue };
        count += 1;
        if count > 1 {
            faults.forbidden(&format!("{path}.{one_too_many}"), "may not specify more than 1 volume type");
        } else {
            check(source, &format!("{path}.{checked}"), in_pod, faults);
            if *field == "ephemeral" {
                claim_name(volume, pod, path, faults);
            }
        }
        if *field == "iscsi" {
            initiator(source, text(volume, "name"), path, faults);
        }
    }
    if count == 0 {
        faults.required(path, "must specify a volume type");
    }
}

/// The claim that is made for a volume is called by the Pod and the volume.
fn claim_name(volume: &Value, pod: &str, path: &str, faults: &mut Faults) {
    let name = text(volume, "name");
    if pod.is_empty() || name.is_empty() {
        return;
    }
    let claim = format!("{pod}-{name}");
    for why in names::faults(Rule::Subdomain, &claim) {
        faults.invalid(&format!("{path}.name"), &json!(name), &format!("PVC name {claim:?}: {why}"));
    }
}

fn initiator(iscsi: &Value, name: &str, path: &str, faults: &mut Faults) {
    const MOST: usize = 64;
    if set(iscsi, "initiatorName").is_some() && name.len() + 1 + text(iscsi, "targetPortal").len() > MOST {
        let why = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
        faults.invalid(&format!("{path}.name"), &json!(name), why);
    }
}
