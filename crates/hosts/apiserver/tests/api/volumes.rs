//! What PersistentVolumes and their claims must satisfy, each fault as a Kubernetes 1.36 server tells it.

use super::cases::{created, updated};

#[tokio::test]
async fn volumes() {
    created(
        "/api/v1/persistentvolumes",
        r#"{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "t-pv"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "nfs": {"server": "s", "path": "/p"}}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"accessModes": ["ReadWriteOncePod", "ReadWriteMany", "x"]}}"#, r#"[spec.accessModes: Unsupported value: "x": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod", spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes]"#),
            (r#"{"spec": {"accessModes": null, "capacity": null}}"#, r#"[spec.accessModes: Required value, spec.capacity: Required value, spec.capacity: Unsupported value: null: supported values: "storage"]"#),
            (r#"{"spec": {"capacity": {"storage": "-1", "cpu": "1"}}}"#, r#"[spec.capacity: Unsupported value: {"cpu":"1","storage":"-1"}: supported values: "storage", spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity, spec.capacity[storage]: Invalid value: "-1": must be greater than zero]"#),
            (r#"{"spec": {"persistentVolumeReclaimPolicy": "Keep", "volumeMode": "Nope", "storageClassName": "A"}}"#, r#"[spec.persistentVolumeReclaimPolicy: Unsupported value: "Keep": supported values: "Delete", "Recycle", "Retain", spec.storageClassName: Invalid value: "A": <subdomain>, spec.volumeMode: Unsupported value: "Nope": supported values: "Block", "Filesystem"]"#),
            (r#"{"spec": {"volumeAttributesClassName": ""}}"#, "[spec.volumeAttributesClassName: Required value: an empty string is disallowed, spec.csi: Required value: has to be specified when using volumeAttributesClassName]"),
            (r#"{"spec": {"nfs": null}}"#, "spec: Required value: must specify a volume type"),
            (r#"{"spec": {"csi": {"driver": "D.e", "volumeHandle": "h"}}}"#, "spec.csi: Forbidden: may not specify more than 1 volume type"),
            (r#"{"spec": {"flexVolume": {"driver": "d"}}}"#, ""),
            (r#"{"spec": {"nodeAffinity": {}}}"#, "spec.nodeAffinity.required: Required value: must specify required node constraints"),
            (r#"{"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In"}, {"key": "a b", "operator": "Lt", "values": ["1"]}, {"key": "a", "operator": "Exists", "values": ["?"]}]}]}}}}"#, r#"[spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn', spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[1].key: Invalid value: "a b": name part must consist of <key>, spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[2].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist', spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[2].values[0]: Invalid value: "?": <value>]"#),
            (r#"{"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [], "matchFields": [{"key": "x", "operator": "Lt"}, {"key": "metadata.name", "operator": "In", "values": ["A"]}]}]}}}}"#, r#"[spec.nodeAffinity.required.nodeSelectorTerms[0].matchFields[0].operator: Invalid value: "Lt": not a valid selector operator, spec.nodeAffinity.required.nodeSelectorTerms[0].matchFields[0].key: Invalid value: "x": not a valid field selector key, spec.nodeAffinity.required.nodeSelectorTerms[0].matchFields[1].values[0]: Invalid value: "A": <subdomain>]"#),
            (r#"{"metadata": {"annotations": {"volume.beta.kubernetes.io/mount-options": "x"}}}"#, ""),
            (r#"{"spec": {"nfs": null, "hostPath": {"path": "/x"}}, "metadata": {"annotations": {"volume.beta.kubernetes.io/mount-options": "x"}}}"#, "metadata.annotations.volume.beta.kubernetes.io/mount-options: Forbidden: may not specify mount options for this volume type"),
        ],
    )
    .await;
}

#[tokio::test]
async fn places_of_volumes() {
    created(
        "/api/v1/persistentvolumes",
        r#"{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "t-pv"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "nfs": {"server": "s", "path": "/p"}}}"#,
        &[
            (r#"{"spec": {"nfs": null, "hostPath": {"path": "/a/../b", "type": "Nope"}}}"#, r#"[spec.hostPath.path: Invalid value: "/a/../b": must not contain '..', spec.hostPath.type: Unsupported value: "Nope": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"]"#),
            (r#"{"spec": {"nfs": null, "hostPath": {"path": "/./"}, "persistentVolumeReclaimPolicy": "Recycle"}}"#, "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"),
            (r#"{"spec": {"nfs": null, "local": {"path": "/x"}}}"#, "spec.nodeAffinity: Required value: Local volume requires node affinity"),
            (r#"{"spec": {"nfs": null, "gcePersistentDisk": {"pdName": "", "partition": 256}}}"#, "[spec.persistentDisk.pdName: Required value, spec.persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive]"),
            (r#"{"spec": {"nfs": null, "awsElasticBlockStore": {"volumeID": "v", "partition": -1}}}"#, "spec.awsElasticBlockStore.partition: Invalid value: -1: must be between 1 and 255, inclusive"),
            (r#"{"spec": {"nfs": null, "glusterfs": {"endpoints": "", "path": "p", "endpointsNamespace": ""}}}"#, r#"[spec.glusterfs.endpoints: Required value, spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name]"#),
            (r#"{"spec": {"nfs": null, "flocker": {"datasetName": "a/b", "datasetUUID": "u"}}}"#, r#"[spec.flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously, spec.flocker.datasetName: Invalid value: "a/b": must not contain '/']"#),
            (r#"{"spec": {"nfs": null, "flocker": {}}}"#, "spec.flocker: Required value: one of datasetName and datasetUUID is required"),
            (r#"{"spec": {"nfs": {"server": "", "path": "p"}}}"#, r#"[spec.nfs.server: Required value, spec.nfs.path: Invalid value: "p": must be an absolute path]"#),
            (r#"{"spec": {"nfs": null, "rbd": {"monitors": [], "image": "i"}}}"#, "spec.rbd.monitors: Required value"),
            (r#"{"spec": {"nfs": null, "quobyte": {"registry": "a:1,b", "volume": ""}}}"#, r#"[spec.quobyte.registry: Invalid value: "a:1,b": must be a host:port pair or multiple pairs separated by commas, spec.quobyte.volume: Required value]"#),
            (r#"{"spec": {"nfs": null, "cephfs": {"monitors": []}}}"#, "spec.cephfs.monitors: Required value"),
            (r#"{"spec": {"nfs": null, "iscsi": {"targetPortal": "t", "iqn": "iqn.2001-04.com.example:a", "lun": 1}}}"#, ""),
            (r#"{"spec": {"nfs": null, "iscsi": {"targetPortal": "", "iqn": "x", "lun": 256, "chapAuthSession": true, "initiatorName": "eui.0123456789abcdef"}}}"#, r#"[spec.iscsi.targetPortal: Required value, spec.iscsi.iqn: Invalid value: "x": must be valid format, spec.iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive, spec.iscsi.secretRef: Required value]"#),
            (r#"{"spec": {"nfs": null, "iscsi": {"targetPortal": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "iqn": "naa.x", "lun": 0, "secretRef": {}, "initiatorName": "iqn.x"}}}"#, r#"[spec.iscsi.targetportal: Invalid value: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified., spec.iscsi.iqn: Invalid value: "naa.x": must be valid format, spec.iscsi.secretRef.name: Required value, spec.iscsi.initiatorname: Invalid value: "iqn.x": must be valid format]"#),
            (r#"{"spec": {"nfs": null, "cinder": {"volumeID": "", "secretRef": {"name": "a"}}}}"#, "[spec.cinder.volumeID: Required value, spec.cinder.secretRef.namespace: Required value]"),
            (r#"{"spec": {"nfs": null, "fc": {"targetWWNs": ["a"], "wwids": ["b"]}}}"#, r#"[spec.fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously, spec.fc.lun: Required value: lun is required if targetWWNs is specified]"#),
            (r#"{"spec": {"nfs": null, "fc": {"lun": 300, "targetWWNs": ["a"]}}}"#, "spec.fc.lun: Invalid value: 300: must be between 0 and 255, inclusive"),
            (r#"{"spec": {"nfs": null, "fc": {}}}"#, "spec.fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both"),
            (r#"{"spec": {"nfs": null, "flexVolume": {"driver": "", "options": {"x.k8s.io/a": "b"}}}}"#, r#"[spec.flexVolume.driver: Required value, spec.flexVolume.options[x.k8s.io/a]: Invalid value: "x.k8s.io/a": kubernetes.io and k8s.io namespaces are reserved]"#),
            (r#"{"spec": {"nfs": null, "azureFile": {"secretName": "", "shareName": "s", "secretNamespace": ""}}}"#, "[spec.azureFile.secretName: Required value, spec.azureFile.secretNamespace: Required value]"),
            (r#"{"spec": {"nfs": null, "azureDisk": {"diskName": "n", "diskURI": "x", "kind": "Managed"}}}"#, r#"spec.azureDisk.diskURI: Unsupported value: "x": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}""#),
            (r#"{"spec": {"nfs": null, "azureDisk": {"diskName": "", "diskURI": "x", "kind": "Half", "cachingMode": "All"}}}"#, r#"[spec.azureDisk.diskName: Required value, spec.azureDisk.cachingMode: Unsupported value: "All": supported values: "None", "ReadOnly", "ReadWrite", spec.azureDisk.kind: Unsupported value: "Half": supported values: "Dedicated", "Managed", "Shared", spec.azureDisk.diskURI: Unsupported value: "x": supported values: "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"]"#),
            (r#"{"spec": {"nfs": null, "vsphereVolume": {"volumePath": ""}}}"#, "spec.vsphereVolume.volumePath: Required value"),
            (r#"{"spec": {"nfs": null, "photonPersistentDisk": {"pdID": ""}}}"#, "spec.photonPersistentDisk.pdID: Required value"),
            (r#"{"spec": {"nfs": null, "portworxVolume": {"volumeID": ""}}}"#, "spec.portworxVolume.volumeID: Required value"),
            (r#"{"spec": {"nfs": null, "scaleIO": {"gateway": "", "system": "", "volumeName": "", "secretRef": {"name": "x"}}}}"#, "[spec.scaleIO.gateway: Required value, spec.scaleIO.system: Required value, spec.scaleIO.volumeName: Required value]"),
            (r#"{"spec": {"nfs": null, "storageos": {"volumeName": "A", "volumeNamespace": "B", "secretRef": {}}}}"#, r#"[spec.storageos.volumeName: Invalid value: "A": <label>, spec.storageos.volumeNamespace: Invalid value: "B": <label>, spec.storageos.secretRef.name: Required value, spec.storageos.secretRef.namespace: Required value]"#),
            (r#"{"spec": {"nfs": null, "csi": {"driver": "", "volumeHandle": ""}}}"#, "[spec.csi.driver: Required value, spec.csi.volumeHandle: Required value]"),
            (r#"{"spec": {"nfs": null, "csi": {"driver": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", "volumeHandle": "h", "nodePublishSecretRef": {"name": "A"}, "controllerExpandSecretRef": {"namespace": "A.b"}}}}"#, r#"[spec.csi.driver: Too long: may not be more than 63 bytes, spec.csi.controllerExpandSecretRef.name: Required value, spec.csi.controllerExpandSecretRef.namespace: Invalid value: "A.b": <label>, spec.csi.nodePublishSecretRef.name: Invalid value: "A": <subdomain>, spec.csi.nodePublishSecretRef.namespace: Required value]"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_volumes() {
    updated(
        "/api/v1/persistentvolumes",
        r#"{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "t-upv"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "nfs": {"server": "s", "path": "/p"}, "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "beta.kubernetes.io/os", "operator": "In", "values": ["linux"]}]}]}}}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"capacity": {"storage": "2Gi"}}}"#, ""),
            (r#"{"spec": {"nfs": {"path": "/q"}}}"#, "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n@@ -5,7 +5,7 @@\n  \"Glusterfs\": null,\n  \"NFS\": {\n   \"Server\": \"s\",\n-  \"Path\": \"/p\",\n+  \"Path\": \"/q\",\n   \"ReadOnly\": false\n  },\n  \"RBD\": null,\n"),
            (r#"{"spec": {"nfs": null, "hostPath": {"path": "/x"}}}"#, "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n@@ -1,13 +1,12 @@\n {\n  \"GCEPersistentDisk\": null,\n  \"AWSElasticBlockStore\": null,\n- \"HostPath\": null,\n+ \"HostPath\": {\n+  \"Path\": \"/x\",\n+  \"Type\": \"\"\n+ },\n  \"Glusterfs\": null,\n- \"NFS\": {\n-  \"Server\": \"s\",\n-  \"Path\": \"/p\",\n-  \"ReadOnly\": false\n- },\n+ \"NFS\": null,\n  \"RBD\": null,\n  \"Quobyte\": null,\n  \"ISCSI\": null,\n"),
            (r#"{"spec": {"volumeMode": "Block"}}"#, r#"volumeMode: Invalid value: "Block": field is immutable"#),
            (r#"{"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}]}}}}"#, ""),
            (r#"{"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}}}"#, r#"nodeAffinity: Invalid value: {"Required":{"NodeSelectorTerms":[{"MatchExpressions":[{"Key":"a","Operator":"Exists","Values":null}],"MatchFields":null}]}}: field is immutable, except for updating from beta label to GA"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn claims() {
    created(
        "/api/v1/namespaces/default/persistentvolumeclaims",
        r#"{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "t-c"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "s"}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"accessModes": null}}"#, "spec.accessModes: Required value: at least 1 access mode is required"),
            (r#"{"spec": {"resources": null}}"#, "spec.resources[storage]: Required value"),
            (r#"{"spec": {"resources": {"requests": {"storage": "0"}}}}"#, r#"spec.resources[storage]: Invalid value: "0": must be greater than zero"#),
            (r#"{"spec": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}}"#, "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"),
            (r#"{"spec": {"storageClassName": "A", "volumeMode": "Half", "volumeAttributesClassName": "B"}}"#, r#"[spec.storageClassName: Invalid value: "A": <subdomain>, spec.volumeMode: Unsupported value: "Half": supported values: "Block", "Filesystem", spec.volumeAttributesClassName: Invalid value: "B": <subdomain>]"#),
            (r#"{"spec": {"dataSource": {"kind": "Secret", "name": "x"}}}"#, ""),
            (r#"{"spec": {"dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "x"}}}"#, ""),
            (r#"{"spec": {"dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": ""}}}"#, "[spec.dataSource.name: Required value, spec.dataSourceRef.name: Required value]"),
            (r#"{"spec": {"dataSourceRef": {"kind": "K", "name": ""}}}"#, r#"[spec.dataSource.name: Required value, spec.dataSource: Invalid value: "K": must be 'PersistentVolumeClaim' when referencing the default apiGroup, spec.dataSourceRef.name: Required value, spec.dataSourceRef: Invalid value: "K": must be 'PersistentVolumeClaim' when referencing the default apiGroup]"#),
            (r#"{"spec": {"dataSourceRef": {"apiGroup": "A!", "kind": "K", "name": "n"}}}"#, r#"[spec.dataSource.apiGroup: Invalid value: "A!": <subdomain>, spec.dataSourceRef.apiGroup: Invalid value: "A!": <subdomain>]"#),
            (r#"{"spec": {"dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "x"}, "dataSourceRef": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "y"}}}"#, "spec: Invalid value: {}: must match dataSourceRef"),
        ],
    )
    .await;
}

#[tokio::test]
async fn changed_claims() {
    updated(
        "/api/v1/namespaces/default/persistentvolumeclaims",
        r#"{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "t-uc"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "s"}}"#,
        &[
            ("{}", ""),
            (r#"{"spec": {"volumeName": "v"}}"#, ""),
            (r#"{"spec": {"resources": {"requests": {"storage": "2Gi"}}}}"#, "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n@@ -6,7 +6,7 @@\n  \"Resources\": {\n   \"Limits\": null,\n   \"Requests\": {\n-   \"storage\": \"1Gi\"\n+   \"storage\": \"2Gi\"\n   }\n  },\n  \"VolumeName\": \"\",\n"),
            (r#"{"spec": {"resources": {"requests": {"storage": "1Mi"}}}}"#, "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n@@ -6,7 +6,7 @@\n  \"Resources\": {\n   \"Limits\": null,\n   \"Requests\": {\n-   \"storage\": \"1Gi\"\n+   \"storage\": \"1Mi\"\n   }\n  },\n  \"VolumeName\": \"\",\n"),
            (r#"{"spec": {"volumeMode": "Block"}}"#, "[spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n@@ -11,7 +11,7 @@\n  },\n  \"VolumeName\": \"\",\n  \"StorageClassName\": \"s\",\n- \"VolumeMode\": \"Filesystem\",\n+ \"VolumeMode\": \"Block\",\n  \"DataSource\": null,\n  \"DataSourceRef\": null,\n  \"VolumeAttributesClassName\": null\n, volumeMode: Invalid value: \"Block\": field is immutable]"),
            (r#"{"spec": {"storageClassName": "t"}}"#, "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n@@ -10,7 +10,7 @@\n   }\n  },\n  \"VolumeName\": \"\",\n- \"StorageClassName\": \"s\",\n+ \"StorageClassName\": \"t\",\n  \"VolumeMode\": \"Filesystem\",\n  \"DataSource\": null,\n  \"DataSourceRef\": null,\n"),
            (r#"{"metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": "x"}}}"#, r#"metadata.annotations.volume.beta.kubernetes.io/storage-class: Invalid value: "x": field is immutable"#),
        ],
    )
    .await;
}
